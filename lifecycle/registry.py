"""The model registry: a model's package group and its versions.

A package's metadata says where the version came from and what it consists of; its
metrics stand beside that as `metric.<name>`. UpdateModelPackage can change both, and
the image and the archive too. So the package's description ends in a digest over all of
it: that UpdateModelPackage cannot change. The group's tags repeat what its newest
package is.
"""

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
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
from lifecycle.comparison import Bounds, SliceGroup
from lifecycle.data import load_prepared
from lifecycle.errors import IntegrityError, RegistryError
from lifecycle.gates import (
    LiveComparison,
    evaluate_gates,
    name_answers,
    require_passed,
)
from lifecycle.inference import program_of, serving_variables
from lifecycle.integrity import (
    METRIC,
    REGISTERED_FILE,
    content_of,
    digest_of,
    name_changes,
)
from lifecycle.invocation import record_golden
from lifecycle.s3 import (
    ARCHIVE_REMEDY,
    hash_object,
    json_bytes,
    write_bytes,
    write_json,
)
from lifecycle.training import TrainingJob

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        DescribeModelPackageOutputTypeDef,
        InferenceSpecificationTypeDef,
        MetricsSourceTypeDef,
        ModelPackageContainerDefinitionTypeDef,
        ModelPackageSummaryTypeDef,
    )

ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]
# `approval` of model.yaml.
Mode = Literal["manual", "pre-approved"]

MAX_KEY = 128
# As many as SageMaker lists at once.
PAGE_SIZE = 100
# How many packages an error message shows, and how far back a repeated registration
# looks for itself.
RECENT = 10
GOLDEN_ROWS = 10
# Of a version's test rows: their sha256, and how many versions were judged on them.
TEST, LOOKS = "test_sha256", "looks"
# Ends the description of a package.
DIGEST = re.compile(r"Digest ([0-9a-f]{64})\.$")
# Ends the approval's description, of an approval by `runner approve`.
APPROVED = re.compile(r"; digest ([0-9a-f]{64}); evidence ([0-9a-f]{64}|none)$")
GROUP_TAGS = ("version", "fingerprint", "commit", "run_id", "since")
SHOW_SECONDS = 60
STATUS: Mapping[Mode, ApprovalStatus] = {
    "manual": "PendingManualApproval",
    "pre-approved": "Approved",
}


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
        """Return the S3 URI of its run's evidence."""
        # Packages of earlier releases know only their run.
        known = self.metadata.get("evidence")
        return known or run_uri(self.model, self.run_id, "evidence")

    @property
    def approver(self) -> str:
        """Return the words that say who approved, or rejected, the package."""
        words = APPROVED.sub("", self.approval_description)
        # Anybody may have written them, and terminals act on some characters.
        return "".join(one if one.isprintable() else " " for one in words)

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


def register(
    model: str,
    run: Run,
    job: TrainingJob,
    *,
    metrics: Mapping[str, float],
    live: LiveComparison | None = None,
    slices: Iterable[SliceGroup] = (),
    golden: tuple[Any, Any],
) -> Package:
    """Register a trained model with its metrics, its lineage and its golden records.

    The package waits for approval unless model.yaml says `approval: pre-approved`.
    The gates are those of model.yaml, whatever the notebook has evaluated.

    Args:
        live: the comparison with the live model, as `score_live` returns it.
        slices: the metrics by group, as `slice_metrics` returns them, for gates that
            name a slice.
        golden: the test features (rows x features, a table with their names) and their
            predictions (rows); the first ten are recorded, and every endpoint has to
            repeat them.

    Raises:
        GateError: a gate failed, or is undecided where nobody would look at it, so
            nothing is registered.
        IntegrityError: the archive is not the one that the job has left.
    """
    approval: Mode = run.get("approval", "manual")
    gates = gates_of(model, run)
    verdicts = evaluate_gates(metrics, gates, live, slices=slices)
    require_passed(verdicts, approval=approval)
    prepared = load_prepared(model, run)
    rows, predictions = golden
    uri = run_uri(model, run, "evidence", job.name, "golden.json")
    golden_sha256 = record_golden(
        uri,
        [list(row) for row in getattr(rows, "to_numpy", lambda: rows)()[:GOLDEN_ROWS]],
        list(predictions[:GOLDEN_ROWS]),
        list(getattr(rows, "columns", ())),
    )
    return create_package(
        model,
        image=job.image,
        model_data=job.model_data,
        program=job.program,
        metrics=metrics,
        metadata={
            "fingerprint": fingerprint_of(model, run),
            "commit": str(run.get("commit", "")),
            "run_id": run_id_of(run),
            "training_job": job.name,
            "archive_sha256": job.archive_sha256,
            "data_sha256": prepared["data_sha256"],
            "test": prepared["test"],
            **_look(model, run, prepared),
            "golden": uri,
            "golden_sha256": golden_sha256,
            "compared": name_answers(gates, verdicts, live),
            "ci_url": str(run.get("ci_url", "")),
        },
        approval=approval,
        description=str(run.get("description", "")),
    )


def count_looks(model: str, run: Run) -> int:
    """Return how many versions were judged on the very test rows of a run before it.

    Each version keeps the sha256 of its test rows, and how many there were up to it.
    Among the newest versions the last one with these rows counts; runs that registered
    nothing are not known.
    """
    test = load_prepared(model, run).get(TEST)
    run_id = run_id_of(run)
    for package in islice(list_packages(model), RECENT) if test else ():
        known = package.metadata
        if package.run_id != run_id and known.get(TEST) == test:
            looks = known.get(LOOKS, "")
            return int(looks) if looks.isdecimal() else 1
    return 0


