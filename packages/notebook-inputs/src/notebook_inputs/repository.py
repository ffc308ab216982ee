"""The files of a git repository, at a revision or as they are on disk.

Both trees identify content by git's blob id, so line endings, checkouts and clones do
not matter. On disk a file counts that git does not track, unless it is ignored.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from notebook_inputs.git import (
    Answer,
    checked,
    git_output,
    is_repository,
    run_git,
    start_git,
)
from notebook_inputs.trees import Entry, Kind, Tree

KINDS: Mapping[str, Kind] = {"120000": "link", "160000": "submodule"}
# What a folder outside of git holds besides its files.
LITTER = frozenset({"__pycache__", ".ipynb_checkpoints", ".DS_Store", ".git"})
# Settings of the machine that would change what git lists.
NEUTRAL = ("-c", "core.quotePath=false", "-c", "core.fsmonitor=false")
LIST = ("ls-tree", "-r", "-z")


class Revision(Tree):
    """The tree of a commit."""

    def __init__(self, root: Path, sha: str, near: "Revision | None" = None) -> None:
        """Open a commit; what is as in a near one is taken from there."""
        self.root = root
        self.sha = sha
        self.near = near
        self.blobs: dict[str, bytes] = near.blobs if near else {}
        self._listed: Answer | None = None

    @classmethod
    @contextmanager
    def listed(cls, root: Path, sha: str) -> Iterator["Revision"]:
        """Open a commit that git lists while the context goes on."""
        with start_git(root, *NEUTRAL, *LIST, sha) as answer:
            tree = cls(root, sha)
            tree._listed = answer
            try:
                yield tree
            finally:
                # What has not been read is lost with the process.
                tree._listed = None

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """Return all entries by path."""
        if self.near is None or self.differs is None:
            listed = checked(self.root, self._listed()) if self._listed else None
            return dict(_list_revision(self.root, self.sha, listed=listed))
        found = dict(self.near.entries)
        for path, entry in self.differs.items():
            if entry:
                found[path] = entry
            else:
                found.pop(path, None)
        if found.keys() == self.near.entries.keys():
            return found
        return {path: found[path] for path in sorted(found, key=os.fsencode)}

    @cached_property
    def folders(self) -> Mapping[str, list[str]]:
        """Return by folder the paths of all entries below it."""
        is_like = self.near and self.entries.keys() == self.near.entries.keys()
        return self.near.folders if self.near and is_like else super().folders

    @cached_property
    def differs(self) -> Mapping[str, Entry | None] | None:
        """Return what differs from the near commit; None if it takes both to tell."""
        if self.near is None:
            return None
        return _list_differences(self.root, self.near.sha, self.sha)

    def changed_since(self, other: "Revision") -> list[str]:
        """Return the paths that differ, sorted; a renamed file is there twice."""
        if other.near is self and other.differs is not None:
            return sorted(other.differs)
        old, new = other.entries, self.entries
        return sorted(path for path in {**old, **new} if old.get(path) != new.get(path))

    def read(self, path: str) -> bytes:
        """Return the content of a file, or the target of a link."""
        if self.entries[path].oid not in self.blobs:
            self.preload([path])
        return self.blobs[self.entries[path].oid]

    def preload(self, paths: Iterable[str]) -> None:
        """Read several files with one call of git for each repository."""
        wanted: dict[Path, list[str]] = {}
        for path in paths:
            entry = self.entries[path]
            if entry.kind != "submodule" and entry.oid not in self.blobs:
                wanted.setdefault(self._repository_of(path), []).append(entry.oid)
        for repository, oids in wanted.items():
            self.blobs.update(_read_blobs(repository, oids))


class WorkingTree(Tree):
    """The files on disk: tracked ones, and untracked ones that are not ignored."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """Return all entries by path."""
        if not is_repository(self.root):
            return {path: _hash_file(self.root / path) for path in _walk(self.root)}
        return dict(_list_working_tree(self.root))

    @cached_property
    def committed(self) -> Revision | None:
        """Return the tree of the checked-out commit; None if there is none."""
        if not is_repository(self.root):
            return None
        found = run_git(self.root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        sha = found.stdout.decode().strip()
        return Revision(self.root, sha) if sha else None

    @cached_property
    def differs(self) -> frozenset[str]:
        """Return the paths that are not as in the checked-out commit."""
        if not is_repository(self.root):
            return frozenset()
        committed = self.committed.entries if self.committed else {}
        return frozenset(
            path
            for path in {*committed, *self.entries}
            if committed.get(path) != self.entries.get(path)
        )

    @cached_property
    def ignored(self) -> frozenset[str]:
        """Return the ignored files and folders; a folder ends in a slash."""
        if not is_repository(self.root):
            return frozenset()
        listed = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard")
        names = git_output(self.root, *NEUTRAL, *listed, "--directory", "--", ".")
        return frozenset(_split(names))

    def read(self, path: str) -> bytes:
        """Return the content of a file, or the target of a link.

        A sparse checkout has files in git only, and one without links has their
        targets in files.
        """
        entry, here = self.entries[path], self.root / path
        if entry.kind == "link" and here.is_symlink():
            return os.fsencode(here.readlink())
        if here.is_file() or not is_repository(self.root):
            return here.read_bytes()
        repository = self._repository_of(path)
        return dict(_read_blobs(repository, [entry.oid]))[entry.oid]


def _list_revision(
    root: Path, sha: str, prefix: str = "", listed: bytes | None = None
) -> Iterator[tuple[str, Entry]]:
    """List a commit, and the commits of its submodules as far as they are here."""
    if listed is None:
        listed = git_output(root, *NEUTRAL, *LIST, sha)
    for line in _split(listed):
        head, _, name = line.partition("\t")
        kind = KINDS.get(head[:6], "file")
        oid = head.rpartition(" ")[2]
        yield prefix + name, Entry(kind, oid)
        if kind == "submodule" and _has_commit(root / name, oid):
            yield from _list_revision(root / name, oid, f"{prefix}{name}/")


def _list_differences(
    root: Path, old: str, new: str
) -> Mapping[str, Entry | None] | None:
    """List what differs between commits as it is in the new one; None: see both.

    A submodule's commits have to be listed to tell which of its files differ.
    """
    found: dict[str, Entry | None] = {}
    options = ("--ignore-submodules=none", old, new)
    command = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--relative")
    listed = iter(_split(git_output(root, *NEUTRAL, *command, *options)))
    for head, name in zip(listed, listed, strict=True):
        before, after, _, oid, _ = head.removeprefix(":").split(" ")
        if "submodule" in (KINDS.get(before), KINDS.get(after)):
            return None
        is_gone = after == "000000"
        found[name] = None if is_gone else Entry(KINDS.get(after, "file"), oid)
    return found


def _list_working_tree(root: Path, prefix: str = "") -> Iterator[tuple[str, Entry]]:
    """List a checkout: what is as in the index by its blob, the rest by hashing it."""
    index = dict(_list_index(root))
    # A submodule's own changes are found in its own checkout. Unlike diff-files, this
    # reads a file whose time is another, and a filter need not strip a notebook twice.
    differs = git_output(
        root,
        *NEUTRAL,
        *("-c", "filter.nbstripout.clean=cat", "-c", "core.safecrlf=false"),
        *("diff", "--name-only", "--relative", "-z", "--no-ext-diff"),
        *("--no-renames", "--ignore-submodules=all"),
    )
    others = git_output(
        root, *NEUTRAL, "ls-files", "-z", "--others", "--exclude-standard", "--", "."
    )
    changed = {*_split(differs), *(one for one in _split(others) if not is_litter(one))}
    for name, entry in index.items():
        if entry.kind == "submodule":
            yield from _list_submodule(root / name, entry, f"{prefix}{name}")
        elif name not in changed:
            yield prefix + name, entry
    for name, entry in _hash_files(root, sorted(changed)):
        yield prefix + name, entry


def _list_index(root: Path) -> Iterator[tuple[str, Entry]]:
    for line in _split(git_output(root, *NEUTRAL, "ls-files", "-s", "-z", "--", ".")):
        head, _, name = line.partition("\t")
        mode, oid, _ = head.split(" ")
        yield name, Entry(kind=KINDS.get(mode, "file"), oid=oid)


def _list_submodule(
    folder: Path, entry: Entry, path: str
) -> Iterator[tuple[str, Entry]]:
    """List a submodule: the commit that is checked out in it, and its files."""
    if not (folder / ".git").exists():
        yield path, entry
        return
    head = git_output(folder, "rev-parse", "HEAD").decode().strip()
    yield path, Entry(kind="submodule", oid=head)
    yield from _list_working_tree(folder, f"{path}/")


def _hash_files(root: Path, names: list[str]) -> Iterator[tuple[str, Entry]]:
    """Hash files as `git add` would; a file that is gone has no entry."""
    filtered = []
    for name in names:
        path = root / name
        if not path.is_symlink() and not path.is_file():
            continue
        # A filter that strips outputs would start once per notebook, for nothing: of
        # a notebook only the code counts. One name a line is all that git reads.
        if path.is_symlink() or path.suffix == ".ipynb" or "\n" in name:
            yield name, _hash_file(path)
        else:
            filtered.append(name)
    if not filtered:
        return
    listed = "".join(f"{name}\n" for name in filtered)
    answer = git_output(
        root,
        *NEUTRAL,
        "hash-object",
        "--stdin-paths",
        stdin=listed.encode(errors="surrogateescape"),
    )
    for name, oid in zip(filtered, answer.decode().split(), strict=True):
        yield name, Entry(kind="file", oid=oid)


def _hash_file(path: Path) -> Entry:
    """Hash a file or a link as git does without filters."""
    kind: Kind = "link" if path.is_symlink() else "file"
    content = os.fsencode(path.readlink()) if kind == "link" else path.read_bytes()
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return Entry(kind=kind, oid=digest.hexdigest())


def is_litter(path: str) -> bool:
    """Return whether tools leave a file beside the code, whether ignored or not."""
    return path.endswith(".pyc") or not LITTER.isdisjoint(path.split("/"))


def _walk(root: Path) -> Iterator[str]:
    """List the files of a folder outside of git."""
    for folder, folders, files in os.walk(root):
        below = Path(folder).relative_to(root)
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = sorted({*folders} - LITTER - {*linked})
        for name in sorted([*files, *linked]):
            if not is_litter(name):
                yield (below / name).as_posix()


def _has_commit(folder: Path, sha: str) -> bool:
    """Return whether a submodule is checked out here and has a commit."""
    if not (folder / ".git").exists():
        return False
    return run_git(folder, "cat-file", "-e", f"{sha}^{{commit}}").returncode == 0


def _read_blobs(repository: Path, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Read blobs with one call of git."""
    wanted = list(dict.fromkeys(oids))
    stdin = "".join(f"{oid}\n" for oid in wanted).encode()
    answer = git_output(repository, "cat-file", "--batch", stdin=stdin)
    start = 0
    for oid in wanted:
        end = answer.index(b"\n", start)
        size = int(answer[start:end].split()[2])
        yield oid, answer[end + 1 : end + 1 + size]
        start = end + 1 + size + 1


def _split(listed: bytes) -> list[str]:
    """Split names at NUL; names that are not UTF-8 stay recognisable."""
    return [one for one in listed.decode(errors="surrogateescape").split("\0") if one]
