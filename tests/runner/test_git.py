"""git is called with a time limit, and tells what a change is compared with."""

import time
from pathlib import Path

import pytest
from repository import Repository

from lifecycle.errors import CallError
from runner import git
from runner.git import (
    checked_out_branch,
    describe_commit,
    find_base,
    find_default_branch,
    git_line,
    git_output,
    is_ancestor,
    resolve,
    run_git,
    short_commit,
)

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


def write(script: Path, text: str) -> None:
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)


def test_the_answer_of_git_is_returned(repo: Path) -> None:
    """It is bytes, or a line of text."""
    assert git_output(repo, "log", "-1", "--format=%s") == b"Toy\n"
    assert git_line(repo, "log", "-1", "--format=%s") == "Toy"
    assert run_git(repo, "rev-parse", "--verify", "nothing").returncode


def test_a_folder_without_a_repository_needs_no_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A downloaded archive is used where git is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert git_line(tmp_path, "log") == ""
    assert describe_commit(tmp_path) == ""
    assert checked_out_branch(tmp_path) == ""


def test_a_repository_without_git_is_an_error(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without git its content cannot be known."""
    monkeypatch.setenv("PATH", str(repo))

    with pytest.raises(CallError, match="git: command not found; install it"):
        git_line(repo, "log")


def test_a_folder_that_is_not_a_repository_is_an_error(tmp_path: Path) -> None:
    """The message is one line, with the place and the remedy."""
    with pytest.raises(CallError) as raised:
        git_output(tmp_path, "ls-files")

    said = "not a git repository; run this in a clone of one"
    assert str(raised.value) == f"{tmp_path}: {said}"


def test_a_repository_of_another_user_is_an_error_with_gits_remedy(
    repo: Path, fake_git: Path
) -> None:
    """It is met in a container that mounts a checkout."""
    write(fake_git, DUBIOUS)

    with pytest.raises(CallError, match=f"safe.directory {repo}`$"):
        git_output(repo, "ls-files")


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo one >&2; echo two >&2; exit 1", "two"), ("exit 1", "failed")],
)
def test_another_refusal_is_quoted(
    repo: Path, fake_git: Path, script: str, said: str
) -> None:
    """Its last line is."""
    write(fake_git, script)

    with pytest.raises(CallError, match=f"{repo}: git ls-files -z: {said}$"):
        git_output(repo, "ls-files", "-z")


def test_git_that_does_not_answer_is_stopped(
    repo: Path, fake_git: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network disk may not answer."""
    monkeypatch.setattr(git, "TIMEOUT_SECONDS", 0.2)
    write(fake_git, "exec sleep 30")
    began = time.monotonic()

    with pytest.raises(CallError, match=r"git log: no answer in 0\.2 seconds in .*;"):
        git_line(repo, "log")
    assert time.monotonic() - began < 10


def test_git_ends_with_whom_it_answers(repo: Path, fake_git: Path) -> None:
    """Nothing is left behind by a caller that fails."""
    write(fake_git, "exec sleep 30")
    began = time.monotonic()

    with pytest.raises(ZeroDivisionError), git.start_git(repo, "log"):
        _ = 1 / 0
    assert time.monotonic() - began < 10


def test_git_answers_in_english(
    repo: Path, fake_git: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its messages are compared with English ones."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    write(fake_git, 'echo "$LC_ALL"')

    assert git_line(repo, "status") == "C"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A clone with one commit on main."""
    made = Repository(tmp_path / "clone")
    made.commit()
    return made


def test_the_default_branch_is_what_origin_says(
    repository: Repository, tmp_path: Path
) -> None:
    """A team that deploys another branch than main needs no setting."""
    assert find_default_branch(repository.root) == "main"
    repository.git("branch", "-m", "release/next")
    clone = tmp_path / "other"
    repository.git("clone", "-q", str(repository.root), str(clone))
    assert find_default_branch(clone) == "release/next"


def test_a_detached_head_is_on_no_branch(repository: Repository) -> None:
    """The checkout of a tag is detached."""
    assert checked_out_branch(repository.root) == "main"
    repository.git("checkout", "-q", "--detach")
    assert checked_out_branch(repository.root) == ""


def test_a_commit_is_an_ancestor_of_later_ones_and_of_itself(
    repository: Repository,
) -> None:
    """A commit that the clone does not have is none."""
    first = repository.git("rev-parse", "HEAD")
    second = repository.commit()

    assert is_ancestor(repository.root, first, second)
    assert is_ancestor(repository.root, first, first)
    assert not is_ancestor(repository.root, second, first)
    assert not is_ancestor(repository.root, "0" * 40, first)


def test_a_blob_is_not_a_commit(repository: Repository) -> None:
    """A change is compared with a commit."""
    assert resolve(repository.root, "HEAD:requirements.txt") is None
    assert resolve(repository.root, "HEAD") == repository.git("rev-parse", "HEAD")


def test_gits_message_about_an_unknown_commit_is_quoted(
    repository: Repository,
) -> None:
    """The clone may be broken."""
    with pytest.raises(CallError, match=r"git ls-tree .*0{40}"):
        git_output(repository.root, "ls-tree", "0" * 40)


def test_a_folder_without_history_has_no_base(tmp_path: Path) -> None:
    """Everything counts as changed then."""
    base = find_base(tmp_path, head=None, branch="main", default_branch="main")

    assert (base.sha, base.note) == (None, "there is no git history here")


def test_a_changed_working_tree_is_dirty(repository: Repository) -> None:
    """The commit alone would name another content."""
    commit = repository.git("rev-parse", "HEAD")
    before = describe_commit(repository.root)
    repository.write("requirements.txt", "changed")

    assert (before, describe_commit(repository.root)) == (commit, f"{commit}-dirty")


@pytest.mark.parametrize(
    ("commit", "shown"),
    [
        ("c0ffee" * 6, "c0ffeec"),
        ("c0ffee" * 6 + "-dirty", "c0ffeec-dirty"),
        ("c0ffee", "c0ffee"),
        ("", ""),
    ],
)
def test_a_short_commit_keeps_the_mark_of_a_changed_tree(
    commit: str, shown: str
) -> None:
    """Without it a reader would look for other content."""
    assert short_commit(commit) == shown
