"""The models that a change affects, and why.

A model is affected if and only if the change changes its content, or what its deploy
depends on; on the default branch also if its endpoint serves other content.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from notebook_inputs import Revision

from lifecycle.errors import LifecycleError
from runner.git import find_base, find_default_branch, has_uncommitted, resolve
from runner.spec.content import Content, content_in, reading
from runner.spec.differences import changes, printable
from runner.spec.folders import list_models

# By model the tags of its endpoint.
DeployedTags = Mapping[str, Mapping[str, str]]

CODE_ENDINGS = (".py", ".ipynb")


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
    names, head = list_models(root), resolve(root, "HEAD")
    reasons: dict[str, list[str]] = {name: [] for name in names}
    notes: list[str] = []
    deleted: tuple[str, ...] = ()
    after = Revision(root, head) if head else None
    began = find_base(
        root,
        head=head,
        rev=base,
        branch=branch,
        default_branch=default_branch or find_default_branch(root),
        pushed_from=pushed_from,
        deployed={tags.get("deployed_commit", "") for tags in (live or {}).values()},
        one_commit=one_commit or bool(live),
    )
    if began.sha is None or after is None:
        reasons = {name: [f"everything: {began.note}"] for name in names}
        notes.append(f"{began.note}: everything is selected")
    else:
        before = Revision(root, began.sha, after)
        here = [name for name in names if f"models/{name}" in after.folders]
        for tree in (after, before):
            tree.preload(_paths_to_read(tree, here))
        for name in here:
            reasons[name] += _differences(before, after, name)
        deleted = tuple(_deleted(names, before))
    if head and has_uncommitted(root):
        notes.append("changes that are not committed are not looked at")
    if after is not None and live is not None:
        after.preload(_paths_to_read(after, names))
        for name in names:
            said, note = _compare_live(after, name, live.get(name))
            if note:
                reasons[name] = []
                notes.append(note)
            reasons[name] += [said] if said else []
    affected = (Affected(name=one, reasons=tuple(reasons[one])) for one in names)
    return Selection(
        base=began.sha,
        models=tuple(one for one in affected if one.reasons),
        deleted=deleted,
        notes=tuple(notes),
    )


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


def _paths_to_read(tree: Revision, names: Iterable[str]) -> Iterator[str]:
    """Yield what will be read of some models, to be read with one call."""
    for name in names:
        for path in tree.folders.get(f"models/{name}", ()):
            if path.endswith((".ipynb", ".yaml", ".py")):
                yield path
    for path in tree.entries:
        if not path.startswith(("models/", "tests/")) and path.endswith(CODE_ENDINGS):
            yield path


def _deleted(names: Iterable[str], before: Revision) -> Iterator[str]:
    """Yield the models whose folders are gone; hidden folders never were models."""
    known = {f"models/{name}" for name in names}
    for folder in sorted(before.folders.keys() - known):
        top, _, name = folder.partition("/")
        if top == "models" and name and "/" not in name and name[0] not in "._":
            yield printable(name)


def _compare_live(
    tree: Revision, name: str, tags: Mapping[str, str] | None
) -> tuple[str, str]:
    """Say why a model has to be deployed again; or that it stays rolled back."""
    content = _content(tree, name)
    if not isinstance(content, Content):
        return str(content), ""
    if tags is None:
        return "endpoint: not deployed yet", ""
    wanted, serves = content.fingerprint, tags.get("fingerprint", "")
    if tags.get("rolled_back_from") == wanted != serves:
        return "", f"{name}: rolled back from this content, left as it is"
    if serves != wanted:
        shown = f"{serves[:12] or 'unknown content'}, not {wanted[:12]}"
        return f"endpoint: serves {shown}", ""
    if tags.get("deployment") != content.serving_fingerprint:
        why = "last deploy did not finish, or what it depends on has changed"
        return f"endpoint: {why}", ""
    return "", ""
