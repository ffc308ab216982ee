"""The model registry: a model's package group, its versions and their approval.

A package's metadata says where the version came from: fingerprint, commit, run_id,
training_job, data_sha256, test, golden, ci_url and evidence; its metrics stand beside
them as `metric.<name>`. The group's tags repeat what its newest package is.
"""

import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from lifecycle.aws import (
    Run,
    add_tags,
    as_tags,
    clean_value,
    client,
    error_message,
    ignore_not_found,
    run_id_of,
    run_uri,
    utc,
)
from lifecycle.data import load_prepared
from lifecycle.errors import NotApprovedError, RegistryError
from lifecycle.gates import Bounds, evaluate_gates, require_passed
from lifecycle.invocation import record_golden
from lifecycle.s3 import write_json
from lifecycle.training import TrainingJob

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        DescribeModelPackageOutputTypeDef,
        MetricsSourceTypeDef,
        ModelPackageSummaryTypeDef,
    )

ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]

METRIC = "metric."
MAX_KEY = 128
# As many as SageMaker lists at once.
PAGE_SIZE = 100
# How many packages an error message shows, and how far back a repeated registration
# looks for itself.
RECENT = 10
GOLDEN_ROWS = 10
# A run registers one training job of one content once.
IDENTITY = ("fingerprint", "run_id", "training_job")
GROUP_TAGS = ("version", "fingerprint", "commit", "run_id", "since")
SHOW_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Package:
    """One version of a model: what it is made of, where it came from, its approval."""

    arn: str
    model: str
    version: int
    approval_status: str
    approval_description: str
    fingerprint: str
    commit: str
    run_id: str
    created: datetime
    modified: datetime
    metrics: Mapping[str, float]
    metadata: Mapping[str, str]
    image: str
    model_data: str

    def results(self) -> dict[str, Any]:
        """Return what a train-register notebook returns to the next stage."""
        return {
            "package": self.arn,
            "version": self.version,
            "approval_status": self.approval_status,
            "training_job": self.metadata.get("training_job", ""),
            "model_data": self.model_data,
            "metrics": dict(self.metrics),
            "fingerprint": self.fingerprint,
        }


def register(
    model: str,
    run: Run,
    job: TrainingJob,
    *,
    metrics: Mapping[str, float],
    live: Mapping[str, float] | None = None,
    golden: tuple[Any, Any],
) -> Package:
    """Register a trained model with its metrics, its lineage and its golden records.

    The package waits for approval unless model.yaml says `approval: pre-approved`.
    The gates are those of model.yaml, whatever the notebook has evaluated.

    Args:
        live: metrics of the live model on the same rows.
        golden: the test features (rows x features) and their predictions (rows); the
            first ten are recorded, and every endpoint has to repeat them.

    Raises:
        GateError: a gate failed, so nothing is registered.
    """
    require_passed(evaluate_gates(metrics, gates_of(model, run), live))
    prepared = load_prepared(model, run)
    rows, predictions = golden
    uri = record_golden(
        run_uri(model, run, "evidence", job.name, "golden.json"),
        [list(row) for row in getattr(rows, "to_numpy", lambda: rows)()[:GOLDEN_ROWS]],
        list(predictions[:GOLDEN_ROWS]),
    )
    pre_approved = run.get("approval") == "pre-approved"
    return create_package(
        model,
        image=job.image,
        model_data=job.model_data,
        metrics=metrics,
        metadata={
            "fingerprint": fingerprint_of(model, run),
            "commit": str(run.get("commit", "")),
            "run_id": run_id_of(run),
            "training_job": job.name,
            "data_sha256": prepared["data_sha256"],
            "test": prepared["test"],
            "golden": uri,
            "ci_url": str(run.get("ci_url", "")),
        },
        approval_status="Approved" if pre_approved else "PendingManualApproval",
        description=str(run.get("description", "")),
    )


