"""Whether a run can be approved, and why: the headline, metrics and gates."""

import numpy as np
import pandas as pd
import pytest
import reviews

from lifecycle.data import summarise
from runner.review.rows import compared, gate_rows, metric_rows
from runner.review.verdict import headline, loosened

BETTER = reviews.evaluation(2.0, live=2.2)
WORSE = reviews.evaluation(2.2, live=2.19)
FAILED = reviews.evaluation(2.6, live=2.2)


def test_a_first_version_can_be_approved(folder, read):
    """Its gates passed, and there is nothing to compare it with."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    said = headline(read())

    assert (said.tone, said.title, said.open) == ("good", "Can be approved", True)
    assert said.because == (
        "Every gate passed that could be judged. This is the first version. "
        "Nothing was live before this run."
    )


def test_a_version_is_not_called_the_first_if_that_is_unknown(folder, read):
    """AWS may have refused to tell what was live."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"reason": "AWS: AccessDenied"})

    said = headline(read()).because
    assert "The live version could not be read: AWS: AccessDenied." in said
    assert "first" not in said


def test_a_better_version_says_by_how_much(folder, read):
    """In the metric that has a gate."""
    reviews.write_training(folder, BETTER)
    said = headline(read())

    assert (said.tone, said.title) == ("good", "Can be approved")
    assert "better than live version 1 (rmse 2.00 against 2.20)" in said.because


def test_a_worse_version_within_its_bounds_asks_to_look_closer(folder, read):
    """A gate may allow what a reviewer would not."""
    reviews.write_training(folder, WORSE)
    said = headline(read())

    assert (said.tone, said.title) == ("mind", "Can be approved, but look closer")
    assert "worse than live version 1" in said.because


def test_the_same_model_again_is_as_good(folder, read):
    """Training the live model again is no reason to look closer."""
    reviews.write_training(folder, reviews.evaluation(2.2, live=2.2))
    said = headline(read())

    assert said.tone == "good"
    assert "There is no detectable difference from live version 1" in said.because


def test_noise_is_not_called_better(folder, read):
    """README's picture once said it of 2.258 against 2.273: -0.054 to +0.024."""
    noise = reviews.evaluation(2.258, live=2.273, margin=0.039)
    reviews.write_training(folder, noise)

    assert compared(read()) == "no detectable difference"
    assert "better" not in headline(read()).because


def test_a_live_model_that_cannot_be_scored_is_named(folder, read):
    """The reason stands in place of a comparison."""
    reviews.write_training(
        folder, reviews.evaluation(2.0, reason="its archive is lost")
    )

    said = headline(read())

    assert (said.tone, said.open) == ("mind", True)
    assert "It is not comparable with live version 1: its archive is lost." in (
        said.because
    )
    assert "No gate failed; 1 of 2 could not be decided." in said.because
    assert [one.verdict for one in gate_rows(read())] == ["passed", "not comparable"]


