"""Fixtures of the review page's tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.review.evidence import Evidence, read_evidence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run of the model `toy`."""
    path = tmp_path / "build" / "toy"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def read(folder: Path) -> Callable[[], Evidence]:
    """Read back what the folder has."""
    return lambda: read_evidence(folder, "toy")
