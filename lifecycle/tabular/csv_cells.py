"""The cells of a CSV file after pandas has read it: what it has guessed of them.

What it may have read otherwise than it is meant is refused, by column, with an example
and the argument of `read_table` that decides it.
"""

import io
import re
from collections.abc import Collection, Hashable, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from lifecycle.errors import DataError
from lifecycle.tabular.csv_format import (
    DECIMAL_COMMA,
    MOSTLY,
    PLAIN,
    CsvFormat,
    local_number,
)
from lifecycle.tabular.csv_text import quote, shorten

if TYPE_CHECKING:
    import pandas as pd

# What could be thousands or thousandths.
POINTS = r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+"
# Larger whole numbers are not exact as floats.
EXACT = 2**53


def exact_floats() -> dict[str, Any]:
    """Return the option by which pandas reads floats as they were written.

    From version 3.1 on it always does, and warns of the option.
    """
    import pandas as pd

    major, minor = pd.__version__.split(".")[:2]
    is_exact = (int(major), int(minor)) >= (3, 1)
    return {} if is_exact else {"float_precision": "round_trip"}


class CsvCells:
    """The cells of a file, as pandas has read them and as they are written."""

    def __init__(
        self,
        where: str,
        content: bytes,
        written: CsvFormat,
        *,
        header: bool,
        text: Collection[Hashable],
    ) -> None:
        """Take a file.

        Args:
            where: the name that errors give it.
            content: in UTF-8.
            header: whether the first line names the columns.
            text: columns that stay text.
        """
        self.where = where
        self.content = content
        self.written = written
        self.header = header
        # Blanks around a name are none of it.
        self.text = [one for one in self._parse(nrows=0) if _bare(one) in text]

    def read(self) -> "pd.DataFrame":
        """Return the table, of which nothing is guessed.

        Raises:
            DataError: something would be.
            ValueError: it is not CSV.
        """
        table = self._parse(
            decimal=self.written.decimal_mark,
            thousands=self.written.thousands or None,
            na_values=[self.written.missing] if self.written.missing else None,
            # One type for each column, whatever its length.
            low_memory=False,
            dtype=dict.fromkeys(self.text, "str"),
        )
        self._refuse_lost_names(table)
        self._refuse_local_numbers(table)
        self._refuse_marks(table)
        self._refuse_points(table)
        return self._with_words(table)

    def _parse(self, **options: Any) -> "pd.DataFrame":
        import pandas as pd

        table: pd.DataFrame = pd.read_csv(
            io.BytesIO(self.content),
            sep=self.written.separator,
            header=0 if self.header else None,
            # What a row has too many of must not become its name.
            index_col=False,
            **exact_floats(),
            **options,
        )
        return table

    def _written(self, table: "pd.DataFrame", names: Sequence[Hashable]) -> Any:
        """Return columns as they are written, as texts."""
        if not names:
            return {}
        places = [list(table).index(name) for name in names]
        raw = self._parse(usecols=places, dtype="str", keep_default_na=False)
        return {name: raw[name] for name in names}

    def _numbers(self, table: "pd.DataFrame", kinds: str) -> list[Hashable]:
        """Return the columns that were read as numbers of these kinds."""
        return [
            name
            for name in table
            if name not in self.text and table[name].dtype.kind in kinds
        ]

    def _words(self, table: "pd.DataFrame") -> list[Hashable]:
        """Return the columns that were read as texts, and should not stay some."""
        return [
            name
            for name in table
            if name not in self.text and table[name].dtype.kind not in "biufcM"
        ]

    def _refuse_lost_names(self, table: "pd.DataFrame") -> None:
        """Refuse a first line that is a row, and rows that repeat the first line."""
        words = [name for name in table if table[name].dtype.kind not in "biufcM"]
        if self.header:
            named = [name for name in words if (table[name] == str(name)).any()]
            if not named or 2 * len(named) <= len(table.columns):
                return
            first = shorten(self.written.separator.join(map(str, table)))
            same = [table[name].astype(str) == str(name) for name in table]
            if (again := reduce(and_, same)).any():
                raise DataError(
                    f"{self.where}: row {int(again.to_numpy().argmax()) + 2} repeats "
                    f"the first line ({first}); remove it"
                )
            raise DataError(
                f"{self.where}: the first line ({first}) seems to be a row; write "
                "names above it, or read_table(..., header=False)"
            )
        for name in words:
            rest = table[name].iloc[1:].dropna()
            first = str(table[name].iloc[0])
            if rest.empty or re.fullmatch(PLAIN, first):
                continue
            if name not in self.text and rest.str.fullmatch(PLAIN).all():
                raise DataError(
                    f"{self.where}: the first line holds {first!r} above numbers, and "
                    "seems to name the columns; leave header=False out"
                )

    def _refuse_local_numbers(self, table: "pd.DataFrame") -> None:
        """Refuse numbers that are written otherwise than was said."""
        for name in self._words(table):
            example, arguments = local_number(table[name])
            if example and self.written.decimal != ",":
                raise DataError(
                    f"{self.where}: column {name!r} holds {example!r}, which pandas "
                    f"reads as text; read_table(..., {arguments}), or "
                    f"text=[{quote(str(name))}] if it is not a number"
                )
            if self.written.decimal != ",":
                continue
            known = table[name].dropna().astype(str).str.strip()
            points = known.str.fullmatch(PLAIN) & known.str.contains(".", regex=False)
            commas = known.str.fullmatch(f"{PLAIN}|{DECIMAL_COMMA}")
            if points.any() and commas.mean() >= MOSTLY:
                raise DataError(
                    f"{self.where}: column {name!r} holds {known[points].iloc[0]!r}, "
                    'and decimal="," was said; write it alike, or '
                    f"text=[{quote(str(name))}] if it is not a number"
                )

    def _refuse_marks(self, table: "pd.DataFrame") -> None:
        """Refuse numbers in which what groups digits stands elsewhere: 1,5 is no 15."""
        mark = self.written.thousands
        if not mark:
            return
        decimal = re.escape(self.written.decimal_mark)
        grouped = rf"[+-]?\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+(?:{decimal}\d*)?"
        names = self._numbers(table, "iufO")
        for name, cells in self._written(table, names).items():
            known = cells.str.strip()
            marked = known[known.str.contains(mark, regex=False)]
            wrong = marked[~marked.str.fullmatch(grouped)]
            if not wrong.empty:
                raise DataError(
                    f"{self.where}: column {name!r} holds {wrong.iloc[0]!r}, which has "
                    f"no thousands; leave thousands={quote(mark)} out, or "
                    f"text=[{quote(str(name))}] if it is not a number"
                )

    def _refuse_points(self, table: "pd.DataFrame") -> None:
        """Ask whether 1.234 is more than a thousand, where commas separate nothing."""
        written = self.written
        if written.separator == "," or written.decimal or written.thousands:
            return
        names = self._numbers(table, "f")
        for name, cells in self._written(table, names).items():
            known = cells[table[name].notna()].str.strip()
            points = known.str.fullmatch(POINTS)
            if points.any() and (points | known.str.fullmatch(r"[+-]?\d{1,3}")).all():
                raise DataError(
                    f"{self.where}: column {name!r} holds {known[points].iloc[0]!r}, "
                    "which may be more than a thousand; read_table(..., "
                    'thousands="."), or decimal="." if it is not'
                )

    def refuse_lost_digits(self, table: "pd.DataFrame") -> None:
        """Refuse codes that would lose zeros, and numbers too long to be exact.

        Raises:
            DataError: it names the column.
        """
        names = [
            name
            for name in self._numbers(table, "iuf")
            if table[name].dtype.kind != "f" or _is_whole(table[name])
        ]
        if not names or not _has_leading_zeros(self.content, self.written.separator):
            names = [name for name in names if table[name].abs().max() >= EXACT]
        names += [name for name in self._words(table) if _has_long_numbers(table[name])]
        for name, cells in self._written(table, names).items():
            known = cells.str.strip()
            zeros = known[known.str.fullmatch(r"[+-]?0\d+")]
            digits = known[known.str.fullmatch(r"[+-]?\d{16,}")]
            inexact = digits[[int(one) != int(float(one)) for one in digits]]
            for found, lost in ((zeros, "zeros"), (inexact, "last digits")):
                if not found.empty:
                    raise DataError(
                        f"{self.where}: column {name!r} holds {found.iloc[0]!r}, whose "
                        f"{lost} would be lost; read_table(..., "
                        f"text=[{quote(str(name))}])"
                    )

    def _with_words(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Return the table with all words of its texts, of which pandas drops some.

        It takes NA, None and null for missing. They are, where they are in numbers,
        too.
        """
        from pandas.api import types

        texts = [
            name
            for name in table
            if types.is_string_dtype(table[name].dtype) and table[name].isna().any()
        ]
        if not texts:
            return table
        raw = self._written(table, texts)
        missing = {"", self.written.missing}
        for name in self._numbers(table, "f"):
            if table[name].isna().any():
                cells = self._written(table, [name])[name]
                missing |= set(cells[table[name].isna()])
        for name in texts:
            lost = raw[name][table[name].isna() & ~raw[name].isin(missing)]
            if lost.empty:
                continue
            if name not in self.text:
                word = lost.iloc[0]
                raise DataError(
                    f"{self.where}: column {name!r} holds {word!r}, which pandas takes "
                    f"for missing; read_table(..., missing={quote(word)}), or "
                    f"text=[{quote(str(name))}] if it is a word like others"
                )
            table[name] = table[name].where(~table.index.isin(lost.index), raw[name])
        return table


def _bare(name: Hashable) -> Hashable:
    return name.strip() if isinstance(name, str) else name


def _is_whole(values: "pd.Series[Any]") -> bool:
    """Return whether all numbers of a column are whole."""
    import numpy as np

    known = values.to_numpy()[values.notna().to_numpy()]
    return bool(len(known) and (known == np.floor(known)).all())


def _has_leading_zeros(content: bytes, separator: str) -> bool:
    """Return whether a cell of a file may begin with a zero before other digits."""
    import numpy as np

    codes = np.frombuffer(content, dtype="uint8")
    zeros = np.flatnonzero(codes[:-1] == ord("0"))
    after = codes[zeros + 1]
    zeros = zeros[(after >= ord("0")) & (after <= ord("9"))]
    before = codes[zeros[zeros > 0] - 1]
    return bool(np.isin(before, [*f'{separator}\r\n"+-'.encode()]).any())


def _has_long_numbers(values: "pd.Series[Any]") -> bool:
    """Return whether pandas left numbers as Python's own, which are too long.

    Before version 3 it left them as texts.
    """
    if values.dtype != object:
        return False
    known = values.dropna()
    return int in set(known.map(type)) or bool(
        known.astype(str).str.fullmatch(r"[+-]?\d+").all()
    )
