"""Which branch is at hand, and what its change affects: for `select`, `ci-config`."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from runner.errors import RunnerError
from runner.history import checked_out_branch, find_default_branch
from runner.selection import Live, Selection, select

# What CircleCI writes for a value that a pipeline does not have.
NIL = "<nil>"


def given(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """Read an option that CircleCI may have set to nothing."""
    return "" if value in (None, NIL) else str(value)


def change_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what is measured, and from where."""
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
        callback=given,
        help="The commit that the branch was at before.",
    )
    base = click.option("--base", metavar="REV", help="Measure from here instead.")
    return base(branch(pushed_from(command)))


def measured(
    root: Path, *, base: str | None, branch: str | None, pushed_from: str
) -> tuple[Selection, bool]:
    """Select what is affected, and tell whether this is the deployed branch."""
    here = branch or checked_out_branch(root)
    if not here and (tag := os.environ.get("CIRCLE_TAG")):
        nothing = f"tag {tag!r}: trains and deploys nothing"
        return Selection(base=None, models=(), notes=(nothing,)), False
    default = find_default_branch(root)
    on_default = here == default
    live, note = _live() if on_default else (None, "")
    selection = select(
        root,
        base=base,
        branch=here,
        default_branch=default,
        pushed_from=pushed_from,
        live=live,
    )
    notes = (*selection.notes, note) if note else selection.notes
    return replace(selection, notes=notes), on_default


def _live() -> tuple[Live | None, str]:
    """Ask AWS what is live, where the environment holds credentials for it."""
    holders = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE")
    if not any(os.environ.get(name) for name in holders):
        return None, ""
    only = "only git tells what is affected"
    try:
        from botocore.exceptions import BotoCoreError, ClientError

        from runner.tags import live_tags
    except ModuleNotFoundError:
        return None, f"boto3 is not installed: {only}"
    try:
        return live_tags(), ""
    except (RunnerError, BotoCoreError, ClientError) as error:
        said = " ".join(str(error).split())
        return None, f"live endpoints cannot be read: {only}; {said}"
