"""The content of a model: everything that can change what is trained or served.

It consists of parts, each with the reason why it belongs to the content:

* the code cells of the `prepare` and `train-register` notebooks, with their tags;
* the modules of this repository that they import, and the files that their code names;
* every other file of the model's folder but its README, unless code names that, too;
* model.yaml, without what only says whose the model is and how it is served;
* the pinned packages that this code imports, with their dependencies: from the lock
  of its own environment, if the model has one.

Where code cannot be followed, the content is the whole repository. The sha256 of all
parts is the fingerprint.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

from notebook_inputs import (
    Graph,
    Inputs,
    NotebookError,
    Revision,
    Tree,
    WorkingTree,
    cell_source,
)
from notebook_inputs.lock import Lock
from notebook_inputs.repository import is_litter
from notebook_inputs.syntax import HARMLESS

from lifecycle import TRAINING_STAGES
from runner.errors import SignatureError, SpecError
from runner.git import as_call_errors, find_commit
from runner.notebook.ipynb import cell_tags, parse_code_cells
from runner.spec.folders import flatten, notebook_places, parse_keys
from runner.spec.requirements import ASKED, LOCK, lock_of

Kind = Literal["file", "module", "notebook", "package", "settings"]

# What the editable installs of `make setup` put on the path of kernels.
SOURCES = ("packages/*/src",)
# `lifecycle` asks the runner for the content, which is not part of it.
RUNNER = ("sys.executable", "-m", "runner")
# It runs the script of a model's archive, which is known by its sha256.
INFERENCE = ("sys.executable", "-m", "lifecycle.inference_process")
# It runs at endpoints, beside the features.py of the model that it serves.
ENDPOINT = frozenset({"lifecycle/raw/raw_inference.py"})
# Changing whose a model is or how it is served does not change the model.
NOT_TRAINED = frozenset({"description", "owner", "approval", "endpoint", "reuse"})
READMES = frozenset({"README.md", "README.rst", "README.txt"})
NEEDED_BY = "needed by "
UNFOLLOWED = "cannot be followed: "
MAX_PENDING = 3
# How a path from a file to the notebook is written.
ARROW = " ← "
_GRAPHS: WeakKeyDictionary[Tree, Graph] = WeakKeyDictionary()


class Part(NamedTuple):
    """One thing that determines the model, its value, and why it does.

    The reason of a notebook, named by its stage, and of a setting is its file.
    """

    kind: Kind
    name: str
    value: str
    reason: str

    @property
    def path(self) -> str:
        """Return the file that the part stands for, or is read from."""
        return self.reason if self.kind in ("notebook", "settings") else self.name


@dataclass(frozen=True, kw_only=True)
class Content:
    """The parts that determine a model, and those that determine how it is served.

    Attributes:
        serving: the deploy notebook, what it depends on, and `endpoint:`.
        unfollowed: code that cannot be followed, and why; "" if there is none.
        notes: what a reader should know: code that cannot be followed, ignored files.
        pending: files of the content that are not as in the checked-out commit.
    """

    model: str
    parts: tuple[Part, ...]
    serving: tuple[Part, ...]
    unfollowed: str = ""
    notes: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Return the sha256 of all parts."""
        return _hash_parts(self.parts)

    @cached_property
    def serving_fingerprint(self) -> str:
        """Return the sha256 of what determines a deploy: content and `serving`."""
        return _hash_parts(
            (Part("settings", "content", self.fingerprint, ""), *self.serving)
        )


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
    return Revision(root, find_commit(root, revision))


@contextmanager
def reading() -> Iterator[None]:
    """Raise what git refuses, and what is no notebook, as an error of a call."""
    with as_call_errors():
        try:
            yield
        except NotebookError as error:
            raise SignatureError(str(error)) from error


def graph_of(tree: Tree) -> Graph:
    """Return what depends on what in a tree, which many models can share."""
    if tree not in _GRAPHS:
        _GRAPHS[tree] = Graph(
            tree,
            lock=LOCK,
            sources=SOURCES,
            harmless=HARMLESS | {RUNNER, INFERENCE},
            elsewhere=ENDPOINT,
        )
    return _GRAPHS[tree]


def model_graph(tree: Tree, model: str) -> Graph:
    """Return what depends on what for a model: with the packages of its environment.

    Raises:
        SpecError: its requirements are not pinned.
    """
    return graph_of(tree).with_lock(lock_of(tree, model))


def describe_pending(content: Content) -> str:
    """Say which files of a content are not as in the commit; "" if all are."""
    names, count = content.pending[:MAX_PENDING], len(content.pending)
    more = f" and {count - len(names)} more" if count > len(names) else ""
    return f"not committed: {', '.join(names)}{more}" if names else ""


