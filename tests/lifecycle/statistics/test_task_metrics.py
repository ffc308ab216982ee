"""A gate of model.yaml names a metric that its task has, in the right direction."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from lifecycle.statistics.comparison import class_of
from lifecycle.statistics.task_metrics import (
    COST,
    METRICS,
    find_reversed,
    find_unmeasured,
    unmeasured_message,
)

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"


def measure_of(task: str) -> Any:
    """Return the function with which the notebook of a task measures."""
    notebook = json.loads((NOTEBOOKS / task / "train-register.ipynb").read_text())
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    (source,) = [one for one in sources if one.startswith("def measure(")]
    names = {**vars(sklearn_metrics), "decision": {}}
    names |= {"np": np, "classes": ["a", "b", "c"]}
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
                "brier": 0.1675,
            },
        ),
        (
            "multiclass",
            [0, 0, 1, 2],
            [[0.7, 0.2, 0.1], [0.4, 0.55, 0.05], [0.05, 0.5, 0.45], [0.2, 0.2, 0.6]],
            {
                "accuracy": 0.75,
                "balanced_accuracy": 2.5 / 3,
                "f1_macro": 7 / 9,
                "precision_macro": 2.5 / 3,
                "recall_macro": 2.5 / 3,
                "roc_auc_ovr": 8 / 9,
                "logloss": 0.619235,
                "recall of a": 0.5,
                "recall of b": 1,
                "recall of c": 1,
                "precision of a": 1,
                "precision of b": 0.5,
                "precision of c": 1,
                "f1 of a": 2 / 3,
                "f1 of b": 2 / 3,
                "f1 of c": 1,
            },
        ),
    ],
)
def test_the_metrics_of_a_task_are_those_that_its_notebook_measures(
    task: str, truth: list[float], prediction: list[Any], expected: dict[str, float]
) -> None:
    """A gate of model.yaml is checked before training, and evaluated after it."""
    measured = measure_of(task)(np.array(truth), np.array(prediction, dtype="float32"))

    assert measured == pytest.approx(expected, abs=1e-5)
    # What mistakes cost is only known with `decision` in model.yaml.
    of_all = sorted(one for one in measured if not class_of(one))
    assert of_all == [one for one in METRICS[task] if one != COST]


@pytest.mark.parametrize(
    ("task", "metric", "expected"),
    [
        ("regression", "rsme", "of a regression; did you mean 'rmse'? it has mae, r2,"),
        ("regression", "auc", "of a regression; it has mae, r2, rmse; measure "),
        ("binary", "rmse", "of a binary classification; it has accuracy, auc, brier,"),
        (
            "multiclass",
            "auc",
            "of a multiclass classification; it has accuracy, balanced_accuracy, "
            "f1_macro, logloss, precision_macro, recall_macro, roc_auc_ovr, and of a "
            "class recall, precision, f1, as `recall of Adelie`; measure another",
        ),
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
        (
            "multiclass",
            {"recall of a b": {"max": 0.9}},
            "gates.recall of a b.max: more recall of a b is better; give min",
        ),
        ("multiclass", {"f1 of a by sex": {"min": 0.9}}, ""),
        ("regression", {"rmse": {"max": 1.0}, "r2": {"min": 0.1}}, ""),
        ("binary", {"threshold": {"max": 0.9}}, ""),
    ],
)
def test_a_gate_in_the_wrong_direction_is_found(task, gates, expected) -> None:
    """It would pass a worse model; a notebook's own metric is not known here."""
    message = find_reversed(task, gates)

    assert message.startswith(expected)
    assert bool(message) is bool(expected)


@pytest.mark.parametrize(
    "metric",
    ["recall of Adelie", "precision of 1", "f1 of a of b", "recall of a by island"],
)
def test_each_class_may_have_a_gate(metric: str) -> None:
    """Which classes there are is known when the data is prepared."""
    assert find_unmeasured("multiclass", [metric]) == []
    assert find_unmeasured("binary", [metric]) == [metric.partition(" by ")[0]]
