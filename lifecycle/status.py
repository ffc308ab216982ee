"""A model's status: what is registered, what is live, and what is missing between."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

from lifecycle.approval import approval_problem, approved_by, rejected_by
from lifecycle.aws import aws_errors, utc
from lifecycle.comparison import Bounds
from lifecycle.endpoint import CHANGING, read_state, retained_configs, version_in
from lifecycle.errors import LifecycleError
from lifecycle.gates import failures
from lifecycle.registry import Mode, list_packages
from lifecycle.shown import judge

# How many versions are searched for a package of the checkout's content.
RECENT = 20


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a model, as registered or as live; number 0: there is none.

    Attributes:
        failed: which gates of model.yaml a registered version fails.
        compared: how it compared with what was live when it was registered.
        digest: of what it was registered with.
        approved: who approved it, and where, and when.
        rejected: who rejected it, when, and why.
        problem: why it may not be deployed though it is Approved.
    """

    version: int = 0
    status: str = ""
    fingerprint: str = ""
    commit: str = ""
    run_id: str = ""
    since: str = ""
    failed: str = ""
    compared: str = ""
    digest: str = ""
    approved: str = ""
    rejected: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelStatus:
    """A model's newest package, what its endpoint serves, and its last deploy."""

    newest: Version = Version()
    live: Version = Version()
    verified: bool = True
    rolled_back_from: str = ""
    # The version that an update goes to, and that of a rollback that has not ended.
    pending: int = 0
    rollback_to: int = 0
    # The version of the last deploy, unless it was verified; and why it failed.
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
            compared=package.metadata.get("compared", ""),
            digest=package.digest,
            approved=approved_by(package),
            rejected=rejected_by(package),
            problem=problems.get(package.arn, ""),
        )
    now = read_state(model)
    if now is None:
        reason = _recorded_failure(model, newest.version)
        attempted = newest.version if reason else 0
        return ModelStatus(newest=newest, attempted=attempted, reason=reason)
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
        pending=version_in(now.pending_config),
        rollback_to=version_in(now.rollback_target),
        attempted=now.attempted_version,
        reason=now.failure_reason or _recorded_failure(model, now.attempted_version),
    )


def why_not_in_sync(model: str, fingerprint: str, status: ModelStatus) -> str:
    """Say why the endpoint does not serve a content, and what to do; "" if it does."""
    live = status.live
    if live.status and live.status != "InService":
        return _not_in_service(model, status)
    if status.rollback_to:
        begun, back = status.rollback_to, f"python -m runner rollback {model} --to"
        return (
            f"a rollback to version {begun} was begun and has not ended: {back} "
            f"{begun} goes on with it, {back} {live.version} stays"
        )
    if live.fingerprint == fingerprint:
        return "" if status.verified else _not_verified(model)
    if status.rolled_back_from == fingerprint:
        return _rolled_back(model, fingerprint, status)
    if status.newest.version == live.version != 0:
        return f"live version {live.version} has other content: train it"
    missing = _missing_step(model, fingerprint, status)
    if not live.version:
        return missing
    return f"live version {live.version} has other content; {missing}"


def ways_out(model: str, version: int = 0) -> str:
    """Name the ways out of a rollback, which otherwise stays; the same everywhere.

    Args:
        version: the approved one of the content that was rolled back from; 0: none.
    """
    fix = "fix this content and merge"
    forward = f"python -m runner rollback {model} --to {version}"
    return f"{fix}, or go forward again: {forward}" if version else fix


def _recorded_failure(model: str, version: int) -> str:
    """Return why the last deploy of a version failed; "" if nothing says so.

    Whoever may not list tags gets the rest of the status all the same.
    """
    found = ""
    with suppress(LifecycleError), aws_errors():
        configs = retained_configs(model) if version else []
        found = next((one.failed for one in configs if one.version == version), "")
    return found


def _not_in_service(model: str, status: ModelStatus) -> str:
    """Say what the endpoint is doing, or why it failed, and what to do."""
    now = f"the endpoint is {status.live.status}"
    if status.live.status not in CHANGING:
        reason = f": {status.reason}" if status.reason else ""
        return f"{now}{reason}; deploy again, which replaces it"
    again = "run the command that began it again: it waits and then verifies"
    if status.rollback_to:
        now += f", a rollback to version {status.rollback_to} was begun"
        again = f"python -m runner rollback {model} --to {status.rollback_to}"
    elif status.pending:
        now += f" to version {status.pending}"
    return (
        f"{now}: wait, then python -m runner status {model}; if no command is "
        f"waiting for it any more, {again}"
    )


def _not_verified(model: str) -> str:
    return (
        "the endpoint has changed since a deploy verified it: deploy again, which "
        "verifies it or puts back what was verified; or go back: python -m runner "
        f"rollback {model}"
    )


def _rolled_back(model: str, fingerprint: str, status: ModelStatus) -> str:
    newest = status.newest
    approved = newest.fingerprint == fingerprint and newest.status == "Approved"
    out = ways_out(model, newest.version if approved else 0)
    return f"rolled back to version {status.live.version}: {out}"


def _missing_step(model: str, fingerprint: str, status: ModelStatus) -> str:
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
        compared = f" ({newest.compared})" if newest.compared else ""
        return f"{version} waits for approval{compared}"
    if newest.status != "Approved":
        mend = "change what is wrong with it, and " if newest.rejected else ""
        return f"{version} is {newest.status}: {mend}train again"
    if newest.problem:
        return f"{version} is Approved, but cannot be deployed: it {newest.problem}"
    if status.attempted == newest.version:
        why = status.reason or (
            f"build/{model}/index.html says why, in CircleCI among the artifacts of "
            "the deploy job"
        )
        return f"{version} is approved, but its last deploy did not make it live: {why}"
    return f"{version} is approved: deploy it"
