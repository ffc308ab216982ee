"""How a CSV file is written: its separator, its numbers, its encoding.

All of it is guessed from the content; `csv_text` and `csv_cells` beside this module
confirm it.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PARQUET = b"PAR1"
UTF32 = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
UTF16 = (b"\xff\xfe", b"\xfe\xff")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# Numbers as pandas reads them, and as they are written elsewhere.
PLAIN = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
DECIMAL_COMMA = r"[+-]?(?:\d{1,3}(?:[. \u00a0\u202f']\d{3})+|\d*),\d+"
THOUSANDS = {
    ",": r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?",
    ".": r"[+-]?\d{1,3}(?:\.\d{3})+(?:\.\d{3}|,\d+)",
    " ": r"[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?",
    "'": r"[+-]?\d{1,3}(?:['\u2019]\d{3})+(?:[.,]\d+)?",
}
# The share of a column's texts that must look like numbers to be taken for some.
MOSTLY = 0.9
# Rows that tell how a file is written.
SAMPLE_ROWS = 1000


@dataclass(frozen=True, kw_only=True)
class CsvFormat:
    """How a CSV file is written; `read_table` takes these as arguments."""

    separator: str = ","
    # "": a point, where nothing else could be meant.
    decimal: str = ""
    thousands: str = ""
    encoding: str = "utf-8"
    # A word that stands for missing cells, beside empty ones.
    missing: str = ""

    @property
    def decimal_mark(self) -> str:
        """Return the decimal mark: a comma where points group the digits."""
        return self.decimal or ("," if self.thousands == "." else ".")

    def arguments(self) -> dict[str, str]:
        """Return what differs from the defaults, by argument."""
        default = CsvFormat()
        return {
            name: value
            for name, value in vars(self).items()
            if value != getattr(default, name)
        }


def detect_format(content: bytes) -> CsvFormat:
    """Return how a CSV file seems to be written; a strict reader has to confirm it."""
    if content.startswith(PARQUET):
        return CsvFormat()
    encoding = detect_encoding(content)
    # A character may be cut at the end.
    head = content[: 1 << 20].decode(encoding, "ignore").lstrip("\ufeff")
    separator = max(SEPARATORS, key=lambda one: _width(head, one))
    rows = islice(csv_rows(head, separator), SAMPLE_ROWS)
    written = CsvFormat(separator=separator, encoding=encoding)
    # A row for a header, which says nothing, and perhaps a row that was cut.
    cells = [cell.strip() for row in list(rows)[1:-1] for cell in row if cell.strip()]
    decimal, thousands = _detect_numbers(cells)
    return replace(written, decimal=decimal.strip("."), thousands=thousands)


def local_number(texts: "pd.Series[Any]") -> tuple[str, str]:
    """Tell whether texts are mostly numbers, some with decimal commas or thousands.

    Returns:
        An example and the argument that reads it; ("", "") if they are not.
    """
    known = texts.dropna()
    # Most texts are no numbers, which a few cells tell.
    some = known.sample(min(len(known), SAMPLE_ROWS), random_state=0).astype(str)
    if not some.str.contains(r"^[\s+-]*[\d.,]").mean() > MOSTLY / 2:
        return "", ""
    known = known.astype(str).str.strip()
    plain = known.str.fullmatch(PLAIN)
    every = "|".join((DECIMAL_COMMA, *THOUSANDS.values()))
    elsewhere = known.str.fullmatch(every) & ~plain
    if not elsewhere.any() or (plain | elsewhere).mean() < MOSTLY:
        return "", ""
    example = str(known[elsewhere].iloc[0])
    decimal, thousands = _detect_numbers(known[elsewhere].tolist())
    if decimal == "." and not thousands:
        return example, 'thousands="," or decimal=","'
    found = CsvFormat(decimal=decimal.strip("."), thousands=thousands).arguments()
    return example, ", ".join(f'{name}="{value}"' for name, value in found.items())


def detect_encoding(content: bytes) -> str:
    """Return the likeliest encoding: UTF-8 if it can be, else that of Windows."""
    if content.startswith(UTF32):
        return "utf-32"
    if content.startswith(UTF16):
        return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def csv_rows(content: str, separator: str) -> Iterator[list[str]]:
    """Yield the rows of a CSV file up to one that is none."""
    # One cell may hold all that is known of a row.
    csv.field_size_limit(2**31 - 1)
    with suppress(csv.Error):
        yield from csv.reader(io.StringIO(content), delimiter=separator)


def _detect_numbers(cells: Sequence[str]) -> tuple[str, str]:
    """Tell decimal mark and thousands separator of numbers that show them.

    `1,234` alone shows neither.
    """
    commas = [one for one in cells if re.fullmatch(DECIMAL_COMMA, one)]
    grouped = {
        mark: [one for one in cells if re.fullmatch(pattern, one)]
        for mark, pattern in THOUSANDS.items()
    }
    points = any(one.count(".") > 1 for one in grouped["."])
    is_comma = points or any(one not in grouped[","] for one in commas)
    decimal = "," if is_comma else "."
    sure = [
        mark
        for mark, found in grouped.items()
        if any(
            mark != "," or one.count(",") > 1 or "." in one
            for one in found
            if decimal != mark
        )
    ]
    return decimal, sure[0] if len(sure) == 1 else ""


def _width(head: str, separator: str) -> int:
    """Return how many columns the first rows have, if all have as many; else 0."""
    rows = list(islice(csv_rows(head, separator), 50))
    # The last row may be cut.
    widths = Counter(len(row) for row in rows[: max(1, len(rows) - 1)] if row)
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    return width if count >= MOSTLY * sum(widths.values()) else 0
