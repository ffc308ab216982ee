"""A notebook that runs is saved, but its cells do not wait for that."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from runner.saving import saving_sparingly


class Notebook:
    """Papermill's manager of a notebook, as far as saving goes."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.saved: list[float] = []

    def save(self, **_: Any) -> None:
        time.sleep(self.seconds)
        self.saved.append(time.monotonic())


def saves(notebook: Notebook, seconds: float, ask: Callable[[], None]) -> int:
    """Ask for a save all the time for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ask()
        time.sleep(0.001)
    return len(notebook.saved)


@pytest.mark.parametrize(("seconds", "at_most"), [(0.001, 12), (0.2, 1)])
def test_saving_takes_a_fiftieth_of_the_time(seconds: float, at_most: int) -> None:
    """Slow saves are rare, quick ones are not."""
    notebook = Notebook(seconds)
    with saving_sparingly(notebook):
        assert 1 <= saves(notebook, 0.5, lambda: notebook.save()) <= at_most


def test_the_last_save_is_never_left_out() -> None:
    """What Papermill saves after the cells is the record."""
    notebook = Notebook(0.05)
    with saving_sparingly(notebook):
        notebook.save()
        notebook.save()
    notebook.save()

    assert len(notebook.saved) == 2


def test_an_error_puts_the_saving_back() -> None:
    """The notebook that failed is the one that somebody will read."""
    notebook = Notebook(0)
    before = notebook.save
    with pytest.raises(RuntimeError), saving_sparingly(notebook):
        raise RuntimeError

    assert notebook.save == before