def create_package(
    model: str,
    *,
    image: str,
    model_data: str,
    metrics: Mapping[str, float],
    metadata: Mapping[str, str],
    approval_status: ApprovalStatus = "PendingManualApproval",
    description: str = "",
) -> Package:
    """Create a model package, and its group if it is the model's first.

    A call that is repeated for the same content, run and training job, because a
    response was lost or the notebook ended after it, returns the package of the first.

    Args:
        model_data: S3 URI of the model archive.
        metadata: must hold fingerprint, run_id and training_job.
    """
    # SageMaker takes one line; refusing it here would be after a paid training.
    about = " ".join(description.split())[:900]
    group = _ensure_group(model, about)
    newest = list(islice(list_packages(model), RECENT))
    identity = _identity(metadata)
    package = next((p for p in newest if _identity(p.metadata) == identity), None)
    if package is None:
        evidence = run_uri(model, metadata["run_id"], "evidence")
        statistics = write_json(
            f"{evidence}/{metadata['training_job']}/metrics.json",
            _finite(metrics),
        )
        quality: MetricsSourceTypeDef = {
            "ContentType": "application/json",
            "S3Uri": statistics,
        }
        response = client("sagemaker").create_model_package(
            ModelPackageGroupName=model,
            ModelPackageDescription=f"{about} Run {metadata['run_id']}.".strip(),
            InferenceSpecification={
                "Containers": [{"Image": image, "ModelDataUrl": model_data}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            ModelApprovalStatus=approval_status,
            ModelMetrics={"ModelQuality": {"Statistics": quality}},
            CustomerMetadataProperties=_properties(
                metrics, {**metadata, "evidence": evidence}
            ),
            ClientToken=_client_token(model, identity),
        )
        package = describe(response["ModelPackageArn"])
    if package not in newest[1:]:
        _tag_group(group, package)
    return package


def fingerprint_of(model: str, run: Run) -> str:
    """Return the fingerprint of the content that a notebook runs."""
    return str(run.get("fingerprint") or _checkout(model)["fingerprint"])


def gates_of(model: str, run: Run) -> Mapping[str, Bounds]:
    """Return the gates that model.yaml asks for."""
    given = run.get("gates")
    found: Mapping[str, Bounds] = (
        _checkout(model)["spec"]["gates"] if given is None else given
    )
    return found


def _checkout(model: str) -> dict[str, Any]:
    """Return the model as the `runner` command shows it.

    Where no runner filled in `run`, because a person runs the notebook in JupyterLab,
    what counts is the checkout.
    """
    command = [sys.executable, "-m", "runner", "show", model, "--json"]
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=SHOW_SECONDS,
        check=False,
    )
    if answer.returncode:
        raise RegistryError(
            f"{model}: its fingerprint is unknown; {answer.stderr.strip()}"
        )
    return dict(json.loads(answer.stdout))


def describe(arn: str) -> Package:
    """Read a package by its ARN.

    Raises:
        RegistryError: it was deleted.
    """
    with ignore_not_found():
        return _read(client("sagemaker").describe_model_package(ModelPackageName=arn))
    raise RegistryError(f"{arn}: no such package; it was deleted")


def list_packages(
    model: str, approval_status: ApprovalStatus | None = None
) -> Iterator[Package]:
    """Yield a model's packages, newest first; each is described when it is asked for.

    A group that does not exist yet has none.
    """
    for summary in _summaries(model, approval_status):
        yield describe(summary["ModelPackageArn"])


def find_package(model: str, version: int | None = None) -> Package:
    """Find one version of a model, by default the newest.

    Raises:
        RegistryError: there is none; the message lists those there are.
    """
    newest: list[str] = []
    for summary in _summaries(model):
        number = summary.get("ModelPackageVersion")
        if version in (None, number):
            return describe(summary["ModelPackageArn"])
        newest.append(str(number))
    if version is None:
        raise RegistryError(f"{model}: nothing is registered; train it first")
    known = ", ".join(newest[:RECENT]) or "none yet"
    raise RegistryError(f"{model}: no version {version}; newest: {known}")


def find_newest(model: str, fingerprint: str) -> Package:
    """Find the newest package of this content, whatever its approval status.

    Raises:
        RegistryError: there is none; the message says what to do.
    """
    for package in list_packages(model):
        if package.fingerprint == fingerprint:
            return package
    raise RegistryError(_not_found_message(model, fingerprint))


def find_approved(model: str, fingerprint: str) -> Package:
    """Find the newest approved package of this content.

    Raises:
        NotApprovedError: there is none; the message says where to approve it.
    """
    for package in list_packages(model, "Approved"):
        if package.fingerprint == fingerprint:
            return package
    raise NotApprovedError(_not_found_message(model, fingerprint))


def approve(
    model: str, *, version: int | None = None, arn: str = "", description: str = ""
) -> Package:
    """Approve a package, by default the newest, and record who did it.

    Raises:
        RegistryError: it is another model's, or it was rejected.
    """
    package = describe(arn) if arn else find_package(model, version)
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


def reject(package: Package, reason: str) -> Package:
    """Reject a package, whatever its status is, and record why."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn,
        ModelApprovalStatus="Rejected",
        ApprovalDescription=" ".join(reason.split())[:1024],
    )
    return describe(package.arn)


def package_table(packages: Sequence[Package]) -> str:
    """Return packages as a table of plain text, for an error message."""
    heads = ("version", "fingerprint", "status", "commit", "CI")
    rows = [
        (
            str(package.version),
            package.fingerprint[:12] or "-",
            package.approval_status,
            _short(package.commit) or "-",
            package.metadata.get("ci_url", "-"),
        )
        for package in packages
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in (heads, *rows)
    ]
    return "\n".join(f"  {line}".rstrip() for line in lines)


def _summaries(
    model: str, approval_status: ApprovalStatus | None = None
) -> "Iterator[ModelPackageSummaryTypeDef]":
    """List a group's packages, newest first, page by page."""
    wanted: dict[str, Any] = (
        {"ModelApprovalStatus": approval_status} if approval_status else {}
    )
    pages = (
        client("sagemaker")
        .get_paginator("list_model_packages")
        .paginate(
            ModelPackageGroupName=model,
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"PageSize": PAGE_SIZE},
            **wanted,
        )
    )
    with ignore_not_found():
        for page in pages:
            # SageMaker lists versions of the same second in any order.
            yield from sorted(
                page["ModelPackageSummaryList"],
                key=lambda one: -one.get("ModelPackageVersion", 0),
            )


