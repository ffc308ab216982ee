"""How far the columns of two tables differ, told by the summaries of `summarise`.

A summary has a column's known values, each with its count, if they are few; else their
percentiles, 0 to 100. The share of missing cells, mean and standard deviation are
beside them. Imports nothing heavy, as `chance` does not.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lifecycle.statistics.chance import chi_squared, kolmogorov_smirnov

# Percentiles are no finer; with more rows every difference would count.
MAX_ROWS = 20_000
# A bin that is empty on one side would make the index infinite.
MIN_SHARE = 1e-4
DECILES = range(10, 100, 10)
BARS = 12

Column = Mapping[str, Any]


def population_stability_index(before: Column, after: Column) -> float:
    """Return the population stability index of two columns: a sum over their bins."""
    edges = _edges(before, after)
    pairs = zip(_shares(before, edges), _shares(after, edges), strict=True)
    floored = [(max(old, MIN_SHARE), max(new, MIN_SHARE)) for old, new in pairs]
    return sum((new - old) * math.log(new / old) for old, new in floored)


def wasserstein(before: Column, after: Column) -> float:
    """Return the Wasserstein distance of two columns, in standard deviations."""
    spreads = [one.get("std") or 0.0 for one in (before, after)]
    spread = math.sqrt(sum(one**2 for one in spreads) / 2)
    points = _points(before, after)
    if not spread or len(points) < 2:
        return 0.0
    gaps = [abs(_share_up_to(before, one) - _share_up_to(after, one)) for one in points]
    # Between two values that are counted a share stays as it is; else it is a line.
    steps = "percentiles" not in before and "percentiles" not in after
    return (
        sum(
            (high - low) * (gap if steps else (gap + following) / 2)
            for (low, high), (gap, following) in zip(
                pairwise(points), pairwise(gaps), strict=True
            )
        )
        / spread
    )


def chance_of_equality(before: Column, after: Column, rows: int, others: int) -> float:
    """Return the p-value of both columns having the same values, and the same gaps.

    Args:
        rows: of the first table; `others`: of the second.
    """
    counts = min(rows, MAX_ROWS), min(others, MAX_ROWS)
    known = [
        count * (1 - one["missing"])
        for count, one in zip(counts, (before, after), strict=True)
    ]
    missing = [count - one for count, one in zip(counts, known, strict=True)]
    p_missing = chi_squared(*zip(known, missing, strict=True))
    if "percentiles" not in before and "percentiles" not in after:
        values = _points(before, after)
        if not values:
            return p_missing
        first, second = (
            [share * count for share in _value_shares(one, values)]
            for one, count in zip((before, after), known, strict=True)
        )
        p_known = chi_squared(first, second)
    else:
        gaps = [
            abs(_share_up_to(before, one) - _share_up_to(after, one))
            for one in _points(before, after)
        ]
        p_known = kolmogorov_smirnov(max(gaps, default=0.0), *map(round, known))
    # The two tests count as two.
    return min(1.0, 2 * min(p_known, p_missing)) if any(missing) else p_known


def common_bins(before: Column, after: Column) -> list[tuple[float, float]]:
    """Return the shares of both in the same bins, for a small chart."""
    edges = _drawn_edges(before, after)
    if not edges:
        return []
    return list(
        zip(_shares(before, edges)[:-1], _shares(after, edges)[:-1], strict=True)
    )


def _value_shares(column: Column, values: Sequence[float]) -> list[float]:
    counts: dict[float, float] = dict(column["values"])
    total = sum(counts.values())
    return [counts.get(value, 0) / total if total else 0.0 for value in values]


def _points(before: Column, after: Column) -> list[float]:
    """Return where the shares of either column change."""
    points: set[float] = set()
    for one in (before, after):
        points.update(one.get("percentiles") or (value for value, _ in one["values"]))
    return sorted(points)


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
