"""What every verb prints: tables for people, JSON for programs."""

import json
from collections.abc import Sequence
from typing import Any

import click


def print_json(data: Any) -> None:
    """Print plain values as indented JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


Row = Sequence[str]


def print_table(title: str, header: Row, rows: Sequence[Row]) -> None:
    """Print a table that is as wide as it needs to be, whole also in a log."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(stderr=False)
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
