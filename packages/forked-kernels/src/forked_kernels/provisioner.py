"""Hand Jupyter's kernel managers warm kernels: a provisioner that forks them.

Its entry point makes it one of Jupyter's: JUPYTER_DEFAULT_PROVISIONER_NAME, or
`kernel_provisioner` in a kernel's kernel.json, name it.
"""

import contextlib
import math
import os
import shutil
import subprocess
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from queue import Empty
from tempfile import gettempdir, mkdtemp
from typing import IO, Any, cast

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Type, default

from forked_kernels.client import ForkedKernel, Report, WarmKernels, start
from forked_kernels.imports import Imports, notebook_imports

NAME = "forked-provisioner"  # the entry point's, in pyproject.toml
STREAMS = ("stdin", "stdout", "stderr")
# What a fork does as a started process would; the last two concern neither.
OPTIONS = frozenset((*STREAMS, "cwd", "env", "kernel_id", "extra_arguments"))
# How soon a socket tries again to reach a kernel that has not opened its own yet.
RECONNECT_MILLISECONDS = 10
EXIT_POLL_SECONDS = 0.02
REPLY_SECONDS = 1.0
STATUS_SECONDS = 0.2
# The path of a socket has at most 104 characters, and 29 of them stand below it.
LONGEST_FOLDER = 70


class ForkedProvisioner(LocalProvisioner):
    """Forks a kernel where it can, else starts it as LocalProvisioner does."""

    # Those of this process, or of the one manager that `provision` was called with.
    kernels: WarmKernels | None = None
    notebook: Path | None = None
    stopped: Callable[[], bool] = staticmethod(lambda: False)
    forked: ForkedKernel | None = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        self.forked = await self._fork(cmd, kwargs) if self.kernels else None
        if self.forked is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = cast(Any, self.forked)
        self.pid = self.pgid = self.forked.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        await super().cleanup(restart)
        if self.forked:
            self.forked.close()

    async def _fork(
        self, command: list[str], options: Mapping[str, Any]
    ) -> ForkedKernel | None:
        """Ask for a kernel with the options that Popen would be given."""
        assert self.kernels
        if reason := _beyond_a_fork(options):
            self.kernels.report_cold(reason)
            return None
        folder = Path(options.get("cwd") or ".").resolve()
        with Path(os.devnull).open("r+b") as devnull:
            return await self.kernels.fork(
                command,
                cwd=folder,
                env=options["env"],
                streams=_descriptors(options, devnull.fileno()),
                notebook=self.notebook or session_notebook(folder, options["env"]),
                stopped=self.stopped,
            )


def _beyond_a_fork(options: Mapping[str, Any]) -> str:
    """Return which option only a started process can have, or nothing."""
    if others := sorted(options.keys() - OPTIONS):
        return f"the option {others[0]} is one for a process of its own"
    if any(options.get(one) == subprocess.PIPE for one in STREAMS):
        return "its output goes to a pipe"
    return ""


def _descriptors(options: Mapping[str, Any], devnull: int) -> list[int]:
    """Return the open files that Popen would give to a kernel."""
    found = [devnull, 1, 2]
    for number, name in enumerate(STREAMS):
        stream: int | IO[bytes] | None = options.get(name)
        if stream == subprocess.DEVNULL:
            found[number] = devnull
        elif stream == subprocess.STDOUT:
            found[number] = found[1]
        elif stream is not None:
            found[number] = stream if isinstance(stream, int) else stream.fileno()
    return found


def session_notebook(folder: Path, env: Mapping[str, str]) -> Path | None:
    """Find the notebook that a Jupyter server starts a kernel for."""
    name = Path(env.get("JPY_SESSION_NAME", "")).name
    return folder / name if name else None


def provision(
    manager: Any,
    stopped: Callable[[], bool] = lambda: False,
    *,
    kernels: WarmKernels,
    notebook: Path | None = None,
) -> None:
    """Let one kernel manager, which has started nothing yet, start a warm kernel.

    `stopped` is asked now and then, while imports are waited for, whether to give up.
    """
    provisioner = ForkedProvisioner(
        kernel_id=manager.kernel_id,
        kernel_spec=manager.kernel_spec,
        parent=manager,
    )
    provisioner.kernels = kernels
    provisioner.notebook = notebook
    provisioner.stopped = stopped
    manager.provisioner = provisioner


def warm_up(notebooks: Iterable[Path], report: Report) -> WarmKernels | None:
    """Let every kernel that Jupyter starts in this process be warm from now on.

    Notebooks that cannot be read are passed over. Returns None, and reports why, where
    kernels cannot be forked or Jupyter is set to start them in another way.
    """
    name = KernelProvisionerFactory.instance().default_provisioner_name
    if not is_forking(name):
        report(f"{name} starts them, as was asked for")
        return None
    ForkedProvisioner.kernels = start(dict(_readable(notebooks)), report)
    return ForkedProvisioner.kernels


def is_forking(name: str) -> bool:
    """Return whether a provisioner forks kernels: this one, or one made from it."""
    known = KernelProvisionerFactory.instance().provisioners
    if name == NAME or name not in known:
        return name == NAME
    return issubclass(known[name].load(), ForkedProvisioner)


def _readable(notebooks: Iterable[Path]) -> Iterator[tuple[Path, Imports]]:
    for notebook in notebooks:
        with contextlib.suppress(OSError, ValueError):
            yield notebook, notebook_imports(notebook)


class PromptClient(AsyncKernelClient):
    """Is ready as soon as the kernel has been heard on both channels.

    AsyncKernelClient listens for another fifth of a second, until nothing more comes;
    whoever executes cells passes over answers to other requests.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait for the kernel's answer."""
        deadline = time.monotonic() + (timeout or math.inf)
        while not await self._is_answered():
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")

    async def _is_answered(self) -> bool:
        """Ask once; a status sent before the channel was there needs another time."""
        request = self.kernel_info()
        try:
            reply = await self.get_shell_msg(timeout=REPLY_SECONDS)
            while reply["parent_header"].get("msg_id") != request:
                reply = await self.get_shell_msg(timeout=REPLY_SECONDS)
            await self.get_iopub_msg(timeout=STATUS_SECONDS)
        except Empty:
            return False
        self._handle_kernel_info_reply(reply)
        return True


class PromptManager(AsyncKernelManager):
    """Reaches a kernel as soon as it listens, and sees its end as soon as it ended."""

    client_factory = Type(PromptClient, klass=AsyncKernelClient)
    _remove_folder: Callable[[], object] = staticmethod(lambda: None)

    @default("transport")
    def _transport_default(self) -> str:
        # Two processes at times pick the same free port of TCP, which Jupyter frees
        # again before the kernel takes it; and another user could listen to it.
        return "ipc" if len(gettempdir()) <= LONGEST_FOLDER else "tcp"

    @default("connection_file")
    def _connection_file_default(self) -> str:
        # Its sockets lie beside it.
        folder = mkdtemp(prefix="kernel-")
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder)
        return str(Path(folder, "kernel.json"))

    def cleanup_ipc_files(self) -> None:
        """Remove the sockets, with the folder made for them."""
        super().cleanup_ipc_files()
        self._remove_folder()

    @default("context")
    def _context_default(self) -> zmq.asyncio.Context:
        context = super()._context_default()
        context.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MILLISECONDS)
        return context

    async def _async_finish_shutdown(
        self,
        waittime: float | None = None,
        pollinterval: float = EXIT_POLL_SECONDS,
        restart: bool = False,
    ) -> None:
        await super()._async_finish_shutdown(waittime, pollinterval, restart)
