"""The verbs of a release: `review`, `approve`, `rollback` and `status`."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle.errors import CallError, RegistryError
from runner.ci.config import read_button
from runner.ci.environment import run_suffix
from runner.cli.completion import complete_models
from runner.cli.local import TARGET_VARIABLE, aws_at, default_target, target_option
from runner.cli.output import echo, print_json, print_table
from runner.errors import SpecError
from runner.git import short_commit
from runner.spec.content import Content, content_in, describe_pending, open_tree
from runner.spec.folders import check_name, find_root, list_models, suggest_model
from runner.spec.models import load_spec, notebook_values

if TYPE_CHECKING:
    from lifecycle.registration.packages import Package
    from lifecycle.status import ModelStatus, Version

RUNNER = "python -m runner"
STATUS_HEADER = [
    "model",
    "package of\nthis content",
    "live",
    "since",
    "from",
    "in sync",
]


@click.command("review")
@click.argument("model", shell_complete=complete_models)
@click.option(
    "--version", type=click.IntRange(1), help="Version to show; default: the newest."
)
@click.option(
    "--announce",
    is_flag=True,
    help="Print where CircleCI keeps the page of this job's run, and say so in GitHub.",
)
@click.option(
    "--hand-over",
    "hands_over",
    is_flag=True,
    help="Write what this CircleCI workflow's approve job is to approve.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def review_command(
    model: str,
    version: int | None,
    announce: bool,
    hands_over: bool,
    as_json: bool,
    target: str,
) -> None:
    """Fetch what a version of MODEL left in S3, and build its review page."""
    root = find_root()
    check_name(model)
    if announce:
        from runner.review.pull_request import announce as announce_page

        url, error = announce_page(root, model, os.environ)
        if error:
            # The page is there all the same.
            echo(f"note: {error}", err=True)
        echo(url)
        return
    if hands_over:
        with aws_at(target):
            from runner.pipeline.release import hand_over

            echo(hand_over(root, model).relative_to(root).as_posix())
        return
    with aws_at(target):
        from runner.pipeline.evidence import rebuild_page

        try:
            page = rebuild_page(root, model, version)
        except RegistryError as error:
            if hint := suggest_model(root, model):
                raise RegistryError(f"{error}; {hint}") from error
            raise
    shown = page.relative_to(root).as_posix()
    if as_json:
        from runner.review.page import read_review

        print_json({"page": shown} | read_review(page.parent))
    else:
        echo(f"open {shown}")


@click.command("approve")
@click.argument("model", shell_complete=complete_models)
@click.option("--version", type=click.IntRange(1), help="Decide about this one.")
@click.option(
    "--this-workflow",
    is_flag=True,
    help="Approve what this CircleCI workflow's train job registered.",
)
@click.option(
    "--reject", "rejects", is_flag=True, help="Reject it instead; needs --reason."
)
@click.option("--reason", metavar="TEXT", help="Why it is rejected.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def approve_command(
    model: str,
    version: int | None,
    this_workflow: bool,
    rejects: bool,
    reason: str | None,
    as_json: bool,
    target: str,
) -> None:
    """Approve a package of MODEL: by default the newest of this checkout's content.

    With --reject it is rejected instead: no deploy and no rollback takes it any more.
    """
    root = find_root()
    load_spec(root, model)
    _check_decision(version, this_workflow, rejects, reason)
    with aws_at(target):
        from runner.pipeline.release import approve, reject, update_card

        if rejects:
            package = reject(root, model, version=version, reason=reason or "")
        else:
            package = approve(root, model, version=version, this_workflow=this_workflow)
        if problem := update_card(package):
            # The decision counts all the same.
            echo(f"note: {problem}", err=True)
    if as_json:
        names = ("created", "modified")
        shown = {name: getattr(package, name).isoformat() for name in names}
        print_json(asdict(package) | shown | {"digest": package.digest})
        return
    echo(
        f"{model}: version {package.version} is {package.approval_status} "
        f"(fingerprint {package.fingerprint[:12]}, run {package.run_id})"
    )
    decided = _what_was_rejected if rejects else _what_was_approved
    for name, value in decided(package):
        echo(f"  {name:8}  {value}")


def _check_decision(
    version: int | None, this_workflow: bool, rejects: bool, reason: str | None
) -> None:
    """Refuse options of `approve` that do not go together."""
    if this_workflow and (version or rejects or not run_suffix()):
        raise CallError(
            "--this-workflow: only in CircleCI, and without --version and --reject"
        )
    if rejects and reason is None:
        raise CallError(
            "--reject: needs --reason TEXT: what is wrong with this version, for "
            "whoever trains the next one"
        )
    if reason is not None and not rejects:
        raise CallError("--reason: only with --reject")


@click.command("rollback")
@click.argument("model", required=False, shell_complete=complete_models)
@click.option(
    "--to",
    "--version",
    "to",
    type=click.IntRange(1),
    help="Version to go back to; default: the previous one.",
)
@click.option("--reason", default="", help="Why; it is kept with the record.")
@click.option(
    "--button",
    is_flag=True,
    help="Do what CircleCI's Rollback button asks for; see .circleci/rollback.yml.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def rollback_command(
    model: str | None,
    to: int | None,
    reason: str,
    button: bool,
    as_json: bool,
    target: str,
) -> None:
    """Go back to the previous version, with the same checks as a deploy.

    Each call without --to goes one version further back: use --to N if unsure.
    """
    # model.yaml is not read: it may be what is broken.
    root = find_root()
    live = None
    if button:
        if model or to or reason:
            raise CallError("--button: CircleCI names model, version and reason")
        asked = read_button(root)
        model, to, live, reason = asked.model, asked.to, asked.live, asked.reason
    elif not model:
        raise CallError("rollback: name a model, as in `runner rollback churn`")
    check_name(model)
    with aws_at(target):
        from runner.pipeline.release import STOPPED, roll_back_recorded

        say = (lambda _: None) if as_json else echo
        try:
            record = roll_back_recorded(
                root, model, to=to, live=live, reason=reason, on_progress=say
            )
        except (KeyboardInterrupt, SystemExit):
            echo(STOPPED, err=True)
            raise
    if as_json:
        print_json(record)
        return
    now, before = record["version"], record["from_version"]
    instead = f"instead of version {before}" if now != before else "as it was before"
    echo(f"{model}: version {now} is live, {instead}")


@click.command("status")
@click.argument("model", required=False, shell_complete=complete_models)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def status_command(model: str | None, as_json: bool, target: str) -> None:
    """Show what is trained, approved and live, for one or all models."""
    root = find_root()
    if model:
        load_spec(root, model)
    with aws_at(target):
        rows = _status_rows(root, [model] if model else list_models(root))
    if target != default_target():
        rows = [_at(target, row) for row in rows]
    if as_json:
        print_json(rows)
        return
    print_table("", STATUS_HEADER, [_status_cells(row) for row in rows])
    for row in rows:
        for line in _decisions(row):
            echo(f"{row['model']}: {line}")
    for row in rows:
        for line in _next_lines(row):
            echo(f"{row['model']}: {line}")


def _at(target: str, row: dict[str, Any]) -> dict[str, Any]:
    """Name in every command where this one was sent to."""
    there = f"{TARGET_VARIABLE}={target} {RUNNER}"
    steps = [one.replace(RUNNER, there) for one in row["next"]]
    return row | {"why": row["why"].replace(RUNNER, there), "next": steps}


def _next_lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield what others have set, what is not committed, and what to do next."""
    for one in row.get("kept", ()):
        yield f"kept by deploys: {one}"
    if row["why"]:
        yield row["why"]
        if row.get("pending"):
            yield row["pending"]
    for command in row["next"]:
        yield f"next: {command}" if command == row["next"][0] else f"or: {command}"


