"""Fixtures of the runner's tests: a model of one's own, AWS and warm kernels."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import warm_python
from embedded_aws import EmbeddedAWS
from forked_kernels.client import WarmKernels, begin
from forked_kernels.imports import Statement
from model_packages import new_name

from runner.notebook.isolation import kernel_environment


@pytest.fixture
def model(repo: Path) -> str:
    """The toy model under a name that no other test uses, committed."""
    name = new_name()
    path = repo / "models" / "toy" / "model.yaml"
    path.write_text(path.read_text().replace("name: toy", f"name: {name}"))
    path.parent.rename(repo / "models" / name)
    identity = ("-c", "user.name=toy", "-c", "user.email=toy@example.com")
    for command in (("add", "-A"), (*identity, "commit", "-qm", "Rename the model")):
        subprocess.run(["git", "-C", str(repo), *command], check=True)
    return name


@pytest.fixture(scope="module")
def warm() -> Iterator[None]:
    """Let this process start Python warm: kernels and the embedded AWS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", warm_python.executable())
        yield


@pytest.fixture(scope="session")
def at_aws(embedded_aws: EmbeddedAWS) -> Callable[[], AbstractContextManager[None]]:
    """Lead to the embedded AWS within a block, in fixtures of any scope."""

    @contextmanager
    def lead() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in embedded_aws.environment.items():
                patch.setenv(name, value)
            yield

    return lead


@pytest.fixture(scope="session")
def kernels() -> Iterator[WarmKernels | None]:
    """The process that kernels are forked from; one for all tests of a worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", warm_python.executable())
        started = begin(pytest.fail, kernel_environment(os.environ))
    if started is None:
        yield None
        return
    # What kernels are started by is this Python, which the warm one forks.
    started.baseline = replace(started.baseline, python=sys.executable)
    with started:
        # What lifecycle imports as soon as it talks to AWS.
        started.import_ahead([Statement("boto3")])
        yield started
