"""`runner run`: execute stages of models."""

import gc
import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.output import print_json
from runner.cli.target import aws_at, on_this_machine, target_option
from runner.cli.warm import preload, warm_kernels
from runner.errors import CallError
from runner.stages import STAGES

if TYPE_CHECKING:
    from runner.cli.ended import Outcome
    from runner.cli.plan import Plan


@click.command()
@click.argument("models", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every model.")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    type=click.Choice(STAGES),
    help="Only this stage; repeat for more. Else all, on AWS those before approval.",
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
@click.option("--cold", is_flag=True, help="Import everything anew in each kernel.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def command(
    models: tuple[str, ...],
    every: bool,
    stages: tuple[str, ...],
    parameters: tuple[str, ...],
    jobs: int,
    time_limit: float | None,
    resume: bool,
    reuse: bool,
    cold: bool,
    as_json: bool,
    target: str,
) -> None:
    """Execute the stages of MODELS and keep the executed notebooks in build/."""
    laptop = on_this_machine(target)
    wanted = stages or (STAGES if laptop else STAGES[:2])
    # Kernels are begun before anything is imported that reads what they are to run.
    with warm_kernels(cold) as kernels:
        root, plans = _plans(models, every, wanted, parameters)
        preload(kernels, plans)
        with aws_at(target, meanwhile=_import_the_rest):
            from runner.cli.parallel import Running, run_all

            running = Running(
                jobs=jobs,
                # A person approves what AWS serves; a laptop's whole run implies it.
                approves=laptop and not stages,
                time_limit=time_limit,
                quiet=as_json,
                kernels=kernels,
                reuses=reuse,
                resumes=resume,
            )
            outcomes = run_all(root, plans, running)
    _tell(outcomes, root, as_json)


def _plans(
    models: Sequence[str],
    every: bool,
    stages: Sequence[str],
    parameters: Sequence[str],
) -> "tuple[Path, list[Plan]]":
    """Find what is to be run, and check it from end to end before anything starts."""
    from runner.cli.plan import plan
    from runner.parameters import parse_assignment
    from runner.spec import find_root, list_models

    if every == bool(models):
        raise CallError("name the models to run, or say --all")
    root = find_root()
    given = dict(parse_assignment(one) for one in parameters)
    chosen = list_models(root) if every else list(dict.fromkeys(models))
    return root, [plan(root, name, stages, given) for name in chosen]


def _tell(outcomes: "Sequence[Outcome]", root: Path, as_json: bool) -> None:
    """Print how it ended, and end as badly as the worst of them."""
    from runner.cli.summary import outcome_as_json, print_summary

    if as_json:
        print_json([outcome_as_json(outcome) for outcome in outcomes])
    else:
        print_summary(outcomes, root)
    failed = [outcome.error for outcome in outcomes if outcome.error]
    if failed:
        click.get_current_context().exit(max(error.exit_code for error in failed))


def _import_the_rest() -> None:
    """Import what runs notebooks, which takes as long as AWS to be there.

    It stays: to look for garbage in it would add a fifth to the time.
    """
    gc.disable()
    try:
        importlib.import_module("runner.cli.parallel")
    finally:
        gc.freeze()
        gc.enable()
