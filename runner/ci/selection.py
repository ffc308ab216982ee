"""The models that a change affects, and why.

A model is affected if and only if the change changes its content, or what its deploy
depends on; on the default branch also if its endpoint serves other content. To save
time, content is compared only for models that the changed files may belong to; git grep
finds them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from notebook_inputs import InputsError, Revision
from notebook_inputs.search import has_word, start_search

from lifecycle.errors import LifecycleError
from runner import STAGES
from runner.git import find_base, find_default_branch, find_uncommitted, resolve
from runner.spec.content import Content, content_in, graph_of, reading
from runner.spec.differences import changes, edited_changes, printable
from runner.spec.folders import list_models
from runner.spec.requirements import LOCK

# By model the tags of its endpoint.
DeployedTags = Mapping[str, Mapping[str, str]]

CODE_ENDINGS = (".py", ".ipynb")
MODULE_ENDINGS = (".py", ".so", ".pyd")
# Files that every model has: code that names them mostly means its own.
STANDARD_NAMES = ("model.yaml", "README.md", *(f"{stage}.ipynb" for stage in STAGES))


@dataclass(frozen=True, kw_only=True)
class Affected:
    """A model that a change affects, and the reasons."""

    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The affected models, and the commit that was compared with."""

    base: str | None
    models: tuple[Affected, ...]
    deleted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Reasons:
    """The reasons found so far, by model."""

    names: list[str]
    reasons: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, names: Iterable[str], *reasons: str) -> None:
        for name in names:
            self.reasons.setdefault(name, []).extend(reasons)

    @property
    def affected(self) -> tuple[Affected, ...]:
        chosen = (name for name in self.names if name in self.reasons)
        return tuple(Affected(name=n, reasons=tuple(self.reasons[n])) for n in chosen)


@reading()
def select(
    root: Path,
    *,
    base: str | None = None,
    branch: str = "",
    default_branch: str | None = None,
    pushed_from: str | None = None,
    live: DeployedTags | None = None,
    one_commit: bool = True,
) -> Selection:
    """Select the models that the checked-out commit affects.

    Args:
        base: a revision to compare with instead of the usual one.
        pushed_from: the commit that the branch was at before this push.
        live: the tags of all endpoints, on the branch that is deployed.
        one_commit: whether a push to that branch that nothing tells of is taken for one
            commit; else everything is selected.
    """
    found = _Reasons(names=list_models(root))
    head = resolve(root, "HEAD")
    deployed = {tags.get("deployed_commit", "") for tags in (live or {}).values()}
    deleted: tuple[str, ...] = ()
    with ExitStack() as running:
        # Git goes on with these while the base is found and models are compared.
        is_uncommitted = running.enter_context(find_uncommitted(root)) if head else bool
        after = running.enter_context(Revision.listed(root, head)) if head else None
        began = find_base(
            root,
            head=head,
            rev=base,
            branch=branch,
            default_branch=default_branch or find_default_branch(root),
            pushed_from=pushed_from,
            deployed=deployed,
            one_commit=one_commit or bool(live),
        )
        if began.sha is None or after is None:
            found.add(found.names, f"everything: {began.note}")
            found.notes.append(f"{began.note}: everything is selected")
        else:
            before = Revision(root, began.sha, after)
            files = after.changed_since(before)
            _compare_models(found, before, after, files)
            deleted = tuple(_deleted(found.names, files))
        if is_uncommitted():
            note = "changes that are not committed are not looked at"
            found.notes.append(note)
        if after is not None and live is not None:
            _add_live(found, after, live)
    return Selection(
        base=began.sha,
        models=found.affected,
        deleted=deleted,
        notes=tuple(found.notes),
    )


