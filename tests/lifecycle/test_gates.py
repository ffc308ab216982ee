"""A candidate is evaluated by the gates of its model.yaml."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from lifecycle.endpoint import EndpointState
from lifecycle.errors import GateError
from lifecycle.evaluation import LiveScore
from lifecycle.gates import (
    EVALUATION_MIME,
    METRICS,
    EvaluationOutput,
    evaluate_gates,
    evaluation_of,
    failures,
    find_reversed,
    find_unmeasured,
    judge,
    require_passed,
    unmeasured_message,
)
from lifecycle.training import TrainingJob

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
GATES = {"rmse": {"max": 2.5, "worse_than_live": 0.05}}
JOB = TrainingJob(
    name="toy-r1", image="image", model_data="s3://b/m", seconds=125, billable_seconds=9
)
LIVE = EndpointState(
    name="toy",
    arn="arn:aws:sagemaker:eu-west-1:1:endpoint/toy",
    status="InService",
    failure_reason="",
    modified=datetime(2026, 11, 23, tzinfo=UTC),
    config="toy-v1-0123abcd",
    config_arn="arn:aws:sagemaker:eu-west-1:1:endpoint-config/toy-v1-0123abcd",
    pending_config="",
    package="arn:aws:sagemaker:eu-west-1:1:model-package/toy/1",
    version=1,
    fingerprint="f" * 64,
    commit="c0ffee",
    run_id="20261101000000-aaaaaa",
    previous_config="",
    verified_config="toy-v1-0123abcd",
    verified_at=None,
    rolled_back_from="",
    rollback_target="",
    rolled_back_from_before="",
    attempted_version=0,
    deployment="",
    deployed_commit="",
)


@pytest.mark.parametrize(
    ("value", "bounds", "passed", "reason"),
    [
        (2.4, {"max": 2.5}, True, "score 2.4 is at most 2.5"),
        (2.5, {"max": 2.5}, True, "score 2.5 is at most 2.5"),
        (2.50001, {"max": 2.5}, False, "score 2.50001 is above 2.5"),
        (0.9, {"min": 0.9}, True, "score 0.9 is at least 0.9"),
        (0.89, {"min": 0.9}, False, "score 0.89 is below 0.9"),
        (math.nan, {"max": 2.5}, False, "score nan is no number, so not within 2.5"),
        (math.nan, {"min": 0.0}, False, "score nan is no number, so not within 0"),
        (math.inf, {"max": 2.5}, False, "score inf is above 2.5"),
        (math.inf, {"min": 0.9}, False, "score inf is no number, so not within 0.9"),
    ],
)
def test_a_bound_is_inclusive(
    value: float, bounds: dict[str, float], passed: bool, reason: str
) -> None:
    """A metric at its bound passes; NaN and infinity do not."""
    (verdict,) = evaluate_gates({"score": value}, {"score": bounds})

    assert (verdict.passed, verdict.reason) == (passed, reason)


@pytest.mark.parametrize(
    ("value", "bounds", "live", "passed", "bound"),
    [
        (2.09, {"max": 9.0, "worse_than_live": 0.05}, 2.0, True, 2.1),
        (2.11, {"max": 9.0, "worse_than_live": 0.05}, 2.0, False, 2.1),
        (1.0, {"max": 9.0, "worse_than_live": 0.05}, 2.0, True, 2.1),
        (0.76, {"min": 0.0, "worse_than_live": 0.05}, 0.8, True, 0.76),
        (0.75, {"min": 0.0, "worse_than_live": 0.05}, 0.8, False, 0.76),
        (-1.1, {"min": -9.0, "worse_than_live": 0.05}, -1.0, False, -1.05),
        (-1.0, {"min": -9.0, "worse_than_live": 0.05}, -1.0, True, -1.05),
        (2.0, {"max": 9.0, "worse_than_live": 0.0}, 2.0, True, 2.0),
        (math.nan, {"max": 9.0, "worse_than_live": 0.05}, 2.0, False, 2.1),
    ],
)
def test_a_share_of_the_live_model_may_be_lost(
    value: float, bounds: dict[str, float], live: float, passed: bool, bound: float
) -> None:
    """Which direction is worse follows from the absolute bound, also below zero."""
    _, verdict = evaluate_gates({"score": value}, {"score": bounds}, {"score": live})

    assert verdict.passed is passed
    assert verdict.bound == pytest.approx(bound)
    assert verdict.live == live


def test_a_verdict_on_the_live_model_says_what_it_compares() -> None:
    """A reviewer reads bound, live value and tolerance in one sentence."""
    _, verdict = evaluate_gates({"rmse": 2.6}, GATES, {"rmse": 2.1})

    assert str(verdict) == (
        "failed: rmse 2.6 is above 2.205, the live model's 2.1 and 5 %"
    )


@pytest.mark.parametrize("live", [None, {}, {"rmse": math.nan}])
def test_without_a_live_metric_the_relative_gate_passes(
    live: dict[str, float] | None,
) -> None:
    """The verdict says that nothing was compared."""
    _, verdict = evaluate_gates({"rmse": 2.0}, GATES, live)

    assert verdict.passed
    assert verdict.reason == "rmse 2 is not compared, no live model has it"


def test_nan_passes_no_gate() -> None:
    """Not the relative one either, where no model is live."""
    verdicts = evaluate_gates({"rmse": math.nan}, GATES)

    assert [one.passed for one in verdicts] == [False, False]


def test_each_bound_has_a_verdict_of_its_own() -> None:
    """They come in the order of model.yaml; null is no bound."""
    gates = {
        "rmse": {"max": 2.5, "min": None, "worse_than_live": None},
        "r2": {"min": 0.5, "worse_than_live": 0.1},
    }
    verdicts = evaluate_gates({"rmse": 2.0, "r2": 0.4, "mae": 1.0}, gates, {"r2": 0.4})

    assert [(one.metric, one.rule, one.passed) for one in verdicts] == [
        ("rmse", "max", True),
        ("r2", "min", False),
        ("r2", "worse_than_live", True),
    ]


def test_an_unknown_metric_is_an_error_with_the_nearest() -> None:
    """A misspelt gate must not pass because it has no value."""
    with pytest.raises(GateError, match=r"gates\.rmes: no such metric .* 'rmse'"):
        evaluate_gates({"rmse": 1.0, "mae": 1.0}, {"rmes": {"max": 2.5}})


def test_an_unknown_rule_is_an_error_with_the_nearest() -> None:
    """A notebook may evaluate gates that no model.yaml has checked."""
    with pytest.raises(GateError, match=r"gates\.rmse\.maximum: .* 'max'"):
        evaluate_gates({"rmse": 1.0}, {"rmse": {"maximum": 2.5}})


@pytest.mark.parametrize("bounds", [{}, {"min": 1.0, "max": 2.0}])
def test_a_gate_has_one_direction(bounds: dict[str, float]) -> None:
    """It says whether more or less is better."""
    with pytest.raises(GateError, match="give either min"):
        evaluate_gates({"rmse": 1.0}, {"rmse": bounds})


def measure_of(task: str) -> Any:
    """Return the function with which the notebook of a task measures."""
    notebook = json.loads((NOTEBOOKS / task / "train-register.ipynb").read_text())
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    (source,) = [one for one in sources if one.startswith("def measure(")]
    names = dict(vars(sklearn_metrics))
    exec(source, names)
    return names["measure"]


@pytest.mark.parametrize(
    ("task", "truth", "prediction", "expected"),
    [
        (
            "regression",
            [1.0, 5.0],
            [2.0, 2.0],
            {"rmse": 5**0.5, "mae": 2.0, "r2": -0.25},
        ),
        (
            "binary",
            [0, 0, 1, 1],
            [0.1, 0.4, 0.3, 0.9],
            {
                "auc": 0.75,
                "accuracy": 0.75,
                "precision": 1.0,
                "recall": 0.5,
                "f1": 2 / 3,
                "logloss": 0.481380,
            },
        ),
    ],
)
def test_the_metrics_of_a_task_are_those_that_its_notebook_measures(
    task: str, truth: list[float], prediction: list[float], expected: dict[str, float]
) -> None:
    """A gate of model.yaml is checked before training, and evaluated after it."""
    measured = measure_of(task)(np.array(truth), np.array(prediction, dtype="float32"))

    assert measured == pytest.approx(expected, abs=1e-5)
    assert sorted(measured) == list(METRICS[task])


@pytest.mark.parametrize(
    ("task", "metric", "expected"),
    [
        ("regression", "rsme", "of a regression; did you mean 'rmse'? it has mae, r2,"),
        ("regression", "auc", "of a regression; it has mae, r2, rmse; measure "),
        ("binary", "rmse", "of a binary classification; it has accuracy, auc, f1,"),
    ],
)
def test_a_gate_on_a_metric_that_is_not_measured_is_explained(
    task: str, metric: str, expected: str
) -> None:
    """The message names the nearest metric, and all metrics of the task."""
    message = unmeasured_message(task, metric)

    assert message.startswith(f"gates.{metric}: no metric {expected}")


@pytest.mark.parametrize("task", METRICS)
def test_gates_on_metrics_that_are_not_measured_are_found(task: str) -> None:
    """Each metric of the task may have a gate."""
    assert find_unmeasured(task, [*METRICS[task], "rsme"]) == ["rsme"]


@pytest.mark.parametrize(
    ("task", "gates", "expected"),
    [
        ("regression", {"rmse": {"min": 1.0}}, "gates.rmse.min: less rmse is better"),
        ("binary", {"auc": {"max": 0.9}}, "gates.auc.max: more auc is better"),
        ("regression", {"rmse": {"max": 1.0}, "r2": {"min": 0.1}}, ""),
        ("binary", {"threshold": {"max": 0.9}}, ""),
    ],
)
def test_a_gate_in_the_wrong_direction_is_found(task, gates, expected) -> None:
    """It would pass a worse model; a notebook's own metric is not known here."""
    message = find_reversed(task, gates)

    assert message.startswith(expected)
    assert bool(message) is bool(expected)


