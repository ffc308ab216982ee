"""Which models a change affects, and why.

A model is affected by a change in its folder, in a shared notebook that it resolves
to, or in `requirements.txt`; on the default branch also by an endpoint that serves
something else than what is checked out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runner.fingerprint import deployment, fingerprint, tracked_files
from runner.history import changed_files, find_base, find_default_branch
from runner.spec import list_models
from runner.stages import STAGES

SHARED = frozenset(f"{stage}.ipynb" for stage in STAGES)

# What an endpoint's tags say of itself, by model.
Live = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Affected:
    """A model with work to do, and each file and rule that says so."""

    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The affected models, and the commit that they are measured from."""

    base: str | None
    models: tuple[Affected, ...]
    deleted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Findings:
    """What is known so far of each model."""

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
    live: Live | None = None,
) -> Selection:
    """Select the models that the checked-out commit affects."""
    found = _Findings(names=list_models(root))
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


def _add_files(root: Path, found: _Findings, files: Iterable[str]) -> None:
    """Apply the three rules to each changed file."""
    for file in files:
        top, _, rest = file.partition("/")
        if file == "requirements.txt":
            found.add(found.names, f"{file}: every model depends on it")
        elif top == "notebooks" and rest in SHARED:
            users = (name for name in found.names if not _has_own(root, name, rest))
            found.add(users, f"{file}: shared notebook, without one of its own")
        elif top == "models" and (folder := rest.split("/")[0]) in found.names:
            found.add([folder], f"{printable(file)}: in its folder")


def _has_own(root: Path, model: str, notebook: str) -> bool:
    return (root / "models" / model / notebook).is_file()


def _deleted(names: Iterable[str], files: Iterable[str]) -> Iterator[str]:
    """Name the folders that are gone; hidden ones never were models."""
    known = set(names)
    parts = (file.split("/") for file in files)
    folders = {one[1] for one in parts if one[0] == "models" and len(one) > 2}
    for folder in sorted(folders - known):
        if folder[0] not in "._":
            yield printable(folder)


def _add_live(root: Path, found: _Findings, live: Live) -> None:
    """Add what is not live; leave alone what somebody rolled back on purpose."""
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
        elif tags.get("deployment") != deployment(root, name, content=wanted):
            found.add([name], "endpoint: not deployed to the end, or otherwise sized")


def printable(text: str) -> str:
    """Show a file's name on one line, whatever is in it."""
    return text if text.isprintable() else repr(text)
