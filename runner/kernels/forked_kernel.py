"""A kernel that was forked, as if it were a process that we had started."""

import contextlib
import os
import select
import signal
import socket
import subprocess
from dataclasses import dataclass

from runner.kernels.request import receive


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
        return self._exit_code(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the kernel's end, and let its process id go."""
        code = self._exit_code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("the kernel", timeout or 0)
        self.close()
        return code

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

    def _exit_code(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self.handle], [], [], timeout)[0]:
            # Who would tell the exit code is gone, and ends its kernels when it goes.
            self.returncode = receive(self.handle)[0].get("returncode", -signal.SIGKILL)
        return self.returncode
