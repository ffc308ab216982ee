"""A model is measured on each group of rows that model.yaml names."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, root_mean_squared_error

from lifecycle.errors import DataError
from lifecycle.statistics.decision import Decision
from lifecycle.statistics.slices import group_rows, slice_metrics, slice_table

CHANCE = np.random.default_rng(1)
SEX = np.array(["F"] * 55 + ["M"] * 55 + ["I"] * 50 + ["X"] * 10)
ROWS = pd.DataFrame(
    {
        "y": CHANCE.normal(10, 3, 170),
        "size": CHANCE.random(170),
        "kind_a": (np.arange(170) % 3 == 0).astype(int),
        "kind_b": (np.arange(170) % 3 == 1).astype(int),
        "rooms": np.arange(170) % 4,
    }
)
NOISE = np.where(SEX == "M", 3.0, 1.0) * CHANCE.normal(size=170)
PREDICTION = (ROWS.y + NOISE).to_numpy()
DETAILS = pd.DataFrame({"row": range(170), "sex": SEX})


def measure(truth, prediction):
    """Return the metrics of a regression."""
    return {"rmse": root_mean_squared_error(truth, prediction)}


def measured(*columns, details=DETAILS):
    """Measure by these columns."""
    groups = group_rows(columns, ROWS, details)
    return slice_metrics(groups, ROWS.y, PREDICTION, measure=measure)


def test_every_group_has_its_metrics_the_worst_first():
    """With an interval, on its own rows."""
    found = measured("sex")

    assert (found[0].group, found[0].rows) == ("M", 55)
    for one in found[:3]:
        part = one.group == SEX
        rmse = one.metrics["rmse"]
        expected = root_mean_squared_error(ROWS.y[part], PREDICTION[part])
        assert rmse.value == pytest.approx(expected)
        assert rmse.low < rmse.value < rmse.high


def test_a_group_of_few_rows_is_not_judged():
    """The worst of many small groups is bad by chance."""
    (small,) = [one for one in measured("sex") if one.rows < 50]

    assert (small.group, small.rows, small.metrics) == ("X", 10, {})
    assert slice_table([small]).to_numpy().tolist() == [["10"]]


def test_columns_of_zero_and_one_make_one_slice():
    """As prepare makes them of a text; a row may have none of them."""
    found = {one.group: one.rows for one in measured("kind")}

    assert found == {"a": 57, "b": 57, "none of these": 56}


def test_numbers_are_grouped_by_value_or_by_quarter():
    """Few values are groups; of many a quarter of the rows is one."""
    assert {one.group for one in measured("rooms")} == {"0", "1", "2", "3"}
    quarters = measured("size")
    assert sorted(one.rows for one in quarters) == [42, 42, 43, 43]
    assert all(" to " in one.group for one in quarters)


@pytest.mark.parametrize(("count", "groups"), [(10, 10), (100, 4)])
def test_long_numbers_that_differ_little_are_groups_of_their_own(count, groups):
    """As of postcodes or times, by value or by quarter."""
    rows = pd.DataFrame({"y": 0.0, "code": 1_700_000_000 + np.arange(count)})

    found = group_rows(["code"], rows)["code"]

    assert found.nunique() == groups
    assert found.iloc[0].startswith("1700000000")


def test_what_is_missing_is_a_group():
    """A model may be worse where a value is not known."""
    details = pd.DataFrame({"plan": ["a", None, "a"], "age": [1.0, math.nan, 2.5]})
    rows = ROWS[:3]

    found = group_rows(["plan", "age"], rows, details)

    assert found["plan"].tolist() == ["a", "missing", "a"]
    assert found["age"].tolist() == ["1", "missing", "2.5"]


def test_most_groups_of_a_column_of_names_are_taken_together():
    """Nobody reads a thousand of them, and none has rows enough."""
    details = DETAILS.assign(name=[f"n{place}" for place in range(170)])
    found = measured("name", details=details)

    assert len(found) == 50
    others = found[0]
    assert (others.group, others.rows, others.metrics) == ("all others", 121, {})
    table = slice_table([*measured("sex"), others])
    assert table.loc[("name", "all others"), "rmse"] == "not judged"


def test_a_slice_that_is_no_column_is_named():
    """With the nearest one, and what to do about it."""
    with pytest.raises(DataError, match=r"slices: 'sizes' is not a column .*'size'\?"):
        group_rows(["sizes"], ROWS, DETAILS)


def test_decisions_are_measured_at_their_threshold():
    """A group of one class has no AUC, and the table says so."""
    truth = pd.DataFrame({"y": [0] * 50 + [1, 0] * 25, "g": [0] * 50 + [1] * 50})
    probability = np.linspace(0, 1, 100)

    def classify(truth, probability, threshold):
        return {
            "auc": float("nan")
            if truth.max() == truth.min()
            else roc_auc_score(truth, probability),
            "recall": float(((probability >= threshold) & (truth == 1)).sum() / 25),
        }

    found = slice_metrics(
        group_rows(["g"], truth),
        truth.y,
        probability,
        measure=classify,
        decision=Decision(threshold=0.8),
    )

    assert [one.group for one in found] == ["1", "0"]
    assert math.isnan(found[1].metrics["auc"].value)
    assert found[0].metrics["recall"].value == pytest.approx(0.4)
    assert slice_table(found).loc[("g", "0"), "auc"] == "-"
