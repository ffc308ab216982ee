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
        endpoint = evidence.results("deploy").get("endpoint", evidence.model)
        serves = f"Endpoint {endpoint} serves version {evidence.version}."
        because = _sentences(evidence, serves)
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
    live = evidence.live_version
    stays = f"Version {live} stays live." if live else "Nothing is live."
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
    """Say how it compares, and whether it kept its bounds."""
    told = [first] if first else []
    judged = [one.verdict for one in gates(evidence)]
    if judged and set(judged) == {"passed"}:
        told.append("Every gate passed." if len(judged) > 1 else "The gate passed.")
    elif "not judged" in judged and not evidence.results("deploy"):
        told.append("Not every gate was judged.")
    if not evidence.live_version and not evidence.results("deploy"):
        told.append("First version: there is nothing live to compare it with.")
    elif reason := evidence.scored.get("reason"):
        told.append(f"It could not be compared with the live model: {reason}.")
    elif word := compared(evidence):
        told.append(
            f"It is {COMPARED[word]} live version {evidence.live_version}"
            f"{_against(evidence)}."
        )
    return " ".join(told)


def _against(evidence: Evidence) -> str:
    """Quote the metrics that have a gate, beside the live model's."""
    quoted = [
        f"{one.name} {one.candidate:.4g} against {one.live:.4g}"
        for one in metrics(evidence)
        if one.gated and one.candidate is not None and one.live is not None
    ]
    return f" ({', '.join(quoted)})" if quoted else ""
