"""What the columns of a raw table hold, and what a first model can make of each.

Every decision has a reason that the new notebook shows: a person has the last word.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lifecycle.tabular.csv_format import PLAIN

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "marked number", "flag", "category", "date", "left out"]

# The formats in which dates are looked for, each tried on all cells of a column.
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
    "%Y-%m",
    "ISO8601",
)
SWAPPED = {"%d/%m/%Y": "%m/%d/%Y", "%d-%m-%Y": "%m-%d-%Y"}
# Pairs of which the second one is the positive answer, in lower case.
ANSWERS = (
    ("no", "yes"),
    ("n", "y"),
    ("false", "true"),
    ("f", "t"),
    ("false.", "true."),
    ("off", "on"),
    ("negative", "positive"),
    ("neg", "pos"),
    ("absent", "present"),
    ("nein", "ja"),
    ("non", "oui"),
)
ID_NAME = re.compile(
    r"(^|[_\W])(id|ids|uuid|guid|key|index|idx|rownames?|unnamed)([_\W]|$)"
    r"|[a-z]I[dD]$|(^|[_\W])(nr|no|number)\W*$",
    re.IGNORECASE,
)
# A column of texts is mostly numbers, or dates, from this share on.
MOSTLY = 0.9
# How many words that stand for a missing number a column may hold.
MAX_MARKS = 3
# A value in fewer training rows than this share gets no column of its own, and at
# most so many do.
COMMON = 0.01
MAX_CATEGORIES = 20
# The share of rows that common values must make up.
COVERED = 0.5
# Texts of more words are free text.
MAX_WORDS = 5
# The share of different values from which on a column names its row.
UNIQUE = 0.95
MIN_ROWS_FOR_IDS = 20
COUNTS = "counts the rows"
# A column with fewer cells may have none in some split.
MIN_FILLED, MIN_SHARE_FILLED = 10, 0.02


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the raw table.

    Attributes:
        missing: how many cells are empty.
        why: the reason for what is made of it, where it is not plain.
        one: the value of a flag that becomes 1.
        marks: the words of a number that stand for missing cells.
        date_format: as pandas reads it; "" if pandas knows already.
        parts: of a date, those that differ between rows.
    """

    name: str
    kind: Kind
    missing: int = 0
    why: str = ""
    one: Any = None
    marks: tuple[str, ...] = ()
    date_format: str = ""
    parts: tuple[str, ...] = ()

    def parsed(self, rows: str) -> str:
        """Return the code with which pandas reads a column of dates."""
        arguments = [f"{rows}[{self.name!r}]"]
        if self.date_format:
            arguments.append(f"format={self.date_format!r}")
        if "missing" in self.why:
            arguments.append('errors="coerce"')
        if self.date_format == "ISO8601":
            arguments.append("utc=True")
        return f"pd.to_datetime({', '.join(arguments)})"


def describe_columns(table: "pd.DataFrame", label: str, time: str = "") -> list[Column]:
    """Describe all columns but the label, in their order.

    Args:
        time: the column that rows are split by, which stays although it counts them.
    """
    known = table[label].notna()
    rows = table[known]
    seen: dict[tuple[str, str], str] = {}
    found = []
    for name in table:
        if name == label:
            continue
        column = _describe(rows[name], rows[label])
        if name == time and column.why == COUNTS:
            column = Column(name=time, kind="number")
        if column.kind != "left out":
            twin = seen.setdefault(_digest(rows[name]), str(name))
            if twin != name:
                column = _left_out(rows[name], f"the same as {twin!r} in every row")
        found.append(column)
    return found


