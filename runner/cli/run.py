"""The verbs that work with models: `list`, `show` and `run`."""

import gc
import importlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle import TRAINING_STAGES
from lifecycle.errors import CallError, LifecycleError
from runner import STAGES
from runner.cli.completion import complete_models
from runner.cli.local import aws_at, is_on_this_machine, target_option
from runner.cli.output import echo, observer, print_json, print_table

if TYPE_CHECKING:
    from forked_kernels.client import WarmKernels

    from runner.notebook.parameters import Signature
    from runner.pipeline.plan import Plan
    from runner.pipeline.run import RunResult
    from runner.spec.content import Content

# A git object, a submodule's commit or a sha256, and as much of it as is shown.
HASH = re.compile(r"((?:commit )?[0-9a-f]{12})(?:[0-9a-f]{28}|[0-9a-f]{52})")
RUN_HEADER = ["model", "", "gated metrics", "version", "prediction / truth", "time"]


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_command(as_json: bool) -> None:
    """List the models, with the stages for which each has its own notebook."""
    from runner.errors import SpecError
    from runner.spec.folders import find_root, model_folders

    root = find_root()
    models = [_describe(root, name) for name in model_folders(root)]
    if as_json:
        print_json(models)
    else:
        header = ["model", "task", "owner", "its own notebooks", "description"]
        rows = [
            [m["name"], m["task"], m["owner"], ", ".join(m["own"]), m["description"]]
            for m in models
        ]
        print_table("", header, rows)
    broken = [one["error"] for one in models if one["error"]]
    for error in broken:
        echo(f"error: {error}", err=True)
    if broken:
        click.get_current_context().exit(SpecError.exit_code)


