"""Requests for training jobs: what is refused at once, and what is filled in."""

from moto.iam.models import iam_backends
from moto.sagemaker.exceptions import ValidationError

from embedded_aws.sagemaker import metrics
from embedded_aws.sagemaker.resources import Values


def refuse_role(arn: str) -> None:
    """Refuse a role that SageMaker cannot assume."""
    partition, account, name = arn.split(":")[1], arn.split(":")[4], arn.split("/")[-1]
    roles = iam_backends[account][partition].roles.values()
    if not any(role.name == name and role.arn == arn for role in roles):
        raise ValidationError(
            f"Could not assume role {arn}. Please ensure that the role exists and "
            "allows principal 'sagemaker.amazonaws.com' to assume the role."
        )


def refuse_unsuitable(request: Values) -> None:
    """Refuse what a built-in algorithm, spot training or this AWS does not take."""
    if request["AlgorithmSpecification"].get("MetricDefinitions"):
        raise ValidationError(
            "You can't override the metric definitions for Amazon SageMaker "
            "algorithms. Please retry the request without specifying metric "
            "definitions."
        )
    limits = request["StoppingCondition"]
    runtime = limits.get("MaxRuntimeInSeconds", 0)
    wait = limits.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining") and (wait is None or wait < runtime):
        raise ValidationError(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or "
            "equal to MaxRuntimeInSeconds"
        )
    if wait is not None and not request.get("EnableManagedSpotTraining"):
        raise ValidationError(
            "MaxWaitTimeInSeconds above 0 is not supported with Managed Spot Training "
            "disabled."
        )


def completed(request: Values) -> Values:
    """Fill in what the service adds to a request."""
    algorithm = {"EnableSageMakerMetricsTimeSeries": False} | request[
        "AlgorithmSpecification"
    ]
    output = {"KmsKeyId": "", "CompressionType": "GZIP"} | request["OutputDataConfig"]
    limits = {"MaxRuntimeInSeconds": 86400} | request["StoppingCondition"]
    switches = {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
    }
    filled = {
        "AlgorithmSpecification": algorithm
        | {"MetricDefinitions": metrics.definitions()},
        "InputDataConfig": [
            filled_channel(c) for c in request.get("InputDataConfig", [])
        ],
        "OutputDataConfig": output,
        "StoppingCondition": limits,
    }
    return switches | request | filled


def filled_channel(channel: Values) -> Values:
    """Fill in what the service adds to a channel."""
    source = channel["DataSource"]["S3DataSource"]
    source = {"S3DataDistributionType": "FullyReplicated"} | source
    wrapping = {"CompressionType": "None", "RecordWrapperType": "None"}
    return wrapping | channel | {"DataSource": {"S3DataSource": source}}
