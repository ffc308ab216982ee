"""What a training notebook shows of its evaluation is read back and judged anew."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lifecycle.endpoint import EndpointState
from lifecycle.evaluation import LiveScore
from lifecycle.evaluation_output import (
    EVALUATION_MIME,
    EvaluationOutput,
    evaluation_of,
    judge,
)
from lifecycle.gates import evaluate_gates, failures
from lifecycle.statistics.comparison import Comparison, Estimate, SliceGroup
from lifecycle.statistics.decision import Decision, confusion
from lifecycle.statistics.leaks import Leaks
from lifecycle.training import TrainingJob

TABLES = ("calibration", "features", "worst", "disagreements")
GATES = {"rmse": {"max": 2.5, "worse_than_live": 0.05}}
JOB = TrainingJob(
    name="toy-r1", image="image", model_data="s3://b/m", seconds=125, billable_seconds=9
)
FEATURES = pd.DataFrame(
    {"importance": [1.0], "mean_shap": [0.5], "direction": ["raises"]},
    index=pd.Index(["size"], name="feature"),
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
    ("metrics", "failed"),
    [
        ({"rmse": 2.4}, ""),
        ({"rmse": 2.6}, "rmse 2.6 is above 2.5"),
        ({"rmse": "2.4"}, "rmse nan is not a number, so not within 2.5"),
        ({"rmse": True}, "rmse nan is not a number, so not within 2.5"),
        ({"rmse": None}, "rmse nan is not a number, so not within 2.5"),
        ({"rmse": -math.inf}, "rmse nan is not a number, so not within 2.5"),
        ({}, "rmse was not measured"),
    ],
)
def test_a_metric_that_others_returned_passes_only_as_a_number(
    metrics: dict[str, Any], failed: str
) -> None:
    """Nothing raises: it is a verdict, too."""
    assert failures(judge(metrics, {"rmse": {"max": 2.5}})) == failed


def shown_live(rmse: Any, **more: Any) -> dict[str, Any]:
    """Make what was shown of a live model whose error is 0.8 to 1.2 less."""
    difference = {"value": 1.0, "low": 0.8, "high": 1.2}
    one = {"candidate": 2.0, "live": rmse, "difference": difference, "rows": 50}
    return {"live": {"comparisons": {"rmse": one | more}}}


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        (None, "nothing live"),
        ({"live": None}, "nothing live"),
        (shown_live(1.0), "failed"),
        (shown_live("1.0"), "not comparable"),
        (shown_live(math.inf), "not comparable"),
        (shown_live(1.0, difference={"low": 0.8}), "not comparable"),
        (shown_live(1.0, difference=5), "not comparable"),
        ({"live": {"comparisons": {"rmse": 5}}}, "not comparable"),
        ({"live": {"comparisons": 5, "reason": "it is lost"}}, "not comparable"),
        ({"live": {"metrics": {"rmse": 1.0}}}, "not comparable"),
    ],
)
def test_what_was_shown_is_judged_anew(shown: Any, verdict: str) -> None:
    """A value that is no number is lacking, and its gate has not passed."""
    gates = {"rmse": {"max": 9.0, "worse_than_live": 0.0}}

    assert judge({"rmse": 2.0}, gates, shown)[1].verdict == verdict


def evaluate(rmse: Any, live: float | None = None) -> EvaluationOutput:
    """Evaluate a candidate with this RMSE, beside a live model with that one."""
    score = None
    if live is not None:
        loss = float(rmse) - live
        difference = Estimate(value=loss, low=loss - 0.01, high=loss + 0.01)
        one = Comparison(
            metric="rmse", candidate=rmse, live=live, difference=difference, rows=50
        )
        score = LiveScore(
            live=LIVE, metrics={"rmse": live}, comparisons={"rmse": one}, rows=50
        )
    intervals = {"rmse": Estimate(value=rmse, low=rmse - 0.1, high=rmse + 0.1)}
    return EvaluationOutput(
        metrics={"rmse": rmse},
        intervals=intervals,
        features=FEATURES,
        verdicts=evaluate_gates({"rmse": rmse}, GATES, score, intervals=intervals),
        live=score,
        job=JOB,
        test_rows=50,
    )


def test_an_evaluation_is_shown_as_a_table() -> None:
    """A row per verdict, as HTML in the notebook and as text in a terminal."""
    shown = evaluate(2.4, live=2.2)._repr_mimebundle_()

    assert shown["text/html"].count("<tr") == 3
    assert "worse_than_live" in shown["text/plain"]
    assert "failed" in shown["text/plain"]
    assert "2.390 to 2.410" in shown["text/plain"]


def test_an_evaluation_can_be_read_by_programs() -> None:
    """The data has metrics, verdicts, the live model's score and the training job."""
    data = evaluate(2.4, live=2.2)._repr_mimebundle_()[EVALUATION_MIME]

    assert data["metrics"] == {"rmse": 2.4}
    assert [one["verdict"] for one in data["verdicts"]] == ["passed", "failed"]
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

    assert found is not None
    assert found["metrics"] == {"rmse": 2.4}
    assert found["intervals"] == {"rmse": [2.3, 2.5]}
    assert found["importance"] == {"size": 1.0}
    assert found["job"] == {"name": "toy-r1", "seconds": 125, "billable_seconds": 9}
    assert found["test_rows"] == 50
    live = found["live"]
    assert (live["live"], live["rows"], live["left_out"]) == ({"version": 1}, 50, 0)
    assert live["comparisons"]["rmse"]["live"] == 2.2
    assert evaluation_of(notebook_with({EVALUATION_MIME: found})) == found


