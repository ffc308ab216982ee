"""How sure a metric is: bootstrap intervals and paired comparisons.

Everything is computed with NumPy. A metric is a function of row weights (weighted.py),
so that one matrix of them, resamples x rows, serves all metrics of both models.

Sources:
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 14: the
        bias-corrected and accelerated (BCa) interval.
    Hesterberg, What Teachers Should Know About the Bootstrap, 2015: why intervals of
        few rows are expanded.
    Clopper and Pearson, The Use of Confidence Limits, 1934: the interval of a share.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np

from lifecycle.statistics.comparison import (
    CONFIDENCE,
    MIN_ROWS,
    Comparison,
    Estimate,
)
from lifecycle.statistics.decision import Decision
from lifecycle.statistics.weighted import Array, Share, Statistic, metric_statistic

# Truth and prediction to metrics by name; with a threshold for a classification.
Measure = Callable[..., Mapping[str, float]]

RESAMPLES = 2000
SEED = 0
# The largest relative difference at which a metric counts as the one known by its name.
SAME = 1e-6
# Resamples of a metric that has to be measured on each of them.
MEASURED_RESAMPLES = 200
# Weights in memory at a time: 32 MB; and in all, which many rows share.
CHUNK = 4_000_000
BUDGET = 20_000_000
# At least so many resamples. Where many rows, or a slow metric, leave fewer than
# QUANTILE_RESAMPLES, the interval comes from their standard deviation.
FEW_RESAMPLES = 100
QUANTILE_RESAMPLES = 1000
# Above so many rows the jackknife leaves out groups of rows instead of single ones.
JACKKNIFE_ROWS = 400
# With fewer rows no interval is right, and the expansion would be far too wide.
LEAST_EXPANDED = 10
# A larger share of resamples without a value, as of one class only, gives no interval.
MAX_WITHOUT_VALUE = 0.1
NORMAL = NormalDist()


# ---- Statistics of what a notebook measures


def statistics_of(
    measure: Measure,
    truth: Any,
    prediction: Any,
    decision: Decision | None = None,
    classes: Sequence[str] = (),
) -> dict[str, Statistic]:
    """Return what a notebook measures, metric by metric, as functions of row weights.

    Args:
        decision: whose threshold `measure` takes as its third argument, if there is
            one.
        classes: the names of the columns of a multiclass model's prediction.
    """
    makers = statistic_makers(measure, truth, prediction, decision, classes)
    return {name: make(truth, prediction) for name, make in makers.items()}


def statistic_makers(
    measure: Measure,
    truth: Any,
    prediction: Any,
    decision: Decision | None = None,
    classes: Sequence[str] = (),
) -> dict[str, Callable[[Any, Any], Statistic]]:
    """Return by metric what makes its statistic, of these rows or of some of them.

    A metric that is known here by name and value is computed from the weights; any
    other is measured again on every resample.
    """
    if decision:
        measure = partial(measure, threshold=decision.threshold)
    everything = np.ones((1, len(truth)))
    chosen = decision or Decision()
    found: dict[str, Callable[[Any, Any], Statistic]] = {}
    for name, value in measure(truth, prediction).items():
        found[name] = partial(_Measured, measure, name)
        known = partial(
            metric_statistic,
            name,
            threshold=chosen.threshold,
            costs=chosen.costs,
            classes=classes,
        )
        with suppress(KeyError):
            same = known(truth, prediction)(everything)[0]
            if np.isclose(same, value, rtol=SAME, equal_nan=True):
                found[name] = known
    return found


class _Measured:
    """A metric that is measured again on the rows of every resample."""

    resamples = MEASURED_RESAMPLES

    def __init__(
        self,
        measure: Measure,
        name: str,
        truth: Any,
        prediction: Any,
    ) -> None:
        self.measure, self.name = measure, name
        self.columns = np.asarray(truth), np.asarray(prediction)

    def __call__(self, weights: Array) -> Array:
        places = np.arange(len(self.columns[0]))
        return np.array(
            [self._value(np.repeat(places, row)) for row in weights.astype(int)]
        )

    def _value(self, rows: Any) -> float:
        truth, prediction = (column[rows] for column in self.columns)
        try:
            return float(self.measure(truth, prediction)[self.name])
        except ValueError:
            # scikit-learn refuses some metrics where all rows are of one class.
            return math.nan


# ---- Intervals


def estimate(
    statistics: Mapping[str, Statistic],
    rows: int,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    may_be_exact: bool = False,
) -> dict[str, Estimate]:
    """Return each statistic with its bootstrap interval (BCa), on the same resamples.

    Args:
        rows: the number of rows that the statistics take weights of.
        confidence: the share of samples whose interval covers the true value.
        may_be_exact: whether a statistic that is the same in all resamples is known
            exactly, as the difference of two equal models; else it has no interval,
            but for a share of rows, as of a model that was right on all of few.
    """
    everything = np.ones((1, rows))
    values = {name: float(one(everything)[0]) for name, one in statistics.items()}
    if rows < 2:
        nothing = {"low": math.nan, "high": math.nan}
        return {name: Estimate(value=one, **nothing) for name, one in values.items()}
    wanted = {
        name: _affordable(one, rows, resamples) for name, one in statistics.items()
    }
    resamples = max(wanted.values(), default=0)
    drawn: dict[str, list[Array]] = {name: [] for name in statistics}
    for start, weights in _resample(rows, resamples, seed):
        for name, statistic in statistics.items():
            if wanted[name] > start:
                drawn[name].append(statistic(weights[: wanted[name] - start]))
    left_out: dict[str, list[Array]] = {name: [np.empty(0)] for name in statistics}
    for weights in _leave_out(rows):
        for name, statistic in statistics.items():
            if wanted[name] >= QUANTILE_RESAMPLES:
                left_out[name].append(statistic(weights))
    found = {}
    for name, value in values.items():
        parts = np.concatenate(drawn[name]), np.concatenate(left_out[name])
        one = _bca(value, *parts, _expand(confidence, rows))
        is_exact = one.high - one.low <= 1e-12 * max(1.0, abs(value))
        # Of few rows, as of a rare class, the bootstrap's end is far off.
        counted = getattr(statistics[name], "rows", MIN_ROWS)
        if (is_exact or counted < MIN_ROWS) and not may_be_exact:
            one = _without_spread(value, statistics[name], confidence)
        found[name] = one
    return found


def _affordable(statistic: Statistic, rows: int, resamples: int) -> int:
    """Return how many resamples a statistic of so many rows is computed on."""
    passes = getattr(statistic, "passes", 1)
    budget = max(FEW_RESAMPLES, BUDGET // max(rows * passes, 1))
    return min(resamples, budget, getattr(statistic, "resamples", resamples))


def _without_spread(value: float, statistic: Statistic, confidence: float) -> Estimate:
    """Return the exact interval of a share; without one of what is no share."""
    low, high = math.nan, math.nan
    if isinstance(statistic, Share) and statistic.rows:
        low, high = share_interval(
            statistic.hits, statistic.rows, confidence=confidence
        )
    return Estimate(value=value, low=low, high=high)


def share_interval(
    hits: float, rows: int, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the exact interval of a share of rows; it is never of width zero."""
    tail, places = (1 - confidence) / 2, np.arange(rows + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.maximum(places[1:], 1)))])
    ways = logs[-1] - logs - logs[::-1]

    def chance(share: float, chosen: slice) -> float:
        terms = places * math.log(share) + (rows - places) * math.log1p(-share)
        return float(np.exp((ways + terms)[chosen]).sum())

    count = round(hits)
    at_least, at_most = slice(count, None), slice(None, count + 1)
    low = _bisect(lambda share: chance(share, at_least) < tail) if count else 0.0
    high = _bisect(lambda share: chance(share, at_most) > tail) if count < rows else 1.0
    return low, high


