"""Git is called in one place, which waits for no answer for ever."""

import subprocess
import time
from pathlib import Path

import pytest

from lifecycle.errors import CallError
from runner import git
from runner.pipeline.evidence import source_snapshot

DUBIOUS = """echo "fatal: detected dubious ownership in repository at '/x'" >&2
echo "To add an exception for this directory, call:" >&2
exit 128"""


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git of this test's own; it has to be written to."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / "git"


def write(script: Path, text: str) -> None:
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)


def test_the_answer_is_given(repo: Path) -> None:
    """As bytes, or as a line of text."""
    assert git.output(repo, "log", "-1", "--format=%s") == b"Toy\n"
    assert git.line(repo, "log", "-1", "--format=%s") == "Toy"
    assert git.git(repo, "rev-parse", "--verify", "nothing").returncode


def test_a_folder_without_git_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who downloaded an archive of the repository may have no git at all."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert git.line(tmp_path, "log") == ""


def test_a_run_of_an_archive_needs_no_git(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded has no branch and no subject then."""
    subprocess.run(["rm", "-rf", str(repo / ".git")], check=True)
    monkeypatch.setenv("PATH", str(repo))

    record = source_snapshot(repo, "toy", {}, {})

    assert (record["branch"], record["subject"]) == ("", "")


def test_git_that_is_missing_is_an_error(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is a repository, guessing would be another identity."""
    monkeypatch.setenv("PATH", str(repo))

    with pytest.raises(CallError, match="git: command not found; install it"):
        git.line(repo, "log")


def test_what_is_no_repository_says_so(tmp_path: Path) -> None:
    """In one line, with the place and the remedy."""
    with pytest.raises(CallError) as raised:
        git.output(tmp_path, "ls-files")

    said = "not a git repository; run this in a clone of one"
    assert str(raised.value) == f"{tmp_path}: {said}"


def test_another_users_repository_comes_with_gits_own_remedy(
    repo: Path, fake_git: Path
) -> None:
    """A container that mounts a checkout meets this."""
    write(fake_git, DUBIOUS)

    with pytest.raises(CallError, match=f"safe.directory {repo}`$"):
        git.output(repo, "ls-files")


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo one >&2; echo two >&2; exit 1", "two"), ("exit 1", "failed")],
)
def test_another_refusal_is_quoted(
    repo: Path, fake_git: Path, script: str, said: str
) -> None:
    """By its last line."""
    write(fake_git, script)

    with pytest.raises(CallError, match=f"{repo}: git ls-files -z: {said}$"):
        git.output(repo, "ls-files", "-z")


def test_git_that_does_not_answer_is_given_up(
    repo: Path, fake_git: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk in the network may be gone."""
    monkeypatch.setattr(git, "LIMIT_SECONDS", 0.2)
    write(fake_git, "exec sleep 30")
    began = time.monotonic()

    with pytest.raises(CallError, match=r"git log: no answer in 0\.2 seconds in .*;"):
        git.line(repo, "log")
    assert time.monotonic() - began < 10


def test_git_speaks_one_language(
    repo: Path, fake_git: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says is compared with what it says in English."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    write(fake_git, 'echo "$LC_ALL"')

    assert git.line(repo, "status") == "C"


def test_nobody_else_calls_git() -> None:
    """Each would need a limit and words of its own."""
    root = Path(__file__).parents[1] / "runner"
    callers = [
        path.name
        for path in root.rglob("*.py")
        if '"git",' in path.read_text(encoding="utf-8")
    ]

    assert callers == ["git.py"]
