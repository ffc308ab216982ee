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

from runner import git
from runner.changed import check_changed
from runner.errors import SignatureError
from runner.fingerprint import fingerprint
from runner.parameters import check_given, offered_by_spec, resolve
from runner.schema import ModelSpec
from runner.signature import Signature, read_signature
from runner.spec import find_notebook, load_spec
from runner.stages import STAGES
from runner.workflow import run_suffix

# A notebook has this long besides the training job that it waits for.
TIME_LIMIT_SECONDS = 3600
COMPUTED = frozenset({"model", "run_id", "fingerprint", "commit", "ci_url"})
# The full sha, with a word where the tree differs from it.
DESCRIBE = ("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A notebook that is about to run, and what it takes."""

    name: str
    notebook: Path
    signature: Signature


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One model, its stages in order, and all that is known before the first."""

    root: Path
    spec: ModelSpec
    stages: tuple[Stage, ...]
    given: Mapping[str, str]
    context: Mapping[str, Any]

    @property
    def model(self) -> str:
        """Name the model."""
        return self.spec.name

    @property
    def folder(self) -> Path:
        """Name the folder that keeps what this run leaves."""
        return self.root / "build" / self.model

    def has(self, stage: str) -> bool:
        """Tell whether this run includes a stage."""
        return any(one.name == stage for one in self.stages)

    def parameters(self, stage: Stage, earlier: Mapping[str, Any]) -> dict[str, Any]:
        """Join spec, context, earlier results and what the user gave."""
        offered = offered_by_spec(self.spec) | dict(self.context) | dict(earlier)
        return resolve(stage.signature, offered, self.given)

    def time_limit(self, stage: Stage) -> float:
        """Give a notebook the time of what it waits for too: a job, or a canary."""
        job = self.spec.training.max_runtime_seconds
        # A job on spot instances may wait as long as it runs.
        waits = {"train-register": 2 * job if self.spec.training.spot else job}
        if self.spec.endpoint.canary:
            waits["deploy"] = self.spec.endpoint.canary.wait_seconds
        return TIME_LIMIT_SECONDS + waits.get(stage.name, 0)


def plan(
    root: Path, model: str, stages: Sequence[str], given: Mapping[str, str]
) -> Plan:
    """Check a model's spec, notebooks and the given parameters."""
    spec = load_spec(root, model)
    chosen = tuple(
        _stage(root, model, name) for name in STAGES if not stages or name in stages
    )
    _check_given(root, spec, chosen, given)
    _refuse_computed(given)
    context = {
        "run_id": new_run_id(),
        "fingerprint": trained_fingerprint(root, model, given),
        "commit": _commit(root),
        "ci_url": os.environ.get("CIRCLE_BUILD_URL", ""),
    }
    return Plan(root=root, spec=spec, stages=chosen, given=given, context=context)


def _check_given(
    root: Path, spec: ModelSpec, chosen: Sequence[Stage], given: Mapping[str, str]
) -> None:
    """Check what -p gives by the notebooks, and as if it stood in model.yaml."""
    names = {stage.name for stage in chosen}

    def elsewhere() -> dict[str, Signature]:
        left_out = (name for name in STAGES if name not in names)
        return {name: _stage(root, spec.name, name).signature for name in left_out}

    values = check_given(
        [stage.signature for stage in chosen],
        given,
        offered=offered_by_spec(spec),
        elsewhere=elsewhere,
    )
    check_changed(root, spec, values)


def _refuse_computed(given: Mapping[str, str]) -> None:
    """Let nobody pass one content off as another, which may be approved."""
    for name in given:
        if name.partition(".")[0] in COMPUTED:
            raise SignatureError(
                f"-p {name}: found out by the runner, never given; leave it out"
            )


def new_run_id() -> str:
    """Make an id that sorts by time and that two runs at once never share.

    In CircleCI it ends with what identifies the workflow, so that its jobs find it.
    """
    suffix = run_suffix() or secrets.token_hex(3)
    return f"{datetime.now(UTC):%Y%m%d%H%M%S}-{suffix}"


def trained_fingerprint(root: Path, model: str, given: Mapping[str, str]) -> str:
    """Identify what is trained: the checkout's content, and what -p changes in it.

    A model trained with other parameters than the checkout's is other content, so
    approving it never lets the checkout be deployed.
    """
    content = fingerprint(root, model)
    training = [_stage(root, model, name).signature for name in STAGES[:2]]
    known = {name for signature in training for name in signature.parameters}
    changed = {k: v for k, v in given.items() if k.partition(".")[0] in known}
    if not changed:
        return content
    text = content + json.dumps(changed, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _stage(root: Path, model: str, name: str) -> Stage:
    notebook = find_notebook(root, model, name)
    return Stage(name=name, notebook=notebook, signature=read_signature(notebook))


def _commit(root: Path) -> str:
    """Name the commit; a tree that differs from it says so, one without git nothing."""
    return os.environ.get("CIRCLE_SHA1") or git.line(root, *DESCRIBE)
