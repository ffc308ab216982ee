"""Links, submodules and checkouts: which file a path means, and what is in it."""

import subprocess
from pathlib import Path

import pytest
from memory import MemoryTree
from notebook_inputs import GitError, Revision, WorkingTree

FILES = {
    "models/churn/above": "-> ..",
    "models/churn/here": "-> .",
    "models/churn/lost.csv": "-> ../../build/lost.csv",
    "models/churn/outside.csv": "-> ../../../outside.csv",
    "models/churn/absolute.csv": "-> /etc/passwd",
    "models/churn/round.csv": "-> round.csv",
    "models/churn/lost_again.csv": "-> lost.csv",
    "models/churn/table.csv": "-> ../../assets/table.csv",
    "models/churn/assets": "-> ../../assets",
    "models/churn/deep": "-> ../../far/near/../deep",
    "models/churn/x.csv": "1",
    "models/fraud/x.csv": "2",
    "assets/table.csv": "3",
    "assets/more": "-> ../stock",
    "stock/parts.csv": "4",
    "far/near": "-> ../elsewhere/inner",
    "elsewhere/deep/y.csv": "5",
    "elsewhere/inner/z.csv": "6",
    "vendor": "@",
}
# A path, what it means, and what is there.
PATHS = [
    ("models/churn/table.csv", "assets/table.csv", "file"),
    ("models/churn/assets/more/parts.csv", "stock/parts.csv", "file"),
    ("models/churn/assets/more", "stock", "folder"),
    ("models/churn/above", "models", "folder"),
    ("models/churn/above/fraud/x.csv", "models/fraud/x.csv", "file"),
    ("models/churn/here/here/x.csv", "models/churn/x.csv", "file"),
    # A link is followed before the `..` behind it.
    ("models/churn/deep/y.csv", "elsewhere/deep/y.csv", "file"),
    # A link that leads to nothing is all that is there.
    ("models/churn/lost.csv", "models/churn/lost.csv", "file"),
    ("models/churn/lost.csv/x", "models/churn/lost.csv/x", ""),
    ("models/churn/outside.csv", "models/churn/outside.csv", "file"),
    ("models/churn/absolute.csv", "models/churn/absolute.csv", "file"),
    ("models/churn/round.csv", "models/churn/round.csv", "file"),
    ("models/churn/lost_again.csv", "models/churn/lost_again.csv", "file"),
    ("models/churn/assets/nothing.csv", "assets/nothing.csv", ""),
    ("vendor", "vendor", "folder"),
]


@pytest.mark.parametrize(("path", "target", "kind"), PATHS)
def test_links_are_followed_as_an_operating_system_does(
    path: str, target: str, kind: str
) -> None:
    """One that leads to nothing, out of the repository or in a circle stays."""
    tree = MemoryTree(FILES)

    assert (tree.resolve(path), tree.find(path)) == (target, kind)


def test_the_files_below_a_folder_are_those_that_links_show() -> None:
    """Each comes with the path that holds it; a circle ends."""
    found = dict(MemoryTree(FILES).files_below("models/churn"))

    assert found["models/churn/assets/more/parts.csv"] == "stock/parts.csv"
    assert found["models/churn/lost.csv"] == "models/churn/lost.csv"
    assert found["models/churn/above/fraud/x.csv"] == "models/fraud/x.csv"
    assert "models/churn/here" not in found
    assert set(found.values()) <= FILES.keys()


def test_a_submodule_without_files_is_not_checked_out() -> None:
    """One that is checked out has its files in the tree."""
    tree = MemoryTree({"here": "@", "here/x.py": "1", "vendor": "@", "y.py": "2"})

    assert [path for path in tree.entries if tree.is_absent(path)] == ["vendor"]
    assert dict(tree.files_below("here")) == {"here/x.py": "here/x.py"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a file and a link to it."""
    (tmp_path / "features").mkdir()
    (tmp_path / "features/dates.py").write_text("VALUE = 1\n")
    (tmp_path / "linked.py").symlink_to("features/dates.py")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a")
    return tmp_path


def git(root: Path, *arguments: str) -> str:
    found = subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


@pytest.mark.parametrize("path", ["features/dates.py", "linked.py"])
@pytest.mark.parametrize("checkout", ["full", "sparse", "without links"])
def test_every_checkout_has_the_files_of_its_commit(
    repository: Path, checkout: str, path: str
) -> None:
    """Also a sparse one, and one whose disk knows no links."""
    if checkout == "sparse":
        git(repository, "sparse-checkout", "set", "--no-cone", "/*", "!/features/")
    if checkout == "without links":
        git(repository, "config", "core.symlinks", "false")
        (repository / "linked.py").unlink()
        git(repository, "checkout", "--", "linked.py")
    here = WorkingTree(repository)
    committed = Revision(repository, git(repository, "rev-parse", "HEAD"))

    assert here.entries == committed.entries
    assert here.read(path) == committed.read(path)
    assert here.resolve("linked.py") == "features/dates.py"


def test_a_commit_is_listed_by_what_differs_from_a_near_one(repository: Path) -> None:
    """Whatever is added, removed, edited, or another kind of file now."""
    near = Revision(repository, git(repository, "rev-parse", "HEAD"))
    (repository / "features" / "dates.py").write_text("edited = True\n")
    (repository / "features" / "a.py").write_text("new = True\n")
    (repository / "linked.py").unlink()
    (repository / "linked.py").mkdir()
    (repository / "linked.py" / "é.py").write_text("below = True\n")
    git(repository, "add", "-A")
    git(repository, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "b")
    sha = git(repository, "rev-parse", "HEAD")
    whole, there = Revision(repository, sha), Revision(repository, sha, near)
    back = Revision(repository, near.sha, there)

    assert list(there.entries.items()) == list(whole.entries.items())
    assert there.folders == whole.folders
    assert there.changed_since(back) == near.changed_since(whole)
    assert back.entries == near.entries


def test_git_lists_a_commit_while_something_else_is_done(repository: Path) -> None:
    """The tree is the same, and it can also be read afterwards."""
    sha = git(repository, "rev-parse", "HEAD")
    whole = Revision(repository, sha)
    with (
        Revision.listed(repository, sha) as read,
        Revision.listed(repository, sha) as late,
    ):
        assert read.entries == whole.entries
    assert late.entries == whole.entries
    with (
        pytest.raises(GitError, match=r"git .*ls-tree .*0{40}"),
        Revision.listed(repository, "0" * 40) as wrong,
    ):
        wrong.find("features")
