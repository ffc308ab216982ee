"""The data contract: what rows must be for XGBoost to read them right.

Its CSV reader makes text and dates other numbers or missing, and an empty label 0, all
without a word; so it is said here, before a training job is paid for.
"""

from collections.abc import Hashable, Mapping
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any

from lifecycle.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")
# What XGBoost computes with: larger numbers are infinite, longer ones rounded.
FLOAT32_MAX = 3.4028234e38
FLOAT32_EXACT = 1 << 24
MAX_EXAMPLE = 40
# How many columns a note names.
MAX_NAMED = 5


def check_splits(
    splits: "Mapping[str, pd.DataFrame]", *, label: str = "", task: str = ""
) -> "tuple[dict[str, pd.DataFrame], list[str]]":
    """Return the splits as XGBoost reads them right: label first, all cells numbers.

    True and false become 1 and 0; what is missing stays missing.

    Args:
        label: the column to predict; by default the first one.
        task: "binary" asks for the labels 0 and 1.

    Returns:
        The splits, and what a reader should know of them.

    Raises:
        DataError: they cannot be trained on, or would be read otherwise.
    """
    _check_parts(splits)
    label = _check_columns(splits, label)
    features = [name for name in splits["train"] if str(name) != label]
    order = [name for name in splits["train"] if str(name) == label] + features
    numbers = {
        part: _as_numbers(part, table[order].rename(columns=str))
        for part, table in splits.items()
    }
    for part, table in numbers.items():
        _check_label(part, table[label], task)
        _check_features(part, table)
    _check_disjoint(numbers)
    return numbers, _notes(numbers, label)


def _check_parts(splits: "Mapping[str, pd.DataFrame]") -> None:
    """Check that there are three parts, with rows."""
    for part in SPLITS:
        if part not in splits:
            raise DataError(
                f"splits: {part!r} is missing, there are {', '.join(splits) or 'none'};"
                f" give {', '.join(SPLITS)}"
            )
    if unknown := [part for part in splits if part not in SPLITS]:
        raise DataError(
            f"splits: {unknown[0]!r} is not known; give {', '.join(SPLITS)}"
        )
    for part, table in splits.items():
        if table.empty:
            raise DataError(f"{part}: has no rows; hold out fewer or more of them")


def _check_disjoint(splits: "Mapping[str, pd.DataFrame]") -> None:
    for one, other in combinations(splits, 2):
        if count := _shared_rows(splits[one], splits[other]):
            raise DataError(
                f"{one} and {other}: {count} rows are in both, so the model is judged "
                "by what it has seen; put each row into one split"
            )


def _shared_rows(one: "pd.DataFrame", other: "pd.DataFrame") -> int:
    """Count the rows that are in both parts: of one index, and equal.

    Parts that were numbered anew share the index, but hardly a row.
    """
    if not (one.index.is_unique and other.index.is_unique):
        return 0
    common = one.index.intersection(other.index)
    if common.empty:
        return 0
    first, second = one.loc[common], other.loc[common]
    equal = (first == second) | (first.isna() & second.isna())
    count = int(equal.all(axis=1).sum())
    numbered = all(
        part.index.equals(_numbered(len(part))) and len(common) > 1
        for part in (one, other)
    )
    return 0 if numbered and count < len(common) else count


def _numbered(rows: int) -> "pd.Index[Any]":
    import pandas as pd

    return pd.RangeIndex(rows)


def _check_columns(splits: "Mapping[str, pd.DataFrame]", label: str) -> str:
    """Check the names of the columns, and return that of the label."""
    names = [str(name) for name in splits["train"]]
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(
            f"train: column {twice[0]!r} stands {names.count(twice[0])} times; rename "
            "one of them"
        )
    for part, table in splits.items():
        here = [str(name) for name in table]
        if odd := sorted({*here} ^ {*names}):
            raise DataError(
                f"{part}: its columns differ from those of train by "
                f"{', '.join(map(repr, odd[:MAX_NAMED]))}; give all splits the same"
            )
    label = label or names[0]
    if label not in names:
        raise DataError(
            f"label: {label!r} is not a column of the splits; "
            f"{did_you_mean(label, names)}"
        )
    if len(names) == 1:
        raise DataError(f"train: has only the label {label!r}; add features")
    return label


