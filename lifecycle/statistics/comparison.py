"""What a comparison with the live model says, in words and in numbers.

Imports nothing heavy: a page is made of it where neither pandas nor boto3 is installed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Bounds = Mapping[str, float | None]
Answer = Literal[
    "better", "worse", "different", "no detectable difference", "not comparable"
]

LOWER_IS_BETTER = frozenset(
    {"brier", "cost", "error", "logloss", "mae", "mape", "mse", "rmse"}
)
HIGHER_IS_BETTER = frozenset(
    """
    accuracy auc balanced_accuracy f1 f1_macro precision precision_macro r2 recall
    recall_macro roc_auc_ovr
    """.split()  # noqa: SIM905, a list of names reads better unquoted
)
# Between a metric and the class that it is of, as `recall of Adelie`.
OF = " of "
# What is measured of each class.
OF_CLASS = ("recall", "precision", "f1")
# Significant digits of a number.
DIGITS = 4
# The share of samples whose interval holds the true value.
CONFIDENCE = 0.95
# Two models are compared on at least so many rows, and a group of rows is judged on so
# many: of fewer, the interval of an RMSE holds less often than it says.
MIN_ROWS = 50


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value and its 95 % confidence interval; NaN where the rows give none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A metric of two models on the same rows.

    `difference` is the candidate's value minus the live model's, in the metric's unit.
    """

    metric: str
    candidate: float
    live: float
    difference: Estimate
    rows: int

    def answer(self, bounds: Bounds | None = None) -> Answer:
        """Say in words how the candidate compares.

        Args:
            bounds: the metric's gate, which says whether less is better.
        """
        low, high = self.difference.low, self.difference.high
        if math.isnan(low) or math.isnan(high):
            return "not comparable"
        if low <= 0 <= high:
            return "no detectable difference"
        less = lower_is_better(self.metric, bounds or {})
        if less is None:
            return "different"
        return "better" if less == (high < 0) else "worse"


@dataclass(frozen=True, kw_only=True)
class SliceGroup:
    """The metrics of one group of test rows, as of all rows with one value of a column.

    Attributes:
        metrics: by name; empty where the group has fewer than MIN_ROWS rows.
    """

    column: str
    group: str
    rows: int
    metrics: Mapping[str, Estimate]


def worst_first(
    groups: Iterable[SliceGroup], metric: str, bounds: Bounds | None = None
) -> list[SliceGroup]:
    """Sort groups by a metric, the worst first; those without a value come last.

    Args:
        bounds: the metric's gate, which says whether less is better.
    """
    less = lower_is_better(metric, bounds or {})

    def place(one: SliceGroup) -> tuple[bool, float, int]:
        found = one.metrics.get(metric)
        if found is None or math.isnan(found.value) or less is None:
            return True, 0.0, -one.rows
        return False, -found.value if less else found.value, -one.rows

    return sorted(groups, key=place)


def lower_is_better(metric: str, bounds: Bounds) -> bool | None:
    """Return whether less of a metric is better; None if nothing says it.

    Args:
        bounds: the metric's gate; its direction counts more than the metric's name.
    """
    for rule, less in (("max", True), ("min", False)):
        if bounds.get(rule) is not None:
            return less
    measured = metric.partition(OF)[0] if class_of(metric) else metric
    if measured in LOWER_IS_BETTER or measured in HIGHER_IS_BETTER:
        return measured in LOWER_IS_BETTER
    return None


def class_of(metric: str) -> str:
    """Return the class that a metric is of, as "Adelie" of `recall of Adelie`.

    Returns:
        "" for a metric of all classes.
    """
    measured, _, name = metric.partition(OF)
    return name if measured in OF_CLASS else ""


def format_number(value: object, digits: int = DIGITS) -> str:
    """Format a number with some significant digits, without an exponent below 1e6."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-"
    short = f"{value:.{digits}g}"
    if "e" not in short or not 1e-6 <= abs(value) < 1e6:
        return short
    text = f"{float(short):.12f}"
    return text.rstrip("0").rstrip(".")


def format_interval(interval: Sequence[float] | None) -> str:
    """Format an interval, with the decimals to which its width gives a meaning."""
    if interval is None or not all(map(math.isfinite, interval)):
        return "-"
    return " to ".join(format_within(one, interval) for one in interval)


def format_estimate(found: Estimate) -> str:
    """Format a value with its interval; a dash where there is no value."""
    interval = (found.low, found.high)
    if any(map(math.isnan, interval)):
        return format_number(found.value, 3) if math.isfinite(found.value) else "-"
    return f"{format_within(found.value, interval)} ({format_interval(interval)})"


def format_within(value: float, interval: Sequence[float] | None) -> str:
    """Format a number with no more decimals than its interval gives a meaning to."""
    if not interval or not all(map(math.isfinite, (value, *interval))):
        return format_number(value)
    half = abs(interval[1] - interval[0]) / 2
    size = max(abs(value), *map(abs, interval))
    if not half or not size or size >= 1e6:
        return format_number(value)
    # Two digits of half the width, and no more than DIGITS of the number.
    decimals = min(
        1 - math.floor(math.log10(half)), DIGITS - 1 - math.floor(math.log10(size))
    )
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text if float(text) else text.removeprefix("-")
