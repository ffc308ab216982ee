"""The label's values say which task it is; what cannot be told is asked for."""

import numpy as np
import pandas as pd
import pytest

from lifecycle.errors import CallError
from runner.scaffold.label import find_label

ROWS = 60


def find(values, name="y", task=None):
    """Find the label of a table with one feature."""
    return find_label(pd.DataFrame({"x": range(ROWS), "y": values}), name, task)


@pytest.mark.parametrize(
    ("values", "task", "why"),
    [
        (["yes", "no"] * 30, "binary", "two values, 'no' and 'yes'; 'yes' becomes 1"),
        ([True, False] * 30, "binary", "two values, False and True; True becomes 1"),
        (["1", "2"] * 30, "binary", "'2' becomes 1 (the larger one)"),
        ([0, 1] * 30, "binary", "two values, 0 and 1"),
        ([0, 1, None] * 20, "binary", "two values, 0 and 1"),
        (np.linspace(0, 1, ROWS), "regression", "numbers from 0 to 1"),
        ([3, 5, 8] * 20, "regression", "whole numbers from 3 to 8: 3 values in an ord"),
        (["3", "5", "8.5"] * 20, "regression", "numbers from 3 to 8.5"),
        (["b", "a", "ä c"] * 20, "multiclass", "3 classes, 'a', 'b', 'ä c'"),
        (
            [2, 1, 0] * 20,
            "multiclass",
            "3 classes, 0, 1, 2; if 2 is twice as much as 1",
        ),
        (["1", "2", "3"] * 20, "multiclass", "3 classes, '1', '2', '3'; if 2 is"),
        ([1, 2, 3, None] * 15, "multiclass", "3 classes, 1, 2, 3; if 2 is twice"),
    ],
)
def test_the_values_say_the_task(values, task, why):
    """And the reason names them."""
    found = find(values)

    assert found.task == task
    assert why in found.why


@pytest.mark.parametrize(
    ("values", "how", "said"),
    [
        (
            list(map(str, range(60))),
            {"task": "multiclass"},
            "has 60 classes, of wh",
        ),
        (
            [f"c{one % 40}" for one in range(ROWS)],
            {},
            "has 40 classes, of whi",
        ),
        (
            ["a", "b"] * 30,
            {"task": "multiclass"},
            "has 2 classes; --task multicl",
        ),
        (
            ["a", "b", "c"] * 20,
            {"task": "regression"},
            "3 values that are mostly",
        ),
        (
            ["a", "b", "c", *["b", "c"] * 28, "a"],
            {},
            "only 2 rows are 'a'; at least 8 of each class are needed to train, "
            "validate and test; leave these out of the file, or join them",
        ),
        (
            [0, 1, 2] * 20,
            {"task": "binary"},
            "--task binary: 'y' has 3 values, not two",
        ),
        (
            ["a", "b", "c by d"] * 20,
            {},
            "--label 'y': classes: 'c by d' holds ' by ', which in a gate comes before "
            "a slice; give it another name in the file",
        ),
        ([1] * 60, {}, "--label 'y': 1 in every row"),
        ([1, *[0] * 59], {}, "only 1 row is 1; at least 8 of each class"),
        ([1, *[None] * 59], {}, "only 1 rows have a value; at least 20 are needed"),
        (
            [1] * 60,
            {"name": "yy"},
            "--label 'yy': no such column; did you mean 'y'? the",
        ),
    ],
)
def test_what_no_model_can_be_made_of_is_refused(values, how, said):
    """In one line with the way on."""
    with pytest.raises(CallError) as raised:
        find(values, **how)

    assert said in str(raised.value)


def test_what_is_said_overrules_the_values():
    """Codes may be an order, and two numbers an amount."""
    assert find([0, 1, 2] * 20, task="regression").task == "regression"
    assert find([0, 1] * 30, task="regression").task == "regression"
    assert find([3, 5, 8] * 20, task="multiclass").classes == (3, 5, 8)


def test_the_label_is_guessed_only_where_its_name_says_it():
    """Else the columns that look like one are named."""
    values = np.linspace(0, 1, ROWS)
    table = pd.DataFrame({"Target": values, "flag": [0, 1] * 30, "z": values**2})

    assert find_label(table, None, None).name == "Target"
    with pytest.raises(CallError, match=r"--label: say which .* likely: z, flag"):
        find_label(table.drop(columns="Target"), None, None)
    with pytest.raises(CallError, match="has only the column 'z'; add features"):
        find_label(table[["z"]], "z", None)
