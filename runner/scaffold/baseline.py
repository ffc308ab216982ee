"""What guessing and a small tree reach on the new model's splits, and its first gate.

The cells of the new notebook make the splits, so a notebook that does not run on its
table is never written.
"""

import ast
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lifecycle.errors import DataError
from lifecycle.tabular.contract import check_splits
from lifecycle.tabular.labels import name_classes
from runner.scaffold.label import Label
from runner.scaffold.prepare import Cell
from runner.spec.schema import Task

if TYPE_CHECKING:
    import pandas as pd

METRICS: dict[Task, str] = {
    "regression": "rmse",
    "binary": "auc",
    "multiclass": "balanced_accuracy",
}
IN_WORDS = {
    "rmse": "RMSE",
    "auc": "ROC AUC",
    "balanced_accuracy": "balanced accuracy",
}
# The balanced accuracy is the mean recall of the classes that the test rows are of.
MACRO: Any = {"average": "macro"}
# The tree asks three questions of each row.
DEPTH = 3
# More training rows change no digit that a gate has.
MAX_ROWS = 20_000
DIGITS = 3


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What can be reached without trying, on the test rows.

    Attributes:
        guess: of predicting the mean, or of telling no row from another.
        tree: of a tree of depth 3.
        bound: of the first gate: half way between them.
        rows: by split.
        features: how many columns XGBoost gets.
        known: by category the values that get a column of their own.
    """

    metric: str
    guess: float
    tree: float
    bound: float
    rows: dict[str, int]
    features: int
    known: Mapping[str, Sequence[object]] = field(default_factory=dict)

    @property
    def learns(self) -> bool:
        """Return whether the tree is better than guessing."""
        return _is_better(self.metric, self.tree, self.guess)

    @property
    def bound_text(self) -> str:
        """Return the bound without an exponent: YAML reads 2e+06 as text."""
        text = number(self.bound)
        return text.rstrip("0").rstrip(".") if "." in text else text

    def lines(self) -> list[str]:
        """Say where the bound comes from."""
        guessing = {
            "rmse": f"predicting the mean has an RMSE of {number(self.guess)}",
            "auc": "guessing has a ROC AUC of 0.5",
            "balanced_accuracy": "guessing has a balanced accuracy of "
            f"{number(self.guess)}",
        }[self.metric]
        tree = f"a tree of three questions {number(self.tree)}"
        if self.learns:
            return [
                f"On the test rows {guessing},",
                f"{tree}; the bound is half way.",
                "Tighten it once better models are known.",
            ]
        return [
            f"On the test rows {guessing},",
            f"{tree}: it learns nothing from these columns.",
            "The bound is to be better than guessing, which a run may well miss.",
        ]


def measure_baseline(
    cells: Iterable[Cell],
    label: Label,
    read_table: Callable[..., Any],
    *,
    every_class: bool = False,
) -> Baseline:
    """Run the cells that make the splits, and measure the baseline on them.

    Args:
        read_table: stands for lifecycle's, and returns the table that is still here.
        every_class: whether each split needs rows of each class.

    Raises:
        DataError: the splits cannot be trained on, or lack a class.
    """
    names = _run(cells, read_table)
    splits, _ = check_splits(
        names.get("encoded", names["splits"]),
        label=label.name,
        task=label.task,
        classes=name_classes(label.classes, {}),
    )
    for part, rows in splits.items():
        if every_class and rows.iloc[:, 0].nunique() < len(label.classes):
            raise DataError(f"{part}: lacks a class; draw other splits")
    metric = METRICS[label.task]
    guess, tree = _measure(splits, label.task)
    learns = _is_better(metric, tree, guess)
    return Baseline(
        metric=metric,
        guess=guess,
        tree=tree,
        bound=_rounded((guess + tree) / 2 if learns else guess, up=metric == "rmse"),
        rows={name: len(rows) for name, rows in splits.items()},
        features=splits["train"].shape[1] - 1,
        known=names.get("known", {}),
    )


def number(value: float) -> str:
    """Return a number with three digits, and without an exponent."""
    if value == 0:
        return "0"
    places = max(0, DIGITS - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{places}f}"


def _run(cells: Iterable[Cell], read_table: Callable[..., Any]) -> dict[str, Any]:
    """Execute what the cells define, and return it; nothing is shown."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        if not cell.is_code or cell.shows:
            continue
        tree = ast.parse(cell.text)
        tree.body = [one for one in tree.body if not isinstance(one, ast.Expr)]
        exec(compile(tree, cell.id, "exec"), names)  # noqa: S102, text of this module
        if cell.id == "imports":
            names["read_table"] = read_table
    return names


def _measure(splits: "dict[str, pd.DataFrame]", task: Task) -> tuple[float, float]:
    from sklearn.metrics import recall_score, roc_auc_score, root_mean_squared_error
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    train, test = splits["train"], splits["test"]
    train = train.sample(min(len(train), MAX_ROWS), random_state=0)
    truth, known = test.iloc[:, 0], train.iloc[:, 0]
    rows, seen = test.iloc[:, 1:].to_numpy(float), train.iloc[:, 1:].to_numpy(float)
    if task != "regression":
        tree = DecisionTreeClassifier(max_depth=DEPTH, random_state=0).fit(seen, known)
    if task == "binary":
        return 0.5, float(roc_auc_score(truth, tree.predict_proba(rows)[:, 1]))
    if task == "multiclass":
        found = recall_score(truth, tree.predict(rows), labels=truth.unique(), **MACRO)
        return 1 / known.nunique(), float(found)
    tree = DecisionTreeRegressor(max_depth=DEPTH, random_state=0)
    guesses = [float(known.mean())] * len(truth)
    predicted = tree.fit(seen, known).predict(rows)
    return (
        float(root_mean_squared_error(truth, guesses)),
        float(root_mean_squared_error(truth, predicted)),
    )


def _is_better(metric: str, one: float, other: float) -> bool:
    return one < other if metric == "rmse" else one > other


def _rounded(value: float, *, up: bool) -> float:
    """Round to three digits, to the side on which the bound is weaker."""
    if value == 0 or not math.isfinite(value):
        raise DataError("the baseline is not a number; look at the label")
    step = 10.0 ** (math.floor(math.log10(abs(value))) - DIGITS + 1)
    rounded = math.ceil(value / step) if up else math.floor(value / step)
    return float(f"{rounded * step:.10g}")
