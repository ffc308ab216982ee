"""What an endpoint runs: the SageMaker model and endpoint config of one package.

Their names are made of their content, so that making them again finds the same ones,
and going back to a version is naming its config again.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runner.errors import EndpointError
from runner.package import FORBIDDEN, MAX_VALUE, Package
from runner.session import client, role

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import ProductionVariantTypeDef, TagTypeDef

VARIANT = "AllTraffic"


def ensure_config(package: Package, endpoint: Mapping[str, Any]) -> str:
    """Make the model and the endpoint config of a package, or find them made."""
    settings = {key: value for key, value in endpoint.items() if value is not None}
    name = _name(package, settings)
    sagemaker = client("sagemaker")
    _create(
        sagemaker.create_model,
        ModelName=name,
        PrimaryContainer={"ModelPackageName": package.arn},
        ExecutionRoleArn=role(),
        Tags=tags(package),
    )
    _create(
        sagemaker.create_endpoint_config,
        EndpointConfigName=name,
        ProductionVariants=[_variant(name, settings)],
        Tags=tags(package),
    )
    return name


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
    return [
        {"Key": key, "Value": FORBIDDEN.sub("-", value)[:MAX_VALUE]}
        for key, value in values.items()
    ]


def read_tags(arn: str) -> dict[str, str]:
    """Read a resource's tags."""
    pages = client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _name(package: Package, settings: Mapping[str, Any]) -> str:
    content = [package.arn, package.model_data, package.image, role(), settings]
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{package.model}-v{package.version}-{digest}"


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
