"""`runner ci-config`: the config that CircleCI continues with."""

from pathlib import Path

import click

from runner.circleci import Action, Request, continuation, requested
from runner.cli.change import change_options, given, measured
from runner.cli.output import print_json
from runner.cli.select import told
from runner.history import checked_out_branch, find_default_branch
from runner.spec import find_root


@click.command()
@change_options
@click.option(
    "--action",
    type=click.Choice(["ci", "retrain", "rollback"]),
    default="ci",
    envvar="PIPELINE_ACTION",
    show_default=True,
    help="What a schedule or a person asks for.",
)
@click.option(
    "--model",
    envvar="PIPELINE_MODEL",
    callback=given,
    help="The model to roll back, or the models to retrain, comma-separated.",
)
@click.option(
    "--version",
    envvar="PIPELINE_VERSION",
    callback=given,
    help="The version to go back to; by default the previous one.",
)
@click.option(
    "--part",
    type=click.IntRange(1),
    default=1,
    envvar="PIPELINE_PART",
    help="Which part, when the models do not fit into one config.",
)
@click.option("--json", "as_json", is_flag=True, help="The config as a JSON string.")
def command(
    base: str | None,
    branch: str | None,
    action: Action,
    model: str,
    version: str,
    part: int,
    pushed_from: str,
    as_json: bool,
) -> None:
    """Write the continuation config for CircleCI; what it is made from, to stderr."""
    root = find_root()
    if action == "ci":
        selection, deployed = measured(
            root, base=base, branch=branch, pushed_from=pushed_from
        )
        click.echo(told(selection), err=True)
        names = [one.name for one in selection.models]
    else:
        names, deployed = [], _is_default(root, branch)
    request = requested(
        action,
        model=model,
        version=version,
        selected=names,
        on_default_branch=deployed,
        part=part,
    )
    text = continuation(root, request)
    _warn(request)
    if as_json:
        print_json({"models": request.these, "config": text})
    else:
        click.echo(text, nl=False)


def _is_default(root: Path, branch: str | None) -> bool:
    return (branch or checked_out_branch(root)) == find_default_branch(root)


def _warn(request: Request) -> None:
    if request.parts > 1:
        told = f"part {request.part} of {request.parts}: {len(request.models)} models"
        click.echo(f"note: {told} do not fit into one config", err=True)
