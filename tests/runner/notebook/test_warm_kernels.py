"""A notebook ends in a warm kernel as it does in a cold one."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from forked_kernels.warm import WarmKernels

from runner.errors import NotebookError
from runner.notebook import execute

NOTEBOOKS = Path(__file__).parents[3] / "tests" / "notebooks"
ENDS: dict[str, tuple[str, Mapping[str, Any], float]] = {
    "results": ("adds", {"a": 40, "b": 2}, 60),
    "an error": ("raises", {"text": "first line\nsecond line"}, 60),
    "an exit": ("exits", {"code": 0}, 60),
    "a death": ("dies", {}, 60),
    "out of time": ("sleeps", {}, 3),
}


def end(name: str, folder: Path, kernels: WarmKernels | None, **more: Any) -> Any:
    """Execute a toy and give its results, or the error's name and text."""
    toy, parameters, limit = ENDS[name]
    given: dict[str, Any] = {"cwd": folder, "time_limit": limit, "kernels": kernels}
    try:
        return execute(
            NOTEBOOKS / f"{toy}.ipynb",
            folder / "executed.ipynb",
            parameters,
            **given,
            **more,
        ).results
    except NotebookError as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("name", ENDS)
def test_notebooks_end_alike(kernels: WarmKernels, name: str, tmp_path: Path) -> None:
    """With the same results, or the same error in the same words."""
    assert end(name, tmp_path, kernels) == end(name, tmp_path, None)


def test_a_cancelled_notebook_ends_at_once(
    kernels: WarmKernels, tmp_path: Path
) -> None:
    """Its kernel is killed, with all that it started."""
    cancelled = threading.Event()
    timer = threading.Timer(2, cancelled.set)
    timer.start()
    began = time.monotonic()

    ended = end("out of time", tmp_path, kernels, cancelled=cancelled)

    assert ended[0] == "StoppedError"
    assert time.monotonic() - began < 10
    timer.join()
