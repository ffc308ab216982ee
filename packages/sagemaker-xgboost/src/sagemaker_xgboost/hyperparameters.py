"""The hyperparameters of SageMaker's built-in XGBoost: names, values, dependencies.

Standard library only: hyperparameters can be checked where nothing else is installed.
Source: sagemaker_xgboost_container/algorithm_mode/hyperparameter_validation.py and
metrics.py of aws/sagemaker-xgboost-container.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class HyperparameterError(ValueError):
    """Report a value that the image refuses, in the image's words."""


class Range(Protocol):
    """The values that a hyperparameter may have."""

    def __contains__(self, value: Any) -> bool: ...


@dataclass(frozen=True)
class Interval:
    """All numbers between two bounds; a missing bound is infinite."""

    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: Any) -> bool:
        # The image asks whether a value is outside, which NaN never is.
        too_low = self.low is not None and (
            value <= self.low if self.open_low else value < self.low
        )
        too_high = self.high is not None and (
            value >= self.high if self.open_high else value > self.high
        )
        return not (too_low or too_high)

    def __str__(self) -> str:
        """Write the interval with brackets: `[0, 1)` includes 0, but not 1."""
        left = "(" if self.open_low or self.low is None else "["
        right = ")" if self.open_high or self.high is None else "]"
        low = "-inf" if self.low is None else self.low
        high = "+inf" if self.high is None else self.high
        return f"{left}{low}, {high}{right}"


Check = Callable[[str, Any, Range], None]


@dataclass(frozen=True)
class Rule:
    """How the text of one hyperparameter is parsed, and which values are in range."""

    parse: Callable[[Any], Any]
    range: Range
    check: Check

    def validate(self, name: str, value: Any) -> None:
        """Raise HyperparameterError for a value that is out of range."""
        self.check(name, value, self.range)


def integer(interval: Interval) -> Rule:
    """Make the rule for a whole number."""
    return Rule(int, interval, check_value)


def continuous(interval: Interval) -> Rule:
    """Make the rule for a number."""
    return Rule(float, interval, check_value)


def one_of(*values: str) -> Rule:
    """Make the rule for one of several words."""
    return Rule(str, list(values), check_value)


def words(known: Range) -> Rule:
    """Make the rule for words separated by commas, without blanks."""
    return Rule(lambda text: text.split(","), known, check_items)


def numbers(known: Sequence[int]) -> Rule:
    """Make the rule for numbers in a Python tuple: `(1,0,-1)`."""
    return Rule(parse_expression, list(known), check_items)


def nested_lists(interval: Interval) -> Rule:
    """Make the rule for a list of lists of numbers: `[[1,2],[3]]`."""
    return Rule(ast.literal_eval, interval, check_nested)


def parse_expression(text: str) -> Any:
    """Read a Python literal; raise what the image's `eval` of the text would raise."""
    tree = compile(text.lstrip(" \t"), "<string>", "eval", ast.PyCF_ONLY_AST)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            raise NameError(f"name {node.id!r} is not defined")
    return ast.literal_eval(tree)


def check_value(name: str, value: Any, known: Range) -> None:
    """Raise HyperparameterError for a value that is out of range."""
    if value not in known:
        raise HyperparameterError(f"Hyperparameter {name}: {value} is not in {known}")


def check_items(name: str, value: Any, known: Range) -> None:
    """Raise HyperparameterError for a list with an item that is out of range."""
    # A list, not a generator: every item is looked up, and may raise its own error.
    if any(item not in known for item in value):
        raise HyperparameterError(
            f"Hyperparameter {name}: value {value} not in range {known}"
        )


def check_nested(name: str, value: Any, known: Range) -> None:
    """Raise HyperparameterError for lists with an item that is out of range."""
    if any(item not in known for items in value for item in items):
        raise HyperparameterError(
            f"Hyperparameter {name}: value {value} not in range {known}"
        )


# Metrics that are better the higher they are.
MAXIMIZE = (
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "r2",
    "recall",
    "precision_macro",
    "precision_micro",
    "recall_macro",
    "recall_micro",
)

# Metrics that are better the lower they are.
MINIMIZE = (
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)

WITH_THRESHOLD = ("error", "ndcg", "map")

METRICS = (*MAXIMIZE, *MINIMIZE)


class KnownMetrics(list[str]):
    """The names that `eval_metric` may list, some with a threshold: `error@0.3`."""

    def __contains__(self, metric: object) -> bool:
        text = str(metric)
        if "<function" in text:
            raise HyperparameterError(
                f"User defined evaluation metric {text} is not supported yet."
            )
        if "@" not in text:
            return super().__contains__(text)
        name, threshold = (part.strip() for part in text.split("@")[:2])
        if name not in WITH_THRESHOLD:
            raise HyperparameterError(
                f"Metric '{text}' is not supported. Parameter 'eval_metric' with "
                "customized threshold should be one of these options: 'error', "
                "'ndcg', 'map'."
            )
        try:
            float(threshold)
        except ValueError as error:
            raise HyperparameterError(
                f"Threshold value 't' in '{name}@t' expects float input."
            ) from error
        return True


Values = Mapping[str, Any]

GROWERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker")
TREE_UPDATERS = (*GROWERS, "grow_skmaker", "sync", "refresh", "prune")
LINEAR_UPDATERS = ("shotgun", "coord_descent")
REFRESHERS = ("refresh", "prune")


@dataclass(frozen=True)
class Dependency:
    """The other hyperparameters that one depends on, and the check of all together."""

    names: tuple[str, ...]
    check: Callable[[Any, Values], None]


