"""Rows and features that tell the label are found in the data."""

import math

import numpy as np
import pandas as pd
import pytest

from lifecycle.statistics.leaks import find_leaks


def make_rows(count, seed):
    """Make rows of which no feature tells the label."""
    random = np.random.default_rng(seed)
    label = random.normal(size=count)
    noisy = label + random.normal(size=count)
    return pd.DataFrame({"y": label, "a": noisy, "b": random.integers(0, 3, count)})


def test_test_rows_that_stand_in_train_are_counted():
    """Label included; the share of equal training rows says whether that is odd."""
    train, test = make_rows(200, 1), make_rows(50, 2)

    found = find_leaks("regression", train, pd.concat([test, train[:5]]))

    assert (found.test_rows, found.shared_rows, found.distinct) == (55, 5, 1.0)
    assert "5 of 55 test rows are also training rows" in str(found)
    doubled = pd.concat([train, train])
    assert find_leaks("regression", doubled, test).distinct == 0.0


@pytest.mark.parametrize(
    "leak",
    [
        lambda label: -2 * label + 1,
        np.exp,
        lambda label: np.where(label > 0, math.nan, 1.0),
    ],
    ids=["line", "curve", "missing"],
)
def test_a_feature_that_tells_the_label_is_named(leak):
    """Whatever its form; also one that is missing where the label is 1."""
    rows = make_rows(200, 3)
    rows = rows.assign(told=leak(rows["y"]))

    binary = rows.assign(y=(rows["y"] > 0).astype(int))
    assert list(find_leaks("binary", binary, binary).features) == ["told"]
    if rows["told"].notna().all():
        found = find_leaks("regression", rows, rows).features
        assert found == {"told": pytest.approx(1.0)}


def test_a_good_feature_is_no_leak():
    """It is told of only where little is left to learn."""
    rows = make_rows(500, 4)
    binary = rows.assign(y=(rows["y"] > 0).astype(int))

    assert find_leaks("binary", binary, binary).features == {}
    assert find_leaks("regression", rows, rows).features == {}


def test_a_feature_that_tells_all_classes_is_a_leak():
    """In whatever order it has them; one that tells only some is none."""
    random = np.random.default_rng(6)
    label = random.integers(0, 4, 400)
    rows = pd.DataFrame(
        {"y": label, "told": np.array([7.0, 2.0, 9.0, math.nan])[label]}
    )
    rows = rows.assign(two=label > 1, noisy=label + random.normal(0, 0.4, 400))

    found = find_leaks("multiclass", rows[:300], rows[300:])

    assert found.features == {"told": 1.0}
