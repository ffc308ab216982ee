"""Jupyter's way to a warm kernel: a provisioner that forks where it can."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from forked_kernels.forked_kernel import ForkedKernel
from forked_kernels.imports import Imports
from forked_kernels.warm import WarmKernels

ENDING_SECONDS = 2.0

Stream = int | IO[bytes] | None


class WarmProvisioner(LocalProvisioner):
    """Forks a kernel, or starts it as it would have been started without us."""

    kernels: WarmKernels
    notebook: Path | None = None
    imports: Imports | None = None
    stopped: Callable[[], bool] = staticmethod(lambda: False)
    forked: ForkedKernel | None = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        self.forked = await self.fork(cmd, **kwargs)
        if self.forked is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = cast(Any, self.forked)
        self.pid = self.pgid = self.forked.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    async def fork(self, command: list[str], **kwargs: Any) -> ForkedKernel | None:
        """Fork a kernel where that can be; who runs a notebook waits for it."""
        return self.fork_now(command, **kwargs)

    async def cleanup(self, restart: bool = False) -> None:
        await super().cleanup(restart)
        if self.forked:
            self.forked.close()

    def get_shutdown_wait_time(self, recommended: float = 5.0) -> float:
        """Wait less for a kernel that has nothing left to do.

        Some kernels, forked or not, never end when asked to: their threads wait for
        each other. Half of this time later they are told more firmly.
        """
        return min(recommended, ENDING_SECONDS)

    def fork_now(
        self,
        command: list[str],
        *,
        env: dict[str, str],
        cwd: str | None = None,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        **_: object,
    ) -> ForkedKernel | None:
        """Ask for a kernel, with what Popen would be told."""
        if {subprocess.PIPE, subprocess.STDOUT} & {stdin, stdout, stderr}:
            # Somebody talks with it by pipes, as nobody who runs notebooks does.
            return None
        with Path(os.devnull).open("r+b") as file:
            nothing = file.fileno()
            wanted = ((stdin, nothing), (stdout, 1), (stderr, 2))
            return self.kernels.fork(
                command,
                cwd=str(Path(cwd or ".").resolve()),
                env=env,
                streams=[_descriptor(one, nothing) or usual for one, usual in wanted],
                notebook=self.notebook,
                imports=self.imports,
                stopped=self.stopped,
            )


def _descriptor(stream: Stream, nothing: int) -> int | None:
    """Give the open file that Popen would give to the kernel."""
    if stream is None or isinstance(stream, int):
        return nothing if stream == subprocess.DEVNULL else stream
    return stream.fileno()


def provision(
    manager: Any,
    stopped: Callable[[], bool] = lambda: False,
    *,
    kernels: WarmKernels,
    notebook: Path | None = None,
) -> None:
    """Let a kernel manager that has started nothing yet start a warm kernel."""
    provisioner = WarmProvisioner(
        kernel_id=manager.kernel_id,
        kernel_spec=manager.kernel_spec,
        parent=manager,
    )
    provisioner.kernels = kernels
    provisioner.notebook = notebook
    provisioner.stopped = stopped
    manager.provisioner = provisioner
