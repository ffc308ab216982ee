"""Beside its metrics it is said of a model where, and by what, it errs."""

import math

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from model_packages import ROWS, train_booster

from lifecycle.statistics.diagnosis import (
    calibration,
    confusion_matrix,
    disagreements,
    permutation_importance,
    shap_importance,
    shown,
    worst_predictions,
)

FEATURES = pd.DataFrame(ROWS, columns=["a", "b"])
IMPORTANT = pd.DataFrame({"importance": [1.0]}, index=pd.Index(["a"], name="feature"))
DETAILS = pd.DataFrame({"row": [7, 8, 9, 12], "name": ["Ada", "Bob", "Cy", "Di"]})
TABLE = pd.DataFrame({"y": [1.0, 2.0, 3.0, 4.0], "a": [0.5, 1.5, 2.5, 3.5]})


# ---- Calibration


def test_the_best_possible_prediction_is_off_nowhere():
    """Groups by the truth would slope; that is regression to the mean, no error."""
    random = np.random.default_rng(7)
    prediction = random.normal(10, 2, 3000)
    truth = prediction + random.normal(0, 2, 3000)

    table = calibration("regression", truth, prediction)

    assert table["answer"].tolist() == [""] * 10
    assert (table.predicted - table.observed).abs().max() < 0.5
    by_truth = pd.Series(truth - prediction).groupby(pd.qcut(truth, 10, labels=False))
    assert by_truth.mean().abs().max() > 2


@pytest.mark.parametrize(("task", "shift"), [("regression", 1.0), ("binary", 0.2)])
def test_predictions_that_are_off_are_named(task, shift):
    """In the direction in which the prediction is wrong."""
    random = np.random.default_rng(3)
    prediction = random.uniform(0.1, 0.7, 2000)
    truth = prediction + random.normal(0, 0.1, 2000) + shift
    if task == "binary":
        truth = (random.random(2000) < prediction + shift).astype(int)

    assert set(calibration(task, truth, prediction)["answer"]) == {"too low"}
    high = calibration(task, 1 - truth, 1 - prediction)
    assert set(high["answer"]) == {"too high"}


def test_calibrated_probabilities_are_rarely_called_off():
    """At most one model in twenty, whatever the number of groups."""
    random = np.random.default_rng(5)
    false_alarms = 0
    for _ in range(50):
        prediction = random.beta(1, 5, 400)
        truth = random.random(400) < prediction
        table = calibration("binary", truth, prediction)
        false_alarms += table["answer"].ne("").any()

    assert false_alarms <= 5


@pytest.mark.parametrize("rows", [1, 20, 60])
def test_few_rows_are_few_groups(rows):
    """Of at least 50 rows each, if there are so many; equal predictions are one."""
    prediction = np.full(rows, 0.5)

    table = calibration("binary", np.zeros(rows), prediction)

    assert table["rows"].tolist() == [rows]
    assert table["observed"].tolist() == [0.0]


def test_a_group_without_positives_has_an_interval():
    """None of 40 does not mean that there are none."""
    table = calibration("binary", np.zeros(40), np.linspace(0.01, 0.02, 40))

    assert table["low"].tolist() == [0.0]
    assert table["high"].iloc[0] == pytest.approx(0.0876, abs=1e-3)


def test_of_several_classes_the_likeliest_one_is_judged():
    """By how often it is the true one."""
    random = np.random.default_rng(5)
    chances = random.dirichlet([1, 1, 1], 3000)
    truth = np.array([random.choice(3, p=row) for row in chances])

    right = calibration("multiclass", truth, chances)
    sure = chances**3 / (chances**3).sum(axis=1, keepdims=True)

    assert set(right["answer"]) == {""}
    assert right.rows.sum() == 3000
    assert "too high" in set(calibration("multiclass", truth, sure)["answer"])


def test_rows_are_counted_by_true_and_predicted_class():
    """A line for each true class, in the order of the labels."""
    found = confusion_matrix([0, 0, 2, 1], np.eye(3)[[0, 1, 2, 1]], ["a", "b", "c"])

    assert found == {
        "classes": ["a", "b", "c"],
        "counts": [[1, 1, 0], [0, 1, 0], [0, 0, 1]],
    }


# ---- Features


def test_features_are_ordered_by_their_shap_values():
    """The feature that determines the label has nearly all of their sum."""
    table = shap_importance(train_booster(1.0), FEATURES)

    assert table.index.tolist() == ["a", "b"]
    assert table["importance"].sum() == pytest.approx(1.0)
    assert table["importance"]["a"] > 0.8
    assert table["direction"]["a"] == "raises"


def test_a_feature_may_lower_the_prediction_or_do_both():
    """The direction is that of its values and their SHAP values."""
    random = np.random.default_rng(2)
    rows = pd.DataFrame(random.uniform(-1, 1, (500, 3)), columns=["down", "bow", "no"])
    label = -2 * rows["down"] + 3 * rows["bow"] ** 2
    data = xgb.DMatrix(rows.to_numpy(), label=label)
    booster = xgb.train({"max_depth": 3}, data, 20)

    table = shap_importance(booster, rows)
    values = booster.predict(xgb.DMatrix(rows.to_numpy()), pred_contribs=True)

    assert table["direction"].reindex(["down", "bow"]).tolist() == ["lowers", "mixed"]
    assert table["mean_shap"]["down"] == pytest.approx(np.abs(values[:, 0]).mean())


