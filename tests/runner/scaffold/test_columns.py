"""What a column holds is found out from its cells, and every decision has a reason."""

import numpy as np
import pandas as pd
import pytest
from raw_tables import hard_table

from runner.scaffold.columns import Column, describe_columns, order_of_answers

ROWS = 60


def describe(values, labels=None) -> Column:
    """Describe one column beside a label."""
    labels = np.arange(ROWS) ** 2 % 7 if labels is None else labels
    table = pd.DataFrame({"x": values, "y": labels})
    return describe_columns(table, "y")[0]


def test_each_column_of_a_hard_table_is_understood():
    """Numbers, flags, categories and dates are kept, the rest has a reason."""
    table = hard_table().rename(columns={"price €": "y"})

    found = {one.name: (one.kind, one.why) for one in describe_columns(table, "y")}

    marks = (table.loc[table["y"].notna(), "2nd"] == "?").sum()
    assert found == {
        "order id": (
            "left out",
            "different in nearly every row: it names rows, and describes none",
        ),
        "sold on": ("date", ""),
        "Größe": ("number", ""),
        "class": ("category", "3 values"),
        "2nd": ("marked number", f"'?' {marks} times, taken as missing"),
        'it\'s "quoted"': ("flag", ""),
        "comment": ("left out", "free text"),
        "opt in": ("flag", ""),
        "empty": ("left out", "empty in every row"),
        "constant": ("left out", "5 in every row"),
        "a|b`c$d$": ("number", ""),
    }


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        (range(1, 1 + ROWS), "left out", "counts the rows"),
        (range(1950, 1950 + ROWS), "number", ""),
        ([1.5, *[None] * 59], "left out", "filled in 1 of 60 rows"),
        ([1.0, np.inf] * 30, "left out", "is infinite in some rows"),
        (
            [f"v{n % 50}" for n in range(ROWS)],
            "category",
            "50 values, 20 of them common",
        ),
        ([f"v{n % 59}" for n in range(ROWS)], "left out", "different in nearly every"),
        (["a", "b"] * 30, "category", "2 values"),
        (["N", "Y"] * 30, "flag", ""),
        ([[1], [2]] * 30, "left out", "holds lists or structures"),
        (["2024-01-05"] * ROWS, "left out", "'2024-01-05' in every row"),
        (
            ["2024-01-05", None] * 30,
            "left out",
            "the same day in every row that has one",
        ),
        (["01/02/2024", "03/04/2024"] * 30, "date", "every cell could be %m/%d/%Y as"),
        (["31/01/2024", "28/02/2024"] * 30, "date", ""),
        ([*["01/02/2024"] * 57, *["01/25/2024"] * 3], "date", ""),
        (["2024-01-05T10:00:00+02:00", "2024-03-05T11:00:00Z"] * 30, "date", ""),
        (
            ["2024-01-05", *["2024-02-07"] * 58, "soon"],
            "date",
            "1 cells are not a date and",
        ),
    ],
)
def test_a_column_is_judged_by_its_cells(values, kind, why):
    """The reason is what the notebook and the command line say."""
    found = describe(list(values))

    assert (found.kind, found.why[: len(why)]) == (kind, why)


def test_what_tells_the_label_is_left_out():
    """It stands for the label in another word, and no later row would have it."""
    labels = ["bad", "good"] * 30

    assert describe([{"bad": 0, "good": 1}[one] for one in labels], labels).why == (
        "tells the label itself"
    )


def test_one_of_two_equal_columns_is_left_out():
    """The second one says whose copy it is."""
    values = np.arange(ROWS) % 11
    table = pd.DataFrame({"a": values, "b": values, "y": values % 3})

    assert [one.why for one in describe_columns(table, "y")] == [
        "",
        "the same as 'a' in every row",
    ]


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        (["no", "yes", None], ("no", "yes", "")),
        (["True.", "False.", "False."], ("False.", "True.", "")),
        ([1, 2, 2], (1, 2, "the larger one")),
        (["1", "2", "2"], ("1", "2", "the larger one")),
        ([0.0, 1.0, None], (0, 1, "")),
        ([True, False], (False, True, "")),
        (["stays", "leaves", "stays"], ("stays", "leaves", "the rarer one")),
        (["a"], None),
        (["a", "b", "c"], None),
    ],
)
def test_which_of_two_values_is_1_has_a_reason(values, answers):
    """Answers by their words, numbers by their size, else the rarer one."""
    assert order_of_answers(pd.Series(values)) == answers
