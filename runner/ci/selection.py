"""The models that a change affects, and why.

A model is affected if and only if the change changes its content, or what its deploy
depends on; on the default branch also if its endpoint serves other content.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from notebook_inputs import Revision

from lifecycle.errors import LifecycleError
from runner.git import find_base, find_default_branch, find_uncommitted, resolve
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
            here = [one for one in found.names if f"models/{one}" in after.folders]
            for tree in (after, before):
                tree.preload(_paths_to_read(tree, here))
            for name in here:
                if reasons := list(_differences(before, after, name)):
                    found.add([name], *reasons)
            deleted = tuple(_deleted(found.names, before))
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
