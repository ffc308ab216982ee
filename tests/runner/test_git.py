"""What a commit is, and what a change is compared with."""

from pathlib import Path

import pytest
from repository import Repository

from lifecycle.errors import CallError
from runner.git import (
    checked_out_branch,
    describe_commit,
    find_base,
    find_default_branch,
    git_line,
    is_ancestor,
    resolve,
    run_git,
    short_commit,
)


def test_the_answer_of_git_is_returned(repo: Path) -> None:
    """It is a line of text; who looks at the exit code gets that."""
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
