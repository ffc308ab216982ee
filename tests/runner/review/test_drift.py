"""How the training data differs from the live model's."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lifecycle.data import summarise
from runner.review.drift import drift

RNG = np.random.default_rng(7)
NORMAL = RNG.normal(0, 1, 5000)


def summary(**columns):
    return summarise(pd.DataFrame(columns))


def test_the_drift_of_a_label_of_classes_is_told_by_their_shares():
    """Numbers stand for the classes, and their mean for nothing."""
    before, after = summary(y=[0, 1, 2, 2] * 50), summary(y=[0, 0, 0, 2] * 50)

    classes = {"y": (["a", "b", "c"], ["a", "b", "c"])}
    (named,) = drift(before, after, classes=classes)
    many = replace(named, before={"percentiles": []}, after={"percentiles": []})

    assert named.sentence == (
        "y has drifted strongly: 25 % of the rows were a, now 75 %"
    )
    assert many.sentence == "y has drifted strongly"
    assert named.distance is None


def test_classes_are_compared_by_their_names():
    """Where a class is gone or new, the others have other numbers."""
    before, after = summary(y=[0, 1, 2, 2] * 50), summary(y=[0, 1, 1] * 50)

    (moved,) = drift(before, after, classes={"y": (["a", "b", "c"], ["b", "c"])})
    (gone,) = drift(before, after, classes={"y": (["a", "b", "c"], ["c", "d"])})

    assert moved.sentence == (
        "y has drifted strongly: 25 % of the rows were a, now 0 %"
    )
    assert [round(was, 2) for was, _ in moved.bars] == [0.25, 0.5, 0.25]
    assert [round(now, 2) for _, now in moved.bars] == [0.33, 0.67, 0.0]
    assert gone.sentence == "y has drifted strongly: 0 % of the rows were d, now 67 %"


def test_columns_are_sorted_by_their_drift():
    """The furthest first, after the columns that only one side has."""
    flags = np.r_[np.zeros(4000), np.ones(1000)]
    before = summary(a=NORMAL, b=NORMAL, flag=flags, old=NORMAL)
    after = summary(a=NORMAL + 2, b=NORMAL, flag=flags[::-1], new=NORMAL)
    found = {one.column: one.word for one in drift(before, after)}

    assert list(found)[:3] == ["new", "old", "a"]
    assert found == {
        "new": "new",
        "old": "gone",
        "a": "strong drift",
        "b": "no drift",
        "flag": "no drift",
    }


def test_missing_values_are_drift():
    """Half of the values are lost: strong drift, even if the others are the same."""
    lost = np.where(np.arange(5000) % 2, NORMAL, np.nan)

    (found,) = drift(summary(x=NORMAL), summary(x=lost))
    assert found.sentence.endswith("0 % of its values were missing, now 50 %")


def test_few_values_may_become_many():
    """For example if a count becomes a measurement."""
    found = drift(summary(x=[1, 2, 3] * 100), summary(x=RNG.uniform(1, 3, 300)))

    assert found[0].word == "strong drift"
    assert len(found[0].bars) == 12


def words(before, after, **options):
    """Return what has become of each column."""
    found = drift(before, after, **options)
    return {one.column: one.word for one in found}


def draw(rows, seed, scale=1.0):
    """Draw training rows of ten columns; the weight is scaled."""
    random = np.random.default_rng(seed)
    columns = {f"x{place}": random.normal(size=rows) for place in range(6)}
    weight = scale * random.gamma(3, 0.08, rows)
    few = {f"f{place}": random.integers(0, 2 + place, rows) for place in range(3)}
    return summary(weight=weight, **columns, **few)


@pytest.mark.parametrize("rows", [60, 400])
def test_without_drift_no_column_is_said_to_drift(rows):
    """Of 25 pairs of samples at most two may show one by chance."""
    drifted = 0
    for seed in range(25):
        found = words(draw(rows, 2 * seed), draw(rows, 2 * seed + 1))
        drifted += set(found.values()) != {"no drift"}

    assert drifted <= 2


def test_a_unit_that_changed_is_heard():
    """The most important feature multiplied by 1.15: the index alone sees nothing."""
    before, after = draw(2900, 1), draw(2900, 2, scale=1.15)
    importance = {"weight": 0.5, "x0": 0.5}

    first = drift(before, after, importance)[0]

    assert (first.column, first.word, first.importance) == (
        "weight",
        "strong drift",
        0.5,
    )
    assert first.index < 0.1
    assert first.p_value < 1e-6
    assert first.sentence.startswith(
        "weight (50 % of the importance) has drifted strongly: its mean"
    )
    assert set(words(before, after).values()) == {"strong drift", "no drift"}


def test_what_is_too_small_to_matter_is_no_drift():
    """With many rows every difference is sure to be one."""
    before, after = RNG.normal(0, 1, 50000), RNG.normal(0.05, 1, 50000)

    (one,) = drift(summary(x=before), summary(x=after))

    assert one.p_value < 0.01
    assert one.word == "no drift"


def test_an_important_column_comes_before_one_with_as_much_drift():
    """Which is what a reviewer looks at first."""
    before, after = summary(a=NORMAL, b=NORMAL), summary(a=NORMAL + 2, b=NORMAL + 1)

    first, second = drift(before, after, {"a": 0.1, "b": 0.9})

    assert (first.column, second.column) == ("b", "a")


def test_columns_without_values_have_not_drifted():
    """Nor those with one value; and no rows at all raise nothing."""
    for values in ([np.nan] * 50, [1.0] * 50, []):
        assert set(words(summary(x=values), summary(x=values)).values()) == {"no drift"}


def test_the_bars_have_the_shares_of_both():
    """The shares of each side add up to 1."""
    (one,) = drift(summary(x=NORMAL), summary(x=NORMAL + 0.5))

    assert sum(was for was, _ in one.bars) == pytest.approx(1)
    assert sum(now for _, now in one.bars) == pytest.approx(1)
    assert all(0 <= share <= 1 for pair in one.bars for share in pair)
