"""What a task and an objective ask of the labels, as XGBoost checks it after the start.

Wrong labels end a training job that is paid for; with binary:hinge they are trained on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.errors import DataError
from lifecycle.tabular.cells import CLASSES, LARGEST

if TYPE_CHECKING:
    import pandas as pd

# How many classes a message names.
MAX_NAMED = 5
# Of more classes the missing ones are not looked for.
MAX_CLASSES = 1000


@dataclass(frozen=True, kw_only=True)
class LabelNeeds:
    """What a task or an objective asks of the labels.

    Attributes:
        of: what asks for it.
        words: what the labels have to be.
        low: the lowest label.
        high: the highest label.
        above: whether the lowest itself is not allowed.
        whole: whether labels are whole numbers.
        classes: how many there are, if they are classes; 0 if that is not known.
        every: whether each split needs rows of each class.
        positive: whether train needs a label above zero.
    """

    of: str = ""
    words: str = ""
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    whole: bool = False
    classes: int | None = None
    every: bool = False
    positive: bool = False


def label_needs(task: str, hyperparameters: Mapping[str, Any]) -> LabelNeeds:
    """Return what the task and the objective ask of the labels.

    Raises:
        DataError: no CSV holds what the objective asks for.
    """
    objective = str(hyperparameters.get("objective", ""))
    if objective == "survival:aft":
        raise DataError(
            "survival:aft needs a lower and an upper bound for each label, which no "
            "CSV file holds; choose survival:cox, or a source of your own"
        )
    if task == "binary" or objective.startswith("binary:"):
        of = "a binary classification"
        binary: dict[str, Any] = {"low": 0, "high": 1, "whole": True, "classes": 2}
        return LabelNeeds(
            of=of, words="rows with 0 and rows with 1", every=True, **binary
        )
    if task == "multiclass" or objective.startswith("multi:"):
        count = int(hyperparameters.get("num_class") or 0)
        shown = f"0 to {count - 1} (num_class: {count})" if count else "0, 1, 2, ..."
        return LabelNeeds(
            of=objective or "a classification",
            words=f"the classes {shown}; {CLASSES}",
            low=0,
            high=count - 1 if count else math.inf,
            whole=True,
            classes=count,
        )
    return OBJECTIVES.get(objective, LabelNeeds(of=objective))


OBJECTIVES = {
    one.of: one
    for one in (
        LabelNeeds(of="reg:logistic", words="numbers from 0 to 1", low=0, high=1),
        LabelNeeds(
            of="count:poisson",
            words="numbers that are not negative, some above 0",
            low=0,
            positive=True,
        ),
        LabelNeeds(
            of="reg:tweedie",
            words="numbers that are not negative, some above 0",
            low=0,
            positive=True,
        ),
        LabelNeeds(of="reg:gamma", words="numbers above 0", low=0, above=True),
        LabelNeeds(
            of="reg:squaredlogerror", words="numbers above -1", low=-1, above=True
        ),
        LabelNeeds(of="rank:map", words="0 or 1", low=0, high=1, whole=True),
        LabelNeeds(
            of="rank:ndcg",
            words="whole numbers from 0 to 31",
            low=0,
            high=31,
            whole=True,
        ),
        LabelNeeds(
            of="survival:cox",
            words="times, negative where the end was not seen, and some that are not",
            positive=True,
        ),
    )
}


def check_complete(part: str, values: "pd.Series[Any]") -> None:
    """Check that each row has a label, and a finite one."""
    if missing := int(values.isna().sum()):
        raise DataError(
            f"{part}: {missing} of {len(values)} rows have no label {values.name!r}; "
            f"leave them out: .dropna(subset=[{str(values.name)!r}])"
        )
    if (values.abs() > LARGEST).any():
        raise DataError(
            f"{part}: the label {values.name!r} is infinite in some rows; "
            "leave them out"
        )


def check_label(part: str, values: "pd.Series[Any]", needs: LabelNeeds) -> None:
    """Check the labels of a split by what the objective needs.

    Raises:
        DataError: it names the labels that are wrong, and what is needed.
    """
    wrong = (values < needs.low) | (values > needs.high)
    if needs.above:
        wrong |= values == needs.low
    if needs.whole:
        wrong |= values % 1 != 0
    if needs.every:
        found = sorted(set(values.unique().tolist()))
        if wrong.any() or len(found) < (needs.classes or 0):
            raise DataError(
                f"{part}: the label {values.name!r} holds {_listed(found)}, and "
                f"{needs.of} needs {needs.words} in every split"
            )
    if wrong.any():
        odd = sorted(set(values[wrong].unique().tolist()))
        raise DataError(
            f"{part}: the label {values.name!r} holds {_listed(odd)} in "
            f"{int(wrong.sum())} of {len(values)} rows, and {needs.of} needs "
            f"{needs.words}"
        )
    if needs.positive and part == "train" and not (values > 0).any():
        raise DataError(
            f"train: no label {values.name!r} is above 0, and {needs.of} needs "
            f"{needs.words}"
        )


def check_classes(
    splits: "Mapping[str, pd.DataFrame]", label: str, needs: LabelNeeds
) -> None:
    """Refuse classes that could not be learnt: train has no row of them."""
    if needs.classes is None:
        return
    learnt = set(splits["train"][label].unique())
    for part, table in splits.items():
        if new := sorted(set(table[label].unique()) - learnt):
            raise DataError(
                f"train: has no row of class {_listed(new)}, which {part} has; split "
                "so that each class trains"
            )
    # Where num_class does not say how many there are, the rows have to.
    if not needs.classes and len(learnt) <= max(learnt):
        raise DataError(
            f"train: the label {label!r} holds {_listed(sorted(learnt))}, and "
            f"{needs.of} needs {needs.words}"
        )


def class_notes(
    splits: "Mapping[str, pd.DataFrame]", label: str, needs: LabelNeeds
) -> list[str]:
    """Say which classes a split cannot judge, or nothing can train."""
    if needs.classes is None or needs.every:
        return []
    learnt = set(splits["train"][label].unique())
    found = {label: {*range(min(needs.classes, MAX_CLASSES))} - learnt}
    for part, table in splits.items():
        found[part] = learnt - set(table[label].unique())
    return [
        f"{place}: no row is of class {_listed(sorted(absent))}"
        for place, absent in found.items()
        if absent
    ]


def _listed(values: "list[Any]") -> str:
    more = ", ..." if len(values) > MAX_NAMED else ""
    return ", ".join(f"{one:g}" for one in values[:MAX_NAMED]) + more
