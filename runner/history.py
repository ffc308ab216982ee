"""The history a change is measured in: the commit it began at, the files since."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from runner.errors import CallError
from runner.git import git, line, output

SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")

# How far back the commit of a former deployment is looked for.
DEPTH = 10_000


@dataclass(frozen=True, kw_only=True)
class Base:
    """The commit that a change is measured from; none means that all counts as new."""

    sha: str | None
    note: str = ""


def find_base(
    root: Path,
    *,
    rev: str | None = None,
    branch: str,
    default_branch: str,
    pushed_from: str | None = None,
    deployed: Collection[str] = (),
) -> Base:
    """Find where the change in the checked-out commit began."""
    head = resolve(root, "HEAD")
    if head is None:
        return Base(sha=None, note="there is no git history here")
    if rev is not None:
        return _asked_for(root, rev)
    if branch == default_branch:
        return _since_last_push(root, head, pushed_from, deployed)
    return _since_fork(root, head, default_branch)


def changed_files(root: Path, base: str) -> tuple[str, ...]:
    """List the files that differ, both names of a renamed one."""
    arguments = ("--no-renames", "--no-ext-diff", "--relative", "--name-only", "-z")
    found = output(root, "diff", *arguments, base, "HEAD", "--")
    # What is not UTF-8 stays recognisable and printable.
    names = found.decode("utf-8", "backslashreplace")
    return tuple(name for name in names.split("\0") if name)


def find_default_branch(root: Path) -> str:
    """Name the branch that is deployed: what origin says, else main."""
    name = line(root, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
    return name.removeprefix("refs/remotes/origin/") if name else "main"


def checked_out_branch(root: Path) -> str:
    """Name the checked-out branch, or nothing when a bare commit is."""
    return line(root, "symbolic-ref", "--quiet", "--short", "HEAD")


def resolve(root: Path, rev: str) -> str | None:
    """Find the commit that a name stands for."""
    wanted = f"{rev}^{{commit}}"
    found = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    return found.stdout.decode().strip() or None


def is_ancestor(root: Path, older: str, newer: str) -> bool:
    """Tell whether a commit is another one, or came before it."""
    return git(root, "merge-base", "--is-ancestor", older, newer).returncode == 0


def _asked_for(root: Path, rev: str) -> Base:
    """Measure from where HEAD left the named revision."""
    sha = resolve(root, rev)
    if sha is None:
        raise CallError(f"--base {rev!r}: no such revision here; try `git fetch`")
    return Base(sha=_merge_base(root, sha) or sha)


def _since_last_push(
    root: Path, head: str, pushed_from: str | None, deployed: Collection[str]
) -> Base:
    """Measure from the previous push, so that all of its commits count."""
    if pushed_from and SHA.fullmatch(pushed_from) and pushed_from != head:
        if is_ancestor(root, pushed_from, head):
            return Base(sha=pushed_from)
        if _is_shallow(root):
            return _shallow()
    earlier = set(deployed) - {head}
    listed = git(root, "rev-list", f"--max-count={DEPTH}", "HEAD") if earlier else None
    for sha in listed.stdout.decode().split() if listed else ():
        if sha in earlier:
            return Base(sha=sha)
    return _first_parent(root)


def _since_fork(root: Path, head: str, default_branch: str) -> Base:
    """Measure from where the branch left the default one."""
    names = (f"refs/remotes/origin/{default_branch}", f"refs/heads/{default_branch}")
    known = [sha for name in names if (sha := resolve(root, name))]
    if not known:
        return Base(sha=None, note=f"there is no branch {default_branch!r} to compare")
    fork = _merge_base(root, known[0])
    if fork is None:
        unrelated = Base(sha=None, note=f"no common history with {default_branch!r}")
        return _shallow() if _is_shallow(root) else unrelated
    return _first_parent(root) if fork == head else Base(sha=fork)


def _first_parent(root: Path) -> Base:
    """Measure one step: a merge or a squash brings its whole branch in one."""
    parent = resolve(root, "HEAD^1")
    if parent:
        return Base(sha=parent)
    first = Base(sha=None, note="this is the first commit")
    return _shallow() if _is_shallow(root) else first


def _shallow() -> Base:
    return Base(sha=None, note="the clone is shallow and its history ends too early")


def _is_shallow(root: Path) -> bool:
    found = git(root, "rev-parse", "--is-shallow-repository")
    return found.stdout.strip() == b"true"


def _merge_base(root: Path, sha: str) -> str | None:
    found = git(root, "merge-base", sha, "HEAD")
    return found.stdout.decode().strip() or None
