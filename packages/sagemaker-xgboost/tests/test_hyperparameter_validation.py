"""How the built-in XGBoost parses its hyperparameters, and which it refuses."""

import pytest
from sagemaker_xgboost.exceptions import AlgorithmError, UserError
from sagemaker_xgboost.hyperparameter_validation import validate_hyperparameters

METRICS = (
    "['accuracy', 'auc', 'aucpr', 'balanced_accuracy', 'f1', 'f1_binary', 'f1_macro', "
    "'map', 'ndcg', 'precision', 'r2', 'recall', 'precision_macro', 'precision_micro', "
    "'recall_macro', 'recall_micro', 'aft-nloglik', 'cox-nloglik', 'error', "
    "'gamma-deviance', 'gamma-nloglik', 'interval-regression-accuracy', 'logloss', "
    "'mae', 'mape', 'merror', 'mlogloss', 'mphe', 'mse', 'poisson-nloglik', 'rmse', "
    "'rmsle', 'tweedie-nloglik']"
)


def validate(**given: str) -> dict[str, object]:
    return validate_hyperparameters({"num_round": "3", **given})


def test_values_are_parsed():
    """Numbers become numbers, lists become lists, words stay words."""
    given = {"objective": "binary:logistic", "eval_metric": "auc,error@0.3"}
    assert validate(eta="0.2", max_depth="5", **given) == {
        "num_round": 3,
        "eta": 0.2,
        "max_depth": 5,
        "objective": "binary:logistic",
        "eval_metric": ["auc", "error@0.3"],
    }


def test_num_round_alone_is_enough():
    """Only the number of rounds is required, and no default appears beside it."""
    assert validate() == {"num_round": 3}


def test_num_round_is_required():
    """A job without a number of rounds is refused before anything else."""
    with pytest.raises(
        UserError, match=r"^Missing required hyperparameter: num_round$"
    ):
        validate_hyperparameters({"silent": "1"})


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("learning_rate", "eta"),
        ("min_split_loss", "gamma"),
        ("reg_lambda", "lambda"),
        ("reg_alpha", "alpha"),
    ],
)
def test_aliases_stand_for_their_names(alias, name):
    """An alias is replaced, and the later of both wins."""
    assert validate(**{name: "0.1", alias: "0.2"}) == {"num_round": 3, name: 0.2}


@pytest.mark.parametrize("name", ["silent", "n_estimators", "num_rounds"])
def test_unknown_names_are_refused(name):
    """Whatever the image does not know is extraneous."""
    with pytest.raises(UserError, match=f"^Extraneous hyperparameter found: {name}$"):
        validate(**{name: "1"})


@pytest.mark.parametrize("value", ["1e2", "1.5", "", "three"])
def test_whole_numbers_must_be_whole(value):
    """Text that is no whole number cannot be parsed."""
    message = "Hyperparameter num_round: could not parse value (caused by ValueError)"
    with pytest.raises(UserError) as caught:
        validate(num_round=value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "value", "shown", "interval"),
    [
        ("num_round", "0", "0", "[1, +inf)"),
        ("eta", "2.0", "2.0", "[0, 1]"),
        ("eta", "-0.1", "-0.1", "[0, 1]"),
        ("gamma", "-1", "-1.0", "[0, +inf)"),
        ("subsample", "0", "0.0", "(0, 1]"),
        ("colsample_bynode", "1.1", "1.1", "(0, 1]"),
        ("max_depth", "-1", "-1", "[0, +inf)"),
        ("verbosity", "4", "4", "[0, 3]"),
        ("csv_weights", "2", "2", "[0, 1]"),
        ("sketch_eps", "1", "1.0", "(0, 1)"),
        ("scale_pos_weight", "0", "0.0", "(0, +inf)"),
        ("tweedie_variance_power", "2", "2.0", "(1, 2)"),
        ("num_class", "1", "1", "[2, +inf)"),
        ("_kfold", "1", "1", "[2, +inf)"),
        ("prob_buffer_row", "1", "1", "(1.0, +inf)"),
        ("seed", "2147483647", "2147483647", "(-2147483648, 2147483647)"),
    ],
)
def test_numbers_must_lie_in_their_interval(name, value, shown, interval):
    """A number out of range is refused with the interval."""
    with pytest.raises(UserError) as caught:
        validate(**{name: value})
    assert str(caught.value) == f"Hyperparameter {name}: {shown} is not in {interval}"


