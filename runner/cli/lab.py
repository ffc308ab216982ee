"""Kernels of JupyterLab in the environment of the model whose notebook is opened.

`make lab` names this provisioner to Jupyter. A notebook in a model's folder is that
model's; a shared one is of the model that RUNNER_MODEL names. Without an environment of
its own a kernel starts as `forked_kernels` starts it.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from forked_kernels.client import WarmKernels, begin
from forked_kernels.imports import notebook_imports
from forked_kernels.provisioner import ForkedProvisioner, session_notebook

from runner.cli.desk import model_of
from runner.notebook.environments import Environment, make_environment
from runner.spec.folders import find_root
from runner.spec.requirements import own_lock


class ModelProvisioner(ForkedProvisioner):
    """Starts a kernel in its model's environment, forked where that can be."""

    # What forks kernels in the environments of models, by the interpreter.
    servers: ClassVar[dict[Path, WarmKernels | None]] = {}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        folder = str(kwargs.get("cwd") or ".")
        environment = None
        # A kernel that a person has chosen starts as that person says.
        if cmd[0] == sys.executable:
            environment = await asyncio.to_thread(self._environment, folder)
        if environment:
            cmd = [str(environment.python), *cmd[1:]]
            kwargs["env"] = environment.variables(kwargs["env"])
            self.kernels = self._server(environment, folder, kwargs["env"])
        return await super().launch_kernel(cmd, **kwargs)

    def _environment(self, folder: str) -> Environment | None:
        """Return the environment of the model whose notebooks are in a folder."""
        here = Path(folder).resolve()
        model = model_of(here)
        root = find_root(here) if model else None
        lock = own_lock(root, model) if root and model else None
        if root is None or lock is None:
            return None
        return make_environment(root, model, lock, self.log.info)

    def _server(
        self, environment: Environment, folder: str, env: Mapping[str, str]
    ) -> WarmKernels | None:
        """Return what forks the kernels of an environment, started for the first."""
        python = environment.python
        if python not in self.servers:
            variables = environment.variables(os.environ)
            self.servers[python] = begin(self._say_cold, variables, python)
        server, notebook = self.servers[python], session_notebook(Path(folder), env)
        if server and notebook:
            # One that cannot be read imports nothing ahead.
            with suppress(OSError, ValueError):
                imports = notebook_imports(notebook, environment.path)
                server.preload({notebook: imports})
        return server

    def _say_cold(self, why: str) -> None:
        self.log.warning("kernels start cold: %s", why)