def _look(model: str, run: Run, prepared: Mapping[str, Any]) -> dict[str, str]:
    """Return what a version keeps of its test rows, for `count_looks`."""
    if not prepared.get(TEST):
        return {}
    looks = count_looks(model, {**run, "prepare": prepared}) + 1
    return {TEST: str(prepared[TEST]), LOOKS: str(looks)}


def create_package(
    model: str,
    *,
    image: str,
    model_data: str,
    metrics: Mapping[str, float],
    metadata: Mapping[str, str],
    approval: Mode = "manual",
    description: str = "",
    program: str = "",
) -> Package:
    """Create a model package, and its group if it is the model's first.

    A call that is repeated for the very same package, because a response was lost or
    the notebook ended after it, returns the package of the first.

    Args:
        model_data: S3 URI of the model archive, whose sha256 is registered.
        metadata: must hold fingerprint, run_id and training_job; of `golden`, a URI,
            the sha256 is registered too; `archive_sha256`, if it is known, is checked.
        approval: `pre-approved` registers it as Approved.
        program: the file in the archive's code/ that serves, of a model with its own.

    Raises:
        StorageError: there is no such archive.
        IntegrityError: SageMaker registered something else.
    """
    # SageMaker takes one line; refusing it here would be after a paid training.
    about = " ".join(description.split())[:880]
    evidence = run_uri(model, metadata["run_id"], "evidence")
    known = {**metadata, "approval": approval, "evidence": evidence}
    known |= _hash_objects(model_data, metadata)
    properties = _properties(metrics, known)
    container: ModelPackageContainerDefinitionTypeDef = {
        "Image": image,
        "ModelDataUrl": model_data,
    }
    if program:
        container["Environment"] = serving_variables(program)
    specification: InferenceSpecificationTypeDef = {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    content = content_of(model, {"InferenceSpecification": specification}, properties)
    digest = digest_of(content)
    group = _ensure_group(model, about)
    newest = list(islice(list_packages(model), RECENT))
    same = (p for p in newest if digest == p.digest == p.registered_digest)
    package = next(same, None)
    if package is None:
        folder = f"{evidence}/{metadata['training_job']}"
        write_bytes(f"{folder}/{REGISTERED_FILE}", json_bytes(content))
        statistics = write_json(f"{folder}/metrics.json", _finite(metrics))
        quality: MetricsSourceTypeDef = {
            "ContentType": "application/json",
            "S3Uri": statistics,
        }
        run = f"Run {metadata['run_id']}. Digest {digest}."
        response = client("sagemaker").create_model_package(
            ModelPackageGroupName=model,
            ModelPackageDescription=f"{about} {run}".strip(),
            InferenceSpecification=specification,
            ModelApprovalStatus=STATUS[approval],
            ModelMetrics={"ModelQuality": {"Statistics": quality}},
            CustomerMetadataProperties=properties,
            # By which SageMaker recognises a repeated call.
            ClientToken=digest[:36],
        )
        package = describe(response["ModelPackageArn"])
        if digest != package.digest:
            changes = name_changes(package.content, known, digest)
            raise IntegrityError(
                f"{model}: version {package.version} is not what was registered: "
                f"{changes}; train again"
            )
    if package not in newest[1:]:
        _tag_group(group, package)
    return package


def _hash_objects(model_data: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the sha256 of the archive and of the golden records.

    Raises:
        StorageError: one is missing.
        IntegrityError: the archive is not the one that the training job has left.
    """
    archive = hash_object(model_data, remedy=ARCHIVE_REMEDY).sha256
    left = metadata.get("archive_sha256") or archive
    if archive != left:
        raise IntegrityError(
            f"{model_data}: has sha256 {archive[:12]}, the training job has left "
            f"{left[:12]}; train again"
        )
    hashes = {"archive_sha256": archive}
    if metadata.get("golden") and "golden_sha256" not in metadata:
        hashes["golden_sha256"] = hash_object(metadata["golden"]).sha256
    return hashes


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


def reject(package: Package, reason: str) -> Package:
    """Reject a package, whatever its status is, and record why."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn,
        ModelApprovalStatus="Rejected",
        ApprovalDescription=" ".join(reason.split())[:1024],
    )
    return describe(package.arn)


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
    """Read a package, which may be another tool's: nothing of it is taken for sure."""
    model = response["ModelPackageGroupName"]
    properties = response.get("CustomerMetadataProperties", {})
    metadata = {k: v for k, v in properties.items() if not k.startswith(METRIC)}
    specification = response.get("InferenceSpecification", {"Containers": []})
    container = next(iter(specification["Containers"]), {"Image": ""})
    variables: Any = container.get("Environment", {})
    described = DIGEST.search(response.get("ModelPackageDescription", ""))
    return Package(
        arn=response["ModelPackageArn"],
        model=model,
        version=response["ModelPackageVersion"],
        approval_status=response.get("ModelApprovalStatus", ""),
        approval_description=response.get("ApprovalDescription", ""),
        fingerprint=metadata.get("fingerprint", ""),
        commit=metadata.get("commit", ""),
        run_id=metadata.get("run_id", ""),
        created=response["CreationTime"],
        modified=response.get("LastModifiedTime", response["CreationTime"]),
        metrics={
            key.removeprefix(METRIC): _number(value)
            for key, value in properties.items()
            if key.startswith(METRIC)
        },
        metadata=metadata,
        image=container.get("Image", ""),
        model_data=container.get("ModelDataUrl", ""),
        content=content_of(model, response, properties),
        registered_digest=described[1] if described else "",
        program=program_of(variables),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


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
