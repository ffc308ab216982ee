"""Notebooks made of a few cells, kernels for them, and waiting for what happens."""

import asyncio
import contextlib
import json
import os
import select
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from forked_kernels.client import WarmKernels
from forked_kernels.provisioner import PromptManager, provision
from jupyter_core.utils import ensure_event_loop
from nbclient import NotebookClient

NUMBERS = Path("numbers.ipynb")  # a notebook that imports NumPy and Matplotlib
LAUNCHER = (sys.executable, "-m", "ipykernel_launcher")
LIMIT_SECONDS = 120  # generous: another process may have this machine's processors

Run = Callable[..., Any]
Start = Callable[..., WarmKernels]


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = [nbformat.v4.new_code_cell(one) for one in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=code), path)
    return path


def make_client(
    kernels: WarmKernels | None,
    *cells: str,
    notebook: Path | None = NUMBERS,
    **options: Any,
) -> NotebookClient:
    """Make a notebook and the client that is to execute it, warm or cold."""
    code = [nbformat.v4.new_code_cell(one) for one in cells]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=code),
        kernel_name="python3",
        kernel_manager_class=PromptManager,
        startup_timeout=LIMIT_SECONDS,
        **options,
    )
    manager = client.create_kernel_manager()
    if kernels:
        provision(manager, kernels=kernels, notebook=notebook)
    return client


def value(client: NotebookClient) -> Any:
    """Read the JSON text that the last cell returned."""
    text = client.nb.cells[-1].outputs[-1]["data"]["text/plain"]
    return json.loads(text[1:-1])


def execute(
    kernels: WarmKernels | None, *cells: str, cwd: Path, **options: Any
) -> tuple[Any, int]:
    """Run cells; return the JSON value of the last one and the kernel's exit code."""
    client = make_client(kernels, *cells, **options)
    processes: list[Any] = []
    client.on_cell_start = lambda **_: processes.append(client.km.provisioner.process)
    with contextlib.closing(ensure_event_loop()):
        client.execute(cwd=str(cwd))
    return value(client), processes[0].returncode


def is_forked(
    kernels: WarmKernels,
    notebook: Path | None = None,
    command: Sequence[str] = LAUNCHER,
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Ask for a kernel in an empty folder, and tell whether there is one to end."""
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("r+") as file:
        forked = asyncio.run(
            kernels.fork(
                command,
                cwd=Path(folder),
                env=dict(os.environ),
                streams=[file.fileno()] * 3,
                notebook=notebook,
                stopped=stopped,
            )
        )
        if forked:
            forked.kill()
            forked.wait(LIMIT_SECONDS)
    return forked is not None


def wait_until_ended(*pids: int) -> None:
    """Wait until processes ended, this one's children or not."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            assert ended.poll(LIMIT_SECONDS * 1000), f"{pid} goes on"
            os.close(handle)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something has become so."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
