"""`runner status`: what is wanted against what is live."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.output import print_json, print_table
from runner.cli.target import aws_at, require_running, target_option
from runner.commit import short
from runner.fingerprint import fingerprint, tracked_files
from runner.review.text import day
from runner.spec import find_root, list_models, load_spec

if TYPE_CHECKING:
    from runner.overview import State, Version

PACKAGE = "package of\nthis content"
HEADER = ["model", PACKAGE, "live", "since", "from", "in sync"]


@click.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@target_option
def command(model: str | None, as_json: bool, target: str) -> None:
    """Tell of every model, or closely of MODEL, what is trained, approved and live."""
    root = find_root()
    if model:
        load_spec(root, model)
    require_running(target)
    with aws_at(target):
        rows = [_row(*one) for one in _states(root, model)]
    if as_json:
        print_json(rows)
        return
    print_table("", HEADER, [_cells(row) for row in rows])
    for row in rows:
        if row["why"]:
            click.echo(f"{row['model']}: {row['why']}")


def _states(root: Path, model: str | None) -> "list[tuple[str, str, State]]":
    """Find each model's content here, and its state in AWS."""
    from runner.overview import State, look, survey

    if model:
        content = fingerprint(root, model)
        return [(model, content, look(model, content))]
    tracked = tracked_files(root)
    states = survey()
    return [
        (name, fingerprint(root, name, tracked=tracked), states.get(name, State()))
        for name in list_models(root)
    ]


def _row(name: str, content: str, state: "State") -> dict[str, Any]:
    from runner.explanation import explain

    why = explain(name, content, state)
    return {
        "model": name,
        "content": content,
        "newest": _plain(state.newest),
        "live": _plain(state.live),
        "in_sync": not why,
        "why": why,
    }


def _plain(version: "Version") -> dict[str, Any] | None:
    return asdict(version) if version.version or version.status else None


def _cells(row: dict[str, Any]) -> list[str]:
    newest, live = row["newest"], row["live"]
    its_own = newest and newest["fingerprint"] == row["content"]
    return [
        row["model"],
        f"{newest['version']} {newest['status']}" if its_own else "-",
        f"{live['version'] or '?'} {live['status']}" if live else "-",
        day(live["since"]) if live else "",
        short(live["commit"]) if live else "",
        "yes" if row["in_sync"] else "no",
    ]
