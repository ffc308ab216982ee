"""What verbs print: tables for people, JSON for programs, and the progress of runs.

All of it goes through `plain`: texts of notebooks, commits and AWS are shown, and
cannot command the terminal.
"""

import json
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifecycle.errors import CallError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from runner.pipeline.model_run import Observer

Row = Sequence[str]
# The width of tables in a log, in which lines are not wrapped.
LOG_WIDTH = 160
# How often a log says which cell a notebook is at, in seconds.
REPORT_SECONDS = 30
# Whole commands to a terminal (ECMA-48), of which nothing is meant to be read: colours
# and the cursor; strings, of which one fills the clipboard; and those of two letters.
SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
)
# What else a terminal obeys, or what changes the order in which letters are shown.
CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff]"
)
# A path as errors and verbs name it: from the top of the clone.
PATH_IN_CLONE = re.compile(r"(?<![\w./:@~-])\w[\w.@-]*(?:/[\w.@-]*\w)+")


def plain(text: str) -> str:
    """Return a text in which nothing commands a terminal.

    Whole commands are left out; of what else is not for the eye, the code is shown.
    """
    shown = SEQUENCES.sub("", text.replace("\r\n", "\n"))
    return CONTROLS.sub(lambda one: one[0].encode("unicode_escape").decode(), shown)


def echo(text: object, *, err: bool = False) -> None:
    """Print a line of text, in which paths of the clone lead from the current folder.

    Args:
        err: on standard error, without secrets: what AWS, git and notebooks report may
            name some.
    """
    said = without_secrets(str(text)) if err else str(text)
    click.echo(plain(from_here(said)), err=err)


def without_secrets(text: str) -> str:
    """Return a text without the environment's secrets and whatever looks like one."""
    from secret_scrubber import Scrubber

    return Scrubber.from_environment(os.environ).text(text)


def from_here(text: str) -> str:
    """Let the paths of the clone's files in a text lead from the current folder."""
    from runner.spec.folders import find_root

    try:
        root, here = find_root(), Path.cwd()
    except (CallError, OSError):
        return text
    if root.samefile(here):
        return text

    def lead(found: re.Match[str]) -> str:
        path = root / found[0]
        return os.path.relpath(path, here) if os.path.lexists(path) else found[0]

    return PATH_IN_CLONE.sub(lead, text)


def print_json(data: Any) -> None:
    """Print plain values as indented JSON."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # JSON's own escape of these characters, which no text of JSON has outside strings.
    click.echo(CONTROLS.sub(lambda one: f"\\u{ord(one[0]):04x}", text))


def print_table(title: str, header: Row, rows: Sequence[Row]) -> None:
    """Print a table as wide as the terminal; in a log no cell is cut."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    heading = Text(plain(title)) if title else None
    table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD)
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console = Console(stderr=False)
    if not console.is_terminal:
        console = Console(width=LOG_WIDTH)
    console.print(table)


@contextmanager
def observer(quiet: bool = False) -> "Iterator[Observer]":
    """Show progress as bars in a terminal, as lines in a log; nothing if quiet."""
    from rich.console import Console

    from runner.pipeline.model_run import Silence

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
            echo(f"{model:<12} {text}")


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
        from rich.table import Column

        # In a narrow terminal the label is cut, and then the model's name.
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        name = Column(max_width=24, no_wrap=True, overflow="ellipsis")
        self.progress = Progress(
            TextColumn("{task.fields[model]:<12}", markup=False, table_column=name),
            TextColumn("{task.description:<15}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[label]}", markup=False, table_column=rest),
            expand=True,
        )
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        """Move the model's bar."""
        with self._lock:
            if model not in self._tasks:
                task = self.progress.add_task(stage, total=total, model=model, label="")
                self._tasks[model] = task
            task = self._tasks[model]
        shown = plain(label)
        self.progress.update(
            task, description=stage, completed=done, total=total, label=shown
        )

    def say(self, model: str, text: str) -> None:
        """Print a line above the bars."""
        self.progress.console.print(
            plain(from_here(f"{model:<12} {text}")), markup=False, highlight=False
        )
