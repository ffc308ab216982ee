"""Notebooks are executed in warm kernels, and archived."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from forked_kernels.client import CAN_FORK, WarmKernels, begin

from runner.notebook.archive import recording
from runner.notebook.execute import ExecutedNotebook, execute
from runner.notebook.isolation import kernel_environment


@pytest.fixture(scope="session")
def kernels() -> Iterator[WarmKernels | None]:
    """A process that kernels are forked from; a kernel that starts cold fails its test.

    None on a system that forks none: all kernels start cold there.
    """
    variables = kernel_environment(os.environ)
    warm = begin(pytest.fail, variables) if CAN_FORK else None
    if warm is None:
        yield None
        return
    with warm:
        yield warm


@pytest.fixture(scope="session")
def execute_recorded() -> Callable[..., ExecutedNotebook]:
    """Execute a notebook as a run does: archived in a folder however it ends."""

    def execute_into(
        source: Path, folder: Path, parameters: Mapping[str, Any], **options: Any
    ) -> ExecutedNotebook:
        about = {"model": "toy", "stage": source.stem, "run_id": "r1"}
        settings = {"cwd": folder.parent, "time_limit": 60, **options}
        with recording(folder, source=source, parameters=parameters, **about) as one:
            executed = execute(source, parameters, **settings)
            one.notebook = executed.notebook
            executed.raise_for_error()
            one.succeed(executed.results)
        return executed

    return execute_into