def test_a_failed_gate_raises_an_error_with_all_that_failed() -> None:
    """Passed gates are not listed, and without a failure nothing is raised."""
    gates = {"rmse": {"max": 2.0}, "mae": {"max": 2.0}, "r2": {"min": 0.5}}
    verdicts = evaluate_gates({"rmse": 2.5, "mae": 1.0, "r2": 0.4}, gates)

    with pytest.raises(GateError) as raised:
        require_passed(verdicts)

    assert str(raised.value) == (
        "failed: rmse 2.5 is above 2; failed: r2 0.4 is below 0.5"
    )
    require_passed(one for one in verdicts if one.passed)


@pytest.mark.parametrize(
    ("metrics", "failed"),
    [
        ({"rmse": 2.4}, ""),
        ({"rmse": 2.6}, "rmse 2.6 is above 2.5"),
        ({"rmse": "2.4"}, "rmse nan is no number, so not within 2.5"),
        ({"rmse": True}, "rmse nan is no number, so not within 2.5"),
        ({"rmse": None}, "rmse nan is no number, so not within 2.5"),
        ({"rmse": -math.inf}, "rmse nan is no number, so not within 2.5"),
        ({}, "rmse was not measured"),
    ],
)
def test_a_metric_that_others_returned_passes_only_as_a_number(
    metrics: dict[str, Any], failed: str
) -> None:
    """Nothing raises: it is a verdict, too."""
    assert failures(judge(metrics, {"rmse": {"max": 2.5}})) == failed


