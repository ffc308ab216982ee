"""A repository to read specs from, which git commits once for all tests."""

import shutil
import subprocess
from pathlib import Path

import pytest

TOY = Path(__file__).parents[2] / "toy"


@pytest.fixture(scope="session")
def committed_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository with one model, `toy`, for copying only."""
    root = tmp_path_factory.mktemp("committed") / "repo"
    shutil.copytree(TOY, root)
    identity = ["-c", "user.name=toy", "-c", "user.email=toy@example.com"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "Toy"]):
        subprocess.run(["git", "-C", str(root), *command], check=True)
    return root


@pytest.fixture
def repo(committed_toy: Path, tmp_path: Path) -> Path:
    """A git repository with one model, `toy`, that inherits its later notebooks."""
    return shutil.copytree(committed_toy, tmp_path / "repo")
