"""How far two columns differ is what their rows say, told by summaries alone."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lifecycle.data import summarise
from lifecycle.statistics.drift import population_stability_index, wasserstein

RNG = np.random.default_rng(7)
NORMAL = RNG.normal(0, 1, 5000)


def column(values):
    return summarise(pd.DataFrame({"x": values}))["columns"]["x"]


def exact(before, after, edges):
    """Compute the index from the rows themselves."""
    bins = [-np.inf, *edges, np.inf]
    shares = [np.histogram(one, bins)[0] / len(one) for one in (before, after)]
    old, new = (np.maximum(one, 1e-4) for one in shares)
    return float(((new - old) * np.log(new / old)).sum())


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3, 0.6])
def test_the_index_is_that_of_the_rows(shift):
    """A hundred percentiles are enough to estimate it."""
    moved = RNG.normal(shift, 1, 5000)
    tenths = np.quantile(NORMAL, np.arange(0.1, 1, 0.1))
    expected = exact(NORMAL, moved, tenths)

    index = population_stability_index(column(NORMAL), column(moved))

    assert index == pytest.approx(expected, rel=0.15, abs=0.003)


def test_the_same_rows_have_not_drifted():
    """Few values, many, ties, or none at all."""
    for values in ([0, 1, 1], NORMAL, np.r_[np.zeros(900), NORMAL[:100]], [np.nan] * 3):
        assert population_stability_index(column(values), column(values)) == 0


def test_a_new_value_moves_a_column():
    """For example the code of a new kind of customer."""
    before = column([0, 1] * 500)
    after = column([0, 1, 2, 2] * 250)

    assert population_stability_index(before, after) > 0.25


def test_missing_values_move_a_column():
    """Half of the values are lost, even if the others are the same."""
    lost = np.where(np.arange(5000) % 2, NORMAL, np.nan)

    assert population_stability_index(column(NORMAL), column(lost)) > 0.25


@pytest.mark.parametrize("shift", [0.0, 0.2, 1.0])
def test_the_distance_is_scipys_in_standard_deviations(shift):
    """For many values, which percentiles stand for, and for few, which are counted."""
    many = RNG.gamma(3, 2, 4000), RNG.gamma(3, 2, 4000) + shift
    few = RNG.integers(0, 5, 4000), RNG.integers(0, 5, 4000) + shift

    for before, after in (many, few):
        spread = np.sqrt((before.var() + after.var()) / 2)
        expected = stats.wasserstein_distance(before, after) / spread
        found = wasserstein(column(before), column(after))
        assert found == pytest.approx(expected, rel=0.05, abs=0.02)
