"""Training rows in a few numbers per column."""

import json

import numpy as np
import pandas as pd

from lifecycle.data import MAX_VALUES, summarise


def column(values):
    return summarise(pd.DataFrame({"x": values}))["columns"]["x"]


def test_few_values_are_counted():
    """Flags and small counts, in their order."""
    assert column([3, 1, 1, 0]) == {
        "missing": 0.0,
        "mean": 1.25,
        "std": np.std([3, 1, 1, 0]),
        "values": [[0.0, 1], [1.0, 2], [3.0, 1]],
    }


def test_many_values_have_percentiles():
    """From the smallest to the largest."""
    described = column(np.arange(1001))

    assert described["percentiles"][:3] == [0.0, 10.0, 20.0]
    assert described["percentiles"][-1] == 1000.0
    assert len(described["percentiles"]) == 101
    assert "values" not in described


def test_the_limit_is_exact():
    """Twenty values are few, twenty-one are not."""
    assert "values" in column(range(MAX_VALUES))
    assert "percentiles" in column(range(MAX_VALUES + 1))


def test_what_is_no_number_is_missing():
    """Empty, infinite or a word."""
    assert column([1.0, None, np.inf, 2.0])["missing"] == 0.5
    assert column(["a", "b"]) == {
        "missing": 1.0,
        "mean": None,
        "std": None,
        "values": [],
    }


def test_it_is_plain_json():
    """Without rows, with two columns of one name, with a name that is a number."""
    twins = pd.DataFrame([[1, 2]], columns=["a", "a"])

    assert summarise(twins)["rows"] == 1
    assert list(summarise(pd.DataFrame({0: [1]}))["columns"]) == ["0"]
    json.dumps(summarise(pd.DataFrame({"x": []})), allow_nan=False)
