"""A candidate's metrics beside the live model's, and what its gates say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from runner.gates import LESS_IS_BETTER
from runner.review.evidence import Evidence

Direction = Literal["better", "worse", "same", ""]
Verdict = Literal["passed", "failed", "not judged", "not compared"]

# The one bound that needs a live model to be judged by.
RELATIVE = "worse_than_live"
# Without a gate that says so, these are known to be better small, or large.
LARGE = frozenset({"r2", "auc", "accuracy", "precision", "recall", "f1"})


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric of the candidate and of the live model."""

    name: str
    candidate: float | None
    live: float | None
    direction: Direction
    gated: bool

    @property
    def difference(self) -> float | None:
        """Subtract the live model's value, where both have one."""
        if self.candidate is None or self.live is None:
            return None
        return self.candidate - self.live

    @property
    def share(self) -> float | None:
        """Give the difference as a share of the live model's value."""
        if not self.difference or not self.live:
            return None
        return self.difference / abs(self.live)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One bound of `model.yaml`, and whether the candidate keeps it."""

    metric: str
    asks: str
    value: float | None
    verdict: Verdict
    note: str = ""
    reason: str = ""


def metrics(evidence: Evidence) -> list[Metric]:
    """Set candidate and live model side by side, those with a gate first."""
    bounds = _gates(evidence)
    live = evidence.scored.get("metrics") or {}
    names = {*evidence.metrics, *live}
    return [
        Metric(
            name=name,
            candidate=_number(evidence.metrics.get(name)),
            live=_number(live.get(name)),
            direction=_direction(
                name,
                _number(evidence.metrics.get(name)),
                _number(live.get(name)),
                bounds.get(name, {}),
            ),
            gated=name in bounds,
        )
        for name in sorted(names, key=lambda name: (name not in bounds, name))
    ]


def gates(evidence: Evidence) -> list[Gate]:
    """List every bound with its verdict; one that was never judged says so."""
    verdicts = evidence.evaluation.get("verdicts")
    if verdicts:
        bounds = _gates(evidence)
        return [_judged(one, bounds.get(one["metric"], {})) for one in verdicts]
    known = evidence.result("metrics") or {}
    told = evidence.results("train-register").get("gates") or {}
    return [
        Gate(
            metric=metric,
            asks=_asks(rule, bound),
            value=_number(known.get(metric)),
            verdict=_told(evidence, rule, told.get(metric)),
        )
        for metric, bounds in _gates(evidence).items()
        for rule, bound in bounds.items()
    ]


def _told(evidence: Evidence, rule: str, word: object) -> Verdict:
    """Take a notebook's word for a gate, as far as there was something to judge by."""
    if word != "passed":
        return "not judged"
    first = rule == RELATIVE and not evidence.live_version
    return "not compared" if first else "passed"


def compared(evidence: Evidence) -> Literal["better", "worse", "mixed", "same", ""]:
    """Say in one word how the candidate does beside the live model, by its gates."""
    found = {one.direction for one in metrics(evidence) if one.gated} - {""}
    if found >= {"better", "worse"}:
        return "mixed"
    for word in ("better", "worse", "same"):
        if word in found:
            return word
    return ""


def _gates(evidence: Evidence) -> Mapping[str, Mapping[str, Any]]:
    given = evidence.parameters("train-register").get("gates")
    gates = given or evidence.source.get("settings", {}).get("gates") or {}
    return {name: one for name, one in gates.items() if isinstance(one, Mapping)}


def _judged(verdict: Mapping[str, Any], bounds: Mapping[str, Any]) -> Gate:
    rule, bound = verdict["rule"], verdict["bound"]
    note, reason = "", verdict["reason"]
    kept: Verdict = "passed" if verdict["passed"] else "failed"
    if rule == RELATIVE:
        if verdict["live"] is None:
            note = "nothing to compare with"
            kept = "not compared" if verdict["passed"] else kept
        else:
            word = "at most" if "max" in bounds else "at least"
            note = f"{word} {bound:.4g}, the live one has {verdict['live']:.4g}"
            reason = _fell_behind(verdict, bounds.get(rule))
        bound = bounds.get(rule)
    return Gate(
        metric=verdict["metric"],
        asks=_asks(rule, bound),
        value=_number(verdict["value"]),
        verdict=kept,
        note=note,
        reason=reason,
    )


def _fell_behind(verdict: Mapping[str, Any], share: Any) -> str:
    """Say how far a candidate may fall behind, in the words of the page."""
    value = _number(verdict["value"])
    shown = "no number" if value is None else f"{value:.4g}"
    if not isinstance(share, int | float):
        return str(verdict["reason"])
    return (
        f"{verdict['metric']} is {shown}, more than {100 * share:.3g} % worse than the "
        f"live model's {verdict['live']:.4g}"
    )


def _asks(rule: str, bound: Any) -> str:
    """Say what a bound asks for."""
    if rule == RELATIVE:
        share = f" {100 * bound:.3g} %" if isinstance(bound, int | float) else ""
        return f"at most{share} worse than live"
    word = {"min": "at least", "max": "at most"}.get(rule, rule)
    shown = f"{bound:.6g}" if isinstance(bound, int | float) else str(bound)
    return f"{word} {shown}"


def _direction(
    name: str, candidate: float | None, live: float | None, bounds: Mapping[str, Any]
) -> Direction:
    if candidate is None or live is None:
        return ""
    if abs(candidate - live) <= 1e-9 * max(abs(candidate), abs(live)):
        return "same"
    less, more = "max" in bounds, "min" in bounds
    if less or (name in LESS_IS_BETTER and not more):
        return "better" if candidate < live else "worse"
    if more or name in LARGE:
        return "better" if candidate > live else "worse"
    return ""


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
