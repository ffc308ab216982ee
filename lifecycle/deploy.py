"""Deploys and rollbacks: a version is live only after it has been verified.

Both check first that the package and its objects are those that were approved, and
then change the endpoint in the same steps, which `lifecycle.delivery.update` takes.
"""

import time
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

from lifecycle.approval import approval_problem, check_approval, check_described
from lifecycle.aws import Progress, aws_errors, client
from lifecycle.data import keep_rows
from lifecycle.delivery.change import Update, plan_change
from lifecycle.delivery.update import bring_into_service
from lifecycle.endpoint import DAMAGED, EndpointState, read_hosting_of, read_state
from lifecycle.errors import EndpointError, LifecycleError, NotApprovedError
from lifecycle.registration.packages import (
    RECENT,
    Mode,
    Package,
    describe,
    find_package,
    list_packages,
    package_table,
)
from lifecycle.serving.endpoint_config import retained_configs
from lifecycle.serving.hosting import read_settings


def deploy(
    package: Package,
    *,
    endpoint: Mapping[str, Any],
    approval: Mode = "manual",
    wait_seconds: float = 1800,
    on_progress: Progress = print,
) -> EndpointState:
    """Serve a package and verify it, or leave the endpoint as it was.

    Args:
        endpoint: the section of model.yaml.
        approval: of model.yaml; with `manual` nothing is served that nobody approved.
        wait_seconds: the time limit, to which a canary's wait is added.

    Raises:
        EndpointError: the package is not live; the message says why, and what is.
        NotApprovedError: it is not approved, or its approval is not valid.
        IntegrityError: the package, its archive or its golden records are not those
            that were approved.
    """
    canary = endpoint.get("canary") or {}
    checked = check_approval(package, approval)
    package = checked.package
    update = Update(
        checked=checked,
        deadline=time.monotonic() + wait_seconds + canary.get("wait_seconds", 0),
        on_progress=on_progress,
        settings=endpoint,
        canary=canary,
    )
    now = bring_into_service(update)
    try:
        with aws_errors():
            keep_rows(package.metadata.get("test", ""))
    except LifecycleError as error:
        # It is live all the same.
        on_progress(f"the rows it was trained on may expire: {error}")
    return now


def roll_back(
    model: str,
    *,
    to: int | None = None,
    approval: Mode = "manual",
    wait_seconds: float = 1800,
    on_progress: Progress = print,
) -> EndpointState:
    """Serve the version that was live before, or the given one, and verify it.

    A version whose config is retained is served with that config, another one with the
    settings of the live config. The content that is rolled back from is recorded, so
    that no deploy brings it back by itself.

    Args:
        approval: of model.yaml; it does not matter for a version whose config is
            retained, which a deploy has accepted.

    Raises:
        EndpointError: there is no version to roll back to, or it is not live now.
        NotApprovedError: the version is not approved.
        IntegrityError: it is not what was approved.
    """
    now = read_state(model)
    if now is None:
        raise EndpointError(
            f"{model}: nothing is live, so there is nothing to roll back"
        )
    package, retained = _find_version(model, to) if to else _find_previous(now)
    if package.approval_status != "Approved":
        raise NotApprovedError(_not_approved_message(package))
    checked = check_described(package, None if retained else approval)
    package = checked.package
    # Rolling back again keeps the content first rolled back from; rolling forward to
    # that content clears it.
    left = now.rolled_back_from or now.fingerprint
    left = "" if package.fingerprint == left else left
    update = Update(
        checked=checked,
        deadline=time.monotonic() + wait_seconds,
        on_progress=on_progress,
        settings={} if retained else _live_settings(now),
        retained=retained,
        # No canary: a rollback is urgent.
        is_rollback=True,
        rolled_back_from=left,
        rolled_back_by=client("sts").get_caller_identity()["Arn"] if left else "",
    )
    # What SageMaker would refuse is refused before anything is recorded.
    planned = plan_change(update, now if now.status != "Failed" else None)
    config = planned.config
    target = retained or config
    if config != now.config or not now.is_verified:
        now.record_rollback(target, update.rolled_back_from)
    try:
        with aws_errors():
            return bring_into_service(update, planned)
    except LifecycleError as error:
        # An interruption is none: then the same command goes on.
        if problem := _withdraw_rollback(model, {target, config}, now.version):
            raise type(error)(f"{error}\n  {problem}") from error
        raise


