"""The rows of a review: metrics and gates, candidate against live."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from lifecycle.evaluation_output import judge, number_or_none, read_live
from lifecycle.gates import RELATIVE, GateVerdict
from lifecycle.statistics.comparison import (
    Answer,
    Comparison,
    format_number,
    lower_is_better,
)
from runner.review.evidence import Evidence

GateResult = Literal[
    "passed", "failed", "undecided", "not comparable", "nothing live", "not judged"
]
Compared = Literal[Answer, "mixed", ""]


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric of the candidate and of the live model, on the same rows if both.

    Attributes:
        difference: candidate minus live, and `interval` its interval.
        share: the difference as a share of the live model's value.
        answer: what the interval says of the difference; None if there is none.
    """

    metric: str
    candidate: float | None
    candidate_interval: tuple[float, float] | None
    live: float | None = None
    difference: float | None = None
    share: float | None = None
    interval: tuple[float, float] | None = None
    answer: Answer | None = None
    gated: bool


@dataclass(frozen=True, kw_only=True)
class GateRow:
    """One bound of model.yaml, and whether the candidate keeps it.

    Attributes:
        asks: the bound in words.
        bound: in the metric's unit; None if nothing could be compared.
    """

    metric: str
    asks: str
    bound: float | None
    value: float | None
    interval: tuple[float, float] | None
    verdict: GateResult
    note: str = ""
    reason: str = ""


def metric_rows(evidence: Evidence) -> list[MetricRow]:
    """Return candidate and live model side by side, metrics with a gate first."""
    bounds = gates_asked(evidence)
    compared = _comparisons(evidence)
    names = {*evidence.metrics, *compared}
    return [
        _metric_row(evidence, name, compared.get(name), bounds)
        for name in sorted(names, key=lambda name: (name not in bounds, name))
    ]


def gate_rows(evidence: Evidence) -> list[GateRow]:
    """Return every bound with its verdict, judged from what the run measured.

    The gates of a run that ended before it measured anything are not judged.
    """
    bounds = gates_asked(evidence)
    if not evidence.metrics:
        return [
            GateRow(
                metric=metric,
                asks=_asks(rule, bound),
                bound=None,
                value=None,
                interval=None,
                verdict="not judged",
            )
            for metric, asked in bounds.items()
            for rule, bound in asked.items()
        ]
    verdicts = judge(evidence.metrics, bounds, _shown(evidence))
    return [_row(one, bounds[one.metric]) for one in verdicts]


def compared(evidence: Evidence) -> Compared:
    """Return in one word how the candidate compares, by its gated metrics."""
    found = {one.answer for one in metric_rows(evidence) if one.gated} - {None}
    if found >= {"better", "worse"}:
        return "mixed"
    words: tuple[Answer, ...] = (
        "worse",
        "better",
        "different",
        "no detectable difference",
        "not comparable",
    )
    return next((word for word in words if word in found), "")


def gates_asked(evidence: Evidence) -> Mapping[str, Mapping[str, Any]]:
    """Return the gates of model.yaml, else those that the notebook was given."""
    asked = evidence.source.get("settings", {}).get("gates")
    gates = asked or evidence.parameters("train-register").get("gates") or {}
    return {name: one for name, one in gates.items() if isinstance(one, Mapping)}


def _shown(evidence: Evidence) -> Mapping[str, Any]:
    """Return what the run showed; what it did not compare is not comparable."""
    shown = evidence.evaluation
    if evidence.live_score or not evidence.previous.get("version"):
        return shown
    return {**shown, "live": {"reason": "the notebook has not compared them"}}


def _comparisons(evidence: Evidence) -> Mapping[str, Comparison]:
    return read_live(evidence.live_score).comparisons


def _metric_row(
    evidence: Evidence,
    name: str,
    found: Comparison | None,
    bounds: Mapping[str, Mapping[str, Any]],
) -> MetricRow:
    value = number_or_none(evidence.metrics.get(name))
    shown = (evidence.evaluation.get("intervals") or {}).get(name)
    row = MetricRow(
        metric=name,
        candidate=value,
        candidate_interval=tuple(shown) if shown else None,
        gated=name in bounds,
    )
    if found is None:
        return row
    low, high = found.difference.low, found.difference.high
    live, difference = map(number_or_none, (found.live, found.difference.value))
    same_rows = found.rows == evidence.evaluation.get("test_rows")
    return replace(
        row,
        candidate=number_or_none(found.candidate),
        live=live,
        # That of another number of rows would be of another value.
        candidate_interval=row.candidate_interval if same_rows else None,
        difference=difference,
        share=difference / abs(live) if difference and live else None,
        interval=None if math.isnan(low + high) else (low, high),
        answer=found.answer(bounds.get(name, {})),
    )


def _row(verdict: GateVerdict, bounds: Mapping[str, Any]) -> GateRow:
    """Return the row of a bound that was judged."""
    note = verdict.note
    if verdict.rule == RELATIVE:
        asks, note = _asks(RELATIVE, bounds.get(RELATIVE)), "nothing is live"
        if verdict.bound is not None and verdict.live is not None:
            word = "at most" if lower_is_better(verdict.metric, bounds) else "at least"
            bound, live = format_number(verdict.bound), format_number(verdict.live)
            note = f"{word} {bound}; live: {live}"
        elif verdict.verdict != "nothing live":
            note = ""
    else:
        asks = _asks(verdict.rule, verdict.bound)
    interval = verdict.interval
    known = interval is not None and all(map(math.isfinite, interval))
    return GateRow(
        metric=verdict.metric,
        asks=asks,
        bound=number_or_none(verdict.bound),
        value=number_or_none(verdict.value),
        interval=interval if known else None,
        verdict=verdict.verdict,
        note=note,
        reason=verdict.reason,
    )


def _asks(rule: str, bound: Any) -> str:
    """Say what a bound asks for."""
    if rule == RELATIVE:
        share = f" {100 * bound:.3g} %" if isinstance(bound, int | float) else ""
        return f"at most{share} worse than live"
    word = {"min": "at least", "max": "at most"}.get(rule, rule)
    shown = f"{bound:.6g}" if isinstance(bound, int | float) else str(bound)
    return f"{word} {shown}"
