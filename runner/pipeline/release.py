"""Decisions about what may be deployed: approvals, rollbacks, refused deploys."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lifecycle import approval, s3
from lifecycle.aws import aws_errors, run_uri, utc
from lifecycle.deploy import roll_back
from lifecycle.endpoint import EndpointState, read_state
from lifecycle.errors import (
    CallError,
    EndpointError,
    IntegrityError,
    LifecycleError,
    RegistryError,
)
from lifecycle.next_step import ways_out
from lifecycle.registration import packages
from lifecycle.registration.card_registration import follow_approval
from lifecycle.registration.integrity import EVIDENCE, hash_evidence
from lifecycle.registration.packages import Mode, Package
from runner.ci.environment import approval_note, rejection_note, workflow_identity
from runner.errors import SpecError
from runner.git import is_ancestor, resolve, short_commit
from runner.notebook.archive import read_record, write_json
from runner.pipeline.judgement import gates_of_package, require_passed
from runner.pipeline.plan import Plan, new_run_id
from runner.spec.content import content
from runner.spec.folders import suggest_model
from runner.spec.models import load_spec

# What CircleCI's jobs.yml puts into the workspace, from build/<model>/.
HAND_OVER = "hand-over.json"
PACKAGE_ARN = r"^arn:[\w-]+:sagemaker:[\w-]+:\d{12}:model-package/[\w-]+/\d+$"
STOPPED = (
    "stopped; SageMaker continues the update. Run the same command again: it waits and "
    "then verifies"
)


class HandOver(BaseModel):
    """What a workflow's train job hands to its approve job, in the workspace.

    No job of another workflow can write there, unlike in S3.

    Attributes:
        workflow: its identity, which its reruns have too.
        package: the ARN of the model package.
        digest: of the package.
        evidence: by name the sha256 of what the reviewer reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str
    workflow: str
    run_id: str
    package: str = Field(pattern=PACKAGE_ARN)
    digest: str
    evidence: dict[str, str]


def hand_over(root: Path, model: str) -> Path:
    """Write what the approve job of this CircleCI workflow is to approve.

    It is what the reviewer reads: the version that this job has registered, or shows
    again, and the sha256 of the notebooks and records in build/.

    Raises:
        CallError: this job has registered nothing, or is no job of CircleCI.
    """
    folder = root / "build" / model
    record = read_record(folder, "train-register")
    if not workflow_identity():
        raise CallError("--hand-over: only in CircleCI, which has an approve job")
    if record is None or record["status"] != "succeeded":
        raise CallError(
            f"build/{model}/train-register.json: no version was registered here; run "
            "the model first"
        )
    package = packages.describe(record["results"]["package"])
    told = record["results"].get("digest", package.digest)
    if told != package.digest:
        raise IntegrityError(
            f"{model}: version {package.version} has digest {package.digest[:12]}, the "
            f"notebook has registered {told[:12]}; train again"
        )
    # A notebook that is shown again has a sentence on top that the kept one lacks.
    files = (
        hash_evidence(package.metadata["evidence"])
        if "reused" in record
        else {
            one: hashlib.sha256((folder / one).read_bytes()).hexdigest()
            for one in EVIDENCE
            if (folder / one).is_file()
        }
    )
    handed = HandOver(
        model=model,
        workflow=workflow_identity(),
        run_id=package.run_id,
        package=package.arn,
        digest=package.digest,
        evidence=files,
    )
    write_json(folder / HAND_OVER, handed.model_dump())
    return folder / HAND_OVER


def approve(
    root: Path, model: str, *, version: int | None, this_workflow: bool
) -> Package:
    """Approve one package of a model, which is never simply the newest.

    Args:
        version: this one; else the newest of the checkout's content.
        this_workflow: the one that this CircleCI workflow's train job handed over.
    """
    evidence = None
    wanted = content(root, model).fingerprint
    if version:
        package = packages.find_package(model, version)
    elif this_workflow:
        handed = _read_hand_over(root, model)
        package = _check_hand_over(handed, wanted)
        evidence = handed.evidence
    else:
        package = approval.find_newest(model, wanted)
    if problem := packages.registration_problem(package):
        raise IntegrityError(f"{model}: version {package.version} {problem}")
    require_passed(package, gates_of_package(root, package, wanted))
    return approval.approve(
        model, arn=package.arn, description=approval_note(model), evidence=evidence
    )


def reject(root: Path, model: str, *, version: int | None, reason: str) -> Package:
    """Reject one package of a model, and record why.

    Args:
        version: this one; else the newest of the checkout's content.
    """
    approval.check_reason(reason)
    if version:
        package = packages.find_package(model, version)
    else:
        package = approval.find_newest(model, content(root, model).fingerprint)
    note = rejection_note()
    return approval.reject(model, arn=package.arn, reason=reason, description=note)


def update_card(package: Package) -> str:
    """Give a decided version's model card the status of its approval.

    Returns:
        Why it has the status of before; "" if it has the new one, or there is no card.
    """
    try:
        with aws_errors():
            follow_approval(package)
    except LifecycleError as error:
        return f"its model card has the status of before: {error}"
    return ""


