"""One kernel: started by Papermill, supervised, and ended with all that it started.

Papermill limits the time of a cell, not of a notebook, and leaves running what a
kernel started: a supervisor ends the kernel and its process group at the time limit,
on a signal, or when the run is cancelled.
"""

import asyncio
import contextlib
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import papermill
from forked_kernels.provisioner import PromptManager
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import (
    CellExecutionComplete,
    CellTimeoutError,
    DeadKernelError,
)
from nbformat import ValidationError
from notebook_page.outputs import Amounts, KeptOutputs
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from secret_scrubber import Scrubber

from lifecycle.errors import ConfigurationError
from runner.errors import MALFORMED
from runner.notebook import ipynb

ENGINE = "runner"
STARTUP_SECONDS = 60
# A cell that has ended may have displayed more than can be read meanwhile.
OUTPUT_SECONDS = 600
# How often the supervisor looks at the clock and at the signals.
GLANCE_SECONDS = 0.1
NO_TAG = "\0"  # no cell has it
KEEP_ALL = "`run --full-output` keeps all"
# What Jupyter raises where a kernel sends what is none of its messages.
UNREADABLE = (*MALFORMED, ValidationError)

# Called with the cells done, their number, and the heading above the next one.
OnCell = Callable[[int, int, str], None]


class UnreadableMessageError(Exception):
    """Report that a cell sent what is no message of Jupyter's."""


@dataclass
class KernelSupervisor:
    """Watches a running kernel, and ends it when the notebook must not go on."""

    time_limit: float
    cancelled: threading.Event
    on_cell: OnCell | None
    on_start: Callable[[ipynb.Notebook], object] | None = None
    notebook: ipynb.Notebook = None
    cell: Mapping[str, Any] | None = None  # the one that runs, or ran last
    label: str = ""  # the heading above it
    client: Any = None  # of the kernel
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

    def fail_cell(
        self, cell: Any, cell_index: int, execute_reply: Mapping[str, Any]
    ) -> None:
        """Add the error of a cell that shows none, as that of a magic's wrong use."""
        if all(output["output_type"] != "error" for output in cell["outputs"]):
            reply = execute_reply["content"]
            name, message = str(reply.get("ename")), str(reply.get("evalue"))
            ipynb.add_error(self.notebook, cell_index, name, message)

    def report_done(self) -> None:
        """Report that all cells ran."""
        self._report(len(ipynb.code_indices(self.notebook)))

    def _supervise(self) -> None:
        deadline = time.monotonic() + self.time_limit
        while not self._ended.wait(GLANCE_SECONDS):
            self.out_of_time = self.out_of_time or time.monotonic() > deadline
            if self.must_end():
                self._kill_kernel()
                self._wake_client()

    def _kill_kernel(self) -> None:
        """Kill the kernel and all processes that it started."""
        if self.kernel_group is not None:
            # macOS says EPERM where only zombies are left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.kernel_group, signal.SIGKILL)

    def _wake_client(self) -> None:
        """Let the client see now that the kernel is dead, not within a second."""
        task = self.client.task_poll_for_reply if self.client else None
        if task is not None:
            # The loop is closed where all is over.
            with contextlib.suppress(RuntimeError):
                task.get_loop().call_soon_threadsafe(task.cancel)

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


def run_papermill(
    notebook: ipynb.Notebook,
    parameters: Mapping[str, Any],
    supervisor: KernelSupervisor,
    **options: Any,
) -> Exception | None:
    """Execute the cells, and return the exception that ended them early.

    Args:
        options: those of the engine: folder, environment, arguments, provision, limits,
            and the interpreter if it is not this one.

    Raises:
        ConfigurationError: the Jupyter kernel is not installed.
    """
    papermill_engines.register(ENGINE, _Engine)
    logging.getLogger("papermill").setLevel(logging.CRITICAL + 1)
    try:
        papermill.execute_notebook(
            notebook,
            # Nothing is written before secrets are scrubbed.
            None,
            dict(parameters),
            engine_name=ENGINE,
            # The kernel that a notebook was last opened with need not exist here.
            kernel_name="python3",
            language="python",
            progress_bar=False,
            supervisor=supervisor,
            **options,
        )
    except NoSuchKernel as error:
        raise ConfigurationError(
            f"no Jupyter kernel named {error.name!r} here; run `make setup`"
        ) from error
    except (papermill.PapermillExecutionError, CellTimeoutError) as error:
        return error
    except UnreadableMessageError as error:
        return error
    except RuntimeError as error:
        # nbclient's, for a kernel that died or never answered.
        if not isinstance(error, DeadKernelError) and supervisor.cell is not None:
            raise
        return error
    return None


