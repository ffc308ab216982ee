"""What a commit is, and which one the checked-out commit is compared with."""

import re
import subprocess
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from notebook_inputs import GitError, git
from notebook_inputs.git import is_repository

from lifecycle.errors import CallError

SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
# The full sha, with a suffix if the working tree differs from it.
DESCRIBE = ("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")
DIRTY = "-dirty"
SHORT = 7
# The exit code of git where it gives up.
REFUSED = 128
# How many commits back the commit of an earlier deployment is searched.
MAX_COMMITS = 10_000


@contextmanager
def as_call_errors() -> Iterator[None]:
    """Raise what git refuses as an error of a call."""
    try:
        yield
    except GitError as error:
        raise CallError(str(error)) from error


@as_call_errors()
def run_git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; the caller looks at the exit code."""
    return git.run_git(root, *arguments)


@as_call_errors()
def git_output(root: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Return what git prints.

    Raises:
        CallError: git refuses.
    """
    return git.git_output(root, *arguments, stdin=stdin)


def git_line(root: Path, *arguments: str) -> str:
    """Return the one line that git prints; "" if there is no repository."""
    if not is_repository(root):
        return ""
    return run_git(root, *arguments).stdout.decode("utf-8", "replace").strip()


def describe_commit(root: Path) -> str:
    """Return the checked-out commit, with "-dirty" if the working tree differs."""
    return git_line(root, *DESCRIBE)


def mark_dirty(commit: str) -> str:
    """Mark a commit as one that the working tree differs from."""
    return commit.removesuffix(DIRTY) + DIRTY


def short_commit(commit: str) -> str:
    """Shorten a commit's sha, but keep the mark of a changed working tree."""
    suffix = DIRTY if commit.endswith(DIRTY) else ""
    return commit.removesuffix(suffix)[:SHORT] + suffix


@dataclass(frozen=True, kw_only=True)
class Base:
    """The commit that a change is compared with; None: everything counts as changed."""

    sha: str | None
    note: str = ""


SHALLOW = Base(sha=None, note="the clone is shallow and its history ends too early")
UNKNOWN_PUSH = Base(sha=None, note="neither the last push nor what is live is known")


def find_base(
    root: Path,
    *,
    head: str | None,
    rev: str | None = None,
    branch: str,
    default_branch: str,
    pushed_from: str | None = None,
    deployed: Collection[str] = (),
    one_commit: bool = True,
) -> Base:
    """Find the commit that the checked-out one is compared with.

    Args:
        head: the checked-out commit.
        rev: a revision to compare with instead.
        pushed_from: the commit that the branch was at before this push.
        deployed: the commits of earlier deployments.
        one_commit: whether a push to the default branch that nothing tells of is taken
            for one commit; else everything counts as changed.
    """
    if head is None:
        return Base(sha=None, note="there is no git history here")
    if rev is not None:
        return Base(sha=fork_point(root, rev))
    if branch == default_branch:
        found = _since_last_push(root, head, pushed_from, deployed)
        return found or (_first_parent(root) if one_commit else UNKNOWN_PUSH)
    return _since_fork(root, head, default_branch)


def find_default_branch(root: Path) -> str:
    """Return the default branch: origin's HEAD, else its main or master, else main."""
    name = git_line(root, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
    if name:
        return name.removeprefix("refs/remotes/origin/")
    names = ("main", "master")
    known = (one for one in names if resolve(root, f"refs/remotes/origin/{one}"))
    return next(known, "main")


def checked_out_branch(root: Path) -> str:
    """Return the checked-out branch; "" if HEAD is detached."""
    return git_line(root, "symbolic-ref", "--quiet", "--short", "HEAD")


@contextmanager
def find_uncommitted(root: Path) -> Iterator[Callable[[], bool]]:
    """Find out whether files differ from the checked-out commit, or are not in it.

    Ignored files do not count. Git looks while the context goes on.
    """
    # It may be ended early, and must leave no lock behind.
    command = ("--no-optional-locks", "status", "--porcelain")
    status = git.start_git(root, *command, "--ignore-submodules=dirty")
    with as_call_errors(), status as answer:
        yield lambda: bool(answer().stdout.strip())


def resolve(root: Path, rev: str) -> str | None:
    """Return the sha of a revision; None if there is none.

    Raises:
        CallError: git refuses to read the repository.
    """
    wanted = f"{rev}^{{commit}}"
    found = run_git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted
    )
    if found.returncode == REFUSED and is_repository(root):
        # Its history cannot be read, which is not the same as none.
        with as_call_errors():
            git.checked(root, found)
    return found.stdout.decode().strip() or None


def is_ancestor(root: Path, older: str, newer: str) -> bool:
    """Return whether a commit is an ancestor of another one, or the same."""
    return run_git(root, "merge-base", "--is-ancestor", older, newer).returncode == 0


def find_commit(root: Path, rev: str) -> str:
    """Return the sha of the commit that a revision names.

    Raises:
        CallError: there is no such revision here.
    """
    if sha := resolve(root, rev):
        return sha
    remote = f"origin/{rev}"
    hint = f"{remote} is there" if resolve(root, remote) else "try `git fetch`"
    raise CallError(f"{rev!r}: no such revision here; {hint}")


def fork_point(root: Path, rev: str) -> str:
    """Return the merge base of HEAD and a revision; without one, the revision's sha."""
    return _merge_base(root, f"{rev}^{{commit}}") or find_commit(root, rev)


def _since_last_push(
    root: Path, head: str, pushed_from: str | None, deployed: Collection[str]
) -> Base | None:
    """Compare with the commit before the push, so that all pushed commits count.

    Returns:
        None if neither the push nor an earlier deployment tells which commit that is.
    """
    if pushed_from and SHA.fullmatch(pushed_from) and pushed_from != head:
        if is_ancestor(root, pushed_from, head):
            return Base(sha=pushed_from)
        if _is_shallow(root):
            return SHALLOW
    earlier = set(deployed) - {head}
    listed = (
        run_git(root, "rev-list", f"--max-count={MAX_COMMITS}", "HEAD")
        if earlier
        else None
    )
    for sha in listed.stdout.decode().split() if listed else ():
        if sha in earlier:
            return Base(sha=sha)
    return None


def _since_fork(root: Path, head: str, default_branch: str) -> Base:
    """Compare with the merge base of HEAD and the default branch."""
    names = (f"refs/remotes/origin/{default_branch}", f"refs/heads/{default_branch}")
    known = [sha for name in names if (sha := resolve(root, name))]
    if not known:
        return Base(sha=None, note=f"there is no branch {default_branch!r} to compare")
    fork = _merge_base(root, known[0])
    if fork is None:
        unrelated = Base(sha=None, note=f"no common history with {default_branch!r}")
        return SHALLOW if _is_shallow(root) else unrelated
    return _first_parent(root) if fork == head else Base(sha=fork)


def _first_parent(root: Path) -> Base:
    """Compare with the first parent: a merge commit holds its whole branch."""
    parent = resolve(root, "HEAD^1")
    if parent:
        return Base(sha=parent)
    first = Base(sha=None, note="this is the first commit")
    return SHALLOW if _is_shallow(root) else first


def _is_shallow(root: Path) -> bool:
    found = run_git(root, "rev-parse", "--is-shallow-repository")
    return found.stdout.strip() == b"true"


def _merge_base(root: Path, rev: str) -> str | None:
    found = run_git(root, "merge-base", "--end-of-options", rev, "HEAD")
    return found.stdout.decode().strip() or None