def roll_back_recorded(
    root: Path,
    model: str,
    *,
    to: int | None,
    live: int | None = None,
    reason: str = "",
    on_progress: Callable[[str], None],
) -> dict[str, Any]:
    """Roll back, and keep the outcome in build/ and in S3 as a stage's is kept.

    Args:
        live: go back only if this version is live.
        reason: why, in a person's words.

    Returns:
        The record: the version that is live, and the one that was.
    """
    before = _live(root, model)
    record: dict[str, Any] = {
        "model": model,
        "run_id": new_run_id(),
        "ci_url": os.environ.get("CIRCLE_BUILD_URL", ""),
        "from_version": before.version,
        "to": to,
        "reason": reason,
    }
    folder = root / "build" / model
    try:
        if live and before.version not in (live, to):
            raise EndpointError(
                f"{model}: version {before.version} is live, but version {live} was "
                "when this rollback was asked for; look again, then ask again"
            )
        with aws_errors():
            now = roll_back(
                model, to=to, approval=_mode(root, model), on_progress=on_progress
            )
    except LifecycleError as error:
        _keep_failure(folder, record | {"status": "failed", "error": str(error)})
        raise
    except (KeyboardInterrupt, SystemExit):
        _keep_failure(folder, record | {"status": "stopped", "error": STOPPED})
        raise
    if now.version == before.version and before.verified_version:
        # An interrupted rollback had brought it there, but had not verified it.
        record["from_version"] = before.verified_version
    record |= {"status": "succeeded", **_as_record(now)}
    _keep(folder, record)
    return record


def refuse_outdated(plan: Plan) -> None:
    """Refuse a deploy that would undo a later deploy or a rollback.

    Only the rerun of an old job can ask for it.

    Raises:
        EndpointError: the endpoint was changed by a later commit or a rollback.
    """
    now = read_state(plan.model)
    if now is None or now.fingerprint == plan.fingerprint or plan.has("train-register"):
        return
    head = resolve(plan.root, "HEAD")
    latest = now.deployed_commit
    if head and latest and head != latest and is_ancestor(plan.root, head, latest):
        raise EndpointError(
            f"{plan.model}: version {now.version} is live, deployed from commit "
            f"{short_commit(latest)}, which came after this one ({short_commit(head)}),"
            " so it stays; to go back to an earlier version, "
            f"`python -m runner rollback {plan.model}`"
        )
    if now.rolled_back_from == plan.fingerprint:
        mode = plan.spec.approval
        package = approval.find_approved(
            plan.model, plan.fingerprint, mode, on_progress=lambda _: None
        )
        # Unless the content was trained again since.
        if package.created <= now.since:
            raise EndpointError(
                f"{plan.model}: version {now.version} is live since a rollback from "
                f"this content, so it stays: {ways_out(plan.model, package.version)}"
            )


def record_deployment(plan: Plan) -> None:
    """Record on the endpoint that the checkout's deploy stage ran to its end."""
    now, head = read_state(plan.model), resolve(plan.root, "HEAD")
    # With overrides it is another deployment than the checkout's.
    if now is not None and head is not None and plan.serving:
        now.record_deployment(plan.serving, head)


def _read_hand_over(root: Path, model: str) -> HandOver:
    """Read what the train job handed over in the workspace of this workflow."""
    path = root / "build" / model / HAND_OVER
    shown = path.relative_to(root).as_posix()
    if not path.is_file():
        raise CallError(
            f"{shown}: not there; this workflow's train job hands it over in the "
            "workspace, so rerun that, and review what it shows"
        )
    try:
        handed = HandOver.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
        raise CallError(
            f"{shown}: not a hand-over, {why}; rerun the train job"
        ) from error
    for what, found, here in (
        ("model", handed.model, model),
        ("CircleCI workflow", handed.workflow, workflow_identity()),
    ):
        if found != here:
            raise RegistryError(
                f"{shown}: of {what} {found}, not of {here}; rerun this workflow's "
                "train job, and review what it shows"
            )
    return handed


def _check_hand_over(handed: HandOver, content: str) -> Package:
    """Return the package that the train job has shown; refuse any other."""
    package = packages.describe(handed.package)
    for what, found, wanted, whose in (
        ("model", package.model, handed.model, "this workflow's"),
        ("run", package.run_id, handed.run_id, "the hand-over's"),
        ("fingerprint", package.fingerprint, content, "the checkout's"),
        ("digest", package.digest, handed.digest, "the reviewed"),
    ):
        if found != wanted:
            raise RegistryError(
                f"{handed.model}: {handed.package} is of {what} {found or 'none'}, and "
                f"{whose} is {wanted}; it is not approved: rerun this workflow's train "
                "job, and review what it shows"
            )
    return package


def _mode(root: Path, model: str) -> Mode:
    """Return `approval` of model.yaml; the stricter mode if that cannot be read."""
    try:
        return load_spec(root, model).approval
    except SpecError:
        return "manual"


def _live(root: Path, model: str) -> EndpointState:
    """Return what is live; if there is nothing, the name may be misspelt."""
    if before := read_state(model):
        return before
    hint = suggest_model(root, model)
    said = f"{model}: nothing is live, so there is no way back"
    raise EndpointError(f"{said}; {hint}" if hint else said)


def _as_record(now: EndpointState) -> dict[str, Any]:
    shown = ("config", "version", "package", "fingerprint", "commit")
    values = asdict(now)
    since = {"since": utc(now.since)}
    return {"endpoint": now.name} | {name: values[name] for name in shown} | since


def _keep(folder: Path, record: Mapping[str, Any]) -> None:
    """Write build/<model>/rollback.json, and copy it to S3."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rollback.json"
    write_json(path, record)
    uri = run_uri(record["model"], record["run_id"], "evidence", path.name)
    s3.write_json(uri, json.loads(path.read_text(encoding="utf-8")))


def _keep_failure(folder: Path, record: Mapping[str, Any]) -> None:
    """Keep the record of a failure, unless that fails too."""
    with contextlib.suppress(LifecycleError), aws_errors():
        _keep(folder, record)
