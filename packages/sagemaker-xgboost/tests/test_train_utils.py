"""What the built-in XGBoost trains, what it prints, and when it stops."""

import re

import numpy as np
import pytest
import xgboost
from container_jobs import BINARY, REGRESSION, train_here, write_job
from sagemaker_xgboost.exceptions import AlgorithmError, UserError

# xgboost warns of a model without a suffix, which is the rule here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

NUMBER = r"-?\d+\.\d{5}"


@pytest.fixture
def train(tmp_path):
    """Train on these rows, validate on the same when asked to."""

    def run(text, *, validate=False, **hyperparameters):
        channels = {"train": {"train.csv": text}}
        if validate:
            channels["validation"] = {"validation.csv": text}
        defaults = {"num_round": "3", "min_child_weight": "0", "nthread": "1"}
        given = {**defaults, **hyperparameters}
        return train_here(write_job(tmp_path / "ml", given, channels))

    return run


def noisy(rows: int) -> str:
    """Write rows that a model learns by heart, and for nothing."""
    values = np.random.default_rng(0).random((rows, 3))
    return "".join(f"{int(y > 0.5)},{a:.3f},{b:.3f}\n" for y, a, b in values)


def test_the_model_is_that_of_xgboost_itself(train):
    """The same parameters and the same rows give the same trees."""
    given = {"objective": "reg:squarederror", "eta": "0.5", "max_depth": "2"}
    model = xgboost.Booster(model_file=train(REGRESSION, **given))
    values = np.array([line.split(",") for line in REGRESSION.split()], dtype=float)
    matrix = xgboost.DMatrix(values[:, 1:], label=values[:, 0])
    parameters = {**given, "eta": 0.5, "max_depth": 2, "min_child_weight": 0.0}
    expected = xgboost.train(parameters, matrix, num_boost_round=3)
    np.testing.assert_array_equal(model.predict(matrix), expected.predict(matrix))


def test_the_model_is_written_as_the_image_writes_it(train):
    """It is UBJSON, without a suffix, and nothing lies beside it."""
    path = train(REGRESSION)
    assert path.read_bytes()[:2] == b"{L"
    assert [file.name for file in path.parent.iterdir()] == ["xgboost-model"]


def test_metrics_are_printed_after_every_round(train, capsys):
    """One line per round: bare, tabs between, five decimals."""
    train(REGRESSION, validate=True, objective="reg:squarederror", eval_metric="rmsle")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    pattern = rf"\[2\]\ttrain-rmsle:{NUMBER}\tvalidation-rmsle:{NUMBER}"
    assert re.fullmatch(pattern, lines[2])


def test_metrics_of_scikit_learn_follow_those_of_xgboost(train, capsys):
    """They are computed from probabilities and a threshold of 0, as in the image."""
    metrics = "accuracy,error,f1,recall"
    train(BINARY, objective="binary:logistic", eval_metric=metrics)
    line = capsys.readouterr().out.splitlines()[-1]
    names = re.findall(r"train-(\w+):", line)
    assert names == ["error", "accuracy", "f1", "recall"]
    assert line.endswith(
        "train-error:0.00000\ttrain-accuracy:0.50000\ttrain-f1:0.33333\t"
        "train-recall:1.00000"
    )


@pytest.mark.parametrize(
    ("metric", "printed"),
    [("mae", ["rmse", "mae"]), ("rmse", ["rmse"]), ("mse,r2", ["rmse", "mse", "r2"])],
)
def test_only_custom_metrics_bring_the_default_one(train, capsys, metric, printed):
    """xgboost adds its default when it is asked for none; one name is printed once."""
    train(REGRESSION, objective="reg:squarederror", eval_metric=metric)
    line = capsys.readouterr().out.splitlines()[0]
    assert re.findall(r"train-(\w+):", line) == printed


def test_a_tuning_metric_joins_the_others_in_order_of_names(train, capsys):
    """A tuning job's metric is computed too."""
    train(
        BINARY,
        objective="binary:logistic",
        eval_metric="logloss,error",
        _tuning_objective_metric="validation:auc",
    )
    line = capsys.readouterr().out.splitlines()[0]
    assert re.findall(r"train-(\w+):", line) == ["auc", "error", "logloss"]


def test_early_stopping_keeps_the_best_rounds_only(train):
    """The last metric of the list is watched on the validation data."""
    path = train(
        noisy(60),
        validate=True,
        objective="binary:logistic",
        eval_metric="logloss,error",
        num_round="50",
        early_stopping_rounds="2",
        eta="1",
    )
    model = xgboost.Booster(model_file=path)
    assert model.num_boosted_rounds() < 50
    assert model.num_boosted_rounds() == model.best_iteration + 1


@pytest.mark.parametrize(
    ("validate", "metric"), [(False, {"eval_metric": "error"}), (True, {})]
)
def test_early_stopping_is_ignored_without_validation_or_metric(
    train, validate, metric
):
    """The image does so in silence."""
    path = train(
        BINARY,
        validate=validate,
        objective="binary:logistic",
        num_round="12",
        early_stopping_rounds="1",
        **metric,
    )
    assert xgboost.Booster(model_file=path).num_boosted_rounds() == 12


def test_the_last_round_is_printed_when_training_stops_early(train, capsys):
    """Two rounds after the best one training stops, and both are seen."""
    path = train(
        noisy(60),
        validate=True,
        objective="binary:logistic",
        eval_metric="error",
        num_round="50",
        early_stopping_rounds="2",
        eta="1",
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == xgboost.Booster(model_file=path).best_iteration + 3


def test_what_xgboost_raises_is_an_algorithm_error(train):
    """Labels that do not fit the objective count as unexpected in 3.x."""
    with pytest.raises(AlgorithmError) as caught:
        train(REGRESSION, objective="binary:logistic")
    message = str(caught.value)
    assert message.startswith("XGB train call failed with exception:\n [")
    assert "base_score must be in (0,1) for the logistic loss" in message


def test_what_the_image_knows_is_the_users_error(train):
    """A few texts of xgboost and scikit-learn are passed on as they are."""
    given = {"objective": "multi:softprob", "num_class": "3"}
    with pytest.raises(UserError) as caught:
        train("0,1\n1,2\n2,3\n", eval_metric="f1_binary", **given)
    assert str(caught.value).startswith("Target is multiclass but average='binary'.")
