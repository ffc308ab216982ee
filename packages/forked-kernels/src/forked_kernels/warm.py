"""Starting the process that kernels are forked from, and asking it for kernels."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from forked_kernels.alike import Beginning, arguments
from forked_kernels.code import Statement
from forked_kernels.forked_kernel import ForkedKernel
from forked_kernels.imports import KERNEL, Imports, preload_order
from forked_kernels.request import is_answered, receive, send

# macOS offers fork too, but its system libraries have threads that it breaks.
CAN_FORK = sys.platform == "linux"
PRELOAD_SECONDS = 120
GLANCE_SECONDS = 0.1
ENDING_SECONDS = 5
# pyarrow's allocator would start a thread of its own as soon as it is loaded. And
# matplotlib reads its backend while it is imported, which a kernel sets before.
PRELOADING = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}

Say = Callable[[str], None]


@dataclass
class WarmKernels:
    """The process that kernels are forked from; leaving its context ends it."""

    say: Say
    process: subprocess.Popen[bytes]
    control: socket.socket
    log: IO[bytes]
    imports: Mapping[Path, Imports] = field(default_factory=dict)
    order: tuple[Statement, ...] = tuple(map(Statement, KERNEL))
    beginning: Beginning = field(default_factory=Beginning)
    _said: set[str] = field(default_factory=set)

    def preload(self, notebooks: Mapping[Path, Imports]) -> None:
        """Import what notebooks import, those of the first notebook first."""
        self.imports, self.order = notebooks, preload_order(list(notebooks.values()))
        self.import_early(self.order[len(KERNEL) :])

    def import_early(self, statements: Sequence[Statement]) -> None:
        """Import something before any kernel needs it."""
        # Where the process ended at once, the first kernel will tell.
        with contextlib.suppress(OSError):
            send(self.control, {"preload": statements, "base": len(KERNEL)}, [])

    def fork(
        self,
        command: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        streams: Sequence[int],
        notebook: Path | None = None,
        imports: Imports | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> ForkedKernel | None:
        """Fork a kernel; say why and return nothing if it has to start cold.

        It waits for the imports of its notebook, for all where that is not known.
        """
        if imports is None and notebook:
            imports = self.imports.get(notebook)
        why = self.beginning.unlike(command, env)
        if not why:
            launch = {
                "arguments": arguments(command),
                "folder": cwd,
                "environment": dict(env),
            }
            own = sorted(imports.own) if imports else []
            message = {"launch": launch, "needs": self._needs(imports), "own": own}
            answer = self._ask(message, streams, stopped)
            if isinstance(answer, ForkedKernel):
                return answer
            why = answer
        if why and why not in self._said:
            self._said.add(why)
            self.say(why)
        return None

    def close(self) -> None:
        """End the process, with any kernel that is left."""
        self.control.close()
        try:
            self.process.wait(GLANCE_SECONDS)
        except subprocess.TimeoutExpired:
            # It is in the midst of an import.
            self.process.kill()
            self.process.wait(ENDING_SECONDS)
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _needs(self, imports: Imports | None) -> int:
        """Count the imports that are to be there before the kernel starts."""
        if imports is None:
            return len(self.order)
        places = [self.order.index(one) for one in imports.statements]
        return max([len(KERNEL) - 1, *places]) + 1

    def _ask(
        self,
        message: Mapping[str, Any],
        streams: Sequence[int],
        stopped: Callable[[], bool],
    ) -> ForkedKernel | str:
        """Send one request and wait for its answer, or until nobody waits any more."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                send(self.control, message, [theirs.fileno(), *streams])
            except OSError as error:
                ours.close()
                return self._ended() or f"no request can be sent: {error.strerror}"
        deadline = time.monotonic() + PRELOAD_SECONDS
        while not is_answered(ours, GLANCE_SECONDS):
            if stopped() or time.monotonic() > deadline:
                ours.close()
                return "" if stopped() else "what it imports took too long to import"
        answer, _ = receive(ours)
        if "pid" in answer:
            return ForkedKernel(pid=answer["pid"], handle=ours)
        ours.close()
        refusal = str(answer.get("cold", ""))
        return refusal or self._ended() or "the fork ended at once"

    def _ended(self) -> str:
        """Say how the process ended, if it did, and why if it had the time to."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(GLANCE_SECONDS)
        if self.process.poll() is None:
            return ""
        code = self.process.returncode
        if code < 0:
            how = signal.Signals(-code).name
        else:
            self.log.seek(0)
            lines = self.log.read().decode(errors="replace").splitlines()
            how = f"exit code {code}: {lines[-1] if lines else 'nothing said'}"
        return f"the process to fork them from ended with {how}"


def begin(say: Say) -> WarmKernels | None:
    """Start the process and import what every kernel is made of."""
    if not CAN_FORK:
        say(f"{sys.platform} forks no kernels")
        return None
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log = tempfile.TemporaryFile()  # noqa: SIM115, closed with the process
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "forked_kernels.server", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[theirs.fileno()],
            env=PRELOADING | os.environ,
            # Ctrl-C is for the runner, which ends its kernels when it is done.
            start_new_session=True,
        )
    warm = WarmKernels(say=say, process=process, control=ours, log=log)
    warm.import_early(warm.order)
    return warm


def start(notebooks: Mapping[Path, Imports], say: Say) -> WarmKernels | None:
    """Start the process for these notebooks."""
    warm = begin(say)
    if warm:
        warm.preload(notebooks)
    return warm
