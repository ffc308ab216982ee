"""The decision that a page supports: metrics, gates, and the headline above them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from lifecycle.gates import (
    HIGHER_IS_BETTER,
    LOWER_IS_BETTER,
    RELATIVE,
    GateVerdict,
    judge,
)
from runner.review.evidence import Evidence

Direction = Literal["better", "worse", "same", ""]
GateResult = Literal["passed", "failed", "not judged", "not compared"]
Tone = Literal["good", "mind", "bad", "idle"]

SIGNS: Mapping[Tone, str] = {
    "good": "✓",
    "mind": "!",
    "bad": "✗",
    "idle": "\N{EN DASH}",
}
# Relative difference below which two values count as equal.
EQUAL = 1e-9
COMPARED = {
    "better": "better than",
    "worse": "worse than",
    "mixed": "partly better, partly worse than",
    "same": "as good as",
}
FAILED = "Cannot be approved: a gate failed"
NOTHING_LIVE = "Nothing was live before this run."


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric of the candidate and of the live model."""

    name: str
    candidate: float | None
    live: float | None
    direction: Direction
    gated: bool

    @property
    def difference(self) -> float | None:
        """Return candidate minus live, if both have a value."""
        if self.candidate is None or self.live is None:
            return None
        return self.candidate - self.live

    @property
    def share(self) -> float | None:
        """Return the difference as a share of the live model's value."""
        if not self.difference or not self.live:
            return None
        return self.difference / abs(self.live)


