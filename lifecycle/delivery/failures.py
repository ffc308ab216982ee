"""Why an update of an endpoint failed, in words that say what to do."""

import re

from lifecycle.endpoint import DAMAGED, EndpointState

# The likely cause by what SageMaker's reason and the container's log say; the first
# match is named.
CAUSES = (
    (
        r"ResourceLimitExceeded|service limit|quota",
        (
            "an account quota: ask for a higher one in Service Quotas, or choose "
            "another endpoint.instance_type"
        ),
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
        (
            "the container did not load the model in time: its log says why, and if it "
            "says nothing, choose a larger endpoint.instance_type or more memory_mb"
        ),
    ),
    (
        r"gives no reason",
        "a person or a policy stopped the update: CloudTrail names the caller",
    ),
)


def likely_cause(text: str) -> str:
    """Return the likely cause of a failure by its reason and log; "" if unknown."""
    return next((cause for sign, cause in CAUSES if re.search(sign, text)), "")


def failure_reason(before: EndpointState | None, after: EndpointState | None) -> str:
    """Return SageMaker's reason for an update that failed, or what else ended it.

    Args:
        before: the endpoint before the update; None if there was none.
        after: the endpoint now.
    """
    if after is None:
        return "the endpoint was deleted meanwhile"
    if after.failure_reason:
        return after.failure_reason
    if after.status in DAMAGED:
        return f"it left the endpoint {after.status}"
    if after.status == "InService" and (not before or before.config != after.config):
        return "another deploy came after it"
    return "it was rolled back, and SageMaker gives no reason"