@pytest.mark.parametrize(
    "shown",
    [
        {"metrics": 5, "live": 5, "job": 5, "test_rows": "many"},
        {"intervals": {"rmse": [1, "2"], "mae": 5, "r2": [1]}, "features": 5},
        {"slices": 5, "confusion": 5, "leaks": [], "looks": "often"},
        {"slices": [5], "calibration": {"columns": ["a"], "rows": 5}},
        {"worst": {"columns": ["a"], "rows": [5, [1, 2]]}, "disagreements": {}},
        {"metrics": [], "live": [], "job": [], "test_rows": None},
        {"a": 1},
    ],
)
def test_of_an_evaluation_only_what_has_the_right_types_counts(
    shown: dict[str, Any],
) -> None:
    """A cell can display anything."""
    nothing = {"metrics": {}, "live": None, "job": None, "test_rows": 0}
    nothing |= {"intervals": {}, "importance": {}, "slices": [], "looks": None}
    nothing |= dict.fromkeys(TABLES) | {
        "confusion": None,
        "confusion_matrix": None,
        "leaks": None,
    }

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


SLICED = {"rmse by sex": {"max": 2.0}}


def sliced(value: Any, low: Any, high: Any, rows: int = 40) -> dict[str, Any]:
    """Make what was shown of the error of one group."""
    metrics = {"rmse": {"value": value, "low": low, "high": high}}
    group = {"column": "sex", "group": "F", "rows": rows, "metrics": metrics}
    return {"slices": [group, {"column": "sex", "group": "I", "rows": 3}]}


@pytest.mark.parametrize(
    ("shown", "verdicts"),
    [
        (None, []),
        ({}, ["failed"]),
        ({"slices": 5}, ["failed"]),
        (sliced(1.9, 1.8, 2.1), ["passed"]),
        (sliced(2.1, 1.9, 2.3), ["undecided"]),
        (sliced(2.5, 2.2, 2.8), ["failed"]),
        (sliced(2.5, None, None), ["undecided"]),
        (sliced("2.5", 2.2, 2.8), ["undecided"]),
    ],
)
def test_a_gate_on_a_slice_is_judged_from_what_was_shown(
    shown: Any, verdicts: list[str]
) -> None:
    """A package keeps no metrics of groups, so without an evaluation it is left out."""
    assert [one.verdict for one in judge({"rmse": 1.0}, SLICED, shown)] == verdicts


def test_all_parts_of_an_evaluation_are_read_as_they_were_shown() -> None:
    """Numbers stay numbers, whole ones whole, and texts texts."""
    group = SliceGroup(
        column="sex",
        group="F",
        rows=40,
        metrics={"rmse": Estimate(value=1.0, low=0.5, high=math.nan)},
    )
    table = pd.DataFrame({"name": ["A1"], "truth": [2.5], "gone": [math.nan]}, [123456])
    shown = replace(
        evaluate(2.4),
        slices=[group],
        worst=table.rename_axis("row"),
        leaks=Leaks(test_rows=9, shared_rows=1, distinct=0.5, features={"a": 0.99}),
        confusion=confusion([0, 1], [0.1, 0.9], Decision()),
        looks=3,
    ).data()
    json.dumps(shown, allow_nan=False)
    found = evaluation_of(notebook_with({EVALUATION_MIME: shown})) or {}

    metrics = {"rmse": {"value": 1.0, "low": 0.5, "high": None}}
    assert found["slices"] == [
        {"column": "sex", "group": "F", "rows": 40, "metrics": metrics}
    ]
    assert found["worst"] == {
        "columns": ["row", "name", "truth", "gone"],
        "rows": [[123456, "A1", 2.5, None]],
    }
    assert isinstance(found["worst"]["rows"][0][0], int)
    assert found["leaks"]["features"] == {"a": 0.99}
    assert (found["confusion"]["true_positive"], found["looks"]) == (1, 3)
    assert found["disagreements"] is None
