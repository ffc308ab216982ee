"""The way back to a version that was live before, or to any approved one."""

import time
from collections.abc import Callable
from functools import partial
from itertools import islice

from runner.deployment import (
    as_tags,
    config_name,
    ensure_config,
    read_tags,
    settings_of,
)
from runner.endpoint import Change, carry_out
from runner.errors import EndpointError, NotApprovedError
from runner.invocation import read_golden
from runner.live import Live, Progress, live
from runner.package import Package, describe, packages, table
from runner.registry import find_package
from runner.retention import Retained, retained
from runner.session import client

RECENT = 10


def rollback(
    model: str,
    *,
    to: int | None = None,
    wait_seconds: float = 1800,
    on_progress: Progress = print,
) -> Live:
    """Serve the version that was live before, or the named one, verified.

    A retained version comes back as it was served; another one as what is live now.
    """
    now = live(model)
    if now is None:
        raise EndpointError(f"{model}: nothing is live, so there is no way back")
    package, config = _named(model, to) if to else _previous(now)
    if package.approval_status != "Approved":
        raise NotApprovedError(_not_approved(package))
    left = _left_behind(now, package)
    make: Callable[[], object] = _nothing
    if not config:
        settings = settings_of(now.config)
        config = config_name(package, settings)
        make = partial(ensure_config, package, settings)
    if config != now.config or not now.is_verified:
        # Should this be interrupted, the same command goes on in the same direction.
        intent = {"goes_back_to": config, "rolled_back_from": left}
        client("sagemaker").add_tags(ResourceArn=now.arn, Tags=as_tags(intent))
    change = Change(
        package=package,
        config=config,
        make=make,
        golden=read_golden(package),
        # Whoever goes back is in a hurry.
        guardrails={},
        deadline=time.monotonic() + wait_seconds,
        on_progress=on_progress,
        goes_back=True,
        rolled_back_from=left,
    )
    return carry_out(change)


def _left_behind(now: Live, package: Package) -> str:
    """Name the content that must not return by itself.

    Going further back leaves the same content behind, going forth to it none.
    """
    left = now.rolled_back_from or now.fingerprint
    return "" if package.fingerprint == left else left


def _nothing() -> None:
    """Make nothing: what is retained is there."""


def _named(model: str, version: int) -> tuple[Package, str]:
    """Find a version, and the config that it was served with last, if it was."""
    package = find_package(model, version)
    for one in retained(model):
        if one.verified and one.package == package.arn:
            return package, one.name
    return package, ""


def _previous(now: Live) -> tuple[Package, str]:
    """Find what was live before: each config's tags name the one that it replaced."""
    model = now.endpoint
    name = now.goes_back_to
    if not name and now.is_verified:
        name = read_tags(now.config_arn).get("before", "")
    elif not name:
        # What is live was never verified: then the last that was is meant.
        name = now.trusted
    found: list[Retained] = [one for one in retained(model) if one.name == name]
    if not found:
        raise EndpointError(_nothing_before(now))
    return describe(found[0].package), name


def _nothing_before(now: Live) -> str:
    """Say what else can be done where nothing is retained."""
    model, known = now.endpoint, list(islice(packages(now.endpoint), RECENT))
    others = [one for one in known if one.version != now.version]
    if not any(one.approval_status == "Approved" for one in others):
        return (
            f"{model}: version {now.version} is live, and no other version is approved,"
            " so there is no way back; go forward: fix the model, train it and have it "
            f"approved\n{table(known)}"
        )
    return (
        f"{model}: nothing is retained from before version {now.version}; name a "
        f"version with --to:\n{table(known)}"
    )


def _not_approved(package: Package) -> str:
    known = table(list(islice(packages(package.model), RECENT)))
    return (
        f"{package.model}: version {package.version} is {package.approval_status}, so "
        f"it is not served; name an approved one with --to:\n{known}"
    )
