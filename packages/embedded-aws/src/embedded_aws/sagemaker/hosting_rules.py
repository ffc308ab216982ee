"""What SageMaker refuses of endpoint configurations and updates.

Where AWS documents a rule but not the words, the words are our own.
"""

import re
from collections.abc import Sequence

from moto.sagemaker.exceptions import ValidationError

from embedded_aws.cloudwatch.models import alarm_states
from embedded_aws.sagemaker.resources import Values

# Instances with local storage, which encrypt it themselves: m5d, g4dn, p4de, ...
LOCAL_STORAGE = re.compile(
    r"ml\.([a-z]+\d+[a-z]*d[a-z]*|i\d\w*|g5|g6e?|gr6|p[56]\w*|trn\w+|dl1)\."
)
SHIFTED = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


def check_config(request: Values, variants: Sequence[Values]) -> None:
    """Refuse a configuration that no endpoint could have.

    Args:
        variants: its production variants.
    """
    capture = request.get("DataCaptureConfig", {})
    serverless = [one for one in variants if one.get("ServerlessConfig")]
    if serverless and capture.get("EnableCapture"):
        raise ValidationError("Data capture is not supported for serverless endpoints.")
    if serverless and (len(variants) > 1 or request.get("ShadowProductionVariants")):
        raise ValidationError(
            "Serverless endpoints support one production variant and no shadow variant."
        )
    for variant in variants:
        kind = variant.get("InstanceType", "")
        if request.get("KmsKeyId") and LOCAL_STORAGE.match(kind):
            raise ValidationError(
                f"KmsKeyId is not supported for {kind}, which has local storage."
            )


def check_network(model: Values, variant: Values) -> None:
    """Refuse a serverless variant of a model that needs a network of its own.

    Args:
        model: the request that created it.
    """
    for member in ("VpcConfig", "EnableNetworkIsolation"):
        if variant.get("ServerlessConfig") and model.get(member):
            raise ValidationError(
                f"{member} is not supported for serverless endpoints."
            )


def check_update(
    arn: str,
    now: Sequence[Values],
    new: Sequence[Values],
    deployment: Values | None,
) -> None:
    """Refuse an update that SageMaker does not make.

    From serverless to instances it does, but it could not roll that back.

    Args:
        now: the variants in service; `new`: those that are asked for, with the
            instance counts that they will have.
        deployment: the DeploymentConfig.
    """
    if _is_serverless(new) and not _is_serverless(now):
        raise ValidationError(
            f'Cannot update endpoint "{arn}" from instances to a serverless '
            "configuration."
        )
    policy = (deployment or {}).get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    if size := routing.get(SHIFTED.get(routing.get("Type", ""), "")):
        for variant in new:
            _check_shift(variant, size, routing["Type"])


def _is_serverless(variants: Sequence[Values]) -> bool:
    return any(one.get("ServerlessConfig") for one in variants)


def _check_shift(variant: Values, size: Values, kind: str) -> None:
    """Refuse to shift more than half of a variant's instances first."""
    name, count = variant["VariantName"], variant.get("InitialInstanceCount")
    if count is None:
        raise ValidationError(f"{kind} is not supported for serverless endpoints.")
    first = size["Value"]
    if size["Type"] == "CAPACITY_PERCENT":
        first = max(1, count * first // 100) if first <= 50 else count
    if 2 * first > count:
        raise ValidationError(
            f"{SHIFTED[kind]} of variant {name} is {size['Value']} "
            f"({size['Type']}): it must not exceed half of its {count} instances."
        )


def check_alarms(deployment: Values | None, region: str) -> None:
    """Refuse a deployment that is to be guarded by an alarm that does not exist."""
    names = _alarm_names(deployment)
    if missing := sorted(set(names) - set(alarm_states(region, names))):
        raise ValidationError(
            f"AutoRollbackConfiguration: no CloudWatch alarm {', '.join(missing)} in "
            f"{region}."
        )


def _alarm_names(deployment: Values | None) -> list[str]:
    alarms = (deployment or {}).get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return [alarm["AlarmName"] for alarm in alarms if "AlarmName" in alarm]


def alarm_failure(deployment: Values | None, region: str) -> str:
    """Return the FailureReason of a deployment whose alarms went off, or nothing."""
    states = alarm_states(region, _alarm_names(deployment))
    names = sorted(name for name, state in states.items() if state == "ALARM")
    if not names:
        return ""
    return f"One or more configured alarm(s) went into ALARM state: {', '.join(names)}."
