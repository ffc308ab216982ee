"""Raw tables read strictly: CSV and Parquet, one file or several that are one table.

What a reader would have to guess is refused, and the message names the argument of
`read_table` that decides it.
"""

import io
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecycle.errors import DataError, did_you_mean
from lifecycle.tabular.csv_cells import CsvCells
from lifecycle.tabular.csv_format import PARQUET, CsvFormat, detect_format
from lifecycle.tabular.csv_text import check_csv, first_line, refuse_duplicates

if TYPE_CHECKING:
    import pandas as pd

# Bytes of a large file that are read to see that it is a table.
MAX_CHECKED = 64 << 20
# What pandas calls the kinds of values.
KINDS = {
    "boolean": "true and false",
    "datetime": "dates",
    "datetime64": "dates",
    "floating": "numbers",
    "integer": "numbers",
    "mixed-integer-float": "numbers",
}


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """The content of a file, and the name that errors give it."""

    name: str
    content: bytes


def parse_table(
    files: Sequence[TableFile],
    written: CsvFormat,
    *,
    header: bool = True,
    text: Collection[Hashable] = (),
) -> "pd.DataFrame":
    """Parse files that are one table, each CSV or Parquet.

    Args:
        header: whether the first line of a CSV file names the columns.
        text: columns that stay text, as codes with leading zeros.

    Raises:
        DataError: a file is empty, or is not what its reader would take it for.
    """
    import pandas as pd

    how: dict[str, Any] = {"header": header, "later": [], "text": text}
    tables = [_parse(one, written, **how) for one in files]
    first, names = files[0], list(tables[0])
    for file, table in zip(files, tables, strict=True):
        if set(table) != set(names):
            odd = ", ".join(map(repr, sorted({*table} ^ {*names}, key=str)))
            raise DataError(
                f"{file.name}: its columns differ from those of {first.name} by {odd}; "
                "give all files of a folder the same columns"
            )
    if header and (unknown := [name for name in text if name not in names]):
        hint = did_you_mean(str(unknown[0]), map(str, names))
        raise DataError(f"{first.name}: text={unknown[0]!r} is no column of it; {hint}")
    kinds = {name: _kinds(tables, name) for name in names}
    mixed = [name for name in names if len(kinds[name]) > 1]
    for name in mixed:
        if kinds[name] != {"text", "numbers"}:
            raise DataError(
                f"{first.name}: column {name!r} holds {' and '.join(kinds[name])} in "
                "the files of this folder; write it the same way in all of them"
            )
    if mixed:
        # As text everywhere, so that equal cells are equal.
        how |= {"later": [], "text": [*text, *mixed]}
        tables = [_parse(one, written, **how) for one in files]
    for check in how["later"]:
        check()
    if len(tables) == 1:
        return tables[0]
    return pd.concat([table[names] for table in tables], ignore_index=True)


def check_file(path: Path) -> CsvFormat:
    """Check that a file is a table, and return how it seems to be written.

    Of a large CSV file only the beginning is read.

    Raises:
        DataError: it is empty, or no table.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with path.open("rb") as opened:
        content = opened.read(MAX_CHECKED)
    if content.startswith(PARQUET):
        try:
            rows = parquet.ParquetFile(path).metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path}: not Parquet, {first_line(error)}") from error
        if not rows:
            raise DataError(f"{path}: holds no rows; give the file that does")
        return CsvFormat()
    whole = len(content) < MAX_CHECKED
    if not whole:
        content = content.rpartition(b"\n")[0]
    written = detect_format(content)
    text = check_csv(str(path), content, written, header=False, whole=whole)
    if not text.strip().replace(b"\r", b"\n").partition(b"\n")[2]:
        raise DataError(f"{path}: has one line and no rows; give the file that does")
    return written


def _parse(
    file: TableFile,
    written: CsvFormat,
    *,
    header: bool,
    text: Collection[Hashable],
    later: list[Callable[[], None]],
) -> "pd.DataFrame":
    """Parse a file.

    Args:
        later: gets what is to be checked once it is known what is text in other files.
    """
    if file.content.startswith(PARQUET):
        table = _parse_parquet(file)
    else:
        content = check_csv(file.name, file.content, written, header=header)
        try:
            cells = CsvCells(file.name, content, written, header=header, text=text)
            table = cells.read()
        except ValueError as error:
            raise DataError(f"{file.name}: not CSV, {first_line(error)}") from error
        later.append(partial(cells.refuse_lost_digits, table))
    if table.empty:
        what = "names columns, but holds no rows" if header else "holds no rows"
        raise DataError(f"{file.name}: {what}; restore the file")
    # Blanks around a name are none of it.
    return table.rename(columns=lambda name: str(name).strip()) if header else table


def _parse_parquet(file: TableFile) -> "pd.DataFrame":
    import pandas as pd
    import pyarrow as pa

    try:
        table = pd.read_parquet(io.BytesIO(file.content))
    except (pa.ArrowException, ValueError, OSError) as error:
        raise DataError(f"{file.name}: not Parquet, {first_line(error)}") from error
    numbered = table.index.nlevels == 1 and table.index.dtype.kind in "iu"
    if not numbered or any(name is not None for name in table.index.names):
        table = table.reset_index()
    table = table.reset_index(drop=True)
    if table.columns.nlevels > 1:
        raise DataError(
            f"{file.name}: its columns have {table.columns.nlevels} levels of names; "
            "write it with one"
        )
    refuse_duplicates(file.name, list(table))
    for name, values in table.items():
        known = values.dropna()
        if values.dtype == object and not known.empty:
            table[name] = _plain_values(values, known.iloc[0])
    return table


def _plain_values(values: "pd.Series[Any]", first: object) -> "pd.Series[Any]":
    """Return decimals as numbers and dates as timestamps, which Parquet tells apart."""
    from datetime import date

    import pandas as pd

    if isinstance(first, Decimal):
        return values.astype(float)
    return pd.to_datetime(values) if isinstance(first, date) else values


def _kinds(tables: Sequence["pd.DataFrame"], name: Any) -> set[str]:
    """Return what kinds of values a column holds in several tables."""
    from pandas.api.types import infer_dtype

    found = {infer_dtype(table[name], skipna=True) for table in tables}
    return {KINDS.get(kind, "text") for kind in found - {"empty"}}
