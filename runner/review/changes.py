"""What differs from the live version: settings, dependencies, code cells and files."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from runner import STAGES
from runner.review.evidence import Evidence
from runner.spec.folders import flatten

# What every run has anew, or what says nothing about the model.
NOT_SETTINGS = frozenset(
    """
    run run_id fingerprint commit ci_url train validation test columns data_sha256
    model description package version
    """.split()  # noqa: SIM905, a list of names reads better unquoted
)
CONTEXT_LINES = 2
MAX_LINES = 120
Cells = Sequence[Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A setting or a dependency with another value than in the live version."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a diff; "…" stands for lines that are left out."""

    mark: Literal["+", "-", " ", "…"]
    text: str


@dataclass(frozen=True, kw_only=True)
class CellChange:
    """A code cell that was changed, added or removed."""

    stage: str
    heading: str
    kind: Literal["changed", "added", "removed"]
    lines: Sequence[Line]


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """Another file of the content that changed; only of code the lines are known."""

    path: str
    kind: Literal["changed", "added", "removed"]
    lines: Sequence[Line]


@dataclass(frozen=True, kw_only=True)
class Changes:
    """All that changed since the live version; `known`: whether it can be told.

    Attributes:
        files: None if the live version has kept no record of them.
    """

    settings: Sequence[Change]
    dependencies: Sequence[Change]
    code: Sequence[CellChange]
    files: Sequence[FileChange] | None = None
    known: bool

    def __bool__(self) -> bool:
        return bool(self.settings or self.dependencies or self.code or self.files)


def changes(evidence: Evidence) -> Changes:
    """Compare the candidate's source with that of the live version."""
    before = evidence.previous.get("source") or {}
    after = evidence.source
    if not before or not after:
        return Changes(settings=(), dependencies=(), code=(), known=False)
    given = {stage: evidence.parameters(stage) for stage in evidence.records}
    known = evidence.previous.get("parameters") or {}
    # A stage that ran on one side only would show as a difference.
    both = [stage for stage in given if known.get(stage) is not None]
    settings = _differences(
        _settings(before, [known[stage] for stage in both]),
        _settings(after, [given[stage] for stage in both]),
    )
    return Changes(
        settings=settings,
        dependencies=_differences(before["dependencies"], after["dependencies"]),
        code=code_changes(before["notebooks"], after["notebooks"]),
        files=file_changes(before["files"], after["files"])
        if "files" in before and "files" in after
        else None,
        known=True,
    )


def file_changes(
    before: Mapping[str, str], after: Mapping[str, str]
) -> list[FileChange]:
    """Compare files by their text, or by the hash that stands for it."""
    found = []
    for path in [*after, *(one for one in before if one not in after)]:
        old, new = before.get(path), after.get(path)
        if old != new:
            kind: Any = (
                "added" if old is None else "removed" if new is None else "changed"
            )
            # A hash is one line, and a text ends its lines.
            is_text = "\n" in f"{old or ''}{new or ''}"
            lines = _diff_lines(old or "", new or "") if is_text else []
            found.append(FileChange(path=path, kind=kind, lines=lines))
    return found


def code_changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[CellChange]:
    """Compare every stage's notebook, cell by cell."""
    return [
        change
        for stage in STAGES
        if stage in before and stage in after
        for change in _cell_changes(
            stage, before[stage]["cells"], after[stage]["cells"]
        )
    ]


def _settings(
    source: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Join what model.yaml says with what the stages were given."""
    values = dict(source["settings"])
    for given in parameters:
        values |= given
    kept = {name: one for name, one in values.items() if name not in NOT_SETTINGS}
    return {name: one for name, one in flatten(kept) if one != {}}


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """List what differs, in the order of the new side."""
    names = [*after, *(name for name in before if name not in after)]
    return [
        Change(name=name, before=_text(before, name), after=_text(after, name))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values[name]) if name in values else "-"


def _cell_changes(stage: str, before: Cells, after: Cells) -> Iterator[CellChange]:
    """Pair the cells that stand in the same place between equal ones."""
    old_texts = [one["source"] for one in before]
    new_texts = [one["source"] for one in after]
    matcher = difflib.SequenceMatcher(None, old_texts, new_texts, autojunk=False)
    for tag, start, end, begin, stop in matcher.get_opcodes():
        if tag == "equal":
            continue
        for old, new in zip_longest(before[start:end], after[begin:stop]):
            cell = new or old or {}
            yield CellChange(
                stage=stage,
                heading=str(cell.get("heading", "")),
                kind="changed" if old and new else "added" if new else "removed",
                lines=_diff_lines(
                    str(old["source"]) if old else "", str(new["source"]) if new else ""
                ),
            )


def _diff_lines(before: str, after: str) -> list[Line]:
    """Compare two texts, with a few unchanged lines around each change."""
    diff = difflib.unified_diff(
        before.splitlines(), after.splitlines(), lineterm="", n=CONTEXT_LINES
    )
    found: list[Line] = []
    for text in list(diff)[2:]:
        if text.startswith("@@"):
            if found:
                found.append(Line(mark="…", text=""))
            continue
        mark: Any = text[0]
        found.append(Line(mark=mark, text=text[1:]))
    if len(found) > MAX_LINES:
        rest = f"{len(found) - MAX_LINES} more lines"
        found = [*found[:MAX_LINES], Line(mark="…", text=rest)]
    return found
