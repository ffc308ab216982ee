"""What a registered package knows about itself: content, lineage and metrics."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from runner.commit import short
from runner.errors import RegistryError
from runner.missing import missing_ok
from runner.session import client

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        DescribeModelPackageOutputTypeDef,
        ModelPackageSummaryTypeDef,
    )

Status = Literal["PendingManualApproval", "Approved", "Rejected"]

METRIC = "metric."
# What SageMaker accepts as a customer metadata property.
FORBIDDEN = re.compile(r"[^\w .:/=+\-@]")
MAX_KEY = 128
MAX_VALUE = 256
# As many as SageMaker lists at once.
PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Package:
    """One registered version of a model, and where it came from."""

    arn: str
    model: str
    version: int
    approval_status: str
    fingerprint: str
    commit: str
    run_id: str
    created: datetime
    metrics: Mapping[str, float]
    metadata: Mapping[str, str]
    image: str
    model_data: str


def describe(arn: str) -> Package:
    """Read one package by its ARN."""
    with missing_ok():
        return _read(client("sagemaker").describe_model_package(ModelPackageName=arn))
    raise RegistryError(f"{arn}: no such package; it was deleted")


def packages(model: str, status: Status | None = None) -> Iterator[Package]:
    """Describe packages one by one, newest first: most callers need only the first."""
    for summary in summaries(model, status):
        yield describe(summary["ModelPackageArn"])


def summaries(
    model: str, status: Status | None = None
) -> "Iterator[ModelPackageSummaryTypeDef]":
    """List the group's packages, newest first, page by page as they are asked for.

    A group that is not made yet has none.
    """
    filters: dict[str, Any] = {"ModelApprovalStatus": status} if status else {}
    pages = (
        client("sagemaker")
        .get_paginator("list_model_packages")
        .paginate(
            ModelPackageGroupName=model,
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"PageSize": PAGE},
            **filters,
        )
    )
    with missing_ok():
        for page in pages:
            # Versions of the same second come in any order.
            yield from sorted(page["ModelPackageSummaryList"], key=_backwards)


def _backwards(summary: "ModelPackageSummaryTypeDef") -> int:
    return -summary.get("ModelPackageVersion", 0)


def _read(answer: "DescribeModelPackageOutputTypeDef") -> Package:
    properties = answer.get("CustomerMetadataProperties", {})
    container = answer["InferenceSpecification"]["Containers"][0]
    metrics = {k: v for k, v in properties.items() if k.startswith(METRIC)}
    metadata = {k: v for k, v in properties.items() if k not in metrics}
    return Package(
        arn=answer["ModelPackageArn"],
        model=answer["ModelPackageGroupName"],
        version=answer["ModelPackageVersion"],
        approval_status=answer.get("ModelApprovalStatus", ""),
        fingerprint=metadata.get("fingerprint", ""),
        commit=metadata.get("commit", ""),
        run_id=metadata.get("run_id", ""),
        created=answer["CreationTime"],
        metrics={k.removeprefix(METRIC): float(v) for k, v in metrics.items()},
        metadata=metadata,
        image=container["Image"],
        model_data=container.get("ModelDataUrl", ""),
    )


def table(packages: Sequence[Package]) -> str:
    """Write packages as a short table of plain text."""
    heads = ("version", "fingerprint", "status", "commit", "CI")
    rows = [
        (
            str(package.version),
            package.fingerprint[:12] or "-",
            package.approval_status,
            short(package.commit) or "-",
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


def properties(
    metrics: Mapping[str, float], metadata: Mapping[str, str]
) -> dict[str, str]:
    """Keep what SageMaker accepts of names and values: none empty, odd or long."""
    merged = {METRIC + name: repr(float(value)) for name, value in metrics.items()}
    merged |= {key: str(value) for key, value in metadata.items()}
    return {
        FORBIDDEN.sub("-", key)[:MAX_KEY]: FORBIDDEN.sub("-", value)[:MAX_VALUE]
        for key, value in merged.items()
        if value
    }
