"""What a review needs besides the notebooks: written into the run's folder, and back.

`source.json` is what was run, `baseline.json` what the live version left,
`data-summary.json` the training data, `model-card.json` the model's README, and
`package.json` the decision about the package.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from notebook_inputs.lock import parse_lock

from lifecycle import TRAINING_STAGES, s3
from lifecycle.approval import approval_problem, approved_by
from lifecycle.aws import aws_errors, run_uri, utc
from lifecycle.data import evidence_of
from lifecycle.endpoint import EndpointState, read_state
from lifecycle.errors import LifecycleError, StorageError
from lifecycle.evaluation_output import evaluation_of, judge
from lifecycle.registration.card_registration import register_card
from lifecycle.registration.model_card import (
    CARD,
    Facts,
    card_content,
    find_gaps,
    read_card,
    status_of,
)
from lifecycle.registration.packages import Package, describe, find_package
from runner import STAGES
from runner.errors import MALFORMED, FileError, display_path
from runner.git import checked_out_branch, git_line
from runner.notebook import ipynb
from runner.notebook.archive import read_json, read_record, write_json, write_notebook
from runner.pipeline.plan import Plan, StageResults
from runner.review.evidence import BASELINE, MODEL_CARD, PACKAGE, SOURCE, SUMMARY
from runner.review.page import write_page
from runner.spec.models import find_notebook, notebook_values
from runner.spec.requirements import LOCK

# Files whose text a reviewer reads, up to so many characters.
CODE = frozenset({".py", ".sh", ".sql"})
MAX_CODE = 50_000


def evidence_uri(plan: Plan) -> str:
    """Return where the evidence of a run is kept in S3."""
    return run_uri(plan.model, plan.run_id, "evidence")


def begin(plan: Plan) -> dict[str, Any]:
    """Empty the run's folder, and write what is run and what is live before it.

    What the last run that succeeded has left moves to the folder beside it.

    Returns:
        What is live, as `baseline` reads it.
    """
    if succeeded_run(plan.folder):
        if plan.previous.exists():
            shutil.rmtree(plan.previous)
        plan.folder.rename(plan.previous)
    plan.folder.mkdir(parents=True, exist_ok=True)
    for path in plan.folder.iterdir():
        if path.is_file():
            path.unlink()
    snapshot = source_snapshot(plan, os.environ) | {"evidence": evidence_uri(plan)}
    write_json(plan.folder / SOURCE, snapshot | plan.lineage)
    write_json(plan.folder / MODEL_CARD, _card_snapshot(plan))
    found = baseline(plan.model)
    write_json(plan.folder / BASELINE, found)
    return found


def succeeded_run(folder: Path) -> str:
    """Return the id of the run that left a folder, if all of its stages succeeded."""
    try:
        records = [one for stage in STAGES if (one := read_record(folder, stage))]
        source = read_json(folder / SOURCE)
        done = {one["status"] for one in records} == {"succeeded"}
        return "" if source.get("error") or not done else str(source["run_id"])
    except (*MALFORMED, OSError):
        return ""


def keep_error(plan: Plan, error: str) -> None:
    """Keep why a run failed, for its page: it may have been outside of a notebook."""
    path = plan.folder / SOURCE
    known = read_json(path)
    asked = [stage.name for stage in plan.stages]
    write_json(path, known | plan.lineage | {"stages": asked, "error": error})


def register_model_card(
    plan: Plan, results: StageResults, notebook: ipynb.Notebook
) -> str:
    """Register the model card of a trained version in SageMaker, and keep its name.

    Returns:
        The card's name.
    """
    kept = _card_snapshot(plan)
    package = describe(str(results["train-register"]["package"]))
    prepared = results.get("prepare") or {}
    facts = _card_facts(plan, package, prepared, evaluation_of(notebook) or {})
    name = register_card(
        plan.model,
        package.version,
        card_content(read_card(kept["text"]), facts),
        status_of(package.approval_status, kept["gaps"]),
    )
    write_json(plan.folder / MODEL_CARD, kept | {"name": name})
    return name


def _card_snapshot(plan: Plan) -> dict[str, Any]:
    """Return the model's README as it is now, and what it lacks."""
    path = plan.root / "models" / plan.model / CARD
    text = path.read_text("utf-8", "replace") if path.is_file() else ""
    return {"text": text, "gaps": find_gaps(text)}


