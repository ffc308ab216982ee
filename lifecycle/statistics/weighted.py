"""Metrics as functions of row weights, which bootstrap intervals are made of.

One matrix of weights, resamples x rows, gives a metric's value on each resample. Their
values are scikit-learn's.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecycle.statistics.comparison import OF, class_of
from lifecycle.statistics.decision import HALF, cost_per_row

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
# Row weights, resamples x rows, to one value per resample.
Statistic = Callable[[Array], Array]


def metric_statistic(
    metric: str,
    truth: Any,
    prediction: Any,
    *,
    threshold: float = HALF,
    costs: Mapping[str, float] | None = None,
    classes: Sequence[str] = (),
) -> Statistic:
    """Return a metric of scikit-learn's, or the mean cost, as a function of weights.

    Args:
        metric: "cost" or a name in METRICS or DECISIONS; of a multiclass model, in
            CLASS_METRICS, or of a class in OF_CLASS, as "recall of Adelie".
        truth: one value per row; 0 or 1 for a classification.
        prediction: one value per row; a probability for a classification; of a
            multiclass model, rows x classes.
        threshold: from which probability on a row counts as positive.
        costs: of a row by outcome, for "cost".
        classes: the names of the columns of a multiclass model's prediction.

    Raises:
        KeyError: the metric is not known.
    """
    if classes:
        return _class_statistic(metric, truth, np.asarray(prediction), classes)
    rows = np.asarray(truth, dtype=float), np.asarray(prediction, dtype=float)
    if metric in METRICS:
        return METRICS[metric](*rows)
    known, positive = rows[0] == 1, rows[1] >= threshold
    if metric == "cost" and costs:
        return row_mean(cost_per_row(known, positive, costs))
    return DECISIONS[metric](known, positive)


def row_mean(values: Any) -> Statistic:
    """Return the mean of one value per row, for instance of its cost."""
    rows = np.asarray(values, dtype=float)
    return lambda weights: _divide(weights @ rows, weights.sum(axis=1))


def _rmse(truth: Array, prediction: Array) -> Statistic:
    mse = row_mean((prediction - truth) ** 2)
    return lambda weights: np.sqrt(mse(weights))


def _r2(truth: Array, prediction: Array) -> Statistic:
    centred = truth - truth.mean()
    mean, square = row_mean(centred), row_mean(centred**2)
    mse = row_mean((prediction - truth) ** 2)

    def statistic(weights: Array) -> Array:
        variance = square(weights) - mean(weights) ** 2
        return 1 - _divide(mse(weights), variance)

    return statistic


def _auc(truth: Array, prediction: Array) -> Statistic:
    """Return the share of pairs that are ordered rightly; a tie counts one half."""
    positive, negative = np.flatnonzero(truth == 1), np.flatnonzero(truth != 1)
    negative = negative[np.argsort(prediction[negative], kind="stable")]
    # How many negative rows have less than a positive one, and how many at most that.
    less, most = (
        np.searchsorted(prediction[negative], prediction[positive], side)
        for side in ("left", "right")
    )
    has_ties = not np.array_equal(less, most)

    def statistic(weights: Array) -> Array:
        hits = weights[:, positive]
        sums = np.zeros((len(weights), len(negative) + 1))
        np.cumsum(weights[:, negative], axis=1, out=sums[:, 1:])
        below = sums[:, less]
        if has_ties:
            below = (below + sums[:, most]) / 2
        pairs = hits.sum(axis=1) * sums[:, -1]
        return _divide(np.einsum("ij,ij->i", hits, below), pairs)

    return statistic


def _logloss(truth: Array, prediction: Array) -> Statistic:
    smallest = np.finfo(np.float32).eps
    sure = np.clip(prediction, smallest, 1 - smallest)
    return row_mean(-np.where(truth == 1, np.log(sure), np.log1p(-sure)))


def _precision(truth: Mask, positive: Mask) -> Statistic:
    return _ratio(truth & positive, positive)


def _recall(truth: Mask, positive: Mask) -> Statistic:
    return _ratio(truth & positive, truth)


def _f1(truth: Mask, positive: Mask) -> Statistic:
    return _ratio(2.0 * (truth & positive), truth.astype(float) + positive)


def _ratio(part: Any, whole: Any) -> Statistic:
    """Divide two sums; 0 where the second is 0, as scikit-learn does."""
    above, below = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return lambda weights: np.nan_to_num(_divide(weights @ above, weights @ below))


def _divide(above: Array, below: Array) -> Array:
    """Divide; NaN where the divisor is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