def check_updater(value: Sequence[str], others: Values) -> None:
    """Check that the updaters fit the booster and the process type."""
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
    """Check that all updaters are tree updaters and at most one grows trees."""
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
    """Check that a multi-class objective has a number of classes."""
    if value in ("multi:softmax", "multi:softprob") and others.get("num_class") is None:
        raise HyperparameterError(
            "Require input for parameter 'num_class' for multi-classification"
        )


def check_eval_metric(value: Sequence[str], others: Values) -> None:
    """Check that the metrics fit the objective."""
    # As in the image, an eval_metric without an objective is a KeyError.
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
    """Check that the tree method knows monotone constraints."""
    if others.get("tree_method") not in ("exact", "hist"):
        raise HyperparameterError(
            "monotone_constraints can be used only when the tree_method parameter is "
            "set to either 'exact' or 'hist'."
        )


def check_interaction_constraints(value: Any, others: Values) -> None:
    """Check that the tree method knows interaction constraints."""
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


REQUIRED = "num_round"

ALIASES: Mapping[str, str] = {
    "learning_rate": "eta",
    "min_split_loss": "gamma",
    "reg_lambda": "lambda",
    "reg_alpha": "alpha",
}

NOT_NEGATIVE = Interval(0)
FLAG = Interval(0, 1)
FRACTION = Interval(0, 1)
POSITIVE_FRACTION = Interval(0, 1, open_low=True)
BOOLEAN = one_of("true", "false")

OBJECTIVES = (
    "aft_loss_distribution",
    "binary:logistic",
    "binary:logitraw",
    "binary:hinge",
    "count:poisson",
    "multi:softmax",
    "multi:softprob",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
    "reg:linear",
    "reg:squarederror",
    "reg:logistic",
    "reg:gamma",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:absoluteerror",
    "reg:tweedie",
    "survival:aft",
    "survival:cox",
)

# With the image's repetitions: its error message quotes the list.
UPDATERS = [
    *TREE_UPDATERS,
    *TREE_UPDATERS[:4],
    "grow_colmaker",
    *LINEAR_UPDATERS,
    "refresh",
    "prune",
]

RULES: Mapping[str, Rule] = {
    "num_round": integer(Interval(1)),
    "csv_weights": integer(FLAG),
    "early_stopping_rounds": integer(Interval(1)),
    "booster": one_of("gbtree", "gblinear", "dart"),
    "verbosity": integer(Interval(0, 3)),
    "nthread": integer(Interval(1)),
    "eta": continuous(FRACTION),
    "gamma": continuous(NOT_NEGATIVE),
    "max_depth": integer(NOT_NEGATIVE),
    "min_child_weight": continuous(NOT_NEGATIVE),
    "max_delta_step": continuous(NOT_NEGATIVE),
    "subsample": continuous(POSITIVE_FRACTION),
    "colsample_bytree": continuous(POSITIVE_FRACTION),
    "colsample_bylevel": continuous(POSITIVE_FRACTION),
    "colsample_bynode": continuous(POSITIVE_FRACTION),
    "lambda": continuous(NOT_NEGATIVE),
    "alpha": continuous(NOT_NEGATIVE),
    "tree_method": one_of("auto", "exact", "approx", "hist", "gpu_hist"),
    "sketch_eps": continuous(Interval(0, 1, open_low=True, open_high=True)),
    "scale_pos_weight": continuous(Interval(0, open_low=True)),
    "updater": words(UPDATERS),
    "dsplit": one_of("row", "col"),
    "refresh_leaf": integer(FLAG),
    "process_type": one_of("default", "update"),
    "grow_policy": one_of("depthwise", "lossguide"),
    "max_leaves": integer(NOT_NEGATIVE),
    "max_bin": integer(NOT_NEGATIVE),
    "predictor": one_of("auto", "cpu_predictor", "gpu_predictor"),
    "monotone_constraints": numbers([-1, 0, 1]),
    "interaction_constraints": nested_lists(Interval(1)),
    "sample_type": one_of("uniform", "weighted"),
    "normalize_type": one_of("tree", "forest"),
    "rate_drop": continuous(FRACTION),
    "one_drop": integer(FLAG),
    "skip_drop": continuous(FRACTION),
    "lambda_bias": continuous(FRACTION),
    "tweedie_variance_power": continuous(Interval(1, 2, open_low=True, open_high=True)),
    "objective": one_of(*OBJECTIVES),
    "num_class": integer(Interval(2)),
    "base_score": continuous(NOT_NEGATIVE),
    "_kfold": integer(Interval(2)),
    "_num_cv_round": integer(Interval(1)),
    "_tuning_objective_metric": one_of(*(f"validation:{name}" for name in METRICS)),
    "eval_metric": words(KnownMetrics(METRICS)),
    "seed": integer(Interval(-(2**31), 2**31 - 1, open_low=True, open_high=True)),
    "num_parallel_tree": integer(Interval(1)),
    "save_model_on_termination": BOOLEAN,
    "aft_loss_distribution": one_of("normal", "logistic", "extreme"),
    "aft_loss_distribution_scale": continuous(NOT_NEGATIVE),
    "deterministic_histogram": BOOLEAN,
    "sampling_method": one_of("uniform", "gradient_based"),
    "prob_buffer_row": integer(Interval(1.0, open_low=True)),
    "use_dask_gpu_training": BOOLEAN,
}

NAMES: frozenset[str] = frozenset(RULES) | frozenset(ALIASES)
