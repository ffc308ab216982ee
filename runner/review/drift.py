"""Drift: how far the training data is from the live model's, column by column.

The measure is the population stability index: the shares of rows per bin, theirs
against ours. Below 0.1 nothing to speak of has moved, above 0.25 a lot has.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

MOVED, FAR = 0.1, 0.25
# A bin that is empty on one side would make the index infinite.
MIN_SHARE = 1e-4
DECILES = range(10, 100, 10)
BARS = 12

Column = Mapping[str, Any]
Word = Literal["alike", "moved", "far", "new", "gone"]


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One column of the training data, now and in the live model's."""

    column: str
    word: Word
    index: float | None
    before: Column
    after: Column
    bars: Sequence[tuple[float, float]] = ()

    @property
    def distance(self) -> float:
        """Order columns; one that only one side has is the furthest away."""
        return math.inf if self.index is None else self.index


def drift(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Drift]:
    """Compare two summaries column by column, the furthest moved first."""
    old, new = before.get("columns", {}), after.get("columns", {})
    found = [
        _compare_column(name, old.get(name), new.get(name)) for name in {**new, **old}
    ]
    return sorted(found, key=lambda one: -one.distance)


def population_stability_index(before: Column, after: Column) -> float:
    """Return the population stability index of two columns: a sum over their bins."""
    edges = _edges(before, after)
    pairs = zip(_shares(before, edges), _shares(after, edges), strict=True)
    floored = [(max(old, MIN_SHARE), max(new, MIN_SHARE)) for old, new in pairs]
    return sum((new - old) * math.log(new / old) for old, new in floored)


def _compare_column(name: str, before: Column | None, after: Column | None) -> Drift:
    if before is None or after is None:
        word: Word = "gone" if after is None else "new"
        old, new = before or {}, after or {}
        return Drift(column=name, word=word, index=None, before=old, after=new)
    index = population_stability_index(before, after)
    word = "alike" if index < MOVED else "moved" if index < FAR else "far"
    bars = _bars(before, after)
    return Drift(
        column=name, word=word, index=index, before=before, after=after, bars=bars
    )


def _edges(before: Column, after: Column) -> list[float]:
    """Bin by the live model's tenths, or value by value where they are few."""
    if "percentiles" in before:
        return sorted({before["percentiles"][place] for place in DECILES})
    values = {value for value, _ in before["values"]}
    return sorted(values | {value for value, _ in after.get("values", [])})


def _shares(column: Column, edges: Sequence[float]) -> list[float]:
    """Return the shares of rows between the edges, beyond the last one, and missing."""
    missing = column["missing"]
    up_to = [_share_up_to(column, edge) for edge in edges]
    steps = [high - low for low, high in zip([0.0, *up_to], [*up_to, 1.0], strict=True)]
    return [*(step * (1 - missing) for step in steps), missing]


def _share_up_to(column: Column, edge: float) -> float:
    """Return the share of a column's known values up to an edge."""
    if "percentiles" not in column:
        counts = column["values"]
        total = sum(count for _, count in counts)
        return sum(n for value, n in counts if value <= edge) / total if total else 0.0
    points = column["percentiles"]
    last = len(points) - 1
    place = bisect_right(points, edge)
    if place == 0:
        return 0.0
    if place > last:
        return 1.0
    low, high = points[place - 1], points[place]
    return float((place - 1 + (edge - low) / (high - low)) / last)


def _bars(before: Column, after: Column) -> list[tuple[float, float]]:
    """Return the shares of both in the same bins, for a small chart."""
    edges = _drawn_edges(before, after)
    if not edges:
        return []
    return list(
        zip(_shares(before, edges)[:-1], _shares(after, edges)[:-1], strict=True)
    )


def _drawn_edges(before: Column, after: Column) -> list[float]:
    """Draw values one by one, and ranges in bins of one width."""
    if "percentiles" not in before and "percentiles" not in after:
        return _edges(before, after)[:-1]
    low = min(_range(one)[0] for one in (before, after))
    high = max(_range(one)[1] for one in (before, after))
    return [low + (high - low) * place / BARS for place in range(1, BARS)]


def _range(column: Column) -> tuple[float, float]:
    """Return the range without the outermost percentiles, which may lie far out."""
    if points := column.get("percentiles"):
        return points[1], points[-2]
    values = [value for value, _ in column["values"]] or [0.0]
    return values[0], values[-1]
