"""A kernel that was forked, as if it were a process that we had started."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

GLANCE_SECONDS = 0.02


@dataclass
class ForkedKernel:
    """What `subprocess.Popen` is to a kernel that was started by a command."""

    pid: int
    handle: socket.socket
    returncode: int | None = None
    stdin: None = None
    stdout: None = None
    stderr: None = None

    def poll(self) -> int | None:
        """Give the exit code, or nothing while the kernel runs."""
        if self.returncode is None:
            self.returncode = exit_code(self.pid)
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        """Wait for the kernel's end, and let its process id go."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("the kernel", timeout)
            time.sleep(GLANCE_SECONDS)
        self.close()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel, unless it ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let the kernel be forgotten; what is left of it is killed."""
        self.handle.close()


def exit_code(pid: int) -> int | None:
    """Read the exit code of a process that its parent has not collected yet.

    The parent may be in the midst of an import, which takes seconds.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        # The parent is gone too, and ended its kernels when it went.
        return -signal.SIGKILL
    state, *_, code = status.rpartition(") ")[2].split()
    return os.waitstatus_to_exitcode(int(code)) if state in "ZX" else None
