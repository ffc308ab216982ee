"""Model packages: what a version of a model is, and how versions are found.

A list of packages tells of each its number, its approval status and its description.
The description of a package that `register` has made ends in its fingerprint and its
digest, so a version of some content is found without describing the others. Whatever
other tools have registered in the group is passed over.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from lifecycle.aws import client, decode_key, ignore_not_found, run_uri
from lifecycle.errors import RegistryError, printable
from lifecycle.inference import program_of
from lifecycle.registration.integrity import (
    METRIC,
    content_of,
    digest_of,
    name_changes,
)

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        DescribeModelPackageOutputTypeDef,
        ModelPackageSummaryTypeDef,
    )

ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]
# `approval` of model.yaml.
Mode = Literal["manual", "pre-approved"]

# As many as SageMaker lists at once.
PAGE_SIZE = 100
# How many packages an error message shows: each is a call.
RECENT = 5
# The metadata without which nothing can be checked.
NEEDED = frozenset({"approval", "archive_sha256", "evidence"})
# Ends the description of a package.
ORIGIN = re.compile(
    r"(?:Fingerprint (?P<fingerprint>\S+)\. )?Digest (?P<digest>[0-9a-f]{64})\.$"
)
# Ends the approval's description, of an approval by `runner approve`.
APPROVED = re.compile(r"; digest ([0-9a-f]{64}); evidence ([0-9a-f]{64}|none)$")


@dataclass(frozen=True, kw_only=True)
class Package:
    """One version of a model: what it is made of, where it came from, its approval.

    Attributes:
        content: all that the digest is over, as it is now, by name.
        registered_digest: the digest when it was registered; "" if another tool did
            that, or a release of this template without digests.
        program: the file in the archive's code/ that it serves by; "" for the built-in
            algorithm.
    """

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
    content: Mapping[str, str]
    registered_digest: str
    program: str = ""

    @property
    def digest(self) -> str:
        """Return the sha256 over what the package is now."""
        return digest_of(self.content)

    @property
    def is_changed(self) -> bool:
        """Return whether the package is another one than was registered."""
        return self.digest != self.registered_digest

    @property
    def approved(self) -> tuple[str, str]:
        """Return the digests of package and evidence that were approved, if any were.

        The second is "none" if there was no evidence; both are "" without approval.
        """
        found = APPROVED.search(self.approval_description)
        return (found[1], found[2]) if found else ("", "")

    @property
    def evidence(self) -> str:
        """Return the S3 URI of its run's evidence; "" if another tool registered it."""
        known = self.metadata.get("evidence", "")
        if known.startswith("s3://"):
            return known
        # Packages of earlier releases know only their run.
        return run_uri(self.model, self.run_id, "evidence") if self.run_id else ""

    @property
    def approver(self) -> str:
        """Return the words that say who approved, or rejected, the package."""
        # Anybody may have written them.
        return printable(APPROVED.sub("", self.approval_description))

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
            "digest": self.digest,
        }


@dataclass(frozen=True, kw_only=True)
class PackageSummary:
    """What a list of packages tells of one.

    Attributes:
        fingerprint: of its content; "" if `register` has not made the package.
        digest: when it was registered; "" likewise.
    """

    arn: str
    version: int
    approval_status: str
    fingerprint: str
    digest: str


def describe_origin(about: str, run_id: str, fingerprint: str, digest: str) -> str:
    """Return the description of a package, by which lists tell what it is."""
    origin = f"Run {run_id}. Fingerprint {fingerprint}. Digest {digest}."
    # SageMaker takes 1,024 characters in one line; refusing more here would be after
    # a paid training.
    return f"{' '.join(about.split())[: 1023 - len(origin)]} {origin}".strip()


def describe(arn: str) -> Package:
    """Read a package by its ARN.

    Raises:
        RegistryError: it was deleted.
    """
    with ignore_not_found():
        return _read(client("sagemaker").describe_model_package(ModelPackageName=arn))
    raise RegistryError(f"{arn}: no such package; it was deleted")


def list_summaries(model: str) -> Iterator[PackageSummary]:
    """List a model's packages, newest first, page by page.

    A group that does not exist yet has none.
    """
    pages = (
        client("sagemaker")
        .get_paginator("list_model_packages")
        .paginate(
            ModelPackageGroupName=model,
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"PageSize": PAGE_SIZE},
        )
    )
    with ignore_not_found():
        for page in pages:
            found = map(_summary, page["ModelPackageSummaryList"])
            # SageMaker lists versions of the same second in any order.
            yield from sorted(found, key=lambda one: -one.version)


