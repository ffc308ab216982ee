"""The code cells of two versions of a notebook, compared for a person."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from runner.stages import STAGES

AROUND = 2
LONGEST = 120
Kind = Literal["changed", "added", "removed"]
Cells = Sequence[Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a comparison."""

    mark: Literal["+", "-", " ", "…"]
    text: str


@dataclass(frozen=True, kw_only=True)
class CellChange:
    """A code cell that is not what it was."""

    stage: str
    heading: str
    kind: Kind
    lines: Sequence[Line]


def code_changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[CellChange]:
    """Compare every stage's notebook, cell by cell."""
    return [
        change
        for stage in STAGES
        if stage in before and stage in after
        for change in _changes(stage, before[stage]["cells"], after[stage]["cells"])
    ]


def _changes(stage: str, before: Cells, after: Cells) -> Iterator[CellChange]:
    """Pair the cells that stand in the same place between equal ones."""
    old_texts = [one["source"] for one in before]
    new_texts = [one["source"] for one in after]
    matcher = difflib.SequenceMatcher(None, old_texts, new_texts, autojunk=False)
    for tag, start, end, begin, stop in matcher.get_opcodes():
        if tag == "equal":
            continue
        pairs = zip_longest(before[start:end], after[begin:stop])
        for old, new in pairs:
            cell = new or old or {}
            kind: Kind = "changed" if old and new else "added" if new else "removed"
            yield CellChange(
                stage=stage,
                heading=str(cell.get("heading", "")),
                kind=kind,
                lines=_lines(
                    str(old["source"]) if old else "", str(new["source"]) if new else ""
                ),
            )


def _lines(before: str, after: str) -> list[Line]:
    """Compare two texts, with a few unchanged lines around what changed."""
    compared = difflib.unified_diff(
        before.splitlines(), after.splitlines(), lineterm="", n=AROUND
    )
    found: list[Line] = []
    for text in list(compared)[2:]:
        if text.startswith("@@"):
            if found:
                found.append(Line(mark="…", text=""))
            continue
        mark: Any = text[0]
        found.append(Line(mark=mark, text=text[1:]))
    if len(found) > LONGEST:
        rest = f"{len(found) - LONGEST} more lines"
        found = [*found[:LONGEST], Line(mark="…", text=rest)]
    return found
