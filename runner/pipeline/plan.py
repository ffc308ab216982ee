"""A run of one model, checked from end to end before anything starts."""

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lifecycle import TRAINING_STAGES
from lifecycle.errors import CallError, did_you_mean
from lifecycle.statistics.task_metrics import TASKS
from runner import STAGES
from runner.ci.environment import run_suffix
from runner.errors import SignatureError
from runner.git import describe_commit, mark_dirty
from runner.notebook.parameters import check_overrides, resolve
from runner.notebook.signature import Signature, read_signature
from runner.spec.content import Content, content
from runner.spec.folders import read_yaml
from runner.spec.models import (
    find_notebook,
    notebook_values,
    parse_spec,
    run_values,
    yaml_place,
    yaml_value,
)
from runner.spec.requirements import own_lock
from runner.spec.schema import ModelSpec

# A notebook has this long besides the training job or the canary that it waits for.
TIME_LIMIT_SECONDS = 3600
# Parameters that only the runner may fill in.
COMPUTED = frozenset(
    {"model", "task", "run", "run_id", "fingerprint", "commit", "ci_url"}
)

# What each stage has returned so far, by stage.
StageResults = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A notebook that is about to run, and its parameters."""

    name: str
    notebook: Path
    signature: Signature


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One model, its stages in order, and all that is known before the first.

    Attributes:
        spec: model.yaml, with the overrides in it.
        overrides: parameters that the command line sets, as texts.
        content: what determines the model, as the files are on disk.
        fingerprint: of what is trained: the content, and the overrides in it.
        serving: the fingerprint of what a deploy leads to; "" with overrides.
        lock: of the environment of its own that the model has, if it has one.
    """

    root: Path
    spec: ModelSpec
    stages: tuple[Stage, ...]
    overrides: Mapping[str, str]
    run_id: str
    content: Content
    fingerprint: str
    serving: str
    commit: str
    ci_url: str
    lock: Path | None = None

    @property
    def model(self) -> str:
        """Return the model's name."""
        return self.spec.name

    @property
    def folder(self) -> Path:
        """Return the folder that keeps what this run leaves."""
        return self.root / "build" / self.model

    @property
    def previous(self) -> Path:
        """Return the folder of the last run before this one that succeeded.

        No model's name has an @, so this folder is no model's own.
        """
        return self.folder.with_name(f"{self.model}@previous")

    @property
    def lineage(self) -> dict[str, str]:
        """Return what every record of the run says of its origin."""
        return {
            "run_id": self.run_id,
            "fingerprint": self.fingerprint,
            "commit": self.commit,
            "ci_url": self.ci_url,
        }

    def has(self, stage: str) -> bool:
        """Return whether the run includes a stage."""
        return any(one.name == stage for one in self.stages)

    def parameters(self, stage: Stage, results: StageResults) -> dict[str, Any]:
        """Return a notebook's parameters: from model.yaml, results and overrides.

        `run` holds the lineage, what model.yaml says of the data and the registration,
        and by stage the results of the stages before.
        """
        values = notebook_values(self.spec) | self.lineage
        for returned in results.values():
            values |= returned
        run = {
            **self.lineage,
            "approval": self.spec.approval,
            **run_values(self.spec),
            **{name: dict(returned) for name, returned in results.items()},
        }
        return resolve(stage.signature, values | {"run": run}, self.overrides)

    def time_limit(self, stage: Stage) -> float:
        """Return the seconds that a notebook may take, with what it waits for."""
        job = self.spec.training.max_runtime_seconds
        # A job on spot instances may wait as long as it may run.
        waits = {"train-register": 2 * job if self.spec.training.spot else job}
        if self.spec.endpoint.canary:
            waits["deploy"] = self.spec.endpoint.canary.wait_seconds
        return TIME_LIMIT_SECONDS + waits.get(stage.name, 0)


def make_plan(
    root: Path, model: str, stages: Sequence[str], overrides: Mapping[str, str]
) -> Plan:
    """Check a model's spec, its notebooks and the overrides.

    Args:
        stages: the names of those to run; all if empty.

    Raises:
        CallError: there is no such stage.
        SpecError: model.yaml is wrong, or the lock of the model's own environment.
        SignatureError: a notebook or an override is.
    """
    for name in stages:
        if name not in STAGES:
            hint = did_you_mean(name, STAGES)
            raise CallError(f"{name!r} is not a stage; {hint}")
    data = read_yaml(root, model)
    task = str(data.get("task", ""))
    if not overrides or task not in TASKS:
        # The first thing to say is what is wrong with model.yaml.
        spec = parse_spec(root, model, data)
    known = {name: _stage(root, model, name, task) for name in STAGES}
    chosen = tuple(one for one in known.values() if not stages or one.name in stages)
    if overrides:
        values = _check_overrides(data, chosen, known, overrides)
        spec = parse_spec(root, model, data, values)
    lock = own_lock(root, model)
    found = content(root, model)
    commit = os.environ.get("CIRCLE_SHA1") or describe_commit(root)
    return Plan(
        root=root,
        spec=spec,
        stages=chosen,
        overrides=overrides,
        run_id=new_run_id(),
        content=found,
        fingerprint=_trained_fingerprint(found.fingerprint, known, overrides),
        serving="" if overrides else found.serving_fingerprint,
        # A file that git does not track yet is part of the content all the same.
        commit=mark_dirty(commit) if commit and found.pending else commit,
        ci_url=os.environ.get("CIRCLE_BUILD_URL", ""),
        lock=lock,
    )


def new_run_id() -> str:
    """Return an id that sorts by time and that no concurrent run has.

    In CircleCI it ends with what identifies the workflow, so that its jobs find it.
    """
    suffix = run_suffix() or secrets.token_hex(3)
    return f"{datetime.now(UTC):%Y%m%d%H%M%S}-{suffix}"


def _stage(root: Path, model: str, name: str, task: str) -> Stage:
    notebook = find_notebook(root, model, name, task)
    return Stage(name=name, notebook=notebook, signature=read_signature(notebook))


def _check_overrides(
    data: Mapping[str, Any],
    chosen: Sequence[Stage],
    known: Mapping[str, Stage],
    overrides: Mapping[str, str],
) -> dict[str, Any]:
    """Check the overrides by the notebooks' signatures, and return their values."""
    names = {name.partition(".")[0] for name in overrides}
    places = {name: yaml_place(name) for name in names}
    found = {name: yaml_value(data, place) for name, place in places.items() if place}
    included = {stage.name for stage in chosen}
    values = check_overrides(
        [stage.signature for stage in chosen],
        overrides,
        # Only a dict can have one of its keys overridden.
        values={name: one for name, one in found.items() if isinstance(one, dict)},
        other_stages=lambda: {
            name: one.signature for name, one in known.items() if name not in included
        },
    )
    for name in overrides:
        if name.partition(".")[0] in COMPUTED:
            # Otherwise one content could pass for another one that is approved.
            raise SignatureError(
                f"-p {name}: found out by the runner, never given; leave it out"
            )
    return values


def _trained_fingerprint(
    content: str, known: Mapping[str, Stage], overrides: Mapping[str, str]
) -> str:
    """Return the fingerprint of what is trained: the content, and what -p changes.

    A model trained with other parameters than the checkout's is other content, so
    approving it never lets the checkout be deployed.
    """
    training = [known[name].signature for name in TRAINING_STAGES]
    names = {name for signature in training for name in signature.parameters}
    changed = {k: v for k, v in overrides.items() if k.partition(".")[0] in names}
    if not changed:
        return content
    text = content + json.dumps(changed, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