def test_what_the_notebook_left_out_is_not_comparable(folder, read):
    """A live version is known from the baseline, too."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"version": 1, "package": "arn"})

    assert gate_rows(read())[1].verdict == "not comparable"
    assert headline(read()).tone == "mind"


def test_an_undecided_gate_asks_to_look_closer(folder, read):
    """It says what would decide it."""
    reviews.write_training(folder, reviews.evaluation(2.25, live=2.2, margin=0.1))
    said = headline(read())

    assert (said.tone, said.title) == ("mind", "Can be approved, but look closer")
    (concern,) = said.concerns
    assert concern.startswith("Undecided: rmse 2.25 is 2.3 % better to 6.8 % worse")
    assert concern.endswith("test rows would decide it, 50 are compared")


def test_a_failed_gate_cannot_be_approved(folder, read):
    """The page says which bound, and what stays live."""
    cells = reviews.output_cells(FAILED)
    parameters = {"gates": reviews.GATES}
    ended = {"status": "failed", "cells": cells, "parameters": parameters}
    reviews.write_stage(folder, "prepare", results={})
    reviews.write_stage(folder, "train-register", error="AssertionError", **ended)
    said = headline(read())

    assert (said.tone, said.open) == ("bad", False)
    assert said.title == "Cannot be approved: a gate failed"
    assert "rmse 2.6 is above 2.5" in said.because
    assert "18 % worse than the live model's 2.2; 5 % worse is allowed" in said.because
    assert said.because.endswith("No version was registered. Version 1 stays live.")
    assert said.failed_stage == "train-register"
    assert said.error == ""


@pytest.mark.parametrize("stage", ["prepare", "train-register"])
def test_a_failed_notebook_cannot_be_approved(folder, read, stage):
    """The page shows its error, and leads to the cell."""
    reviews.write_stage(folder, stage, status="failed", error="KeyError: 'sex'")
    said = headline(read())

    assert said.title == f"Cannot be approved: {stage} failed"
    assert said.because == (
        "No version was registered. Nothing was live before this run."
    )
    assert (said.tone, said.error) == ("bad", "KeyError: 'sex'")


def test_a_failure_after_the_gates_passed_is_no_failed_gate(folder, read):
    """Registering can fail too."""
    ended = {
        "status": "failed",
        "cells": reviews.output_cells(BETTER),
        "error": "AwsError",
    }
    reviews.write_stage(folder, "train-register", **ended)

    assert headline(read()).title == "Cannot be approved: train-register failed"


def test_a_stopped_run_cannot_be_approved(folder, read):
    """How it would have ended is unknown."""
    reviews.write_stage(folder, "prepare", status="stopped", error="told to stop")
    said = headline(read())

    assert said.title == "Cannot be approved: the run was stopped"


def test_prepared_data_alone_is_nothing_to_approve(folder, read):
    """No model has been trained."""
    reviews.write_stage(folder, "prepare", results={"train": "s3://b/train.csv"})
    said = headline(read())

    assert (said.tone, said.title) == ("idle", "Nothing to approve yet")


def test_a_deployment_names_endpoint_and_version(folder, read):
    """The deploy job on the main branch runs no other stage."""
    deployed = {"endpoint": "toy", "version": 3, "package": "arn"}
    reviews.write_stage(folder, "deploy", results=deployed)
    said = headline(read())

    assert (said.tone, said.title) == ("good", "Deployed")
    assert said.because == "Endpoint toy serves version 3."


def test_after_a_deployment_the_former_version_was_live(folder, read):
    """The page is read after the deployment, so it speaks of it as of the past."""
    reviews.write_training(folder, BETTER)
    reviews.write_stage(folder, "deploy", results={"endpoint": "toy", "version": 2})

    assert headline(read()).because == (
        "Endpoint toy serves version 2. Every gate passed. It is better than version "
        "1, live before (rmse 2.00 against 2.20)."
    )


def test_a_version_is_not_compared_with_itself(folder, read):
    """It may be deployed, or reused, when it is live already."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"version": 2, "package": "arn"})
    said = headline(read()).because
    assert said.endswith("This version was already live before this run.")

    reviews.write_stage(folder, "deploy", results={"endpoint": "toy", "version": 2})
    said = headline(read()).because
    assert said.startswith("Endpoint toy serves version 2, as it did before this run.")


