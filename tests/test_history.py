"""Where a change began; what follows from it is in test_selection."""

from pathlib import Path

import pytest
from repository import Repository

from lifecycle.errors import CallError
from runner.git import (
    changed_files,
    checked_out_branch,
    find_default_branch,
    is_ancestor,
    resolve,
)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One commit on main."""
    made = Repository(tmp_path / "clone")
    made.commit()
    return made


def test_the_default_branch_is_what_origin_says(
    repository: Repository, tmp_path: Path
) -> None:
    """A team that deploys another branch than main has to set nothing."""
    assert find_default_branch(repository.root) == "main"
    repository.git("branch", "-m", "release/next")
    clone = tmp_path / "other"
    repository.git("clone", "-q", str(repository.root), str(clone))
    assert find_default_branch(clone) == "release/next"


def test_a_bare_commit_has_no_branch(repository: Repository) -> None:
    """A detached checkout, as of a tag, is on no branch."""
    assert checked_out_branch(repository.root) == "main"
    repository.git("checkout", "-q", "--detach")
    assert checked_out_branch(repository.root) == ""


def test_ancestors(repository: Repository) -> None:
    """A commit comes before those that build on it, and before itself."""
    first = repository.git("rev-parse", "HEAD")
    second = repository.commit()
    assert is_ancestor(repository.root, first, second)
    assert is_ancestor(repository.root, first, first)
    assert not is_ancestor(repository.root, second, first)
    assert not is_ancestor(repository.root, "0" * 40, first)


def test_a_blob_is_no_commit(repository: Repository) -> None:
    """Only what can be checked out can be measured from."""
    assert resolve(repository.root, "HEAD:requirements.txt") is None
    assert resolve(repository.root, "HEAD") == repository.git("rev-parse", "HEAD")


def test_git_that_fails_is_quoted(repository: Repository) -> None:
    """What git says about a broken clone is in the error."""
    with pytest.raises(CallError, match=r"git diff .* 0{40} HEAD --: .*0{40}"):
        changed_files(repository.root, "0" * 40)
