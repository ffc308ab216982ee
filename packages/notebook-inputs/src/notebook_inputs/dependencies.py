"""What a notebook depends on: modules, files and packages, followed through imports.

A kernel looks for a module in the standard library, then in the notebook's folder,
among the installed packages, and last in the folders of the repository that are on the
path (IPython puts the notebook's folder before the installed packages; editable
installs add the others behind them). The first one that has a module, or a package with
an __init__.py, wins; folders without one are parts of one package.
"""

import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath

from notebook_inputs.lock import NAMESPACES, parse_lock
from notebook_inputs.named_files import Named, NamedFiles
from notebook_inputs.reads import Reads, read_code, read_notebook, star_names
from notebook_inputs.syntax import HARMLESS, Commands, Import
from notebook_inputs.trees import Tree

COMPILED = (".so", ".pyd", ".pyc")
# Lines of a lock that include another file, and that install one of this repository.
INCLUDE = re.compile(
    r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*([^\s#]+)", re.MULTILINE
)
LOCAL = re.compile(
    r"^(?:([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*@\s*)?(?:file:)?"
    r"((?:\./|\.\./)*[^\s:;#@=<>]*\.(?:whl|zip|tar\.gz))(?=\s|;|#|$)",
    re.MULTILINE,
)
# The way from a file to the notebook that needs it: each path is needed by the next.
Way = tuple[str, ...]
# The folders in which the modules of a package are looked for.
Places = tuple[str, ...]


@dataclass(kw_only=True)
class Edges:
    """What one file of code needs directly.

    Attributes:
        modules: each with the places of its package.
        files: those that it names wherever it runs.
        elsewhere: those that it names where the notebook is in a folder.
    """

    modules: dict[str, Places] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)
    elsewhere: Named = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    unknown: str = ""
    unfollowed: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Inputs:
    """Everything that a notebook needs, directly or not, each with the way to it.

    Attributes:
        unknown: an import that is neither here nor pinned; "" if there is none.
        unfollowed: code that cannot be followed, and why; "" if there is none.
        notes: what a reader should know.
    """

    modules: dict[str, Way] = field(default_factory=dict)
    files: dict[str, Way] = field(default_factory=dict)
    packages: dict[str, Way] = field(default_factory=dict)
    unknown: str = ""
    unfollowed: str = ""
    notes: list[str] = field(default_factory=list)


class Graph:
    """Who needs what in one tree; what several notebooks need is read once."""

    def __init__(
        self,
        tree: Tree,
        *,
        lock: str = "requirements.txt",
        sources: Iterable[str] = (),
        harmless: Commands = HARMLESS,
        elsewhere: Collection[str] = (),
    ) -> None:
        """Describe a tree.

        Args:
            lock: the requirements file that pins the installed packages.
            sources: the folders on the path before the repository's own, as patterns.
            harmless: beginnings of commands that run no code of the repository.
            elsewhere: files of code that runs on other machines: they count, what they
                import does not.
        """
        self.tree = tree
        self.elsewhere = frozenset(elsewhere)
        self.harmless = harmless
        self.lock_file = lock
        self.lock = parse_lock(_read_lock(tree, lock, ()))
        self.named = NamedFiles(tree)
        self._reads: dict[str, Reads] = {}
        self._inputs: dict[str, Inputs] = {}
        self._edges: dict[tuple[str, str, Places], Edges] = {}
        self._located: dict[tuple[Places, str], tuple[list[str], Places]] = {}
        self._importable: dict[str, frozenset[str]] = {}
        self._sources = (
            *(one for each in sources for one in _matching(tree, each)),
            "",
        )
        self._others: dict[str, Graph] = {lock: self}

    def with_lock(self, lock: str) -> "Graph":
        """Return the graph of the same tree where another lock pins the packages.

        What is read of files is read once for both.
        """
        if lock not in self._others:
            other = copy(self)
            other.lock_file = lock
            other.lock = parse_lock(_read_lock(self.tree, lock, ()))
            other._inputs, other._edges = {}, {}
            self._others[lock] = other
        return self._others[lock]

    def inputs(self, notebook: str) -> Inputs:
        """Follow everything that a notebook needs, the shortest way first."""
        if notebook not in self._inputs:
            self._inputs[notebook] = self._follow(notebook)
        return self._inputs[notebook]

    def _follow(self, notebook: str) -> Inputs:
        cwd = _folder(notebook)
        found = Inputs()
        ahead: list[tuple[str, Places, Way]] = [(notebook, (cwd,), ())]
        seen = {notebook}
        for path, places, way in ahead:
            edges = self._edges_of(path, places, cwd)
            here = (path, *way)
            found.unknown = found.unknown or edges.unknown
            found.unfollowed = found.unfollowed or edges.unfollowed
            found.notes += edges.notes
            for package in edges.packages:
                found.packages.setdefault(package, here)
            modules, files = edges.modules, edges.files
            if edges.elsewhere:
                named = _named_from(edges.elsewhere, cwd)
                files = files | {one: None for one in named if not _is_code(one)}
                modules = {one: () for one in named if _is_code(one)} | modules
            for file in files:
                found.files.setdefault(file, here)
            for module, home in modules.items():
                if module not in seen:
                    seen.add(module)
                    found.modules[module] = here
                    ahead.append((module, home, here))
        if found.unknown:
            found.notes.append(f"{found.unknown}: all pins of {self.lock_file} count")
        return found

    def read(self, path: str) -> Reads:
        """Return what a module or notebook reads; nothing if it is no code.

        Raises:
            NotebookError: it is a notebook that cannot be read.
        """
        if path not in self._reads:
            self._reads[path] = self._read(path)
        return self._reads[path]

    def _read(self, path: str) -> Reads:
        target = self.tree.resolve(path)
        if self.tree.entries[target].kind != "file" or path.endswith(COMPILED):
            return Reads()
        if path in self.elsewhere:
            return Reads()
        content = self.tree.read(target)
        if path.endswith(".ipynb"):
            return read_notebook(content, path, self.harmless)
        return read_code(content, self.harmless)

    def _edges_of(self, path: str, places: Places, cwd: str) -> Edges:
        """Return what one file needs, as code that runs in a notebook's folder."""
        reads = self.read(path)
        # Only a folder with modules of these names changes what an import means.
        if not path.endswith(".ipynb") and reads.tops.isdisjoint(self._names_in(cwd)):
            cwd = ""
        key = (path, cwd, places)
        if key not in self._edges:
            self._edges[key] = self._read_edges(path, places, cwd, reads)
        return self._edges[key]

    def _read_edges(self, path: str, places: Places, cwd: str, reads: Reads) -> Edges:
        edges = Edges(notes=[f"{path} {one}" for one in reads.notes])
        if reads.unfollowed:
            edges.unfollowed = f"{path} {reads.unfollowed[0]}"
        for wanted in reads.imports:
            self._add_import(wanted, path, places or (_folder(path),), cwd, edges)
        named = self.named.of(reads.files, path)
        for one in _named_from(named, _folder(path)):
            if _is_code(one):
                edges.modules.setdefault(one, ())
            else:
                edges.files[one] = None
        edges.elsewhere = {
            start: files
            for start, files in named.items()
            if not _is_in(_folder(path), start)
        }
        for one in (*edges.files, *edges.modules):
            if self.tree.is_absent(one):
                edges.notes.append(
                    f"{one} is a submodule that is not checked out: its commit counts; "
                    "run `git submodule update --init`"
                )
        return edges

    def _add_import(
        self, one: Import, path: str, places: Places, cwd: str, edges: Edges
    ) -> None:
        """Add the files of this repository that an import executes."""
        if one.level:
            for _ in range(one.level - 1):
                places = tuple(dict.fromkeys(map(_folder, places)))
            for place in places:
                # The package's own __init__.py is executed, too.
                parent, _, last = place.rpartition("/")
                self._add_module((parent,), last, edges)
        else:
            top = one.module.split(".")[0]
            places = self._places_of(top, path, cwd, edges)
        if not places:
            return
        inside = self._add_module(places, one.module, edges) if one.module else places
        for name in self._imported_names(inside, one):
            self._add_module(inside, name, edges)

    def _add_module(self, places: Places, dotted: str, edges: Edges) -> Places:
        """Add the files that importing a dotted name executes.

        Returns:
            The places of the modules in it, if it is a package.
        """
        for part in dotted.split("."):
            files, inside = self._locate(places, part)
            for file in files:
                # An __init__.py looks for its neighbours in its own package.
                is_init = PurePosixPath(file).name.startswith("__init__.")
                edges.modules.setdefault(file, inside if is_init else places)
            if not inside:
                return ()
            places = inside
        return places

    def _locate(self, places: Places, name: str) -> tuple[list[str], Places]:
        """Return the files of a module, and the places of the modules in it."""
        key = (places, name)
        if key not in self._located:
            self._located[key] = self._find(places, name)
        return self._located[key]

    def _find(self, places: Places, name: str) -> tuple[list[str], Places]:
        portions: list[str] = []
        for place in places:
            here = f"{place}/{name}" if place else name
            if init := self._module_files(f"{here}/__init__"):
                return init, (here,)
            if files := self._module_files(here):
                return files, ()
            if self.tree.is_absent(self.tree.resolve(here)):
                return [self.tree.resolve(here)], ()
            kind = self.tree.find(here)
            if kind == "file" and here in self.tree.links:
                # A link that leads nowhere, or out of the repository.
                return [here], ()
            if kind == "folder":
                portions.append(here)
        return [], tuple(portions)

    def _module_files(self, stem: str) -> list[str]:
        """Return the files of a module: compiled for any machine, or source."""
        files = self._compiled.get(stem, [])
        source = f"{stem}.py"
        return [*files, source] if self.tree.find(source) == "file" else files

    @cached_property
    def _compiled(self) -> dict[str, list[str]]:
        """Return compiled modules, and also those that links show elsewhere."""
        found: dict[str, list[str]] = {}
        for path in self.named.paths:
            if path.endswith(COMPILED):
                folder, _, name = path.rpartition("/")
                stem = name.partition(".")[0]
                found.setdefault(f"{folder}/{stem}" if folder else stem, []).append(
                    path
                )
        return found

    def _imported_names(self, places: Places, one: Import) -> Iterable[str]:
        """Return the names of a from-import, with those that a star stands for."""
        if "*" not in one.names:
            return one.names
        names: set[str] = set()
        for place in places:
            init = f"{place}/__init__.py"
            if self.tree.find(init) == "file":
                listed = star_names(self.tree.read(self.tree.resolve(init)))
                names |= self._names_in(place) if listed is None else {*listed}
        return sorted(names)

    def _places_of(self, top: str, path: str, cwd: str, edges: Edges) -> Places:
        """Return the folders that a top-level module is loaded from, if it is here."""
        if top in sys.stdlib_module_names:
            return ()
        packages = self.lock.packages_of(top)
        near: Places = (cwd,) if cwd else ()
        if packages and top not in NAMESPACES:
            if near and self._locate(near, top)[0]:
                return near
            edges.packages += packages
            return ()
        edges.packages += packages
        places = tuple(dict.fromkeys([*near, *self._sources]))
        if any(self._locate(places, top)):
            return places
        if not packages:
            edges.unknown = edges.unknown or (
                f"{path} imports {top}, which is neither here nor pinned in "
                f"{self.lock_file}"
            )
        return ()

    def _names_in(self, folder: str) -> frozenset[str]:
        """Return the names of everything in a folder that could be imported."""
        if folder not in self._importable:
            below = self.tree.resolve(folder)
            prefix = f"{below}/" if below else ""
            rests = (
                one.removeprefix(prefix) for one in self.tree.folders.get(below, ())
            )
            names = {
                rest.partition("/")[0].partition(".")[0]
                for rest in rests
                if "/" in rest
                or rest.endswith((".py", *COMPILED))
                or f"{prefix}{rest}" in self.tree.links
            }
            self._importable[folder] = frozenset(names)
        return self._importable[folder]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _is_in(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _is_code(path: str) -> bool:
    return path.endswith(".py")


def _named_from(named: Named, folder: str) -> Iterator[str]:
    """Yield the files that texts name in code that is, or runs, in a folder."""
    for start, files in named.items():
        if _is_in(folder, start):
            yield from files


def _matching(tree: Tree, pattern: str) -> list[str]:
    """Return the folders of a tree that match a pattern, whose stars match no slash."""
    parts = pattern.split("/")
    return sorted(
        folder
        for folder in tree.folders
        if folder.count("/") == len(parts) - 1
        and all(map(fnmatchcase, folder.split("/"), parts))
    )


def _read_lock(tree: Tree, path: str, within: tuple[str, ...]) -> str:
    """Return a lock with the files that it includes, and with what it installs here."""
    if path in within or tree.find(path) != "file":
        return ""
    text = tree.read(tree.resolve(path)).decode("utf-8", "replace")
    folder = _folder(path)

    def local(match: re.Match[str]) -> str:
        here = os.path.normpath(f"{folder or '.'}/{match[2]}")
        is_here = tree.find(here) == "file"
        blob = tree.entries[tree.resolve(here)].oid if is_here else "absent"
        name = match[1] or PurePosixPath(here).name.partition("-")[0]
        return f"{name} @ {match[2]}={blob}"

    lines = [LOCAL.sub(local, text)]
    for one in INCLUDE.findall(text):
        other = os.path.normpath(f"{folder or '.'}/{one}")
        lines.append(_read_lock(tree, other, (*within, path)))
    return "\n".join(lines)
