"""Whether chance explains the difference of two samples: tests of their distributions.

Imports nothing heavy: a page is made of it where NumPy is not installed.

Sources:
    Press et al., Numerical Recipes, 3rd edition, 2007, section 14.3: the tests of
        Kolmogorov and Smirnov, and chi-squared, for two samples.
    Benjamini and Hochberg, Controlling the False Discovery Rate, 1995.
"""

import math
from collections.abc import Sequence

# The least number of rows that are expected in a category of the chi-squared test.
MIN_EXPECTED = 5


def kolmogorov_smirnov(distance: float, rows: int, others: int) -> float:
    """Return the p-value of the largest distance of two distribution functions.

    Args:
        distance: 0 to 1.
        rows: of the first sample; `others`: of the second.
    """
    size = math.sqrt(rows * others / (rows + others)) if rows and others else 0.0
    if not size:
        return 1.0
    scaled = (size + 0.12 + 0.11 / size) * distance
    if scaled < 0.2:
        return 1.0
    terms = (
        (1 if term % 2 else -1) * math.exp(-2 * (term * scaled) ** 2)
        for term in range(1, 101)
    )
    return min(1.0, max(0.0, 2 * sum(terms)))


def chi_squared(counts: Sequence[float], others: Sequence[float]) -> float:
    """Return the p-value of two samples having the same shares of categories.

    Categories of which fewer than 5 rows are expected in a sample are taken together.
    """
    pairs = _pooled(list(zip(counts, others, strict=True)))
    totals = [sum(column) for column in zip(*pairs, strict=True)]
    if len(pairs) < 2 or not all(totals):
        return 1.0
    whole = sum(totals)
    statistic = sum(
        (found - sum(pair) * total / whole) ** 2 / (sum(pair) * total / whole)
        for pair in pairs
        for found, total in zip(pair, totals, strict=True)
    )
    return _chi_squared_tail(statistic, len(pairs) - 1)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for many tests: the false discovery rate of each."""
    count = len(p_values)
    order = sorted(range(count), key=lambda place: p_values[place], reverse=True)
    adjusted, smallest = [1.0] * count, 1.0
    for rank, place in enumerate(order):
        smallest = min(smallest, p_values[place] * count / (count - rank))
        adjusted[place] = smallest
    return adjusted


def _pooled(pairs: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Take rare categories together, so that each is expected often enough."""
    totals = [sum(column) for column in zip(*pairs, strict=True)] if pairs else [0, 0]
    share = min(totals) / max(sum(totals), 1)
    ordered = sorted(pairs, key=sum)
    kept: list[tuple[float, float]] = []
    rest = (0.0, 0.0)
    for pair in ordered:
        if sum(rest) * share >= MIN_EXPECTED or not sum(rest):
            if sum(rest):
                kept.append(rest)
            rest = pair
        else:
            rest = (rest[0] + pair[0], rest[1] + pair[1])
    if kept and sum(rest) * share < MIN_EXPECTED:
        last = kept.pop()
        rest = (rest[0] + last[0], rest[1] + last[1])
    return [*kept, rest]


def _chi_squared_tail(statistic: float, freedom: int) -> float:
    """Return the upper tail of the chi-squared distribution: a finite sum."""
    half = statistic / 2
    if half > 700:
        return 0.0
    odd = freedom % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    term = math.exp(-half) * (math.sqrt(half / math.pi) * 2 if odd else 1.0)
    for step in range(freedom // 2):
        tail += term
        term *= half / (step + (1.5 if odd else 1.0))
    return min(1.0, tail)
