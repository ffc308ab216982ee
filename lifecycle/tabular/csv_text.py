"""The text of a CSV file before it is read: what a reader would have to guess of it.

Its encoding, its first line, its quotes, and rows with more or fewer cells than others.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lifecycle.errors import DataError
from lifecycle.tabular.csv_format import (
    PLAIN,
    SAMPLE_ROWS,
    SEPARATORS,
    UTF16,
    UTF32,
    CsvFormat,
    csv_rows,
    detect_encoding,
)

# How files begin that are often taken for CSV.
OTHER_FORMATS = {
    b"PK\x03\x04": "a zip archive or an Excel file; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file; save the sheet as CSV",
    b"\x1f\x8b": "compressed by gzip; unpack it",
    b"BZh": "compressed by bzip2; unpack it",
    b"\xfd7zXZ": "compressed by xz; unpack it",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it",
    b"7z\xbc\xaf": "an archive of 7-Zip; unpack it",
    b"<": "HTML or XML; download the data itself",
    b"{": "JSON; write it as CSV or Parquet",
    b"[{": "JSON; write it as CSV or Parquet",
    b"[[": "JSON; write it as CSV or Parquet",
    b"%PDF": "a PDF; save the table as CSV",
    b"SQLite format": "a database; write the table as CSV or Parquet",
    b"Obj\x01": "Avro; write it as CSV or Parquet",
    b"ORC": "ORC; write it as CSV or Parquet",
    b"ARROW1": "Feather; write it as CSV or Parquet",
    b"\x89HDF": "HDF5; write it as CSV or Parquet",
    b"\x93NUMPY": "an array of numpy; write it as CSV or Parquet",
    b"\x80": "a pickle; write it as CSV or Parquet",
    b"\x89PNG": "a picture; give the table",
    b"version https://git-lfs": "a pointer of Git LFS; `git lfs pull` gets the file",
}
# What else may stand between cells, in a file that has one column otherwise.
ODD_SEPARATORS = " ^~:#!"
# A quote inside a quoted cell, which is to be written twice.
LOOSE_QUOTE = re.compile(rb'"(?<=[^,;|\t\r\n"]")[^,;|\t\r\n"]')
MAX_SHOWN = 60


def check_csv(
    where: str, content: bytes, written: CsvFormat, *, header: bool, whole: bool = True
) -> bytes:
    """Return the text of a CSV file in UTF-8, whose rows all have as many cells.

    Args:
        where: the name that errors give the file.
        header: whether the first line names the columns.
        whole: whether it is the whole file, or the beginning of one.

    Raises:
        DataError: a reader would have to guess what the file means.
    """
    if not content.strip():
        raise DataError(f"{where}: is empty; restore the file")
    head = content[:MAX_SHOWN].lstrip()
    for start, what in OTHER_FORMATS.items():
        if head.startswith(start):
            raise DataError(f"{where}: is no CSV but {what}")
    text = _decode(where, content, written)
    encoded = text.encode()
    try:
        rows = csv_rows(text, written.separator)
        names = next((row for row in rows if row), [])
        if header:
            _check_header(where, names, written)
            _check_one_column(where, names, next(rows, []))
        _check_widths(where, encoded, written, len(names))
        if whole:
            _check_quotes(where, text, encoded, written)
    except ValueError as error:
        raise DataError(f"{where}: not CSV, {first_line(error)}") from error
    return encoded


def refuse_duplicates(where: str, names: Sequence[Any]) -> None:
    """Refuse a file in which two columns have one name, or names that look alike."""
    alike = [unicodedata.normalize("NFC", str(name).strip()) for name in names]
    twice = [name for name, count in Counter(alike).items() if count > 1]
    if twice:
        places = [at for at, name in enumerate(alike, 1) if name == twice[0]]
        raise DataError(
            f"{where}: column {twice[0]!r} stands {len(places)} times, as column "
            f"{' and '.join(map(str, places))}; rename one of them"
        )


def first_line(error: Exception) -> str:
    """Return the first line of an error's text."""
    return str(error).strip().splitlines()[0] if str(error).strip() else "unreadable"