def find_stage(tree: Tree, model: str, stage: str, task: str) -> str:
    """Return the notebook of a stage in a tree; "" if there is none."""
    places = notebook_places(model, stage, task)
    return next((path for path in places if tree.find(path) == "file"), "")


@reading()
def content_in(tree: Tree, model: str) -> Content:
    """Return the content of a model in a tree, which many models can share."""
    folder = f"models/{model}"
    settings = read_settings(tree, folder)
    task = str(settings.get("task", ""))
    notebooks = [find_stage(tree, model, stage, task) for stage in TRAINING_STAGES]
    graph = model_graph(tree, model)
    reached = [graph.inputs(path) for path in notebooks if path]
    notes = [note for one in reached for note in one.notes]
    parts: dict[tuple[Kind, str], Part] = {}
    for part in (
        *_notebook_parts(tree, notebooks),
        *_reached_parts(tree, reached),
        *_folder_parts(tree, folder, graph.lock_file, notes),
        *_settings_parts(f"{folder}/model.yaml", settings, NOT_TRAINED),
    ):
        if part.kind != "file" or ("module", part.name) not in parts:
            parts.setdefault((part.kind, part.name), part)
    everything = next((one.unfollowed for one in reached if one.unfollowed), "")
    if everything:
        notes.append(f"{UNFOLLOWED}{everything}: the whole repository counts")
        known_paths = {part.path for part in parts.values()}
        for part in _repository_parts(tree, everything, known_paths):
            parts.setdefault((part.kind, part.name), part)
    for part in _package_parts(graph.lock, reached, everything):
        parts[part.kind, part.name] = part
    listed = tuple(parts[key] for key in sorted(parts))
    return Content(
        model=model,
        parts=listed,
        serving=tuple(_serving_parts(graph, model, task, settings)),
        unfollowed=everything,
        notes=tuple(dict.fromkeys([*notes, *_ignored(tree, folder)])),
        pending=tuple(sorted({*_pending(tree, listed, folder, graph.lock_file)})),
    )


def value_of(tree: Tree, kind: Kind, path: str) -> str:
    """Return the value of the part that a file is in a tree."""
    if kind == "module":
        return tree.entries[tree.resolve(path)].oid
    return _file_value(tree, path)


def _notebook_parts(tree: Tree, paths: Iterable[str]) -> Iterator[Part]:
    """Yield the code cells of the notebooks, with their tags."""
    for stage, path in zip(TRAINING_STAGES, paths, strict=True):
        if path:
            yield Part("notebook", stage, hash_code(tree, path), path)
        else:
            yield Part("notebook", stage, "missing", f"no notebook of {stage}")


def _reached_parts(tree: Tree, reached: Iterable[Inputs]) -> Iterator[Part]:
    """Yield the modules that are imported, and the files that code names."""
    for one in reached:
        for path, way in one.modules.items():
            reason = ARROW.join((path, *way))
            yield Part("module", path, value_of(tree, "module", path), reason)
        for path, way in one.files.items():
            reason = ARROW.join((path, *way))
            yield Part("file", path, _file_value(tree, path), reason)


def _folder_parts(
    tree: Tree, folder: str, lock: str, notes: list[str]
) -> Iterator[Part]:
    """Yield the files of the model's folder that no other part stands for."""
    elsewhere = {f"{folder}/{stage}.ipynb" for stage in (*TRAINING_STAGES, "deploy")}
    elsewhere |= {f"{folder}/{name}" for name in ("model.yaml", *READMES)}
    if lock != LOCK:
        # Of an environment only the packages count that the code imports.
        elsewhere |= {lock, f"{folder}/{ASKED}"}
    reason = "in the model's folder"
    for shown, target in tree.files_below(folder):
        if shown in elsewhere:
            continue
        kind = tree.entries[target].kind
        if kind == "submodule":
            notes.append(f"{shown} is a submodule that is not here: its commit counts")
        elif kind == "link":
            notes.append(f"{shown} is a link that leads to nothing in this repository")
        way = reason if target == shown else ARROW.join((target, shown))
        yield Part("file", shown, _file_value(tree, target), way)


def _settings_parts(
    path: str, settings: Mapping[str, Any], without: frozenset[str] = frozenset()
) -> Iterator[Part]:
    for name, value in flatten(settings):
        if name.split(".")[0] not in without:
            text = json.dumps(value, sort_keys=True, default=str)
            yield Part("settings", name, text, path)


