"""The data contract: what splits must be for XGBoost to train on them as meant.

Its CSV reader takes what is no number for another one or for missing, and an empty
label for 0, all without a word; so it is said here, before a training job is paid for.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lifecycle.errors import DataError, did_you_mean, list_names
from lifecycle.tabular.cells import LARGEST, as_number
from lifecycle.tabular.labels import (
    check_classes,
    check_complete,
    check_label,
    class_notes,
    label_needs,
)

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")
# Whole numbers beyond this one are rounded to the 24 bits that XGBoost computes with.
FLOAT32_EXACT = 1 << 24
# How many columns a message names.
MAX_NAMED = 5
# Where hardly a row is like another one of its split, equal rows of two splits are
# copies, if they are so many.
MAX_ALIKE, MIN_COPIES, MIN_SHARE = 0.1, 5, 0.2
# The share of equal rows that is said.
SAID_SHARE = 0.02


def check_splits(
    splits: "Mapping[str, pd.DataFrame]",
    *,
    label: str = "",
    task: str = "",
    hyperparameters: Mapping[str, Any] | None = None,
    classes: Sequence[str] = (),
) -> "tuple[dict[str, pd.DataFrame], list[str]]":
    """Return the splits as XGBoost reads them right: label first, all cells numbers.

    True and false become 1 and 0; what is missing stays missing. Names of columns lose
    the blanks around them.

    Args:
        label: the column to predict; by default the first one.
        task: "binary" asks for the labels 0 and 1, "multiclass" for 0, 1, 2, ...
        hyperparameters: those of the training job, whose objective, num_class and
            csv_weights ask for more.
        classes: the names of the labels 0, 1, 2, ..., each of which train has to have.

    Returns:
        The splits, and what a reader should know of them.

    Raises:
        DataError: they cannot be trained on, or would be read otherwise.
    """
    _check_parts(splits)
    named = {part: _named(part, table) for part, table in splits.items()}
    label = _check_columns(named, label)
    order = [label, *(str(name) for name in named["train"] if name != label)]
    numbers = {
        part: _as_numbers(part, one[order], label) for part, one in named.items()
    }
    needs = label_needs(task, hyperparameters or {}, classes)
    for part, table in numbers.items():
        check_complete(part, table[label])
        check_label(part, table[label], needs)
        _check_features(part, table)
    check_classes(numbers, label, needs)
    if (hyperparameters or {}).get("csv_weights") in (1, "1"):
        _check_weights(numbers, order[1])
    return numbers, [
        *_notes(numbers, label),
        *class_notes(numbers, label, needs),
        *_index_notes(splits),
        *_check_disjoint(numbers),
    ]


def _check_parts(splits: "Mapping[str, pd.DataFrame]") -> None:
    """Check that there are three parts, which are tables with rows."""
    import pandas as pd

    if not isinstance(splits, Mapping):
        raise DataError(
            f"splits: {type(splits).__name__} is no dict; give the tables by their "
            f"names, {', '.join(SPLITS)}"
        )
    for part in SPLITS:
        if part not in splits:
            raise DataError(
                f"splits: {part!r} is missing, there are "
                f"{', '.join(map(str, splits)) or 'none'}; give {', '.join(SPLITS)}"
            )
    if unknown := [part for part in splits if part not in SPLITS]:
        raise DataError(
            f"splits: {unknown[0]!r} is not known; give {', '.join(SPLITS)}"
        )
    for part, table in splits.items():
        if not isinstance(table, pd.DataFrame):
            raise DataError(
                f"{part}: {type(table).__name__} is no table; give a DataFrame with "
                "the label and the features"
            )
        if table.empty:
            raise DataError(f"{part}: has no rows; hold out fewer or more of them")


def _named(part: str, table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table whose columns have plain names, each of its own."""
    import pandas as pd

    if table.columns.nlevels > 1:
        raise DataError(
            f"{part}: its columns have {table.columns.nlevels} levels of names; join "
            "them: table.columns = ['_'.join(name) for name in table.columns]"
        )
    names = ["" if pd.isna(name) else str(name).strip() for name in table.columns]
    for place, name in enumerate(names, 1):
        if not name:
            raise DataError(f"{part}: column {place} has no name; give it one")
        if not name.isprintable():
            raise DataError(
                f"{part}: the name of column {place}, {name!r}, holds what is no "
                "letter; rename it"
            )
    # What looks alike is one name.
    alike = Counter(unicodedata.normalize("NFC", name) for name in names)
    twice = [name for name, count in alike.items() if count > 1]
    if twice:
        raise DataError(
            f"{part}: column {twice[0]!r} stands {alike[twice[0]]} times; rename one "
            "of them"
        )
    return table.set_axis(names, axis=1)


def _check_columns(splits: "Mapping[str, pd.DataFrame]", label: str) -> str:
    """Check that all splits have the same columns, and return that of the label."""
    train = splits["train"]
    names = [str(name) for name in train]
    for part, table in splits.items():
        if odd := sorted({*map(str, table)} ^ {*names}):
            raise DataError(
                f"{part}: its columns differ from those of train by "
                f"{', '.join(map(repr, odd[:MAX_NAMED]))}; give all splits the same"
            )
    label = label or names[0]
    if label not in names:
        if label in map(str, train.index.names):
            raise DataError(
                f"label: {label!r} is the index of the splits, and no column; "
                ".reset_index() makes it one"
            )
        raise DataError(
            f"label: {label!r} is not a column of the splits; "
            f"{did_you_mean(label, names)}"
        )
    if len(names) == 1:
        raise DataError(f"train: has only the label {label!r}; add features")
    return label