def test_what_the_live_model_lacks_is_not_compared() -> None:
    """A value that is no number is lacking."""
    gates = {"rmse": {"max": 9.0, "worse_than_live": 0.0}}

    assert failures(judge({"rmse": 2.0}, gates, {"rmse": 1.0})) != ""
    assert failures(judge({"rmse": 2.0}, gates, {"rmse": "1.0"})) == ""
    assert failures(judge({"rmse": 2.0}, gates, {"rmse": math.inf})) == ""


def evaluate(rmse: Any, live: float | None = None) -> EvaluationOutput:
    """Evaluate a candidate with this RMSE, beside a live model with that one."""
    score = None if live is None else LiveScore(live=LIVE, metrics={"rmse": live})
    verdicts = evaluate_gates({"rmse": rmse}, GATES, score.metrics if score else None)
    return EvaluationOutput(
        metrics={"rmse": rmse}, verdicts=verdicts, live=score, job=JOB, test_rows=50
    )


def test_an_evaluation_is_shown_as_a_table() -> None:
    """A row per verdict, as HTML in the notebook and as text in a terminal."""
    shown = evaluate(2.4, live=2.2)._repr_mimebundle_()

    assert shown["text/html"].count("<tr") == 3
    assert "worse_than_live" in shown["text/plain"]
    assert "False" in shown["text/plain"]


