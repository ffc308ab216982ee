"""DeploymentConfig: how traffic is to move to a new configuration, and what stops it.

Instances start at once here, and intervals pass in no time; alarms decide as on AWS.
"""

from math import ceil

from moto.sagemaker.exceptions import ValidationError

from embedded_aws.cloudwatch.models import alarm_states
from embedded_aws.sagemaker.resources import Values

# By type of routing the size that it needs, and may have.
SIZES = {"ALL_AT_ONCE": "", "CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


def check_deployment_config(
    config: Values, region: str, variants: list[Values]
) -> None:
    """Raise AWS's error for a deployment that cannot be carried out.

    Args:
        variants: the production variants of the new configuration.
    """
    if "BlueGreenUpdatePolicy" in config and "RollingUpdatePolicy" in config:
        raise ValidationError(
            "DeploymentConfig has both a BlueGreenUpdatePolicy and a "
            "RollingUpdatePolicy; give one."
        )
    if policy := config.get("BlueGreenUpdatePolicy"):
        _check_routing(policy["TrafficRoutingConfiguration"], variants)
    names = alarm_names(config)
    if missing := sorted(set(names) - set(alarm_states(region, names))):
        raise ValidationError(
            f"AutoRollbackConfiguration: no CloudWatch alarm {', '.join(missing)} in "
            f"{region}."
        )


def _check_routing(routing: Values, variants: list[Values]) -> None:
    wanted = SIZES[routing["Type"]]
    for name in filter(None, SIZES.values()):
        if (name in routing) != (name == wanted):
            needs = f"needs {wanted}" if name == wanted else f"takes no {name}"
            text = f"TrafficRoutingConfiguration of type {routing['Type']} {needs}."
            raise ValidationError(text)
    if not wanted:
        return
    for variant in variants:
        count = variant.get("InitialInstanceCount")
        if count is None:
            raise ValidationError(
                f"TrafficRoutingConfiguration of type {routing['Type']} needs "
                f"instances; variant {variant['VariantName']} is serverless."
            )
        if routing["Type"] == "CANARY":
            _check_canary(routing["CanarySize"], variant["VariantName"], count)


def _check_canary(size: Values, variant: str, count: int) -> None:
    value = size["Value"]
    is_share = size["Type"] == "CAPACITY_PERCENT"
    instances = ceil(count * value / 100) if is_share else value
    if instances * 2 > count:
        raise ValidationError(
            f"CanarySize of {value} {'%' if is_share else 'instances'} is {instances} "
            f"of {count} instances of variant {variant}: at most half of them may be."
        )


def alarm_names(config: Values) -> list[str]:
    """Return the names of the alarms that stop a deployment."""
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return [alarm["AlarmName"] for alarm in alarms if "AlarmName" in alarm]


def alarm_failure(config: Values, region: str) -> str:
    """Return the FailureReason of a deployment whose alarms went off, or nothing."""
    states = alarm_states(region, alarm_names(config))
    names = sorted(name for name, state in states.items() if state == "ALARM")
    if not names:
        return ""
    return f"One or more configured alarm(s) went into ALARM state: {', '.join(names)}."
