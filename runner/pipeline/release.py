"""Decisions about what may be deployed: approvals, rollbacks, refused deploys."""

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lifecycle import registry, s3
from lifecycle.aws import aws_errors, run_uri, utc
from lifecycle.deploy import roll_back
from lifecycle.endpoint import EndpointState, read_state
from lifecycle.errors import (
    EndpointError,
    LifecycleError,
    RegistryError,
    did_you_mean,
)
from lifecycle.registry import Package
from runner.ci.environment import approval_note, run_suffix
from runner.git import is_ancestor, resolve, short_commit
from runner.notebook.archive import write_json
from runner.pipeline.earlier import succeeded_runs
from runner.pipeline.plan import Plan, new_run_id
from runner.spec.content import content

STOPPED = (
    "stopped: what SageMaker was asked for goes on there; run the same command again "
    "to wait for it and to verify it"
)


def approve(
    root: Path, model: str, *, version: int | None, this_workflow: bool
) -> Package:
    """Approve one package of a model, which is never simply the newest.

    Args:
        version: this one; else the newest of the checkout's content.
        this_workflow: the one that this CircleCI workflow's train job registered.
    """
    if version:
        arn = registry.find_package(model, version).arn
    elif this_workflow:
        arn = _registered_here(model, content(root, model).fingerprint)
    else:
        arn = registry.find_newest(model, content(root, model).fingerprint).arn
    return registry.approve(model, arn=arn, description=approval_note(model))


def roll_back_recorded(
    root: Path, model: str, *, to: int | None, on_progress: Callable[[str], None]
) -> dict[str, Any]:
    """Roll back, and keep the outcome in build/ and in S3 as a stage's is kept.

    Returns:
        The record: the version that is live, and the one that was.
    """
    record: dict[str, Any] = {
        "model": model,
        "run_id": new_run_id(),
        "ci_url": os.environ.get("CIRCLE_BUILD_URL", ""),
        "from_version": _live_version(root, model),
        "to": to,
    }
    folder = root / "build" / model
    try:
        with aws_errors():
            now = roll_back(model, to=to, on_progress=on_progress)
    except LifecycleError as error:
        _keep_failure(folder, record | {"status": "failed", "error": str(error)})
        raise
    except (KeyboardInterrupt, SystemExit):
        _keep_failure(folder, record | {"status": "stopped", "error": STOPPED})
        raise
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
        package = registry.find_approved(plan.model, plan.fingerprint)
        # Unless the content was trained again since.
        if package.created <= now.since:
            raise EndpointError(
                f"{plan.model}: version {now.version} is live since a rollback from "
                "this content, so it stays; train it again, or go forward with `python "
                f"-m runner rollback {plan.model} --to {package.version}`"
            )


def record_deployment(plan: Plan) -> None:
    """Record on the endpoint that the checkout's deploy stage ran to its end."""
    now, head = read_state(plan.model), resolve(plan.root, "HEAD")
    # With overrides it is another deployment than the checkout's.
    if now is not None and head is not None and plan.serving:
        now.record_deployment(plan.serving, head)


def _registered_here(model: str, content: str) -> str:
    """Return the ARN of what this workflow's train job showed to the reviewer."""
    runs = succeeded_runs(model, "train-register", content, suffix=run_suffix())
    for record in runs:
        package = registry.describe(record["results"]["package"])
        if package.fingerprint == content:
            return package.arn
    raise RegistryError(
        f"{model}: this workflow has registered nothing of the checkout's content "
        f"({content[:12]}); rerun its train job, and review what that shows"
    )


def _live_version(root: Path, model: str) -> int:
    """Return the live version; if there is none, the name may be misspelt."""
    if before := read_state(model):
        return before.version
    names = [path.name for path in (root / "models").iterdir()]
    hint = "" if model in names else f"; {did_you_mean(model, names)}"
    raise EndpointError(f"{model}: nothing is live, so there is no way back{hint}")


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
