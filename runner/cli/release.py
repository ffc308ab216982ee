"""The verbs of a release: `review`, `approve`, `rollback` and `status`."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle.errors import CallError
from runner.ci.environment import run_suffix
from runner.cli.local import aws_at, target_option
from runner.cli.output import print_json, print_table
from runner.git import short_commit
from runner.spec.fingerprint import fingerprint, tracked_files
from runner.spec.models import check_name, find_root, list_models, load_spec

if TYPE_CHECKING:
    from lifecycle.status import ModelStatus, Version

STATUS_HEADER = [
    "model",
    "package of\nthis content",
    "live",
    "since",
    "from",
    "in sync",
]


@click.command("review")
@click.argument("model")
@click.option("--version", type=click.IntRange(1), help="Else the newest.")
@click.option(
    "--announce",
    is_flag=True,
    help="Print where CircleCI keeps the page of this job's run, and say so in GitHub.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def review_command(
    model: str, version: int | None, announce: bool, as_json: bool, target: str
) -> None:
    """Fetch what a version of MODEL left in S3, and build its review page."""
    root = find_root()
    check_name(model)
    if announce:
        from runner.review.pull_request import announce as announce_page

        url, error = announce_page(root, model, os.environ)
        if error:
            # The page is there all the same.
            click.echo(f"note: {error}", err=True)
        click.echo(url)
        return
    with aws_at(target):
        from runner.pipeline.evidence import rebuild_page

        page = rebuild_page(root, model, version)
    shown = page.relative_to(root).as_posix()
    if as_json:
        print_json({"model": model, "page": shown})
    else:
        click.echo(f"open {shown}")


@click.command("approve")
@click.argument("model")
@click.option("--version", type=click.IntRange(1), help="Approve this one.")
@click.option(
    "--this-workflow",
    is_flag=True,
    help="Approve what this CircleCI workflow's train job registered.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def approve_command(
    model: str, version: int | None, this_workflow: bool, as_json: bool, target: str
) -> None:
    """Approve a package of MODEL: by default the newest of this checkout's content."""
    root = find_root()
    load_spec(root, model)
    if this_workflow and (version or not run_suffix()):
        raise CallError("--this-workflow: only in CircleCI, and without --version")
    with aws_at(target):
        from runner.pipeline.release import approve

        package = approve(root, model, version=version, this_workflow=this_workflow)
    if as_json:
        times = {name: getattr(package, name).isoformat() for name in ("created",)}
        shown = asdict(package) | times | {"modified": package.modified.isoformat()}
        print_json(shown)
        return
    click.echo(
        f"{model}: version {package.version} is {package.approval_status} "
        f"(fingerprint {package.fingerprint[:12]}, run {package.run_id})"
    )


@click.command("rollback")
@click.argument("model")
@click.option(
    "--to",
    "--version",
    "to",
    type=click.IntRange(1),
    help="This version; else the previous.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def rollback_command(model: str, to: int | None, as_json: bool, target: str) -> None:
    """Serve what MODEL served before, verified as a deployment is."""
    # model.yaml is not read: it may be what is broken.
    root = find_root()
    check_name(model)
    with aws_at(target):
        from runner.pipeline.release import STOPPED, roll_back_recorded

        say = (lambda _: None) if as_json else click.echo
        try:
            record = roll_back_recorded(root, model, to=to, on_progress=say)
        except (KeyboardInterrupt, SystemExit):
            click.echo(STOPPED, err=True)
            raise
    if as_json:
        print_json(record)
        return
    now, before = record["version"], record["from_version"]
    instead = f"instead of version {before}" if now != before else "as it was before"
    click.echo(f"{model}: version {now} is live, {instead}")


@click.command("status")
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def status_command(model: str | None, as_json: bool, target: str) -> None:
    """Tell of every model, or of MODEL, what is trained, approved and live."""
    root = find_root()
    if model:
        load_spec(root, model)
    with aws_at(target):
        rows = _status_rows(root, [model] if model else list_models(root))
    if as_json:
        print_json(rows)
        return
    print_table("", STATUS_HEADER, [_status_cells(row) for row in rows])
    for row in rows:
        if row["why"]:
            click.echo(f"{row['model']}: {row['why']}")


def _status_rows(root: Path, models: list[str]) -> list[dict[str, Any]]:
    from lifecycle.status import read_status

    tracked = tracked_files(root)
    contents = {name: fingerprint(root, name, tracked=tracked) for name in models}
    return [
        _status_row(name, content, read_status(name, content))
        for name, content in contents.items()
    ]


def _status_row(name: str, content: str, status: "ModelStatus") -> dict[str, Any]:
    from lifecycle.status import why_not_in_sync

    why = why_not_in_sync(name, content, status)
    return {
        "model": name,
        "content": content,
        "newest": _version_as_json(status.newest),
        "live": _version_as_json(status.live),
        "in_sync": not why,
        "why": why,
    }


def _version_as_json(version: "Version") -> dict[str, Any] | None:
    return asdict(version) if version.version or version.status else None


def _status_cells(row: dict[str, Any]) -> list[str]:
    from runner.review.page import day

    newest, live = row["newest"], row["live"]
    its_own = newest and newest["fingerprint"] == row["content"]
    return [
        row["model"],
        f"{newest['version']} {newest['status']}" if its_own else "-",
        f"{live['version'] or '?'} {live['status']}" if live else "-",
        day(live["since"]) if live else "",
        short_commit(live["commit"]) if live else "",
        "yes" if row["in_sync"] else "no",
    ]
