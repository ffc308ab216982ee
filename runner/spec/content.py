"""The content of a model: everything that can change what is trained or served.

It consists of parts, each with the reason why it belongs to the content:

* the code cells of the `prepare` and `train-register` notebooks, with their tags;
* the modules of this repository that they import, and the files that their code names;
* every other file of the model's folder but its README;
* model.yaml, without what only says whose the model is and how it is served;
* the pinned packages that this code imports, with their dependencies.

Where code cannot be followed, the content is the whole repository. The sha256 of all
parts is the fingerprint.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml

from lifecycle.errors import CallError
from runner import TRAINING_STAGES
from runner.errors import SignatureError, SpecError
from runner.git import resolve
from runner.notebook.ipynb import cell_source, cell_tags, parse_code_cells
from runner.spec.imports import (
    Import,
    Reads,
    is_importable,
    module_files,
    read_cells,
    read_code,
    star_names,
)
from runner.spec.lock import STDLIB, Lock, parse_lock
from runner.spec.trees import LITTER, Revision, Tree, WorkingTree

Kind = Literal["notebook", "module", "file", "settings", "package"]

# Changing whose a model is or how it is served does not change the model.
NOT_TRAINED = frozenset({"description", "owner", "approval", "endpoint", "reuse"})
READMES = frozenset({"README.md", "README.rst", "README.txt"})
LOCK = "requirements.txt"
# How a path from a file to the notebook is written.
ARROW = " ← "


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that determines the model, its value, and why it does."""

    kind: Kind
    name: str
    value: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Content:
    """The parts that determine a model, and those that determine how it is served.

    Attributes:
        notes: what a reader should know: code that cannot be followed, ignored files.
        pending: parts that are not as in the checked-out commit.
    """

    model: str
    parts: tuple[Part, ...]
    serving: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Return the sha256 of all parts."""
        return _hash_parts(self.parts)

    @cached_property
    def serving_fingerprint(self) -> str:
        """Return the sha256 of what a deploy leads to: content, notebook, endpoint."""
        served = Part(kind="settings", name="content", value=self.fingerprint)
        return _hash_parts((served, *self.serving))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A part with another value in two contents; "" where a side has none."""

    kind: Kind
    name: str
    before: str
    after: str
    reason: str


def content(root: Path, model: str, revision: str | None = None) -> Content:
    """Return the content of a model.

    Args:
        revision: a commit, branch or tag; by default the files as they are on disk.

    Raises:
        CallError: there is no such revision.
        SpecError: there is no such model, or its model.yaml cannot be read.
    """
    return content_in(open_tree(root, revision), model)


def open_tree(root: Path, revision: str | None = None) -> Tree:
    """Return the files of a repository at a revision, or as they are on disk."""
    if revision is None:
        return WorkingTree(root)
    sha = resolve(root, revision)
    if sha is None:
        raise CallError(f"{revision!r}: no such revision here; try `git fetch`")
    return Revision(root, sha)


def content_in(tree: Tree, model: str) -> Content:
    """Return the content of a model in a tree, which many models can share."""
    return _Reader(tree, model).content()


def compare(before: Content, after: Content) -> list[Difference]:
    """Return the parts that differ, in the order of the newer content."""
    old = {(part.kind, part.name): part for part in before.parts}
    new = {(part.kind, part.name): part for part in after.parts}
    found = []
    for key in {**new, **old}:
        was, now = old.get(key), new.get(key)
        if (was.value if was else "") != (now.value if now else ""):
            part = now or was
            difference = Difference(
                kind=key[0],
                name=key[1],
                before=was.value if was else "",
                after=now.value if now else "",
                reason=part.reason if part else "",
            )
            found.append(difference)
    return found


def find_stage(tree: Tree, model: str, stage: str, task: str) -> str:
    """Return the notebook of a stage in a tree; "" if there is none."""
    own, shared = f"models/{model}/{stage}.ipynb", f"notebooks/{stage}.ipynb"
    for path in (own, f"notebooks/{task}/{stage}.ipynb", shared):
        if tree.find(path) == "file":
            return path
    return ""


