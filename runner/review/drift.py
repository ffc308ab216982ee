"""Drift: how the training data differs from the live model's, column by column.

A column has drifted if a test finds a difference that is unlikely by chance, and if the
difference is large enough to matter. The test is that of Kolmogorov and Smirnov, or
chi-squared where there are few values, with Benjamini and Hochberg's correction for the
number of columns. The size of the difference is the population stability index, which
compares the shares of rows per bin, and the Wasserstein distance in standard
deviations, by which the values differ on average.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lifecycle.statistics.chance import benjamini_hochberg
from lifecycle.statistics.comparison import format_number
from lifecycle.statistics.drift import (
    Column,
    chance_of_equality,
    common_bins,
    population_stability_index,
    wasserstein,
)

# The share of the columns that are said to drift which may not drift at all.
FALSE_DISCOVERIES = 0.01
# Of the population stability index, and of the distance in standard deviations.
INDEX, STRONG_INDEX = 0.1, 0.25
DISTANCE, STRONG_DISTANCE = 0.1, 0.25
# A change of the share of missing cells that is told before that of the mean.
MISSING = 0.1

Word = Literal["no drift", "drift", "strong drift", "new", "gone"]
ORDER: Sequence[Word] = ("new", "gone", "strong drift", "drift", "no drift")


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One column of the training data, now and in the live model's.

    Attributes:
        index: the population stability index; None if only one side has the column.
        distance: of Wasserstein, in standard deviations; None for classes, too.
        p_value: corrected for the number of columns.
        importance: the feature's share of the SHAP values, if it is known.
        classes: the names of its values 0, 1, 2, ..., of the label of several classes.
    """

    column: str
    word: Word
    index: float | None
    before: Column
    after: Column
    distance: float | None = None
    p_value: float | None = None
    importance: float | None = None
    bars: Sequence[tuple[float, float]] = ()
    classes: Sequence[str] = ()

    @property
    def effect(self) -> float:
        """Return the size of the drift, 1 is strong; infinite if one side lacks it."""
        if self.index is None:
            return math.inf
        return max(self.index / STRONG_INDEX, (self.distance or 0) / STRONG_DISTANCE)

    @property
    def weight(self) -> float:
        """Return the size of the drift, 1 is strong, times the importance."""
        if self.index is None:
            return self.importance or 0.0
        return (self.importance or 0.0) * self.effect

    @property
    def sentence(self) -> str:
        """Say in words how the column differs."""
        weight = ""
        if self.importance is not None:
            weight = f" ({100 * self.importance:.0f} % of the importance)"
        if self.word in ("new", "gone"):
            what = "is new" if self.word == "new" else "is gone"
            return f"Column {self.column}{weight} {what} in the training data"
        changed = {
            "no drift": "has not drifted",
            "drift": "has drifted",
            "strong drift": "has drifted strongly",
        }[self.word]
        gaps = [one.get("missing") or 0.0 for one in (self.before, self.after)]
        if self.word != "no drift" and abs(gaps[1] - gaps[0]) >= MISSING:
            was, now = (f"{100 * one:.0f} %" for one in gaps)
            return (
                f"{self.column}{weight} {changed}: {was} of its values were missing, "
                f"now {now}"
            )
        how = self._class_change()
        if not self.classes:
            was, now = (format_number(one.get("mean")) for one in self._sides)
            how = f": its mean was {was}, now {now}"
        return f"{self.column}{weight} {changed}{how}"

    @property
    def _sides(self) -> tuple[Column, Column]:
        return self.before, self.after

    def _class_change(self) -> str:
        """Say which class's share of the rows has changed most; a mean says nothing."""
        shares = []
        for side in self._sides:
            counts = {int(value): count for value, count in side.get("values") or ()}
            rows = sum(counts.values()) or 1
            shares.append([counts.get(n, 0) / rows for n in range(len(self.classes))])
        pairs = zip(self.classes, *shares, strict=True)
        ordered = sorted(pairs, key=lambda one: -abs(one[2] - one[1]))
        if not ordered or ordered[0][1] == ordered[0][2]:
            return ""
        name, was, now = ordered[0]
        return f": {100 * was:.0f} % of the rows were {name}, now {100 * now:.0f} %"


def drift(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    importance: Mapping[str, float] | None = None,
    classes: Mapping[str, tuple[Sequence[str], Sequence[str]]] | None = None,
) -> list[Drift]:
    """Compare two summaries by column: what has drifted first, the important before.

    Args:
        importance: by feature its share of the mean absolute SHAP values.
        classes: of a label of several classes what its values 0, 1, 2, ... are called,
            before and after.
    """
    named = {
        one: list(dict.fromkeys([*b, *a])) for one, (a, b) in (classes or {}).items()
    }
    old, new = dict(before.get("columns", {})), after.get("columns", {})
    for name, (names, _) in (classes or {}).items():
        if name in old:
            old[name] = _renumber(old[name], [named[name].index(one) for one in names])
    rows = before.get("rows", 0), after.get("rows", 0)
    names = list({**new, **old})
    both = [name for name in names if name in old and name in new]
    adjusted = benjamini_hochberg(
        [chance_of_equality(old[one], new[one], *rows) for one in both]
    )
    p_values = dict(zip(both, adjusted, strict=True))
    weights = importance or {}
    found = [
        replace(
            _compare_column(
                name,
                old.get(name),
                new.get(name),
                p_values.get(name),
                named.get(name, ()),
            ),
            importance=weights.get(name),
        )
        for name in names
    ]
    return sorted(
        found,
        key=lambda one: (ORDER.index(one.word), -(one.importance or 0), -one.effect),
    )


def _renumber(column: Column, numbers: Sequence[int]) -> Column:
    """Return a column of classes with other numbers, if its values are counted."""
    if "values" not in column:
        return column
    values = [(float(numbers[int(value)]), count) for value, count in column["values"]]
    return {**column, "values": sorted(values)}


def _compare_column(
    name: str,
    before: Column | None,
    after: Column | None,
    p_value: float | None,
    classes: Sequence[str] = (),
) -> Drift:
    if before is None or after is None:
        word: Word = "gone" if after is None else "new"
        old, new = before or {}, after or {}
        return Drift(column=name, word=word, index=None, before=old, after=new)
    index = population_stability_index(before, after)
    # Numbers that stand for classes are no further apart than others.
    distance = None if classes else wasserstein(before, after)
    word = "no drift"
    if p_value is not None and p_value < FALSE_DISCOVERIES:
        if index >= STRONG_INDEX or (distance or 0) >= STRONG_DISTANCE:
            word = "strong drift"
        elif index >= INDEX or (distance or 0) >= DISTANCE:
            word = "drift"
    return Drift(
        column=name,
        word=word,
        index=index,
        distance=distance,
        p_value=p_value,
        before=before,
        after=after,
        bars=common_bins(before, after),
        classes=classes,
    )
