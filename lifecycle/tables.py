"""Raw tables read strictly: CSV and Parquet, one file or several that are one table.

What a reader would have to guess is refused, and the message names the argument of
`read_table` that decides it.
"""

import io
import re
from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecycle.csv_format import (
    PARQUET,
    PLAIN,
    SAMPLE_ROWS,
    SEPARATORS,
    UTF16,
    CsvFormat,
    csv_rows,
    detect_encoding,
    detect_format,
    local_number,
)
from lifecycle.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# How files begin that are often taken for CSV.
OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive or an Excel file; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save the sheet as CSV",
    b"\x1f\x8b": "compressed by gzip; unpack it",
    b"BZh": "compressed by bzip2; unpack it",
    b"<": "HTML or XML; download the data itself",
    b"{": "JSON; write it as CSV or Parquet",
    b"%PDF": "a PDF; save the table as CSV",
    b"SQLite format": "a database; write the table as CSV or Parquet",
}
MAX_SHOWN = 60
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

    tables = [_parse(one, written, header=header, text=text) for one in files]
    if len(tables) == 1:
        return tables[0]
    first, names = files[0], list(tables[0])
    for file, table in zip(files, tables, strict=True):
        if set(table) != set(names):
            odd = ", ".join(map(repr, sorted({*table} ^ {*names}, key=str)))
            raise DataError(
                f"{file.name}: its columns differ from those of {first.name} by {odd}; "
                "give all files of a folder the same columns"
            )
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
        kept = [*text, *mixed]
        tables = [_parse(one, written, header=header, text=kept) for one in files]
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
            raise DataError(f"{path}: not Parquet, {_first_line(error)}") from error
        if not rows:
            raise DataError(f"{path}: holds no rows; give the file that does")
        return CsvFormat()
    if len(content) == MAX_CHECKED:
        content = content.rpartition(b"\n")[0]
    written = detect_format(content)
    file = TableFile(name=str(path), content=content)
    if not _check_csv(file, written, header=False).strip().partition(b"\n")[2]:
        raise DataError(f"{path}: has one line and no rows; give the file that does")
    return written


def _parse(
    file: TableFile, written: CsvFormat, *, header: bool, text: Collection[Hashable]
) -> "pd.DataFrame":
    if file.content.startswith(PARQUET):
        table = _parse_parquet(file)
    else:
        table = _parse_csv(file, written, header=header, text=text)
    if table.empty:
        what = "names columns, but holds no rows" if header else "holds no rows"
        raise DataError(f"{file.name}: {what}; restore the file")
    return table


def _parse_parquet(file: TableFile) -> "pd.DataFrame":
    import pandas as pd
    import pyarrow as pa

    try:
        table = pd.read_parquet(io.BytesIO(file.content))
    except (pa.ArrowException, ValueError, OSError) as error:
        raise DataError(f"{file.name}: not Parquet, {_first_line(error)}") from error
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    table = table.reset_index(drop=True).rename(columns=str)
    _refuse_duplicates(file.name, list(table))
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


def _parse_csv(
    file: TableFile, written: CsvFormat, *, header: bool, text: Collection[Hashable]
) -> "pd.DataFrame":
    import pandas as pd

    content = _check_csv(file, written, header=header)
    try:
        table = pd.read_csv(
            io.BytesIO(content),
            sep=written.separator,
            decimal=written.decimal,
            thousands=written.thousands or None,
            header=0 if header else None,
            # What a row has too many of must not become its name.
            index_col=False,
            # One type for each column, whatever its length.
            low_memory=False,
            dtype=dict.fromkeys(text, "str"),
        )
    except ValueError as error:
        raise DataError(f"{file.name}: not CSV, {_first_line(error)}") from error
    _refuse_local_numbers(file.name, table, text)
    return table


def _check_csv(file: TableFile, written: CsvFormat, *, header: bool) -> bytes:
    """Return the text of a CSV file in UTF-8, whose rows all have as many cells."""
    if not file.content.strip():
        raise DataError(f"{file.name}: is empty; restore the file")
    head = file.content[:MAX_SHOWN].lstrip()
    for start, what in OTHER_FORMATS.items():
        if head.startswith(start):
            raise DataError(f"{file.name}: is no CSV but {what}")
    text = _decode(file, written)
    content = text.encode()
    try:
        rows = csv_rows(text, written.separator)
        names = next((row for row in rows if row), [])
        if header:
            _check_header(file.name, names, written)
        _check_widths(file.name, content, written, len(names))
    except ValueError as error:
        raise DataError(f"{file.name}: not CSV, {_first_line(error)}") from error
    return content