def _card_facts(
    plan: Plan,
    package: Package,
    prepared: Mapping[str, Any],
    evaluation: Mapping[str, Any],
) -> Facts:
    """Return what a run and its package know of a version, for its card."""
    settings = notebook_values(plan.spec)
    job = package.metadata.get("training_job", "")
    known = ("fingerprint", "commit", "run_id", "ci_url", "evidence")
    data = [str(prepared.get(name, "")) for name in ("train", "validation")]
    return Facts(
        model=plan.model,
        version=package.version,
        description=plan.spec.description,
        owner=plan.spec.owner,
        task=plan.spec.task,
        image=package.image,
        model_data=package.model_data,
        training_job_arn=f"{package.arn.rpartition(':')[0]}:training-job/{job}",
        metrics=package.metrics,
        intervals=evaluation.get("intervals") or {},
        verdicts=judge(package.metrics, settings["gates"], evaluation),
        hyperparameters=settings["hyperparameters"],
        training_data=list(filter(None, data)),
        test_data=str(prepared.get("test", "")),
        test_rows=int(evaluation.get("test_rows") or 0),
        compared=package.metadata.get("compared", ""),
        details={name: package.metadata.get(name, "") for name in known}
        | {"package": package.arn, "digest": package.digest},
    )


def build_page(
    plan: Plan, results: StageResults, notebooks: Mapping[str, ipynb.Notebook]
) -> Path:
    """Write the review page of a run as far as it has come, and return its path.

    Args:
        notebooks: by stage the archived notebooks of this run.
    """
    summary = plan.folder / SUMMARY
    if (prepared := results.get("prepare")) and not summary.exists():
        # Another notebook's data may have no summary, or none that can be read.
        with suppress(LifecycleError):
            write_json(
                summary, s3.read_json(evidence_of(str(prepared["train"]), SUMMARY))
            )
    try:
        return write_page(plan.folder, plan.model, notebooks)
    except MALFORMED:
        # What the live version left may be what cannot be read: its run was another's.
        _forget_baseline(plan.folder / BASELINE)
    try:
        return write_page(plan.folder, plan.model, notebooks)
    except MALFORMED as error:
        raise FileError(
            f"{display_path(plan.folder)}: no review page can be made of what the "
            f"notebooks returned and displayed, {error}; look at their results cells"
        ) from error


def rebuild_page(root: Path, model: str, version: int | None) -> Path:
    """Build the page of any version from S3, with what was decided since.

    Args:
        version: the newest if not given.

    Raises:
        StorageError: what the version's run left is gone, or was changed.
    """
    package = find_package(model, version)
    if not package.evidence:
        raise StorageError(
            f"{model}: version {package.version} was registered by another tool, so no "
            f"run has left a page of it; `python -m runner review {model}` shows the "
            "newest that one has"
        )
    # No model's name has an @, so this folder is no model's own.
    folder = root / "build" / f"{model}@{package.version}"
    evidence = package.evidence
    download(evidence, folder, STAGES, (SOURCE, SUMMARY, BASELINE, MODEL_CARD))
    write_json(folder / PACKAGE, _decision(package))
    try:
        return write_page(folder, model)
    except MALFORMED as error:
        raise StorageError(_changed(evidence, error)) from error


def download(
    prefix: str, folder: Path, stages: Sequence[str], others: Sequence[str] = ()
) -> None:
    """Copy what a run left of some stages, and render their notebooks again.

    Args:
        prefix: the S3 URI of the run's evidence.
        others: names of other files to copy; any else is left where it is.

    Raises:
        StorageError: nothing is there, or it is not what a run leaves.
    """
    names = s3.list_files(prefix)
    if not names:
        raise StorageError(
            f"{prefix}: nothing is there; the run left no evidence, or it was deleted"
        )
    folder.mkdir(parents=True, exist_ok=True)
    kept = {f"{stage}{kind}" for stage in stages for kind in (".ipynb", ".json")}
    paths = [folder / name for name in names if name in kept.union(others)]
    for path in paths:
        path.write_bytes(s3.read_bytes(f"{prefix.rstrip('/')}/{path.name}"))
    try:
        for stage in stages:
            record = read_record(folder, stage)
            notebook = folder / f"{stage}.ipynb"
            if record and notebook in paths:
                content = ipynb.loads(notebook.read_bytes())
                write_notebook(folder / f"{stage}.json", content, record)
    except (*MALFORMED, FileError) as error:
        raise StorageError(_changed(prefix, error)) from error