def test_an_evaluation_can_be_read_by_programs() -> None:
    """The data has metrics, verdicts, the live model's score and the training job."""
    data = evaluate(2.4, live=2.2)._repr_mimebundle_()[EVALUATION_MIME]

    assert data["metrics"] == {"rmse": 2.4}
    assert [one["passed"] for one in data["verdicts"]] == [True, False]
    assert data["live"]["metrics"] == {"rmse": 2.2}
    assert data["live"]["live"]["version"] == 1
    assert data["live"]["reason"] == ""
    assert data["job"]["billable_seconds"] == 9
    assert data["test_rows"] == 50


def test_the_first_version_has_no_live_score() -> None:
    """Without a live model the data has null instead of a score."""
    assert evaluate(2.0).data()["live"] is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_not_a_number_is_null(value: float) -> None:
    """JSON has neither NaN nor infinity, and browsers refuse them."""
    data = evaluate(value).data()

    assert data["metrics"] == {"rmse": None}
    json.dumps(data, allow_nan=False)


def test_a_metric_may_be_of_any_numeric_type() -> None:
    """A notebook's metric may be NumPy's float32."""
    data = evaluate(np.float32(0.5), live=np.float32(0.25)).data()

    assert data["metrics"] == {"rmse": 0.5}
    assert data["live"]["metrics"] == {"rmse": 0.25}


def notebook_with(*outputs: dict[str, Any]) -> dict[str, Any]:
    """Return an executed notebook with these outputs."""
    return {"cells": [{"outputs": [{"data": one}]} for one in outputs]}


def test_the_last_evaluation_of_a_notebook_counts() -> None:
    """A notebook may show others before it."""
    first, last = {"test_rows": 1}, {"test_rows": 2}
    notebook = notebook_with(
        {EVALUATION_MIME: first}, {"text/plain": "x"}, {EVALUATION_MIME: last}
    )
    found = evaluation_of(notebook)

    assert found is not None
    assert found["test_rows"] == 2


def test_an_evaluation_is_read_as_it_was_shown() -> None:
    """But for its verdicts: whoever reads it judges anew."""
    shown = evaluate(2.4, live=2.2).data()
    found = evaluation_of(notebook_with({EVALUATION_MIME: shown}))

    assert found == {
        "metrics": {"rmse": 2.4},
        "live": {"metrics": {"rmse": 2.2}, "reason": "", "live": {"version": 1}},
        "job": {"name": "toy-r1", "seconds": 125, "billable_seconds": 9},
        "test_rows": 50,
    }


@pytest.mark.parametrize(
    "shown",
    [
        {"metrics": 5, "live": 5, "job": 5, "test_rows": "many"},
        {"metrics": [], "live": [], "job": [], "test_rows": None},
        {"a": 1},
    ],
)
def test_of_an_evaluation_only_what_has_the_right_types_counts(
    shown: dict[str, Any],
) -> None:
    """A cell can display anything."""
    nothing = {"metrics": {}, "live": None, "job": None, "test_rows": 0}

    assert evaluation_of(notebook_with({EVALUATION_MIME: shown})) == nothing


@pytest.mark.parametrize(
    "notebook",
    [
        notebook_with({"text/plain": "x"}),
        notebook_with({EVALUATION_MIME: "no mapping"}),
        {"cells": [{"cell_type": "markdown"}]},
    ],
)
def test_a_notebook_may_show_no_evaluation(notebook: dict[str, Any]) -> None:
    """An own notebook need not show one."""
    assert evaluation_of(notebook) is None
