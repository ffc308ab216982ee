"""The rules that join one hyperparameter to others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagemaker_xgboost.rules import HyperparameterError

Values = Mapping[str, Any]

GROWERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker")
TREE_UPDATERS = (*GROWERS, "grow_skmaker", "sync", "refresh", "prune")
LINEAR_UPDATERS = ("shotgun", "coord_descent")
REFRESHERS = ("refresh", "prune")


@dataclass(frozen=True)
class Dependency:
    """Which other hyperparameters one depends on, and how."""

    names: tuple[str, ...]
    check: Callable[[Any, Values], None]


def check_updater(value: Sequence[str], others: Values) -> None:
    """Refuse updaters that do not fit the booster or the process type."""
    if others.get("booster") == "gblinear":
        if len(value) != 1 or value[0] not in LINEAR_UPDATERS:
            options = ", ".join(map(repr, LINEAR_UPDATERS))
            raise HyperparameterError(
                f"Linear updater should be one of these options: {options}."
            )
    elif others.get("process_type") == "update":
        if not set(value) <= set(REFRESHERS):
            raise HyperparameterError(
                "process_type 'update' can only be used with updater 'refresh' "
                "and 'prune'"
            )
    else:
        check_tree_updater(value)


def check_tree_updater(value: Sequence[str]) -> None:
    """Refuse updaters that grow no tree, and more than one that does."""
    if not set(value) <= {*TREE_UPDATERS, "grow_quantile_histmaker"}:
        raise HyperparameterError(
            "Tree updater should be selected from these options: 'grow_colmaker', "
            "'distcol', 'grow_histmaker', 'grow_local_histmaker', 'grow_skmaker', "
            "'grow_quantile_histmaker', 'sync', 'refresh', 'prune', 'shortgun', "
            "'coord_descent'."
        )
    if sum(name in GROWERS for name in value) > 1:
        raise HyperparameterError(
            "Only one tree grow plugin can be selected. Choose one from the"
            "following: 'grow_colmaker', 'distcol', 'grow_histmaker', "
            "'grow_local_histmaker', 'grow_skmaker'"
        )


def check_objective(value: str, others: Values) -> None:
    """Refuse a multi-class objective without a number of classes."""
    if value in ("multi:softmax", "multi:softprob") and others.get("num_class") is None:
        raise HyperparameterError(
            "Require input for parameter 'num_class' for multi-classification"
        )


def check_eval_metric(value: Sequence[str], others: Values) -> None:
    """Refuse a metric that does not fit the objective."""
    # The image looks this up bare: any eval_metric without an objective is a KeyError.
    objective = others["objective"]
    if "auc" in value and not objective.startswith(("binary:", "rank:")):
        raise HyperparameterError(
            "Metric 'auc' can only be applied for classification and ranking problems."
        )
    if "aft-nloglik" in value and objective != "survival:aft":
        raise HyperparameterError(
            "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective."
        )


def check_monotone_constraints(value: Any, others: Values) -> None:
    """Refuse monotone constraints with a tree method that ignores them."""
    if others.get("tree_method") not in ("exact", "hist"):
        raise HyperparameterError(
            "monotone_constraints can be used only when the tree_method parameter is "
            "set to either 'exact' or 'hist'."
        )


def check_interaction_constraints(value: Any, others: Values) -> None:
    """Refuse interaction constraints with a tree method that ignores them."""
    if others.get("tree_method") not in ("exact", "hist", "approx"):
        raise HyperparameterError(
            "interaction_constraints can be used only when the tree_method parameter "
            "is set to either 'exact', 'hist' or 'approx'."
        )


DEPENDENCIES: Mapping[str, Dependency] = {
    "updater": Dependency(("booster", "process_type"), check_updater),
    "objective": Dependency(("num_class",), check_objective),
    "eval_metric": Dependency(("objective",), check_eval_metric),
    "monotone_constraints": Dependency(("tree_method",), check_monotone_constraints),
    "interaction_constraints": Dependency(
        ("tree_method",), check_interaction_constraints
    ),
}
