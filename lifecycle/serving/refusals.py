"""What SageMaker refuses of an endpoint's update, or could not take back.

It is found before anything changes, and said with what to do instead.
"""

import re

from lifecycle.serving.hosting import VARIANT, Hosting, Kept, Values, shown

# Instances with local NVMe storage, which encrypt it themselves: m5d, g4dn, p4de, ...
LOCAL_STORAGE = re.compile(
    r"ml\.([a-z]+\d+[a-z]*d[a-z]*|i\d\w*|g5|g6e?|gr6|p[56]\w*|trn\w+|dl1)\."
)


def find_refusal(
    live: Hosting, settings: Values, kept: Kept, *, canary: Values, instances: int
) -> str:
    """Say why an endpoint cannot be updated, and what to do; "" if it can.

    Args:
        instances: how many it has after the update.
    """
    name = live.endpoint["EndpointName"]
    if not live.variant:
        names = ", ".join(one["VariantName"] for one in live.variants) or "none"
        return (
            f"it has the variants {names}, and it is not known which of them to "
            f"replace; leave one, or call one {VARIANT}"
        )
    if live.config and not live.variant.get("ModelName"):
        return (
            "it hosts inference components, and a deploy serves one model; call the "
            f"model otherwise, or delete the endpoint {name} and deploy again"
        )
    if live.config.get("AsyncInferenceConfig"):
        return (
            "it answers asynchronously, so nothing could be verified; call the model "
            f"otherwise, or delete the endpoint {name} and deploy again"
        )
    serverless = bool(settings.get("serverless"))
    if serverless != live.is_serverless:
        how = (
            "SageMaker updates no endpoint on instances to a serverless one"
            if serverless
            else "SageMaker cannot roll back a change from serverless to instances"
        )
        return (
            f"{how}; give `endpoint:` what is live, or make the endpoint anew, which "
            "interrupts its answers: `aws sagemaker delete-endpoint --endpoint-name "
            f"{name}`, and deploy again"
        )
    most = (settings.get("serverless") or {}).get("max_concurrency", 0)
    if kept.concurrency > most and serverless:
        return (
            f"others have provisioned it for {kept.concurrency} requests at once, more "
            f"than its max_concurrency of {most}; give more, or provision less"
        )
    return _find_instance_refusal(live, settings, kept, canary, instances)


def _find_instance_refusal(
    live: Hosting, settings: Values, kept: Kept, canary: Values, instances: int
) -> str:
    """Say what SageMaker refuses of an update of instances."""
    kind = str(settings.get("instance_type", ""))
    if canary and instances < 2:
        return (
            f"a canary takes at most half of the instances, and there is {instances}; "
            "give the endpoint two or more, or leave out endpoint.canary"
        )
    if has_local_storage(kind) and (key := kept.config.get("KmsKeyId")):
        return (
            f"others have set the KMS key {shown(key)} on it, which SageMaker takes "
            f"for no instance with local storage, as {kind}; choose another "
            "endpoint.instance_type"
        )
    now = live.variant.get("InstanceType", kind)
    if kind != now and live.scaling:
        resource = live.scaling[0]["ResourceId"]
        return (
            f"Application Auto Scaling scales its {now}, and SageMaker changes no "
            "instance type meanwhile; deregister it first: `aws "
            "application-autoscaling deregister-scalable-target "
            f"--service-namespace sagemaker --resource-id {resource} "
            "--scalable-dimension sagemaker:variant:DesiredInstanceCount`, and "
            "register it again afterwards"
        )
    return ""


def has_local_storage(instance_type: str) -> bool:
    """Return whether instances of a type have local storage, and so take no key."""
    return bool(LOCAL_STORAGE.match(instance_type))