METRICS: Mapping[str, Callable[[Any, Any], Statistic]] = {
    "rmse": _rmse,
    "mse": lambda truth, prediction: row_mean((prediction - truth) ** 2),
    "mae": lambda truth, prediction: row_mean(np.abs(prediction - truth)),
    "r2": _r2,
    "auc": _auc,
    "logloss": _logloss,
    "brier": lambda truth, prediction: row_mean((prediction - truth) ** 2),
}
# Metrics of what is decided at a threshold.
DECISIONS: Mapping[str, Callable[[Any, Any], Statistic]] = {
    "accuracy": lambda truth, positive: row_mean(truth == positive),
    "error": lambda truth, positive: row_mean(truth != positive),
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
}


# ---- Of several classes


def _class_statistic(
    metric: str, truth: Any, probability: Any, classes: Sequence[str]
) -> Statistic:
    """Return a metric of a multiclass model, which decides for the likeliest class."""
    known, decided = np.asarray(truth).astype(int), probability.argmax(axis=1)
    if name := class_of(metric):
        place = dict(zip(classes, range(len(classes)), strict=True))[name]
        measured = metric.removesuffix(f"{OF}{name}")
        return CLASS_RATIOS[measured](known == place, decided == place)
    if metric in CLASS_PROBABILITIES:
        return CLASS_PROBABILITIES[metric](known, probability)
    return CLASS_METRICS[metric](known, decided, len(classes))


class Share:
    """A share of rows as a function of their weights; NaN where none is counted.

    Attributes:
        hits, rows: counted without weights, for an exact interval.
    """

    def __init__(self, part: Any, whole: Any) -> None:
        self.part, self.whole = np.asarray(part, float), np.asarray(whole, float)
        self.hits, self.rows = int(self.part.sum()), int(self.whole.sum())

    def __call__(self, weights: Array) -> Array:
        return _divide(weights @ self.part, weights @ self.whole)


def _class_f1(truth: Mask, decided: Mask) -> Statistic:
    both, counted = 2.0 * (truth & decided), truth.astype(float) + decided
    return lambda weights: _divide(weights @ both, weights @ counted)


def _macro(measure: Callable[[Array, Array, Array], Array]) -> Callable[..., Statistic]:
    """Return the mean of a measure over the classes that the rows are of.

    Args:
        measure: of what is hit, true and decided, each resamples x classes.
    """

    def statistic_of(truth: Any, decided: Any, count: int) -> Statistic:
        are, seem = (np.eye(count)[one] for one in (truth, decided))

        def statistic(weights: Array) -> Array:
            hits, true, positive = (weights @ one for one in (are * seem, are, seem))
            values = np.where(true > 0, measure(hits, true, positive), 0.0)
            return _divide(values.sum(axis=1), (true > 0).sum(axis=1))

        return statistic

    return statistic_of


def _class_logloss(truth: Any, probability: Any) -> Statistic:
    smallest = np.finfo(probability.dtype).eps
    sure = np.clip(probability, smallest, 1 - smallest).astype(float)
    return row_mean(-np.log(sure[np.arange(len(truth)), truth]))


class _AucOvr:
    """The mean over the classes of the AUC of each against the rest.

    Attributes:
        passes: how often it goes through the weights, where others do so once or twice.
    """

    def __init__(self, truth: Any, probability: Any) -> None:
        self.each = [
            _auc((truth == place).astype(float), probability[:, place].astype(float))
            for place in range(probability.shape[1])
            if (truth == place).any()
        ]
        self.passes = len(self.each)

    def __call__(self, weights: Array) -> Array:
        values = np.stack([one(weights) for one in self.each])
        found = np.isfinite(values)
        return _divide(np.where(found, values, 0.0).sum(axis=0), found.sum(axis=0))


# Of one class: of the rows that are of it, and those that are taken for it.
CLASS_RATIOS: Mapping[str, Callable[[Mask, Mask], Statistic]] = {
    "recall": lambda truth, decided: Share(truth & decided, truth),
    "precision": lambda truth, decided: Share(truth & decided, decided),
    "f1": _class_f1,
}
CLASS_PROBABILITIES: Mapping[str, Callable[[Any, Any], Statistic]] = {
    "logloss": _class_logloss,
    "roc_auc_ovr": _AucOvr,
}
_recall_macro = _macro(lambda hits, true, _: _divide(hits, true))
CLASS_METRICS: Mapping[str, Callable[..., Statistic]] = {
    "accuracy": lambda truth, decided, _: Share(truth == decided, np.ones(len(truth))),
    "balanced_accuracy": _recall_macro,
    "recall_macro": _recall_macro,
    "precision_macro": _macro(
        lambda hits, _, positive: np.nan_to_num(_divide(hits, positive))
    ),
    "f1_macro": _macro(lambda hits, true, positive: _divide(2 * hits, true + positive)),
}