@click.command("show")
@click.argument("model", shell_complete=complete_models)
@click.option("--diff", metavar="REV", help="Only what changed in its content since.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def show_command(model: str, diff: str | None, as_json: bool) -> None:
    """Show MODEL's spec, notebooks, parameters and content."""
    from runner.notebook.parameters import read_signature
    from runner.spec.content import content, describe_pending
    from runner.spec.folders import find_root
    from runner.spec.models import find_notebook, load_spec

    root = find_root()
    spec = load_spec(root, model)
    if diff:
        _show_differences(root, model, diff, as_json=as_json)
        return
    paths = {stage: find_notebook(root, model, stage, spec.task) for stage in STAGES}
    notebooks = {stage: str(path.relative_to(root)) for stage, path in paths.items()}
    signatures = {stage: read_signature(path) for stage, path in paths.items()}
    values, found = spec.model_dump(exclude_none=True), content(root, model)
    if as_json:
        parameters = {stage: _as_json(one) for stage, one in signatures.items()}
        shown = {"spec": values, "notebooks": notebooks, "parameters": parameters}
        content_lists = {
            "content": [one._asdict() for one in found.parts],
            "serving": [one._asdict() for one in found.serving],
            "notes": found.notes,
            "pending": found.pending,
        }
        print_json(shown | {"fingerprint": found.fingerprint} | content_lists)
        return
    rows = [(key, _text(value)) for key, value in _flatten(values)]
    print_table(f"{model} · {found.fingerprint}", ["model.yaml", "value"], rows)
    for stage, one in signatures.items():
        parameter_rows = [
            (p.name, p.type, "required" if p.required else _text(p.default), p.help)
            for p in one.parameters.values()
        ]
        header = ["parameter", "type", "default", "help"]
        print_table(f"{stage} · {notebooks[stage]}", header, parameter_rows)
    _print_content(found)
    for note in (*found.notes, describe_pending(found)):
        if note:
            echo(f"note: {note}")


def _print_content(found: "Content") -> None:
    """Print what a model's content consists of besides model.yaml."""
    from runner.spec.content import NEEDED_BY

    parts = [one for one in found.parts if one.kind != "settings"]
    needed = [one for one in parts if one.reason.startswith(NEEDED_BY)]
    rows = [
        (one.kind, one.name, _shorten_hash(one.value.partition(" ;")[0]), one.reason)
        for one in parts
        if one not in needed
    ]
    if needed:
        rows.append(("package", f"{len(needed)} more", "", "needed by these (--json)"))
    header = ["content", "name", "value", "belongs to it because"]
    print_table("what changes the trained model, besides model.yaml", header, rows)


def _show_differences(root: Path, model: str, rev: str, *, as_json: bool) -> None:
    """Print what changed in a model's content since it left a revision."""
    from runner.git import find_commit, fork_point
    from runner.spec.content import content
    from runner.spec.differences import changes, compare

    base = fork_point(root, rev)
    before, after = content(root, model, base), content(root, model)
    if as_json:
        differences = {
            "trained": compare(before.parts, after.parts),
            "served": compare(before.serving, after.serving),
        }
        found = {k: [one._asdict() for one in v] for k, v in differences.items()}
        print_json({"base": base, **found})
        return
    # As `select` does, a branch is compared with where it left another one.
    is_fork = base != find_commit(root, rev)
    forked = f", where HEAD left it ({base[:12]})," if is_fork else ""
    trained, served = changes(before, after)
    for title, lines in (("trained", trained), ("deployed", served)):
        what = f"{len(lines) or 'no'} change{'s' * (len(lines) != 1)}"
        echo(f"{model}: {what} since {rev}{forked} in what is {title}")
        for line in lines:
            echo(f"  {line}")


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
    from runner.pipeline.plan import preload
    from runner.spec.folders import find_root

    local = is_on_this_machine(target)
    wanted = stages or (STAGES if local else TRAINING_STAGES)
    root = find_root()
    # The kernels' server starts first: it imports while the models are checked.
    with _warm_kernels(root, cold) as kernels:
        plans, broken = _make_plans(root, models, every, wanted, parameters)
        fresh = [one for one in plans if not (reuse and _was_done(one))]
        if kernels:
            preload(kernels, fresh)
        with aws_at(target, meanwhile=partial(_import_pipeline, bool(fresh))):
            from runner.pipeline.run import RunOptions, run_models

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


@contextmanager
def _warm_kernels(root: Path, cold: bool) -> "Iterator[WarmKernels | None]":
    """Start the server that kernels are forked from, and end it with the block."""
    from forked_kernels.client import begin

    from runner.notebook.isolation import kernel_environment

    def say(why: str) -> None:
        echo(f"kernels start cold: {why}", err=True)

    variables = kernel_environment(os.environ, root)
    kernels = None if cold else begin(say, variables)
    if kernels is None:
        yield None
        return
    with kernels:
        yield kernels


def _was_done(plan: "Plan") -> bool:
    """Return whether a run in this clone did all of this: it will be shown again."""
    from runner.notebook.archive import read_record

    try:
        records = [read_record(plan.folder, one.name) or {} for one in plan.stages]
    except (OSError, ValueError):
        return False
    done = {(one.get("status"), one.get("fingerprint")) for one in records}
    return plan.spec.reuse and done == {("succeeded", plan.fingerprint)}


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
    """Import what runs notebooks, which takes as long as the embedded AWS to start.

    These modules stay, so the garbage collector need not look at them: that saves a
    fifth of the time.
    """
    gc.disable()
    try:
        importlib.import_module("runner.pipeline.run")
        if executes:
            importlib.import_module("runner.notebook.execute")
    finally:
        gc.freeze()
        gc.enable()


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
    from runner.pipeline.run import RunResult
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
    sample = (
        f"{predictions[0]['prediction']:.4g} / {predictions[0]['truth']:.4g}"
        if predictions
        else ""
    )
    return [
        result.model,
        "failed" if result.error else "succeeded",
        "  ".join(gated),
        str(result.results.get("version", "")),
        sample,
        f"{sum(result.seconds.values()):.0f} s",
    ]


def _describe(root: Path, name: str) -> dict[str, Any]:
    from runner.spec.models import find_notebook, load_spec

    empty = {"task": "", "owner": "", "own": [], "description": ""}
    try:
        spec = load_spec(root, name)
    except CallError as error:
        # One that is broken must not hide the others.
        return {"name": name, **empty, "error": str(error)}
    notebooks = {s: find_notebook(root, name, s, spec.task) for s in STAGES}
    folder = root / "models" / name
    own = [stage for stage, path in notebooks.items() if path.parent == folder]
    described = {"name": name, "task": spec.task, "owner": spec.owner, "own": own}
    return described | {"description": spec.description, "error": None}


def _as_json(signature: "Signature") -> dict[str, Any]:
    return {
        one.name: {
            "type": one.type,
            "default": one.default,
            "required": one.required,
            "help": one.help,
        }
        for one in signature.parameters.values()
    }


def _flatten(values: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """Return nested keys with dots, as `-p` takes them."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            rows += _flatten(value, f"{above}{key}.")
        else:
            rows.append((f"{above}{key}", value))
    return rows


def _shorten_hash(value: str) -> str:
    found = HASH.fullmatch(value)
    return found[1] if found else value


def _text(value: object) -> str:
    return value if isinstance(value, str) and value else repr(value)
