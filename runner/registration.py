"""Registering a trained model as a package of its group."""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING

from runner.deployment import as_tags
from runner.live import utc
from runner.missing import missing_ok
from runner.package import Package, Status, describe, packages, properties
from runner.session import client, run_uri
from runner.storage import write_json

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        InferenceSpecificationUnionTypeDef,
        ModelMetricsTypeDef,
    )

# How far back a registration that is repeated looks for itself.
RECENT = 10
# What a package is registered once for.
IDENTITY = ("fingerprint", "run_id", "training_job")
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
    """Register a trained model with its metrics and lineage.

    Who asks again for the same content, run and training job, because an answer was
    lost or the notebook ended after it, gets the package of the first time.
    """
    # SageMaker takes one line; refusing it here would be after a paid training.
    about = " ".join(description.split())[:900]
    group = _ensure_group(model, about)
    newest = list(islice(packages(model), RECENT))
    package = _known(newest, metadata)
    if package is None:
        uri = _write_metrics(model, metrics, metadata)
        answer = client("sagemaker").create_model_package(
            ModelPackageGroupName=model,
            ModelPackageDescription=f"{about} Run {metadata['run_id']}.".strip(),
            InferenceSpecification=_inference(image, model_data),
            ModelApprovalStatus=approval_status,
            ModelMetrics=_model_metrics(uri),
            CustomerMetadataProperties=properties(
                metrics, {**metadata, "evidence": _evidence(model, metadata)}
            ),
            ClientToken=_token(model, metadata),
        )
        package = describe(answer["ModelPackageArn"])
    if package not in newest[1:]:
        _show_newest(group, package)
    return package


def _known(newest: Iterable[Package], metadata: Mapping[str, str]) -> Package | None:
    """Find what this very run has registered already of this training job."""
    same = (one for one in newest if _identity(one.metadata) == _identity(metadata))
    return next(same, None)


def _identity(metadata: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(metadata.get(key, "") for key in IDENTITY)


def _token(model: str, metadata: Mapping[str, str]) -> str:
    """Let SageMaker know a call that is repeated because its answer was lost."""
    text = " ".join((model, *_identity(metadata)))
    return hashlib.sha256(text.encode()).hexdigest()[:36]


def _evidence(model: str, metadata: Mapping[str, str]) -> str:
    return run_uri(model, metadata["run_id"], "evidence")


def _write_metrics(
    model: str, metrics: Mapping[str, float], metadata: Mapping[str, str]
) -> str:
    """Write the metrics where SageMaker shows them from."""
    folder = f"{_evidence(model, metadata)}/{metadata['training_job']}"
    return write_json(f"{folder}/metrics.json", dict(metrics))


def _show_newest(group: str, package: Package) -> None:
    """Let the group's tags say what its newest package is."""
    known = {
        **package.metadata,
        "version": str(package.version),
        "since": utc(package.created),
    }
    shown = {key: known[key] for key in SHOWN if known.get(key)}
    client("sagemaker").add_tags(ResourceArn=group, Tags=as_tags(shown))


def _ensure_group(model: str, description: str) -> str:
    """Create the package group unless it, or a concurrent run, is there already."""
    from botocore.exceptions import ClientError

    with missing_ok():
        return _group(model)
    try:
        made = client("sagemaker").create_model_package_group(
            ModelPackageGroupName=model,
            ModelPackageGroupDescription=description,
            Tags=as_tags({"owner": model}),
        )
        return made["ModelPackageGroupArn"]
    except ClientError as error:
        if "already exist" not in error.response["Error"]["Message"].lower():
            raise
    return _group(model)


def _group(model: str) -> str:
    known = client("sagemaker").describe_model_package_group(
        ModelPackageGroupName=model
    )
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
