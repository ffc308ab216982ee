"""The decision that a page supports: the headline, and what to look at first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lifecycle.gates import UNSURE
from lifecycle.statistics.comparison import format_within
from runner.review.evidence import Evidence
from runner.review.findings import suspicions
from runner.review.rows import (
    Compared,
    MetricRow,
    compared,
    gate_rows,
    gates_asked,
    metric_rows,
)

Tone = Literal["good", "mind", "bad", "idle"]

SIGNS: Mapping[Tone, str] = {
    "good": "✓",
    "mind": "!",
    "bad": "✗",
    "idle": "\N{EN DASH}",
}
COMPARED: Mapping[Compared, str] = {
    "better": "It is better than {}",
    "worse": "It is worse than {}",
    "mixed": "It is partly better, partly worse than {}",
    "different": "It differs from {}",
    "no detectable difference": "There is no detectable difference from {}",
}
FAILED = "Cannot be approved: a gate failed"
LOOK_CLOSER = "Can be approved, but look closer"
NOTHING_LIVE = "Nothing was live before this run."
# Drift is a concern if its size, 1 is strong, times the feature's importance, its share
# of the SHAP values, is at least this: strong drift of a feature with 10 %, less of a
# more important one.
IMPORTANT = 0.1


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The first thing on the page: whether the run can be approved, and why.

    Attributes:
        concerns: what a reviewer has to look at before approving.
        open: whether a person has still to decide.
    """

    tone: Tone
    title: str
    because: str
    failed_stage: str = ""
    error: str = ""
    concerns: Sequence[str] = ()
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


def concerns(evidence: Evidence) -> Iterator[str]:
    """Yield what a reviewer has to look at before approving, most serious first."""
    if evidence.is_baseline:
        return
    for gate in gate_rows(evidence):
        if gate.verdict == "undecided":
            yield f"Undecided: {gate.reason}"
        elif gate.verdict in UNSURE:
            yield gate.reason
    if (word := compared(evidence)) in ("worse", "mixed"):
        against = COMPARED[word].format("the live model")
        yield f"{against}, within the bounds of its gates"
    yield from loosened(
        evidence.previous.get("source", {}).get("settings", {}).get("gates") or {},
        gates_asked(evidence),
    )
    yield from suspicions(evidence)
    content = evidence.run_fact("fingerprint")
    if content and evidence.previous.get("rolled_back_from") == content:
        who, when = (evidence.previous.get(f"rolled_back_{k}") for k in ("by", "at"))
        known = f" on {str(when)[:16].replace('T', ' at ')} UTC" if when else ""
        known += f" by {who}" if who else ""
        yield f"This content was live before and was rolled back{known}"
    label = (evidence.prepared.get("columns") or [""])[0]
    for one in evidence.drift:
        counts = one.column == label or one.weight >= IMPORTANT
        if one.word != "no drift" and counts:
            yield one.sentence


def loosened(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Say which gates ask for less than they asked for of the live version."""
    found = []
    for metric, old in before.items():
        for rule, bound in old.items():
            given, gate = after.get(metric, {}).get(rule), f"The gate {metric}.{rule}"
            if not isinstance(bound, int | float):
                continue
            if not isinstance(given, int | float):
                found.append(f"{gate} was removed; it was {bound:g}")
            elif given < bound if rule == "min" else given > bound:
                found.append(f"{gate} was loosened, from {bound:g} to {given:g}")
    return found


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
        stays = f"So version {evidence.version} is never deployed."
        return Headline(tone="bad", title=FAILED, because=f"{failed}. {stays}")
    if known.get("approval_status") == "Approved":
        because = _sentences(evidence, f"{by.rstrip('.')}." if by else "")
        return Headline(tone="good", title="Approved", because=because)
    because = _sentences(evidence)
    if found := list(concerns(evidence)):
        return Headline(
            tone="mind", title=LOOK_CLOSER, because=because, concerns=found, open=True
        )
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
    return f"The notebook had registered version {named}, which is now rejected."


def _ended(stage: str, status: str, registered: str, stays: str) -> tuple[str, str]:
    if stage == "deploy":
        return "Not deployed", f"The endpoint is unchanged, or was restored. {stays}"
    because = f"{registered} {stays}"
    if status == "stopped":
        return "Cannot be approved: the run was stopped", because
    return f"Cannot be approved: {stage} failed", because


def _sentences(evidence: Evidence, first: str = "") -> str:
    """Say whether the gates passed, and how the candidate compares."""
    parts = [first, _gates_sentence(evidence), _comparison_sentence(evidence)]
    return " ".join(filter(None, [*parts, _data_sentence(evidence)]))


def _gates_sentence(evidence: Evidence) -> str:
    judged = [one.verdict for one in gate_rows(evidence)]
    if "not judged" in judged:
        return "" if evidence.results("deploy") else "Not every gate was judged."
    if not judged or "failed" in judged:
        return ""
    count = sum(one in UNSURE for one in judged)
    if count:
        return f"No gate failed; {count} of {len(judged)} could not be decided."
    if "nothing live" in judged:
        return "Every gate passed that could be judged."
    return "Every gate passed." if len(judged) > 1 else "The gate passed."


def _data_sentence(evidence: Evidence) -> str:
    """Say that the live version was trained on other data, if so."""
    before = evidence.previous
    old, new = before.get("data_sha256"), evidence.prepared.get("data_sha256")
    if not old or not new or old == new or evidence.results("deploy"):
        return ""
    then, now = (
        (known.get("rows") or {}).get("train") for known in (before, evidence.prepared)
    )
    rows = ""
    # As many rows have other columns or values.
    if then and now and then != now:
        rows = f": {now:,} training rows, before {then:,}"
    return f"The data has changed since version {before.get('version')}{rows}."


def _comparison_sentence(evidence: Evidence) -> str:
    """Say how the candidate compares with the live model, if that is another one."""
    deployed = bool(evidence.results("deploy"))
    if evidence.is_baseline:
        return "" if deployed else "This version was already live before this run."
    if not evidence.live_version:
        return "" if deployed else _first_version(evidence)
    former = f"version {evidence.live_version}"
    against = f"{former}, live before" if deployed else f"live {former}"
    if reason := evidence.live_score.get("reason"):
        return f"It is not comparable with {against}: {reason}."
    word = compared(evidence)
    if word == "not comparable":
        return f"It is not comparable with {against}."
    if not word:
        return ""
    quoted = [
        _quote(one)
        for one in metric_rows(evidence)
        if one.gated and one.candidate is not None and one.live is not None
    ]
    values = f" ({', '.join(quoted)})" if quoted else ""
    return f"{COMPARED[word].format(against)}{values}."


def _quote(row: MetricRow) -> str:
    """Quote a metric of both models, with the digits that its interval leaves."""
    values = (row.candidate, row.live)
    shown = [
        format_within(one, row.candidate_interval) for one in values if one is not None
    ]
    return f"{row.metric} {' against '.join(shown)}"


def _first_version(evidence: Evidence) -> str:
    if reason := evidence.baseline.get("reason"):
        return f"The live version could not be read: {reason}."
    return f"This is the first version. {NOTHING_LIVE}"
