"""The quality gates of `model.yaml`, judged on the metrics of a candidate."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from runner.errors import SpecError, did_you_mean

Bounds = Mapping[str, float | None]
RULES = ("min", "max", "worse_than_live")
# What `runner.evaluation.measure` measures, known here without importing it.
METRICS = {
    "regression": ("mae", "r2", "rmse"),
    "binary": ("accuracy", "auc", "f1", "logloss", "precision", "recall"),
}
LESS_IS_BETTER = frozenset({"error", "logloss", "mae", "mape", "mse", "rmse"})
NOTEBOOK = "train-register.ipynb"
TASKS = {"regression": "a regression", "binary": "a binary classification"}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One bound, the values on both sides of it, and whether it holds."""

    metric: str
    rule: str
    value: float
    bound: float | None
    live: float | None
    passed: bool
    reason: str

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'failed'}: {self.reason}"


def judge(
    metrics: Mapping[str, float],
    gates: Mapping[str, Bounds],
    live: Mapping[str, float] | None = None,
) -> list[Verdict]:
    """Judge a candidate's metrics, each bound on its own.

    `live` are the metrics of the model that is live, scored on the same rows.
    """
    return [
        verdict
        for metric, bounds in gates.items()
        for verdict in _verdicts(metric, _value(metric, metrics), bounds, live or {})
    ]


def find_unmeasured(task: str, gates: Iterable[str]) -> list[str]:
    """Find the gates on metrics that are not measured for a task."""
    return [metric for metric in gates if metric not in METRICS[task]]


def find_reversed(task: str, gates: Mapping[str, Bounds]) -> str:
    """Find a gate that would let through what is worse, and say what it should be."""
    for metric, bounds in gates.items():
        right = "max" if metric in LESS_IS_BETTER else "min"
        if metric in METRICS[task] and bounds.get(right) is None:
            wrong, better = ("min", "less") if right == "max" else ("max", "more")
            return f"gates.{metric}.{wrong}: {better} {metric} is better; give {right}"
    return ""


def unmeasured(task: str, metric: str) -> str:
    """Say that a gate has no metric, and which there are."""
    hint = did_you_mean(metric, METRICS[task])
    near = hint.startswith("did you mean")
    there = f"it has {', '.join(METRICS[task])}"
    remedy = f"{hint} {there}" if near else f"{there}; measure another in {NOTEBOOK}"
    return f"gates.{metric}: no metric of {TASKS[task]}; {remedy}"


def _value(metric: str, metrics: Mapping[str, float]) -> float:
    if metric not in metrics:
        hint = did_you_mean(metric, metrics)
        raise SpecError(f"model.yaml: gates.{metric}: no such metric here; {hint}")
    return float(metrics[metric])


def _verdicts(
    metric: str, value: float, bounds: Bounds, live: Mapping[str, float]
) -> Iterator[Verdict]:
    """Judge one metric by each of its bounds."""
    given = {rule: float(b) for rule, b in bounds.items() if b is not None}
    for rule in given:
        if rule not in RULES:
            hint = did_you_mean(rule, RULES)
            raise SpecError(f"model.yaml: gates.{metric}.{rule}: unknown key; {hint}")
    if ("min" in given) == ("max" in given):
        raise SpecError(
            f"model.yaml: gates.{metric}: give either min (more is better) or max "
            "(less is better)"
        )
    rule = "min" if "min" in given else "max"
    yield _absolute(metric, value, rule, given[rule], live.get(metric))
    if "worse_than_live" in given:
        yield _relative(metric, value, rule, given["worse_than_live"], live.get(metric))


def _absolute(
    metric: str, value: float, rule: str, bound: float, live: float | None
) -> Verdict:
    passed, word = _compared(value, rule, bound)
    return Verdict(
        metric=metric,
        rule=rule,
        value=value,
        bound=bound,
        live=live,
        passed=passed,
        reason=f"{metric} {value:.6g} is {word} {bound:.6g}",
    )


def _relative(
    metric: str, value: float, rule: str, share: float, live: float | None
) -> Verdict:
    """Judge against the live model, of which at most a share may be lost."""
    # The first version of a model, and the first with a metric, has nothing to lose.
    base = value if live is None or math.isnan(live) else live
    bound = base + abs(base) * (-share if rule == "min" else share)
    passed, word = _compared(value, rule, bound)
    against = f"{word} {bound:.6g}, the live model's {base:.6g} and {share * 100:.3g} %"
    if live is None or math.isnan(live):
        against = "not compared, no live model has it" if passed else "no number"
    return Verdict(
        metric=metric,
        rule="worse_than_live",
        value=value,
        bound=None if live is None else bound,
        live=live,
        passed=passed,
        reason=f"{metric} {value:.6g} is {against}",
    )


def _compared(value: float, rule: str, bound: float) -> tuple[bool, str]:
    """Compare, and say it in words; a NaN is on no side of any bound."""
    if math.isnan(value):
        return False, "no number, so not within"
    if rule == "min":
        return value >= bound, "at least" if value >= bound else "below"
    return value <= bound, "at most" if value <= bound else "above"