def test_nan_lies_in_every_interval():
    """The image asks whether a number is outside, which NaN never is."""
    assert str(validate(eta="nan")["eta"]) == "nan"


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("booster", "forest", "['gbtree', 'gblinear', 'dart']"),
        ("tree_method", "fast", "['auto', 'exact', 'approx', 'hist', 'gpu_hist']"),
        ("save_model_on_termination", "True", "['true', 'false']"),
    ],
)
def test_words_must_be_known(name, value, known):
    """A word that is not in the list is refused with the list."""
    with pytest.raises(UserError) as caught:
        validate(**{name: value})
    assert str(caught.value) == f"Hyperparameter {name}: {value} is not in {known}"


def test_metrics_are_separated_by_commas_alone():
    """A blank after the comma makes the metric unknown."""
    with pytest.raises(UserError) as caught:
        validate(objective="binary:logistic", eval_metric="auc, logloss")
    assert str(caught.value) == (
        "Hyperparameter eval_metric: value ['auc', ' logloss'] not in range " + METRICS
    )


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "auc@3",
            "Metric 'auc@3' is not supported. Parameter 'eval_metric' with customized "
            "threshold should be one of these options: 'error', 'ndcg', 'map'.",
        ),
        ("error@x", "Threshold value 't' in 'error@t' expects float input."),
        (
            "<function f>",
            "User defined evaluation metric <function f> is not supported yet.",
        ),
    ],
)
def test_thresholds_fit_some_metrics_only(metric, message):
    """A metric with a threshold must be one that takes it, and a number."""
    with pytest.raises(UserError) as caught:
        validate(objective="binary:logistic", eval_metric=f"error,{metric}")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"objective": "multi:softmax"},
            "Require input for parameter 'num_class' for multi-classification",
        ),
        (
            {"objective": "reg:squarederror", "eval_metric": "auc"},
            "Metric 'auc' can only be applied for classification and ranking problems.",
        ),
        (
            {"objective": "binary:logistic", "eval_metric": "aft-nloglik"},
            "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.",
        ),
        (
            {"monotone_constraints": "(1,0)", "tree_method": "approx"},
            "monotone_constraints can be used only when the tree_method parameter is "
            "set to either 'exact' or 'hist'.",
        ),
        (
            {"interaction_constraints": "[[1,2]]"},
            "interaction_constraints can be used only when the tree_method parameter "
            "is set to either 'exact', 'hist' or 'approx'.",
        ),
        (
            {"updater": "prune", "booster": "gblinear"},
            "Linear updater should be one of these options: 'shotgun', "
            "'coord_descent'.",
        ),
        (
            {"updater": "sync", "process_type": "update"},
            "process_type 'update' can only be used with updater 'refresh' and 'prune'",
        ),
        (
            {"updater": "grow_colmaker,distcol"},
            "Only one tree grow plugin can be selected. Choose one from thefollowing: "
            "'grow_colmaker', 'distcol', 'grow_histmaker', 'grow_local_histmaker', "
            "'grow_skmaker'",
        ),
        (
            {"updater": "shotgun"},
            "Tree updater should be selected from these options: 'grow_colmaker', "
            "'distcol', 'grow_histmaker', 'grow_local_histmaker', 'grow_skmaker', "
            "'grow_quantile_histmaker', 'sync', 'refresh', 'prune', 'shortgun', "
            "'coord_descent'.",
        ),
    ],
)
def test_hyperparameters_must_fit_each_other(given, message):
    """What one hyperparameter asks of another is checked in any order."""
    for order in (given, dict(reversed(given.items()))):
        with pytest.raises(UserError) as caught:
            validate(**order)
        assert str(caught.value) == message


def test_a_metric_without_an_objective_is_a_bare_key_error():
    """The image forgets that an objective is optional, and so does this one."""
    with pytest.raises(KeyError) as caught:
        validate(eval_metric="rmse")
    assert str(caught.value) == "'objective'"


def test_constraints_are_read_as_python():
    """Tuples and nested lists become what they say."""
    parsed = validate(
        tree_method="hist",
        monotone_constraints="(1,0,-1)",
        interaction_constraints="[[1,2],[3]]",
    )
    assert parsed["monotone_constraints"] == (1, 0, -1)
    assert parsed["interaction_constraints"] == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("(1,2)", UserError, "value (1, 2) not in range [-1, 0, 1]"),
        ("1", AlgorithmError, "unexpected failure when validating 1 (caused by "),
        ("(1", SyntaxError, "'(' was never closed"),
        ("(x,)", NameError, "name 'x' is not defined"),
        ("open('f')", NameError, "name 'open' is not defined"),
    ],
)
def test_constraints_fail_as_evaluating_them_would(text, error, message):
    """Nothing is evaluated, the errors are those of evaluating."""
    with pytest.raises(error) as caught:
        validate(tree_method="hist", monotone_constraints=text)
    assert message in str(caught.value)
