"""Kernels to look into, warm ones and cold ones."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forked_kernels.client import WarmKernels, start
from forked_kernels.imports import Imports, Statement
from jupyter_core.utils import ensure_event_loop
from kernel_cells import NUMBERS, Run, Start, execute


@pytest.fixture(autouse=True)
def closed_event_loop() -> Iterator[None]:
    """Close the event loop that nbclient leaves in each thread it runs in."""
    yield
    ensure_event_loop().close()


@pytest.fixture(scope="session")
def kernels() -> Iterator[WarmKernels]:
    """One process to fork kernels from; a kernel that starts cold fails its test."""
    inline = "matplotlib_inline.backend_inline"
    modules = ("numpy", "matplotlib.pyplot", inline, "multiprocessing")
    imports = Imports(statements=tuple(map(Statement, modules)))
    warm = start({NUMBERS: imports}, pytest.fail)
    assert warm is not None
    with warm:
        yield warm


@pytest.fixture
def reasons() -> list[str]:
    """Why kernels started cold."""
    return []


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules every kernel finds, as if they were installed."""
    folder = tmp_path / "library"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr("forked_kernels.imports.is_installed", lambda path: True)
    return folder


@pytest.fixture
def start_with(library: Path, reasons: list[str]) -> Iterator[Start]:
    """Start a process to fork from for notebooks that import one module each.

    A module is given as its code, and its notebook has the same name.
    """
    with contextlib.ExitStack() as stack:

        def begin(**modules: str) -> WarmKernels:
            notebooks = {}
            for name, code in modules.items():
                (library / f"{name}.py").write_text(code)
                notebooks[Path(f"{name}.ipynb")] = Imports(
                    statements=(Statement(name),)
                )
            warm = start(notebooks, reasons.append)
            assert warm is not None
            return stack.enter_context(warm)

        yield begin


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run cells in a kernel; the last one returns a JSON text."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def in_folder(warm: WarmKernels | None, *cells: str, **options: Any) -> Any:
        return execute(warm, *cells, cwd=folder, **options)[0]

    return in_folder