def mean_interval(
    values: Any, *, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return Student's interval of a mean; NaN without any spread.

    For high confidence from few rows it holds where a bootstrap is too narrow.
    """
    rows = np.asarray(values, dtype=float)
    freedom = len(rows) - 1
    spread = float(rows.std(ddof=1)) if freedom > 0 else 0.0
    if not spread:
        return math.nan, math.nan
    half = _student((1 + confidence) / 2, freedom) * spread / math.sqrt(len(rows))
    return float(rows.mean()) - half, float(rows.mean()) + half


def _student(share: float, freedom: int) -> float:
    """Return a quantile of Student's distribution, by Cornish and Fisher's expansion.

    For 20 degrees of freedom and more it is right to three digits.
    """
    z = NORMAL.inv_cdf(share)
    first = (z**3 + z) / (4 * freedom)
    return z + first + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def _bisect(is_below: Callable[[float], bool]) -> float:
    """Return where a condition ends to hold, between 0 and 1."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def compare(
    candidate: Mapping[str, Statistic],
    live: Mapping[str, Statistic],
    rows: int,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Comparison]:
    """Compare two models metric by metric, on the same resamples of the same rows.

    Args:
        candidate: statistics by metric; a metric that `live` lacks is left out.
    """
    both = [metric for metric in candidate if metric in live]
    differences = {metric: _Minus(candidate[metric], live[metric]) for metric in both}
    estimates = estimate(
        differences,
        rows,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
        may_be_exact=True,
    )
    everything = np.ones((1, rows))
    return {
        metric: Comparison(
            metric=metric,
            candidate=float(candidate[metric](everything)[0]),
            live=float(live[metric](everything)[0]),
            difference=estimates[metric],
            rows=rows,
        )
        for metric in both
    }