def order_of_answers(values: "pd.Series[Any]") -> tuple[Any, Any, str] | None:
    """Return the two values of a column as what becomes 0, what becomes 1, and why.

    None if there are not two.
    """
    counts = values.dropna().value_counts()
    if len(counts) != 2:
        return None
    # By their text: nothing else orders numbers and words alike.
    low, high = sorted(map(plain_value, counts.index), key=str)
    words = {str(one).strip().lower(): one for one in (low, high)}
    for no, yes in ANSWERS:
        if set(words) == {no, yes}:
            return words[no], words[yes], ""
    if not isinstance(low, str) and not isinstance(high, str):
        low, high = sorted((low, high))
        why = "" if (low, high) == (0, 1) else "the larger one"
        return low, high, why
    if str(low).strip().isdigit() and str(high).strip().isdigit():
        return low, high, "the larger one"
    common, rare = map(plain_value, counts.index)
    return common, rare, "the rarer one"


def plain_value(value: Any) -> Any:
    """Return a value as Python writes it; 2.0 is 2 where missing cells made it so."""
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _describe(values: "pd.Series[Any]", labels: "pd.Series[Any]") -> Column:
    """Decide what becomes of a column."""
    from pandas.api import types

    known = values.dropna()
    if why := _useless(values, known, labels):
        return _left_out(values, why)
    if types.is_bool_dtype(values.dtype) or (
        types.is_object_dtype(values.dtype) and set(known.unique()) <= {True, False}
    ):
        missing = _missing(values)
        return Column(name=str(values.name), kind="flag", missing=missing, one=True)
    if types.is_datetime64_any_dtype(values.dtype):
        return _date(values, known, "", "")
    if types.is_numeric_dtype(values.dtype):
        return _number(values, known)
    return _text(values, known.astype(str))


def _useless(
    values: "pd.Series[Any]", known: "pd.Series[Any]", labels: "pd.Series[Any]"
) -> str:
    """Return why nothing can be learnt from a column of whatever type, else ""."""
    import pandas as pd

    if known.empty:
        return "empty in every row"
    if len(known) < max(MIN_FILLED, MIN_SHARE_FILLED * len(values)):
        return f"filled in {len(known)} of {len(values):,} rows"
    is_any = pd.api.types.is_object_dtype(known.dtype)
    if is_any and known.map(pd.api.types.is_list_like).any():
        return "holds lists or structures"
    if pd.api.types.is_timedelta64_dtype(values.dtype):
        return "holds durations; write them as hours, say"
    if len(known) == len(values) and (known == known.iloc[0]).all():
        return f"{_shown(known.iloc[0])} in every row"
    return "tells the label itself" if _is_same(values, labels) else ""


def _number(values: "pd.Series[Any]", known: "pd.Series[Any]") -> Column:
    import numpy as np
    from pandas.api import types

    name = str(values.name)
    if types.is_integer_dtype(known.dtype) and len(known) >= MIN_ROWS_FOR_IDS:
        steps = np.unique(np.diff(known.to_numpy(dtype="float64")))
        is_called_so = ID_NAME.search(name) is not None
        # Rows without a label were left out before.
        if steps.min() > 0 and is_called_so:
            return _left_out(values, COUNTS)
        if steps.tolist() == [1.0] and known.iloc[0] in (0, 1):
            return _left_out(values, COUNTS)
        if is_called_so and known.nunique() >= UNIQUE * len(known):
            return _left_out(
                values,
                "different in nearly every row: it names rows, and describes none",
            )
    if np.isinf(known.to_numpy(dtype="float64")).any():
        return _left_out(values, "is infinite in some rows")
    return Column(name=name, kind="number", missing=_missing(values))


def _text(values: "pd.Series[Any]", known: "pd.Series[Any]") -> Column:
    name, missing = str(values.name), _missing(values)
    numbers = known.str.strip().str.fullmatch(PLAIN)
    marks = known[~numbers].unique()
    if numbers.mean() >= MOSTLY and len(marks) <= MAX_MARKS:
        counts = ", ".join(
            f"{mark!r} {(known == mark).sum():,} times" for mark in marks
        )
        return Column(
            name=name,
            kind="marked number",
            missing=missing + int((~numbers).sum()),
            marks=tuple(map(str, marks)),
            why=f"{counts}, taken as missing" if counts else "",
        )
    if found := _date_format(known):
        return _date(values, known, *found)
    answers = order_of_answers(values)
    if answers and (not answers[2] or answers[2] == "the larger one"):
        return Column(name=name, kind="flag", missing=missing, one=answers[1])
    return _category(values, known)


