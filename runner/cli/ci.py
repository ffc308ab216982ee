"""The verbs of CircleCI's jobs: `select`, `ci-config` and `deploy-marker`."""

import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle.errors import LifecycleError
from runner.ci.config import (
    Action,
    check_request,
    continuation,
    read_button,
    read_version,
)
from runner.ci.environment import NIL, is_default_branch
from runner.ci.selection import DeployedTags, Selection, select
from runner.cli.local import aws_at, target_option
from runner.cli.output import echo, print_json
from runner.git import checked_out_branch, find_default_branch
from runner.spec.folders import check_name, find_root

if TYPE_CHECKING:
    from runner.pipeline.markers import Stage

MAX_REASONS = 3
# GitHub's merge queue tests there what it is about to merge, and nobody reviews it.
MERGE_QUEUE = "gh-readonly-queue/"


def _none_as_empty(_: click.Context, __: click.Parameter, value: str | None) -> str:
    """Read an option that CircleCI may have set to nothing."""
    return "" if value in (None, NIL) else str(value)


def _change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what is compared, and with what."""
    branch = click.option(
        "--branch",
        envvar="CIRCLE_BRANCH",
        show_default="CIRCLE_BRANCH, else the checked-out one",
        help="The branch that the commit was pushed to.",
    )
    pushed_from = click.option(
        "--pushed-from",
        metavar="SHA",
        envvar="PIPELINE_BASE_REVISION",
        callback=_none_as_empty,
        help="The commit that the branch was at before.",
    )
    base = click.option("--base", metavar="REV", help="Compare with this revision.")
    return base(branch(pushed_from(command)))


@click.command("select")
@_change_options
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def select_command(
    base: str | None, branch: str | None, pushed_from: str, as_json: bool
) -> None:
    """List the models that the checked-out commit affects, and why."""
    root = find_root()
    selection, _ = _select(root, base=base, branch=branch, pushed_from=pushed_from)
    if as_json:
        print_json(asdict(selection))
        return
    echo(format_selection(selection))


@click.command("ci-config")
@_change_options
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
    callback=_none_as_empty,
    help="The model to roll back, or the models to retrain, comma-separated.",
)
@click.option(
    "--version",
    envvar="PIPELINE_VERSION",
    callback=_none_as_empty,
    help="The version to go back to; by default the previous one.",
)
@click.option("--json", "as_json", is_flag=True, help="The config as a JSON string.")
def ci_config_command(
    base: str | None,
    branch: str | None,
    action: Action,
    model: str,
    version: str,
    pushed_from: str,
    as_json: bool,
) -> None:
    """Write the continuation config for CircleCI, and print the selection to stderr."""
    root = find_root()
    names: list[str] = []
    if action == "ci":
        selection, on_default = _select(
            root, base=base, branch=branch, pushed_from=pushed_from
        )
        echo(format_selection(selection), err=True)
        names = [one.name for one in selection.models]
    else:
        on_default = is_default_branch(root, branch or checked_out_branch(root))
    request = check_request(
        action,
        model=model,
        version=version,
        selected=names,
        on_default_branch=on_default,
    )
    text = continuation(root, request)
    if as_json:
        print_json({"models": request.models, "config": text})
    else:
        click.echo(text, nl=False)


@click.command("deploy-marker")
@click.argument("moment", type=click.Choice(["start", "end"]))
@click.argument("model", required=False)
@click.option(
    "--stage",
    type=click.Choice(["deploy", "rollback"]),
    default="deploy",
    show_default=True,
    help="What is shown.",
)
@click.option(
    "--version",
    callback=_none_as_empty,
    help="The version to be served; default: the one that a deploy takes.",
)
@click.option(
    "--button", is_flag=True, help="What CircleCI's Rollback button asks for."
)
@target_option
def deploy_marker_command(
    moment: str,
    model: str | None,
    stage: "Stage",
    version: str,
    button: bool,
    target: str,
) -> None:
    """Show the start or the end of a deploy of MODEL in CircleCI's Deploys.

    It calls CircleCI's program; what goes wrong with that is told, and is no failure.
    """
    root = find_root()
    number = read_version(version)
    if button:
        asked = read_button(root)
        model, stage, number = asked.model, "rollback", asked.to
    check_name(model or "")
    from runner.pipeline.markers import Marker, end_marker, start_marker

    marker = Marker(model=model or "", stage=stage)
    if moment == "end":
        echo(end_marker(root, marker))
        return
    with aws_at(target):
        echo(start_marker(root, marker, number))


def format_selection(selection: Selection) -> str:
    """Return a selection as lines for people."""
    since = f"since {selection.base[:12]}" if selection.base else "since the beginning"
    count = len(selection.models)
    lines = [f"{count} model{'s' * (count != 1)} affected {since}"]
    for model in selection.models:
        lines.append(model.name)
        lines += [f"  {reason}" for reason in model.reasons[:MAX_REASONS]]
        if len(model.reasons) > MAX_REASONS:
            lines.append(f"  and {len(model.reasons) - MAX_REASONS} more (--json)")
    lines += [f"{name}: deleted here; its endpoint stays" for name in selection.deleted]
    lines += [f"note: {note}" for note in selection.notes]
    return "\n".join(lines)


def _select(
    root: Path, *, base: str | None, branch: str | None, pushed_from: str
) -> tuple[Selection, bool]:
    """Return what is affected, and whether this is the branch that is deployed."""
    here = branch or checked_out_branch(root)
    if not here and (tag := os.environ.get("CIRCLE_TAG")):
        return _nothing(f"tag {tag!r}"), False
    if here.startswith(MERGE_QUEUE):
        return _nothing(f"merge queue {here!r}"), False
    on_default = is_default_branch(root, here)
    live, note = _read_live() if on_default else (None, "")
    selection = select(
        root,
        base=base,
        branch=here,
        default_branch=here if on_default else find_default_branch(root),
        pushed_from=pushed_from,
        live=live,
        # CircleCI need not tell how many commits were pushed.
        one_commit="CIRCLECI" not in os.environ,
    )
    notes = (*selection.notes, note) if note else selection.notes
    return replace(selection, notes=notes), on_default


def _nothing(what: str) -> Selection:
    return Selection(
        base=None, models=(), notes=(f"{what}: trains and deploys nothing",)
    )


def _read_live() -> tuple[DeployedTags | None, str]:
    """Ask AWS what is live, if the environment has credentials.

    Returns:
        The tags of all endpoints, or why they cannot be read.
    """
    holders = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE")
    if not any(os.environ.get(name) for name in holders):
        return None, ""
    only = "only git tells what is affected"
    try:
        from lifecycle.aws import aws_errors
        from lifecycle.endpoint import read_deployed_tags

        with aws_errors():
            return read_deployed_tags(), ""
    except ModuleNotFoundError:
        return None, f"boto3 is not installed: {only}"
    except LifecycleError as error:
        reason = " ".join(str(error).split())
        return None, f"live endpoints cannot be read: {only}; {reason}"
