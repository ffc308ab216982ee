"""Why a version did not go live: SageMaker's reason, the log, the likely cause."""

import re

from runner.live import Live
from runner.logs import tail
from runner.package import Package

LAST_LINES = 10
# What SageMaker's reasons and the container's logs mostly come from, first match wins.
CAUSES = (
    (
        r"ResourceLimitExceeded|service limit|quota",
        "an account quota: ask for a higher one in Service Quotas, or choose another "
        "endpoint.instance_type",
    ),
    (
        r"InsufficientCapacity|CapacityError|Unable to provision",
        "AWS has no such instances left: try later, or another endpoint.instance_type",
    ),
    (
        r"Failed to extract",
        "the model archive is damaged: train again",
    ),
    (
        r"Failed to download model data|Could not find model data",
        "the model archive is gone, or SAGEMAKER_EXECUTION_ROLE_ARN may not read it",
    ),
    (
        r"[Aa]larm",
        "an alarm of endpoint.canary.alarms went off: look at it in CloudWatch",
    ),
    (
        r"not authorized|AccessDenied|assume role",
        "SAGEMAKER_EXECUTION_ROLE_ARN lacks a permission that the reason names",
    ),
    (
        r"MemoryError|Out of memory|OOM",
        "too little memory: choose a larger endpoint.instance_type, or more memory_mb",
    ),
    (
        r"ping health check",
        "the container did not load the model in time: its log says why, and if it "
        "says nothing, choose a larger endpoint.instance_type or more memory_mb",
    ),
    (
        r"gives no reason",
        "somebody, or a policy, stopped the update: CloudTrail names the caller",
    ),
)


def likely_cause(reason: str) -> str:
    """Name what mostly lies behind a reason; nothing where that is unknown."""
    return next((cause for sign, cause in CAUSES if re.search(sign, reason)), "")


def explain(package: Package, before: Live | None, after: Live | None) -> list[str]:
    """Explain a deploy that ended elsewhere, line by line."""
    reason = _reason(before, after)
    log = tail(f"/aws/sagemaker/Endpoints/{package.model}", lines=LAST_LINES)
    lines = [f"{package.model}: version {package.version} did not go live; {reason}"]
    if cause := likely_cause("\n".join([reason, *log])):
        lines.append(f"likely cause: {cause}")
    if log:
        lines += ["the container's last words:", *(f"  {line}" for line in log)]
    return lines


def _reason(before: Live | None, after: Live | None) -> str:
    if after is None:
        return "the endpoint was deleted meanwhile"
    if after.reason:
        return after.reason
    if after.status == "InService" and (not before or before.config != after.config):
        return "another deploy came after it"
    return "it was rolled back, and SageMaker gives no reason"
