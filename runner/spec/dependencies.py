"""What a notebook depends on: modules, files and packages, followed through imports.

Python looks for a module in the notebook's folder first, then in its standard library
and among the installed packages, last in the repository and in packages/*/src.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import ClassVar
from weakref import WeakKeyDictionary

from runner.notebook.ipynb import cell_source, parse_code_cells
from runner.spec.imports import Import, Reads, read_cells, read_code, star_names
from runner.spec.lock import STDLIB, Lock, parse_lock
from runner.spec.trees import Tree

LOCK = "requirements.txt"
# The way from a file to the notebook that needs it: each path is needed by the next.
Way = tuple[str, ...]


@dataclass(kw_only=True)
class Edges:
    """What one file of code needs directly."""

    modules: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    unknown: str = ""
    unfollowed: str = ""


@dataclass(kw_only=True)
class Reached:
    """Everything that a notebook needs, directly or not, each with the way to it.

    Attributes:
        unknown: an import that is neither here nor pinned; "" if there is none.
        unfollowed: code that cannot be followed, and why; "" if there is none.
    """

    modules: dict[str, Way] = field(default_factory=dict)
    files: dict[str, Way] = field(default_factory=dict)
    packages: dict[str, Way] = field(default_factory=dict)
    unknown: str = ""
    unfollowed: str = ""

    @property
    def notes(self) -> Iterator[str]:
        """Yield what a reader should know."""
        if self.unknown:
            yield f"{self.unknown}: all pins of {LOCK} count"


class Graph:
    """Who needs what in one tree; what models share is read once."""

    known: ClassVar[WeakKeyDictionary[Tree, "Graph"]] = WeakKeyDictionary()

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.lock = lock_of(tree)
        self._edges: dict[tuple[str, str], Edges] = {}
        self._bases: dict[tuple[str, str], str | None] = {}
        folders = (f for f in tree.folders if f.startswith("packages/"))
        sources = sorted(f for f in folders if f.endswith("/src") and f.count("/") == 2)
        self._sources = ("", *sources)

    @classmethod
    def of(cls, tree: Tree) -> "Graph":
        """Return the graph of a tree."""
        if tree not in cls.known:
            cls.known[tree] = cls(tree)
        return cls.known[tree]

    def reach(self, notebook: str) -> Reached:
        """Follow everything that a notebook needs, the shortest way first."""
        cwd = PurePosixPath(notebook).parent.as_posix()
        # Only a folder with modules of its own changes what an import means.
        cwd_key = cwd if self._has_modules(cwd) else ""
        found = Reached()
        ahead: list[tuple[str, Way]] = [(notebook, ())]
        seen = {notebook}
        for path, way in ahead:
            edges = self._edges_of(path, cwd, cwd_key)
            here = (path, *way)
            found.unknown = found.unknown or edges.unknown
            found.unfollowed = found.unfollowed or edges.unfollowed
            for package in edges.packages:
                found.packages.setdefault(package, here)
            for file in edges.files:
                found.files.setdefault(file, here)
            for module in edges.modules:
                if module not in seen:
                    seen.add(module)
                    found.modules[module] = here
                    ahead.append((module, here))
        return found

    def _edges_of(self, path: str, cwd: str, cwd_key: str) -> Edges:
        """Return what one file needs, as code that runs in a notebook's folder."""
        is_notebook = path.endswith(".ipynb")
        key = (path, cwd if is_notebook else cwd_key)
        if key not in self._edges:
            self._edges[key] = self._read_edges(path, cwd if is_notebook else cwd_key)
        return self._edges[key]

    def _read_edges(self, path: str, cwd: str) -> Edges:
        reads = read_file(self.tree, path)
        edges = Edges()
        if reads.unfollowed:
            edges.unfollowed = f"{path} {reads.unfollowed[0]}"
        for one in reads.imports:
            edges.modules += self._modules_of(one, path, cwd, edges)
        self._add_named(reads, path, cwd, edges)
        edges.modules = list(dict.fromkeys(edges.modules))
        return edges

    def _modules_of(
        self, one: Import, path: str, cwd: str, edges: Edges
    ) -> Iterator[str]:
        """Yield the files of this repository that an import executes."""
        if one.level:
            package = PurePosixPath(path)
            for _ in range(one.level):
                package = package.parent
            base = "" if package == PurePosixPath() else package.as_posix()
            parent, _, last = base.rpartition("/")
            # The package's own __init__.py is executed, too.
            yield from self._files_of(parent, last)
        else:
            found = self._base_of(one.module.split(".")[0], path, cwd, edges)
            if found is None:
                return
            base = found
        if one.module:
            yield from self._files_of(base, one.module)
        for name in self._imported_names(base, one):
            dotted = f"{one.module}.{name}" if one.module else name
            yield from self._files_of(base, dotted)

    def _imported_names(self, base: str, one: Import) -> Iterable[str]:
        """Return the names of a from-import, with those that a star stands for."""
        if "*" not in one.names:
            return one.names
        package = "/".join(filter(None, (base, *one.module.split("."))))
        init = f"{package}/__init__.py"
        if self.tree.find(init) != "file":
            return ()
        return star_names(self.tree.read(self.tree.resolve(init)))

    def _base_of(self, top: str, path: str, cwd: str, edges: Edges) -> str | None:
        """Return the folder that a top-level module is loaded from, if it is here."""
        if cwd and self._is_importable(cwd, top):
            return cwd
        if top in STDLIB:
            return None
        if packages := self.lock.packages_of(top):
            edges.packages += packages
            return None
        for base in self._sources:
            if self._is_importable(base, top):
                return base
        edges.unknown = edges.unknown or (
            f"{path} imports {top}, which is neither here nor pinned in {LOCK}"
        )
        return None

    def _is_importable(self, base: str, top: str) -> bool:
        here = f"{base}/{top}" if base else top
        return (
            self.tree.find(f"{here}.py") == "file" or self.tree.find(here) == "folder"
        )

    def _has_modules(self, folder: str) -> bool:
        """Return whether a notebook's folder holds anything that can be imported."""
        prefix = f"{folder}/"
        return any(
            "/" in (rest := path.removeprefix(prefix))
            or rest.endswith(".py")
            or path in self.tree.links
            for path in self.tree.folders.get(folder, ())
        )

    def _files_of(self, base: str, name: str) -> Iterator[str]:
        """Yield the files that importing a dotted name from a folder executes."""
        folder = base
        for part in name.split("."):
            here = f"{folder}/{part}" if folder else part
            if self.tree.find(f"{here}/__init__.py") == "file":
                yield f"{here}/__init__.py"
            elif self.tree.find(f"{here}.py") == "file":
                yield f"{here}.py"
                return
            elif self.tree.find(here) != "folder":
                return
            folder = here

    def _add_named(self, reads: Reads, path: str, cwd: str, edges: Edges) -> None:
        """Add the files that code names in its texts; Python code is followed."""
        folders = dict.fromkeys(
            (PurePosixPath(path).parent.as_posix(), cwd or ".", ".")
        )
        for text in reads.files:
            for folder in folders:
                place = os.path.normpath(f"{folder}/{text}")
                if place.startswith((".", "/")) or place == path:
                    continue
                if found := list(self._named_files(place, text)):
                    edges.modules += [one for one in found if one.endswith(".py")]
                    edges.files += [one for one in found if not one.endswith(".py")]
                    break

    def _named_files(self, place: str, text: str) -> Iterator[str]:
        """Yield the file, or the files of the folder, that a text names."""
        kind = self.tree.find(place)
        if kind == "file":
            yield place
        elif kind == "folder" and "/" in text.strip("/"):
            # A single word that is a folder's name as well mostly means something else.
            for shown, _ in self.tree.files_below(self.tree.resolve(place), place):
                yield shown


def read_file(tree: Tree, path: str) -> Reads:
    """Return what a module or notebook of a tree reads."""
    content = tree.read(tree.resolve(path))
    if path.endswith(".ipynb"):
        return read_notebook(content, path)
    return read_code(content.decode("utf-8", "replace"))


@lru_cache(maxsize=8192)
def read_notebook(content: bytes, where: str) -> Reads:
    """Return what the code cells of a notebook file read."""
    cells = parse_code_cells(content, where)
    return read_cells(tuple(cell_source(cell) for cell in cells))


def lock_of(tree: Tree) -> Lock:
    """Return the pins of a tree."""
    if tree.find(LOCK) != "file":
        return Lock({}, {})
    return _parse_lock(tree.read(tree.resolve(LOCK)))


@lru_cache(maxsize=16)
def _parse_lock(text: bytes) -> Lock:
    return parse_lock(text.decode("utf-8", "replace"))
