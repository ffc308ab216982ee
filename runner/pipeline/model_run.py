"""The run of one model: it executes its stages in order and keeps what they leave."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from forked_kernels.client import WarmKernels

from lifecycle import TRAINING_STAGES, approval, s3, training
from lifecycle.aws import aws_errors
from lifecycle.errors import LifecycleError, NotApprovedError
from lifecycle.evaluation_output import numbers
from lifecycle.registration.packages import Package
from lifecycle.tabular.contract import SPLITS
from runner.errors import (
    MALFORMED,
    FileError,
    display_path,
    is_of_file,
    keep_traceback,
)
from runner.notebook import ipynb
from runner.notebook.archive import Recording, import_ahead, recording
from runner.notebook.environments import Environment, make_environment
from runner.pipeline.earlier import (
    cache_key,
    find_reusable,
    prepared_results,
    resume,
)
from runner.pipeline.evidence import (
    begin,
    build_page,
    evidence_uri,
    keep_error,
    register_model_card,
    succeeded_run,
)
from runner.pipeline.judgement import (
    check_deployed,
    judge_candidate,
    reject_candidates,
    require_passed,
)
from runner.pipeline.lock import locked
from runner.pipeline.plan import Plan, Stage
from runner.pipeline.release import record_deployment, refuse_outdated, update_card
from runner.spec.models import notebook_values

# A run that is stopped has so long to archive outputs: it ends within five seconds.
ARCHIVE_SECONDS = 1.0
# How many of the commands that failed in a notebook are said.
MAX_COMMANDS = 5
# What stages must return, whatever else they do.
REQUIRED_RESULTS = {
    "prepare": (*SPLITS, "data_sha256"),
    "train-register": ("package", "version", "metrics"),
    "deploy": ("endpoint", "package", "version"),
}
# If one of these fails, what the run has registered is rejected.
REJECTING = TRAINING_STAGES[TRAINING_STAGES.index("train-register") :]


class Observer(Protocol):
    """Is told the progress of runs, from any thread."""

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        """Report that a cell begins; `done` cells of `total` are finished."""

    def say(self, model: str, text: str) -> None:
        """Report something that is worth a line."""


class Silence:
    """An observer that shows nothing."""

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        """Show nothing."""

    def say(self, model: str, text: str) -> None:
        """Show nothing."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How models are run.

    Attributes:
        jobs: how many models run at once.
        approve: approve what was registered, which only a run of all stages on the
            embedded AWS may imply.
        time_limit: seconds per notebook; by default it depends on the stage.
        kernels: returns what forks warm kernels, if there is anything: in this
            environment, or in the one that a model has of its own.
        reuse: reuse what earlier runs left of unchanged work.
        resume: continue the newest run that failed.
        full_output: keep all that cells display, however long that takes.
    """

    jobs: int = 1
    observer: Observer = field(default_factory=Silence)
    approve: bool = False
    time_limit: float | None = None
    kernels: Callable[[Environment | None], WarmKernels | None] = lambda _: None
    reuse: bool = True
    resume: bool = False
    full_output: bool = False


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How the run of a model ended.

    Attributes:
        results: what the stages returned, joined.
        seconds: by stage.
        gated: the metrics that have a gate.
    """

    model: str
    results: Mapping[str, Any]
    seconds: Mapping[str, float]
    gated: Sequence[str] = ()
    error: LifecycleError | None = None


@dataclass
class _Deadline:
    """When a stage must end: with its time limit, or soon after it was stopped."""

    at: float
    cancelled: threading.Event

    def is_over(self) -> bool:
        """Return whether the time is up."""
        if self.cancelled.is_set():
            self.at = min(self.at, time.monotonic() + ARCHIVE_SECONDS)
        return time.monotonic() > self.at


