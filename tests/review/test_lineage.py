"""Where a version came from."""

import reviews

from runner.review.page import lineage, workflow_link


def test_it_names_what_identifies_a_run(folder, read):
    """And leaves out what is not known."""
    reviews.trained(folder, reviews.evaluation(2.0))
    reviews.write(folder / "source.json", reviews.source() | {"evidence": "s3://b/e"})
    facts = {one.name: one.value for one in lineage(read())}

    assert facts == {
        "commit": f"{'c0ffee' * 6} Try deeper trees",
        "branch": "deeper",
        "run": "20261123053633-a1b2c3",
        "package": "arn:aws:p/toy/2",
        "approval": "PendingManualApproval",
        "fingerprint": "f" * 64,
        "training job": "toy-job",
        "evidence": "s3://b/e",
    }


def test_a_training_job_is_known_before_its_package(folder, read):
    """From the evaluation, when a gate ended the run."""
    cells = reviews.shown(reviews.evaluation(3.0))
    reviews.leave(folder, "train-register", status="failed", cells=cells, error="x")

    assert ("training job", "toy-job") in [(f.name, f.value) for f in lineage(read())]


def test_a_workflow_that_is_no_id_has_no_link(folder, read):
    """Only what CircleCI would write can be followed."""
    reviews.write(folder / "source.json", reviews.source() | {"workflow": "../../evil"})

    assert workflow_link(read()) == ""
