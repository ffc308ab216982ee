"""What a run left in S3: read back for a review that comes later."""

from pathlib import Path, PurePosixPath
from typing import Any

from runner.errors import StorageError
from runner.package import Package
from runner.session import client, run_uri
from runner.storage import parse_uri


def evidence_uri(package: Package) -> str:
    """Say where the evidence of a package is; older ones know only their run."""
    known = package.metadata.get("evidence")
    return known or run_uri(package.model, package.run_id, "evidence")


def download(prefix: str, folder: Path) -> list[Path]:
    """Copy the files below an S3 URI into a folder; what lies deeper stays there."""
    bucket, start = parse_uri(f"{prefix.rstrip('/')}/")
    s3 = client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=start, Delimiter="/"
    )
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    if not keys:
        raise StorageError(
            f"{prefix}: nothing is there; the run left no evidence, or it was deleted"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return [_copied(s3, bucket, key, folder) for key in keys if not key.endswith("/")]


def approval(package: Package) -> dict[str, Any]:
    """Say what has been decided about a package, by whom and when."""
    answer = client("sagemaker").describe_model_package(ModelPackageName=package.arn)
    return {
        "package": package.arn,
        "version": package.version,
        "approval_status": answer.get("ModelApprovalStatus", ""),
        "approval_description": answer.get("ApprovalDescription", ""),
        "decided": str(answer.get("LastModifiedTime", "")),
    }


def _copied(s3: Any, bucket: str, key: str, folder: Path) -> Path:
    path = folder / PurePosixPath(key).name
    path.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return path