def _live_settings(now: EndpointState) -> dict[str, Any]:
    """Return the settings of model.yaml that the live config was made from."""
    live = read_hosting_of(now)
    settings = read_settings(live)
    if not live.config or not settings:
        raise EndpointError(
            f"{now.name}: the endpoint config {now.config} was deleted, so it is not "
            "known how to serve another version; make it again, with `python -m runner "
            f"run {now.name} --stage deploy`, and roll back then"
        )
    return settings


def _find_version(model: str, version: int) -> tuple[Package, str]:
    """Find a version and the retained config that served it last; "" if none is."""
    package = find_package(model, version)
    for one in retained_configs(model):
        if one.verified and one.package == package.arn:
            return package, one.name
    return package, ""


def _find_previous(now: EndpointState) -> tuple[Package, str]:
    """Find the version that was live before, and its retained config.

    It is the target of an interrupted rollback; else what the live config replaced;
    else, if the live config was never verified or its update is damaged, the one that
    was.
    """
    name = now.rollback_target
    if not name:
        is_whole = now.is_verified and now.status not in DAMAGED
        name = now.previous_config if is_whole else now.verified_config
    for one in retained_configs(now.name):
        if one.name == name:
            return describe(one.package), name
    raise EndpointError(_no_previous_message(now))


def _no_previous_message(now: EndpointState) -> str:
    """Say what else can be done if no former config is retained."""
    model, known = now.name, list(islice(list_packages(now.name), RECENT))
    others = [
        one
        for one in known
        if one.version != now.version and one.approval_status == "Approved"
    ]
    if now.is_config_deleted:
        return (
            f"{model}: version {now.version} is live, and its endpoint config "
            f"{now.config}, which named the former one, was deleted; choose a version "
            f"with --to, or make it again: `python -m runner run {model} --stage "
            f"deploy`\n{package_table(known)}"
        )
    if all(approval_problem(one, None) for one in others):
        return (
            f"{model}: version {now.version} is live, and no other version is approved,"
            " so there is no way back; go forward: fix the model, train it and have it "
            f"approved\n{package_table(known)}"
        )
    return (
        f"{model}: version {now.version} is live, and no earlier endpoint config is "
        f"kept; choose a version with --to:\n{package_table(known)}"
    )


def _not_approved_message(package: Package) -> str:
    known = package_table(list(islice(list_packages(package.model), RECENT)))
    return (
        f"{package.model}: version {package.version} is {package.approval_status}, so "
        f"it is not served; name an approved one with --to:\n{known}"
    )


def _withdraw_rollback(name: str, targets: Collection[str], version: int) -> str:
    """Clear the record of a rollback that failed, so that no command goes on with it.

    An endpoint that still changes, or that was left with the version rolled back to,
    keeps it: the same command waits for it and verifies it.

    Args:
        targets: the config rolled back to, under both names that it may have.
        version: what was live before the rollback.

    Returns:
        A sentence if the record could not be cleared, else "".
    """
    try:
        with aws_errors():
            now = read_state(name)
            ours = now is not None and now.rollback_target in targets
            undone = now and now.status == "InService" and now.config not in targets
            if now and ours and undone:
                now.withdraw_rollback()
    except LifecycleError as error:
        return (
            f"the rollback is still recorded as begun, {error}; to stay with version "
            f"{version}: `python -m runner rollback {name} --to {version}`"
        )
    return ""
