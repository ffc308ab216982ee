"""A model's endpoint: deployed, verified, and put back as it was when that fails."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from runner.deployment import as_tags, config_name, ensure_config, guardrails
from runner.errors import EndpointError
from runner.failure import explain
from runner.invocation import Golden, check_golden, read_golden
from runner.invocation import invoke as invoke
from runner.live import Live, Progress, delete, live, settled
from runner.package import Package
from runner.retention import clean_up
from runner.session import client
from runner.undo import put_back
from runner.verification import attempt, check_archive, record, verdict
from runner.waiting import polls

__all__ = ["Live", "deploy", "invoke", "live"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A package on its way to its endpoint, or on its way back there."""

    package: Package
    config: str
    make: Callable[[], object]
    golden: Golden | None
    guardrails: Mapping[str, Any]
    deadline: float
    on_progress: Progress
    goes_back: bool = False
    rolled_back_from: str = ""


def deploy(
    package: Package,
    *,
    endpoint: Mapping[str, Any],
    wait_seconds: float = 1800,
    on_progress: Progress = print,
) -> Live:
    """Serve a package, verified, or leave what was live before."""
    canary = endpoint.get("canary") or {}
    # Read before anything changes: without it nothing could be verified.
    golden = read_golden(package)
    change = Change(
        package=package,
        config=config_name(package, endpoint),
        make=partial(ensure_config, package, endpoint),
        golden=golden,
        guardrails=guardrails(canary),
        deadline=time.monotonic() + wait_seconds + canary.get("wait_seconds", 0),
        on_progress=on_progress,
    )
    return carry_out(change)


def carry_out(change: Change) -> Live:
    """Bring a change into service, or leave what was live before."""
    package = change.package
    for _ in polls(change.deadline - time.monotonic()):
        before = _before(change)
        if before and before.serves(change.config):
            return _already(change, before)
        if before and not change.goes_back:
            attempt(before, package)
        if change.golden:
            check_archive(package, change.golden)
        # Made after the wait, lest another deploy's clean-up takes it meanwhile.
        change.make()
        if _requested(change, exists=before is not None):
            return _changed(change, before)
    raise EndpointError(f"{package.model}: kept busy by other deploys; try again later")


def _before(change: Change) -> Live | None:
    """Wait for other deploys; clear a failed creation away, it blocks the next."""
    name, deadline = change.package.model, change.deadline
    before = settled(name, deadline, change.on_progress)
    if before and before.status == "Failed":
        change.on_progress(f"endpoint {name}: Failed, deleting it")
        delete(name, deadline)
        return None
    return before


def _requested(change: Change, *, exists: bool) -> bool:
    """Create or update the endpoint, unless another deploy came first."""
    from botocore.exceptions import ClientError

    sagemaker = client("sagemaker")
    names: dict[str, Any] = {
        "EndpointName": change.package.model,
        "EndpointConfigName": change.config,
    }
    try:
        if exists:
            sagemaker.update_endpoint(**names, **change.guardrails)
        else:
            # What it serves is noted once that is verified.
            owner = as_tags({"owner": change.package.model})
            sagemaker.create_endpoint(**names, Tags=owner)
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        # Another deploy's, or our own whose answer was lost.
        if "in-progress" in message or "already existing" in message:
            return False
        name = change.package.model
        raise EndpointError(f"{name}: cannot be deployed; {message}") from error
    return True


def _already(change: Change, now: Live) -> Live:
    """Change nothing; verify what a deploy has left that did not get so far."""
    version = change.package.version
    if now.is_verified:
        _check(change)
        change.on_progress(f"version {version} is live already")
        return now
    try:
        _check(change)
    except EndpointError as error:
        back = put_back(change.package.model, now.trusted, change.on_progress)
        raise EndpointError(f"{error}; {back}") from error
    change.on_progress(f"version {version} is live already, and verified now")
    return _accepted(change, now, now)


def _changed(change: Change, before: Live | None) -> Live:
    """Wait for the new version, and let it stay only if it proves itself."""
    after = settled(change.package.model, change.deadline, change.on_progress)
    if not after or not after.serves(change.config):
        raise EndpointError(_failed(change, before, after))
    try:
        _check(change)
    except EndpointError as error:
        now = live(change.package.model)
        if now is None or not now.serves(change.config):
            # These may be another version's predictions, which is not ours to undo.
            raise EndpointError(f"{error}; another deploy came, now: {now}") from error
        former = (before.trusted or before.config) if before else ""
        back = put_back(change.package.model, former, change.on_progress)
        raise EndpointError(f"{error}; {back}") from error
    return _accepted(change, before, after)


def _check(change: Change) -> None:
    """Compare the endpoint's predictions with those recorded at training."""
    if change.golden:
        check_golden(change.package.model, change.golden)
        return
    number = change.package.version
    change.on_progress(f"version {number} has no golden rows to be verified by")


def _accepted(change: Change, before: Live | None, after: Live) -> Live:
    """Note what is live, and delete what has been out of use for long."""
    package = change.package
    former = before.trusted if before and not change.goes_back else ""
    record(
        after,
        package,
        before=former if former != after.config else "",
        rolled_back_from=change.rolled_back_from,
    )
    change.on_progress(f"version {package.version} is live")
    clean_up(package.model, change.on_progress)
    return replace(after, trusted=after.config, since=after.modified, attempted=0)


def _failed(change: Change, before: Live | None, after: Live | None) -> str:
    """Explain a change that ended elsewhere; a failed creation is cleared away."""
    lines = explain(change.package, before, after)
    if after and after.status == "Failed":
        delete(change.package.model, change.deadline)
        after = None
    return "\n  ".join([lines[0], f"live now: {verdict(after)}", *lines[1:]])
