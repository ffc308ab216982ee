"""Registering a trained model as a version of its model package group.

A package's metadata says where the version came from and what it consists of; its
metrics stand beside that as `metric.<name>`. UpdateModelPackage can change both, and
the image and the archive too. So the package's description ends in a digest over all of
it, which UpdateModelPackage cannot change. The group's tags repeat what its newest
package is.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from lifecycle.aws import (
    Run,
    add_tags,
    as_tags,
    clean_value,
    client,
    encode_key,
    error_message,
    ignore_not_found,
    run_id_of,
    run_uri,
    utc,
)
from lifecycle.data import load_prepared, read_raw
from lifecycle.errors import IntegrityError, RegistryError
from lifecycle.gates import (
    LiveComparison,
    evaluate_gates,
    name_answers,
    require_passed,
)
from lifecycle.inference import serving_variables, takes_raw
from lifecycle.invocation import CSV, record_golden
from lifecycle.raw.raw_records import READ, WRITTEN, Record
from lifecycle.registration.integrity import (
    METRIC,
    REGISTERED_FILE,
    content_of,
    digest_of,
    name_changes,
)
from lifecycle.registration.packages import (
    PAGE_SIZE,
    ApprovalStatus,
    Mode,
    Package,
    describe,
    describe_origin,
    described,
    list_packages,
    list_summaries,
)
from lifecycle.s3 import (
    ARCHIVE_REMEDY,
    check_sha256,
    hash_object,
    json_bytes,
    write_bytes,
    write_json,
)
from lifecycle.statistics.comparison import (
    OF,
    OF_CLASS,
    Bounds,
    SliceGroup,
    class_of,
)
from lifecycle.training import TrainingJob

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        InferenceSpecificationTypeDef,
        MetricsSourceTypeDef,
        ModelPackageContainerDefinitionTypeDef,
    )

# Of a package's metadata: characters of a key, and entries.
MAX_KEY = 128
MAX_PROPERTIES = 50
MAX_DESCRIPTION = 1024
GOLDEN_ROWS = 10
# Of a version's test rows: their sha256, and how many versions were judged on them.
TEST, LOOKS = "test_sha256", "looks"
# How many versions are searched for the same test rows: a call each.
SEARCHED = 8
GROUP_TAGS = ("version", "fingerprint", "commit", "run_id", "since")
SHOW_SECONDS = 60
STATUS: Mapping[Mode, ApprovalStatus] = {
    "manual": "PendingManualApproval",
    "pre-approved": "Approved",
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
            predictions (rows); the first ten are recorded, of a model that takes raw
            records by these, and every endpoint has to repeat them.

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
    table = getattr(rows, "to_numpy", lambda: rows)()[:GOLDEN_ROWS]
    uri = run_uri(model, run, "evidence", job.name, "golden.json")
    golden_sha256 = record_golden(
        uri,
        _raw_records(model, job, prepared) or [list(row) for row in table],
        list(predictions[:GOLDEN_ROWS]),
        list(getattr(rows, "columns", ())),
        prepared.get("classes", ()),
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
            "classes": _join_classes(prepared.get("classes", ())),
            "compared": name_answers(gates, verdicts, live),
            "ci_url": str(run.get("ci_url", "")),
        },
        approval=approval,
        description=str(run.get("description", "")),
        gated=gates,
    )


def count_looks(model: str, run: Run) -> int:
    """Return how many versions were judged on the very test rows of a run before it.

    Each version keeps the sha256 of its test rows, and how many there were up to it.
    Among the newest versions the last one with these rows counts; runs that registered
    nothing are not known.
    """
    test = load_prepared(model, run).get(TEST)
    run_id = run_id_of(run)
    for package in islice(list_packages(model), SEARCHED) if test else ():
        known = package.metadata
        if package.run_id != run_id and known.get(TEST) == test:
            looks = known.get(LOOKS, "")
            return int(looks) if looks.isdecimal() else 1
    return 0


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
    gated: Iterable[str] = (),
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
        gated: the metrics that its metadata keeps whatever does not fit into it, which
            metrics.json beside the golden records has.

    Raises:
        RegistryError: there are more of these than metadata can hold.
        StorageError: there is no such archive.
        IntegrityError: SageMaker registered something else.
    """
    evidence = run_uri(model, metadata["run_id"], "evidence")
    known = {**metadata, "approval": approval, "evidence": evidence}
    known |= _hash_objects(model_data, metadata)
    properties = _properties(_kept(metrics, gated, known), known)
    specification = _specification(image, model_data, program)
    content = content_of(model, {"InferenceSpecification": specification}, properties)
    digest = digest_of(content)
    about = " ".join(description.split())
    group = _ensure_group(model, about[:MAX_DESCRIPTION])
    recent = list(islice(list_summaries(model), PAGE_SIZE))
    # The first call may have been this one, if its response was lost.
    repeated = described(one for one in recent if one.digest == digest)
    package = next((one for one in repeated if one.digest == digest), None)
    if package is None:
        folder = f"{evidence}/{metadata['training_job']}"
        write_bytes(f"{folder}/{REGISTERED_FILE}", json_bytes(content))
        quality: MetricsSourceTypeDef = {
            "ContentType": "application/json",
            "S3Uri": write_json(f"{folder}/metrics.json", _finite(metrics)),
        }
        response = client("sagemaker").create_model_package(
            ModelPackageGroupName=model,
            ModelPackageDescription=describe_origin(
                about, metadata["run_id"], metadata["fingerprint"], digest
            ),
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
    if package.version >= max((one.version for one in recent), default=0):
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


def reject(package: Package, reason: str) -> Package:
    """Reject a package, whatever its status is, and record why."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn,
        ModelApprovalStatus="Rejected",
        ApprovalDescription=" ".join(reason.split())[:1024],
    )
    return describe(package.arn)


def _raw_records(
    model: str, job: TrainingJob, prepared: Mapping[str, Any]
) -> list[Record]:
    """Return the first raw records of the test rows; none of a model of features.

    Raises:
        RegistryError: prepare has handed on raw records, but the archive cannot read
            them.
    """
    found = read_raw(prepared) or []
    if found and not takes_raw(job.program):
        raise RegistryError(
            f"{model}: prepare hands on raw records, and the archive has no code for "
            "them; run_training(..., prepared=prepared)"
        )
    return found[:GOLDEN_ROWS]


def _look(model: str, run: Run, prepared: Mapping[str, Any]) -> dict[str, str]:
    """Return what a version keeps of its test rows, for `count_looks`."""
    if not prepared.get(TEST):
        return {}
    looks = count_looks(model, {**run, "prepare": prepared}) + 1
    return {TEST: str(prepared[TEST]), LOOKS: str(looks)}


def _specification(
    image: str, model_data: str, program: str
) -> "InferenceSpecificationTypeDef":
    """Return what SageMaker serves of a package, and the content types of requests."""
    container: ModelPackageContainerDefinitionTypeDef = {
        "Image": image,
        "ModelDataUrl": model_data,
    }
    if program:
        container["Environment"] = serving_variables(program)
    read, written = (READ, WRITTEN) if takes_raw(program) else ([CSV], [CSV])
    return {
        "Containers": [container],
        "SupportedContentTypes": list(read),
        "SupportedResponseMIMETypes": list(written),
    }


def _hash_objects(model_data: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the sha256 of the archive and of the golden records.

    Raises:
        StorageError: one is missing.
        IntegrityError: the archive is not the one that the training job has left.
    """
    archive = hash_object(model_data, remedy=ARCHIVE_REMEDY).sha256
    left = metadata.get("archive_sha256") or archive
    known, remedy = "the training job has left", "train again"
    check_sha256(f"{model_data}:", archive, left, known=known, remedy=remedy)
    hashes = {"archive_sha256": archive}
    if metadata.get("golden") and "golden_sha256" not in metadata:
        hashes["golden_sha256"] = hash_object(metadata["golden"]).sha256
    return hashes


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


def _properties(
    metrics: Mapping[str, float], metadata: Mapping[str, str]
) -> dict[str, str]:
    """Join metrics and metadata, as far as SageMaker accepts them; none is empty."""
    merged = {
        METRIC + encode_key(name): repr(float(value)) for name, value in metrics.items()
    }
    merged |= {key: str(value) for key, value in metadata.items()}
    return {
        clean_value(key)[:MAX_KEY]: clean_value(value)
        for key, value in merged.items()
        if value
    }


def _kept(
    metrics: Mapping[str, float], gated: Iterable[str], metadata: Mapping[str, str]
) -> dict[str, float]:
    """Return the metrics for which a package's metadata has room.

    Those with a gate come first, and those of single classes, as `recall of Adelie`,
    last.
    """
    names = set(gated)

    def rank(metric: str) -> tuple[bool, int]:
        kind = metric.partition(OF)[0] if class_of(metric) else ""
        return metric not in names, OF_CLASS.index(kind) + 1 if kind else 0

    room = MAX_PROPERTIES - sum(map(bool, metadata.values()))
    needed = [metric for metric in metrics if metric in names]
    if len(needed) > room:
        raise RegistryError(
            f"model.yaml: gates: on {len(needed)} metrics; SageMaker's metadata holds "
            f"{room} of a version, so remove some"
        )
    kept = sorted(metrics, key=rank)[:room]
    return {metric: value for metric, value in metrics.items() if metric in kept}


def _join_classes(names: Sequence[str]) -> str:
    """Return the names of the classes in their order, as far as metadata holds them."""
    joined = " / ".join(names)
    return joined if clean_value(joined) == joined else f"{len(names)} in golden.json"


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
