"""The models that a change affects, and why.

A model is affected if and only if the change changes its content, or what its deploy
depends on; on the default branch also if its endpoint serves other content. To save
time, content is compared only for models that the changed files may belong to; git grep
finds them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lifecycle.errors import CallError, LifecycleError
from runner import STAGES
from runner.git import (
    find_base,
    find_default_branch,
    has_uncommitted_changes,
    resolve,
    run_git,
)
from runner.spec.content import (
    Content,
    changes,
    content_in,
    edited_changes,
    printable,
)
from runner.spec.dependencies import LOCK, read_file
from runner.spec.folders import list_models
from runner.spec.imports import BUILTINS, DISTINCT, RUNNERS, SHELLS, WHOLE
from runner.spec.magics import AUTOMAGICS
from runner.spec.trees import Revision

# By model the tags of its endpoint.
DeployedTags = Mapping[str, Mapping[str, str]]

CODE = ("*.py", "*.ipynb")
CODE_ENDINGS = (".py", ".ipynb")
MODULE_ENDINGS = (".py", ".so", ".pyd")
# Files that every model has: code that names them mostly means its own.
STANDARD_NAMES = ("model.yaml", "README.md", *(f"{stage}.ipynb" for stage in STAGES))
# What may make code impossible to follow (runner.spec.imports decides): such code is
# affected by every change. A notebook may be one line, with its line ends as `\n`.
_GENERIC = {"call", "interact", "locate", "path", "run"}
_RUNS = {name.rpartition(".")[2] for name in RUNNERS} | DISTINCT | SHELLS | WHOLE
_LINE = r'((^|[[,:])[[:space:]]*"|\\[nrt])[[:space:]]*'
UNFOLLOWED = "|".join(
    (
        rf"(^|\\[nt]|[^.[:alnum:]_])({'|'.join(sorted(BUILTINS))})([^[:alnum:]_]|$)",
        rf"({'|'.join(sorted(_RUNS - _GENERIC - BUILTINS))})([^[:alnum:]_]|$)",
        r"sys\.path|from sys|sys as|from code|import code",
        rf"{_LINE}[%!,;/]",
        rf"{_LINE}({'|'.join(sorted(AUTOMAGICS))})[[:space:]]+[^[:space:]=]",
        r"=[[:space:]]*[%!]",
    )
)
# How many words one search of git takes.
MAX_WORDS = 500


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


def select(
    root: Path,
    *,
    base: str | None = None,
    branch: str = "",
    default_branch: str | None = None,
    pushed_from: str | None = None,
    live: DeployedTags | None = None,
) -> Selection:
    """Select the models that the checked-out commit affects.

    Args:
        base: a revision to compare with instead of the usual one.
        pushed_from: the commit that the branch was at before this push.
        live: the tags of all endpoints, on the branch that is deployed.
    """
    found = _Reasons(names=list_models(root))
    began = find_base(
        root,
        rev=base,
        branch=branch,
        default_branch=default_branch or find_default_branch(root),
        pushed_from=pushed_from,
        deployed={tags.get("deployed_commit", "") for tags in (live or {}).values()},
    )
    head = resolve(root, "HEAD")
    after = Revision(root, head) if head else None
    deleted: tuple[str, ...] = ()
    if began.sha is None or after is None:
        found.add(found.names, f"everything: {began.note}")
        found.notes.append(f"{began.note}: everything is selected")
    else:
        before = Revision(root, began.sha, after.blobs)
        files = _changed_files(before, after)
        _compare_models(found, before, after, files)
        deleted = tuple(_deleted(found.names, files))
    if after is not None:
        if has_uncommitted_changes(root):
            found.notes.append("changes that are not committed are not looked at")
        if live is not None:
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
    names = [
        name
        for name in _concerned(after, files, found.names)
        if f"models/{name}" in after.folders
    ]
    after.preload(_paths_to_read(after, names))
    before.preload(path for path in files if _is_code(before, path))
    edited = frozenset(files) if _are_only_edited(before, after, files) else frozenset()
    folders = {path.split("/")[1] for path in files if path.startswith("models/")}
    whole = {name for name in names if not edited or name in folders}
    before.preload(_paths_to_read(before, whole))
    for name in names:
        found_changes = None
        if name not in whole:
            with suppress(LifecycleError):
                found_changes = edited_changes(before, after, name, edited)
            if found_changes is None:
                before.preload(_paths_to_read(before, [name]))
        reasons = list(
            _told(*found_changes)
            if found_changes
            else _differences(before, after, name)
        )
        if reasons:
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
                if read_file(before, path) != read_file(after, path):
                    return False
            except LifecycleError:
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


def _concerned(tree: Revision, files: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the models whose content a changed file may be part of.

    What is imported or read is named by whoever imports or reads it, so a search for
    the names finds all users, and theirs in turn. It may find too many.
    """
    if not files:
        return []
    models: set[str] = set()
    seen: set[str] = set()
    with ThreadPoolExecutor(1) as thread:
        unfollowed = thread.submit(_search, tree, UNFOLLOWED)
        ahead = [*files]
        while ahead:
            ahead += _links_to(tree, ahead)
            words: set[str] = set()
            for path in ahead:
                top, _, rest = path.partition("/")
                if path in (LOCK, ".gitmodules") or (top == "notebooks" and not rest):
                    return list(names)
                if top == "models":
                    models.add(rest.partition("/")[0])
                elif top == "notebooks":
                    models |= _users(tree, path, names)
                # Code that reads another model's notebook cannot be followed.
                if not seen or top != "models" or not path.endswith(".ipynb"):
                    words |= _words(path)
            first = not seen
            seen |= {*ahead}
            ahead = [path for path in _search_words(tree, words) if path not in seen]
            if first:
                ahead += _not_followed(tree, unfollowed.result(), seen)
    return [name for name in names if name in models]


