"""Kernels to look into, warm ones and cold ones."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forked_kernels.code import Statement
from forked_kernels.imports import Imports
from forked_kernels.warm import WarmKernels, start
from jupyter_core.utils import ensure_event_loop
from kernel_cells import NUMBERS, Run, Start, make


@pytest.fixture(autouse=True)
def closed_event_loop() -> Iterator[None]:
    """Close the event loop that nbclient leaves in each thread it runs in."""
    yield
    ensure_event_loop().close()


@pytest.fixture(scope="session")
def kernels() -> Iterator[WarmKernels]:
    """One process to fork kernels from, which all must be able to."""
    imports = Imports(statements=(Statement("numpy"),), own=frozenset())
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CI", raising=False)
        warm = start({NUMBERS: imports}, pytest.fail)
    assert warm is not None
    with warm:
        yield warm


@pytest.fixture
def start_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Start, list[str]]]:
    """Start kernels that import toy modules, given as code; and what they say."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said: list[str] = []
    started: list[WarmKernels] = []

    def begin(**modules: str) -> WarmKernels:
        notebooks = {}
        for name, code in modules.items():
            (tmp_path / f"{name}.py").write_text(code)
            imports = Imports(statements=(Statement(name),), own=frozenset())
            notebooks[Path(f"{name}.ipynb")] = imports
        warm = start(notebooks, said.append)
        assert warm is not None
        started.append(warm)
        return warm

    yield begin, said
    for warm in started:
        warm.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run cells in a kernel; the last one returns a JSON text."""

    def execute(warm: WarmKernels | None, *cells: str, **more: Any) -> Any:
        client, notebook = make(warm, *cells, **more)
        with contextlib.closing(ensure_event_loop()):
            client.execute(cwd=str(tmp_path))
        return json.loads(notebook.cells[-1].outputs[-1]["data"]["text/plain"][1:-1])

    return execute
