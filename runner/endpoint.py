"""A model's endpoint: deployed, verified, and put back as it was when that fails."""

import time
from collections.abc import Mapping
from typing import Any

from runner.deployment import ensure_config, tags
from runner.errors import EndpointError
from runner.invocation import Golden, check_golden, read_golden
from runner.invocation import invoke as invoke
from runner.live import Live, Progress, delete, live, settled
from runner.logs import tail
from runner.package import Package
from runner.session import client
from runner.waiting import polls

__all__ = ["Live", "deploy", "invoke", "live"]

# For putting a version back after the time limit: the endpoint matters more.
GRACE_SECONDS = 900


def deploy(
    package: Package,
    *,
    endpoint: Mapping[str, Any],
    wait_seconds: float = 1800,
    on_progress: Progress = print,
) -> Live:
    """Serve a package, verified, or leave what was live before."""
    deadline = time.monotonic() + wait_seconds
    # Read before anything changes: without it nothing could be verified.
    golden = read_golden(package)
    config = ensure_config(package, endpoint)
    for _ in polls(wait_seconds):
        before = _before(package.model, deadline, on_progress)
        if before and before.serves(config):
            on_progress(f"version {package.version} is live already")
            return before
        if _requested(package, config, exists=before is not None):
            after = settled(package.model, deadline, on_progress)
            if not after or not after.serves(config):
                raise EndpointError(_failed(package, before, after, deadline))
            _verify(package, config, golden, before, on_progress)
            client("sagemaker").add_tags(ResourceArn=after.arn, Tags=tags(package))
            on_progress(f"version {package.version} is live")
            return after
    raise EndpointError(f"{package.model}: kept busy by other deploys; try again later")


def _before(name: str, deadline: float, on_progress: Progress) -> Live | None:
    """Wait for other deploys; clear a failed creation away, it blocks the next."""
    before = settled(name, deadline, on_progress)
    if before and before.status == "Failed":
        on_progress(f"endpoint {name}: Failed, deleting it")
        delete(name, deadline)
        return None
    return before


def _requested(package: Package, config: str, *, exists: bool) -> bool:
    """Create or update the endpoint, unless another deploy came first."""
    from botocore.exceptions import ClientError

    sagemaker = client("sagemaker")
    name = package.model
    try:
        if exists:
            sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        else:
            sagemaker.create_endpoint(
                EndpointName=name, EndpointConfigName=config, Tags=tags(package)
            )
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        if "in-progress" in message or "already existing" in message:
            return False
        raise EndpointError(f"{name}: cannot be deployed; {message}") from error
    return True


def _verify(
    package: Package,
    config: str,
    golden: Golden | None,
    before: Live | None,
    on_progress: Progress,
) -> None:
    """Let a version stay only if it predicts what training recorded."""
    if golden is None:
        on_progress(f"version {package.version} has no golden rows to be verified by")
        return
    try:
        check_golden(package.model, golden)
    except EndpointError as error:
        now = live(package.model)
        if now is None or not now.serves(config):
            # These may be another version's predictions, which is not ours to undo.
            raise EndpointError(f"{error}; another deploy came, now: {now}") from error
        back = _put_back(package.model, before, on_progress)
        raise EndpointError(f"{error}; {back}") from error


def _failed(
    package: Package, before: Live | None, after: Live | None, deadline: float
) -> str:
    """Explain a deploy that ended elsewhere; a failed creation is cleared away."""
    name = package.model
    reason = _reason(before, after)
    log = tail(f"/aws/sagemaker/Endpoints/{name}", lines=10)
    if after and after.status == "Failed":
        delete(name, deadline)
        after = None
    lines = [
        f"{name}: version {package.version} did not go live; {reason}",
        f"live now: {after or 'nothing'}",
    ]
    if log:
        lines += ["the container's last words:", *(f"  {line}" for line in log)]
    return "\n  ".join(lines)


def _reason(before: Live | None, after: Live | None) -> str:
    if after is None:
        return "the endpoint was deleted meanwhile"
    if after.reason:
        return after.reason
    if after.status == "InService" and (not before or before.config != after.config):
        return "another deploy came after it"
    return "it was rolled back, and SageMaker gives no reason"


def _put_back(name: str, before: Live | None, on_progress: Progress) -> str:
    """Serve again what was live before a version that turned out wrong, and say so."""
    deadline = time.monotonic() + GRACE_SECONDS
    if before is None:
        delete(name, deadline)
        return "nothing was live before it, so the endpoint was deleted"
    on_progress(f"endpoint {name}: putting {before.config} back")
    client("sagemaker").update_endpoint(
        EndpointName=name, EndpointConfigName=before.config
    )
    after = settled(name, deadline, on_progress)
    if after and after.serves(before.config):
        return f"put back, live now: {after}"
    return f"{before.config} could not be put back, live now: {after or 'nothing'}"
