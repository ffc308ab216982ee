"""What a task and an objective ask of the labels, as XGBoost checks it after the start.

Wrong labels end a training job that is paid for; with binary:hinge they are trained on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecycle.aws import encode_key
from lifecycle.errors import DataError
from lifecycle.tabular.cells import CLASSES, LARGEST

if TYPE_CHECKING:
    import pandas as pd

# How many classes a message names.
MAX_NAMED = 5
# Of more classes the missing ones are not looked for.
MAX_CLASSES = 1000
# So long may the name of a class be as a key of AWS; and this stands in none: in the
# name of a gate it comes before a slice.
MAX_NAME, BEFORE_SLICE = 100, " by "


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
        names: of the classes; train needs rows of each that has one.
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
    names: tuple[str, ...] = ()
    positive: bool = False


def label_needs(
    task: str, hyperparameters: Mapping[str, Any], classes: Sequence[str] = ()
) -> LabelNeeds:
    """Return what the task and the objective ask of the labels.

    Args:
        classes: their names, in the order of the labels, if they have names.

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
        count = len(classes) or int(hyperparameters.get("num_class") or 0)
        said = f"{len(classes)} names" if classes else f"num_class: {count}"
        shown = f"0 to {count - 1} ({said})" if count else "0, 1, 2, ..."
        return LabelNeeds(
            of=objective or "a classification",
            words=f"the classes {shown}; {CLASSES}",
            low=0,
            high=count - 1 if count else math.inf,
            whole=True,
            classes=count,
            names=tuple(classes),
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
                f"train: has no row of class {_named(new, needs)}, which {part} has; "
                "split so that each class trains"
            )
    if absent := sorted({*range(len(needs.names))} - learnt):
        raise DataError(
            f"train: has no row of class {_named(absent, needs)}; split so that each "
            "class trains, or leave it out of `classes`"
        )
    # Where num_class does not say how many there are, the rows have to.
    if not needs.classes and len(learnt) <= max(learnt):
        raise DataError(
            f"train: the label {label!r} holds {_listed(sorted(learnt))}, and "
            f"{needs.of} needs {needs.words}"
        )


def name_classes(
    classes: Sequence[object], hyperparameters: Mapping[str, Any]
) -> list[str]:
    """Return the names of classes as texts.

    Raises:
        DataError: names are missing or alike, cannot stand in the name of a gate, or
            are not as many as num_class says.
    """
    names = [" ".join(str(one).split()) for one in classes]
    for name in names:
        problem = ""
        if not name or not name.isprintable():
            problem = "holds what is no letter" if name else "is empty"
        elif len(encode_key(name)) > MAX_NAME:
            problem = f"is too long, {MAX_NAME} letters are the most"
        elif BEFORE_SLICE in name:
            problem = f"holds {BEFORE_SLICE!r}, which in a gate comes before a slice"
        elif names.count(name) > 1:
            problem = "stands twice"
        if problem:
            raise DataError(f"classes: {name!r} {problem}; give it another name")
    if len(names) == 1:
        raise DataError(f"classes: {names[0]!r} is the only one; give two or more")
    count = hyperparameters.get("num_class")
    if names and count is not None and int(count) != len(names):
        raise DataError(
            f"classes: there are {len(names)} names, and model.yaml has num_class: "
            f"{count}; remove num_class, which the names give"
        )
    return names


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
        f"{place}: no row is of class {_named(sorted(absent), needs)}"
        for place, absent in found.items()
        if absent
    ]


def class_names(prepared: Mapping[str, Any], labels: "pd.Series[Any]") -> list[str]:
    """Return the names of the classes, in the order in which a model predicts them.

    Args:
        prepared: as `load_prepared` returns it.
        labels: of the training rows, which number the classes if nothing names them.
    """
    numbers = range(int(labels.max()) + 1)
    return [str(name) for name in prepared.get("classes") or numbers]


def with_num_class(
    hyperparameters: Mapping[str, Any], classes: Sequence[str]
) -> dict[str, Any]:
    """Return hyperparameters whose num_class is the number of the classes.

    Raises:
        DataError: they have another one.
    """
    name_classes(classes, hyperparameters)
    return {**hyperparameters, "num_class": len(classes)}


def _named(values: "list[Any]", needs: LabelNeeds) -> str:
    if not needs.names:
        return _listed(values)
    more = ", ..." if len(values) > MAX_NAMED else ""
    return ", ".join(repr(needs.names[int(one)]) for one in values[:MAX_NAMED]) + more


def _listed(values: "list[Any]") -> str:
    more = ", ..." if len(values) > MAX_NAMED else ""
    return ", ".join(f"{one:g}" for one in values[:MAX_NAMED]) + more
