"""Execute one notebook with Papermill, as the function that it is.

A notebook succeeded only if no cell failed, every cell ran and its results are there.
Papermill limits the time of a cell, not of a notebook, and leaves running what a
kernel started: a supervisor ends the kernel and its process group at the time limit,
on a signal, or when the run is cancelled.
"""

import asyncio
import contextlib
import json
import logging
import math
import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import papermill
from forked_kernels.client import WarmKernels
from forked_kernels.provisioner import PromptManager, provision
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

import lifecycle.errors
import runner.errors
from lifecycle.errors import ConfigurationError, LifecycleError
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

ENGINE = "runner"
STARTUP_SECONDS = 60
# How often the supervisor looks at the clock and at the signals.
GLANCE_SECONDS = 0.1
# Characters of a cell's error that still make one line.
MAX_ERROR = 300
ANSI = re.compile(r"\x1b\[[0-9;]*m")

# Called with the cells done, their number, and the heading above the next one.
OnCell = Callable[[int, int, str], None]


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
    cell_timeout: float | None = None,
    on_cell: OnCell | None = None,
    cancelled: threading.Event | None = None,
    require: Collection[str] = (),
    kernels: WarmKernels | None = None,
) -> ExecutedNotebook:
    """Execute a notebook and return it however it ended.

    Args:
        time_limit: seconds for the whole notebook.
        cell_timeout: seconds for each cell.
        cancelled: ends the kernel once it is set.
        require: names that the results must have.
        kernels: forks warm kernels; without, the kernel starts as Jupyter's do.

    Raises:
        ConfigurationError: the Jupyter kernel is not installed.
    """
    started = time.monotonic()
    supervisor = KernelSupervisor(
        time_limit=time_limit,
        cell_timeout=cell_timeout,
        cancelled=cancelled or threading.Event(),
        on_cell=on_cell,
    )
    # nbclient gives this thread an event loop, and would leave it open.
    with supervisor.run(), contextlib.closing(ensure_event_loop()):
        raised = _run_papermill(notebook, parameters, cwd, supervisor, kernels)
    executed = supervisor.notebook or ipynb.read(notebook)
    name = str(display_path(notebook))
    # No folder of this machine is kept in the metadata.
    executed.metadata.setdefault("papermill", {})
    executed.metadata.papermill |= {"input_path": name, "output_path": notebook.name}
    error, results = None, {}
    try:
        _raise_for_early_end(executed, name, supervisor, raised)
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


@dataclass
class KernelSupervisor:
    """Watches a running kernel, and ends it when the notebook must not go on."""

    time_limit: float
    cell_timeout: float | None
    cancelled: threading.Event
    on_cell: OnCell | None
    notebook: ipynb.Notebook = None
    cell: Mapping[str, Any] | None = None  # the one that runs, or ran last
    label: str = ""  # the heading above it
    kernel: Any = None  # its Popen, or what another provisioner has instead
    kernel_group: int | None = None
    kernel_output: str = ""
    signal: int | None = None
    out_of_time: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def is_stopped(self) -> bool:
        """Return whether a signal or the caller stopped the run."""
        return self.signal is not None or self.cancelled.is_set()

    def must_end(self) -> bool:
        """Return whether the notebook must not go on."""
        return self.out_of_time or self.is_stopped

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        """Supervise the kernel in this block; no process of it outlives the block."""
        thread = threading.Thread(
            target=self._supervise, name="supervisor", daemon=True
        )
        with self._deferred_signals():
            thread.start()
            try:
                yield
            finally:
                self._ended.set()
                thread.join()
                self._kill_kernel()

    def start_cell(self, cell: dict[str, Any], cell_index: int) -> None:
        """Note the cell that begins; nbclient calls this by keyword."""
        if ipynb.is_code(cell):
            self.cell = cell
            self.label = ipynb.heading(self.notebook, cell_index)
            self._report(ipynb.code_indices(self.notebook).index(cell_index))

    def report_done(self) -> None:
        """Report that all cells ran."""
        self._report(len(ipynb.code_indices(self.notebook)))

    def _supervise(self) -> None:
        deadline = time.monotonic() + self.time_limit
        while not self._ended.wait(GLANCE_SECONDS):
            self.out_of_time = self.out_of_time or time.monotonic() > deadline
            if self.must_end():
                self._kill_kernel()

    def _kill_kernel(self) -> None:
        """Kill the kernel and all processes that it started."""
        if self.kernel_group is not None:
            # macOS says EPERM where only zombies are left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.kernel_group, signal.SIGKILL)

    @contextlib.contextmanager
    def _deferred_signals(self) -> Iterator[None]:
        """Let Ctrl-C and SIGTERM end the kernel first, so that the notebook is kept."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number: int, _: object) -> None:
            self.signal = number

        known = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
        ours = [one for one, handler in known.items() if handler is not signal.SIG_IGN]
        try:
            for one in ours:
                signal.signal(one, note)
            yield
        finally:
            for one in ours:
                signal.signal(one, known[one])

    def _report(self, done: int) -> None:
        if self.on_cell and self.notebook:
            self.on_cell(done, len(ipynb.code_indices(self.notebook)), self.label)


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Tells the supervisor which processes the kernel consists of."""

    supervisor: KernelSupervisor

    def start_new_kernel_client(self) -> Any:
        self.supervisor.kernel = self.km.provisioner.process
        group = self.km.provisioner.pgid
        # A kernel that shares our process group must not take us along.
        self.supervisor.kernel_group = group if group != os.getpgrp() else None
        return super().start_new_kernel_client()