def quote(text: str) -> str:
    """Return a text as Python code, in the quotes that notebooks use."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'


def shorten(text: str) -> str:
    """Return a text of a file as messages show it."""
    shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
    return repr(shown)


def _decode(where: str, content: bytes, written: CsvFormat) -> str:
    for marks, encoding in ((UTF32, "utf-32"), (UTF16, "utf-16")):
        if content.startswith(marks) and written.encoding == "utf-8":
            raise DataError(
                f"{where}: is {encoding.upper()}; save it as UTF-8, or read_table(..., "
                f'encoding="{encoding}")'
            )
    try:
        found = content.decode(written.encoding).lstrip("\ufeff")
    except LookupError as error:
        raise DataError(f"{where}: {error}; give an encoding of Python") from error
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        guess = detect_encoding(content)
        line = content[: error.start].rpartition(b"\n")[2][-10:]
        rest = content[error.start : error.start + 10].partition(b"\n")[0]
        shown = (line + rest).decode(guess, "replace")
        raise DataError(
            f"{where}: not {written.encoding.upper()} in line {row}, which reads "
            f"{shown!r} as {guess}; save it as UTF-8, or read_table(..., "
            f'encoding="{guess}")'
        ) from error
    if "\x00" in found:
        raise DataError(f"{where}: is not CSV, it has bytes that are not text")
    if written.encoding != "utf-8" and not found.isascii():
        _refuse_hidden_utf8(where, content, written)
    return found


def _refuse_hidden_utf8(where: str, content: bytes, written: CsvFormat) -> None:
    """Refuse to read UTF-8 as another encoding: hardly any other text looks like it."""
    if b"\x00" in content[:1000]:
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return
    place = next(at for at, one in enumerate(text) if not one.isascii())
    before = text[max(0, place - 10) : place].rpartition("\n")[2]
    shown = before + text[place : place + 10].partition("\n")[0]
    raise DataError(
        f"{where}: is UTF-8, which reads {shown!r}; leave "
        f"encoding={quote(written.encoding)} out"
    )


def _check_header(where: str, names: Sequence[str], written: CsvFormat) -> None:
    """Refuse a first line that names no columns, or that is separated otherwise."""
    if names and re.fullmatch(r"sep=.?", names[0].strip()):
        raise DataError(
            f"{where}: the first line is Excel's {names[0].strip()!r}; leave it out"
        )
    if len(names) == 1:
        for other, word in SEPARATORS.items():
            if other != written.separator and other in names[0]:
                raise DataError(
                    f"{where}: is separated by {word}; read_table(..., "
                    f"separator={quote(other)})"
                )
    numbers = [name for name in names if re.fullmatch(PLAIN, name.strip())]
    counted = [str(place) for place in range(len(names))]
    if len(numbers) == len(names) and list(names) != counted:
        raise DataError(
            f"{where}: the first line holds numbers ({shorten(','.join(names))}) and "
            "no names; write one above it, or read_table(..., header=False)"
        )
    if any(re.fullmatch(r"[+-]?\d*\.\d+", name.strip()) for name in numbers):
        raise DataError(
            f"{where}: the first line ({shorten(','.join(names))}) seems to be a row; "
            "write names above it, or read_table(..., header=False)"
        )
    refuse_duplicates(where, [name for name in names if name.strip()])


def _check_one_column(where: str, names: Sequence[str], row: Sequence[str]) -> None:
    """Refuse one column where a character that separates others is in all its cells."""
    if len(names) != 1 or len(row) != 1:
        return
    for one in ODD_SEPARATORS:
        if 0 < names[0].strip().count(one) <= row[0].strip().count(one):
            raise DataError(
                f"{where}: has one column, {shorten(names[0])}, with {one!r} in its "
                f"cells; write it with commas, or read_table(..., separator="
                f"{quote(one)})"
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
        f"{width} ({shorten(row.text)}); {remedy}"
    )


def _check_quotes(where: str, text: str, content: bytes, written: CsvFormat) -> None:
    """Refuse a quoted cell that goes on behind its quote: readers drop some of it."""
    if not LOOSE_QUOTE.search(content):
        return
    lines = csv.reader(io.StringIO(text), delimiter=written.separator, strict=True)
    try:
        for _ in lines:
            pass
    except csv.Error as error:
        line = text.splitlines()[lines.line_num - 1]
        raise DataError(
            f"{where}: line {lines.line_num} has a quote inside quotes "
            f'({shorten(line)}); write it twice: ""'
        ) from error