def described(summaries: Iterable[PackageSummary]) -> Iterator[Package]:
    """Yield packages of a list; each is described when it is asked for.

    One that was deleted meanwhile is passed over.
    """
    for summary in summaries:
        with ignore_not_found():
            arn = summary.arn
            found = client("sagemaker").describe_model_package(ModelPackageName=arn)
            yield _read(found)


def list_packages(model: str) -> Iterator[Package]:
    """Yield a model's packages, newest first, each described when it is needed."""
    return described(list_summaries(model))


def packages_of(model: str, fingerprint: str) -> Iterator[Package]:
    """Yield a model's packages of a content, newest first; no other is described."""
    listed = list_summaries(model)
    same = described(one for one in listed if one.fingerprint == fingerprint)
    # A description is what its writer says, and no digest is over it.
    return (one for one in same if one.fingerprint == fingerprint)


def find_package(model: str, version: int | None = None) -> Package:
    """Find one version of a model, by default the newest that `register` has made.

    Raises:
        RegistryError: there is none; the message lists those there are.
    """
    newest = list(islice(list_summaries(model), PAGE_SIZE))
    if not newest:
        raise RegistryError(f"{model}: nothing is registered; train it first")
    if version is None:
        ours = [one for one in newest if one.digest]
        return describe((ours or newest)[0].arn)
    group = newest[0].arn.rpartition("/")[0]
    with suppress(RegistryError):
        return describe(f"{group}/{version}")
    known = ", ".join(str(one.version) for one in newest[:RECENT])
    raise RegistryError(f"{model}: no version {version}; newest: {known}")


def registration_problem(package: Package) -> str:
    """Say why a package is not one that `register` has made; "" if it is."""
    if not package.registered_digest:
        return (
            "was registered without a digest, by another tool or before this template "
            "had digests, so nothing says what it is; train again"
        )
    if package.is_changed:
        changes = name_changes(
            package.content, package.metadata, package.registered_digest
        )
        return (
            f"was changed after it was registered: {changes}; CloudTrail names the "
            "caller of UpdateModelPackage; train again"
        )
    if missing := sorted(NEEDED - package.metadata.keys()):
        return f"was registered without {', '.join(missing)}; train again"
    for name, value in package.content.items():
        unknown = value.startswith("s3://") and value != package.model_data
        if unknown and "InferenceSpecification" in name:
            return f"serves {value} too, of which no sha256 is registered; train again"
    return ""


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


def _short(commit: str) -> str:
    """Shorten a commit's sha, but keep the mark of a changed working tree."""
    sha, dirty, _ = commit.partition("-dirty")
    return sha[:7] + dirty


def _summary(response: "ModelPackageSummaryTypeDef") -> PackageSummary:
    origin = ORIGIN.search(response.get("ModelPackageDescription", ""))
    return PackageSummary(
        arn=response["ModelPackageArn"],
        version=response.get("ModelPackageVersion", 0),
        approval_status=response.get("ModelApprovalStatus", ""),
        fingerprint=(origin["fingerprint"] or "") if origin else "",
        digest=origin["digest"] if origin else "",
    )


def _read(response: "DescribeModelPackageOutputTypeDef") -> Package:
    """Read a package, which may be another tool's: nothing of it is taken for sure."""
    # A package without versions has no group.
    model = response.get("ModelPackageGroupName", "")
    properties = response.get("CustomerMetadataProperties", {})
    metadata = {k: v for k, v in properties.items() if not k.startswith(METRIC)}
    specification = response.get("InferenceSpecification", {"Containers": []})
    container = next(iter(specification["Containers"]), {"Image": ""})
    variables: Any = container.get("Environment", {})
    origin = ORIGIN.search(response.get("ModelPackageDescription", ""))
    return Package(
        arn=response["ModelPackageArn"],
        model=model,
        version=response.get("ModelPackageVersion", 0),
        approval_status=response.get("ModelApprovalStatus", ""),
        approval_description=response.get("ApprovalDescription", ""),
        fingerprint=metadata.get("fingerprint", ""),
        commit=metadata.get("commit", ""),
        run_id=metadata.get("run_id", ""),
        created=response["CreationTime"],
        modified=response.get("LastModifiedTime", response["CreationTime"]),
        metrics={
            decode_key(key.removeprefix(METRIC)): _number(value)
            for key, value in properties.items()
            if key.startswith(METRIC)
        },
        metadata=metadata,
        image=container.get("Image", ""),
        model_data=container.get("ModelDataUrl", ""),
        content=content_of(model, response, properties),
        registered_digest=origin["digest"] if origin else "",
        program=program_of(variables),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
