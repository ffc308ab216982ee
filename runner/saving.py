"""Saving a notebook while it runs, without spending the time of its cells on it.

Papermill saves before and after each cell, texts included: twice a hundred times what
may be a megabyte of figures.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Saving takes at most this share of the time.
SHARE = 0.02


@contextmanager
def saving_sparingly(notebook: Any) -> Iterator[None]:
    """Let Papermill's manager of a notebook save it less often, inside this block."""
    often = notebook.save
    notebook.save = _sparingly(often)
    try:
        yield
    finally:
        notebook.save = often


def _sparingly(save: Callable[..., None]) -> Callable[..., None]:
    """Save when it was not done just now, and after what it took the last time."""
    again = 0.0

    def sparingly(**given: Any) -> None:
        nonlocal again
        began = time.monotonic()
        if began < again:
            return
        save(**given)
        ended = time.monotonic()
        again = ended + (ended - began) / SHARE

    return sparingly
