"""The verb `run`: execute the stages of models."""

import importlib
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from lifecycle import TRAINING_STAGES
from lifecycle.errors import CallError, LifecycleError
from runner import STAGES
from runner.cli.completion import complete_models
from runner.cli.local import aws_at, check_images, target_option
from runner.cli.output import echo, observer, print_json, print_table

if TYPE_CHECKING:
    from forked_kernels.client import WarmKernels

    from runner.notebook.environments import Environment
    from runner.pipeline.model_run import RunResult
    from runner.pipeline.plan import Plan

RUN_HEADER = ["model", "", "gated metrics", "version", "prediction / truth", "time"]


@click.command("run")
@click.argument("models", nargs=-1, shell_complete=complete_models)
@click.option("--all", "every", is_flag=True, help="Every model.")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    type=click.Choice(STAGES),
    help="Only this stage; repeat for more. Default: all; on AWS only "
    f"{' and '.join(TRAINING_STAGES)}.",
)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a notebook's parameter, or one key of it: -p hyperparameters.eta=0.1",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=lambda: os.cpu_count() or 1,
    show_default="the cores",
    help="How many models run at once.",
)
@click.option("--time-limit", type=click.FloatRange(1), help="Seconds per notebook.")
@click.option("--resume", is_flag=True, help="Go on with the newest run that failed.")
@click.option(
    "--reuse/--no-reuse",
    default=True,
    show_default=True,
    help="Show what an earlier run left of unchanged work, or do all of it again.",
)
@click.option("--full-output", is_flag=True, help="Keep all that cells display.")
@click.option("--cold", is_flag=True, help="Start kernels without preloaded imports.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def run_command(
    models: tuple[str, ...],
    every: bool,
    stages: tuple[str, ...],
    parameters: tuple[str, ...],
    jobs: int,
    time_limit: float | None,
    resume: bool,
    reuse: bool,
    full_output: bool,
    cold: bool,
    as_json: bool,
    target: str,
) -> None:
    """Execute the stages of MODELS and keep the executed notebooks in build/."""
    from runner.spec.folders import find_root

    local = target == "local"
    wanted = stages or (STAGES if local else TRAINING_STAGES)
    root = find_root()
    with _Kernels(root, cold) as kernels:
        if not (reuse and (root / "build").is_dir()):
            kernels.begin()
        plans, broken = _make_plans(root, models, every, wanted, parameters)
        kernels.plans = plans
        executes = not (reuse and all(map(_is_unchanged, plans)))
        if executes and local and set(wanted) - {"prepare"}:
            check_images(root, [plan.spec for plan in plans])
        if executes:
            kernels.begin_made()
        with aws_at(target, meanwhile=partial(_import_pipeline, executes)):
            from runner.pipeline.model_run import RunOptions
            from runner.pipeline.run import run_models

            with observer(as_json) as watching:
                options = RunOptions(
                    jobs=jobs,
                    observer=watching,
                    # A person approves what AWS serves; on a laptop a run of all
                    # stages implies it.
                    approve=local and not stages,
                    time_limit=time_limit,
                    kernels=kernels,
                    reuse=reuse,
                    resume=resume,
                    full_output=full_output,
                )
                results = run_models(root, plans, options)
    _print_results(results, root, as_json, broken)


@dataclass
class _Kernels:
    """The servers that warm kernels are forked from, started when they are needed.

    That of this environment is started at once where notebooks will be executed: it
    imports what they import while the models are checked and AWS is reached. Where all
    is likely to be reused, it starts with the first notebook that is executed
    nevertheless. A model's own environment has a server as soon as it is made.
    """

    root: Path
    cold: bool
    plans: "Sequence[Plan]" = ()
    _stack: ExitStack = field(default_factory=ExitStack)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    # By the lock of the environment, which is None for the one of all.
    _servers: "dict[Path | None, WarmKernels | None]" = field(default_factory=dict)
    _preloaded: set[Path | None] = field(default_factory=set)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def __call__(self, own: "Environment | None" = None) -> "WarmKernels | None":
        """Return the server of an environment, which imports what its notebooks do."""
        from forked_kernels.imports import notebook_imports

        with self._lock:
            server = self.begin(own)
            lock, path = (own.lock, own.path) if own else (None, None)
            if server and lock not in self._preloaded:
                self._preloaded.add(lock)
                stages = [
                    one
                    for plan in self.plans
                    if plan.lock == lock
                    for one in plan.stages
                ]
                # In the order in which they run.
                stages.sort(key=lambda one: STAGES.index(one.name))
                paths = [one.notebook for one in stages]
                server.preload({one: notebook_imports(one, path) for one in paths})
            return server

    def begin(self, own: "Environment | None" = None) -> "WarmKernels | None":
        """Return the server of an environment, started unless kernels start cold."""
        from forked_kernels.client import begin

        from runner.notebook.isolation import kernel_environment

        lock, python = (own.lock, own.python) if own else (None, None)
        if not self.cold and lock not in self._servers:
            variables = kernel_environment(os.environ, self.root, own)
            server = self._servers[lock] = begin(_say_cold, variables, python)
            if server:
                self._stack.enter_context(server)
        return self._servers.get(lock)

    def begin_made(self) -> None:
        """Start the servers of this environment, and of those that are made already."""
        from runner.notebook.environments import is_made, make_environment

        self()
        for plan in self.plans:
            if plan.lock and is_made(plan.lock):
                # What fails is said by the run of the model, and ends that one only.
                with suppress(LifecycleError):
                    self(make_environment(self.root, plan.model, plan.lock, echo))


