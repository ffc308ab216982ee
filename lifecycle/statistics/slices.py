"""The metrics of a model by group of test rows: where it is worse than on average.

`slices` of model.yaml names the columns whose values make the groups.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from lifecycle.errors import DataError, did_you_mean
from lifecycle.statistics.comparison import (
    DIGITS,
    MIN_ROWS,
    Estimate,
    SliceGroup,
    class_of,
    format_estimate,
    format_number,
    worst_first,
)
from lifecycle.statistics.decision import Decision

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from lifecycle.statistics.uncertainty import Measure

# A column of numbers with more different values than these is cut into quarters.
MAX_VALUES = 12
QUARTERS = 4
# The groups of a column that are told apart; the rest is taken together.
MAX_GROUPS = 50
MISSING, NONE, OTHERS = "missing", "none of these", "all others"
# Digits of a value that is a group's name: as many as tell it from any other.
EXACT = 15


def group_rows(
    slices: Sequence[str], rows: "pd.DataFrame", details: "pd.DataFrame | None" = None
) -> "pd.DataFrame":
    """Return the name of the group that each test row is in, a column per slice.

    Args:
        slices: columns of the rows or of the details; or the name before the `_` of
            columns with 0 and 1, as "sex" for sex_F, sex_I and sex_M.
        rows: the test rows.
        details: what `read_details` returns, for columns that are no features.

    Raises:
        DataError: there is no such column.
    """
    import pandas as pd

    names = {column: _names(column, rows, details).to_numpy() for column in slices}
    return pd.DataFrame(names, index=rows.index)


def slice_metrics(
    groups: "pd.DataFrame",
    truth: Any,
    prediction: Any,
    *,
    measure: "Measure",
    decision: Decision | None = None,
    classes: Sequence[str] = (),
) -> list[SliceGroup]:
    """Measure a model on each group of test rows, with 95 % confidence intervals.

    Args:
        groups: of each row, as `group_rows` returns them.
        truth: one value per row; so is the prediction, but of a multiclass model.
        measure: returns metrics by name from truth and prediction.
        decision: whose threshold `measure` takes as its third argument, if any.
        classes: the names of the columns of a multiclass model's prediction.

    Returns:
        By column its groups, worst first. A group of fewer than MIN_ROWS rows has no
        metrics: chance alone would make the worst of many of them bad.
    """
    import numpy as np

    from lifecycle.statistics.uncertainty import statistic_makers

    truth, prediction = np.asarray(truth), np.asarray(prediction)
    makers = statistic_makers(measure, truth, prediction, decision, classes)
    first = next(iter(makers), "")
    found: list[SliceGroup] = []
    for column in groups:
        measured = [
            _measure_group(str(column), name, truth[part], prediction[part], makers)
            for name, part in _parts(groups[column].to_numpy())
        ]
        found += worst_first(measured, first)
    return found


def slice_table(groups: Sequence[SliceGroup]) -> "pd.DataFrame":
    """Return the groups with their metrics and intervals, as text.

    Those of single classes, as `recall of Adelie`, are left out.
    """
    import pandas as pd

    rows = {
        (one.column, one.group): {"rows": str(one.rows)}
        | {
            name: format_estimate(found)
            for name, found in one.metrics.items()
            if not class_of(name)
        }
        for one in groups
    }
    index = pd.MultiIndex.from_tuples(rows, names=["slice", "group"]) if rows else None
    return pd.DataFrame(list(rows.values()), index=index).fillna("not judged")


def _measure_group(
    column: str,
    name: str,
    truth: Any,
    prediction: Any,
    makers: Mapping[str, Any],
) -> SliceGroup:
    from lifecycle.statistics.uncertainty import estimate

    metrics: Mapping[str, Estimate] = {}
    if len(truth) >= MIN_ROWS and name != OTHERS:
        made = {metric: make(truth, prediction) for metric, make in makers.items()}
        metrics = estimate(made, len(truth))
    return SliceGroup(column=column, group=name, rows=len(truth), metrics=metrics)


def _parts(names: "npt.NDArray[Any]") -> Iterator[tuple[str, Any]]:
    """Yield the groups, the largest first, each with a mask of its rows."""
    counts = Counter(names.tolist())
    ordered = [name for name, _ in counts.most_common()]
    kept = ordered if len(ordered) <= MAX_GROUPS else ordered[: MAX_GROUPS - 1]
    yield from ((name, names == name) for name in kept)
    if len(kept) < len(ordered):
        known = set(kept)
        yield OTHERS, [name not in known for name in names]


def _names(
    column: str, rows: "pd.DataFrame", details: "pd.DataFrame | None"
) -> "pd.Series[str]":
    """Return the names of the groups of one column."""
    import pandas as pd

    if details is not None and column in details:
        return _by_value(details[column])
    if column in rows:
        return _by_value(rows[column])
    prefix = f"{column}_"
    encoded = [name for name in rows if str(name).startswith(prefix)]
    flags = rows[encoded]
    if encoded and flags.isin([0, 1]).all(axis=None) and (flags.sum(axis=1) <= 1).all():
        names = flags.idxmax(axis=1).map(lambda name: str(name).removeprefix(prefix))
        return pd.Series(names.where(flags.sum(axis=1) == 1, NONE))
    known = [*rows, *(details if details is not None else [])]
    raise DataError(
        f"model.yaml: slices: {column!r} is not a column of the test rows; "
        f"{did_you_mean(column, list(map(str, known)))}; for one that is no feature "
        "pass write_splits(..., details=raw[[...]])"
    )


def _by_value(values: "pd.Series[Any]") -> "pd.Series[str]":
    """Name groups by their value, or numbers of many values by their quarters."""
    import pandas as pd
    from pandas.api import types

    is_number = types.is_numeric_dtype(values) and not types.is_bool_dtype(values)
    if not is_number:
        return values.astype(object).where(values.notna(), MISSING).astype(str)
    names = values.map(partial(format_number, digits=EXACT), na_action="ignore")
    if values.nunique() > MAX_VALUES:
        quarters = pd.qcut(values, QUARTERS, labels=False, duplicates="drop")
        names = quarters.map(_ranges(values, quarters))
    return names.astype(object).where(values.notna(), MISSING).astype(str)


def _ranges(values: "pd.Series[Any]", places: "pd.Series[Any]") -> dict[Any, str]:
    """Name each quarter by its range, with more digits where few make them alike."""
    named: dict[Any, str] = {}
    for digits in (DIGITS, EXACT):
        named = {place: _range(part, digits) for place, part in values.groupby(places)}
        if len(set(named.values())) == len(named):
            break
    return named


def _range(part: "pd.Series[Any]", digits: int) -> str:
    ends = float(part.min()), float(part.max())
    low, high = (format_number(one, digits) for one in ends)
    return low if low == high else f"{low} to {high}"
