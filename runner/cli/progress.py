"""How far each model's notebooks are, as bars in a terminal and as lines in a log."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from rich.progress import TaskID


class Observer(Protocol):
    """Is told what a run does, from any thread."""

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        """A cell begins: `done` of `total` are behind it."""

    def say(self, model: str, text: str) -> None:
        """Something happened that is worth a line."""


class Lines:
    """One line an event, for logs; silent notebooks report every half minute."""

    def __init__(self, every_seconds: float = 30) -> None:
        self._every = every_seconds
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._said.setdefault(model, now) < self._every:
                return
        self.say(model, f"{stage}: cell {done + 1} of {total}, {label}")

    def say(self, model: str, text: str) -> None:
        with self._lock:
            self._said[model] = time.monotonic()
            click.echo(f"{model:<12} {text}")


class Silence:
    """Nothing at all, for programs that read the result."""

    def cell(self, model: str, stage: str, done: int, total: int, label: str) -> None:
        """Keep it."""

    def say(self, model: str, text: str) -> None:
        """Keep it."""


class Bars:
    """One bar a model, for terminals; lines scroll above the bars."""

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
        with self._lock:
            if model not in self._tasks:
                self._tasks[model] = self.progress.add_task("", model=model, label="")
            task = self._tasks[model]
        self.progress.update(
            task, description=stage, completed=done, total=total, label=label[:50]
        )

    def say(self, model: str, text: str) -> None:
        self.progress.console.print(
            f"{model:<12} {text}", markup=False, highlight=False
        )


@contextmanager
def observer(quiet: bool = False) -> Iterator[Observer]:
    """Show bars where somebody is looking, lines elsewhere."""
    from rich.console import Console

    if quiet:
        yield Silence()
        return
    if not Console().is_terminal:
        yield Lines()
        return
    bars = Bars()
    with bars.progress:
        yield bars
