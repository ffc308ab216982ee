"""What verbs print: tables for people, JSON for programs, and the progress of runs."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import TaskID

    from runner.pipeline.run import Observer

Row = Sequence[str]
# The width of tables in a log, in which lines are not wrapped.
LOG_WIDTH = 160
# How often a log says which cell a notebook is at, in seconds.
REPORT_SECONDS = 30


def print_json(data: Any) -> None:
    """Print plain values as indented JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_table(title: str, header: Row, rows: Sequence[Row]) -> None:
    """Print a table as wide as the terminal; in a log no cell is cut."""
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
        console = Console(width=LOG_WIDTH)
    console.print(table)


@contextmanager
def observer(quiet: bool = False) -> "Iterator[Observer]":
    """Show progress as bars in a terminal, as lines in a log; nothing if quiet."""
    from rich.console import Console

    from runner.pipeline.run import Silence

    if quiet:
        yield Silence()
        return
    if not Console().is_terminal:
        yield Lines()
        return
    bars = Bars()
    with bars.progress:
        yield bars


class Lines:
    """One line per event, for logs; a silent notebook reports from time to time."""

    def __init__(self, report_seconds: float = REPORT_SECONDS) -> None:
        self._report_seconds = report_seconds
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        """Print the cell if the model has printed nothing for some time."""
        now = time.monotonic()
        with self._lock:
            if now - self._last.setdefault(model, now) < self._report_seconds:
                return
        self.say(model, f"{stage}: cell {done + 1} of {total}, {label}")

    def say(self, model: str, text: str) -> None:
        """Print a line."""
        with self._lock:
            self._last[model] = time.monotonic()
            click.echo(f"{model:<12} {text}")


class Bars:
    """One progress bar per model, for terminals; lines scroll above the bars."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self.progress = Progress(
            TextColumn("{task.fields[model]:<12} {task.description:<15}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[label]}"),
        )
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        """Move the model's bar."""
        with self._lock:
            if model not in self._tasks:
                self._tasks[model] = self.progress.add_task("", model=model, label="")
            task = self._tasks[model]
        self.progress.update(
            task, description=stage, completed=done, total=total, label=label[:50]
        )

    def say(self, model: str, text: str) -> None:
        """Print a line above the bars."""
        self.progress.console.print(
            f"{model:<12} {text}", markup=False, highlight=False
        )