class _Engine(NBClientEngine):  # type: ignore[misc]
    """Papermill's own engine, supervised, whose kernels can start warm."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        supervisor: KernelSupervisor,
        folder: Path,
        provision: Callable[[Any, Callable[[], bool]], None] | None = None,
        **_: object,
    ) -> None:
        supervisor.notebook = nb_man.nb
        cell_timeout = supervisor.cell_timeout
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=PromptManager,
            timeout=math.ceil(cell_timeout) if cell_timeout else None,
            startup_timeout=STARTUP_SECONDS,
            on_cell_start=supervisor.start_cell,
            # A secret that was printed in two pieces is found only in one text.
            coalesce_streams=True,
            log=logging.getLogger("papermill"),
        )
        client.supervisor = supervisor
        if provision:
            provision(client.create_kernel_manager(), supervisor.must_end)
        with tempfile.TemporaryFile() as output, _closed_event_loop():
            try:
                client.execute(cwd=str(folder), stdout=output, stderr=output)
            finally:
                output.seek(0)
                supervisor.kernel_output = output.read().decode(errors="replace")


def _run_papermill(
    notebook: Path,
    parameters: Mapping[str, Any],
    cwd: Path,
    supervisor: KernelSupervisor,
    kernels: WarmKernels | None,
) -> Exception | None:
    """Execute the cells, and return the exception that ended them early."""
    papermill_engines.register(ENGINE, _Engine)
    logging.getLogger("papermill").setLevel(logging.CRITICAL + 1)
    warm = kernels and partial(provision, kernels=kernels, notebook=notebook)
    # Papermill fills in what stands in braces.
    path = str(notebook.resolve()).replace("{", "{{").replace("}", "}}")
    try:
        papermill.execute_notebook(
            path,
            # Nothing is written before secrets are scrubbed.
            None,
            dict(parameters),
            engine_name=ENGINE,
            # The kernel that a notebook was last opened with need not exist here.
            kernel_name="python3",
            language="python",
            progress_bar=False,
            supervisor=supervisor,
            folder=cwd,
            provision=warm,
        )
    except NoSuchKernel as error:
        raise ConfigurationError(
            f"no Jupyter kernel named {error.name!r} here; run `make setup`"
        ) from error
    except (papermill.PapermillExecutionError, CellTimeoutError) as error:
        return error
    except RuntimeError as error:
        # nbclient's, for a kernel that died or never answered.
        return error
    return None


@contextlib.contextmanager
def _closed_event_loop() -> Iterator[None]:
    """Close the event loop that nbclient leaves in each thread it runs in."""
    loop = ensure_event_loop()
    try:
        yield
    finally:
        if not loop.is_running():
            if left := asyncio.all_tasks(loop):
                for task in left:
                    task.cancel()
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.close()
            asyncio.set_event_loop(None)


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
    error = kind(f"{_place(notebook, name, index)}: {why}")
    if index is not None:
        ipynb.add_error(notebook, index, kind.__name__, str(error))
    raise error from raised


def _early_end(
    supervisor: KernelSupervisor, raised: Exception | None
) -> tuple[type[NotebookError], str] | None:
    """Return the error and the reason if the kernel was ended or ended itself early."""
    limit, cell_timeout = supervisor.time_limit, supervisor.cell_timeout
    if supervisor.is_stopped:
        return StoppedError, "told to stop"
    if supervisor.out_of_time:
        return TimeLimitError, f"the notebook took longer than {limit:g} s"
    if isinstance(raised, CellTimeoutError):
        return TimeLimitError, f"the cell took longer than {cell_timeout:g} s"
    if isinstance(raised, DeadKernelError):
        code = supervisor.kernel.returncode or 0
        return KernelDiedError, f"the kernel {_exit_in_words(code)}"
    if isinstance(raised, RuntimeError):
        output = [one for one in supervisor.kernel_output.splitlines() if one.strip()]
        return KernelDiedError, f"the kernel did not start: {[raised, *output][-1]}"
    return None


def _exit_in_words(code: int) -> str:
    """Say how a process ended, by its exit code."""
    if code == -signal.SIGKILL:
        return "was killed, which is what happens when memory runs out"
    if code < 0:
        return f"died of {signal.Signals(-code).name}"
    return f"ended with exit code {code} before the notebook did"


def _raise_for_cells(notebook: ipynb.Notebook, name: str) -> None:
    """Raise if a cell failed, or if one did not run."""
    for index in ipynb.code_indices(notebook):
        cell = notebook.cells[index]
        place = _place(notebook, name, index)
        for output in cell.outputs:
            if output.output_type != "error":
                continue
            if output.ename == "SystemExit":
                raise IncompleteError(
                    f"{place}: sys.exit({output.evalue}) ended it early; "
                    "a notebook must run to its end"
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


def _place(notebook: ipynb.Notebook, name: str, index: int | None) -> str:
    """Name a cell by its number and the heading above it."""
    if index is None:
        return f"{name}: before the first cell"
    number = ipynb.code_indices(notebook).index(index) + 1
    heading = ipynb.heading(notebook, index)
    under = f" under {heading!r}" if heading else ""
    return f"{name}: In [{number}]{under}"
