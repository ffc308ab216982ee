"""One model's stages in order: what each is given, and what it leaves to the next."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from forked_kernels.client import WarmKernels

from runner import artifacts, registry, session, training
from runner.cli import reviewing
from runner.cli.deployed import mark_deployed, refuse_undoing
from runner.cli.earlier import earlier_results
from runner.cli.ended import Outcome
from runner.cli.plan import Plan, Stage
from runner.cli.progress import Observer
from runner.cli.resume import resume
from runner.cli.reusable import Reusable, work
from runner.cli.reuse import show
from runner.errors import FileError, RunnerError
from runner.notebook import ExecutedNotebook, execute

REQUIRED_RESULTS = {
    "prepare": ("train", "validation", "test", "data_sha256"),
    "train-register": ("package", "version", "metrics"),
    "deploy": ("endpoint", "package", "version"),
}


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One model's run, from its plan to its outcome."""

    plan: Plan
    observer: Observer
    cancelled: threading.Event
    approves: bool = False
    time_limit: float | None = None
    kernels: WarmKernels | None = None
    reusable: Reusable | None = None
    resumes: bool = False
    restore: Callable[[], None] = lambda: None
    results: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    uploaded: dict[Path, int] = field(default_factory=dict)

    def run(self) -> Outcome:
        """Run the stages until the last, or until one fails."""
        if self.resumes:
            return self._resume()
        try:
            with session.aws_errors():
                self._run_stages()
        except OSError as error:
            where = error.filename or self.plan.folder
            return self._failed(FileError(f"{where}: {error.strerror or error}"))
        except RunnerError as error:
            return self._failed(error)
        return self._outcome()

    def _failed(self, error: RunnerError) -> Outcome:
        self._say(f"failed: {error}")
        self._stop_training()
        self._keep_anyway()
        return self._outcome(error)

    def _resume(self) -> Outcome:
        """Go on with this content's newest run, from the stage that failed."""
        try:
            with session.aws_errors():
                resumed = resume(self.plan)
        except RunnerError as error:
            self._say(f"failed: {error}")
            return self._outcome(error)
        self.results.update(resumed.results)
        self._say(f"resumed run {resumed.plan.context['run_id']}")
        rest = replace(self, plan=resumed.plan, resumes=False, restore=resumed.restore)
        return replace(rest, reusable=rest.reusable and Reusable(rest.plan)).run()

    def _run_stages(self) -> None:
        reviewing.begin(self.plan)
        self.restore()
        self.results.update(earlier_results(self.plan))
        if self.plan.has("deploy"):
            refuse_undoing(self.plan)
        for stage in self.plan.stages:
            executed = self._reuse(stage) or self._run(stage)
            self.results.update(executed.results)
            self._keep()
            self.seconds[stage.name] = executed.seconds
            if stage.name == "train-register" and self.approves:
                self._approve()
        if self.plan.has("deploy"):
            mark_deployed(self.plan)

    def _reuse(self, stage: Stage) -> ExecutedNotebook | None:
        """Show what an earlier run left, where running the stage would leave it too."""
        if self.reusable is None:
            return None
        began = time.monotonic()
        reused = self.reusable.find(stage, self.results)
        if reused is None:
            return None
        show(self.plan, reused)
        self._say(f"{stage.name} {reused.word}")
        return ExecutedNotebook(
            path=self.plan.folder / f"{stage.name}.ipynb",
            parameters=dict(reused.record["parameters"]),
            results=reused.results,
            seconds=time.monotonic() - began,
        )

    def _run(self, stage: Stage) -> ExecutedNotebook:
        """Execute one stage; its notebook is in build/ however it ends."""
        plan = self.plan
        parameters = plan.parameters(stage, self.results)
        with artifacts.recording(
            plan.folder,
            model=plan.model,
            stage=stage.name,
            notebook=stage.notebook,
            run_id=plan.context["run_id"],
            parameters=parameters,
            lineage=self._lineage(stage),
        ) as recording:
            executed = execute(
                stage.notebook,
                recording.output,
                parameters,
                cwd=stage.notebook.parent,
                time_limit=self.time_limit or plan.time_limit(stage),
                on_cell=partial(self.observer.cell, plan.model, stage.name),
                cancelled=self.cancelled,
                require=REQUIRED_RESULTS[stage.name],
                kernels=self.kernels,
            )
            recording.succeed(executed.results)
        self._say(f"{stage.name} succeeded in {executed.seconds:.1f} s")
        return executed

    def _lineage(self, stage: Stage) -> Mapping[str, str]:
        """Say what a stage's results come from."""
        return {**self.plan.context, "work": work(self.plan, stage.name)}

    def _keep(self) -> None:
        """Review what there is, and copy it to where it outlives CircleCI's copy."""
        try:
            reviewing.build(self.plan, self.results)
        finally:
            run_id = self.plan.context["run_id"]
            evidence = session.run_uri(self.plan.model, run_id, "evidence")
            s3 = session.client("s3")
            artifacts.upload(self.plan.folder, s3, evidence, self.uploaded)

    def _keep_anyway(self) -> None:
        """Keep the evidence of a failure; failing at that does not hide it."""
        try:
            with session.aws_errors():
                self._keep()
        except RunnerError as error:
            self._say(f"the evidence stays in {self.plan.folder} only: {error}")

    def _stop_training(self) -> None:
        """Stop what a killed notebook left training: nobody waits for it any more."""
        if not self.plan.has("train-register"):
            return
        try:
            with session.aws_errors():
                run_id = self.plan.context["run_id"]
                for name in training.stop_training(self.plan.model, run_id):
                    self._say(f"stopped the training job {name}")
        except RunnerError as error:
            self._say(f"a training job of this run may go on: {error}")

    def _approve(self) -> None:
        """Approve what this run registered, which only a laptop's run may imply."""
        if self.results.get("approval_status") == "Approved":
            return
        package = registry.approve(
            self.plan.model,
            version=self.results["version"],
            description="Implied: a run of all stages on the embedded AWS",
        )
        self._say(f"approved version {package.version}, implied by a local run")

    def _say(self, text: str) -> None:
        self.observer.say(self.plan.model, text)

    def _outcome(self, error: RunnerError | None = None) -> Outcome:
        return Outcome(
            model=self.plan.model,
            results=self.results,
            seconds=self.seconds,
            error=error,
        )
