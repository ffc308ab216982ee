"""Splits are checked against XGBoost, which reads any cell as some number."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from lifecycle.contract import check_splits
from lifecycle.errors import DataError

ROWS = 12


def splits(**columns) -> dict[str, pd.DataFrame]:
    """Split a table into three parts of four rows; `y` is its label."""
    plain = {"y": [0, 1] * 6, "x": range(ROWS)}
    table = pd.DataFrame(plain | columns)
    return {"train": table[:4], "validation": table[4:8], "test": table[8:]}


def refusal(parts: dict[str, pd.DataFrame], **how: str) -> str:
    """Return the message that the splits are refused with."""
    with pytest.raises(DataError) as raised:
        check_splits(parts, **how)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([True, False] * 6, [1, 0, 1, 0]),
        ([True, None] * 6, [1, None, 1, None]),
        (pd.array([True, None, False] * 4, dtype="boolean"), [1, None, 0, 1]),
        (pd.array([1, None, 3] * 4, dtype="Int64"), [1, None, 3, 1]),
        (pd.array([1, 2, 3] * 4, dtype="Int64"), [1, 2, 3, 1]),
        ([Decimal("1.5"), None] * 6, [1.5, None, 1.5, None]),
        ([0.1, np.nan] * 6, [0.1, None, 0.1, None]),
    ],
)
def test_numbers_are_written_however_they_are_kept(values, written):
    """True is 1, False 0, and what is missing stays missing."""
    checked, _ = check_splits(splits(x=values))

    found = checked["train"]["x"]
    assert found.dtype.kind in "iuf"
    assert [None if pd.isna(one) else one for one in found] == written


def test_the_label_is_written_first():
    """Wherever it stands, as XGBoost takes the first column for it."""
    checked, _ = check_splits(splits(z=range(ROWS)), label="z")

    assert list(checked["test"]) == ["z", "y", "x"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["Köln"] * ROWS, "train: column 'x' holds 'Köln', and XGBoost reads only"),
        (["Köln"] * ROWS, "text; pd.get_dummies(..., dtype=int)"),
        (["yes", "no"] * 6, '.eq("yes").astype(int) makes it 1 and 0'),
        (["1", "2", "3"] * 4, "numbers as text; pd.to_numeric(...)"),
        (["1,5", "2,25", "3,0"] * 4, 'decimal commas; read_table(..., decimal=",")'),
        (
            pd.Timestamp("2024-01-05"),
            "holds 2024-01-05 00:00:00, and XGBoost reads only",
        ),
        (pd.Categorical(["a", "b"] * 6), "holds 'a', and XGBoost reads only numbers"),
        ([np.nan] * 4 + [1.0] * 8, "train: column 'x' is empty in all rows; leave it"),
        ([1.0] * 4 + [np.nan] * 8, "validation: column 'x' is empty in all rows; lea"),
        ([1.0, np.inf] * 6, "train: column 'x' is infinite in 2 rows"),
        ([1.0, 1e39] * 6, "train: column 'x' is infinite in 2 rows"),
    ],
)
def test_a_cell_that_xgboost_reads_otherwise_is_refused(values, said):
    """The message names split, column, example and remedy."""
    assert said in refusal(splits(x=values))


@pytest.mark.parametrize(
    ("values", "how", "said"),
    [
        (
            [np.nan, *[1] * 11],
            {},
            "train: 1 of 4 rows have no label 'y'; leave them out",
        ),
        ([np.inf, *[1] * 11], {}, "train: the label 'y' is infinite in some rows"),
        (
            [1, 2] * 6,
            {"task": "binary"},
            "train: the label 'y' holds 1, 2, and a binary",
        ),
        ([0] * 12, {"task": "binary"}, "needs rows with 0 and rows with 1 in every"),
        (
            [0, 1] * 6,
            {"label": "Y"},
            "label: 'Y' is not a column of the splits; known: x, y",
        ),
    ],
)
def test_a_label_must_be_what_the_task_needs(values, how, said):
    """Complete, finite, and 0 and 1 for a binary classification."""
    assert said in refusal(splits(y=values), **how)


def test_true_and_false_are_a_binary_label():
    """They are written as 1 and 0."""
    checked, _ = check_splits(splits(y=[True, False] * 6), task="binary")

    assert checked["train"]["y"].tolist() == [1, 0, 1, 0]


def test_splits_must_be_three_disjoint_parts_with_rows():
    """What is missing, empty or the same twice is named."""
    whole = splits()
    train = whole["train"]

    assert "'validation' is missing" in refusal({"train": train, "test": train})
    assert "test: has no rows" in refusal(whole | {"test": train[:0]})
    assert "'spare' is not known" in refusal(whole | {"spare": train})
    assert "train and test: 4 rows are in both" in refusal(whole | {"test": train})
    overlapping = pd.concat([whole["test"], train[:1]])
    assert "train and test: 1 rows are in both" in refusal(
        whole | {"test": overlapping}
    )
    other = whole["test"].rename(columns={"x": "z"})
    assert "test: its columns differ from those of train by 'x', 'z'" in refusal(
        whole | {"test": other}
    )
    twins = {part: table.set_axis(["y", "y"], axis=1) for part, table in whole.items()}
    assert "column 'y' stands 2 times" in refusal(twins)
    lonely = {part: table[["y"]] for part, table in whole.items()}
    assert "has only the label 'y'" in refusal(lonely)


def test_parts_that_were_numbered_anew_are_not_taken_for_one():
    """Equal rows at equal places are chance, unless all of them are equal."""
    parts = {part: one.reset_index(drop=True) for part, one in splits(x=1).items()}
    parts["test"] = parts["test"].assign(x=[1, 1, 1, 2])
    parts["validation"] = parts["validation"].assign(x=[1, 1, 2, 2])

    assert check_splits(parts)[0]["test"]["x"].tolist() == [1, 1, 1, 2]


def test_what_is_odd_but_right_is_noted():
    """A column with one value, and numbers that are too long for XGBoost."""
    _, notes = check_splits(splits(x=7, id=range(20_000_000, 20_000_012)))

    assert notes == [
        "x: one value in all rows of train that have any",
        "id: rounded by XGBoost, which computes with 24 bits",
    ]