@dataclass(frozen=True, kw_only=True)
class GateRow:
    """One bound of model.yaml, and whether the candidate keeps it."""

    metric: str
    asks: str
    value: float | None
    verdict: GateResult
    note: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The first thing on the page: whether the run can be approved, and why."""

    tone: Tone
    title: str
    because: str
    failed_stage: str = ""
    error: str = ""
    # Whether a person has still to decide.
    open: bool = False


def headline(evidence: Evidence) -> Headline:
    """Say whether the run can be approved, and why."""
    ended = evidence.unsuccessful
    if ended:
        return _unsuccessful(evidence, ended["stage"], ended["status"])
    # What was decided since about a version says more than how its run ended.
    if evidence.error and not evidence.decision:
        return _ended_outside(evidence)
    if evidence.results("deploy"):
        because = _sentences(evidence, _serves(evidence))
        return Headline(tone="good", title="Deployed", because=because)
    if not evidence.records:
        because = "No stage ran; the log of the job says why."
        return Headline(
            tone="bad", title="Cannot be approved: nothing ran", because=because
        )
    if not evidence.results("train-register"):
        because = "The data is prepared; no model has been trained in this run."
        return Headline(tone="idle", title="Nothing to approve yet", because=because)
    return _registered(evidence)


def metric_rows(evidence: Evidence) -> list[MetricRow]:
    """Return candidate and live model side by side, metrics with a gate first."""
    bounds = _gates_asked(evidence)
    live = evidence.live_score.get("metrics") or {}
    rows = []
    for name in sorted(
        {*evidence.metrics, *live}, key=lambda name: (name not in bounds, name)
    ):
        candidate, former = _number(evidence.metrics.get(name)), _number(live.get(name))
        row = MetricRow(
            name=name,
            candidate=candidate,
            live=former,
            direction=_direction(name, candidate, former, bounds.get(name, {})),
            gated=name in bounds,
        )
        rows.append(row)
    return rows


def gate_rows(evidence: Evidence) -> list[GateRow]:
    """Return every bound with its verdict, judged here from the metrics of the run.

    A run that has not come to measure anything was not judged.
    """
    bounds = _gates_asked(evidence)
    if not evidence.metrics:
        return [
            GateRow(
                metric=metric,
                asks=_asks(rule, bound),
                value=None,
                verdict="not judged",
            )
            for metric, asked in bounds.items()
            for rule, bound in asked.items()
        ]
    verdicts = judge(evidence.metrics, bounds, evidence.live_score.get("metrics"))
    return [_row(one, bounds[one.metric]) for one in verdicts]


def compared(evidence: Evidence) -> Literal["better", "worse", "mixed", "same", ""]:
    """Return in one word how the candidate compares, by its gated metrics."""
    found = {one.direction for one in metric_rows(evidence) if one.gated} - {""}
    if found >= {"better", "worse"}:
        return "mixed"
    for word in ("better", "worse", "same"):
        if word in found:
            return word
    return ""


def _serves(evidence: Evidence) -> str:
    endpoint = evidence.results("deploy").get("endpoint", evidence.model)
    already = ", as it did before this run" if evidence.is_baseline else ""
    return f"Endpoint {endpoint} serves version {evidence.version}{already}."


def _registered(evidence: Evidence) -> Headline:
    """Return the headline of a version that is registered, decided on or not."""
    known = evidence.decision or evidence.results("train-register")
    by = known.get("approval_description", "")
    if known.get("approval_status") == "Rejected":
        return Headline(tone="bad", title="Rejected", because=by)
    if failed := _failed(evidence):
        # Whatever the notebook, or a person, has decided since.
        stays = f"Version {evidence.version} fails, and is never deployed."
        return Headline(tone="bad", title=FAILED, because=f"{failed}. {stays}")
    if known.get("approval_status") == "Approved":
        because = _sentences(evidence, f"{by.rstrip('.')}." if by else "")
        return Headline(tone="good", title="Approved", because=because)
    because = _sentences(evidence)
    if compared(evidence) in ("worse", "mixed"):
        title = "Can be approved, but look twice"
        return Headline(tone="mind", title=title, because=because, open=True)
    return Headline(tone="good", title="Can be approved", because=because, open=True)


def _unsuccessful(evidence: Evidence, stage: str, status: str) -> Headline:
    """Return the headline of a run that ended early: which stage, why, what is live."""
    live = evidence.baseline.get("version") or evidence.live_version
    stays = f"Version {live} stays live." if live else NOTHING_LIVE
    failed, error = _failed(evidence), ""
    registered = _registered_nothing(evidence, stage)
    if stage == "train-register" and failed:
        title, because = FAILED, f"{failed}. {registered} {stays}"
    else:
        error = str(evidence.records[stage].get("error") or "")
        title, because = _ended(stage, status, registered, stays)
    return Headline(
        tone="bad", title=title, because=because, failed_stage=stage, error=error
    )


def _ended_outside(evidence: Evidence) -> Headline:
    """Return the headline of a run that failed before, between or after its stages."""
    error = evidence.error
    if evidence.results("deploy"):
        title = "Deployed, but the run failed after it"
        because = _serves(evidence)
        return Headline(tone="mind", title=title, because=because, error=error)
    if "deploy" in evidence.source.get("stages", ()):
        title = "Not deployed: the deploy was refused"
        return Headline(tone="bad", title=title, because=error)
    if evidence.results("train-register"):
        return replace(_registered(evidence), error=error)
    title = "Cannot be approved: the run failed"
    if not evidence.records:
        title = "Cannot be approved: nothing ran"
    return Headline(tone="bad", title=title, because=error)


def _failed(evidence: Evidence) -> str:
    """Return the reasons of the gates that failed, in one line."""
    rows = gate_rows(evidence)
    return "; ".join(one.reason for one in rows if one.verdict == "failed")


def _registered_nothing(evidence: Evidence, stage: str) -> str:
    """Say that nothing was registered, or that what was is rejected."""
    versions = evidence.records[stage].get("rejected")
    if not versions:
        return "No version was registered."
    named = ", ".join(map(str, versions))
    return f"Version {named}, which the notebook registered all the same, is rejected."


def _ended(stage: str, status: str, registered: str, stays: str) -> tuple[str, str]:
    if stage == "deploy":
        return "Not deployed", f"The endpoint was left, or put back, as it was. {stays}"
    because = f"{registered} {stays}"
    if status == "stopped":
        return "Cannot be approved: the run was stopped", because
    return f"Cannot be approved: {stage} failed", because


def _sentences(evidence: Evidence, first: str = "") -> str:
    """Say whether the gates passed, and how the candidate compares."""
    parts = [first, _gates_sentence(evidence), _comparison_sentence(evidence)]
    return " ".join(filter(None, parts))


def _gates_sentence(evidence: Evidence) -> str:
    judged = [one.verdict for one in gate_rows(evidence)]
    if "not judged" in judged:
        return "" if evidence.results("deploy") else "Not every gate was judged."
    if not judged or "failed" in judged:
        return ""
    if "not compared" in judged:
        return "Every gate passed that could be judged."
    return "Every gate passed." if len(judged) > 1 else "The gate passed."


def _comparison_sentence(evidence: Evidence) -> str:
    """Say how the candidate compares with the live model, if that is another one."""
    deployed = bool(evidence.results("deploy"))
    if evidence.is_baseline:
        return "" if deployed else "It was live before this run already."
    if not evidence.live_version:
        return "" if deployed else _first_version(evidence)
    if reason := evidence.live_score.get("reason"):
        return f"It could not be compared with the live model: {reason}."
    if not (word := compared(evidence)):
        return ""
    former = f"version {evidence.live_version}"
    against = f"{former}, live before" if deployed else f"live {former}"
    quoted = [
        f"{one.name} {one.candidate:.4g} against {one.live:.4g}"
        for one in metric_rows(evidence)
        if one.gated and one.candidate is not None and one.live is not None
    ]
    values = f" ({', '.join(quoted)})" if quoted else ""
    return f"It is {COMPARED[word]} {against}{values}."


def _first_version(evidence: Evidence) -> str:
    if reason := evidence.baseline.get("reason"):
        return f"What was live could not be read: {reason}."
    return f"This is the first version. {NOTHING_LIVE}"


def _gates_asked(evidence: Evidence) -> Mapping[str, Mapping[str, Any]]:
    """Return the gates of model.yaml, else those that the notebook was given."""
    asked = evidence.source.get("settings", {}).get("gates")
    gates = asked or evidence.parameters("train-register").get("gates") or {}
    return {name: one for name, one in gates.items() if isinstance(one, Mapping)}


def _row(verdict: GateVerdict, bounds: Mapping[str, Any]) -> GateRow:
    """Return the row of a bound that was judged."""
    bound, note, reason = verdict.bound, "", verdict.reason
    result: GateResult = "passed" if verdict.passed else "failed"
    if verdict.rule == RELATIVE:
        if verdict.live is None:
            note = "nothing to compare with"
            result = "not compared" if verdict.passed else result
        else:
            word = "at most" if "max" in bounds else "at least"
            note = f"{word} {bound:.4g}, the live one has {verdict.live:.4g}"
            reason = _worse_reason(verdict, bounds.get(RELATIVE))
        bound = bounds.get(RELATIVE)
    return GateRow(
        metric=verdict.metric,
        asks=_asks(verdict.rule, bound),
        value=_number(verdict.value),
        verdict=result,
        note=note,
        reason=reason,
    )


def _worse_reason(verdict: GateVerdict, share: Any) -> str:
    """Say by how much a candidate is worse than it may be."""
    value = _number(verdict.value)
    shown = "no number" if value is None else f"{value:.4g}"
    if not isinstance(share, int | float):
        return verdict.reason
    return (
        f"{verdict.metric} is {shown}, more than {100 * share:.3g} % worse than the "
        f"live model's {verdict.live:.4g}"
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
    if abs(candidate - live) <= EQUAL * max(abs(candidate), abs(live)):
        return "same"
    less, more = "max" in bounds, "min" in bounds
    if less or (name in LOWER_IS_BETTER and not more):
        return "better" if candidate < live else "worse"
    if more or name in HIGHER_IS_BETTER:
        return "better" if candidate > live else "worse"
    return ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