def test_a_model_without_splits_uses_no_feature():
    """A constant label gives such a model."""
    rows = xgb.DMatrix(np.array(ROWS), label=[1.0] * 4)

    table = shap_importance(xgb.train({}, rows, 1), FEATURES)

    assert table["importance"].tolist() == [0.0, 0.0]
    assert table["direction"].tolist() == ["", ""]


def test_a_feature_of_several_classes_names_the_one_it_acts_on_most():
    """Its direction is that of this class; its size the mean over all classes."""
    random = np.random.default_rng(2)
    rows = pd.DataFrame(random.uniform(-1, 1, (600, 2)), columns=["last", "no"])
    label = np.where(rows["last"] > 0.3, 2, (random.random(600) < 0.5).astype(int))
    data = xgb.DMatrix(rows.to_numpy(), label=label)
    settings = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2}
    booster = xgb.train(settings, data, 10)

    table = shap_importance(booster, rows, ["a", "b", "c"])
    values = booster.predict(xgb.DMatrix(rows.to_numpy()), pred_contribs=True)

    assert table.loc["last"].to_dict() | {"importance": 0, "mean_shap": 0} == {
        "class": "c",
        "direction": "raises",
        "importance": 0,
        "mean_shap": 0,
    }
    sizes = np.abs(values[:, :, 0]).mean()
    assert table["mean_shap"]["last"] == pytest.approx(sizes)
    assert table["importance"].sum() == pytest.approx(1)


def test_a_column_counts_as_much_as_its_shuffled_values_cost():
    """One that the model does not read costs nothing, whatever kind it is of."""
    random = np.random.default_rng(4)
    records = [
        {"name": "x" * place, "much": 3.0 * value, "little": value}
        for place, value in enumerate(random.normal(size=40))
    ]
    asked = []

    def predict(some):
        asked.append(len(some))
        return np.array([one["much"] + one["little"] for one in some])

    truth = predict(records)
    table = permutation_importance(
        records,
        truth,
        predict=predict,
        loss=lambda guess: float(np.mean(np.abs(guess - truth))),
    )

    assert table.index.tolist() == ["much", "little", "name"]
    assert table["increase"]["name"] == 0
    assert table["importance"].tolist() == pytest.approx([0.75, 0.25, 0], abs=0.05)
    # A script starts a process for each call.
    assert asked == [40, 3 * 10 * 40]


# ---- Single rows


def test_the_worst_predictions_are_named():
    """By their details, with the features that count most."""
    table = worst_predictions(
        TABLE, np.array([1.0, 5.0, 3.5, 4.0]), details=DETAILS, important=IMPORTANT
    )

    assert table.index.tolist()[:2] == [8, 9]
    expected = {"name": "Bob", "truth": 2.0, "prediction": 5.0, "residual": -3.0}
    assert table.iloc[0].to_dict() == expected | {"a": 1.5}


def test_where_two_models_differ_most_is_named():
    """Rows that the live model has trained on are left out, and equal ones."""
    former = np.array([math.nan, 2.5, 3.0, 9.0])

    table = disagreements(
        TABLE,
        np.array([1.0, 2.0, 3.0, 4.0]),
        former,
        details=DETAILS,
        important=IMPORTANT,
    )

    assert table.index.tolist() == [12, 8]
    assert table["difference"].tolist() == [-5.0, -0.5]
    nothing = disagreements(TABLE, former, None, details=DETAILS, important=IMPORTANT)
    assert nothing.empty


CHANCES = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.5, 0.5]])
KINDS = pd.DataFrame({"y": [0, 1, 1, 0], "a": [0.5, 1.5, 2.5, 3.5]})
NAMED = {"details": DETAILS, "important": IMPORTANT, "classes": ["no", "yes"]}


def test_the_worst_predictions_of_classes_are_of_the_least_likely_truth():
    """With the names of both classes, and their probabilities."""
    table = worst_predictions(KINDS, CHANCES, **NAMED)

    assert table.index.tolist() == [8, 12, 9, 7]
    expected = {"name": "Bob", "truth": "yes", "prediction": "no", "a": 1.5}
    chances = {"of the truth": 0.3, "of the prediction": 0.7}
    assert table.iloc[0].to_dict() == expected | chances


def test_where_two_models_of_classes_differ_most_is_named():
    """By the part of the probability that has moved."""
    former = np.array([[np.nan, np.nan], [0.1, 0.9], [0.2, 0.8], [0.4, 0.6]])

    table = disagreements(KINDS, CHANCES, former, **NAMED)

    assert table.index.tolist() == [8, 12]
    assert table["difference"].tolist() == pytest.approx([0.6, 0.1])
    assert table.iloc[0][["prediction", "live"]].tolist() == ["no", "yes"]


# ---- Tables to read


def test_a_table_is_shown_with_the_digits_that_mean_something():
    """As many as its interval leaves; whole numbers and texts stay."""
    table = pd.DataFrame(
        {
            "rows": [123456, 2],
            "value": [45591.238, 0.93999],
            "low": [45000.0, math.nan],
            "high": [46000.0, math.nan],
            "answer": ["", "too low"],
        }
    )

    rows = shown(table).to_numpy().tolist()

    assert rows[0] == ["123456", "45590", "45000 to 46000", ""]
    assert rows[1] == ["2", "0.94", "-", "too low"]