def _as_numbers(part: str, table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table of plain numbers, or refuse the first column that is none."""
    import pandas as pd

    columns = {name: _as_number(part, name, table[name]) for name in table}
    return pd.DataFrame(columns, index=table.index)


def _as_number(part: str, name: Hashable, values: "pd.Series[Any]") -> Any:
    from pandas.api import types

    kind = values.dtype
    if types.is_bool_dtype(kind):
        return values.astype("float64") if values.isna().any() else values.astype(int)
    if types.is_complex_dtype(kind):
        raise _refusal(part, name, values, "complex numbers; give two columns")
    if types.is_numeric_dtype(kind):
        if not types.is_extension_array_dtype(kind):
            return values
        whole = types.is_integer_dtype(kind) and not values.isna().any()
        return values.astype("int64" if whole else "float64")
    known = values.dropna()
    if types.is_object_dtype(kind) and known.map(_is_number).all():
        # True, False and nothing; or Python's own numbers.
        return values.astype("float64")
    if types.is_datetime64_any_dtype(kind) or types.is_timedelta64_dtype(kind):
        raise _refusal(part, name, known, "times; take .dt.year, .dt.day_of_week, ...")
    if isinstance(kind, _category()):
        what = "a category; pd.get_dummies(..., dtype=int) makes a column of each value"
        raise _refusal(part, name, known, what)
    raise _refusal(part, name, known, _remedy(known))


def _category() -> type:
    from pandas import CategoricalDtype

    return CategoricalDtype


def _is_number(value: object) -> bool:
    import numpy as np

    return isinstance(value, bool | int | float | Decimal | np.number | np.bool_)


def _remedy(known: "pd.Series[Any]") -> str:
    """Say how a column of texts becomes numbers."""
    import pandas as pd

    texts = known.astype(str)
    if pd.to_numeric(texts, errors="coerce").notna().all():
        return "numbers as text; pd.to_numeric(...)"
    if texts.str.fullmatch(r"[+-]?[\d.]*,\d+").all():
        return 'decimal commas; read_table(..., decimal=",")'
    if texts.nunique() == 2:
        first = str(texts.iloc[0])
        return f'text; .eq("{first}").astype(int) makes it 1 and 0'
    return (
        "text; pd.get_dummies(..., dtype=int) makes a column of each value, or drop it"
    )


def _refusal(
    part: str, name: Hashable, values: "pd.Series[Any]", what: str
) -> DataError:
    example = (
        repr(values.iloc[0]) if isinstance(values.iloc[0], str) else values.iloc[0]
    )
    return DataError(
        f"{part}: column {name!r} holds {str(example)[:MAX_EXAMPLE]}, and XGBoost "
        f"reads only numbers right: {what}"
    )


def _check_label(part: str, values: "pd.Series[Any]", task: str) -> None:
    import numpy as np

    if missing := int(values.isna().sum()):
        raise DataError(
            f"{part}: {missing} of {len(values)} rows have no label {values.name!r}; "
            f"leave them out: .dropna(subset=[{str(values.name)!r}])"
        )
    if not np.isfinite(values.to_numpy(dtype="float32")).all():
        raise DataError(
            f"{part}: the label {values.name!r} is infinite in some rows; "
            "leave them out"
        )
    if task != "binary":
        return
    found = sorted(set(values.unique().tolist()))
    if found != [0, 1]:
        classes = ", ".join(f"{one:g}" for one in found[:MAX_NAMED])
        more = ", ..." if len(found) > MAX_NAMED else ""
        raise DataError(
            f"{part}: the label {values.name!r} holds {classes}{more}, and a binary "
            "classification needs rows with 0 and rows with 1 in every split"
        )


def _check_features(part: str, table: "pd.DataFrame") -> None:
    import numpy as np

    for name in table.columns[1:]:
        values = table[name].to_numpy(dtype="float64")
        infinite = int((np.abs(values) > FLOAT32_MAX).sum())
        if infinite:
            raise DataError(
                f"{part}: column {name!r} is infinite in {infinite} rows (3.4e38 is "
                "the largest number that XGBoost knows); make these missing, or leave "
                "the column out"
            )
        # XGBoost counts the columns that it sees a value of.
        is_last = part == "validation" and name == table.columns[-1]
        if np.isnan(values).all() and (part == "train" or is_last):
            raise DataError(
                f"{part}: column {name!r} is empty in all rows; leave it out"
            )


def _notes(splits: "Mapping[str, pd.DataFrame]", label: str) -> list[str]:
    """Say what can be trained on, but hardly as it is meant."""
    train = splits["train"]
    constant = [str(name) for name in train if train[name].min() == train[name].max()]
    whole = train.select_dtypes("integer").abs().max()
    long = [str(name) for name, most in whole.items() if most > FLOAT32_EXACT]
    notes = []
    if features := [name for name in constant if name != label]:
        notes.append(
            f"{_named(features)}: one value in all rows of train that have any"
        )
    if long:
        notes.append(f"{_named(long)}: rounded by XGBoost, which computes with 24 bits")
    if label in constant:
        notes.append(f"{label}: the label is the same in all rows of train")
    return notes


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
