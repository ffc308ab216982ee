"""A notebook ends in a warm kernel as it does in a cold one."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from forked_kernels.client import WarmKernels, start

from runner.errors import NotebookError
from runner.notebook import execute

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
ENDS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "results": ("adds", {"a": 40, "b": 2}),
    "an error": ("raises", {"text": "first line\nsecond line"}),
    "an exit": ("exits", {"code": 0}),
    "a death": ("dies", {}),
    "a cell that takes too long": ("sleeps", {}),
}
CELL_SECONDS = 3  # enough for every other cell, whatever else this machine does
LIMIT_SECONDS = 300


@pytest.fixture(scope="module")
def kernels() -> Iterator[WarmKernels]:
    """One process to fork kernels from; a kernel that starts cold fails its test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CI", raising=False)
        warm = start({}, pytest.fail)
    assert warm is not None
    with warm:
        yield warm


def end(name: str, folder: Path, kernels: WarmKernels | None, **more: Any) -> Any:
    """Execute a toy and give its results, or the error's name and text."""
    toy, parameters = ENDS[name]
    try:
        return execute(
            NOTEBOOKS / f"{toy}.ipynb",
            folder / "executed.ipynb",
            parameters,
            cwd=folder,
            time_limit=LIMIT_SECONDS,
            kernels=kernels,
            **more,
        ).results
    except NotebookError as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("name", ENDS)
def test_notebooks_end_alike(kernels: WarmKernels, name: str, tmp_path: Path) -> None:
    """With the same results, or the same error in the same words."""
    warm, cold = (
        end(name, tmp_path, one, cell_timeout=CELL_SECONDS) for one in (kernels, None)
    )

    assert warm == cold


def test_a_cancelled_notebook_ends_at_once(
    kernels: WarmKernels, tmp_path: Path
) -> None:
    """Its kernel is killed, with all that it started."""
    cancelled = threading.Event()

    ended = end(
        "a cell that takes too long",
        tmp_path,
        kernels,
        cancelled=cancelled,
        on_cell=lambda *_: cancelled.set(),
    )

    assert ended[0] == "StoppedError"
