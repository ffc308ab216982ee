"""A model's status: what is registered, what is live, and what is missing between."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from lifecycle.approval import approval_problem, approved_by
from lifecycle.aws import utc
from lifecycle.endpoint import read_state
from lifecycle.gates import Bounds, failures, judge
from lifecycle.registry import Mode, list_packages

# How many versions are searched for a package of the checkout's content.
RECENT = 20


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a model, as registered or as live; number 0: there is none.

    Attributes:
        failed: which gates of model.yaml a registered version fails.
        digest: of what it was registered with.
        approved: who approved it, and where, and when.
        problem: why it may not be deployed though it is Approved.
    """

    version: int = 0
    status: str = ""
    fingerprint: str = ""
    commit: str = ""
    run_id: str = ""
    since: str = ""
    failed: str = ""
    digest: str = ""
    approved: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelStatus:
    """A model's newest package, what its endpoint serves, and its last deploy."""

    newest: Version = Version()
    live: Version = Version()
    verified: bool = True
    rolled_back_from: str = ""
    # The version of the last deploy, unless it was verified; and why SageMaker failed.
    attempted: int = 0
    reason: str = ""


def read_status(
    model: str,
    fingerprint: str,
    approval: Mode = "manual",
    gates: Mapping[str, Bounds] = MappingProxyType({}),
) -> ModelStatus:
    """Read the status of a model from AWS.

    Args:
        gates: those of the checkout's model.yaml.
        fingerprint: of the checkout's content; its newest package is shown if there is
            one, else the model's newest package.
        approval: of the checkout's model.yaml.
    """
    known = list(islice(list_packages(model), RECENT))
    same = [one for one in known if one.fingerprint == fingerprint]
    problems = {
        one.arn: approval_problem(one, approval)
        for one in [*same, *known[:1]]
        if one.approval_status == "Approved"
    }
    deployable = [one for one in same if not problems.get(one.arn)]
    newest = Version()
    for package in [*deployable, *same, *known][:1]:
        newest = Version(
            version=package.version,
            status=package.approval_status,
            fingerprint=package.fingerprint,
            commit=package.commit,
            run_id=package.run_id,
            since=utc(package.created),
            failed=failures(judge(package.metrics, gates)) if same else "",
            digest=package.digest,
            approved=approved_by(package),
            problem=problems.get(package.arn, ""),
        )
    now = read_state(model)
    if now is None:
        return ModelStatus(newest=newest)
    served = next((one for one in known if one.arn == now.package), None)
    live = Version(
        digest=served.digest if served else "",
        approved=approved_by(served) if served else "",
        version=now.version,
        status=now.status,
        fingerprint=now.fingerprint,
        commit=now.commit,
        run_id=now.run_id,
        since=utc(now.since),
    )
    return ModelStatus(
        newest=newest,
        live=live,
        verified=now.is_verified,
        rolled_back_from=now.rolled_back_from,
        attempted=now.attempted_version,
        reason=now.failure_reason,
    )


def why_not_in_sync(model: str, fingerprint: str, status: ModelStatus) -> str:
    """Say why the endpoint does not serve a content, and what to do; "" if it does."""
    live = status.live
    if live.status and live.status != "InService":
        return f"the endpoint is {live.status}"
    if live.fingerprint == fingerprint:
        changed = "the endpoint has changed since a deploy verified it"
        return "" if status.verified else changed
    if status.rolled_back_from == fingerprint:
        return _rolled_back(model, fingerprint, status)
    if status.newest.version == live.version != 0:
        return f"live version {live.version} has other content: train it"
    missing = _missing_step(fingerprint, status)
    if not live.version:
        return missing
    return f"live version {live.version} has other content; {missing}"


def _rolled_back(model: str, fingerprint: str, status: ModelStatus) -> str:
    """Name both ways out of a rollback, which otherwise stays."""
    newest = status.newest
    fix = f"rolled back to version {status.live.version}: fix this content and merge"
    if newest.fingerprint != fingerprint or newest.status != "Approved":
        return fix
    forward = f"python -m runner rollback {model} --to {newest.version}"
    return f"{fix}, or go forward again: {forward}"


def _missing_step(fingerprint: str, status: ModelStatus) -> str:
    """Name the step between training and serving that is missing."""
    newest = status.newest
    if not newest.version:
        return "nothing is registered: train it"
    version = f"version {newest.version}"
    if newest.fingerprint != fingerprint:
        word = "too" if status.live.version else "other content"
        return f"the newest, {version}, has {word}: train it"
    if newest.failed:
        return f"{version} fails its gates, {newest.failed}: train a better one"
    if newest.status == "PendingManualApproval":
        return f"{version} waits for approval"
    if newest.status != "Approved":
        return f"{version} is {newest.status}: train again"
    if newest.problem:
        return f"{version} is Approved, but cannot be deployed: it {newest.problem}"
    if status.attempted == newest.version:
        why = status.reason or "the log of that deploy says why"
        return f"{version} is approved, but its last deploy did not make it live: {why}"
    return f"{version} is approved: deploy it"