def test_a_live_version_stays_if_its_deployment_fails(folder, read):
    """Deploying the live version again may fail, too."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"version": 2})
    reviews.write_stage(folder, "deploy", status="failed", error="EndpointError")

    assert headline(read()).because.endswith("Version 2 stays live.")


def test_after_a_failed_deployment_the_endpoint_is_as_before(folder, read):
    """The headline tells that the endpoint was left or restored."""
    reviews.write_stage(folder, "deploy", status="failed", error="EndpointError")
    said = headline(read())

    assert (said.tone, said.title) == ("bad", "Not deployed")
    assert "was restored" in said.because


@pytest.mark.parametrize(
    ("status", "tone"), [("Approved", "good"), ("Rejected", "bad")]
)
def test_a_decision_is_the_headline(folder, read, status, tone):
    """Followed by who made it."""
    reviews.write_training(folder, BETTER)
    decided = {"approval_status": status, "approval_description": "Tried by Ada"}
    reviews.write(folder / "package.json", decided)
    said = headline(read())

    assert (said.tone, said.title, said.open) == (tone, status, False)
    assert said.because.startswith("Tried by Ada")


def test_each_metric_stands_beside_the_live_models(folder, read):
    """With the difference, and what it means."""
    reviews.write_training(folder, reviews.evaluation(2.0, live=2.5, mae=1.0))
    first, second = metric_rows(read())

    assert (first.metric, first.candidate, first.live) == ("rmse", 2.0, 2.5)
    assert (first.difference, first.share) == (-0.5, -0.2)
    assert (first.answer, first.gated) == ("better", True)
    assert first.candidate_interval == (1.9, 2.1)
    assert first.interval == (-0.5, -0.5)
    assert (second.metric, second.live, second.difference) == ("mae", None, None)
    assert second.answer is None


@pytest.mark.parametrize(
    ("name", "candidate", "live", "direction"),
    [
        ("auc", 0.9, 0.8, "better"),
        ("auc", 0.8, 0.9, "worse"),
        ("logloss", 0.3, 0.2, "worse"),
        ("f1", 0.5, 0.5, "no detectable difference"),
        ("threshold", 0.3, 0.2, "different"),
    ],
)
def test_known_metrics_have_a_direction(folder, read, name, candidate, live, direction):
    """Others only have a difference: more may be better or worse."""
    evaluated = reviews.evaluation(2.0, live=2.0, **{name: candidate})
    reviews.compare(evaluated.live, name, candidate, live)
    reviews.write_training(folder, evaluated)
    found = {one.metric: one for one in metric_rows(read())}

    assert found[name].answer == direction
    assert found[name].difference == pytest.approx(candidate - live)


def test_a_gate_knows_better_than_the_name(folder, read):
    """`max` says that less is better."""
    bounds = {"rmse": {"min": 1.0}}
    evaluated = reviews.evaluation(2.0, live=2.5, gates=bounds)
    reviews.write_training(folder, evaluated, parameters={"gates": bounds})

    assert metric_rows(read())[0].answer == "worse"


def test_every_bound_has_a_verdict(folder, read):
    """In words, with the value that was judged."""
    reviews.write_training(folder, reviews.evaluation(2.4, live=2.2))
    absolute, relative = gate_rows(read())

    assert (absolute.asks, absolute.verdict) == ("at most 2.5", "passed")
    assert (relative.asks, relative.verdict) == (
        "at most 5 % worse than live",
        "failed",
    )
    assert relative.note == "at most 2.31; live: 2.2"
    assert absolute.interval == (2.3, 2.5)
    assert relative.reason == (
        "rmse 2.4 is 9.1 to 9.1 % worse than the live model's 2.2; 5 % worse is allowed"
    )


def test_a_first_version_is_not_compared(folder, read):
    """Its relative bound has no verdict, and the note says why."""
    reviews.write_training(folder, reviews.evaluation(2.4))

    assert gate_rows(read())[1].note == "nothing is live"
    assert [one.verdict for one in gate_rows(read())] == ["passed", "nothing live"]


def test_a_metric_that_is_no_number_fails_its_gate(folder, read):
    """The page shows no value for it."""
    reviews.write_training(folder, reviews.evaluation(float("nan"), live=2.0))
    found = gate_rows(read())

    assert [one.verdict for one in found] == ["failed", "failed"]
    assert [one.value for one in found] == [None, None]
    assert "not a number" in found[1].reason


def test_bounds_that_were_not_evaluated_say_so(folder, read):
    """A run that failed early did not come to them."""
    reviews.write_stage(folder, "prepare", status="failed", error="KeyError")
    reviews.write(folder / "source.json", reviews.source())

    assert [one.verdict for one in gate_rows(read())] == ["not judged", "not judged"]


def test_a_notebook_that_shows_no_evaluation_still_has_metrics(folder, read):
    """Those of its results; there is no comparison then."""
    reviews.write_training(
        folder, reviews.evaluation(2.0), cells=reviews.output_cells()
    )

    assert [(one.metric, one.candidate) for one in metric_rows(read())] == [
        ("rmse", 2.0)
    ]
    assert [one.verdict for one in gate_rows(read())] == ["passed", "nothing live"]


@pytest.mark.parametrize("status", ["PendingManualApproval", "Approved"])
def test_what_a_notebook_says_of_its_gates_does_not_count(folder, read, status):
    """Nor what was decided: the page judges by the metrics and by model.yaml."""
    shown = reviews.evaluation(2.6, gates={"rmse": {"max": 9.0}})
    reviews.write_training(folder, shown, parameters={"gates": {"rmse": {"max": 9.0}}})
    reviews.write(folder / "source.json", reviews.source())
    reviews.write(folder / "package.json", {"approval_status": status})
    said = headline(read())

    assert (said.tone, said.open) == ("bad", False)
    assert said.title == "Cannot be approved: a gate failed"
    assert said.because == ("rmse 2.6 is above 2.5. So version 2 is never deployed.")


def test_a_rejected_registration_is_told(folder, read):
    """Nothing of a failed run can be approved."""
    cells, parameters = reviews.output_cells(FAILED), {"gates": reviews.GATES}
    ended = {"status": "failed", "cells": cells, "parameters": parameters}
    reviews.write_stage(folder, "train-register", rejected=[3], **ended)

    assert "The notebook had registered version 3, which is now rejected." in (
        headline(read()).because
    )


@pytest.mark.parametrize(
    ("rmse", "r2", "word"),
    [
        (1.9, 0.6, "better"),
        (2.1, 0.4, "worse"),
        (1.9, 0.4, "mixed"),
        (2.0, 0.5, "no detectable difference"),
    ],
)
def test_all_gates_make_one_word(folder, read, rmse, r2, word):
    """Better, worse, both, or the same."""
    bounds = {"rmse": {"max": 2.5}, "r2": {"min": 0.1}}
    evaluated = reviews.evaluation(rmse, live=2.0, gates=bounds, r2=r2)
    reviews.compare(evaluated.live, "r2", r2, 0.5)
    reviews.write_training(folder, evaluated, parameters={"gates": bounds})

    assert compared(read()) == word


def write_before(folder, **more):
    """Write what live version 1 left, and the same settings for this run."""
    reviews.write_training(folder, BETTER)
    reviews.write(folder / "source.json", reviews.source())
    before = {"version": 1, "package": "arn", "source": reviews.source()}
    reviews.write(folder / "baseline.json", before | more)


def test_a_better_version_of_the_same_settings_needs_no_closer_look(folder, read):
    """There is nothing to be told."""
    write_before(folder)

    assert (headline(read()).tone, headline(read()).concerns) == ("good", ())


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ({"rmse": {"max": 2.4}}, "The gate rmse.max was loosened, from 2.4 to 2.5"),
        (
            {"rmse": {"max": 2.5, "worse_than_live": 0.01}},
            "The gate rmse.worse_than_live was loosened, from 0.01 to 0.05",
        ),
        ({"r2": {"min": 0.5}}, "The gate r2.min was removed; it was 0.5"),
    ],
)
def test_a_loosened_gate_is_told(folder, read, before, said):
    """By the change that it lets pass, for instance."""
    write_before(folder, source=reviews.source(gates=before))
    found = headline(read())

    assert (found.tone, list(found.concerns)) == ("mind", [said])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"auc": {"min": 0.8}}, {"auc": {"min": 0.9}}),
        ({"auc": {"min": 0.8}}, {"auc": {"min": 0.8, "worse_than_live": 0.1}}),
        ({"auc": {"min": None}}, {}),
        ({}, {"auc": {"min": 0.8}}),
    ],
)
def test_a_gate_that_asks_for_more_is_not_loosened(old, new):
    """Nor one that is new."""
    assert loosened(old, new) == []


def test_content_that_was_rolled_back_is_told(folder, read):
    """It comes back for instance by the revert of a revert."""
    when = {"rolled_back_at": "2026-11-28T21:52:27.123+00:00"}
    known = when | {"rolled_back_from": "f" * 64, "rolled_back_by": "arn:ada"}
    write_before(folder, **known)

    (concern,) = headline(read()).concerns
    said = "This content was live before and was rolled back on 2026-11-28 at 21:52 UTC"
    assert concern == f"{said} by arn:ada"


@pytest.mark.parametrize(
    ("before", "told"), [(60, ": 70 training rows, before 60."), (70, ".")]
)
def test_changed_data_is_told(folder, read, before, told):
    """It is a reason for other metrics; as many rows may have other values."""
    write_before(folder, data_sha256="other", rows={"train": before})
    results = {"data_sha256": "this", "rows": {"train": 70}, "columns": ["y", "x"]}
    reviews.write_stage(folder, "prepare", results=results)

    assert headline(read()).because.endswith(
        f"The data has changed since version 1{told}"
    )


SIZES = np.random.default_rng(3).gamma(3, 0.08, (2, 2900))


@pytest.mark.parametrize(
    ("column", "scale", "importance", "concern"),
    [
        ("x", 1.15, 0.5, "x (50 % of the importance) has drifted: its mean was 0.24"),
        ("x", 1.5, 0.1, "x (10 % of the importance) has drifted strongly: its mean"),
        ("x", 1.15, 0.05, ""),
        ("x", 1.0, 0.5, ""),
        ("y", 1.15, None, "y has drifted: its mean was 0.24"),
    ],
)
def test_drift_is_told_as_far_as_it_matters(
    folder, read, column, scale, importance, concern
):
    """The more a feature counts, the less it has to move; the label always counts."""
    before = summarise(pd.DataFrame({column: SIZES[0]}))
    write_before(folder, **{"data-summary": before})
    shares = {} if importance is None else {column: importance}
    evaluated = reviews.evaluation(2.0, live=2.2, importance=shares)
    reviews.write_training(folder, evaluated)
    reviews.write_stage(folder, "prepare", results={"columns": ["y", "x"]})
    now = summarise(pd.DataFrame({column: scale * SIZES[1]}))
    reviews.write(folder / "data-summary.json", now)

    found = headline(read())

    assert found.tone == ("mind" if concern else "good")
    assert " ".join(found.concerns).startswith(concern)


def test_an_important_feature_that_is_gone_is_told(folder, read):
    """Or one that is new."""
    before = summarise(pd.DataFrame({"x": SIZES[0]}))
    counted = {"importance": {"x": 0.5}}
    write_before(folder, evaluation=counted, **{"data-summary": before})
    evaluated = reviews.evaluation(2.0, live=2.2, importance={"z": 0.4})
    reviews.write_training(folder, evaluated)
    now = summarise(pd.DataFrame({"z": SIZES[1]}))
    reviews.write(folder / "data-summary.json", now)

    assert headline(read()).concerns == [
        "Column z (40 % of the importance) is new in the training data",
        "Column x (50 % of the importance) is gone in the training data",
    ]


@pytest.mark.parametrize(
    ("stages", "asked", "tone", "title"),
    [
        ([], ["deploy"], "bad", "Not deployed: the deploy was refused"),
        ([], ["prepare"], "bad", "Cannot be approved: nothing ran"),
        (["prepare"], ["prepare"], "bad", "Cannot be approved: the run failed"),
        (["train-register"], ["train-register"], "good", "Can be approved"),
        (["deploy"], ["deploy"], "mind", "Deployed, but the run failed after it"),
    ],
)
def test_an_error_outside_of_the_notebooks_is_told(
    folder, read, stages, asked, tone, title
):
    """It may come before, between or after the stages."""
    results = {"prepare": {"train": "s3://b/t"}, "deploy": {"version": 2}}
    for stage in stages:
        if stage == "train-register":
            reviews.write_training(folder, reviews.evaluation(2.0))
        else:
            reviews.write_stage(folder, stage, results=results[stage])
    ended = {"stages": asked, "error": "toy: refused, and why"}
    reviews.write(folder / "source.json", reviews.source() | ended)

    said = headline(read())

    assert (said.tone, said.title) == (tone, title)
    assert "toy: refused, and why" in (said.because, said.error)
