"""Judging a candidate by the gates of its model.yaml."""

import math

import pytest

from lifecycle.evaluation import measure
from lifecycle.gates import (
    METRICS,
    evaluate_gates,
    find_reversed,
    find_unmeasured,
    unmeasured_message,
)
from runner.errors import SpecError


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
    ],
)
def test_a_bound_is_inclusive(
    value: float, bounds: dict[str, float], passed: bool, reason: str
) -> None:
    """A metric at its bound passes; one that is no number never does."""
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


def test_a_verdict_against_the_live_model_says_what_it_compares() -> None:
    """A reviewer reads bound, live value and slack in one sentence."""
    gates = {"rmse": {"max": 2.5, "worse_than_live": 0.05}}
    _, verdict = evaluate_gates({"rmse": 2.6}, gates, {"rmse": 2.1})

    assert str(verdict) == (
        "failed: rmse 2.6 is above 2.205, the live model's 2.1 and 5 %"
    )


@pytest.mark.parametrize("live", [None, {}, {"rmse": math.nan}])
def test_the_first_version_has_nothing_to_lose(live: dict[str, float] | None) -> None:
    """Without a live metric the relative gate passes, and says why."""
    gates = {"rmse": {"max": 2.5, "worse_than_live": 0.05}}
    _, verdict = evaluate_gates({"rmse": 2.0}, gates, live)

    assert verdict.passed
    assert verdict.reason == "rmse 2 is not compared, no live model has it"


def test_no_number_fails_without_a_live_model_too() -> None:
    """NaN passes no gate."""
    gates = {"rmse": {"max": 2.5, "worse_than_live": 0.05}}

    assert [one.passed for one in evaluate_gates({"rmse": math.nan}, gates)] == [
        False,
        False,
    ]


def test_each_bound_is_judged_on_its_own() -> None:
    """In the order of model.yaml; what is left out or null is no bound."""
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
    """A misspelt gate must not pass for lack of a number."""
    with pytest.raises(SpecError, match=r"gates\.rmes: no such metric .* 'rmse'"):
        evaluate_gates({"rmse": 1.0, "mae": 1.0}, {"rmes": {"max": 2.5}})


def test_an_unknown_rule_is_an_error_with_the_nearest() -> None:
    """Also in a gate that was written in the notebook."""
    with pytest.raises(SpecError, match=r"gates\.rmse\.maximum: .* 'max'"):
        evaluate_gates({"rmse": 1.0}, {"rmse": {"maximum": 2.5}})


@pytest.mark.parametrize("bounds", [{}, {"min": 1.0, "max": 2.0}])
def test_a_gate_has_one_direction(bounds: dict[str, float]) -> None:
    """Else nobody knows what worse is."""
    with pytest.raises(SpecError, match="give either min"):
        evaluate_gates({"rmse": 1.0}, {"rmse": bounds})


def test_the_metrics_of_a_task_are_those_that_are_measured() -> None:
    """What is checked before training is what is measured after it."""
    assert set(measure("regression", [1.0, 2.0], [1.5, 2.0])) == set(
        METRICS["regression"]
    )
    assert set(measure("binary", [0, 1], [0.2, 0.9])) == set(METRICS["binary"])


@pytest.mark.parametrize(
    ("task", "metric", "said"),
    [
        ("regression", "rsme", "of a regression; did you mean 'rmse'? it has mae, r2,"),
        ("regression", "auc", "of a regression; it has mae, r2, rmse; measure "),
        ("binary", "rmse", "of a binary classification; it has accuracy, auc, f1,"),
    ],
)
def test_a_gate_without_a_metric_is_told(task: str, metric: str, said: str) -> None:
    """With the nearest, and all there are."""
    assert unmeasured_message(task, metric).startswith(
        f"gates.{metric}: no metric {said}"
    )


@pytest.mark.parametrize("task", METRICS)
def test_gates_are_found_that_have_no_metric(task: str) -> None:
    """Each metric of the task may have one."""
    assert find_unmeasured(task, [*METRICS[task], "rsme"]) == ["rsme"]


@pytest.mark.parametrize(
    ("task", "gates", "said"),
    [
        ("regression", {"rmse": {"min": 1.0}}, "gates.rmse.min: less rmse is better"),
        ("binary", {"auc": {"max": 0.9}}, "gates.auc.max: more auc is better"),
        ("regression", {"rmse": {"max": 1.0}, "r2": {"min": 0.1}}, ""),
        ("binary", {"threshold": {"max": 0.9}}, ""),
    ],
)
def test_a_gate_in_the_wrong_direction_is_found(task, gates, said) -> None:
    """A worse model would pass it; of a notebook's own metric nobody knows."""
    assert find_reversed(task, gates).startswith(said)
    assert bool(find_reversed(task, gates)) is bool(said)
