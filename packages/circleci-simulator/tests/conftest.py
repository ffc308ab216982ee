"""A repository on this machine, which the tests of several modules push to."""

import os
import subprocess
from pathlib import Path

import pytest

WHO = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")


class Remote:
    """A git repository, and its files on the branch `main`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        """Run git, without the configuration of whoever runs the tests."""
        variables = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        found = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return found.stdout.strip()

    def push(self, files: dict[str, str]) -> None:
        """Commit files."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        self.git("add", "-A")
        self.git(*WHO, "commit", "-q", "-m", "Change")


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    """An empty repository, `remote.git` in the test's folder."""
    return Remote(tmp_path / "remote.git")