@dataclass
class ModelRun:
    """The run of one model while it runs."""

    plan: Plan
    options: RunOptions
    cancelled: threading.Event
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    notebooks: dict[str, ipynb.Notebook] = field(default_factory=dict)
    uploaded: dict[Path, int] = field(default_factory=dict)
    baseline: Mapping[str, Any] = field(default_factory=dict)
    approved: Package | None = None
    earlier: Package | None = None
    is_running: bool = False
    begun: bool = False
    kept: set[str] = field(default_factory=set)
    error: LifecycleError | None = None

    def run(self) -> None:
        """Run the stages to the last one, or until one fails."""
        self.is_running = True
        if error := self._attempt(self._run_alone):
            self.error = error
            # Saying it may fail, too, and is no reason to leave the other models out.
            self._attempt(partial(self._fail, error))
        self.is_running = False

    def _run_alone(self) -> None:
        """Run when no other run of this model uses its folder in build/."""
        limits = [self.plan.time_limit(stage) for stage in self.plan.stages]
        # It waits as long as it may take itself.
        limit = self.options.time_limit or sum(limits)
        with locked(self.plan, limit, self.cancelled, self._say):
            if error := self._attempt(self._run_stages):
                self._fail(error)

    def _attempt(self, step: Callable[[], object]) -> LifecycleError | None:
        """Take a step of this model's run, and return the error that ended it."""
        try:
            with aws_errors():
                step()
        except LifecycleError as error:
            return error
        except Exception as error:  # noqa: BLE001
            if is_of_file(error):
                return FileError.of(error, self.plan.folder)
            # The one net for what nobody foresaw: a mistake in the runner, or what a
            # notebook of one model returned, must not end the runs of all the others.
            # It is reported as the failure that it is, and its traceback is kept.
            return keep_traceback(error, self.plan.folder)
        return None

    def _run_stages(self) -> None:
        resumed = resume(self.plan) if self.options.resume else None
        if resumed:
            self.plan = resumed.plan
            self.results |= resumed.results
            self._say(f"resumed run {self.plan.run_id}")
        self.begun = True
        self.baseline = begin(self.plan)
        if resumed:
            resumed.restore()
        else:
            self.results |= prepared_results(self.plan)
        if self.plan.has("deploy"):
            refuse_outdated(self.plan)
        for stage in self.plan.stages:
            with self._timed(stage):
                if stage.name == "deploy":
                    self.approved = self._judge_approved()
                reused = self._reuse(stage)
                if not reused:
                    self._execute(stage)
            if stage.name == TRAINING_STAGES[-1]:
                self._register_card()
            # What is only shown again is in S3 already, with the run that made it.
            if not reused or stage is self.plan.stages[-1]:
                self._keep()
            self.kept.add(stage.name)
            # Of what was registered, an approval binds what all these stages left.
            if stage.name == TRAINING_STAGES[-1] and self.options.approve:
                self._approve()
        if self.plan.has("deploy"):
            record_deployment(self.plan)

    @contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        """Keep how long a stage took, whether or not it succeeds."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage.name] = time.monotonic() - started

    def _reuse(self, stage: Stage) -> bool:
        """Show what an earlier run left, if running the stage would leave the same."""
        if not (self.options.reuse and self.plan.spec.reuse):
            return False
        reused = find_reusable(self.plan, stage, self.results, self.earlier)
        if reused is None:
            return False
        try:
            notebook = reused.show(self.plan)
        except (*MALFORMED, FileError):
            # What the earlier run left cannot be shown again.
            return False
        if notebook is not None:
            self.notebooks[stage.name] = notebook
        self.earlier = reused.package
        self.results[stage.name] = reused.results
        self._say(f"{stage.name} {reused.note}")
        return True

    def _execute(self, stage: Stage) -> None:
        """Execute one stage; its notebook is in build/ however it ends."""
        # Takes long to import, and a run may only show again what is there.
        from runner.notebook.execute import execute, failed_commands

        plan = self.plan
        parameters = plan.parameters(stage, self.results)
        environment = self._make_environment()
        limit = self.options.time_limit or plan.time_limit(stage)
        deadline = _Deadline(time.monotonic() + limit, self.cancelled)
        if other := stage.signature.kernel:
            self._say(f"{stage.name} was saved with {other!r}, and runs in this Python")
        # The cells run in another process meanwhile.
        threading.Thread(target=import_ahead, daemon=True).start()
        with self._recording(stage, parameters, deadline) as record:
            executed = execute(
                stage.notebook,
                parameters,
                cwd=stage.notebook.parent,
                time_limit=limit,
                on_start=partial(setattr, record, "notebook"),
                on_cell=partial(self.options.observer.cell, plan.model, stage.name),
                cancelled=self.cancelled,
                require=REQUIRED_RESULTS.get(stage.name, ()),
                kernels=self.options.kernels(environment),
                own_environment=environment,
                root=plan.root,
                text=stage.signature.text,
                full_output=self.options.full_output,
            )
            record.notebook = executed.notebook
            for failed in islice(failed_commands(executed.notebook), MAX_COMMANDS):
                self._say(f"{stage.name}: {failed}")
            try:
                executed.raise_for_error()
                if stage.name == "train-register":
                    notebook, results = executed.notebook, executed.results
                    record.record["metrics"] = numbers(results["metrics"])
                    judge_candidate(plan, stage, notebook, results, self.baseline)
                if stage.name == "deploy":
                    check_deployed(plan, stage, self.approved, executed.results)
            except LifecycleError as error:
                if stage.name in REJECTING:
                    rejected = reject_candidates(plan, str(error), self._say)
                    record.record["rejected"] = rejected
                raise
            record.succeed(executed.results)
        self.results[stage.name] = executed.results
        self._say(f"{stage.name} succeeded in {executed.seconds:.1f} s")

    def _make_environment(self) -> Environment | None:
        """Return the environment of the model's own, if any; make it if needed."""
        plan = self.plan
        if plan.lock is None:
            return None
        is_stopped = self.cancelled.is_set
        return make_environment(plan.root, plan.model, plan.lock, self._say, is_stopped)

    def _judge_approved(self) -> Package | None:
        """Judge again what a deploy would take; the notebook says if there is none."""
        with suppress(NotApprovedError):
            package = approval.find_approved(
                self.plan.model,
                self.plan.fingerprint,
                self.plan.spec.approval,
                on_progress=self._say,
            )
            require_passed(package, notebook_values(self.plan.spec)["gates"])
            return package
        return None

    @contextmanager
    def _recording(
        self, stage: Stage, parameters: Mapping[str, Any], deadline: _Deadline
    ) -> Iterator[Recording]:
        """Archive a stage however it ends, and keep its notebook for the page."""
        record = None
        try:
            with recording(
                self.plan.folder,
                model=self.plan.model,
                stage=stage.name,
                source=stage.notebook,
                run_id=self.plan.run_id,
                parameters=parameters,
                lineage={**self.plan.lineage, "work": cache_key(self.plan, stage.name)},
                is_late=deadline.is_over,
            ) as record:
                yield record
        finally:
            if record is not None and record.notebook is not None:
                self.notebooks[stage.name] = record.notebook

    def _keep(self) -> None:
        """Write the review page so far, and copy everything to S3."""
        try:
            self._write_page()
        finally:
            self._upload()

    def _write_error_page(self, error: LifecycleError) -> None:
        keep_error(self.plan, str(error))
        self._write_page()

    def _write_page(self) -> None:
        build_page(self.plan, self.results, self.notebooks)

    def _upload(self) -> None:
        """Copy what the run has left so far: CircleCI's artifacts do not last."""
        s3.upload_folder(self.plan.folder, evidence_uri(self.plan), self.uploaded)

    def _register_card(self) -> None:
        """Register the model card; without it a paid training is no less a success."""
        notebook = self.notebooks.get(TRAINING_STAGES[-1])
        if notebook is None:
            return
        step = partial(register_model_card, self.plan, self.results, notebook)
        if error := self._attempt(step):
            self._say(f"its model card is not registered: {error}")

    def _approve(self) -> None:
        """Approve what this run registered."""
        registered = self.results["train-register"]
        if registered.get("approval_status") == "Approved":
            return
        package = approval.approve(
            self.plan.model,
            version=registered["version"],
            description="Approved automatically by a local run of all stages",
        )
        self._say(f"approved version {package.version}, implied by a local run")
        if problem := update_card(package):
            self._say(problem)

    def _fail(self, error: LifecycleError) -> None:
        """Say what failed, keep the evidence, and stop what is left running."""
        if deployed := self.results.get("deploy"):
            lost = (
                "the record of its deploy" if "deploy" in self.kept else "its evidence"
            )
            live = f"version {deployed['version']} is live and verified"
            error = type(error)(f"{error}; {live}; only {lost} is missing")
        self.error = error
        if self.begun and (earlier := succeeded_run(self.plan.previous)):
            where = display_path(self.plan.previous)
            self._say(f"what run {earlier} left, which succeeded, is in {where}")
        self._say(f"failed: {error}")
        if not self.begun:
            return
        # The page first, which needs no AWS: a run that is stopped has little time.
        missing = self._attempt(partial(self._write_error_page, error))
        if missing and not isinstance(error, FileError):
            self._say(f"its page is missing: {missing}")
        self._stop_training()
        if missing := self._attempt(self._upload):
            where = display_path(self.plan.folder)
            self._say(f"the evidence stays in {where} only: {missing}")

    def _stop_training(self) -> None:
        """Stop a training job that a killed notebook left, since it costs money."""
        if not self.plan.has("train-register"):
            return
        try:
            with aws_errors():
                for name in training.stop_training(self.plan.model, self.plan.run_id):
                    self._say(f"stopped the training job {name}")
        except LifecycleError as error:
            self._say(
                f"cannot tell whether a training job of this run still runs: {error}"
            )

    def _say(self, text: str) -> None:
        # Whoever read the log may have gone, as `head` does; the run goes on.
        with suppress(OSError):
            self.options.observer.say(self.plan.model, text)

    def result(self) -> RunResult:
        """Return how the run ended."""
        joined: dict[str, Any] = {}
        for returned in self.results.values():
            joined |= returned
        return RunResult(
            model=self.plan.model,
            results=joined,
            seconds=self.seconds,
            gated=tuple(self.plan.spec.gates),
            error=self.error,
        )
