"""Can it be approved, and why: the first thing on the page."""

import pytest
import reviews

from runner.review.verdict import headline

BETTER = reviews.evaluation(2.0, live=2.2)
WORSE = reviews.evaluation(2.2, live=2.19)
FAILED = reviews.evaluation(2.6, live=2.2)


def test_a_first_version_can_be_approved(folder, read):
    """It kept its bounds, and there is nothing to compare it with."""
    reviews.trained(folder, reviews.evaluation(2.0))
    said = headline(read())

    assert (said.tone, said.title, said.open) == ("good", "Can be approved", True)
    assert said.because == (
        "Every gate passed that could be judged. This is the first version. "
        "Nothing was live before this run."
    )


def test_what_cannot_be_known_is_not_called_a_first_version(folder, read):
    """AWS may have refused to say what was live."""
    reviews.trained(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"reason": "AWS: AccessDenied"})

    said = headline(read()).because
    assert "What was live could not be read: AWS: AccessDenied." in said
    assert "first" not in said


def test_a_better_version_says_by_how_much(folder, read):
    """In the metric that has a gate."""
    reviews.trained(folder, BETTER)
    said = headline(read())

    assert (said.tone, said.title) == ("good", "Can be approved")
    assert "better than live version 1 (rmse 2 against 2.2)" in said.because


def test_a_worse_version_within_its_bounds_asks_to_look_twice(folder, read):
    """A gate may allow what a person would not."""
    reviews.trained(folder, WORSE)
    said = headline(read())

    assert (said.tone, said.title) == ("mind", "Can be approved, but look twice")
    assert "worse than live version 1" in said.because


def test_the_same_model_again_is_as_good(folder, read):
    """Nobody has to look twice at what is live already."""
    reviews.trained(folder, reviews.evaluation(2.2, live=2.2))

    assert "It is as good as live version 1" in headline(read()).because


def test_a_live_model_that_cannot_be_scored_is_said(folder, read):
    """Instead of a comparison."""
    reviews.trained(folder, reviews.evaluation(2.0, reason="its archive is lost"))

    assert "could not be compared with the live model: its archive is lost" in (
        headline(read()).because
    )


def test_a_failed_gate_cannot_be_approved(folder, read):
    """The page says which bound, and what stays live."""
    cells = reviews.shown(FAILED)
    parameters = {"gates": reviews.GATES}
    ended = {"status": "failed", "cells": cells, "parameters": parameters}
    reviews.leave(folder, "prepare", results={})
    reviews.leave(folder, "train-register", error="AssertionError", **ended)
    said = headline(read())

    assert (said.tone, said.open) == ("bad", False)
    assert said.title == "Cannot be approved: a gate failed"
    assert "rmse 2.6 is above 2.5" in said.because
    assert "more than 5 % worse than the live model's 2.2" in said.because
    assert said.because.endswith("No version was registered. Version 1 stays live.")
    assert said.failed_stage == "train-register"
    assert said.error == ""


@pytest.mark.parametrize("stage", ["prepare", "train-register"])
def test_a_failed_notebook_cannot_be_approved(folder, read, stage):
    """The page shows its error, and leads to the cell."""
    reviews.leave(folder, stage, status="failed", error="KeyError: 'sex'")
    said = headline(read())

    assert said.title == f"Cannot be approved: {stage} failed"
    assert said.because == (
        "No version was registered. Nothing was live before this run."
    )
    assert (said.tone, said.error) == ("bad", "KeyError: 'sex'")


def test_a_failure_after_the_gates_passed_is_no_failed_gate(folder, read):
    """Registering can fail too."""
    ended = {"status": "failed", "cells": reviews.shown(BETTER), "error": "AwsError"}
    reviews.leave(folder, "train-register", **ended)

    assert headline(read()).title == "Cannot be approved: train-register failed"


def test_a_stopped_run_cannot_be_approved(folder, read):
    """Nobody knows how it would have ended."""
    reviews.leave(folder, "prepare", status="stopped", error="told to stop")
    said = headline(read())

    assert said.title == "Cannot be approved: the run was stopped"


def test_prepared_data_alone_is_nothing_to_approve(folder, read):
    """No model has been trained."""
    reviews.leave(folder, "prepare", results={"train": "s3://b/train.csv"})
    said = headline(read())

    assert (said.tone, said.title) == ("idle", "Nothing to approve yet")


def test_what_was_deployed_is_said(folder, read):
    """By the job on the main branch, which has no other notebook."""
    deployed = {"endpoint": "toy", "version": 3, "package": "arn"}
    reviews.leave(folder, "deploy", results=deployed)
    said = headline(read())

    assert (said.tone, said.title) == ("good", "Deployed")
    assert said.because == "Endpoint toy serves version 3."


def test_what_was_live_is_past_once_another_is_deployed(folder, read):
    """The page is read after the deployment."""
    reviews.trained(folder, BETTER)
    reviews.leave(folder, "deploy", results={"endpoint": "toy", "version": 2})

    assert headline(read()).because == (
        "Endpoint toy serves version 2. Every gate passed. It is better than version "
        "1, live before (rmse 2 against 2.2)."
    )


def test_a_version_is_not_compared_with_itself(folder, read):
    """It may be deployed, or reused, when it is live already."""
    reviews.trained(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"version": 2, "package": "arn"})
    said = headline(read()).because
    assert said.endswith("It was live before this run already.")

    reviews.leave(folder, "deploy", results={"endpoint": "toy", "version": 2})
    said = headline(read()).because
    assert said.startswith("Endpoint toy serves version 2, as it did before this run.")


def test_a_live_version_whose_deployment_fails_again_stays(folder, read):
    """Nobody says that nothing was live."""
    reviews.trained(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"version": 2})
    reviews.leave(folder, "deploy", status="failed", error="EndpointError")

    assert headline(read()).because.endswith("Version 2 stays live.")


def test_a_failed_deployment_is_said(folder, read):
    """And that the endpoint is not in between."""
    reviews.leave(folder, "deploy", status="failed", error="EndpointError")
    said = headline(read())

    assert (said.tone, said.title) == ("bad", "Not deployed")
    assert "as it was" in said.because


@pytest.mark.parametrize(
    ("status", "tone"), [("Approved", "good"), ("Rejected", "bad")]
)
def test_a_decision_is_remembered(folder, read, status, tone):
    """With who made it, a year later."""
    reviews.trained(folder, BETTER)
    decided = {"approval_status": status, "approval_description": "Tried by Ada"}
    reviews.write(folder / "package.json", decided)
    said = headline(read())

    assert (said.tone, said.title, said.open) == (tone, status, False)
    assert said.because.startswith("Tried by Ada")
