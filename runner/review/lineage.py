"""Where a version came from, and where everything about it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runner.review.evidence import Evidence

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WORKFLOWS = "https://app.circleci.com/pipelines/workflows"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of the lineage; a link only where it leads somewhere safe."""

    name: str
    value: str
    link: str = ""


def lineage(evidence: Evidence) -> list[Fact]:
    """List what identifies a run and its outcome, as far as it is known."""
    return [fact for fact in _facts(evidence) if fact.value]


def workflow_link(evidence: Evidence) -> str:
    """Link to the CircleCI workflow in which the version is approved."""
    workflow = str(evidence.source.get("workflow", ""))
    return f"{WORKFLOWS}/{workflow}" if ID.fullmatch(workflow) else ""


def _facts(evidence: Evidence) -> Iterator[Fact]:
    source = evidence.source
    commit = str(evidence.fact("commit"))
    yield Fact(name="commit", value=f"{commit} {source.get('subject', '')}".strip())
    yield Fact(name="branch", value=str(source.get("branch", "")))
    yield _linked("pull request", str(source.get("pull_request", "")))
    yield Fact(name="run", value=str(evidence.fact("run_id")))
    yield _linked("CI job", str(evidence.fact("ci_url")))
    workflow = str(source.get("workflow", ""))
    yield Fact(name="CI workflow", value=workflow, link=workflow_link(evidence))
    yield Fact(name="package", value=str(evidence.result("package") or ""))
    yield Fact(name="approval", value=str(evidence.result("approval_status") or ""))
    yield Fact(name="fingerprint", value=str(evidence.fact("fingerprint")))
    yield Fact(name="training job", value=_job(evidence))
    yield Fact(name="model data", value=str(evidence.result("model_data") or ""))
    yield Fact(name="data sha256", value=str(evidence.result("data_sha256") or ""))
    yield Fact(name="training rows", value=str(evidence.result("train") or ""))
    yield Fact(name="evidence", value=str(source.get("evidence", "")))
    if before := evidence.former.get("package"):
        version = evidence.former.get("version")
        yield Fact(name="compared with", value=f"{before} (version {version})")


def _job(evidence: Evidence) -> str:
    job = evidence.evaluation.get("job") or {}
    return str(evidence.result("training_job") or job.get("name", ""))


def _linked(name: str, address: str) -> Fact:
    """Link to an address that a browser may follow, and to no other."""
    return Fact(name=name, value=address, link=_safe(address))


def _safe(address: str) -> str:
    return address if address.startswith("https://") else ""
