"""A Papermill engine whose kernels are watched, and start warm where they can."""

import asyncio
import contextlib
import logging
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from forked_kernels.provisioner import PromptManager
from jupyter_core.utils import ensure_event_loop
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from runner.saving import saving_sparingly
from runner.watch import Watch

ENGINE = "runner"
STARTUP_SECONDS = 60


@contextlib.contextmanager
def _event_loop() -> Iterator[None]:
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


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Tells the watch which processes the kernel consists of."""

    watch: Watch

    def start_new_kernel_client(self) -> Any:
        self.watch.kernel = self.km.provisioner.process
        group = self.km.provisioner.pgid
        # A kernel that shares our process group must not take us along.
        self.watch.kernel_group = group if group != os.getpgrp() else None
        return super().start_new_kernel_client()


class Engine(NBClientEngine):  # type: ignore[misc]
    """Papermill's own engine, watched."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        watch: Watch,
        folder: Path,
        provision: Callable[[Any, Callable[[], bool]], None] | None = None,
        **_: object,
    ) -> None:
        watch.notebook = nb_man.nb
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=PromptManager,
            timeout=math.ceil(watch.cell_timeout) if watch.cell_timeout else None,
            startup_timeout=STARTUP_SECONDS,
            on_cell_start=watch.start_cell,
            # A secret that was printed in two pieces is found in one.
            coalesce_streams=True,
            log=logging.getLogger("papermill"),
        )
        client.watch = watch
        if provision:
            provision(client.create_kernel_manager(), watch.has_to_end)
        with tempfile.TemporaryFile() as said, _event_loop(), saving_sparingly(nb_man):
            try:
                client.execute(cwd=str(folder), stdout=said, stderr=said)
            finally:
                said.seek(0)
                watch.kernel_said = said.read().decode(errors="replace")


def register() -> None:
    """Make the engine known to Papermill, and Papermill silent."""
    papermill_engines.register(ENGINE, Engine)
    logging.getLogger("papermill").setLevel(logging.CRITICAL + 1)
