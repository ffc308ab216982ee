"""What differs between two contents of a model, told in one line each."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from notebook_inputs import Inputs, Tree

from lifecycle import TRAINING_STAGES
from runner.spec.content import (
    ARROW,
    UNFOLLOWED,
    Content,
    Kind,
    Part,
    find_stage,
    model_graph,
    read_settings,
    reading,
    value_of,
)

# The order in which differences are told.
KINDS: tuple[Kind, ...] = ("notebook", "settings", "module", "file", "package")


class Difference(NamedTuple):
    """A part with another value in two contents; "" where a side has none."""

    kind: Kind
    name: str
    before: str
    after: str
    reason: str


def compare(before: Iterable[Part], after: Iterable[Part]) -> list[Difference]:
    """Return the parts that differ, in the order of the newer ones."""
    old = {(part.kind, part.name): part for part in before}
    new = {(part.kind, part.name): part for part in after}
    return [
        Difference(
            key[0],
            key[1],
            old[key].value if key in old else "",
            new[key].value if key in new else "",
            (new[key] if key in new else old[key]).reason,
        )
        for key in {**new, **old}
        if key not in old or key not in new or old[key].value != new[key].value
    ]


def changes(before: Content, after: Content) -> tuple[list[str], list[str]]:
    """Describe what differs, each difference in one line with how it belongs to it.

    Returns:
        What differs in what is trained, and in what only a deploy depends on.
    """
    trained = compare(before.parts, after.parts)
    begins_or_ends = bool(before.unfollowed) != bool(after.unfollowed)
    if begins_or_ends:
        # What only counts from now on, or until now, has not changed.
        trained = [
            one
            for one in trained
            if (one.before and one.after) or not one.reason.startswith(UNFOLLOWED)
        ]
    lines = describe(trained)
    if begins_or_ends:
        now = "counts" if after.unfollowed else "no longer counts"
        reason = after.unfollowed or before.unfollowed
        lines.append(f"{UNFOLLOWED}{reason}: the whole repository {now}")
    served = compare(before.serving, after.serving)
    return lines, describe(_only_served(trained, served))


@reading()
def edited_changes(
    before: Tree, after: Tree, model: str, files: frozenset[str]
) -> tuple[list[str], list[str]] | None:
    """Describe what differs between two trees in which only some files were edited.

    Args:
        files: those files; they are outside of the model's folder, and do not change
            which files are needed.

    Returns:
        As `changes` does, or None if code of the model cannot be followed.
    """
    settings = read_settings(after, f"models/{model}")
    task = str(settings.get("task", ""))
    notebooks = [find_stage(after, model, stage, task) for stage in TRAINING_STAGES]
    deploy = find_stage(after, model, "deploy", task)
    graph = model_graph(after, model)
    reached = [graph.inputs(path) for path in notebooks if path]
    deployed = [graph.inputs(deploy)] if deploy else []
    if any(one.unfollowed for one in (*reached, *deployed)):
        return None
    stages = dict(zip(TRAINING_STAGES, notebooks, strict=True))
    trained = _edited(before, after, stages, reached, files)
    served = _edited(before, after, {"deploy": deploy}, deployed, files)
    return describe(trained), describe(_only_served(trained, served))


def describe(differences: Iterable[Difference]) -> list[str]:
    """Say in one line each what changed, and how it belongs to the content."""
    ordered = sorted(differences, key=lambda one: KINDS.index(one.kind))
    return list(map(_describe_one, ordered))


def printable(text: str) -> str:
    """Return a file name on one line, whatever characters are in it."""
    return text if text.isprintable() else repr(text)


def _only_served(
    trained: Iterable[Difference], served: Iterable[Difference]
) -> list[Difference]:
    known = {(one.kind, one.name) for one in trained}
    return [one for one in served if (one.kind, one.name) not in known]


def _describe_one(one: Difference) -> str:
    name = printable(one.name)
    before, after = one.before or "absent", one.after or "absent"
    if one.kind == "package":
        return f"package {name} {before} → {after}: {printable(one.reason)}"
    if one.kind == "settings":
        return f"{printable(one.reason)}: {name}: {before} → {after}"
    word = "changed" if one.before and one.after else "new" if one.after else "removed"
    if one.kind == "module":
        return f"{printable(one.reason)}: {word}"
    if one.kind == "notebook":
        return f"{printable(one.reason)}: code {word}"
    if one.reason.startswith(UNFOLLOWED):
        return f"{name}: {word}; {printable(one.reason)}"
    return f"{printable(one.reason) if ARROW in one.reason else name}: {word}"


def _edited(
    before: Tree,
    after: Tree,
    notebooks: Mapping[str, str],
    reached: Iterable[Inputs],
    files: frozenset[str],
) -> list[Difference]:
    """Return the edited parts: notebooks by their stage, and what they reach."""
    found: dict[tuple[Kind, str, str], str] = {}
    for stage, path in notebooks.items():
        if path in files:
            found["notebook", stage, path] = path
    for one in reached:
        for path in filter(files.__contains__, one.modules):
            found["module", path, ARROW.join((path, *one.modules[path]))] = path
        for path in filter(files.__contains__, one.files):
            found["file", path, ARROW.join((path, *one.files[path]))] = path
    return [
        Difference(kind, name, old, new, reason)
        for (kind, name, reason), path in found.items()
        if (old := value_of(before, kind, path)) != (new := value_of(after, kind, path))
    ]
