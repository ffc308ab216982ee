"""A tree of files: which file a path means, links followed, and what is below it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

Kind = Literal["file", "link", "submodule"]
MAX_LINKS = 40
# Where a link leads that leaves the repository.
OUTSIDE = "/"


class Entry(NamedTuple):
    """One path of a tree: a file or a link by its blob, a submodule by its commit."""

    kind: Kind
    oid: str


class Tree:
    """The files of a repository by their path, those of submodules included."""

    root: Path

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """Return all entries by path."""
        raise NotImplementedError

    def read(self, path: str) -> bytes:
        """Return the content of a file, or the target of a link."""
        raise NotImplementedError

    def preload(self, paths: Iterable[str]) -> None:
        """Prepare to read several files, where one call for all is quicker."""

    @cached_property
    def folders(self) -> Mapping[str, list[str]]:
        """Return by folder the paths of all entries below it."""
        found: dict[str, list[str]] = {"": list(self.entries)}
        for path in self.entries:
            folder = path
            while "/" in folder:
                folder = folder.rpartition("/")[0]
                found.setdefault(folder, []).append(path)
        return found

    @cached_property
    def submodules(self) -> frozenset[str]:
        """Return the paths of all submodules."""
        return frozenset(
            path for path, one in self.entries.items() if one.kind == "submodule"
        )

    @cached_property
    def links(self) -> frozenset[str]:
        """Return the paths of all symbolic links."""
        found = [path for path, one in self.entries.items() if one.kind == "link"]
        # Each of them will be followed.
        self.preload(found)
        return frozenset(found)

    def resolve(self, path: str) -> str:
        """Follow the links of a path as an operating system does.

        A link that leads out of the repository, to nothing or in a circle stays in
        the path that is returned.
        """
        if not self.links:
            return path
        return self._follow(path, 0)

    def links_to(self, files: Iterable[str]) -> list[str]:
        """Return the links that lead to, or through, one of some files or folders."""
        found = dict.fromkeys(files)
        targets = {link: self.target(link) for link in self.links}
        ahead = list(found)
        for file in ahead:
            for link, target in targets.items():
                inside = f"{file}/".startswith(f"{target}/")
                if link not in found and (inside or target.startswith(f"{file}/")):
                    found[link] = None
                    ahead.append(link)
        return [link for link in found if link in targets]

    def target(self, link: str) -> str:
        """Return where a link leads, maybe to another link; "" if out of here."""
        target = os.fsdecode(self.read(link))
        joined = os.path.normpath(PurePosixPath(link).parent / target)
        return "" if joined.startswith(("/", "..")) else joined

    def find(self, path: str) -> Literal["file", "folder", ""]:
        """Return what is at a path, links followed; "" if nothing is."""
        target = self.resolve(path)
        entry = self.entries.get(target)
        if entry:
            return "folder" if entry.kind == "submodule" else "file"
        return "folder" if target in self.folders else ""

    def files_below(
        self, folder: str, seen: str | None = None, within: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, str]]:
        """Yield the files below a folder, with those of folders that links point to.

        Yields:
            The path below the folder as it is seen, and the path that holds it: a
            link itself if it leads to nothing. A link round in a circle shows no more.
        """
        seen = folder if seen is None else seen
        for path in self.folders.get(folder, ()):
            shown = f"{seen}{path.removeprefix(folder)}"
            target = self.resolve(path) if path in self.links else path
            if target not in self.folders:
                yield shown, target
            elif target not in {*within, folder, path}:
                # The files of a submodule are in the list themselves.
                yield from self.files_below(target, shown, (*within, folder))

    def is_absent(self, path: str) -> bool:
        """Return whether a path is a submodule that is not checked out."""
        return path in self.submodules and path not in self.folders

    def entries_below(self, folder: str) -> dict[str, Entry]:
        """Return the entries below a folder."""
        return {path: self.entries[path] for path in self.folders.get(folder, ())}

    @cached_property
    def _resolved(self) -> dict[str, str]:
        return {}

    def _follow(self, path: str, hops: int) -> str:
        """Follow the links of a path, which were met on the way through others."""
        if path not in self._resolved:
            self._resolved[path] = self._walk(path, hops)
        return self._resolved[path]

    def _walk(self, path: str, hops: int) -> str:
        done: list[str] = []
        parts = path.split("/")
        for number, part in enumerate(parts, start=1):
            if part == "..":
                if not done:
                    return OUTSIDE
                done.pop()
            elif part not in {"", "."}:
                done.append(part)
                here = "/".join(done)
                if here in self.links:
                    aim = self._aim(here, hops)
                    if aim is None:
                        return "/".join([here, *parts[number:]])
                    done = aim.split("/") if aim else []
        return "/".join(done)

    def _aim(self, link: str, hops: int) -> str | None:
        """Return the file or folder that a link leads to; None if there is none."""
        target = os.fsdecode(self.read(link))
        if hops == MAX_LINKS or target.startswith("/"):
            return None
        aim = self._follow(f"{link.rpartition('/')[0]}/{target}", hops + 1)
        there = aim in self.entries or aim in self.folders
        return aim if there and aim not in self.links else None

    def _repository_of(self, path: str) -> Path:
        """Return the folder of the repository, or of the submodule, that has a file."""
        folder = path
        while self.submodules and "/" in folder:
            folder = folder.rpartition("/")[0]
            if folder in self.submodules:
                return self.root / folder
        return self.root