def _category(values: "pd.Series[Any]", known: "pd.Series[Any]") -> Column:
    different = known.nunique()
    words = known.str.count(r"\S+")
    if words.median() > MAX_WORDS and different > MAX_CATEGORIES:
        return _left_out(values, "free text")
    shares = known.value_counts(normalize=True)
    common = shares[shares >= COMMON].head(MAX_CATEGORIES)
    if different >= UNIQUE * len(known) and different > 2:
        return _left_out(
            values, "different in nearly every row: it names rows, and describes none"
        )
    if common.sum() < COVERED:
        return _left_out(
            values, f"{different:,} different values, almost none of them common"
        )
    why = f"{different} values"
    if different > len(common):
        why += f", {len(common)} of them common"
    return Column(
        name=str(values.name), kind="category", missing=_missing(values), why=why
    )


def _date_format(known: "pd.Series[Any]") -> tuple[str, str] | None:
    """Return the format that nearly all texts have, and what makes it unsure."""
    texts = known.str.strip()
    if not texts.str.contains(r"\d").mean() >= MOSTLY:
        return None
    # Most columns are no dates, which a few cells tell.
    sample = texts.head(20)
    for one in DATE_FORMATS:
        if _parse_dates(sample, one).isna().all():
            continue
        bad = int(_parse_dates(texts, one).isna().sum())
        if bad > (1 - MOSTLY) * len(texts):
            continue
        other = SWAPPED.get(one)
        if other and _parse_dates(texts, other).notna().all():
            if bad:
                return other, ""
            return one, f"every cell could be {other} as well as {one}"
        return one, f"{bad} cells are not a date and become missing" if bad else ""
    return None


def _parse_dates(texts: "pd.Series[Any]", date_format: str) -> "pd.Series[Any]":
    """Parse texts as dates; what is none is missing."""
    import pandas as pd

    how: Any = {"format": date_format, "errors": "coerce"} if date_format else {}
    if date_format == "ISO8601":
        how["utc"] = True
    return pd.to_datetime(texts, **how)


def _date(
    values: "pd.Series[Any]", known: "pd.Series[Any]", date_format: str, unsure: str
) -> Column:
    times = _parse_dates(known, date_format).dropna()
    parts = {
        "year": times.dt.year,
        "month": times.dt.month,
        "day_of_week": times.dt.day_of_week,
        "hour": times.dt.hour,
    }
    kept = tuple(name for name, part in parts.items() if part.min() < part.max())
    if not kept:
        return _left_out(values, "the same day in every row that has one")
    return Column(
        name=str(values.name),
        kind="date",
        missing=len(values) - len(times),
        why=unsure,
        date_format=date_format,
        parts=kept,
    )


def _is_same(values: "pd.Series[Any]", labels: "pd.Series[Any]") -> bool:
    """Return whether each value of a column stands for one label."""
    import pandas as pd

    if values.isna().any() or values.nunique() != labels.nunique():
        return False
    if labels.nunique() > len(labels) / 2:
        # Where every row has a label of its own, any column would.
        return bool((values == labels).all())
    return len(pd.DataFrame({"a": values, "b": labels}).drop_duplicates()) == (
        labels.nunique()
    )


def _digest(values: "pd.Series[Any]") -> tuple[str, str]:
    """Return what two columns have in common only if they are equal."""
    import pandas as pd

    hashes = pd.util.hash_pandas_object(values, index=False).to_numpy()
    return str(values.dtype), hashlib.sha256(hashes.tobytes()).hexdigest()


def _left_out(values: "pd.Series[Any]", why: str) -> Column:
    return Column(
        name=str(values.name), kind="left out", missing=_missing(values), why=why
    )


def _missing(values: "pd.Series[Any]") -> int:
    return int(values.isna().sum())


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 30 else f"{text[:30]}..."
