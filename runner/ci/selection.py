"""The models that a change affects, and why.

A model is affected if and only if the change changes its content, its deploy notebook
or its `endpoint:`; on the default branch also if its endpoint serves other content.
Content is compared at both ends of the change, for those models that the changed files
can concern: which these are, git's search tells, so that a change of one model of a
thousand costs what it changes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lifecycle.errors import LifecycleError
from runner.git import (
    changed_files,
    find_base,
    find_default_branch,
    has_uncommitted_changes,
    resolve,
    run_git,
)
from runner.spec.content import (
    Content,
    compare,
    content_in,
    describe_difference,
    printable,
)
from runner.spec.dependencies import LOCK
from runner.spec.models import list_models
from runner.spec.trees import Revision

# By model the tags of its endpoint.
DeployedTags = Mapping[str, Mapping[str, str]]

CODE = ("*.py", "*.ipynb")
CODE_ENDINGS = (".py", ".ipynb")
# What may make code impossible to follow (runner.spec.imports decides): such code is
# affected by every change.
UNFOLLOWED = (
    r"(^|[^.[:alnum:]_])(exec|eval|compile|execfile|__import__) *\("
    r"|importlib|runpy|load_source|get_ipython|addsitedir|sys\.path"
    r'|^ *"? *(%|!|\?)|= *[%!]'
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
        files = changed_files(root, began.sha)
        _compare_models(found, Revision(root, began.sha, after.blobs), after, files)
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
    names = _concerned(after, files, found.names)
    for tree in (before, after):
        tree.preload(_paths_to_read(tree, names))
    for name in names:
        found_reasons = list(_differences(before, after, name))
        if found_reasons:
            found.add([name], *found_reasons)


def _differences(before: Revision, after: Revision, name: str) -> Iterator[str]:
    """Yield the reasons why a model is affected."""
    if f"models/{name}" not in after.folders:
        return
    if f"models/{name}" not in before.folders:
        yield f"models/{name}: new"
        return
    old, new = _content(before, name), _content(after, name)
    if not isinstance(old, Content) or not isinstance(new, Content):
        if before.entries_below(f"models/{name}") != after.entries_below(
            f"models/{name}"
        ):
            yield str(new if not isinstance(new, Content) else old)
        return
    yield from map(describe_difference, compare(old.parts, new.parts))
    yield from map(describe_difference, compare(old.serving, new.serving))


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
    if LOCK in files or any(_is_submodule(tree, file) for file in files):
        return list(names)
    models: set[str] = set()
    ahead = [*files, *_links_to(tree, files), *_search(tree, UNFOLLOWED)]
    seen: set[str] = set()
    while ahead:
        words: set[str] = set()
        for path in ahead:
            top, _, rest = path.partition("/")
            if top == "models":
                models.add(rest.partition("/")[0])
            elif top == "notebooks" and path.endswith(".ipynb"):
                models |= _users(tree, PurePosixPath(path).name, names)
            words |= _words(path)
        seen |= {*ahead}
        ahead = [path for path in _search_words(tree, words) if path not in seen]
        ahead += [path for path in _links_to(tree, ahead) if path not in seen]
    return [name for name in names if name in models]


def _users(tree: Revision, notebook: str, names: Iterable[str]) -> set[str]:
    """Return the models without a notebook of their own of this name."""
    return {name for name in names if f"models/{name}/{notebook}" not in tree.entries}


def _words(path: str) -> set[str]:
    """Return the words by which other code names a file or the folders it is in."""
    file = PurePosixPath(path)
    if file.parts[0] == "models" and file.suffix != ".py":
        # Only code of its own folder can mean it, and that is concerned already.
        return set()
    words = {f"{name}/" for name in file.parent.parts}
    words |= {f"/{name}" for name in file.parent.parts}
    if file.suffix == ".py":
        words.add(file.parent.name if file.stem == "__init__" else file.stem)
    words.add(file.name)
    return {word for word in words if word}


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
    names = found.stdout.decode(errors="surrogateescape").split("\0")
    return [name.removeprefix(f"{tree.sha}:") for name in names if name]


def _escape(word: str) -> str:
    """Escape a word for an extended regular expression."""
    return re.sub(r"([\\.^$*+?()\[\]{}|])", r"\\\1", word)


def _links_to(tree: Revision, files: Iterable[str]) -> list[str]:
    """Return the links whose target is, or holds, one of some files."""
    if not tree.links:
        return []
    targets = {link: tree.resolve(link) for link in tree.links}
    return [
        link
        for link, target in targets.items()
        if any(f"{file}/".startswith(f"{target}/") for file in files)
    ]


def _is_submodule(tree: Revision, file: str) -> bool:
    """Return whether a file is a submodule outside of the models' folders."""
    entry = tree.entries.get(file)
    if file.startswith("models/"):
        return False
    return file == ".gitmodules" or bool(entry and entry.kind == "submodule")


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
        elif tags.get("rolled_back_from") == wanted:
            found.reasons.pop(name, None)
            found.notes.append(f"{name}: rolled back from this content, left as it is")
        elif (serves := tags.get("fingerprint", "")) != wanted:
            shown = f"{serves[:12] or 'unknown content'}, not {wanted[:12]}"
            found.add([name], f"endpoint: serves {shown}")
        elif tags.get("deployment") != content.serving_fingerprint:
            found.add([name], "endpoint: not deployed to the end, or otherwise sized")
