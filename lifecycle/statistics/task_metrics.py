"""What each task is called, which metrics it has, and which gates may name them.

Imports nothing heavy: model.yaml is checked with it where neither pandas nor boto3 is
installed.
"""

from collections.abc import Iterable, Mapping

from lifecycle.errors import did_you_mean
from lifecycle.statistics.comparison import (
    LOWER_IS_BETTER,
    OF,
    OF_CLASS,
    Bounds,
    class_of,
)

# Between the metric and the slice in the name of a gate, as `rmse by sex`.
BY = " by "
# The metric that `decision` of model.yaml adds to a binary classification.
COST = "cost"
# The metrics of notebooks/<task>/train-register.ipynb.
METRICS = {
    "regression": ("mae", "r2", "rmse"),
    "binary": (
        *("accuracy", "auc", "brier", COST, "f1", "logloss", "precision", "recall"),
    ),
    "multiclass": (
        *("accuracy", "balanced_accuracy", "f1_macro", "logloss"),
        *("precision_macro", "recall_macro", "roc_auc_ovr"),
    ),
}
# On so many metrics gates may be: a version's metadata has room for hardly more.
MAX_GATED = 30
TASKS = {
    "regression": "a regression",
    "binary": "a binary classification",
    "multiclass": "a multiclass classification",
}


def slice_of(gate: str) -> str:
    """Return the slice that a gate names, as "sex" of `rmse by sex`; "" if none."""
    return gate.partition(BY)[2]


def find_unmeasured(task: str, gates: Iterable[str]) -> list[str]:
    """Return the gates on metrics that the shared notebook of a task has not."""
    measured = [gate.partition(BY)[0] for gate in gates]
    return [metric for metric in measured if not _is_measured(task, metric)]


def unmeasured_message(task: str, metric: str) -> str:
    """Return the error message for a gate on a metric that nothing computes."""
    hint = did_you_mean(metric, METRICS[task])
    there = f"it has {', '.join(METRICS[task])}"
    if task == "multiclass":
        there += f", and of a class {', '.join(OF_CLASS)}, as `recall{OF}Adelie`"
    if hint.startswith("did you mean"):
        remedy = f"{hint} {there}"
    else:
        remedy = f"{there}; measure another in train-register.ipynb"
    return f"gates.{metric}: no metric of {TASKS[task]}; {remedy}"


def find_reversed(task: str, gates: Mapping[str, Bounds]) -> str:
    """Return an error message for a gate that would pass worse models, else ""."""
    for gate, bounds in gates.items():
        metric = gate.partition(BY)[0]
        right = "max" if metric in LOWER_IS_BETTER else "min"
        if _is_measured(task, metric) and bounds.get(right) is None:
            wrong, better = ("min", "less") if right == "max" else ("max", "more")
            return f"gates.{gate}.{wrong}: {better} {metric} is better; give {right}"
    return ""


def _is_measured(task: str, metric: str) -> bool:
    """Return whether the shared notebook of a task has a metric.

    Which classes there are is known only when the data is prepared.
    """
    of_class = task == "multiclass" and bool(class_of(metric))
    return of_class or metric in METRICS[task]
