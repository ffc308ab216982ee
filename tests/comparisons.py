"""Comparisons of a candidate with a live model, without any model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lifecycle.statistics.comparison import Comparison, Estimate


@dataclass(frozen=True, kw_only=True)
class Score:
    """What gates need of the live model's score."""

    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    reason: str = ""


def comparison(
    candidate: float,
    live: float,
    low: float,
    high: float,
    metric: str = "rmse",
    rows: int = 400,
) -> Comparison:
    """Compare two values whose difference has this interval."""
    difference = Estimate(value=candidate - live, low=low, high=high)
    return Comparison(
        metric=metric, candidate=candidate, live=live, difference=difference, rows=rows
    )


def compared(*values: float, **more: Any) -> Score:
    """Return the score of a live model that was compared in one metric."""
    one = comparison(*values, **more)
    return Score(comparisons={one.metric: one})


def sure(candidate: float, live: float, metric: str = "rmse") -> Score:
    """Compare two values of which chance explains nothing."""
    difference = candidate - live
    margin = 0.001 * abs(difference)
    return compared(
        candidate, live, difference - margin, difference + margin, metric=metric
    )


def shown(score: Score, rows: int = 400) -> dict[str, Any]:
    """Return what an evaluation shows of a live model's score."""
    compared = {metric: asdict(one) for metric, one in score.comparisons.items()}
    metrics = {metric: one.live for metric, one in score.comparisons.items()}
    return {
        "live": {"version": 1},
        "metrics": metrics,
        "comparisons": compared,
        "rows": rows if compared else 0,
        "left_out": 0,
        "reason": score.reason,
    }
