"""git is called with a time limit, and its refusals are one line with a remedy."""

import subprocess
import time
from pathlib import Path

import pytest
from notebook_inputs import GitError, git
from notebook_inputs.git import git_output, run_git

DUBIOUS = """echo "fatal: detected dubious ownership in repository at '/x'" >&2
echo "To add an exception for this directory, call:" >&2
exit 128"""


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the git that is called; the test writes its script."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / "git"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository without a commit."""
    folder = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", folder], check=True, timeout=60)
    return folder


def write(script: Path, text: str) -> None:
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)


def test_the_answer_of_git_is_returned(repository: Path) -> None:
    """It is bytes; whoever looks at the exit code asks for it."""
    assert git_output(repository, "rev-parse", "--is-inside-work-tree") == b"true\n"
    assert run_git(repository, "rev-parse", "--verify", "nothing").returncode


def test_git_that_is_not_there_is_an_error(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the remedy."""
    monkeypatch.setenv("PATH", str(repository))

    with pytest.raises(GitError, match="git: command not found; install it"):
        git_output(repository, "log")


def test_a_folder_that_is_not_a_repository_is_an_error(tmp_path: Path) -> None:
    """The message is one line, with the place and the remedy."""
    with pytest.raises(GitError) as raised:
        git_output(tmp_path, "ls-files")

    said = "not a git repository; run this in a clone of one"
    assert str(raised.value) == f"{tmp_path}: {said}"


def test_a_repository_of_another_user_is_an_error_with_gits_remedy(
    repository: Path, fake_git: Path
) -> None:
    """It is met in a container that mounts a checkout."""
    write(fake_git, DUBIOUS)

    with pytest.raises(GitError, match=f"safe.directory {repository}`$"):
        git_output(repository, "ls-files")


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo one >&2; echo two >&2; exit 1", "two"), ("exit 1", "failed")],
)
def test_another_refusal_is_quoted(
    repository: Path, fake_git: Path, script: str, said: str
) -> None:
    """Its last line is."""
    write(fake_git, script)

    with pytest.raises(GitError, match=f"{repository}: git ls-files -z: {said}$"):
        git_output(repository, "ls-files", "-z")


def test_git_that_does_not_answer_is_stopped(
    repository: Path, fake_git: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network disk may not answer."""
    monkeypatch.setattr(git, "TIMEOUT_SECONDS", 0.2)
    write(fake_git, "exec sleep 30")
    began = time.monotonic()

    with pytest.raises(GitError, match=r"git log: no answer in 0\.2 seconds in .*;"):
        git_output(repository, "log")
    assert time.monotonic() - began < 10


def test_git_ends_with_whom_it_answers(repository: Path, fake_git: Path) -> None:
    """Nothing is left behind by a caller that fails."""
    write(fake_git, "exec sleep 30")
    began = time.monotonic()

    with pytest.raises(ZeroDivisionError), git.start_git(repository, "log"):
        _ = 1 / 0
    assert time.monotonic() - began < 10


def test_git_answers_in_english(
    repository: Path, fake_git: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its messages are compared with English ones."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    write(fake_git, 'echo "$LC_ALL"')

    assert git_output(repository, "status") == b"C\n"


def test_gits_message_about_an_unknown_commit_is_quoted(
    repository: Path,
) -> None:
    """The clone may be broken."""
    with pytest.raises(GitError, match=r"git ls-tree .*0{40}"):
        git_output(repository, "ls-tree", "0" * 40)
