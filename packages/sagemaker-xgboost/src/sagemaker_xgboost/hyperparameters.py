"""The names of the hyperparameters, and what each may be."""

from collections.abc import Mapping

from sagemaker_xgboost.dependencies import LINEAR_UPDATERS, TREE_UPDATERS
from sagemaker_xgboost.metric_names import METRICS, KnownMetrics
from sagemaker_xgboost.rules import (
    Interval,
    Rule,
    continuous,
    integer,
    nested_lists,
    numbers,
    one_of,
    words,
)

REQUIRED = "num_round"

ALIASES: Mapping[str, str] = {
    "learning_rate": "eta",
    "min_split_loss": "gamma",
    "reg_lambda": "lambda",
    "reg_alpha": "alpha",
}

NOT_NEGATIVE = Interval(0)
FLAG = Interval(0, 1)
SHARE = Interval(0, 1)
POSITIVE_SHARE = Interval(0, 1, open_low=True)
TRUTH = one_of("true", "false")


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

# Repetitions included: a refusal quotes the list.
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
    "eta": continuous(SHARE),
    "gamma": continuous(NOT_NEGATIVE),
    "max_depth": integer(NOT_NEGATIVE),
    "min_child_weight": continuous(NOT_NEGATIVE),
    "max_delta_step": continuous(NOT_NEGATIVE),
    "subsample": continuous(POSITIVE_SHARE),
    "colsample_bytree": continuous(POSITIVE_SHARE),
    "colsample_bylevel": continuous(POSITIVE_SHARE),
    "colsample_bynode": continuous(POSITIVE_SHARE),
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
    "rate_drop": continuous(SHARE),
    "one_drop": integer(FLAG),
    "skip_drop": continuous(SHARE),
    "lambda_bias": continuous(SHARE),
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
    "save_model_on_termination": TRUTH,
    "aft_loss_distribution": one_of("normal", "logistic", "extreme"),
    "aft_loss_distribution_scale": continuous(NOT_NEGATIVE),
    "deterministic_histogram": TRUTH,
    "sampling_method": one_of("uniform", "gradient_based"),
    "prob_buffer_row": integer(Interval(1.0, open_low=True)),
    "use_dask_gpu_training": TRUTH,
}

NAMES: frozenset[str] = frozenset(RULES) | frozenset(ALIASES)
