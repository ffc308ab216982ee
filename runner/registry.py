"""The model registry: a model's packages are registered, approved and found here."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from runner.errors import NotApprovedError, RegistryError
from runner.package import Package as Package
from runner.package import describe, properties, table
from runner.session import client, run_uri
from runner.storage import write_json

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        InferenceSpecificationUnionTypeDef,
        ModelMetricsTypeDef,
        ModelPackageSummaryTypeDef,
    )

Status = Literal["PendingManualApproval", "Approved", "Rejected"]

# How far back a registration looks for itself, and a table of packages reaches.
RECENT = 10


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
    _ensure_group(model, description)
    for package in islice(_packages(model), RECENT):
        if package.model_data == model_data:
            return package
    run_id, job = metadata["run_id"], metadata["training_job"]
    evidence = run_uri(model, run_id, "evidence", job, "metrics.json")
    answer = client("sagemaker").create_model_package(
        ModelPackageGroupName=model,
        ModelPackageDescription=f"{description} Run {run_id}.".strip(),
        InferenceSpecification=_inference(image, model_data),
        ModelApprovalStatus=approval_status,
        ModelMetrics=_model_metrics(write_json(evidence, dict(metrics))),
        CustomerMetadataProperties=properties(metrics, metadata),
    )
    return describe(answer["ModelPackageArn"])


def list_packages(model: str) -> list[Package]:
    """List a model's packages, newest first."""
    return list(_packages(model))


def find_package(model: str, version: int) -> Package:
    """Find one version of a model."""
    summaries = _summaries(model)
    for summary in summaries:
        if summary.get("ModelPackageVersion") == version:
            return describe(summary["ModelPackageArn"])
    newest = [str(one.get("ModelPackageVersion")) for one in summaries[:RECENT]]
    raise RegistryError(
        f"{model}: no version {version}; newest: {', '.join(newest) or 'none yet'}"
    )


def find_approved(model: str, fingerprint: str) -> Package:
    """Find the newest approved package of this very content."""
    for package in _packages(model, status="Approved"):
        if package.fingerprint == fingerprint:
            return package
    raise NotApprovedError(_not_approved(model, fingerprint))


def approve(
    model: str, *, version: int | None = None, arn: str = "", description: str = ""
) -> Package:
    """Approve one package, by default the newest, and record who did."""
    package = describe(arn) if arn else _chosen(model, version)
    if package.model != model:
        raise RegistryError(f"{arn}: a package of {package.model}, not of {model}")
    if package.approval_status == "Approved":
        return package
    if package.approval_status == "Rejected":
        raise RegistryError(
            f"{model}: version {package.version} was rejected; train a new one"
        )
    caller = client("sts").get_caller_identity()["Arn"]
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription=f"{description or 'Approved'} by {caller}"[:1024],
    )
    return describe(package.arn)


def _not_approved(model: str, fingerprint: str) -> str:
    """Say what there is instead, and the one thing to do about it."""
    packages = list(islice(_packages(model), RECENT))
    head = f"{model}: no approved package has this content ({fingerprint[:12]})"
    same = [package for package in packages if package.fingerprint == fingerprint]
    pending = [one for one in same if one.approval_status == "PendingManualApproval"]
    if pending:
        number = pending[0].version
        remedy = (
            f"version {number} waits for approval: approve it in CircleCI, or with "
            f"`python -m runner approve {model} --version {number}`"
        )
    else:
        remedy = (
            f"train this content: push a branch, or "
            f"`python -m runner run {model} --stage prepare --stage train-register`, "
            "then approve it"
        )
    known = table(packages) if packages else "  nothing has been registered yet"
    return f"{head}; {remedy}\n{known}"


def _chosen(model: str, version: int | None) -> Package:
    if version is not None:
        return find_package(model, version)
    for package in _packages(model):
        return package
    raise RegistryError(f"{model}: nothing is registered; train it first")


def _packages(model: str, status: Status | None = None) -> Iterator[Package]:
    """Describe packages one by one, newest first: most callers need only the first."""
    for summary in _summaries(model, status):
        yield describe(summary["ModelPackageArn"])


def _summaries(
    model: str, status: Status | None = None
) -> "list[ModelPackageSummaryTypeDef]":
    """List the group's packages by version; a group not made yet has none."""
    from botocore.exceptions import ClientError

    paginator = client("sagemaker").get_paginator("list_model_packages")
    filters: dict[str, Any] = {"ModelApprovalStatus": status} if status else {}
    try:
        pages = list(paginator.paginate(ModelPackageGroupName=model, **filters))
    except ClientError as error:
        if not _is_missing(error):
            raise
        return []
    found = [one for page in pages for one in page["ModelPackageSummaryList"]]
    return sorted(found, key=lambda one: -one.get("ModelPackageVersion", 0))


def _ensure_group(model: str, description: str) -> None:
    """Create the package group unless it, or a concurrent run, is there already."""
    from botocore.exceptions import ClientError

    sagemaker = client("sagemaker")
    try:
        sagemaker.describe_model_package_group(ModelPackageGroupName=model)
        return
    except ClientError as error:
        if not _is_missing(error):
            raise
    try:
        sagemaker.create_model_package_group(
            ModelPackageGroupName=model,
            ModelPackageGroupDescription=description[:1024],
            Tags=[{"Key": "owner", "Value": model}],
        )
    except ClientError as error:
        if "already exist" not in error.response["Error"]["Message"].lower():
            raise


def _is_missing(error: Any) -> bool:
    """Tell an absent group from any other refusal: SageMaker has no code for it."""
    message = error.response["Error"].get("Message", "").lower()
    signs = ("does not exist", "not found", "could not find", "not exist")
    return any(sign in message for sign in signs)


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
