"""The hyperparameters of the built-in XGBoost, checked before a job is paid for."""

from typing import Any

import pytest
from sagemaker_xgboost.exceptions import ToolkitError
from sagemaker_xgboost.hyperparameter_validation import validate_hyperparameters
from sagemaker_xgboost.hyperparameters import NAMES

from runner.spec.hyperparameters import _as_text, find_wrong_hyperparameter


@pytest.mark.parametrize("name", ["num_round", "eta", "learning_rate", "lambda"])
def test_the_usual_names_are_known(name: str) -> None:
    """XGBoost's own names and SageMaker's are both there."""
    assert name in NAMES
    assert find_wrong_hyperparameter({name: 1}) is None


@pytest.mark.parametrize("name", ["n_estimators", "numround", "Eta", ""])
def test_others_are_not(name: str) -> None:
    """A misspelling and scikit-learn's names are not."""
    found = find_wrong_hyperparameter({name: 1})

    assert found is not None
    assert found[0] == name
    assert found[1].startswith("unknown hyperparameter; ")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("num_round", -5, "-5; give a whole number, at least 1"),
        ("num_round", 50.0, "50.0; give a whole number, at least 1"),
        ("num_round", True, "true; give a whole number, at least 1"),
        ("eta", 7, "7; give a number from 0 to 1"),
        ("learning_rate", 7, "7; give a number from 0 to 1"),
        ("eta", "abc", "'abc'; give a number from 0 to 1"),
        ("eta", float("nan"), "nan; give a number from 0 to 1"),
        ("subsample", 0, "0; give a number above 0, at most 1"),
        ("tweedie_variance_power", 2, "2; give a number above 1, below 2"),
        ("scale_pos_weight", 0, "0; give a number above 0"),
        ("objective", "reg:sqared", "'reg:sqared'; did you mean 'reg:squarederror'?"),
        ("booster", "forest", "'forest'; known: dart, gblinear, gbtree"),
        ("save_model_on_termination", "yes", "'yes'; known: false, true"),
        ("monotone_constraints", "(x,)", "'(x,)'; give -1, 0 or 1 for each feature, "),
        ("interaction_constraints", "[1,2]", "'[1,2]'; give lists of features, as "),
    ],
)
def test_a_wrong_value_is_told_with_what_may_stand_there(
    name: str, value: Any, said: str
) -> None:
    """In the words of whoever writes `model.yaml`, not of the container."""
    found = find_wrong_hyperparameter(
        {"num_round": 5, "tree_method": "hist", name: value}
    )

    assert found is not None
    assert found[0] == name
    assert found[1].startswith(said)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ("auc,loglos", "'auc,loglos'; did you mean 'logloss'?"),
        ("auc, logloss", "'auc, logloss'; separate them by commas, without blanks"),
        ("auc@3", "'auc@3'; Metric 'auc@3' is not supported."),
    ],
)
def test_of_a_list_the_wrong_item_is_told(metrics: str, said: str) -> None:
    """A list is a text with commas."""
    found = find_wrong_hyperparameter(
        {"objective": "binary:logistic", "eval_metric": metrics}
    )

    assert found is not None
    assert found[1].startswith(said)


@pytest.mark.parametrize(
    ("given", "name", "said"),
    [
        (
            {"eval_metric": "auc", "objective": "reg:squarederror"},
            "eval_metric",
            "'auc'; the image says: Metric 'auc' can only be applied for",
        ),
        ({"eval_metric": "auc"}, "eval_metric", "'auc'; give an objective beside it"),
        (
            {"objective": "multi:softmax"},
            "objective",
            "'multi:softmax'; the image says: Require input for parameter 'num_class'",
        ),
        (
            {"tree_method": "approx", "monotone_constraints": "(1,0)"},
            "monotone_constraints",
            "'(1,0)'; the image says: monotone_constraints can be used only when",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(
    given: dict[str, Any], name: str, said: str
) -> None:
    """One hyperparameter may ask for another."""
    for order in (given, dict(reversed(given.items()))):
        found = find_wrong_hyperparameter(order)
        assert found is not None
        assert found[0] == name
        assert found[1].startswith(said)


TRIED: list[dict[str, Any]] = [
    {},
    {"eta": 0.3, "max_depth": 5, "reg_lambda": 1},
    {"eta": "1e-1", "seed": -3, "base_score": 0.5},
    {"objective": "binary:logistic", "eval_metric": "auc,error@0.3"},
    {"objective": "multi:softmax", "num_class": 3},
    {"tree_method": "hist", "monotone_constraints": "(1,0,-1)"},
    {"tree_method": "hist", "interaction_constraints": "[[1,2],[3]]"},
    {"save_model_on_termination": True, "updater": "prune"},
    {"updater": "shotgun", "booster": "gblinear"},
    {"updater": "shotgun"},
    {"max_depth": 2.5},
    {"tree_method": "fast"},
    {"eval_metric": "rmse"},
    {"updater": "sync", "process_type": "update"},
]


@pytest.mark.parametrize("given", TRIED, ids=str)
def test_what_is_refused_is_what_the_container_refuses(given: dict[str, Any]) -> None:
    """Neither a paid job that fails at its hyperparameters, nor a good one refused."""
    texts = {name: _as_text(value) for name, value in given.items()}
    refused = False
    try:
        validate_hyperparameters({"num_round": "5", **texts})
    except (ToolkitError, KeyError):
        refused = True

    assert (find_wrong_hyperparameter(given) is not None) is refused