def _read(response: "DescribeModelPackageOutputTypeDef") -> Package:
    properties = response.get("CustomerMetadataProperties", {})
    container = response["InferenceSpecification"]["Containers"][0]
    metrics = {k: v for k, v in properties.items() if k.startswith(METRIC)}
    metadata = {k: v for k, v in properties.items() if k not in metrics}
    return Package(
        arn=response["ModelPackageArn"],
        model=response["ModelPackageGroupName"],
        version=response["ModelPackageVersion"],
        approval_status=response.get("ModelApprovalStatus", ""),
        approval_description=response.get("ApprovalDescription", ""),
        fingerprint=metadata.get("fingerprint", ""),
        commit=metadata.get("commit", ""),
        run_id=metadata.get("run_id", ""),
        created=response["CreationTime"],
        modified=response.get("LastModifiedTime", response["CreationTime"]),
        metrics={k.removeprefix(METRIC): float(v) for k, v in metrics.items()},
        metadata=metadata,
        image=container["Image"],
        model_data=container.get("ModelDataUrl", ""),
    )


def _identity(metadata: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(metadata.get(key, "") for key in IDENTITY)


def _client_token(model: str, identity: Iterable[str]) -> str:
    """Return a token by which SageMaker recognises a repeated call."""
    text = " ".join((model, *identity))
    return hashlib.sha256(text.encode()).hexdigest()[:36]


def _properties(
    metrics: Mapping[str, float], metadata: Mapping[str, str]
) -> dict[str, str]:
    """Join metrics and metadata, as far as SageMaker accepts them; none is empty."""
    merged = {METRIC + name: repr(float(value)) for name, value in metrics.items()}
    merged |= {key: str(value) for key, value in metadata.items()}
    return {
        clean_value(key)[:MAX_KEY]: clean_value(value)
        for key, value in merged.items()
        if value
    }


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return metrics as JSON has them: without NumPy's types, NaN and infinity."""
    values = {name: float(value) for name, value in metrics.items()}
    return {name: v if math.isfinite(v) else None for name, v in values.items()}


def _tag_group(group: str, package: Package) -> None:
    """Say in the group's tags what its newest package is."""
    known = {
        **package.metadata,
        "version": str(package.version),
        "since": utc(package.created),
    }
    add_tags(group, {key: known[key] for key in GROUP_TAGS if known.get(key)})


def _ensure_group(model: str, description: str) -> str:
    """Return the ARN of the model's package group, which is created if missing."""
    from botocore.exceptions import ClientError

    sagemaker = client("sagemaker")
    with ignore_not_found():
        found = sagemaker.describe_model_package_group(ModelPackageGroupName=model)
        return found["ModelPackageGroupArn"]
    try:
        made = sagemaker.create_model_package_group(
            ModelPackageGroupName=model,
            ModelPackageGroupDescription=description,
            Tags=as_tags({"owner": model}),
        )
        return made["ModelPackageGroupArn"]
    except ClientError as error:
        # A concurrent run may have created it meanwhile.
        if "already exist" not in error_message(error).lower():
            raise
    found = sagemaker.describe_model_package_group(ModelPackageGroupName=model)
    return found["ModelPackageGroupArn"]


def _not_found_message(model: str, fingerprint: str) -> str:
    """Say which packages there are instead, and the one thing to do next."""
    recent = list(islice(list_packages(model), RECENT))
    same = [package for package in recent if package.fingerprint == fingerprint]
    pending = [one for one in same if one.approval_status == "PendingManualApproval"]
    train = (
        "push it on a branch, trigger a pipeline with `action: retrain`, or "
        f"`python -m runner run {model}`"
    )
    if pending:
        number = pending[0].version
        head = "this content is not approved yet"
        remedy = (
            f"approve version {number} in CircleCI, or with "
            f"`python -m runner approve {model} --version {number}`"
        )
    elif same:
        head = f"version {same[0].version} of this content was rejected"
        remedy = f"change what was wrong with it and train again: {train}"
    else:
        head = "no package has this content"
        remedy = f"train it: {train}"
    known = package_table(recent) if recent else "  nothing has been registered yet"
    return f"{model}: {head} ({fingerprint[:12]}); {remedy}\n{known}"


def _short(commit: str) -> str:
    """Shorten a commit's sha, but keep the mark of a changed working tree."""
    sha, dirty, _ = commit.partition("-dirty")
    return sha[:7] + dirty