def _as_numbers(part: str, table: "pd.DataFrame", label: str) -> "pd.DataFrame":
    """Return a table of plain numbers, or refuse the first column that is none."""
    import pandas as pd

    columns = {
        name: as_number(part, name, table[name], is_label=name == label)
        for name in table
    }
    return pd.DataFrame(columns, index=table.index)


def _check_features(part: str, table: "pd.DataFrame") -> None:
    import numpy as np

    last = table.columns[-1]
    for name, column in table.iloc[:, 1:].items():
        values = column.to_numpy()
        infinite = int((np.abs(values) > LARGEST).sum())
        if infinite:
            raise DataError(
                f"{part}: column {name!r} is infinite in {infinite} rows (3.4e38 is "
                "the largest number that XGBoost knows); make these missing, or leave "
                "the column out"
            )
        # XGBoost counts the columns that it sees a value of.
        needed = part == "train" or (part == "validation" and name == last)
        if needed and np.isnan(values).all():
            raise DataError(
                f"{part}: column {name!r} is empty in all rows; leave it out"
            )


def _check_weights(splits: "Mapping[str, pd.DataFrame]", name: str) -> None:
    """Check the column that the image takes for the weights of rows."""
    for part, table in splits.items():
        wrong = int((table[name].isna() | (table[name] < 0)).sum())
        if wrong:
            raise DataError(
                f"{part}: column {name!r} is missing or negative in {wrong} rows, and "
                "with csv_weights: 1 the column after the label is each row's weight"
            )


def _check_disjoint(splits: "Mapping[str, pd.DataFrame]") -> list[str]:
    """Refuse splits that share rows, and say where some of their rows are equal."""
    hashes = {part: _row_hashes(table) for part, table in splits.items()}
    notes = []
    for one, other in combinations(hashes, 2):
        first, second = hashes[one], hashes[other]
        equal, back = second.isin(first), first.isin(second)
        alike = max(part.duplicated(keep=False).mean() for part in (first, second))
        share = max(equal.mean(), back.mean())
        count = _same_places(first, second)
        tells_apart = alike < MAX_ALIKE
        if tells_apart and share >= MIN_SHARE and equal.sum() >= MIN_COPIES:
            count = max(count, int(equal.sum()))
        if count:
            raise DataError(
                f"{one} and {other}: {count} rows are in both, so the model is judged "
                "by what it has seen; put each row into one split"
            )
        if tells_apart and share > SAID_SHARE:
            notes.append(
                f"{other}: {int(equal.sum())} of {len(second)} rows are equal to rows "
                f"of {one}"
            )
    return notes


def _row_hashes(table: "pd.DataFrame") -> "pd.Series[Any]":
    """Return a hash of each row, which rows have once that were drawn several times."""
    import pandas as pd

    # -0.0 and 0 are equal.
    plain = table.astype("float64") + 0.0
    drawn_again = pd.util.hash_pandas_object(plain).duplicated().to_numpy()
    return pd.util.hash_pandas_object(plain[~drawn_again], index=False)


def _same_places(one: "pd.Series[Any]", other: "pd.Series[Any]") -> int:
    """Count the rows that are equal and of the same index, where that tells rows apart.

    Parts that were numbered anew share the index, but hardly a row.
    """
    if not (one.index.is_unique and other.index.is_unique):
        return 0
    common = one.index.intersection(other.index)
    count = int((one[common] == other[common]).sum())
    numbered = all(
        part.index.equals(_numbered(len(part))) and len(common) > 1
        for part in (one, other)
    )
    return 0 if numbered and count < len(common) else count


def _numbered(rows: int) -> "pd.Index[Any]":
    import pandas as pd

    return pd.RangeIndex(rows)


def _notes(splits: "Mapping[str, pd.DataFrame]", label: str) -> list[str]:
    """Say what can be trained on, but hardly as it is meant."""
    train = splits["train"]
    constant = [str(name) for name in train if train[name].min() == train[name].max()]
    whole = train.select_dtypes("integer").abs().max()
    long = [str(name) for name, most in whole.items() if most > FLOAT32_EXACT]
    notes = []
    if features := [name for name in constant if name != label]:
        notes.append(
            f"{list_names(features, MAX_NAMED)}: one value in all rows of train that "
            "have any"
        )
    if long:
        notes.append(
            f"{list_names(long, MAX_NAMED)}: rounded by XGBoost, which computes with "
            "24 bits"
        )
    if label in constant:
        notes.append(f"{label}: the label is the same in all rows of train")
    return notes


def _index_notes(splits: "Mapping[str, pd.DataFrame]") -> list[str]:
    """Say that an index which holds data names rows, and is no feature."""
    from pandas.api import types

    index = splits["train"].index
    names = [str(name) for name in index.names if name is not None]
    if not names and index.nlevels == 1 and types.is_integer_dtype(index.dtype):
        return []
    what = list_names(names, MAX_NAMED) or f"{index[0]}, ..."
    return [f"the index ({what}) names rows; .reset_index() makes a feature of it"]
