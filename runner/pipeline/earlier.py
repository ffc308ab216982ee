"""Earlier runs of the same content: their results, reused, or continued.

A stage is reused if running it would leave the same again. That depends on more than
the content: on the object at `data`, on what is live and was live, and on what was
decided about a version.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, takewhile
from types import MappingProxyType
from typing import Any

from secret_scrubber import Scrubber

from lifecycle import TRAINING_STAGES, s3
from lifecycle.approval import check_approval, check_described, find_approved
from lifecycle.aws import aws_errors, run_uri
from lifecycle.delivery.change import wanted_config
from lifecycle.endpoint import EndpointState, read_state
from lifecycle.errors import (
    CallError,
    LifecycleError,
    RegistryError,
    StorageError,
)
from lifecycle.invocation import check_golden
from lifecycle.raw_files import data_version
from lifecycle.registration.packages import Mode, Package, packages_of
from lifecycle.tabular.contract import SPLITS
from runner.ci.environment import run_suffix
from runner.errors import MALFORMED
from runner.notebook import ipynb
from runner.notebook.archive import archive, as_record
from runner.pipeline.evidence import download, evidence_uri
from runner.pipeline.plan import Plan, Stage, StageResults
from runner.review.evidence import BASELINE
from runner.spec.content import describe_pending
from runner.spec.models import notebook_values

# How many runs, and versions of a content, are searched: each takes a call or two.
RECENT = 20
NOT_DONE = {
    "prepare": "The data was not prepared again",
    "train-register": "No training job was started",
    "deploy": "Nothing was deployed",
}


def prepared_results(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return the results of the training stages that a run leaves out at its beginning.

    They are those of the newest run of this content that has all of them. A deploy
    needs none: it finds its package in the registry.

    Raises:
        CallError: no run of this content has them.
    """
    first = plan.stages[0].name
    if first not in TRAINING_STAGES[1:]:
        return {}
    *others, last = TRAINING_STAGES[: TRAINING_STAGES.index(first)]
    for record in succeeded_runs(plan.model, last, plan.fingerprint):
        records = {
            name: read_record(plan.model, str(record["run_id"]), name)
            for name in others
        } | {last: record}
        if all(one.get("status") == "succeeded" for one in records.values()):
            return {name: dict(one["results"]) for name, one in records.items()}
    needed = [*others, last]
    remedy = " ".join(f"--stage {name}" for name in needed)
    raise CallError(
        f"{plan.model}: {first} needs what {' and '.join(needed)} returned, and no run "
        f"of this content has that; add `{remedy}`"
    )