def _not_followed(
    tree: Revision, candidates: Sequence[str], seen: set[str]
) -> list[str]:
    """Return the code that cannot be followed, which any change may concern."""
    tree.preload(candidates)
    return [
        path
        for path in candidates
        if path not in seen and _cannot_be_followed(tree, path)
    ]


def _cannot_be_followed(tree: Revision, path: str) -> bool:
    try:
        return bool(read_file(tree, path).unfollowed)
    except LifecycleError:
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


def _search_words(tree: Revision, words: set[str]) -> list[str]:
    """Return the code that contains one of some words."""
    listed = sorted(words)
    found: list[str] = []
    for start in range(0, len(listed), MAX_WORDS):
        some = listed[start : start + MAX_WORDS]
        pattern = "|".join(
            f"(^|[^[:alnum:]_]){_escape(word)}([^[:alnum:]_]|$)"
            if word.isidentifier()
            else _escape(word)
            for word in some
        )
        found += _search(tree, pattern)
    return found


def _search(tree: Revision, pattern: str) -> list[str]:
    """Return the code of a tree in which a line matches an extended expression."""
    found = run_git(
        tree.root,
        "grep",
        *(["--recurse-submodules"] if ".gitmodules" in tree.entries else []),
        "-l",
        "-z",
        "-E",
        "--no-color",
        "-e",
        pattern,
        tree.sha,
        "--",
        *CODE,
    )
    if found.returncode > 1:
        message = found.stderr.decode(errors="replace").strip()
        raise CallError(f"git grep: {message or f'exit code {found.returncode}'}")
    names = found.stdout.decode(errors="surrogateescape").split("\0")
    return [name.removeprefix(f"{tree.sha}:") for name in names if name]


def _escape(word: str) -> str:
    """Escape a word for an extended regular expression."""
    return re.sub(r"([\\.^$*+?()\[\]{}|])", r"\\\1", word)


def _links_to(tree: Revision, files: Iterable[str]) -> list[str]:
    """Return the links that lead to, or through, one of some files or folders."""
    found = dict.fromkeys(files)
    targets = {link: tree.target(link) for link in tree.links}
    ahead = list(found)
    for file in ahead:
        for link, target in targets.items():
            inside = f"{file}/".startswith(f"{target}/")
            if link not in found and (inside or target.startswith(f"{file}/")):
                found[link] = None
                ahead.append(link)
    return [link for link in found if link in targets]


def _changed_files(before: Revision, after: Revision) -> list[str]:
    """Return the paths that differ; a renamed file is there twice."""
    old, new = before.entries, after.entries
    return sorted(path for path in {**old, **new} if old.get(path) != new.get(path))


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
