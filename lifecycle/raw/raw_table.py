"""The raw table that prepare hands on: its columns, its records, and their features.

What a split holds has to be what `transform` returns for the record alone, as JSON says
it: then the endpoint makes the features that the model was trained on.
"""

import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecycle.errors import DataError
from lifecycle.raw.packing import raw_code
from lifecycle.raw.raw_records import (
    BOOLEAN,
    INTEGER,
    JSON_LINES,
    NUMBER,
    TEXT,
    Kinds,
    Record,
    RequestError,
    make_features,
)
from lifecycle.s3 import write_bytes
from lifecycle.tabular.csv_text import refuse_duplicates

if TYPE_CHECKING:
    import pandas as pd

    from lifecycle.raw.raw_records import Transform

# The module of a model that has `transform`.
MODULE = "features"
# The raw records of the test rows, and the code that makes features of them.
TEST, PACKED = "test-records.jsonl", "features.tar.gz"
# How many rows of a split are transformed one by one, and about how many at all.
ALONE, CHECKED = 10, 100_000
# The largest relative difference between a feature of a split and the transformed one.
TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class HandedOn:
    """What prepare hands on of raw records: kinds of columns, test records, code."""

    kinds: dict[str, str]
    test: list[Record]
    code: bytes


def check_raw(
    splits: "Mapping[str, pd.DataFrame]",
    raw: "pd.DataFrame | None",
    transform: "Transform | None",
) -> HandedOn | None:
    """Check raw records, and that the splits are what `transform` makes of them.

    Args:
        splits: by part its rows, the label first.

    Returns:
        None if there are none.

    Raises:
        DataError: the endpoint would make other features of them.
    """
    if raw is None and transform is None:
        return None
    if raw is None or transform is None:
        raise DataError(
            "write_splits: raw records and the function that makes features of them "
            "belong together; give raw= and transform="
        )
    label = str(splits["test"].columns[0])
    if label in raw:
        raise DataError(
            f"raw: has the label, {label!r}, which no client knows; give "
            f"raw.drop(columns={label!r})"
        )
    kinds = column_kinds(raw)
    folder = _folder_of(transform)
    for part, rows in splits.items():
        mine = rows_of("raw", raw, rows.index)
        chosen = slice(None, None, -(-len(rows) // CHECKED))
        records = table_records(mine.iloc[chosen], kinds)
        _check_transform(part, transform, rows.iloc[chosen], records, kinds)
    test = table_records(raw.loc[splits["test"].index], kinds)
    return HandedOn(kinds=kinds, test=test, code=raw_code(folder))


def write_raw(prefix: str, handed_on: HandedOn) -> dict[str, Any]:
    """Write the raw records of the test rows, and the code.

    Returns:
        `columns`, by name what each holds; of `test` and `code` URI and sha256.
    """
    lines = [json.dumps(one, ensure_ascii=False) for one in handed_on.test]
    rows = "".join(f"{line}\n" for line in lines).encode()
    return {
        "columns": handed_on.kinds,
        "test": write_bytes(f"{prefix}/{TEST}", rows, content_type=JSON_LINES),
        "test_sha256": hashlib.sha256(rows).hexdigest(),
        "code": write_bytes(f"{prefix}/{PACKED}", handed_on.code),
        "code_sha256": hashlib.sha256(handed_on.code).hexdigest(),
    }


def column_kinds(raw: "pd.DataFrame") -> dict[str, str]:
    """Return by column of a raw table what it holds.

    Raises:
        DataError: a column has no plain name, or mixes numbers and text.
    """
    refuse_duplicates("raw", list(raw))
    for name in raw:
        if not isinstance(name, str) or name != name.strip() or not name:
            raise DataError(f"raw: column {name!r} has no plain name; rename it")
    return {str(name): _kind(str(name), raw[name]) for name in raw}


def table_records(raw: "pd.DataFrame", kinds: Kinds) -> list[Record]:
    """Return the rows of a raw table as JSON has them: None where a cell is missing."""
    columns = {name: _plain(raw[name], kind) for name, kind in kinds.items()}
    return [
        dict(zip(columns, cells, strict=True))
        for cells in zip(*columns.values(), strict=True)
    ]


def rows_of(what: str, table: Any, index: "pd.Index[Any]") -> "pd.DataFrame":
    """Return the rows of a table that have the index of a split.

    Args:
        what: names the table in an error.

    Raises:
        DataError: it is another table than the one that was split.
    """
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"{what}: {type(table).__name__} is no table; give columns of the one "
            "that was split, as raw[['Phone']]"
        )
    if not table.index.is_unique or not index.isin(table.index).all():
        raise DataError(
            f"{what}: their index is not that of the table that was split; take them "
            "from the same table, as raw[['Phone']], before its rows are numbered anew"
        )
    return table.loc[index]


def _check_transform(
    part: str,
    transform: "Transform",
    rows: "pd.DataFrame",
    records: list[Record],
    kinds: Kinds,
) -> None:
    """Check that the features of a split are those of its records, one by one.

    Args:
        rows: of the split, the label first; `records`: of the same rows.

    Raises:
        DataError: a feature differs, or depends on the other rows.
    """
    features = [str(name) for name in rows.columns[1:]]
    made = _made(part, transform, records, kinds, features)
    if where := _first_difference(rows.iloc[:, 1:], made):
        place, name, given, found = where
        raise DataError(
            f"{part}: {name!r} is {given:.6g} in row {rows.index[place]}, where "
            f"features.py gives {found:.6g} for its record; split what transform "
            "returns"
        )
    for place, record in enumerate(records[:ALONE]):
        alone = _made(part, transform, [record], kinds, features)
        if where := _first_difference(made.iloc[[place]], alone):
            _, name, given, found = where
            raise DataError(
                f"features.py: {name!r} of row {rows.index[place]} is {given:.6g} "
                f"among other rows and {found:.6g} alone; what is learnt from many "
                "rows belongs into a file beside it"
            )


def _folder_of(transform: Any) -> Path:
    """Return the model's folder, whose features.py has to define `transform`.

    Raises:
        DataError: it is defined elsewhere, where no endpoint would find it.
    """
    module = sys.modules.get(getattr(transform, "__module__", ""))
    path = Path(getattr(module, "__file__", None) or "")
    names = (path.stem, getattr(transform, "__name__", ""))
    is_model = path.with_name("model").with_suffix(".yaml").is_file()
    if names != (MODULE, "transform") or not is_model:
        raise DataError(
            "transform: is not the function of the model's features.py, which the "
            "endpoint runs; from features import transform"
        )
    return path.parent


def _made(
    part: str,
    transform: "Transform",
    records: list[Record],
    kinds: Kinds,
    features: list[str],
) -> "pd.DataFrame":
    try:
        return make_features(transform, records, kinds, features)
    except RequestError as error:
        alone = "of a row alone, " if len(records) == 1 else ""
        raise DataError(f"{part}: {alone}{error}") from error


def _first_difference(
    given: "pd.DataFrame", found: "pd.DataFrame"
) -> tuple[int, str, float, float] | None:
    """Return row, column and the two values of the first cell that differs."""
    import numpy as np

    mine, theirs = given.to_numpy(dtype=float), found.to_numpy(dtype=float)
    same = np.isclose(mine, theirs, rtol=TOLERANCE, atol=0, equal_nan=True)
    for place, column in np.argwhere(~same)[:1].tolist():
        name = str(found.columns[column])
        return place, name, float(mine[place, column]), float(theirs[place, column])
    return None


def _kind(name: str, values: "pd.Series[Any]") -> str:
    from pandas.api import types

    kind = values.dtype
    if types.is_bool_dtype(kind):
        return BOOLEAN
    if types.is_integer_dtype(kind):
        return INTEGER
    if types.is_float_dtype(kind):
        return NUMBER
    held = {type(one) for one in values.dropna()}
    if held <= {bool}:
        return BOOLEAN if held else TEXT
    if held & {int, float, bool}:
        words = ", ".join(sorted(one.__name__ for one in held))
        raise DataError(f"raw: {name!r} mixes {words}; give it one type")
    return TEXT


def _plain(values: "pd.Series[Any]", kind: str) -> list[Any]:
    """Return cells as JSON has them; what it has no word for becomes its text."""
    of_kind: dict[str, Callable[[Any], Any]]
    of_kind = {INTEGER: int, NUMBER: _number, BOOLEAN: bool, TEXT: _text}
    known = of_kind[kind]
    missing = values.isna()
    pairs = zip(values, missing, strict=True)
    return [None if is_missing else known(one) for one, is_missing in pairs]


def _number(value: Any) -> float | None:
    number = float(value)
    if math.isinf(number):
        raise DataError("raw: holds an infinite number; leave the row out")
    return number


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
