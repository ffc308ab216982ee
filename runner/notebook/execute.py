"""Execute one notebook with Papermill, as the function that it is.

A notebook succeeded only if every code cell of its file ran, none failed, and its
results are there.
"""

import contextlib
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from forked_kernels.client import WarmKernels
from forked_kernels.provisioner import provision
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from notebook_inputs import cell_source
from notebook_page.outputs import PER_CELL, PER_NOTEBOOK, UNLIMITED

import lifecycle.errors
import runner.errors
from lifecycle.errors import LifecycleError
from runner.errors import (
    CellError,
    IncompleteError,
    KernelDiedError,
    NotebookError,
    ResultsError,
    StoppedError,
    TimeLimitError,
    display_path,
)
from runner.notebook import ipynb
from runner.notebook.environments import Environment
from runner.notebook.isolation import (
    ipython_folder,
    kernel_arguments,
    kernel_environment,
)
from runner.notebook.kernel import (
    OUTPUT_SECONDS,
    KernelSupervisor,
    OnCell,
    UnreadableMessageError,
    run_papermill,
)

# Characters of a cell's error that still make one line.
MAX_ERROR = 300
ANSI = re.compile(r"\x1b\[[0-9;]*m")
# Papermill's tag of the one cell that it adds.
INJECTED = "injected-parameters"
# What `startup` lets exit() and quit() raise.
EXIT = "exit()"
# What it says of a `!command`.
FAILED_COMMAND = re.compile(r"^\[(!.* ended with exit code -?\d+)\]$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class ExecutedNotebook:
    """A notebook that was executed to its end, or as far as it came."""

    notebook: ipynb.Notebook
    parameters: Mapping[str, Any]
    seconds: float
    results: Mapping[str, Any] = field(default_factory=dict)
    error: NotebookError | None = None
    # The signal that stopped it.
    signal: int | None = None

    def raise_for_error(self) -> None:
        """Raise what ended the notebook early.

        Raises:
            NotebookError: a cell failed, the kernel died, the time was up, ...
            KeyboardInterrupt: it was stopped by SIGINT.
            SystemExit: it was stopped by another signal.
        """
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt from self.error
        if self.signal is not None:
            raise SystemExit(128 + self.signal) from self.error
        if self.error is not None:
            raise self.error


def execute(
    notebook: Path,
    parameters: Mapping[str, Any],
    *,
    cwd: Path,
    time_limit: float,
    on_cell: OnCell | None = None,
    cancelled: threading.Event | None = None,
    require: Collection[str] = (),
    kernels: WarmKernels | None = None,
    own_environment: Environment | None = None,
    root: Path | None = None,
    text: str = "",
    on_start: Callable[[ipynb.Notebook], object] | None = None,
    full_output: bool = False,
) -> ExecutedNotebook:
    """Execute a notebook and return it however it ended.

    Args:
        text: of the file, if it was read already.
        on_start: called with the notebook that is filled while it is executed.
        full_output: keep all that the cells display.
        root: the repository, whose packages the notebook can import.
        time_limit: seconds for the whole notebook.
        cancelled: ends the kernel once it is set.
        require: names that the results must have.
        kernels: forks warm kernels; without, the kernel starts as Jupyter's do.
        own_environment: of the model, whose interpreter it runs in, and `kernels` fork.

    Raises:
        ConfigurationError: the Jupyter kernel is not installed, or the repository
            asks for what no kernel may have.
    """
    started = time.monotonic()
    name = str(display_path(notebook))
    text = text or ipynb.read_text(notebook)
    source = ipynb.parse_cells(text, display_path(notebook))
    supervisor = KernelSupervisor(
        time_limit=time_limit,
        cancelled=cancelled or threading.Event(),
        on_cell=on_cell,
        on_start=on_start,
    )
    environment = kernel_environment(os.environ, root, own_environment)
    warm = kernels and partial(provision, kernels=kernels, notebook=notebook)
    # nbclient gives this thread an event loop, and would leave it open.
    with (
        ipython_folder() as folder,
        supervisor.run(),
        contextlib.closing(ensure_event_loop()),
    ):
        raised = run_papermill(
            ipynb.loads(text),
            parameters,
            supervisor,
            folder=cwd,
            environment=environment | {"IPYTHONDIR": folder},
            arguments=kernel_arguments(root),
            provision=warm,
            python=own_environment and own_environment.python,
            limits=(UNLIMITED, UNLIMITED) if full_output else (PER_CELL, PER_NOTEBOOK),
        )
    executed = supervisor.notebook or ipynb.loads(text)
    # No folder of this machine is kept in the metadata.
    executed.metadata.setdefault("papermill", {})
    executed.metadata.papermill |= {"input_path": name, "output_path": notebook.name}
    error, results = None, {}
    try:
        _raise_for_early_end(executed, name, supervisor, raised)
        _raise_for_source(executed, name, source)
        _raise_for_cells(executed, name)
        results = _read_results(executed, name, require)
        supervisor.report_done()
    except NotebookError as found:
        error = found
    return ExecutedNotebook(
        notebook=executed,
        parameters=dict(parameters),
        seconds=time.monotonic() - started,
        results=results,
        error=error,
        signal=supervisor.signal,
    )


def failed_commands(notebook: ipynb.Notebook) -> Iterator[str]:
    """Yield the commands, run by `!command`, that failed without failing their cell."""
    for index in ipynb.code_indices(notebook):
        for output in notebook.cells[index].outputs:
            if output.get("name") == "stderr":
                for command in FAILED_COMMAND.findall(output.text):
                    yield f"{ipynb.executed_place(notebook, index)}: {command}"


def _raise_for_early_end(
    notebook: ipynb.Notebook,
    name: str,
    supervisor: KernelSupervisor,
    raised: Exception | None,
) -> None:
    """Raise what ended the kernel early, and add it to the cell that was running."""
    found = _early_end(supervisor, raised)
    if found is None:
        return
    kind, why = found
    # Papermill inserts cells before one that failed, so its index may have changed.
    cells = enumerate(notebook.cells)
    index = next((at for at, cell in cells if cell is supervisor.cell), None)
    error = kind(f"{name}: {ipynb.executed_place(notebook, index)}: {why}")
    if index is not None:
        ipynb.add_error(notebook, index, kind.__name__, str(error))
    raise error from raised


def _early_end(
    supervisor: KernelSupervisor, raised: Exception | None
) -> tuple[type[NotebookError], str] | None:
    """Return the error and the reason if the kernel was ended or ended itself early."""
    if supervisor.is_stopped:
        return StoppedError, "told to stop"
    if supervisor.out_of_time:
        return (
            TimeLimitError,
            f"the notebook took longer than {supervisor.time_limit:g} s",
        )
    if isinstance(raised, CellTimeoutError):
        limited = f"the cell took longer than {OUTPUT_SECONDS} s to display"
        return TimeLimitError, limited
    if isinstance(raised, UnreadableMessageError):
        return IncompleteError, f"what it displays cannot be read: {raised}"
    if isinstance(raised, DeadKernelError):
        code = supervisor.kernel.returncode or 0
        return KernelDiedError, f"the kernel {_exit_in_words(code)}"
    if isinstance(raised, RuntimeError):
        output = [one for one in supervisor.kernel_output.splitlines() if one.strip()]
        why = f"the kernel did not start: {[raised, *output][-1]}"
        many = "; raise the limit for open files, `ulimit -n`"
        return KernelDiedError, why + many * ("Too many open files" in why)
    return None


def _exit_in_words(code: int) -> str:
    """Say how a process ended, by its exit code."""
    if code == -signal.SIGKILL:
        return "was killed, which is what happens when memory runs out"
    if code < 0:
        return f"died of {signal.Signals(-code).name}"
    return f"ended with exit code {code} before the notebook did"


def _raise_for_source(
    notebook: ipynb.Notebook, name: str, source: Sequence[ipynb.Cell]
) -> None:
    """Raise unless the code cells are those of the source notebook, in their order."""
    executed = [
        cell_source(notebook.cells[index])
        for index in ipynb.code_indices(notebook)
        if INJECTED not in ipynb.cell_tags(notebook.cells[index])
    ]
    wanted = [index for index, cell in enumerate(source) if ipynb.is_code(cell)]
    for index, text in zip_longest(wanted, executed):
        if index is None:
            raise IncompleteError(f"{name}: a cell ran that is not in the file")
        if text != cell_source(source[index]):
            place = ipynb.source_place(source, index)
            raise IncompleteError(
                f"{name}: {place} is not in the executed notebook as it stands in the "
                "file; save the notebook anew in JupyterLab"
            )


def _raise_for_cells(notebook: ipynb.Notebook, name: str) -> None:
    """Raise if a cell failed, or if one did not run."""
    for index in ipynb.code_indices(notebook):
        cell = notebook.cells[index]
        place = f"{name}: {ipynb.executed_place(notebook, index)}"
        for output in cell.outputs:
            if output.output_type != "error":
                continue
            if output.ename == "SystemExit":
                call = "" if output.evalue == EXIT else f"sys.exit({output.evalue})"
                raise IncompleteError(
                    f"{place}: {call or EXIT} ended it early; a notebook must run to "
                    "its end"
                )
            raise CellError(f"{place}: {_cell_error(output)}")
        if cell.metadata.papermill.get("exception"):
            raise CellError(f"{place}: failed")
        if cell.execution_count is None:
            raise IncompleteError(f"{place}: did not run")


def _cell_error(output: Any) -> str:
    """Shorten a cell's error to one line, unless it is an error of this project."""
    for module in (lifecycle.errors, runner.errors):
        known = getattr(module, output.ename, None)
        if isinstance(known, type) and issubclass(known, LifecycleError):
            # Its message is written to be read as a whole.
            return f"{output.ename}: {output.evalue}"
    lines = [line.strip() for line in output.evalue.splitlines() if line.strip()]
    text = f"{output.ename}: {lines[0]}" if lines else str(output.ename)
    plain = ANSI.sub("", text)
    return plain if len(plain) <= MAX_ERROR else f"{plain[: MAX_ERROR - 1]}…"


def _read_results(
    notebook: ipynb.Notebook, name: str, require: Collection[str]
) -> dict[str, Any]:
    """Read what the results cell returned."""
    last = notebook.cells[ipynb.code_indices(notebook)[-1]]
    shown = [one.get("data", {}).get("application/json") for one in last.outputs]
    found = [one for one in shown if isinstance(one, dict)]
    if not found:
        raise ResultsError(
            f"{name}: the results cell must end in JSON({{...}}) of plain values"
        )
    results: dict[str, Any] = json.loads(json.dumps(found[-1]))
    missing = [key for key in require if key not in results]
    if missing:
        raise ResultsError(
            f"{name}: the results lack {', '.join(missing)}, which the next "
            f"stage needs; they have {', '.join(results) or 'nothing'}"
        )
    return results