def succeeded_runs(
    model: str,
    stage: str,
    fingerprint: str,
    *,
    recent: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the records of a stage that succeeded with this content, newest first.

    Args:
        recent: only so many runs are looked at.
    """
    for run_id in islice(reversed(run_ids(model)), recent):
        record = read_record(model, run_id, stage)
        same = record.get("fingerprint") == fingerprint
        if same and record["status"] == "succeeded":
            yield record


def run_ids(model: str) -> list[str]:
    """Return the ids of a model's runs, oldest first."""
    return s3.list_folders(run_uri(model, ""))


def read_record(model: str, run_id: str, stage: str) -> dict[str, Any]:
    """Read the record of a stage of a run; empty if there is none that can be read."""
    uri = run_uri(model, run_id, "evidence", f"{stage}.json")
    content = s3.find_bytes(uri)
    if content is None:
        return {}
    try:
        return as_record(json.loads(content), stage) or {}
    except ValueError:
        return {}


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The rest of a run that failed, and what its earlier stages returned."""

    plan: Plan
    results: StageResults

    def restore(self) -> None:
        """Copy back into build/ what the stages that succeeded left."""
        download(evidence_uri(self.plan), self.plan.folder, tuple(self.results))


def resume(plan: Plan) -> Resumed:
    """Return what is left of this content's newest run.

    Raises:
        CallError: there is no run of this content, or it succeeded.
    """
    names = [stage.name for stage in plan.stages]
    for run_id in reversed(run_ids(plan.model)):
        records = {name: read_record(plan.model, run_id, name) for name in names}
        known = [one for one in records.values() if one]
        if any(one["fingerprint"] == plan.fingerprint for one in known):
            return _rest_of_run(plan, run_id, records)
    raise CallError(
        f"{plan.model}: no run of this content to resume, and repairing a notebook's "
        "code makes it another; leave out --resume"
    )


def _rest_of_run(
    plan: Plan, run_id: str, records: Mapping[str, Mapping[str, Any]]
) -> Resumed:
    done = list(
        takewhile(lambda name: records[name].get("status") == "succeeded", records)
    )
    if len(done) == len(plan.stages):
        raise CallError(
            f"{plan.model}: run {run_id} of this content succeeded, so nothing of it "
            "is left to resume; leave out --resume"
        )
    rest = tuple(stage for stage in plan.stages if stage.name not in done)
    return Resumed(
        plan=replace(plan, stages=rest, run_id=run_id),
        results={name: dict(records[name]["results"]) for name in done},
    )


def cache_key(plan: Plan, stage: str) -> str:
    """Return a hash over what a stage reads besides its content; "" if unknown."""
    parts: dict[str, str] = {}
    if stage == "prepare":
        parts["data"] = data_version(plan.model, plan.spec.data)
    if stage == "deploy":
        parts["deployment"] = plan.serving
    if not all(parts.values()):
        return ""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Reused:
    """What a stage of an earlier run left, and why running it again is needless.

    Attributes:
        package: what that run registered, if it was looked for.
    """

    record: Mapping[str, Any]
    notebook: ipynb.Notebook
    why: str
    package: Package | None = None

    @property
    def results(self) -> dict[str, Any]:
        """Return what the stage returned."""
        return dict(self.record["results"])

    @property
    def note(self) -> str:
        """Say from which run it is reused, and why."""
        return f"reused from run {self.record['run_id']}: {self.why}"

    def show(self, plan: Plan) -> ipynb.Notebook | None:
        """Put the earlier notebook into build/, with a sentence on top that says so."""
        stage = self.record["stage"]
        sentence = (
            f"{NOT_DONE[stage]}: {self.why}. What follows is the notebook of run "
            f"{self.record['run_id']}; --no-reuse would run it again."
        )
        notebook = ipynb.from_dict(self.notebook)
        notebook.cells.insert(0, ipynb.markdown_cell(f"> **{sentence}**", "reused"))
        record = {**self.record, "reused": self.note}
        scrubber = Scrubber.from_environment(os.environ)
        return archive(plan.folder, notebook, record, scrubber)


def find_reusable(
    plan: Plan, stage: Stage, results: StageResults, package: Package | None = None
) -> Reused | None:
    """Return what an earlier run left if running a stage would leave the same again.

    If AWS cannot be asked or evidence is malformed, nothing is reused.

    Args:
        package: the version whose `prepare` is reused, if it is.
    """
    finders: Mapping[str, Callable[[str], Reused | None]] = {
        "prepare": partial(_find_prepared, plan),
        "train-register": partial(_find_registered, plan, results, package),
        "deploy": partial(_find_deployed, plan),
    }
    with suppress(LifecycleError, *MALFORMED), aws_errors():
        key = cache_key(plan, stage.name)
        finder = finders.get(stage.name)
        if key and finder and (found := finder(key)):
            pending = describe_pending(plan.content)
            why = f"{found.why}; {pending}" if pending else found.why
            return replace(found, why=why)
    return None


def _find_prepared(plan: Plan, key: str) -> Reused | None:
    """Reuse the rows of the newest package if they came from the data that is there."""
    if (package := _useful_package(plan)) is None:
        return None
    record = read_record(package.model, package.run_id, "prepare")
    rows = [record["results"][name] for name in SPLITS]
    if record["work"] != key or not all(map(s3.exists, rows)):
        return None
    found = _reused(package.model, record, "same code, same raw data")
    return replace(found, package=package) if found else None


def _find_registered(
    plan: Plan, results: StageResults, package: Package | None, key: str
) -> Reused | None:
    """Reuse the newest package of the same rows, compared with what is live now."""
    package = package or _useful_package(plan)
    if package is None or not _is_comparison_valid(package):
        return None
    record = read_record(package.model, package.run_id, "train-register")
    same = package.metadata["data_sha256"] == results["prepare"]["data_sha256"]
    ours = record["results"]["package"] == package.arn and record["work"] == key
    if not (same and ours):
        return None
    status = package.approval_status
    why = f"version {package.version}, now {status}, has the same code and rows"
    return _reused(package.model, record, why, {"approval_status": status})


def _find_deployed(plan: Plan, key: str) -> Reused | None:
    """Reuse the deploy of the version that is live if it is the one to deploy."""
    now = read_state(plan.model)
    if now is None or not _is_wanted(plan, now):
        return None
    for newest in succeeded_runs(plan.model, "deploy", plan.fingerprint, recent=RECENT):
        # What was reused names the run that deployed.
        reused = "reused" in newest
        run_id = str(newest["run_id"])
        record = read_record(plan.model, run_id, "deploy") if reused else newest
        same = record["results"]["endpoint_config"] == now.config
        if same and record["work"] == key and "reused" not in record:
            why = f"version {now.version} is live and predicts as at its training"
            return _reused(plan.model, record, why, {"changed": False})
    return None


def _useful_package(plan: Plan) -> Package | None:
    """Return the package of this content that a deploy would take once approved.

    With `approval: pre-approved` a package that waits for approval is of no use.
    """
    for package in islice(packages_of(plan.model, plan.fingerprint), RECENT):
        if _is_trusted(package, plan.spec.approval):
            return package
    return None


def _is_trusted(package: Package, mode: Mode) -> bool:
    """Return whether what a package says of itself may be shown to a reviewer.

    Any train job in CircleCI may register a version as if it had this content. So one
    that waits for approval is reviewed in the workflow that trained it, or nowhere.
    """
    if package.approval_status == "Approved":
        try:
            return bool(check_approval(package, mode))
        except (RegistryError, StorageError):
            return False
    waits = package.approval_status == "PendingManualApproval"
    return waits and mode == "manual" and not run_suffix()


def _is_comparison_valid(package: Package) -> bool:
    """Return whether the live version is still the one that it was compared with.

    Content that was rolled back from has to be trained again.
    """
    now = read_state(package.model)
    evidence = run_uri(package.model, package.run_id, "evidence", BASELINE)
    compared_with = s3.read_json(evidence).get("package", "")
    if now is None:
        return not compared_with
    return now.rolled_back_from != package.fingerprint and (
        now.package in (package.arn, compared_with)
    )


def _is_wanted(plan: Plan, now: EndpointState) -> bool:
    """Return whether deploying would change nothing; the endpoint is verified again."""
    settings = notebook_values(plan.spec)["endpoint"]
    if plan.overrides or not now.is_verified:
        return False
    mode = plan.spec.approval
    package = find_approved(
        plan.model, plan.fingerprint, mode, on_progress=lambda _: None
    )
    if not now.serves(wanted_config(package, settings, now)):
        return False
    golden = check_described(package, mode).golden
    if golden is None:
        return False
    check_golden(plan.model, golden)
    return True


def _reused(
    model: str,
    record: Mapping[str, Any],
    why: str,
    changed: Mapping[str, Any] = MappingProxyType({}),
) -> Reused | None:
    """Read the notebook of a record; None if it is gone, or was itself reused.

    Args:
        changed: results that are different now.
    """
    if record["status"] != "succeeded" or "reused" in record:
        return None
    uri = run_uri(model, record["run_id"], "evidence", f"{record['stage']}.ipynb")
    notebook = s3.find_bytes(uri)
    if notebook is None:
        return None
    return Reused(
        record={**record, "results": {**record["results"], **changed}},
        notebook=ipynb.loads(notebook),
        why=why,
    )