class _Reader:
    """Reads the content of one model from a tree."""

    def __init__(self, tree: Tree, model: str) -> None:
        self.tree = tree
        self.model = model
        self.folder = f"models/{model}"
        self.settings = _read_settings(tree, self.folder)
        self.task = str(self.settings.get("task", ""))
        self.lock = _read_lock(tree)
        self.parts: dict[tuple[Kind, str], Part] = {}
        self.notes: list[str] = []
        self.unfollowed: list[str] = []
        # By package the path to the notebook that needs it.
        self.packages: dict[str, str] = {}
        self.all_packages = ""

    def content(self) -> Content:
        """Collect all parts."""
        for stage in TRAINING_STAGES:
            self._add_notebook(stage)
        self._add_folder()
        for name, value in _flatten(self.settings):
            if name.split(".")[0] not in NOT_TRAINED:
                self._add("settings", name, value, "model.yaml")
        if self.unfollowed:
            self._add_repository(self.unfollowed[0])
        self._add_packages()
        self._note_ignored()
        parts = tuple(self.parts[key] for key in sorted(self.parts))
        return Content(
            model=self.model,
            parts=parts,
            serving=tuple(self._serving()),
            notes=tuple(dict.fromkeys(self.notes)),
            pending=tuple(self._pending(parts)),
        )

    def _add(self, kind: Kind, name: str, value: str, reason: str) -> None:
        self.parts.setdefault(
            (kind, name), Part(kind=kind, name=name, value=value, reason=reason)
        )

    def _add_notebook(self, stage: str) -> None:
        """Add a stage's code cells, and what they read."""
        path = find_stage(self.tree, self.model, stage, self.task)
        if not path:
            self._add("notebook", stage, "missing", "no notebook of this stage")
            return
        sources, value = self._read_notebook(path)
        self._add("notebook", path, value, f"the notebook of {stage}")
        self._follow(path, read_cells(sources), PurePosixPath(path).parent.as_posix())

    def _read_notebook(self, path: str) -> tuple[tuple[str, ...], str]:
        """Return the sources of a notebook's code cells, and a hash of them."""
        target = self.tree.resolve(path)
        oid = self.tree.entries[target].oid
        return _parse_notebook(self.tree.read(target), path, oid)

    def _follow(self, notebook: str, reads: Reads, cwd: str) -> None:
        """Add everything that a notebook reads, directly or through modules."""
        ahead = [(notebook, (notebook,), reads)]
        seen = {notebook}
        while ahead:
            path, way, found = ahead.pop(0)
            self.unfollowed += [f"{path} {why}" for why in found.unfollowed]
            wanted = [
                module
                for one in found.imports
                for module in self._find_modules(one, path, cwd, way)
            ]
            wanted += self._find_named(found.files, path, cwd, way)
            for module in wanted:
                if module not in seen:
                    seen.add(module)
                    ahead.append((module, (module, *way), self._read_module(module)))

    def _read_module(self, path: str) -> Reads:
        content = self.tree.read(self.tree.resolve(path))
        return read_code(content.decode("utf-8", "replace"))

    def _find_modules(
        self, one: Import, path: str, cwd: str, way: tuple[str, ...]
    ) -> Iterator[str]:
        """Yield the files of this repository that an import executes; add them."""
        for base, name in self._meanings(one, path, cwd, way):
            for file in module_files(self.tree, base, name):
                target = self.tree.resolve(file)
                entry = self.tree.entries[target]
                self._add("module", file, entry.oid, ARROW.join((file, *way)))
                yield file

    def _meanings(
        self, one: Import, path: str, cwd: str, way: tuple[str, ...]
    ) -> Iterator[tuple[str, str]]:
        """Yield (folder on Python's path, dotted name) of what an import may load."""
        if one.level:
            folder = PurePosixPath(path)
            for _ in range(one.level):
                folder = folder.parent
            base = "" if folder == PurePosixPath() else folder.as_posix()
            # The package's own __init__.py is executed, too.
            parent, _, last = base.rpartition("/")
            yield parent, last
            names = one.names or ()
            start = one.module
        else:
            top = one.module.split(".")[0]
            found = self._base_of(top, cwd, way)
            if found is None:
                return
            base, names, start = found, one.names, one.module
        if start:
            yield base, start
        for name in self._imported_names(base, start, names):
            yield base, f"{start}.{name}" if start else name

    def _imported_names(
        self, base: str, start: str, names: tuple[str, ...]
    ) -> Iterable[str]:
        """Return the names of a from-import, with those that a star stands for."""
        if "*" not in names:
            return names
        package = "/".join(filter(None, (base, *start.split("."))))
        init = f"{package}/__init__.py"
        if self.tree.find(init) != "file":
            return ()
        return star_names(self.tree.read(self.tree.resolve(init)))

    def _base_of(self, top: str, cwd: str, way: tuple[str, ...]) -> str | None:
        """Return the folder that a top-level module is loaded from.

        Python looks in the notebook's folder first, then in its standard library and
        among the installed packages, last in the repository.
        """
        if is_importable(self.tree, cwd, top):
            return cwd
        if top in STDLIB:
            return None
        if packages := self.lock.packages_of(top):
            for package in packages:
                self.packages.setdefault(package, ARROW.join(way))
            return None
        for base in ("", *_source_folders(self.tree)):
            if is_importable(self.tree, base, top):
                return base
        why = f"{way[0]} imports {top}, which is neither here nor pinned in {LOCK}"
        self.notes.append(f"{why}: all pins count")
        self.all_packages = self.all_packages or why
        return None

    def _find_named(
        self, texts: Iterable[str], path: str, cwd: str, way: tuple[str, ...]
    ) -> Iterator[str]:
        """Add the files that code names in its texts; yield those with Python code."""
        folders = dict.fromkeys((PurePosixPath(path).parent.as_posix(), cwd, "."))
        for text in texts:
            for folder in folders:
                place = os.path.normpath(f"{folder}/{text}")
                if place.startswith((".", "/")):
                    continue
                if found := self._named_files(place, text):
                    yield from self._add_named(found, way)
                    break

    def _named_files(self, place: str, text: str) -> list[tuple[str, str]]:
        """Return the file, or the files of the folder, that a text names."""
        kind = self.tree.find(place)
        if kind == "file":
            return [(place, self.tree.resolve(place))]
        # A single word that is also a folder's name means something else.
        if kind == "folder" and "/" in text.strip("/"):
            return list(self.tree.files_below(self.tree.resolve(place), place))
        return []

    def _add_named(
        self, found: list[tuple[str, str]], way: tuple[str, ...]
    ) -> Iterator[str]:
        for shown, target in found:
            if shown.startswith(f"{self.folder}/") or target == way[-1]:
                continue
            entry = self.tree.entries[target]
            if shown.endswith(".ipynb"):
                self._add(
                    "file",
                    shown,
                    self._read_notebook(shown)[1],
                    ARROW.join((shown, *way)),
                )
                continue
            kind: Kind = "module" if shown.endswith(".py") else "file"
            self._add(kind, shown, entry.oid, ARROW.join((shown, *way)))
            if kind == "module":
                yield shown

    def _add_folder(self) -> None:
        """Add the files of the model's folder that no other part stands for."""
        stages = {f"{self.folder}/{one}.ipynb" for one in (*TRAINING_STAGES, "deploy")}
        elsewhere = {f"{self.folder}/model.yaml", *stages}
        elsewhere |= {f"{self.folder}/{name}" for name in READMES}
        submodules: list[str] = []
        for shown, target in self.tree.files_below(self.folder):
            entry = self.tree.entries[target]
            if shown in elsewhere:
                continue
            if entry.kind == "submodule":
                submodules.append(f"{shown}/")
                self._add_submodule(shown, target)
            elif shown.startswith(tuple(submodules)):
                continue
            elif shown.endswith(".ipynb") and entry.kind == "file":
                value = self._read_notebook(target)[1]
                self._add("file", shown, value, "in the model's folder")
            else:
                self._add("file", shown, self._value(target), "in the model's folder")

    def _add_submodule(self, shown: str, path: str) -> None:
        """Add a submodule by its commit, and what differs from that on disk."""
        oid = self.tree.entries[path].oid
        self._add("file", shown, f"commit {oid}", "a submodule in the model's folder")
        for name, value in self.tree.uncommitted(path):
            self._add("file", f"{shown}/{name}", value, f"changed in submodule {shown}")

    def _value(self, path: str) -> str:
        """Return the blob of a file; of a link that leads nowhere here its target."""
        entry = self.tree.entries[path]
        if entry.kind != "link":
            return entry.oid
        self.notes.append(f"{path} is a link that leads out of the repository")
        return f"link to {os.fsdecode(self.tree.read(path))}"

    def _add_repository(self, why: str) -> None:
        """Add every file of the repository, because code cannot be followed."""
        self.notes.append(
            f"{why}, so it cannot be followed: the whole repository counts"
        )
        self.all_packages = self.all_packages or why
        known = {part.name for part in self.parts.values()}
        stages = {f"{self.folder}/{name}" for name in ("model.yaml", *READMES)}
        for path, entry in self.tree.entries.items():
            if path not in known and path not in stages:
                self._add("file", path, entry.oid, why)

    def _add_packages(self) -> None:
        """Add the pins of the imported packages, and of those that they need."""
        if self.all_packages:
            for name, version in self.lock.pins.items():
                self._add("package", name, version, self.all_packages)
            return
        for name, parent in self.lock.with_dependencies(sorted(self.packages)):
            reason = self.packages.get(name) or f"needed by {parent}"
            self._add("package", name, self.lock.pins[name], reason)

    def _serving(self) -> Iterator[Part]:
        """Yield what determines how the model is served."""
        if path := find_stage(self.tree, self.model, "deploy", self.task):
            value = self._read_notebook(path)[1]
            yield Part(kind="notebook", name=path, value=value, reason="deploy")
        for name, value in _flatten({"endpoint": self.settings.get("endpoint")}):
            yield Part(kind="settings", name=name, value=value, reason="model.yaml")

    def _note_ignored(self) -> None:
        if not isinstance(self.tree, WorkingTree):
            return
        for path in sorted(self.tree.ignored):
            litter = PurePosixPath(path).name in LITTER or path.endswith(".pyc")
            if path.startswith(f"{self.folder}/") and not litter:
                self.notes.append(f"{path} is ignored by git, and does not count")

    def _pending(self, parts: Iterable[Part]) -> Iterator[str]:
        """Yield the files of the content that are not as in the checked-out commit."""
        if not isinstance(self.tree, WorkingTree):
            return
        committed = self.tree.committed
        for part in parts:
            target = self.tree.resolve(part.name)
            entry = self.tree.entries.get(target)
            if entry and entry != committed.get(target):
                yield part.name


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses a key that stands twice, of which YAML would keep the last one."""


@lru_cache(maxsize=8192)
def _parse_notebook(
    content: bytes, path: str, _oid: str
) -> tuple[tuple[str, ...], str]:
    """Return the sources of a notebook's code cells, and a hash over them and tags."""
    cells = parse_code_cells(content, path)
    sources = tuple(cell_source(cell) for cell in cells)
    tags = [sorted(cell_tags(cell)) for cell in cells]
    text = json.dumps([sources, tags])
    return sources, hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=4096)
