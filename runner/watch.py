"""A watch over a notebook: its kernel ends in time, on a signal, or when told to.

Papermill limits each cell, not the notebook, and leaves what a kernel started running.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from runner import ipynb

GLANCE_SECONDS = 0.1


OnCell = Callable[[int, int, str], None]  # done, of how many, and the heading above


@dataclass
class Watch:
    """What is known of a running kernel, and the means to end it."""

    time_limit: float
    cell_timeout: float | None
    cancelled: threading.Event
    on_cell: OnCell | None
    notebook: ipynb.Notebook = None
    cell: int | None = None
    kernel: Any = None  # its Popen, or what a provisioner has instead
    kernel_group: int | None = None
    kernel_said: str = ""
    signal: int | None = None
    out_of_time: bool = False
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def told_to_stop(self) -> bool:
        """Tell whether a signal or the caller asked for the end."""
        return self.signal is not None or self.cancelled.is_set()

    def has_to_end(self) -> bool:
        """Tell whether the notebook must not go on."""
        return self.out_of_time or self.told_to_stop

    def start_cell(self, cell: dict[str, Any], cell_index: int) -> None:
        """Note the cell that begins; nbclient calls this by keyword."""
        if ipynb.is_code(cell):
            self.cell = cell_index
            self._tell(ipynb.code_indices(self.notebook).index(cell_index))

    def finish(self) -> None:
        """Tell that all cells ran."""
        self._tell(len(ipynb.code_indices(self.notebook)))

    def stand_by(self) -> None:
        """Look on until the notebook is over, and end its kernel when it must."""
        deadline = time.monotonic() + self.time_limit
        while not self._over.wait(GLANCE_SECONDS):
            self.out_of_time = self.out_of_time or time.monotonic() > deadline
            if self.has_to_end():
                self.end_kernel()

    def end_kernel(self) -> None:
        """Kill the kernel and all that it started."""
        if self.kernel_group is not None:
            # macOS says EPERM where only zombies are left.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.kernel_group, signal.SIGKILL)

    def leave(self) -> None:
        """Stop looking on."""
        self._over.set()

    def _tell(self, done: int) -> None:
        if self.on_cell and self.notebook:
            count = len(ipynb.code_indices(self.notebook))
            self.on_cell(done, count, ipynb.heading(self.notebook, self.cell or 0))


@contextlib.contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Watch over one notebook; nothing that it started outlives this block."""
    thread = threading.Thread(target=watch.stand_by, name="watch", daemon=True)
    with _deferred_signals(watch):
        thread.start()
        try:
            yield
        finally:
            watch.leave()
            thread.join()
            watch.end_kernel()


@contextlib.contextmanager
def _deferred_signals(watch: Watch) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the kernel first, so that the notebook is saved."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _: object) -> None:
        watch.signal = number

    known = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    ours = [one for one, handler in known.items() if handler is not signal.SIG_IGN]
    try:
        for one in ours:
            signal.signal(one, note)
        yield
    finally:
        for one in ours:
            signal.signal(one, known[one])
