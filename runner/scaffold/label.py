"""The label of a raw table, and the task that its values ask for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.errors import CallError, DataError, did_you_mean
from lifecycle.tabular.labels import name_classes
from runner.scaffold.columns import order_of_answers, plain_value
from runner.spec.schema import Task

if TYPE_CHECKING:
    import pandas as pd


# A column of which a larger share is no number is one of words.
MAX_WORDS = 0.1
# Names that mean nothing but the label.
NAMES = frozenset({"class", "label", "outcome", "target", "y"})
# With fewer rows there is nothing left to validate or to test with.
MIN_ROWS = 20
# A class with fewer rows is missing in some split.
MIN_CLASS = 8
# More than two values are classes if they are words, or so few whole numbers without a
# gap from 0 or 1 on. Of more classes most would have too few rows.
MAX_CODES, MAX_CLASSES = 10, 30
# How many classes a message names.
MAX_NAMED = 5
MAX_LISTED = 20


@dataclass(frozen=True, kw_only=True)
class Label:
    """The column to predict.

    Attributes:
        missing: rows without a label, which are left out.
        one: the value of a binary label that becomes 1; None if it is 1 already.
        classes: the values of a multiclass label, in the order of their numbers.
        why: the reason for the task.
        is_text: whether numbers have to be read from text.
    """

    name: str
    task: Task
    why: str
    missing: int
    one: Any = None
    classes: tuple[Any, ...] = ()
    is_text: bool = False


def find_label(table: "pd.DataFrame", name: str | None, task: Task | None) -> Label:
    """Return the label of a table, and its task.

    Raises:
        CallError: there is no such column, or its values allow no task.
    """
    name = name or _guess_name(table)
    if name not in table:
        names = [str(one) for one in table]
        shown = ", ".join(names[:MAX_LISTED])
        more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
        hint = did_you_mean(name, names)
        hint = hint if hint.startswith("did") else ""
        raise CallError(
            f"--label {name!r}: no such column; {hint}{' ' * bool(hint)}the file has "
            f"{shown}{more}"
        )
    if len(table.columns) < 2:
        raise CallError(f"--data: has only the column {name!r}; add features")
    values = table[name]
    known = values.dropna()
    if len(known) < MIN_ROWS:
        raise CallError(
            f"--label {name!r}: only {len(known)} rows have a value; at least "
            f"{MIN_ROWS} are needed to train, validate and test"
        )
    label = _binary(name, values) if task in (None, "binary") else None
    if not label and task in (None, "multiclass"):
        label = _multiclass(name, values, task)
    label = label or _regression(name, values, task)
    if label.task != "regression":
        _check_classes(name, known, label.task)
    return label


def _guess_name(table: "pd.DataFrame") -> str:
    """Return the one column that is called as labels are."""
    found = [str(name) for name in table if str(name).strip().lower() in NAMES]
    if len(found) == 1:
        return found[0]
    two = [str(name) for name in table if table[name].nunique() == 2]
    last = str(table.columns[-1])
    likely = list(dict.fromkeys([*found, last, *two]))[:MAX_LISTED]
    raise CallError(
        f"--label: say which column is to be predicted; likely: {', '.join(likely)}"
    )


def _binary(name: str, values: "pd.Series[Any]") -> Label | None:
    """Return the label if it has two values."""
    answers = order_of_answers(values)
    if answers is None:
        return None
    low, high, why = answers
    is_ready = not isinstance(high, str | bool) and (low, high) == (0, 1)
    shown = f"two values, {_text(low)} and {_text(high)}"
    said = "" if is_ready else f"; {_text(high)} becomes 1"
    return Label(
        name=name,
        task="binary",
        why=f"{shown}{said}{f' ({why})' if why else ''}",
        missing=int(values.isna().sum()),
        one=None if is_ready else high,
    )


def _multiclass(name: str, values: "pd.Series[Any]", task: Task | None) -> Label | None:
    """Return the label if its values are classes: words, or codes of some."""
    import pandas as pd

    known = values.dropna()
    numbers = pd.to_numeric(known, errors="coerce")
    are_words = numbers.isna().mean() > MAX_WORDS
    found = list(map(plain_value, known.unique()))
    classes = sorted(found, key=str if numbers.isna().any() else float)
    codes, counted = list(range(MAX_CODES + 1)), sorted(numbers.unique().tolist())
    are_codes = counted in (codes[: len(classes)], codes[1 : len(classes) + 1])
    if len(classes) == 1 or (task is None and not are_words and not are_codes):
        return None
    if not 2 < len(classes) <= MAX_CLASSES:
        count = f"--label {name!r}: has {len(classes)} classes"
        remedy = "join the rare ones in the file, or predict a number"
        if len(classes) > MAX_CLASSES:
            raise CallError(f"{count}, of which {MAX_CLASSES} are the most; {remedy}")
        raise CallError(f"{count}; --task multiclass needs three, two are a binary")
    named = ", ".join(map(_text, classes[:MAX_NAMED]))
    named += f" and {len(classes) - MAX_NAMED} more" * (len(classes) > MAX_NAMED)
    is_sure = are_words or task
    way = "" if is_sure else "; if 2 is twice as much as 1, say --task regression"
    return Label(
        name=name,
        task="multiclass",
        why=f"{len(classes)} classes, {named}{way}",
        missing=int(values.isna().sum()),
        classes=tuple(classes),
    )


def _regression(name: str, values: "pd.Series[Any]", task: Task | None) -> Label:
    import pandas as pd
    from pandas.api import types

    known = values.dropna()
    different = known.nunique()
    if task == "binary":
        raise CallError(
            f"--task binary: {name!r} has {different} values, not two; make two of "
            "them in the file, or say --task multiclass or regression"
        )
    if different == 1:
        raise CallError(f"--label {name!r}: {_text(known.iloc[0])} in every row")
    is_text = not types.is_numeric_dtype(values.dtype) or types.is_bool_dtype(
        values.dtype
    )
    numbers = pd.to_numeric(known, errors="coerce")
    if numbers.isna().mean() > MAX_WORDS:
        raise CallError(
            f"--task regression: {name!r} has {different} values that are mostly no "
            "numbers; predict a number, or say --task multiclass"
        )
    missing = int(pd.to_numeric(values, errors="coerce").isna().sum())
    numbers = numbers.dropna()
    is_whole = bool((numbers % 1 == 0).all())
    kind = "whole numbers" if is_whole else "numbers"
    why = f"{kind} from {numbers.min():g} to {numbers.max():g}"
    if is_whole and different <= MAX_LISTED:
        why += f": {different} values in an order, which classes would forget"
        why += " (--task multiclass)" * (task is None and different > 2)
    return Label(
        name=name, task="regression", why=why, missing=missing, is_text=is_text
    )


def _check_classes(name: str, known: "pd.Series[Any]", task: Task) -> None:
    counts = known.value_counts()
    if counts.min() < MIN_CLASS:
        rare = plain_value(counts.index[-1])
        are = "row is" if counts.min() == 1 else "rows are"
        join = "; leave these out of the file, or join them with another class"
        raise CallError(
            f"--label {name!r}: only {counts.min()} {are} {_text(rare)}; at least "
            f"{MIN_CLASS} of each class are needed to train, validate and test"
            f"{join if task == 'multiclass' else ''}"
        )
    if task == "multiclass":
        try:
            name_classes([plain_value(one) for one in counts.index], {})
        except DataError as error:
            raise CallError(f"--label {name!r}: {error} in the file") from error


def _text(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)