def _mapping(value: object) -> dict[str, Any]:
    """Return a dict; an empty one for anything else that a kernel sent."""
    return value if isinstance(value, dict) else {}


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Papermill's own client, for a kernel that is isolated and supervised."""

    supervisor: KernelSupervisor
    python: Path | None
    kept: KeptOutputs
    clear_before_next_output: bool

    def create_kernel_manager(self) -> Any:
        manager = super().create_kernel_manager()
        # Always this Python, or that of the model's own environment: no kernel of that
        # name that a person has installed.
        manager.kernel_spec_manager = KernelSpecManager(kernel_dirs=[])
        if self.python:
            manager.kernel_spec.argv[0] = str(self.python)
        return manager

    def execute_cell(self, *arguments: Any, **more: Any) -> Any:
        """Execute a cell, and keep what it displays however it ends."""
        self.kept.start_cell()
        try:
            return super().execute_cell(*arguments, **more)
        finally:
            self.kept.settle()

    def process_message(self, *arguments: Any, **more: Any) -> Any:
        """Read a kernel's messages until it must end: a flood may still wait then."""
        if self.supervisor.must_end():
            raise CellExecutionComplete
        content = arguments[0]["content"]
        if "transient" in content:
            known = _mapping(content["transient"]).get("display_id")
            content["transient"] = {"display_id": str(known)} if known else {}
        try:
            return super().process_message(*arguments, **more)
        except UNREADABLE as error:
            raise UnreadableMessageError(str(error)) from error

    def output(
        self, outs: list[Any], msg: dict[str, Any], display_id: str, cell_index: int
    ) -> Any:
        """Keep what a cell displays, within limits and whatever it is."""
        if self.output_hook_stack[msg["parent_header"].get("msg_id")]:
            content = self.kept.fit_widget(msg["content"])
            if content is None:
                return None
            if content is not msg["content"]:
                header = {**msg["header"], "msg_type": "stream"}
                msg = {**msg, "header": header, "content": content}
            return super().output(outs, msg, display_id, cell_index)
        if self.clear_before_next_output:
            self.clear_before_next_output = False
            self.kept.clear(outs)
        kind, content = msg["header"]["msg_type"], msg["content"]
        if kind == "stream":
            name, text = str(content.get("name")), str(content.get("text", ""))
            self.kept.add_stream(outs, name, text)
        elif kind == "error":
            lines = [str(one) for one in content.get("traceback") or []]
            name, message = str(content.get("ename")), str(content.get("evalue"))
            self.kept.add_error(outs, name, message, lines)
        elif kind in {"display_data", "execute_result"}:
            shown = {"output_type": kind, "data": content.get("data")}
            shown["metadata"] = _mapping(content.get("metadata"))
            if kind == "execute_result":
                shown["execution_count"] = content.get("execution_count")
            self.kept.add(outs, shown, display_id)
        return None

    def clear_output(
        self, outs: list[Any], msg: dict[str, Any], cell_index: int
    ) -> None:
        """Clear what a cell has displayed, or note to do so."""
        shown = [*outs]
        if self.output_hook_stack[msg["parent_header"].get("msg_id")]:
            self.kept.clear_widgets()
        super().clear_output(outs, msg, cell_index)
        if shown and not outs:
            self.kept.clear(shown)

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        content = msg["content"]
        metadata = _mapping(content.get("metadata"))
        self.kept.update(display_id, content.get("data"), metadata)

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
        environment: Mapping[str, str],
        arguments: Sequence[str],
        limits: Sequence[Amounts],
        provision: Callable[[Any, Callable[[], bool]], None] | None = None,
        python: Path | None = None,
        **_: object,
    ) -> None:
        supervisor.notebook = nb_man.nb
        if supervisor.on_start:
            supervisor.on_start(nb_man.nb)
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=PromptManager,
            extra_arguments=list(arguments),
            timeout=None,
            startup_timeout=STARTUP_SECONDS,
            # All of a cell's output is kept, however long reading it takes.
            iopub_timeout=OUTPUT_SECONDS,
            on_cell_start=supervisor.start_cell,
            on_cell_error=supervisor.fail_cell,
            # A tag that is refused has no effect here, either.
            force_raise_errors=True,
            skip_cells_with_tag=NO_TAG,
            log=logging.getLogger("papermill"),
        )
        client.supervisor, client.python = supervisor, python
        supervisor.client = client
        scrubber = Scrubber.from_environment(os.environ)
        client.kept = KeptOutputs(
            lambda text: scrubber.text(text) == text,
            remedy=KEEP_ALL,
            per_cell=limits[0],
            per_notebook=limits[1],
        )
        manager = client.create_kernel_manager()
        if provision:
            provision(manager, supervisor.must_end)
        with tempfile.TemporaryFile() as output, _closed_event_loop():
            try:
                client.execute(
                    cwd=str(folder), env=dict(environment), stdout=output, stderr=output
                )
            finally:
                output.seek(0)
                supervisor.kernel_output = output.read().decode(errors="replace")


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
