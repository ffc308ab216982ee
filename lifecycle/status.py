"""A model's status: what is registered, what is live, and what is missing between."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lifecycle.approval import approval_problem, approved_by, rejected_by
from lifecycle.aws import aws_errors, utc
from lifecycle.comparison import Bounds
from lifecycle.endpoint import (
    CHANGING,
    DAMAGED,
    EndpointState,
    read_hosting_of,
    read_state,
)
from lifecycle.endpoint_config import retained_configs, served_settings
from lifecycle.errors import LifecycleError, RegistryError
from lifecycle.gates import failures
from lifecycle.hosting import (
    capacity,
    describe_capacity,
    find_drift,
    kept_settings,
    retained_properties,
    version_in,
)
from lifecycle.packages import Mode, Package, describe, described, list_summaries
from lifecycle.refusals import find_refusal
from lifecycle.shown import judge

# The stages that a person runs to have a version of the checkout's content.
TRAIN = "--stage prepare --stage train-register"


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of a model, as registered or as live; number 0: there is none.

    Attributes:
        failed: which gates of model.yaml a registered version fails.
        compared: how it compared with what was live when it was registered.
        digest: of what it was registered with.
        approved: who approved it, and where, and when.
        rejected: who rejected it, when, and why.
        problem: why it may not be deployed though it is Approved; of the live one, why
            it could not be deployed now.
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
    """A model's newest package, what its endpoint serves, and its last deploy.

    Attributes:
        verified: whether a deploy has verified what is served; `verified_version`:
            what a deploy has verified last; 0: nothing that is kept.
        pending: the version that an update goes to.
        rollback_to: that of a rollback that has not ended.
        attempted: that of the last deploy, unless it was verified; `reason`: why it
            failed.
        deleted_config: the name of the live config if it was deleted.
        drift: how the endpoint's settings differ from model.yaml.
        kept: what others have set on it, which deploys keep.
        refusal: why SageMaker would refuse to change its settings to those of
            model.yaml, or could not take it back.
        way_back: the version that a rollback goes to; 0: none is known.
    """

    newest: Version = Version()
    live: Version = Version()
    verified: bool = True
    verified_version: int = 0
    rolled_back_from: str = ""
    pending: int = 0
    rollback_to: int = 0
    attempted: int = 0
    reason: str = ""
    deleted_config: str = ""
    drift: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    refusal: str = ""
    way_back: int = 0


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is to be done next; nothing if the endpoint serves what it should.

    Attributes:
        why: the endpoint does not serve the content; "" if it does.
        commands: arguments of `python -m runner`, of which any one goes on.
    """

    why: str = ""
    commands: tuple[str, ...] = ()


def read_status(
    model: str,
    fingerprint: str,
    approval: Mode = "manual",
    gates: Mapping[str, Bounds] = MappingProxyType({}),
    endpoint: Mapping[str, Any] | None = None,
) -> ModelStatus:
    """Read the status of a model from AWS.

    Args:
        gates: those of the checkout's model.yaml; `endpoint`: its section, to be
            compared with the live settings.
        fingerprint: of the checkout's content; its newest package is shown if there is
            one, else the model's newest package.
        approval: of the checkout's model.yaml.
    """
    newest = Version()
    if package := _newest(model, fingerprint, approval):
        same = package.fingerprint == fingerprint
        is_approved = package.approval_status == "Approved"
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
            problem=approval_problem(package, approval) if is_approved else "",
        )
    now = read_state(model)
    if now is None:
        reason = _recorded_failure(model, newest.version)
        attempted = newest.version if reason else 0
        return ModelStatus(newest=newest, attempted=attempted, reason=reason)
    served = _served(now.package)
    live = Version(
        digest=served.digest if served else "",
        approved=approved_by(served) if served else "",
        problem=_live_problem(now, served),
        version=now.version,
        status=now.status,
        fingerprint=now.fingerprint,
        commit=now.commit,
        run_id=now.run_id,
        since=utc(now.since),
    )
    drift, kept, refusal = _compare_settings(now, endpoint)
    former = now.previous_config if now.is_verified else now.verified_config
    return ModelStatus(
        newest=newest,
        live=live,
        verified=now.is_verified,
        verified_version=version_in(now.verified_config),
        rolled_back_from=now.rolled_back_from,
        pending=version_in(now.pending_config),
        rollback_to=version_in(now.rollback_target),
        attempted=now.attempted_version,
        reason=now.failure_reason or _recorded_failure(model, now.attempted_version),
        deleted_config=now.config if now.is_config_deleted else "",
        drift=drift,
        kept=kept,
        refusal=refusal,
        way_back=version_in(former),
    )


