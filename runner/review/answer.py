"""The first thing on the page: can this be approved, and why."""

from dataclasses import dataclass
from typing import Literal

from runner.review.evidence import Evidence
from runner.review.metrics import compared, gates, metrics

Tone = Literal["good", "mind", "bad", "idle"]
COMPARED = {
    "better": "better than",
    "worse": "worse than",
    "mixed": "partly better, partly worse than",
    "same": "as good as",
}
NOTHING = "Nothing was live before this run."


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the reviewer reads in the first second, and the reason."""

    tone: Tone
    title: str
    because: str
    failed_stage: str = ""
    error: str = ""
    open: bool = False


def answer(evidence: Evidence) -> Answer:
    """Say whether the run can be approved, in the words of somebody asked."""
    ended = evidence.unsuccessful
    if ended:
        return _unsuccessful(evidence, ended["stage"], ended["status"])
    if evidence.results("deploy"):
        because = _sentences(evidence, _serves(evidence))
        return Answer(tone="good", title="Deployed", because=because)
    if not evidence.records:
        because = "No stage ran; the log of the job says why."
        return Answer(
            tone="bad", title="Cannot be approved: nothing ran", because=because
        )
    if not evidence.results("train-register"):
        because = "The data is prepared; no model has been trained in this run."
        return Answer(tone="idle", title="Nothing to approve yet", because=because)
    return _registered(evidence)


def _serves(evidence: Evidence) -> str:
    endpoint = evidence.results("deploy").get("endpoint", evidence.model)
    already = ", as it did before this run" if evidence.was_live else ""
    return f"Endpoint {endpoint} serves version {evidence.version}{already}."


def _registered(evidence: Evidence) -> Answer:
    """Answer for a version that kept every bound and waits, or has been decided on."""
    said = evidence.package or evidence.results("train-register")
    by = said.get("approval_description", "")
    if said.get("approval_status") == "Rejected":
        return Answer(tone="bad", title="Rejected", because=by)
    if said.get("approval_status") == "Approved":
        because = _sentences(evidence, f"{by.rstrip('.')}." if by else "")
        return Answer(tone="good", title="Approved", because=because)
    if compared(evidence) in ("worse", "mixed"):
        title = "Can be approved, but look twice"
        return Answer(tone="mind", title=title, because=_sentences(evidence), open=True)
    because = _sentences(evidence)
    return Answer(tone="good", title="Can be approved", because=because, open=True)


def _unsuccessful(evidence: Evidence, stage: str, status: str) -> Answer:
    """Answer for a run that ended early: which stage, why, and what stays live."""
    live = evidence.baseline.get("version") or evidence.live_version
    stays = f"Version {live} stays live." if live else NOTHING
    missed = [one.reason for one in gates(evidence) if one.verdict == "failed"]
    error = ""
    if stage == "train-register" and missed:
        title = "Cannot be approved: a gate failed"
        because = f"{'; '.join(missed)}. No version was registered. {stays}"
    else:
        error = str(evidence.records[stage].get("error") or "")
        title, because = _ended(stage, status, stays)
    return Answer(
        tone="bad", title=title, because=because, failed_stage=stage, error=error
    )


def _ended(stage: str, status: str, stays: str) -> tuple[str, str]:
    if stage == "deploy":
        return "Not deployed", f"The endpoint was left, or put back, as it was. {stays}"
    because = f"No version was registered. {stays}"
    if status == "stopped":
        return "Cannot be approved: the run was stopped", because
    return f"Cannot be approved: {stage} failed", because


def _sentences(evidence: Evidence, first: str = "") -> str:
    """Say whether it kept its bounds, and how it compares."""
    return " ".join(filter(None, [first, _bounds(evidence), _beside(evidence)]))


def _bounds(evidence: Evidence) -> str:
    judged = [one.verdict for one in gates(evidence)]
    if "not judged" in judged:
        return "" if evidence.results("deploy") else "Not every gate was judged."
    if not judged or "failed" in judged:
        return ""
    if "not compared" in judged:
        return "Every gate passed that could be judged."
    return "Every gate passed." if len(judged) > 1 else "The gate passed."


def _beside(evidence: Evidence) -> str:
    """Say how it does beside the live model, if that is another one."""
    deployed = bool(evidence.results("deploy"))
    if evidence.was_live:
        return "" if deployed else "It was live before this run already."
    if not evidence.live_version:
        return "" if deployed else _first(evidence)
    if reason := evidence.scored.get("reason"):
        return f"It could not be compared with the live model: {reason}."
    if not (word := compared(evidence)):
        return ""
    former = f"version {evidence.live_version}"
    against = f"{former}, live before" if deployed else f"live {former}"
    return f"It is {COMPARED[word]} {against}{_against(evidence)}."


def _first(evidence: Evidence) -> str:
    if reason := evidence.baseline.get("reason"):
        return f"What was live could not be read: {reason}."
    return f"This is the first version. {NOTHING}"


def _against(evidence: Evidence) -> str:
    """Quote the metrics that have a gate, beside the live model's."""
    quoted = [
        f"{one.name} {one.candidate:.4g} against {one.live:.4g}"
        for one in metrics(evidence)
        if one.gated and one.candidate is not None and one.live is not None
    ]
    return f" ({', '.join(quoted)})" if quoted else ""
