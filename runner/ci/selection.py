"""The models that a change affects, and why.

A model is affected by a change in its folder, in a shared notebook that it uses, or in
requirements.txt; on the default branch also if its endpoint serves other content.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from runner import STAGES
from runner.git import changed_files, find_base, find_default_branch
from runner.spec.fingerprint import fingerprint, serving_fingerprint, tracked_files
from runner.spec.models import find_notebook, list_models, read_yaml

# By model the tags of its endpoint.
DeployedTags = Mapping[str, Mapping[str, str]]


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

    def add(self, names: Iterable[str], reason: str) -> None:
        for name in names:
            self.reasons.setdefault(name, []).append(reason)

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
    deleted: tuple[str, ...] = ()
    if began.sha is None:
        found.add(found.names, f"everything: {began.note}")
        found.notes.append(f"{began.note}: everything is selected")
    else:
        files = changed_files(root, began.sha)
        _add_files(root, found, files)
        deleted = tuple(_deleted(found.names, files))
    if live is not None:
        _add_live(root, found, live)
    return Selection(
        base=began.sha,
        models=found.affected,
        deleted=deleted,
        notes=tuple(found.notes),
    )


def printable(text: str) -> str:
    """Return a file name on one line, whatever characters are in it."""
    return text if text.isprintable() else repr(text)


def _add_files(root: Path, found: _Reasons, files: Iterable[str]) -> None:
    """Apply the three rules to each changed file."""
    for file in files:
        top, _, rest = file.partition("/")
        if file == "requirements.txt":
            found.add(found.names, f"{file}: every model depends on it")
        elif top == "notebooks" and (stage := _shared_stage(file)):
            users = (name for name in found.names if _uses(root, name, stage, file))
            found.add(users, f"{file}: shared notebook, without one of its own")
        elif top == "models" and (folder := rest.split("/")[0]) in found.names:
            found.add([folder], f"{printable(file)}: in its folder")


def _shared_stage(file: str) -> str:
    """Return the stage of a shared notebook; "" for any other file."""
    path = PurePosixPath(file)
    is_stage = path.suffix == ".ipynb" and path.stem in STAGES and len(path.parts) <= 3
    return path.stem if is_stage else ""


def _uses(root: Path, model: str, stage: str, file: str) -> bool:
    """Return whether a model uses a shared notebook, or did before its deletion."""
    task = str(read_yaml(root, model).get("task", ""))
    if (root / file).is_file():
        return find_notebook(root, model, stage, task) == root / file
    own = root / "models" / model / f"{stage}.ipynb"
    return not own.is_file() and PurePosixPath(file).parent.name in (task, "notebooks")


def _deleted(names: Iterable[str], files: Iterable[str]) -> Iterator[str]:
    """Yield the models whose folders are gone; hidden folders never were models."""
    known = set(names)
    parts = (file.split("/") for file in files)
    folders = {one[1] for one in parts if one[0] == "models" and len(one) > 2}
    for folder in sorted(folders - known):
        if folder[0] not in "._":
            yield printable(folder)


def _add_live(root: Path, found: _Reasons, live: DeployedTags) -> None:
    """Add the models whose endpoint serves other content, but not rolled-back ones."""
    tracked = tracked_files(root)
    for name in found.names:
        tags, wanted = live.get(name), fingerprint(root, name, tracked=tracked)
        if tags is None:
            found.add([name], "endpoint: not deployed yet")
        elif tags.get("rolled_back_from") == wanted:
            found.reasons.pop(name, None)
            found.notes.append(f"{name}: rolled back from this content, left as it is")
        elif (serves := tags.get("fingerprint", "")) != wanted:
            shown = f"{serves[:12] or 'unknown content'}, not {wanted[:12]}"
            found.add([name], f"endpoint: serves {shown}")
        elif tags.get("deployment") != serving_fingerprint(root, name, wanted):
            found.add([name], "endpoint: not deployed to the end, or otherwise sized")
