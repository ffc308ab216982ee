"""What a probability leads to: a threshold, and what its mistakes cost.

`decision` of model.yaml gives the cost of a row by what was decided and what was true.
The threshold that costs least is chosen on the validation rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lifecycle.statistics.comparison import format_number

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

# The threshold of a classification whose mistakes have no known costs.
HALF = 0.5
OUTCOMES = ("true_positive", "false_positive", "false_negative", "true_negative")
MAX_DECIMALS = 9
# No probability is as large, also in 32 bits.
ABOVE_ALL = 1.000001


@dataclass(frozen=True, kw_only=True)
class Decision:
    """From which probability on a row counts as positive, and what that costs.

    Attributes:
        costs: of a row, by its outcome, as "false_positive"; empty if they are unknown.
        unit: of the costs, as "$".
    """

    threshold: float = HALF
    costs: Mapping[str, float] = field(default_factory=dict)
    unit: str = ""

    def __str__(self) -> str:
        if not self.costs:
            return f"threshold {format_number(self.threshold)}, without costs"
        return f"cheapest on the validation rows: {format_number(self.threshold)}"


def choose_threshold(
    decision: Mapping[str, Any], truth: Any, probability: Any
) -> Decision:
    """Return the decision that costs least on some rows, which are not the test rows.

    Args:
        decision: as in model.yaml: the cost of a row by outcome, and their `unit`; if
            it is empty the threshold is one half.
        truth: 0 or 1 per row.
    """
    unit = str(decision.get("unit") or "")
    costs = {one: float(decision.get(one) or 0) for one in OUTCOMES}
    if not any(costs.values()):
        return Decision(unit=unit)
    thresholds, means = cost_curve(truth, probability, costs)
    threshold = float(thresholds[int(means.argmin())])
    return Decision(threshold=threshold, costs=costs, unit=unit)


def cost_curve(
    truth: Any, probability: Any, costs: Mapping[str, float]
) -> "tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]":
    """Return all thresholds that decide differently, and the mean cost at each."""
    import numpy as np

    order = np.argsort(-np.asarray(probability, dtype=float), kind="stable")
    falling = np.asarray(probability, dtype=float)[order]
    positive = np.ones(len(order), dtype=bool)
    ordered = np.asarray(truth)[order]
    as_positive = cost_per_row(ordered, positive, costs)
    as_negative = cost_per_row(ordered, ~positive, costs)
    # With so many rows, the first, predicted positive.
    totals = as_negative.sum() + np.concatenate(
        [[0.0], np.cumsum(as_positive - as_negative)]
    )
    cuts = [0, *(np.flatnonzero(np.diff(falling)) + 1), len(falling)]
    bounds = np.concatenate([[1.0], falling, [0.0]])
    thresholds = [_between(bounds[cut + 1], bounds[cut]) for cut in cuts[1:-1]]
    thresholds = [ABOVE_ALL, *thresholds, 0.0]
    return np.array(thresholds), totals[cuts] / max(len(falling), 1)


def cost_per_row(
    truth: Any, positive: Any, costs: Mapping[str, float]
) -> "npt.NDArray[np.float64]":
    """Return what each row costs.

    Args:
        truth: 0 or 1 per row.
        positive: whether each row is predicted positive.
    """
    import numpy as np

    known, decided = np.asarray(truth) == 1, np.asarray(positive, dtype=bool)
    right = np.where(known, costs["true_positive"], costs["true_negative"])
    wrong = np.where(known, costs["false_negative"], costs["false_positive"])
    return np.where(known == decided, right, wrong).astype(float)


def mean_cost(truth: Any, positive: Any, decision: Mapping[str, Any]) -> float:
    """Return what a row costs on average.

    Args:
        decision: as in model.yaml.
    """
    costs = {one: float(decision.get(one) or 0) for one in OUTCOMES}
    return float(cost_per_row(truth, positive, costs).mean())


def confusion(truth: Any, probability: Any, chosen: Decision) -> dict[str, Any]:
    """Count the rows by outcome at a threshold, with what they cost.

    Returns:
        `threshold`, `costs`, `unit`, the rows of each outcome, and `cost`,
        `cost_of_none`, `cost_of_all`: per row at the threshold, if no row is taken for
        positive, and if all are; None where costs are unknown.
    """
    import numpy as np

    known = np.asarray(truth) == 1
    positive = np.asarray(probability) >= chosen.threshold
    counts = {
        "true_positive": known & positive,
        "false_positive": ~known & positive,
        "false_negative": known & ~positive,
        "true_negative": ~known & ~positive,
    }
    found: dict[str, Any] = {one: int(rows.sum()) for one, rows in counts.items()}
    strategies = {
        "cost": positive,
        "cost_of_none": np.zeros_like(positive),
        "cost_of_all": np.ones_like(positive),
    }
    for name, decided in strategies.items():
        known_cost = bool(chosen.costs)
        found[name] = mean_cost(known, decided, chosen.costs) if known_cost else None
    about = {"threshold": chosen.threshold, "costs": dict(chosen.costs)}
    return {**about, "unit": chosen.unit, **found}


def cost_table(found: Mapping[str, Any]) -> "pd.DataFrame":
    """Return what a row costs with the model and without one, cheapest first.

    Args:
        found: as `confusion` returns it.
    """
    import pandas as pd

    names = {
        "cost": "at the threshold",
        "cost_of_none": "if no row is predicted positive",
        "cost_of_all": "if every row is",
    }
    column = f"cost per row ({found['unit']})" if found["unit"] else "cost per row"
    costs = {said: found[name] for name, said in names.items()}
    known = sorted((cost, said) for said, cost in costs.items() if cost is not None)
    shown = {said: format_number(cost, 3) for cost, said in known}
    return pd.DataFrame({column: shown})


def _between(low: float, high: float) -> float:
    """Return a number above `low`, at most `high`, with as few decimals as there is."""
    middle = (low + high) / 2
    for decimals in range(2, MAX_DECIMALS):
        short = round(middle, decimals)
        if low < short <= high:
            return float(short)
    return float(middle)