def _compare_models(
    found: _Reasons, before: Revision, after: Revision, files: Sequence[str]
) -> None:
    """Compare the content of every model that the changed files can concern."""
    folders = {path.split("/")[1] for path in files if path.startswith("models/")}
    here = [name for name in found.names if f"models/{name}" in after.folders]
    own = [name for name in here if name in folders]
    first = [*files, *after.links_to(files)]
    words = {word for path in first for word in _words(path)}
    is_everyones = any(map(_is_everyones, first))
    search = start_search(
        after, () if is_everyones else words, unfollowed=not is_everyones
    )
    with search as candidates:
        # These are compared in any case, while git searches for the others.
        _compare(found, before, after, own)
        concerned = _concerned(after, first, words, found.names, candidates())
    others = [name for name in here if name in concerned and name not in folders]
    if not others:
        return
    after.preload(_paths_to_read(after, others))
    before.preload(path for path in files if _is_code(before, path))
    if not _are_only_edited(before, after, files):
        _compare(found, before, after, others)
        return
    for name in others:
        found_changes = None
        with suppress(LifecycleError):
            found_changes = edited_changes(before, after, name, frozenset(files))
        if found_changes is None:
            _compare(found, before, after, [name])
        elif reasons := list(_told(*found_changes)):
            found.add([name], *reasons)


def _compare(
    found: _Reasons, before: Revision, after: Revision, names: Sequence[str]
) -> None:
    """Compare all of the content of some models."""
    for tree in (after, before):
        tree.preload(_paths_to_read(tree, names))
    for name in names:
        if reasons := list(_differences(before, after, name)):
            found.add([name], *reasons)


def _are_only_edited(before: Revision, after: Revision, files: Iterable[str]) -> bool:
    """Return whether files differ, but nothing that says which files are needed.

    Then the content of other models consists of the same parts as before.
    """
    if before.links or after.links:
        return False
    for path in files:
        if path in (LOCK, ".gitmodules") or not all(
            path in tree.entries and tree.entries[path].kind == "file"
            for tree in (before, after)
        ):
            return False
        if path.endswith(CODE_ENDINGS):
            try:
                if graph_of(before).read(path) != graph_of(after).read(path):
                    return False
            except InputsError:
                return False
    return True


def _differences(before: Revision, after: Revision, name: str) -> Iterator[str]:
    """Yield the reasons why a model is affected."""
    folder = f"models/{name}"
    if folder not in before.folders:
        yield f"{folder}: new"
        return
    old, new = _content(before, name), _content(after, name)
    if isinstance(old, Content) and isinstance(new, Content):
        yield from _told(*changes(old, new))
    elif type(old) is not type(new):
        # It broke, or was repaired.
        yield str(old if isinstance(new, Content) else new)
    elif before.entries_below(f"models/{name}") != after.entries_below(
        f"models/{name}"
    ):
        yield str(new)


def _told(trained: Iterable[str], served: Iterable[str]) -> Iterator[str]:
    """Yield what changed; what changes no fingerprint is only deployed again."""
    yield from trained
    yield from (f"deploy: {one}" for one in served)


def _content(tree: Revision, name: str) -> Content | LifecycleError:
    """Return a model's content, or why it has none: that is its own job's to say."""
    try:
        return content_in(tree, name)
    except LifecycleError as error:
        return error


def _concerned(
    tree: Revision,
    files: Sequence[str],
    words: set[str],
    names: Sequence[str],
    candidates: Sequence[str],
) -> set[str]:
    """Return the models whose content a changed file may be part of.

    What is imported or read is named by whoever imports or reads it, so a search for
    the names finds all users, and theirs in turn. It may find too many.

    Args:
        files: the changed ones, and links to them, which these words name.
        candidates: the code that has such a word, or that may be impossible to follow,
            which any change concerns.
    """
    tree.preload(candidates)
    users = [
        path
        for path in candidates
        if has_word(tree, path, words) or _cannot_be_followed(tree, path)
    ]
    models: set[str] = set()
    seen: set[str] = set()
    ahead = [*files]
    while ahead:
        if any(map(_is_everyones, ahead)):
            return {*names}
        for path in ahead:
            top, _, rest = path.partition("/")
            if top == "models":
                models.add(rest.partition("/")[0])
            elif top == "notebooks":
                models |= _users(tree, path, names)
        seen |= {*ahead}
        ahead = [path for path in users if path not in seen]
        ahead += tree.links_to(ahead)
        # Code that reads another model's notebook cannot be followed.
        words = {
            word
            for path in ahead
            if not (path.startswith("models/") and path.endswith(".ipynb"))
            for word in _words(path)
        }
        with start_search(tree, words) as found:
            users = found()
    return models