def _decode(file: TableFile, written: CsvFormat) -> str:
    content = file.content
    if content.startswith(UTF16) and written.encoding == "utf-8":
        raise DataError(
            f"{file.name}: is UTF-16; save it as UTF-8, or read_table(..., "
            'encoding="utf-16")'
        )
    try:
        found = content.decode(written.encoding).lstrip("\ufeff")
    except LookupError as error:
        raise DataError(f"{file.name}: {error}; give an encoding of Python") from error
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        guess = detect_encoding(content)
        line = content[: error.start].rpartition(b"\n")[2][-10:]
        rest = content[error.start : error.start + 10].partition(b"\n")[0]
        shown = (line + rest).decode(guess, "replace")
        raise DataError(
            f"{file.name}: not {written.encoding.upper()} in line {row}, which reads "
            f"{shown!r} as {guess}; save it as UTF-8, or read_table(..., "
            f'encoding="{guess}")'
        ) from error
    if "\x00" in found:
        raise DataError(f"{file.name}: is not CSV, it has bytes that are not text")
    return found


def _check_header(where: str, names: Sequence[str], written: CsvFormat) -> None:
    """Refuse a first line that names no columns, or that is separated otherwise."""
    if len(names) == 1:
        for other, word in SEPARATORS.items():
            if other != written.separator and other in names[0]:
                raise DataError(
                    f"{where}: is separated by {word}; read_table(..., "
                    f"separator={_quote(other)})"
                )
    numbers = [name for name in names if re.fullmatch(PLAIN, name.strip())]
    counted = [str(place) for place in range(len(names))]
    if len(numbers) == len(names) and list(names) != counted:
        raise DataError(
            f"{where}: the first line holds numbers ({_shorten(','.join(names))}) and "
            "no names; write one above it, or read_table(..., header=False)"
        )
    _refuse_duplicates(where, [name for name in names if name])


def _refuse_duplicates(where: str, names: Sequence[Any]) -> None:
    twice = [str(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [at for at, name in enumerate(names, 1) if str(name) == twice[0]]
        raise DataError(
            f"{where}: column {twice[0]!r} stands {len(places)} times, as column "
            f"{' and '.join(map(str, places))}; rename one of them"
        )


def _check_widths(where: str, content: bytes, written: CsvFormat, width: int) -> None:
    """Refuse rows with more or fewer cells than the first one.

    pandas fills short rows, and takes the first cell of long ones for a name.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    wrong: list[Any] = []

    def keep(row: Any) -> str:
        wrong.append(row)
        return "skip" if len(wrong) < SAMPLE_ROWS else "error"

    try:
        arrow.read_csv(
            io.BytesIO(content),
            read_options=arrow.ReadOptions(
                use_threads=False,
                autogenerate_column_names=True,
                block_size=min(len(content) + 1, 2**31 - 1),
            ),
            parse_options=arrow.ParseOptions(
                delimiter=written.separator,
                newlines_in_values=True,
                invalid_row_handler=keep,
            ),
            convert_options=arrow.ConvertOptions(
                include_columns=["f0"], column_types={"f0": pa.string()}
            ),
        )
    except pa.ArrowInvalid:
        if not wrong:
            raise
    if not wrong:
        return
    row = wrong[0]
    remedy = "mend this row, or write what names all columns into the first line"
    if all(one.text.rstrip().endswith(written.separator) for one in wrong):
        remedy = f"rows end in {written.separator!r}: remove it, or add a name for it"
    raise DataError(
        f"{where}: row {row.number} has {row.actual_columns} cells and the first line "
        f"{width} ({_shorten(row.text)}); {remedy}"
    )


def _refuse_local_numbers(
    where: str, table: "pd.DataFrame", text: Collection[Hashable]
) -> None:
    for name in table:
        if name in text or table[name].dtype.kind in "biufcM":
            continue
        example, arguments = local_number(table[name])
        if example:
            raise DataError(
                f"{where}: column {name!r} holds {example!r}, which pandas reads as "
                f"text; read_table(..., {arguments}), or text=[{_quote(str(name))}] if "
                "it is not a number"
            )


def _kinds(tables: Sequence["pd.DataFrame"], name: Any) -> set[str]:
    """Return what kinds of values a column holds in several tables."""
    from pandas.api.types import infer_dtype

    found = {infer_dtype(table[name], skipna=True) for table in tables}
    return {KINDS.get(kind, "text") for kind in found - {"empty"}}


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'


def _shorten(text: str) -> str:
    shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
    return repr(shown)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else "unreadable"
