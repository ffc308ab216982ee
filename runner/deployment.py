"""What an endpoint runs: the SageMaker model and endpoint config of one package.

Their names are made of their content, so that making them again finds the same ones,
and going back to a version is naming its config again.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runner.errors import EndpointError
from runner.package import FORBIDDEN, MAX_VALUE, Package
from runner.session import client, role

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import ProductionVariantTypeDef, TagTypeDef

VARIANT = "AllTraffic"
# The least that SageMaker takes as limit of a blue/green update.
SHORTEST_LIMIT = 600


def ensure_config(package: Package, endpoint: Mapping[str, Any]) -> str:
    """Make the model and the endpoint config of a package, or find them made."""
    settings = _settings(endpoint)
    name = config_name(package, endpoint)
    created = as_tags({"created": datetime.now(UTC).isoformat(timespec="seconds")})
    sagemaker = client("sagemaker")
    _create(
        sagemaker.create_model,
        ModelName=name,
        PrimaryContainer={"ModelPackageName": package.arn},
        ExecutionRoleArn=role(),
        Tags=[*tags(package), *created],
    )
    _create(
        sagemaker.create_endpoint_config,
        EndpointConfigName=name,
        ProductionVariants=[_variant(name, settings)],
        Tags=[*tags(package), *created],
    )
    return name


def config_name(package: Package, endpoint: Mapping[str, Any]) -> str:
    """Name the model and the endpoint config of a package by their content."""
    data, settings = package.model_data, _settings(endpoint)
    content = [package.arn, data, package.image, role(), settings]
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{package.model}-v{package.version}-{digest}"


def settings_of(config: str) -> dict[str, Any]:
    """Read back from an endpoint config the settings that it was made of."""
    from botocore.exceptions import ClientError

    try:
        answer = client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        raise EndpointError(f"{config}: cannot be read; {message}") from error
    variant = answer["ProductionVariants"][0]
    if serverless := variant.get("ServerlessConfig"):
        memory, most = serverless["MemorySizeInMB"], serverless["MaxConcurrency"]
        return {"serverless": {"memory_mb": memory, "max_concurrency": most}}
    return {
        "instance_type": variant["InstanceType"],
        "instance_count": variant["InitialInstanceCount"],
    }


def guardrails(canary: Mapping[str, Any]) -> dict[str, Any]:
    """Translate `endpoint.canary` into what UpdateEndpoint takes."""
    if not canary:
        return {}
    routing = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": canary["percent"]},
        "WaitIntervalInSeconds": canary["wait_seconds"],
    }
    # It takes instances minutes to start, besides the wait.
    limit = SHORTEST_LIMIT + canary["wait_seconds"]
    policy = {
        "TrafficRoutingConfiguration": routing,
        "MaximumExecutionTimeoutInSeconds": limit,
    }
    alarms = [{"AlarmName": name} for name in canary["alarms"]]
    undo = {"AutoRollbackConfiguration": {"Alarms": alarms}}
    return {"DeploymentConfig": {"BlueGreenUpdatePolicy": policy} | undo}


def tags(package: Package) -> "list[TagTypeDef]":
    """Say on a resource whose it is and which content it serves."""
    values = {
        "owner": package.model,
        "version": str(package.version),
        "fingerprint": package.fingerprint,
        "commit": package.commit,
        "run_id": package.run_id,
        "package": package.arn,
    }
    return as_tags(values)


def as_tags(values: Mapping[str, str]) -> "list[TagTypeDef]":
    """Write values as tags, with what AWS does not accept in them replaced."""
    return [
        {"Key": key, "Value": FORBIDDEN.sub("-", value)[:MAX_VALUE]}
        for key, value in values.items()
    ]


def read_tags(arn: str) -> dict[str, str]:
    """Read a resource's tags."""
    pages = client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _settings(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what says how to serve; a canary only says how to get there."""
    kept = {key: value for key, value in endpoint.items() if value is not None}
    kept.pop("canary", None)
    return kept


def _create(call: Any, **request: Any) -> None:
    """Create a resource unless an earlier, or a concurrent, deploy has."""
    from botocore.exceptions import ClientError

    try:
        call(**request)
    except ClientError as error:
        message = error.response["Error"].get("Message", "")
        if "already exist" not in message:
            name = request.get("EndpointConfigName") or request["ModelName"]
            raise EndpointError(f"{name}: cannot be created; {message}") from error


def _variant(model: str, settings: Mapping[str, Any]) -> "ProductionVariantTypeDef":
    """Translate the keys of `model.yaml` into SageMaker's."""
    variant: ProductionVariantTypeDef = {"VariantName": VARIANT, "ModelName": model}
    if serverless := settings.get("serverless"):
        variant["ServerlessConfig"] = {
            "MemorySizeInMB": serverless["memory_mb"],
            "MaxConcurrency": serverless["max_concurrency"],
        }
        return variant
    variant["InstanceType"] = settings["instance_type"]
    variant["InitialInstanceCount"] = settings.get("instance_count", 1)
    variant["InitialVariantWeight"] = 1.0
    return variant