def _is_everyones(path: str) -> bool:
    """Return whether a file may change what all models need."""
    return path in (LOCK, ".gitmodules", "notebooks")


def _cannot_be_followed(tree: Revision, path: str) -> bool:
    try:
        return bool(graph_of(tree).read(path).unfollowed)
    except InputsError:
        return False


def _users(tree: Revision, path: str, names: Iterable[str]) -> set[str]:
    """Return the models that may use a file of notebooks/: without one of their own."""
    file = PurePosixPath(path).name
    return {name for name in names if f"models/{name}/{file}" not in tree.entries}


def _words(path: str) -> set[str]:
    """Return the words by which code names a file, or the folders that it is in."""
    file = PurePosixPath(path)
    folders = [
        part for part in file.parent.parts if part not in ("models", "notebooks")
    ]
    words = {f"{name}/" for name in folders} | {f"/{name}" for name in folders}
    module = file.name.partition(".")[0]
    if file.suffix in MODULE_ENDINGS:
        words.add(file.parent.name if module == "__init__" else module)
    elif file.parts[0] != "models":
        # A pattern may stand for the file, beside the name of its folder.
        words |= {*folders}
    if file.name not in STANDARD_NAMES:
        words.add(file.name)
    return words - {""}


def _is_code(tree: Revision, path: str) -> bool:
    entry = tree.entries.get(path)
    return bool(entry and entry.kind == "file") and path.endswith(CODE_ENDINGS)


def _paths_to_read(tree: Revision, names: Iterable[str]) -> Iterator[str]:
    """Yield what will be read of some models, to be read with one call."""
    for name in names:
        for path in tree.folders.get(f"models/{name}", ()):
            if path.endswith((".ipynb", ".yaml", ".py")):
                yield path
    for path in tree.entries:
        if not path.startswith(("models/", "tests/")) and path.endswith(CODE_ENDINGS):
            yield path


def _deleted(names: Iterable[str], files: Iterable[str]) -> Iterator[str]:
    """Yield the models whose folders are gone; hidden folders never were models."""
    known = set(names)
    parts = (file.split("/") for file in files)
    folders = {one[1] for one in parts if one[0] == "models" and len(one) > 2}
    for folder in sorted(folders - known):
        if folder[0] not in "._":
            yield printable(folder)


def _add_live(found: _Reasons, tree: Revision, live: DeployedTags) -> None:
    """Add the models whose endpoint serves other content, but not rolled-back ones."""
    tree.preload(_paths_to_read(tree, found.names))
    for name in found.names:
        tags, content = live.get(name), _content(tree, name)
        if not isinstance(content, Content):
            found.add([name], str(content))
            continue
        wanted = content.fingerprint
        if tags is None:
            found.add([name], "endpoint: not deployed yet")
        elif tags.get("rolled_back_from") == wanted != tags.get("fingerprint"):
            found.reasons.pop(name, None)
            found.notes.append(f"{name}: rolled back from this content, left as it is")
        elif (serves := tags.get("fingerprint", "")) != wanted:
            shown = f"{serves[:12] or 'unknown content'}, not {wanted[:12]}"
            found.add([name], f"endpoint: serves {shown}")
        elif tags.get("deployment") != content.serving_fingerprint:
            why = "last deploy did not finish, or what it depends on has changed"
            found.add([name], f"endpoint: {why}")