class _Minus:
    """The difference of two metrics on the same weights."""

    def __init__(self, first: Statistic, second: Statistic) -> None:
        self.first, self.second = first, second
        limits = [getattr(one, "resamples", RESAMPLES) for one in (first, second)]
        self.resamples = min(limits)
        self.passes = max(getattr(one, "passes", 1) for one in (first, second))

    def __call__(self, weights: Array) -> Array:
        return self.first(weights) - self.second(weights)


def _resample(rows: int, resamples: int, seed: int) -> Iterator[tuple[int, Array]]:
    """Draw bootstrap weights, how often each row is in each resample, in chunks.

    With each chunk comes the number of resamples before it.
    """
    random = np.random.default_rng(seed)
    size = max(1, min(resamples, CHUNK // max(rows, 1)))
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        drawn = random.integers(0, rows, size=(count, rows))
        drawn += rows * np.arange(count)[:, np.newaxis]
        weights = np.bincount(drawn.ravel(), minlength=count * rows)
        yield start, weights.reshape(count, rows).astype(float)


def _leave_out(rows: int) -> Iterator[Array]:
    """Leave out each row once, or each of JACKKNIFE_ROWS groups of many rows."""
    groups = np.arange(rows) % min(rows, JACKKNIFE_ROWS)
    count = min(rows, JACKKNIFE_ROWS)
    size = max(1, CHUNK // max(rows, 1))
    for start in range(0, count, size):
        out = np.arange(start, min(start + size, count))[:, np.newaxis]
        yield (groups[np.newaxis, :] != out).astype(float)


def _expand(confidence: float, rows: int) -> float:
    """Return the confidence at which a bootstrap of few rows holds what it should.

    Resamples vary less than samples, by n - 1 to n, and their quantiles are those of
    the normal distribution where Student's are right.
    """
    if rows < LEAST_EXPANDED:
        return confidence
    quantile = _student((1 + confidence) / 2, rows - 1) * math.sqrt(rows / (rows - 1))
    return 2 * NORMAL.cdf(quantile) - 1


def _bca(value: float, drawn: Array, left_out: Array, confidence: float) -> Estimate:
    """Return the bias-corrected and accelerated interval of a bootstrap."""
    finite = drawn[np.isfinite(drawn)]
    too_few = len(finite) < (1 - MAX_WITHOUT_VALUE) * len(drawn)
    if too_few or not math.isfinite(value):
        return Estimate(value=value, low=math.nan, high=math.nan)
    drawn = np.sort(finite)
    if len(drawn) < QUANTILE_RESAMPLES:
        half = NORMAL.inv_cdf((1 + confidence) / 2) * float(drawn.std(ddof=1))
        return Estimate(value=value, low=value - half, high=value + half)
    # Resamples that equal the value count half: counts and shares are discrete.
    tolerance = 1e-12 * max(1.0, abs(value))
    below = np.sum(drawn < value - tolerance)
    equal = np.sum(np.abs(drawn - value) <= tolerance)
    share = (below + equal / 2) / len(drawn)
    edge = 1 / (2 * len(drawn))
    bias = NORMAL.inv_cdf(float(np.clip(share, edge, 1 - edge)))
    distances = left_out[np.isfinite(left_out)]
    distances = distances.mean() - distances if len(distances) else distances
    spread = float(np.sum(distances**2)) ** 1.5
    acceleration = float(np.sum(distances**3)) / (6 * spread) if spread else 0.0
    low, high = (
        float(np.quantile(drawn, _moved(tail, bias, acceleration)))
        for tail in ((1 - confidence) / 2, (1 + confidence) / 2)
    )
    return Estimate(value=value, low=low, high=high)


def _moved(tail: float, bias: float, acceleration: float) -> float:
    """Return the quantile of the resamples that stands for a tail of the interval."""
    normal = bias + NORMAL.inv_cdf(tail)
    return NORMAL.cdf(bias + normal / max(1 - acceleration * normal, 1e-3))