def _what_was_approved(package: "Package") -> Iterator[tuple[str, str]]:
    """Yield what an approval binds, for whoever gave it to see."""
    known = package.metadata
    yield "digest", package.digest
    yield "image", package.image
    yield "archive", f"{package.model_data} sha256 {known['archive_sha256']}"
    if golden := known.get("golden"):
        yield "golden", f"{golden} sha256 {known['golden_sha256']}"
    yield "evidence", f"{known['evidence']}/ sha256 {package.approved[1]}"
    metrics = (f"{name} {value:.4g}" for name, value in package.metrics.items())
    yield "metrics", ", ".join(metrics) or "none"


def _what_was_rejected(package: "Package") -> Iterator[tuple[str, str]]:
    """Yield who rejected a package, when and why."""
    yield "decision", package.approver


def _status_rows(root: Path, models: list[str]) -> list[dict[str, Any]]:
    tree = open_tree(root)
    rows: list[dict[str, Any]] = []
    for name in models:
        try:
            content = content_in(tree, name)
            status = _read_status(root, name, content.fingerprint)
        except SpecError as error:
            # A broken model.yaml hides no other model.
            row = {"content": "", "newest": None, "live": None, "in_sync": False}
            rows.append({"model": name, **row, "why": str(error), "next": []})
        else:
            rows.append(_status_row(name, content, status))
    return rows


def _read_status(root: Path, name: str, content: str) -> "ModelStatus":
    from lifecycle.status import read_status

    spec = load_spec(root, name)
    gates = notebook_values(spec)["gates"]
    endpoint = notebook_values(spec)["endpoint"]
    return read_status(name, content, spec.approval, gates, endpoint)


def _status_row(name: str, content: Content, status: "ModelStatus") -> dict[str, Any]:
    from lifecycle.next_step import next_step

    step = next_step(name, content.fingerprint, status)
    return {
        "model": name,
        "content": content.fingerprint,
        "pending": describe_pending(content),
        "newest": _version_as_json(status.newest),
        "live": _version_as_json(status.live),
        "kept": list(status.kept),
        "in_sync": not step.why,
        "why": step.why,
        "next": [f"python -m runner {one}" for one in step.commands],
    }


def _version_as_json(version: "Version") -> dict[str, Any] | None:
    return asdict(version) if version.version or version.status else None


def _decisions(row: dict[str, Any]) -> list[str]:
    """Say who approved or rejected what is live, and what is newest, each once."""
    known = {
        one["version"]: one["approved"] or one["rejected"]
        for one in (row["live"], row["newest"])
        if one and (one["approved"] or one["rejected"])
    }
    return [f"version {version}: {decided}" for version, decided in known.items()]


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