def source_snapshot(plan: Plan, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a model's settings, code and dependencies, for later comparisons."""
    root, spec = plan.root, plan.spec
    return {
        "settings": notebook_values(spec),
        "given": dict(plan.overrides),
        "notebooks": {
            stage: notebook_source(find_notebook(root, plan.model, stage, spec.task))
            for stage in STAGES
        },
        "files": file_sources(plan),
        "dependencies": dependencies(plan.lock or root / LOCK),
        "branch": environment.get("CIRCLE_BRANCH") or checked_out_branch(root),
        "subject": git_line(root, "log", "-1", "--format=%s"),
        "workflow": environment.get("CIRCLE_WORKFLOW_ID", ""),
        "pull_request": environment.get("CIRCLE_PULL_REQUEST", ""),
    }


def file_sources(plan: Plan) -> dict[str, str]:
    """Return the other files of a model's content: code as text, the rest as hashes.

    Of `lifecycle`, which is no model's own, a hash is enough as well.
    """
    found = {}
    for part in plan.content.parts:
        if part.kind not in ("module", "file"):
            continue
        path, own = plan.root / part.name, not part.name.startswith("lifecycle/")
        is_code = own and path.suffix in CODE and path.is_file()
        text = path.read_text(encoding="utf-8", errors="replace") if is_code else ""
        found[part.name] = text if 0 < len(text) <= MAX_CODE else part.value
    return found


def notebook_source(path: Path) -> dict[str, Any]:
    """Return a notebook's code cells, each with the heading it stands under."""
    notebook = ipynb.read(path)
    cells = [
        {
            "heading": ipynb.heading(notebook, index),
            "source": str(notebook.cells[index].source),
        }
        for index in ipynb.code_indices(notebook)
    ]
    return {"path": display_path(path).as_posix(), "cells": cells}


def dependencies(requirements: Path) -> dict[str, str]:
    """Return the pinned versions by package; several if they differ by platform."""
    text = requirements.read_text("utf-8") if requirements.is_file() else ""
    # Each version comes with the condition that it is for.
    return {
        name: ", ".join(dict.fromkeys(re.findall(r"(?:^|, )(\S+)", pins)))
        for name, pins in parse_lock(text).pins.items()
    }


def baseline(model: str) -> dict[str, Any]:
    """Return what the live version's run left, so that the comparison lasts.

    If it cannot be read, the reason takes its place.
    """
    try:
        with aws_errors():
            now = read_state(model)
            if now is None or not now.package or now.status == "Failed":
                return {}
            return _read_baseline(model, now)
    except LifecycleError as error:
        return {"reason": str(error)}
    except MALFORMED as error:
        return {"reason": f"what its run left is malformed, {error}"}


def _read_baseline(model: str, now: EndpointState) -> dict[str, Any]:
    """Read the parts of a run's evidence that a comparison needs."""
    prefix = run_uri(model, now.run_id, "evidence")
    records = {
        stage: s3.find_json(f"{prefix}/{stage}.json") or {} for stage in TRAINING_STAGES
    }
    trained = s3.find_json(f"{prefix}/train-register.ipynb")
    prepared = records["prepare"].get("results") or {}
    return {
        "version": now.version,
        "package": now.package,
        "run_id": now.run_id,
        "rolled_back_from": now.rolled_back_from,
        "rolled_back_by": now.rolled_back_by,
        "rolled_back_at": utc(now.rolled_back_at) if now.rolled_back_at else "",
        "source": s3.find_json(f"{prefix}/{SOURCE}"),
        "data-summary": s3.find_json(f"{prefix}/{SUMMARY}"),
        "parameters": {name: one.get("parameters") for name, one in records.items()},
        "evaluation": evaluation_of(trained) if trained else None,
        "data_sha256": prepared.get("data_sha256"),
        "rows": prepared.get("rows"),
    }


def _forget_baseline(path: Path) -> None:
    """Keep only which version was live."""
    known = read_json(path)
    kept = {key: known[key] for key in ("version", "package", "run_id") if key in known}
    write_json(path, kept | {"reason": "what its run left is malformed"})


def _changed(prefix: str, error: Exception) -> str:
    return (
        f"{prefix}: not what a run leaves, {error}; it was changed or cut, so train "
        "again"
    )


def _decision(package: Package) -> dict[str, Any]:
    """Return what was decided about a package, by whom and when."""
    decided = approved_by(package)
    if decided and (problem := approval_problem(package, None)):
        decided = f"{decided}. It cannot be deployed: it {problem}"
    return {
        "package": package.arn,
        "version": package.version,
        "approval_status": package.approval_status,
        "approval_description": decided or package.approver,
        "digest": package.digest,
        "decided": str(package.modified),
    }