def _say_cold(why: str) -> None:
    echo(f"kernels start cold: {why}", err=True)


def _is_unchanged(plan: "Plan") -> bool:
    """Return whether build/ holds what this content left, likely to be reused."""
    from runner.notebook.archive import read_record

    try:
        records = [read_record(plan.folder, one.name) or {} for one in plan.stages]
    except (OSError, ValueError):
        return False
    return all(one.get("fingerprint") == plan.fingerprint for one in records)


def _make_plans(
    root: Path,
    models: Sequence[str],
    every: bool,
    stages: Sequence[str],
    parameters: Sequence[str],
) -> "tuple[list[Plan], dict[str, CallError]]":
    """Find the models to run, and check everything before anything starts.

    Returns:
        The models to run, and of all models those that cannot be, with the reason.
    """
    from runner.notebook.parameters import parse_assignment
    from runner.pipeline.plan import make_plan
    from runner.spec.folders import model_folders

    if every == bool(models):
        raise CallError("name the models to run, or say --all")
    overrides = dict(parse_assignment(one) for one in parameters)
    chosen = model_folders(root) if every else list(dict.fromkeys(models))
    plans: list[Plan] = []
    broken: dict[str, CallError] = {}
    for name in chosen:
        try:
            plans.append(make_plan(root, name, stages, overrides))
        except CallError as error:
            if not every:
                raise
            broken[name] = error
    if not plans and broken:
        raise next(iter(broken.values()))
    return plans, broken


def _import_pipeline(executes: bool) -> None:
    """Import what runs notebooks, which takes as long as the embedded AWS to start."""
    importlib.import_module("runner.pipeline.run")
    if executes:
        importlib.import_module("runner.notebook.execute")


def _print_results(
    results: "Sequence[RunResult]",
    root: Path,
    as_json: bool,
    broken: "Mapping[str, CallError]",
) -> None:
    """Print how the runs ended, and exit with the highest exit code among them.

    Args:
        broken: models that could not be run, while others were.
    """
    from runner.pipeline.model_run import RunResult
    from runner.review.page import PAGE

    codes = {one.error.exit_code for one in results if one.error}
    codes |= {LifecycleError.exit_code for _ in broken}
    results = [
        *results,
        *(
            RunResult(model=name, results={}, seconds={}, error=error)
            for name, error in broken.items()
        ),
    ]
    for error in broken.values():
        echo(f"error: {error}", err=True)

    if as_json:
        print_json([result_as_json(one) for one in results])
    else:
        print_table("", RUN_HEADER, [result_row(one) for one in results])
        # With several models, one page links to all of theirs.
        page = Path("build", results[0].model if len(results) == 1 else "", PAGE)
        if (root / page).is_file():
            echo(f"open {page.as_posix()}")
    if codes:
        click.get_current_context().exit(max(codes))


def result_as_json(result: "RunResult") -> dict[str, Any]:
    """Return the result of a run as plain values."""
    return {
        "model": result.model,
        "status": "failed" if result.error else "succeeded",
        "error": str(result.error) if result.error else None,
        "results": dict(result.results),
        "seconds": {stage: round(s, 3) for stage, s in result.seconds.items()},
    }


def result_row(result: "RunResult") -> list[str]:
    """Return the result of a run as a row of the table."""
    metrics: Mapping[str, float] = result.results.get("metrics", {})
    gated = [f"{k} {v:.4g}" for k, v in metrics.items() if k in result.gated]
    predictions = result.results.get("predictions", [])
    shown = [predictions[0][one] for one in ("prediction", "truth") if predictions]
    # Of several classes, a prediction is the name of the likeliest one.
    sample = " / ".join(one if isinstance(one, str) else f"{one:.4g}" for one in shown)
    return [
        result.model,
        "failed" if result.error else "succeeded",
        "  ".join(gated),
        str(result.results.get("version", "")),
        sample,
        f"{sum(result.seconds.values()):.0f} s",
    ]