def next_step(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Say why the endpoint does not serve a content, and what to do."""
    live = status.live
    if live.status and live.status != "InService":
        return _not_in_service(model, fingerprint, status)
    if status.rollback_to:
        begun, back = status.rollback_to, f"rollback {model} --to"
        return Step(
            why=f"a rollback to version {begun} was begun and has not ended: python -m "
            f"runner {back} {begun} goes on with it, python -m runner {back} "
            f"{live.version} stays",
            commands=(f"{back} {begun}", f"{back} {live.version}"),
        )
    if live.fingerprint == fingerprint:
        return _same_content(model, fingerprint, status)
    was_trained_since = status.newest.since > live.since
    if status.rolled_back_from == fingerprint and not was_trained_since:
        return _rolled_back(model, fingerprint, status)
    step = _missing_step(model, fingerprint, status)
    if status.newest.version == live.version != 0:
        why = f"live version {live.version} has other content: train it"
        return Step(why=why, commands=step.commands)
    if not live.status:
        return step
    known = f"live version {live.version} has other content"
    foreign = "what is live was not deployed from here"
    return Step(
        why=f"{known if live.version else foreign}; {step.why}", commands=step.commands
    )


def ways_out(model: str, version: int = 0) -> str:
    """Name the ways out of a rollback, which otherwise stays; the same everywhere.

    Args:
        version: the approved one of the content that was rolled back from; 0: none.
    """
    fix = "fix this content and merge"
    forward = f"python -m runner rollback {model} --to {version}"
    return f"{fix}, or go forward again: {forward}" if version else fix


def _newest(model: str, fingerprint: str, approval: Mode) -> Package | None:
    """Return the package that a deploy of a content would take.

    Else the newest of this content, else the newest of the model.
    """
    known = list(list_summaries(model))
    same = [one for one in known if one.fingerprint == fingerprint]
    approved = described(one for one in same if one.approval_status == "Approved")
    for package in approved:
        its_own = package.fingerprint == fingerprint
        if its_own and not approval_problem(package, approval):
            return package
    return next(described([*same, *known]), None)


def _served(arn: str) -> Package | None:
    """Return the package that is live, if it is known and was not deleted."""
    with suppress(RegistryError):
        return describe(arn) if arn else None
    return None


def _live_problem(now: EndpointState, served: Package | None) -> str:
    """Say why the live version could not be deployed now; "" if it could."""
    if not now.package:
        return ""
    if served is None:
        return "was deleted from the registry"
    if served.approval_status != "Approved":
        return f"is {served.approval_status}"
    return ""


def _compare_settings(
    now: EndpointState, endpoint: Mapping[str, Any] | None
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Compare an endpoint with model.yaml.

    Returns:
        How it differs, what others have set, and why a deploy would be refused.
    """
    if endpoint is None or now.status in CHANGING or now.status == "Failed":
        return (), (), ""
    with suppress(LifecycleError), aws_errors():
        live = read_hosting_of(now)
        settings = served_settings(now.name, endpoint)
        kept = kept_settings(live, settings)
        arguments = retained_properties(live, settings, is_rollback=False)
        instances = capacity(live, settings, arguments)
        canary = endpoint.get("canary") or {}
        said = [describe_capacity(live, live.instances), *kept.described()]
        return (
            tuple(find_drift(live, settings) if now.version else ()),
            tuple(one for one in said if one),
            find_refusal(live, settings, kept, canary=canary, instances=instances),
        )
    return (), (), ""


def _recorded_failure(model: str, version: int) -> str:
    """Return why the last deploy of a version failed; "" if nothing says so.

    Whoever may not list tags gets the rest of the status all the same.
    """
    found = ""
    with suppress(LifecycleError), aws_errors():
        configs = retained_configs(model) if version else []
        found = next((one.failed for one in configs if one.version == version), "")
    return found


def _can_be_deployed(fingerprint: str, status: ModelStatus) -> bool:
    """Return whether a deploy of the content finds a version that it may serve."""
    newest = status.newest
    is_approved = newest.status == "Approved" and not newest.problem
    its_own = newest.fingerprint == fingerprint and not newest.failed
    return is_approved and its_own and not status.refusal


def _not_in_service(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Say what the endpoint is doing, or why it failed, and what to do."""
    now, reason = f"the endpoint is {status.live.status}", status.reason
    if status.live.status not in CHANGING:
        now += f": {reason}" if reason else ""
        if status.live.status in DAMAGED and status.verified_version:
            return _damaged(model, fingerprint, status, now)
        step = _missing_step(model, fingerprint, status)
        if _can_be_deployed(fingerprint, status):
            why = f"{now}; deploy again, which replaces it"
            return Step(why=why, commands=step.commands)
        return Step(why=f"{now}; {step.why}", commands=step.commands)
    if status.live.status == "Deleting":
        step = _missing_step(model, fingerprint, status)
        return Step(why=f"{now}; {step.why}", commands=step.commands)
    again = "run the command that began it again: it waits and then verifies"
    commands = [f"status {model}"]
    if status.rollback_to:
        now += f", a rollback to version {status.rollback_to} was begun"
        commands.append(f"rollback {model} --to {status.rollback_to}")
        again = f"python -m runner {commands[-1]}"
    elif status.pending:
        now += f" to version {status.pending}"
    if not status.rollback_to and _can_be_deployed(fingerprint, status):
        commands.append(f"run {model} --stage deploy")
    return Step(
        why=f"{now}: wait, then python -m runner status {model}; if no command is "
        f"waiting for it any more, {again}",
        commands=tuple(commands),
    )


def _damaged(model: str, fingerprint: str, status: ModelStatus, now: str) -> Step:
    """Name the ways out where an update has left the endpoint broken."""
    back = f"rollback {model} --to {status.verified_version}"
    deploys = _can_be_deployed(fingerprint, status)
    forward = [f"run {model} --stage deploy"] if deploys else []
    more = ", or deploy again" if deploys else ""
    return Step(
        why=f"{now}; put back version {status.verified_version}, which was verified, "
        f"with python -m runner {back}{more}",
        commands=(back, *forward),
    )


def _same_content(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Say what is wrong though the content is live, and what to do."""
    live, newest = status.live, status.newest
    deploys = _can_be_deployed(fingerprint, status)
    deploy = (f"run {model} --stage deploy",) if deploys else ()
    if live.problem:
        found = f"version {live.version} is live, and {live.problem}"
        if deploys:
            why = f"{found}: deploy version {newest.version}, which is approved"
            return Step(why=why, commands=deploy)
        back = (f"rollback {model}",) if status.way_back else ()
        go_back = "go back to a version that is approved, or " if back else ""
        return Step(
            why=f"{found}: {go_back}train again",
            commands=(*back, f"run {model} {TRAIN}"),
        )
    if not deploys and (status.deleted_config or status.drift or not status.verified):
        return _cannot_be_deployed(model, fingerprint, status)
    if status.deleted_config:
        return Step(
            why=f"the endpoint config {status.deleted_config} was deleted, the "
            "endpoint serves on without it: deploy again, which makes it again",
            commands=deploy,
        )
    if not status.verified:
        back = (f"rollback {model}",) if status.way_back else ()
        go_back = f"; or go back: python -m runner {back[0]}" if back else ""
        return Step(
            why="the endpoint has changed since a deploy verified it: deploy again, "
            f"which verifies it or puts back what was verified{go_back}",
            commands=(*deploy, *back),
        )
    if deploys and newest.version != live.version:
        return Step(
            why=f"version {newest.version} of this content is approved, and version "
            f"{live.version} is live: deploy it",
            commands=deploy,
        )
    if status.drift:
        return Step(
            why=f"the endpoint differs from model.yaml, {'; '.join(status.drift)}: "
            "deploy again, which changes it",
            commands=deploy,
        )
    return Step()


def _cannot_be_deployed(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Say what keeps a deploy from mending the endpoint of a content that is live."""
    if status.deleted_config:
        found = f"the endpoint config {status.deleted_config} was deleted"
    elif not status.verified:
        found = "the endpoint has changed since a deploy verified it"
    else:
        found = f"the endpoint differs from model.yaml, {'; '.join(status.drift)}"
    step = _missing_step(model, fingerprint, status)
    is_known = status.way_back and not status.deleted_config
    back = (f"rollback {model}",) if is_known else ()
    return Step(why=f"{found}; {step.why}", commands=(*step.commands, *back))


def _rolled_back(model: str, fingerprint: str, status: ModelStatus) -> Step:
    deploys = _can_be_deployed(fingerprint, status)
    version = status.newest.version if deploys else 0
    return Step(
        why=f"rolled back to version {status.live.version}: {ways_out(model, version)}",
        commands=(f"rollback {model} --to {version}",) if version else (),
    )


def _missing_step(model: str, fingerprint: str, status: ModelStatus) -> Step:
    """Name the step between training and serving that is missing."""
    newest, train = status.newest, f"run {model} {TRAIN}"
    version = f"version {newest.version}"
    if not newest.version:
        return Step(why="nothing is registered: train it", commands=(train,))
    if newest.fingerprint != fingerprint:
        word = "too" if status.live.version else "other content"
        why = f"the newest, {version}, has {word}: train it"
        return Step(why=why, commands=(train,))
    if newest.failed:
        why = f"{version} fails its gates, {newest.failed}: train a better one"
        return Step(why=why, commands=(train,))
    approve = f"approve {model} --version {newest.version}"
    if newest.status == "PendingManualApproval":
        compared = f" ({newest.compared})" if newest.compared else ""
        look = f"review {model} --version {newest.version}"
        why = f"{version} waits for approval{compared}"
        return Step(why=why, commands=(approve, look))
    if newest.status != "Approved":
        mend = "change what is wrong with it, and " if newest.rejected else ""
        why = f"{version} is {newest.status}: {mend}train again"
        return Step(why=why, commands=(train,))
    return _approved_step(model, status, approve, train)


def _approved_step(model: str, status: ModelStatus, approve: str, train: str) -> Step:
    """Say what keeps an approved version from being live."""
    newest, version = status.newest, f"version {status.newest.version}"
    if newest.problem:
        why = f"{version} is Approved, but cannot be deployed: it {newest.problem}"
        step = approve if approve in newest.problem else train
        return Step(why=why, commands=(step,))
    if status.refusal:
        why = f"{version} is approved, and cannot be deployed: {status.refusal}"
        return Step(why=why)
    deploy = f"run {model} --stage deploy"
    if status.attempted == newest.version:
        reason = status.reason or (
            f"build/{model}/index.html says why, in CircleCI among the artifacts of "
            "the deploy job"
        )
        why = f"{version} is approved, but its last deploy did not make it live: "
        return Step(why=f"{why}{reason}", commands=(deploy,))
    return Step(why=f"{version} is approved: deploy it", commands=(deploy,))