def _repository_parts(tree: Tree, why: str, known: Collection[str]) -> Iterator[Part]:
    """Yield every other file of the repository, because code cannot be followed."""
    tree.preload(path for path in tree.entries if path.endswith(".ipynb"))
    for path, entry in tree.entries.items():
        if path in known:
            continue
        value = entry.oid if entry.kind == "file" else f"{entry.kind} {entry.oid}"
        if path.endswith(".ipynb") and entry.kind == "file":
            # A notebook that cannot be parsed counts as a plain file.
            with suppress(SignatureError):
                value = hash_code(tree, path)
        yield Part("file", path, value, f"{UNFOLLOWED}{why}")


def _package_parts(
    lock: Lock, reached: Iterable[Inputs], everything: str
) -> Iterator[Part]:
    """Yield the pins of the imported packages, and of those that they need."""
    unknown = next((one.unknown for one in reached if one.unknown), "")
    if everything or unknown:
        why = f"{UNFOLLOWED}{everything}" if everything else unknown
        for name, version in lock.pins.items():
            yield Part("package", name, version, why)
        return
    ways: dict[str, tuple[str, ...]] = {}
    for one in reached:
        for name, way in one.packages.items():
            ways.setdefault(name, way)
    for name, version, parent in lock.with_dependencies(frozenset(ways)):
        reason = ARROW.join(ways[name]) if name in ways else f"{NEEDED_BY}{parent}"
        yield Part("package", name, version, reason)


def _serving_parts(
    graph: Graph, model: str, task: str, settings: Mapping[str, Any]
) -> Iterator[Part]:
    """Yield what determines how the model is served."""
    tree = graph.tree
    if path := find_stage(tree, model, "deploy", task):
        yield Part("notebook", "deploy", hash_code(tree, path), path)
        reached = graph.inputs(path)
        yield from _reached_parts(tree, [reached])
        if reached.unfollowed:
            own = {f"models/{model}/model.yaml"}
            value = _hash_parts(_repository_parts(tree, reached.unfollowed, own))
            why = f"{UNFOLLOWED}{reached.unfollowed}"
            yield Part("file", "the whole repository", value, why)
    path = f"models/{model}/model.yaml"
    yield from _settings_parts(path, {"endpoint": settings.get("endpoint")})


def _ignored(tree: Tree, folder: str) -> Iterator[str]:
    """Name the files of the model's folder that git ignores."""
    if not isinstance(tree, WorkingTree):
        return
    for path in sorted(tree.ignored):
        if path.startswith(f"{folder}/") and not is_litter(path):
            yield f"{path} is ignored by git, and does not count"


def _pending(
    tree: Tree, parts: Iterable[Part], folder: str, lock: str
) -> Iterator[str]:
    """Yield the files of the content that are not as in the checked-out commit."""
    if not isinstance(tree, WorkingTree) or not tree.differs:
        return
    for part in parts:
        path = lock if part.kind == "package" else part.path
        differs = not tree.differs.isdisjoint((path, tree.resolve(path)))
        if differs and (part.kind != "notebook" or _is_code_changed(tree, path)):
            yield path
    deleted = (path for path in tree.differs if path not in tree.entries)
    yield from (path for path in deleted if path.startswith(f"{folder}/"))


def _is_code_changed(tree: WorkingTree, notebook: str) -> bool:
    """Return whether more than text of a notebook differs from the commit's."""
    committed = tree.committed
    if committed is None or committed.find(notebook) != "file":
        return True
    with suppress(SignatureError):
        return hash_code(committed, notebook) != hash_code(tree, notebook)
    return True


def _file_value(tree: Tree, path: str) -> str:
    """Return what identifies a file's content: of a notebook, only its code counts."""
    target = tree.resolve(path)
    entry = tree.entries[target]
    if entry.kind == "submodule":
        return f"commit {entry.oid}"
    if entry.kind == "link":
        return f"link to {os.fsdecode(tree.read(target))}"
    return hash_code(tree, path) if path.endswith(".ipynb") else entry.oid


def hash_code(tree: Tree, notebook: str) -> str:
    """Return a sha256 over the code cells of a notebook, and their tags."""
    target = tree.resolve(notebook)
    return _hash_code(tree.read(target), notebook)


@lru_cache(maxsize=8192)
def _hash_code(content: bytes, where: str) -> str:
    cells = [
        [cell_source(cell), sorted(cell_tags(cell))]
        for cell in parse_code_cells(content, where)
    ]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def read_settings(tree: Tree, folder: str) -> Mapping[str, Any]:
    """Read the keys of a model.yaml, without checking their values."""
    path = f"{folder}/model.yaml"
    if tree.find(path) != "file":
        raise SpecError(f"{path}: missing; see `python -m runner new --help`")
    return parse_keys(tree.read(tree.resolve(path)), path)


def _hash_parts(parts: Iterable[Part]) -> str:
    listed = sorted([part.kind, part.name, part.value] for part in parts)
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
