"""Fixtures of the tests of raw records."""

import sys
from collections.abc import Iterator

import pytest
import warm_python


@pytest.fixture(scope="module", autouse=True)
def warm_processes() -> Iterator[None]:
    """Let a model's code run in a process that starts warm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", warm_python.executable())
        yield
