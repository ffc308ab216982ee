"""Whether chance explains the difference of two samples: as scipy says."""

import numpy as np
import pytest
from scipy import stats

from lifecycle.statistics.chance import (
    benjamini_hochberg,
    chi_squared,
    kolmogorov_smirnov,
)

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3])
def test_kolmogorov_and_smirnovs_test_is_scipys(shift):
    """The asymptotic one, with the correction for small samples."""
    known = stats.ks_2samp(
        RNG.normal(size=300), RNG.normal(shift, 1, 500), mode="asymp"
    )

    found = kolmogorov_smirnov(known.statistic, 300, 500)

    assert found == pytest.approx(known.pvalue, rel=0.1, abs=0.02)


@pytest.mark.parametrize("counts", [([30, 50, 20], [40, 45, 15]), ([90, 10], [70, 30])])
def test_the_chi_squared_test_is_scipys(counts):
    """Of two samples with the same categories."""
    known = stats.chi2_contingency(np.array(counts), correction=False)

    assert chi_squared(*counts) == pytest.approx(known.pvalue)


@pytest.mark.parametrize(
    ("counts", "others"),
    [([], []), ([10], [20]), ([0, 0], [5, 5]), ([1, 0, 0], [0, 1, 1])],
)
def test_counts_that_say_nothing_are_no_difference(counts, others):
    """One category, no rows, or too few of them."""
    assert chi_squared(counts, others) == 1.0


def test_no_rows_are_no_difference():
    """There is nothing to compare."""
    assert kolmogorov_smirnov(1.0, 0, 10) == 1.0


def test_p_values_of_many_tests_are_corrected_as_scipys():
    """By Benjamini and Hochberg."""
    values = [0.01, 0.02, 0.5, 0.03, 0.9]

    known = stats.false_discovery_control(values)

    assert benjamini_hochberg(values) == pytest.approx(known.tolist())
    assert benjamini_hochberg([]) == []
