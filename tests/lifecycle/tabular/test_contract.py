"""Splits are checked against XGBoost, which reads any cell as some number."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sagemaker_xgboost.container.data_utils import import_xgboost

from lifecycle.errors import DataError
from lifecycle.tabular.contract import check_splits
from lifecycle.tabular.labels import class_names, name_classes, with_num_class

ROWS = 12


def splits(**columns) -> dict[str, pd.DataFrame]:
    """Split a table into three parts of four rows; `y` is its label."""
    plain = {"y": [0, 1] * 6, "x": range(ROWS)}
    table = pd.DataFrame(plain | columns)
    return {"train": table[:4], "validation": table[4:8], "test": table[8:]}


def arrow(kind) -> pd.ArrowDtype:
    """Return pandas' type for a type of Arrow's."""
    return pd.ArrowDtype(kind)


def refusal(parts, **how) -> str:
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
        ([Decimal("sNaN"), Decimal("NaN")] + [1] * 10, [None, None, 1, 1]),
        ([Fraction(1, 4), pd.NaT, pd.NA, True] * 3, [0.25, None, None, 1]),
        (pd.arrays.SparseArray([np.nan, 1.0, 0.0] * 4), [None, 1, 0, None]),
        (pd.arrays.SparseArray([True, False, False] * 4), [1, 0, 0, 1]),
        (pd.Categorical([True, False] * 6), [1, 0, 1, 0]),
        (pd.array([1, None, 3] * 4, dtype=arrow(pa.int64())), [1, None, 3, 1]),
        (pd.array([True, None] * 6, dtype=arrow(pa.bool_())), [1, None, 1, None]),
        (np.array([2**64 - 1, 0] * 6, dtype="uint64"), [2**64 - 1, 0, 2**64 - 1, 0]),
        ([2**53 + 1, 2**53] * 6, [2**53 + 1, 2**53, 2**53 + 1, 2**53]),
        ([2**70, 0] * 6, [2.0**70, 0, 2.0**70, 0]),
        ([5e-324, -1e-40, -0.0, 1.0] * 3, [0, 0, 0, 1]),
        (np.array([0.1, 2] * 6, dtype="float32"), [np.float32(0.1), 2] * 2),
        ([0.1, np.nan] * 6, [0.1, None, 0.1, None]),
    ],
)
def test_numbers_are_written_however_they_are_kept(values, written):
    """True is 1, False 0, and what is missing stays missing."""
    checked, _ = check_splits(splits(x=values))

    found = checked["train"]["x"]
    assert found.dtype.kind in "iuf"
    assert [None if pd.isna(one) else one for one in found] == written


@pytest.mark.filterwarnings("ignore:.*Text file input:UserWarning")
def test_xgboost_reads_what_is_written(tmp_path: Path):
    """Every cell, also where its own reader has flaws: near zero and at the end."""
    rng = np.random.default_rng(1)
    edge = [0.0, -0.0, 5e-324, 1e-42, -9e-39, 1.2e-38, 3.4e38, -3.4e38, 2.0**63, 0.1]
    drawn = rng.normal(size=600) * 10.0 ** rng.integers(-44, 38, size=600)
    values = pd.Series([*edge, *drawn, *[np.nan] * 20])
    table = pd.DataFrame(
        {
            "y": np.arange(len(values)) % 2,
            "x": values,
            "flag": pd.array([True, None, False] * 210, dtype="boolean"),
            "long": rng.integers(0, 2**63, size=len(values)),
        }
    )
    parts = {"train": table[:500], "validation": table[500:560], "test": table[560:]}

    written, _ = check_splits(parts)

    file = tmp_path / "train.csv"
    written["train"].to_csv(file, header=False, index=False)
    matrix = import_xgboost().DMatrix(f"{file}?format=csv&label_column=0")
    rows = matrix.get_data()
    read = np.full(rows.shape, np.nan)
    indices = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    read[indices, rows.indices] = rows.data
    meant = table[:500].drop(columns="y").astype("float64").to_numpy()
    assert matrix.get_label().tolist() == table["y"][:500].tolist()
    # Its parser rounds some numbers one unit in the last place of float32 away.
    np.testing.assert_allclose(read, meant, rtol=4e-7, atol=1.2e-38)


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
        (["5 €", "7 €"] * 6, "numbers with '€'; .str.replace('€', '')"),
        (["\u22125", "7"] * 6, "a minus sign that is none; .str.replace("),
        (
            ["1", "?", "3"] * 4,
            "holds '?', and XGBoost reads only numbers right: text b",
        ),
        ([" ", "2", "3"] * 4, "blanks; pd.to_numeric("),
        (["2024-01-05", "2024-02-05"] * 6, "dates as text; pd.to_datetime(...)"),
        (["1,234", "1,234,567"] * 6, 'read_table(..., thousands=",")'),
        ([1, "a", 3, 4] * 3, "holds 'a', and XGBoost reads only numbers right"),
        (
            pd.array(["a", "b", "c"] * 4, dtype="string[pyarrow]"),
            "text; pd.get_dummies",
        ),
        (pd.Categorical([1, 2] * 6), "a category of numbers; .astype(float)"),
        (pd.timedelta_range(0, periods=ROWS), "durations; .dt.total_seconds()"),
        ([dt.date(2024, 1, 5)] * ROWS, "times; take .dt.year"),
        (pd.period_range("2024-01", periods=ROWS, freq="M"), "times; take .dt.year"),
        (pd.date_range("2024", periods=ROWS, tz="Europe/Berlin"), "times; take"),
        (pd.interval_range(0, ROWS), "values of the type Interval"),
        ([[1], [2]] * 6, "holds [1], and XGBoost reads only numbers right: values of"),
        ([b"a"] * ROWS, "values of the type bytes"),
        ([1 + 2j] * ROWS, "complex numbers; give two columns"),
        ([np.timedelta64(1, "D"), None] * 6, "durations"),
        ([None] * ROWS, "train: column 'x' is empty in all rows; leave it out"),
        ([10**400] + [1] * 11, "train: column 'x' is infinite in 1 rows"),
        ([3.4028234e38] + [1] * 11, "train: column 'x' is infinite in 1 rows"),
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


@pytest.mark.parametrize(
    ("objective", "values", "said"),
    [
        ("binary:hinge", [-1, 1], "holds -1, 1, and a binary classification needs"),
        ("binary:logistic", [0, 0.5], "holds 0, 0.5, and a binary classification"),
        ("reg:logistic", [0, 1.5], "holds 1.5 in 2 of 4 rows, and reg:logistic needs"),
        ("count:poisson", [-1, 1], "needs numbers that are not negative, some above 0"),
        ("count:poisson", [0, 0], "train: no label 'y' is above 0, and count:poisson"),
        ("reg:tweedie", [-0.5, 1], "holds -0.5 in 2 of 4 rows, and reg:tweedie needs"),
        (
            "reg:gamma",
            [0, 1],
            "holds 0 in 2 of 4 rows, and reg:gamma needs numbers abo",
        ),
        ("reg:squaredlogerror", [-1, 1], "needs numbers above -1"),
        ("rank:map", [0, 2], "rank:map needs 0 or 1"),
        ("rank:ndcg", [0, 1.5], "rank:ndcg needs whole numbers from 0 to 31"),
        ("rank:ndcg", [0, 40], "holds 40 in 2 of 4 rows"),
        ("survival:cox", [-1, -2], "survival:cox needs times, negative where the end"),
        ("survival:aft", [1, 2], "survival:aft needs a lower and an upper bound"),
        (
            "multi:softmax",
            [1, 2],
            "holds 1, 2, and multi:softmax needs the classes 0, ",
        ),
        ("multi:softmax", [0, 1.5], "holds 1.5 in 2 of 4 rows"),
        (
            "multi:softprob",
            [-1, 0],
            "pd.factorize(..., sort=True)[0] numbers the class",
        ),
    ],
)
def test_a_label_must_be_what_the_objective_needs(objective, values, said):
    """What XGBoost would refuse after the start, or train on all the same."""
    how = {"hyperparameters": {"objective": objective}}

    assert said in refusal(splits(y=values * 6), **how)


def test_the_classes_are_those_of_num_class():
    """Of which each trains; one that a split has no row of is said."""
    how = {"hyperparameters": {"objective": "multi:softmax", "num_class": 4}}

    few = refusal(splits(y=[0, 1, 2, 4] * 3), **how)
    unseen = refusal(splits(y=[0, 1, 2, 0, 0, 1, 2, 3, 0, 1, 2, 3]), **how)
    text = refusal(splits(y=["a", "b", "c"] * 4), label="y", **how)
    _, notes = check_splits(splits(y=[0, 1, 2, 1] * 2 + [0, 1, 1, 1]), **how)

    assert "holds 4 in 1 of 4 rows, and multi:softmax needs the classes 0 to 3" in few
    assert "train: has no row of class 3, which validation has" in unseen
    assert "text; pd.factorize(..., sort=True)[0] numbers the classes" in text
    assert notes == ["y: no row is of class 3", "test: no row is of class 2"]


def test_each_class_that_has_a_name_trains():
    """It is named, where it is missing."""
    how: Any = {"task": "multiclass", "classes": ["Adelie", "Gentoo", "ä b"]}

    absent = refusal(splits(y=[0, 1] * 6), **how)
    unknown = refusal(splits(y=[0, 1, 2, 3] * 3), **how)
    _, notes = check_splits(splits(y=[0, 1, 2, 1] * 2 + [0, 1, 1, 1]), **how)

    assert "train: has no row of class 'ä b'; split so that each class trains" in absent
    assert "a classification needs the classes 0 to 2 (3 names); pd.factor" in unknown
    assert notes == ["test: no row is of class 'ä b'"]


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["a", " a "], "classes: 'a' stands twice; give it another name"),
        (["a", ""], "classes: '' is empty"),
        (["a", "step by step"], "'step by step' holds ' by ', which in a gate comes"),
        (["a", "b\x00"], "holds what is no letter"),
        (["a", "&" * 40], "is too long, 100 letters are the most"),
        (["a"], "classes: 'a' is the only one; give two or more"),
        (["a", "b"], "there are 2 names, and model.yaml has num_class: 3; remove num_"),
    ],
)
def test_names_of_classes_can_stand_in_gates_and_metadata(classes, said):
    """Each is another one, and there are as many as num_class says."""
    with pytest.raises(DataError) as raised:
        name_classes(classes, {"num_class": 3})

    assert said in str(raised.value)


def test_names_of_classes_may_be_numbers_and_hold_any_letter():
    """Blanks in them are single ones."""
    assert name_classes([3, "Crème  brûlée", "R&D (b)"], {}) == [
        "3",
        "Crème brûlée",
        "R&D (b)",
    ]
    assert name_classes([], {"num_class": 3}) == []


def test_the_number_of_classes_is_that_of_their_names():
    """model.yaml need not count them; where it does, it has to be right."""
    labels = pd.Series([0, 2, 1])

    assert class_names({"classes": ["a", "b", "c"]}, labels) == ["a", "b", "c"]
    assert class_names({}, labels) == ["0", "1", "2"]
    assert with_num_class({"eta": 1}, ["a", "b"]) == {"eta": 1, "num_class": 2}
    assert with_num_class({"num_class": "2"}, ["a", "b"]) == {"num_class": 2}
    with pytest.raises(DataError, match="there are 2 names, and model"):
        with_num_class({"num_class": 3}, ["a", "b"])


def test_weights_are_complete():
    """The image reads them from the column after the label."""
    how = {"hyperparameters": {"csv_weights": 1}}

    parts = {name: one[["y", "w", "x"]] for name, one in splits(w=[1, -1] * 6).items()}
    said = refusal(parts, **how)

    assert (
        "column 'w' is missing or negative in 2 rows, and with csv_weights: 1" in said
    )


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


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([1, 2, 3], "splits: list is no dict; give the tables by their names, train, "),
        ({"train": None, "validation": 1, "test": 2}, "train: NoneType is no table"),
        ({}, "splits: 'train' is missing, there are none; give train, validation, te"),
    ],
)
def test_splits_are_tables_by_name(parts, said):
    """Anything else is named."""
    assert said in refusal(parts)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (pd.MultiIndex.from_tuples([("a", "y"), ("a", "x")]), "have 2 levels of names"),
        (["y", ""], "train: column 2 has no name"),
        (["y", None], "train: column 2 has no name"),
        (["y", "a\nb"], r"the name of column 2, 'a\nb', holds what is no letter"),
        (["y", "y "], "column 'y' stands 2 times"),
        (["1", 1], "column '1' stands 2 times"),
        (["\u00e9", "e\u0301"], "stands 2 times; rename one of them"),
    ],
)
def test_each_column_has_a_name_of_its_own(names, said):
    """That one can read, and tell from others; blanks around it are no part of it."""
    parts = {part: one.set_axis(names, axis=1) for part, one in splits().items()}
    blanks = {
        part: one.set_axis([" y", "x "], axis=1) for part, one in splits().items()
    }

    assert said in refusal(parts)
    assert list(check_splits(blanks, label="x")[0]["test"]) == ["x", "y"]


def test_an_index_that_holds_data_is_said():
    """It names rows, and is no feature; a label that is in it is named."""
    parts = {part: one.set_index("y") for part, one in splits(z=[3, 4] * 6).items()}

    assert "label: 'y' is the index of the splits" in refusal(parts, label="y")
    assert check_splits(parts)[1][0].startswith("the index (y) names rows; .reset_")


def test_copies_are_found_whatever_their_numbers():
    """As after a shuffle, or where rows were drawn several times before the split."""
    table = pd.DataFrame(
        {"y": range(60), "x": np.random.default_rng(0).normal(size=60)}
    )
    train, rest = table[:40].reset_index(drop=True), table[40:].reset_index(drop=True)
    shuffled = rest.sample(frac=1, random_state=1).reset_index(drop=True)
    drawn = table.sample(200, replace=True, random_state=1)

    same = {"train": train, "validation": rest, "test": shuffled}
    inside = {"train": table, "validation": shuffled[:9], "test": shuffled[9:]}
    twice = {"train": drawn[:150], "validation": drawn[150:175], "test": drawn[175:]}
    assert "validation and test: 20 rows are in both" in refusal(same)
    assert "train and validation: 9 rows are in both" in refusal(inside)
    assert "rows are in both" in refusal(twice)


def test_rows_that_are_equal_by_chance_are_fine():
    """Of few values; what is more than chance is said."""
    rng = np.random.default_rng(0)
    few = pd.DataFrame(rng.integers(0, 3, size=(300, 4)), columns=list("yabc"))
    fine = pd.DataFrame({"y": rng.normal(size=300), "x": range(300)})
    some = pd.concat([fine[250:], fine[:3]], ignore_index=True)

    drawn = {"train": few[:200], "validation": few[200:250], "test": few[250:]}
    mixed = {"train": fine[:200], "validation": fine[200:250], "test": some}
    mixed = {part: one.reset_index(drop=True) for part, one in mixed.items()}
    assert check_splits(drawn)[1] == []
    assert check_splits(mixed)[1] == ["test: 3 of 53 rows are equal to rows of train"]


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
