"""A model's status: what is registered, what is live, and what is missing between."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lifecycle.approval import approval_problem, approved_by, rejected_by
from lifecycle.aws import aws_errors, utc
from lifecycle.endpoint import (
    CHANGING,
    EndpointState,
    read_hosting_of,
    read_state,
)
from lifecycle.errors import LifecycleError, RegistryError
from lifecycle.evaluation_output import judge
from lifecycle.gates import failures
from lifecycle.registration.packages import (
    Mode,
    Package,
    describe,
    described,
    list_summaries,
)
from lifecycle.serving.endpoint_config import retained_configs, served_settings
from lifecycle.serving.hosting import (
    capacity,
    describe_capacity,
    find_drift,
    kept_settings,
    retained_properties,
    version_in,
)
from lifecycle.serving.refusals import find_refusal
from lifecycle.statistics.comparison import Bounds


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
        deleted: which of the live config and its SageMaker model was deleted.
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
    deleted: str = ""
    drift: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    refusal: str = ""
    way_back: int = 0


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
    package = _newest(model, fingerprint, approval)
    if package:
        asked = gates if package.fingerprint == fingerprint else {}
        newest = _registered(package, approval, asked)
    now = read_state(model)
    if now is None:
        reason = _recorded_failure(model, newest.version)
        attempted = newest.version if reason else 0
        return ModelStatus(newest=newest, attempted=attempted, reason=reason)
    is_newest = package and package.arn == now.package
    served = package if is_newest else _served(now.package)
    deleted = f"endpoint config {now.config}" if now.is_config_deleted else ""
    drift, kept, refusal, missing = _compare_settings(now, endpoint)
    former = now.previous_config if now.is_verified else now.verified_config
    return ModelStatus(
        newest=newest,
        live=_live(now, served),
        verified=now.is_verified,
        verified_version=version_in(now.verified_config),
        rolled_back_from=now.rolled_back_from,
        pending=version_in(now.pending_config),
        rollback_to=version_in(now.rollback_target),
        attempted=now.attempted_version,
        reason=now.failure_reason or _recorded_failure(model, now.attempted_version),
        deleted=deleted or missing,
        drift=drift,
        kept=kept,
        refusal=refusal,
        way_back=version_in(former),
    )


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


def _registered(
    package: Package, approval: Mode, gates: Mapping[str, Bounds]
) -> Version:
    """Return a version as it is registered.

    Args:
        gates: those that its metrics are to be judged by.
    """
    is_approved = package.approval_status == "Approved"
    return Version(
        version=package.version,
        status=package.approval_status,
        fingerprint=package.fingerprint,
        commit=package.commit,
        run_id=package.run_id,
        since=utc(package.created),
        failed=failures(judge(package.metrics, gates)),
        compared=package.metadata.get("compared", ""),
        digest=package.digest,
        approved=approved_by(package),
        rejected=rejected_by(package),
        problem=approval_problem(package, approval) if is_approved else "",
    )


def _served(arn: str) -> Package | None:
    """Return the package that is live, if it is known and was not deleted."""
    with suppress(RegistryError):
        return describe(arn) if arn else None
    return None


def _live(now: EndpointState, served: Package | None) -> Version:
    """Return a version as it is live.

    Args:
        served: its package, if it is known.
    """
    return Version(
        version=now.version,
        status=now.status,
        fingerprint=now.fingerprint,
        commit=now.commit,
        run_id=now.run_id,
        since=utc(now.since),
        digest=served.digest if served else "",
        approved=approved_by(served) if served else "",
        problem=_live_problem(now, served),
    )


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
) -> tuple[tuple[str, ...], tuple[str, ...], str, str]:
    """Compare an endpoint with model.yaml.

    Returns:
        How it differs, what others have set, why a deploy would be refused, and what
        of it was deleted.
    """
    if endpoint is None or now.status in CHANGING or now.status == "Failed":
        return (), (), "", ""
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
            live.missing,
        )
    return (), (), "", ""


def _recorded_failure(model: str, version: int) -> str:
    """Return why the last deploy of a version failed; "" if nothing says so.

    Whoever may not list tags gets the rest of the status all the same.
    """
    found = ""
    with suppress(LifecycleError), aws_errors():
        configs = retained_configs(model) if version else []
        found = next((one.failed for one in configs if one.version == version), "")
    return found
