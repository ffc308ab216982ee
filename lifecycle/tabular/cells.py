"""The cells of a column as XGBoost's CSV reader takes them: plain numbers, or missing.

What is a number for certain is written as one; anything else is refused by column,
with an example and what makes numbers of it.
"""

import math
import numbers
from collections.abc import Hashable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lifecycle.errors import DataError
from lifecycle.tabular.csv_format import MOSTLY, PLAIN, local_number

if TYPE_CHECKING:
    import pandas as pd

# Larger numbers are infinite for XGBoost's CSV reader, which rounds the largest of
# float32 up.
LARGEST = 3.4e38
# It reads numbers nearer to zero than this one, float32's smallest normal number, as
# other numbers, and 5e-324 as 5e-38.
SMALLEST = 1.1754944e-38
MAX_EXAMPLE = 40
# What makes numbers of words.
VALUES = "pd.get_dummies(..., dtype=int) makes a column of each value, or drop it"
CLASSES = "pd.factorize(..., sort=True)[0] numbers the classes"
DATE = r"\s*(\d{4}[-/.]\d{1,2}([-/.]\d{1,2}.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*)\s*"


def as_number(
    part: str, name: Hashable, values: "pd.Series[Any]", *, is_label: bool = False
) -> Any:
    """Return a column as plain numbers: true is 1, false 0, missing stays missing.

    Args:
        is_label: whether texts and categories are the classes to predict.

    Raises:
        DataError: it is no column of numbers; the message names split, column, an
            example and the remedy.
    """
    import pandas as pd
    from pandas.api import types

    if isinstance(values.dtype, pd.SparseDtype):
        values = pd.Series(values.to_numpy(), index=values.index)
    kind = values.dtype
    if types.is_bool_dtype(kind):
        return values.astype("float64") if values.isna().any() else values.astype(int)
    if types.is_complex_dtype(kind):
        raise _refusal(part, name, values.iloc[0], "complex numbers; give two columns")
    if types.is_numeric_dtype(kind):
        return _without_tiny(_as_numpy(values))
    if types.is_object_dtype(kind):
        # pandas cannot tell that this one is missing.
        values = values.map(lambda one: None if _is_signaling(one) else one)
    known = values.dropna()
    if types.is_object_dtype(kind) and known.map(_is_number).all():
        # True, False and nothing; or Python's own numbers.
        return _without_tiny(values.map(_as_float).astype("float64"))
    raise _refusal(part, name, *_explain(known, CLASSES if is_label else VALUES))


def _as_numpy(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column of pandas' or Arrow's numbers as one of numpy's."""
    from pandas.api import types

    kind = values.dtype
    if not types.is_extension_array_dtype(kind):
        return values
    whole = types.is_integer_dtype(kind) and not values.isna().any()
    if not whole:
        return values.astype("float64")
    return values.astype("uint64" if values.max() > 2**63 - 1 else "int64")


def _without_tiny(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column in which numbers next to zero are zero."""
    import numpy as np

    if values.dtype.kind != "f":
        return values
    size = np.abs(values.to_numpy())
    tiny = (size > 0) & (size < SMALLEST)
    return values.mask(tiny, 0.0) if tiny.any() else values


def _is_number(value: object) -> bool:
    import numpy as np

    # numpy's durations and times are integers for Python.
    if isinstance(value, np.timedelta64 | np.datetime64):
        return False
    return isinstance(value, numbers.Real | Decimal | np.bool_)


def _is_signaling(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_snan()


def _as_float(value: Any) -> float:
    import pandas as pd

    if pd.isna(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _explain(known: "pd.Series[Any]", remedy: str) -> tuple[object, str]:
    """Return the first cell that is no number, and how its column becomes numbers.

    Args:
        remedy: what makes numbers of texts that are words.
    """
    import pandas as pd
    from pandas.api import types

    kind, first = known.dtype, known.iloc[0]
    if isinstance(kind, pd.CategoricalDtype):
        if types.is_numeric_dtype(kind.categories.dtype):
            return first, "a category of numbers; .astype(float)"
        return first, f"a category; {remedy}"
    if types.is_object_dtype(kind):
        first = known[~known.map(_is_number)].iloc[0]
    if isinstance(first, str):
        return _explain_texts(known, remedy)
    return first, _remedy_by_type(first)


def _remedy_by_type(value: object) -> str:
    """Say what makes numbers of values that are no text."""
    import datetime as dt

    import numpy as np
    import pandas as pd

    if isinstance(value, dt.timedelta | np.timedelta64):
        return "durations; .dt.total_seconds() makes numbers of them"
    if isinstance(value, dt.date | dt.time | np.datetime64 | pd.Period):
        return "times; take .dt.year, .dt.day_of_week, ..."
    if isinstance(value, complex | np.complexfloating):
        return "complex numbers; give two columns"
    kind = "bytes" if isinstance(value, bytes) else type(value).__name__
    return f"values of the type {kind}; make numbers of them, or drop the column"


def _explain_texts(known: "pd.Series[Any]", remedy: str) -> tuple[str, str]:
    """Return a text of a column that is no number, and how they become numbers."""
    texts = known.astype(str).str.strip()
    plain = texts.str.fullmatch(PLAIN)
    if plain.all():
        return str(known.iloc[0]), "numbers as text; pd.to_numeric(...)"
    example, arguments = local_number(texts)
    if example:
        what = "decimal commas" if arguments == 'decimal=","' else "other numbers"
        return example, f"{what}; read_table(..., {arguments})"
    first, marks = str(known[~plain].iloc[0]), texts[~plain].nunique()
    if what := _dates(texts) or _minus(texts) or _units(texts):
        return first, what
    if (plain | (texts == "")).all():
        return first, 'blanks; pd.to_numeric(..., errors="coerce") makes them missing'
    if plain.mean() >= (MOSTLY if marks > 1 else MOSTLY / 2):
        what = 'text beside numbers; pd.to_numeric(..., errors="coerce")'
        return first, f"{what} makes it missing"
    if texts.nunique() == 2:
        return first, f'text; .eq("{texts.iloc[0]}").astype(int) makes it 1 and 0'
    return first, f"text; {remedy}"


def _dates(texts: "pd.Series[Any]") -> str:
    if texts.str.fullmatch(DATE).mean() < MOSTLY:
        return ""
    return "dates as text; pd.to_datetime(...), then .dt.year, .dt.day_of_week, ..."


def _minus(texts: "pd.Series[Any]") -> str:
    if (
        not texts.str.replace(r"^[\u2212\u2013]", "-", regex=True)
        .str.fullmatch(PLAIN)
        .all()
    ):
        return ""
    return r"a minus sign that is none; .str.replace('\u2212', '-').astype(float)"


def _units(texts: "pd.Series[Any]") -> str:
    """Say how numbers lose what stands around all of them, as a unit or a currency."""
    around = texts.str.replace(r"[\d.,+-]+", "", regex=True).str.strip().unique()
    if len(around) != 1 or not around[0] or not texts.str.contains(r"\d").all():
        return ""
    what = f".str.replace({str(around[0])!r}, '').astype(float)"
    return f"numbers with {str(around[0])!r}; {what}"


def _refusal(part: str, name: Hashable, example: object, what: str) -> DataError:
    shown = repr(example) if isinstance(example, str) else str(example)
    shown = " ".join(shown.split())
    cut = "..." if len(shown) > MAX_EXAMPLE else ""
    return DataError(
        f"{part}: column {name!r} holds {shown[:MAX_EXAMPLE]}{cut}, and XGBoost reads "
        f"only numbers right: {what}"
    )
