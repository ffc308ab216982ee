"""Runs of models, some at once, to their end or until they are stopped."""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from runner.errors import FileError
from runner.pipeline.model_run import ModelRun, Observer, RunOptions, RunResult
from runner.pipeline.plan import Plan, make_plan
from runner.review.page import write_overview

# A run that is stopped ends within five seconds, with as much of its evidence as it
# could keep: archiving outputs and uploading have to end before.
SIGNAL_SECONDS = 0.2
STOP_SECONDS = 3.0


def run_model(
    root: Path,
    model: str,
    *,
    stages: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    options: RunOptions | None = None,
) -> RunResult:
    """Run stages of one model with the AWS that the environment leads to.

    Args:
        root: the repository.
        stages: all if empty.
        parameters: notebook parameters to set, as texts: {"hyperparameters.eta": "1"}.

    Returns:
        How it ended; an error of the run is in `error`.

    Raises:
        CallError: model.yaml, a notebook or a parameter is wrong; nothing was started.
    """
    plan = make_plan(root, model, stages, parameters or {})
    return run_models(root, [plan], options or RunOptions())[0]


def run_models(
    root: Path, plans: Sequence[Plan], options: RunOptions
) -> list[RunResult]:
    """Run several models, some at once, and return their results in order.

    A model that fails does not stop the others.
    """
    cancelled = threading.Event()
    runs = [ModelRun(plan, options, cancelled) for plan in plans]
    waiting = deque(runs)

    def next_run() -> ModelRun | None:
        with suppress(IndexError):
            return waiting.popleft()
        return None

    def work(ended: threading.Event) -> None:
        try:
            while not cancelled.is_set() and (one := next_run()):
                one.run()
        finally:
            ended.set()

    # Python would wait for an executor's threads at the end of the process, and takes
    # a thread for ended whose join() was interrupted.
    ends = [threading.Event() for _ in range(min(options.jobs, len(runs)))]
    try:
        for ended in ends:
            threading.Thread(target=work, args=[ended], name="run", daemon=True).start()
        for ended in ends:
            # A signal that another thread was given is only handled between waits.
            while not ended.wait(SIGNAL_SECONDS):
                pass
    except BaseException:
        # Ends the kernels; the threads still keep what there is.
        cancelled.set()
        until = time.monotonic() + STOP_SECONDS
        for ended in ends:
            ended.wait(max(0, until - time.monotonic()))
        for one in runs:
            if one.is_running:
                options.observer.say(one.plan.model, "ended with evidence missing")
        raise
    finally:
        _write_overview(root / "build", plans, options.observer)
    return [one.result() for one in runs]


def _write_overview(build: Path, plans: Sequence[Plan], observer: Observer) -> None:
    """Write the page that links to those of all models, if there is any."""
    if not build.is_dir():
        return
    try:
        write_overview(build, [one.model for one in plans])
    except FileError as error:
        observer.say("build", f"the page of all models is missing: {error}")