def _parse_settings(text: bytes) -> Any:
    return yaml.load(text, Loader=_UniqueKeyLoader)


def _read_settings(tree: Tree, folder: str) -> Mapping[str, Any]:
    path = f"{folder}/model.yaml"
    if tree.find(path) != "file":
        raise SpecError(f"{path}: missing; see `python -m runner new --help`")
    try:
        data = _parse_settings(tree.read(tree.resolve(path)))
    except yaml.YAMLError as error:
        raise SpecError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    return data if isinstance(data, dict) else {}


@lru_cache(maxsize=16)
def _parse_lock(text: bytes) -> Lock:
    return parse_lock(text.decode("utf-8", "replace"))


def _read_lock(tree: Tree) -> Lock:
    if tree.find(LOCK) != "file":
        return Lock({}, {})
    return _parse_lock(tree.read(tree.resolve(LOCK)))


def _source_folders(tree: Tree) -> tuple[str, ...]:
    """Return the folders of packages/ that Python imports from."""
    folders = (f for f in tree.folders if f.startswith("packages/"))
    return tuple(sorted(f for f in folders if f.endswith("/src") and f.count("/") == 2))


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested keys with dots, and their values as JSON."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{name}.")
        else:
            yield name, json.dumps(value, sort_keys=True, default=str)


def _hash_parts(parts: Iterable[Part]) -> str:
    listed = sorted([part.kind, part.name, part.value] for part in parts)
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
