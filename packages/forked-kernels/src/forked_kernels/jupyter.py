"""Warm kernels for whoever starts kernels by Jupyter's own means, in this process."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

from jupyter_client.provisioning.factory import KernelProvisionerFactory

from forked_kernels.forked_kernel import ForkedKernel
from forked_kernels.imports import Imports, notebook_imports
from forked_kernels.provisioner import WarmProvisioner
from forked_kernels.warm import Say, WarmKernels, start
from runner.errors import SignatureError

NAME = "warm-provisioner"
LOCAL = "local-provisioner"


class JupyterProvisioner(WarmProvisioner):
    """Forks every kernel of this process, also one whose notebook nobody knows yet."""

    # The notebook of the kernels that are started now, where they do not say it.
    current: ClassVar[Path | None] = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        folder = Path(kwargs.get("cwd") or ".").resolve()
        self.notebook = _session(folder, kwargs.get("env", {})) or self.current
        self.imports = self._imports(folder)
        return await super().launch_kernel(cmd, **kwargs)

    async def fork(self, command: list[str], **kwargs: Any) -> ForkedKernel | None:
        """Wait in a thread: a server of notebooks has others to answer meanwhile."""
        return await asyncio.to_thread(self.fork_now, command, **kwargs)

    def _imports(self, folder: Path) -> Imports:
        """Wait for what is known to be needed, and mind what lies beside the notebook.

        What a cell that is yet to be written will import is a module beside it first.
        """
        known = self.kernels.imports.get(self.notebook) if self.notebook else None
        return Imports(
            statements=known.statements if known else (),
            own=frozenset(_modules(folder)) | (known.own if known else frozenset()),
        )


@contextmanager
def warm_kernels(notebooks: Iterable[Path], say: Say) -> Iterator[None]:
    """Let every kernel that this process starts meanwhile be warm where it can be."""
    kernels = start_for(notebooks, say)
    try:
        yield
    finally:
        if kernels:
            KernelProvisionerFactory.instance().default_provisioner_name = LOCAL
            kernels.close()


def start_for(notebooks: Iterable[Path], say: Say) -> WarmKernels | None:
    """Make the kernels of this process warm from now on, until it ends."""
    factory = KernelProvisionerFactory.instance()
    if factory.default_provisioner_name != LOCAL:
        say(f"{factory.default_provisioner_name} starts them, as was asked for")
        return None
    kernels = start(dict(_known(notebooks)), say)
    if kernels:
        JupyterProvisioner.kernels = kernels
        # What an installed package would say of itself in its metadata.
        value = f"{__name__}:{JupyterProvisioner.__name__}"
        entry = EntryPoint(name=NAME, value=value, group=factory.GROUP_NAME)
        factory.provisioners[NAME] = entry
        factory.default_provisioner_name = NAME
    return kernels


def _known(notebooks: Iterable[Path]) -> Iterator[tuple[Path, Imports]]:
    """Read the notebooks that can be read; the others start all the same."""
    for notebook in notebooks:
        with suppress(SignatureError):
            yield notebook.resolve(), notebook_imports(notebook)


def _session(folder: Path, env: Mapping[str, str]) -> Path | None:
    """Find the notebook that a Jupyter server starts a kernel for."""
    name = Path(env.get("JPY_SESSION_NAME", "")).name
    return folder / name if name else None


def _modules(folder: Path) -> Iterator[str]:
    """Name what a notebook in a folder may import from there."""
    for path in folder.iterdir():
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            yield path.stem
