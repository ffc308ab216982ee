"""Registering a trained model as a package of its group."""

import hashlib
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

from runner.deployment import as_tags
from runner.live import utc
from runner.package import Package, Status, describe, is_missing, packages, properties
from runner.session import client, run_uri
from runner.storage import write_json

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        InferenceSpecificationUnionTypeDef,
        ModelMetricsTypeDef,
    )

# How far back a registration that is repeated looks for itself.
RECENT = 10
# What the group's tags say of its newest package, for who looks at all models at once.
SHOWN = ("version", "fingerprint", "commit", "run_id", "since")


def register(
    model: str,
    *,
    image: str,
    model_data: str,
    metrics: Mapping[str, float],
    metadata: Mapping[str, str],
    approval_status: Status = "PendingManualApproval",
    description: str = "",
) -> Package:
    """Register a trained model with its metrics and lineage, once per training job."""
    # SageMaker takes one line; refusing it here would be after a paid training.
    about = " ".join(description.split())[:900]
    group = _ensure_group(model, about)
    for package in islice(packages(model), RECENT):
        if package.model_data == model_data:
            return package
    run_id, job = metadata["run_id"], metadata["training_job"]
    evidence = run_uri(model, run_id, "evidence")
    answer = client("sagemaker").create_model_package(
        ModelPackageGroupName=model,
        ModelPackageDescription=f"{about} Run {run_id}.".strip(),
        InferenceSpecification=_inference(image, model_data),
        ModelApprovalStatus=approval_status,
        ModelMetrics=_model_metrics(
            write_json(f"{evidence}/{job}/metrics.json", dict(metrics))
        ),
        CustomerMetadataProperties=properties(
            metrics, {**metadata, "evidence": evidence}
        ),
        # Whoever calls again after a lost answer gets the package of the first call.
        ClientToken=hashlib.sha256(f"{model} {model_data}".encode()).hexdigest()[:36],
    )
    package = describe(answer["ModelPackageArn"])
    newest = {
        **metadata,
        "version": str(package.version),
        "since": utc(package.created),
    }
    shown = {key: newest[key] for key in SHOWN if newest.get(key)}
    client("sagemaker").add_tags(ResourceArn=group, Tags=as_tags(shown))
    return package


def _ensure_group(model: str, description: str) -> str:
    """Create the package group unless it, or a concurrent run, is there already."""
    from botocore.exceptions import ClientError

    sagemaker = client("sagemaker")
    try:
        known = sagemaker.describe_model_package_group(ModelPackageGroupName=model)
        return known["ModelPackageGroupArn"]
    except ClientError as error:
        if not is_missing(error):
            raise
    try:
        made = sagemaker.create_model_package_group(
            ModelPackageGroupName=model,
            ModelPackageGroupDescription=description,
            Tags=as_tags({"owner": model}),
        )
        return made["ModelPackageGroupArn"]
    except ClientError as error:
        if "already exist" not in error.response["Error"]["Message"].lower():
            raise
    known = sagemaker.describe_model_package_group(ModelPackageGroupName=model)
    return known["ModelPackageGroupArn"]


def _inference(image: str, model_data: str) -> "InferenceSpecificationUnionTypeDef":
    return {
        "Containers": [{"Image": image, "ModelDataUrl": model_data}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }


def _model_metrics(uri: str) -> "ModelMetricsTypeDef":
    return {
        "ModelQuality": {
            "Statistics": {"ContentType": "application/json", "S3Uri": uri}
        }
    }
