"""How sure a metric is: checked against scikit-learn, scipy, and by simulation."""

import math
from collections import Counter
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from comparisons import Score
from scipy import stats
from sklearn import metrics

from lifecycle.gates import evaluate_gates
from lifecycle.statistics.uncertainty import (
    MEASURED_RESAMPLES,
    compare,
    estimate,
    mean_interval,
    share_interval,
    statistics_of,
)
from lifecycle.statistics.weighted import metric_statistic, row_mean

RNG = np.random.default_rng(11)
ROWS = 300
VALUES = RNG.normal(10, 3, ROWS)
FORECAST = VALUES + RNG.normal(0, 1, ROWS)
LABELS = (RNG.random(ROWS) < 0.3).astype(float)
# Rounded, so that some are equal.
CHANCES = np.round(np.clip(0.3 * LABELS + 0.7 * RNG.random(ROWS), 0, 1), 2)
WEIGHTS = RNG.integers(0, 4, (3, ROWS)).astype(float)

REGRESSION = {
    "rmse": metrics.root_mean_squared_error,
    "mse": metrics.mean_squared_error,
    "mae": metrics.mean_absolute_error,
    "r2": metrics.r2_score,
}
RANKING = {"auc": metrics.roc_auc_score, "brier": metrics.brier_score_loss}
DECISION = {
    "accuracy": metrics.accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
}
CASES = [
    *((name, known, VALUES, FORECAST) for name, known in REGRESSION.items()),
    *((name, known, LABELS, CHANCES) for name, known in RANKING.items()),
    *((name, known, LABELS, CHANCES >= 0.5) for name, known in DECISION.items()),
]


@pytest.mark.parametrize(("name", "known", "truth", "prediction"), CASES)
def test_a_weighted_metric_is_scikit_learns(name, known, truth, prediction):
    """Weighting rows is the same as repeating them, for scikit-learn and here."""
    found = metric_statistic(name, truth, CHANCES if name in DECISION else prediction)

    values = found(WEIGHTS)

    for value, weights in zip(values, WEIGHTS, strict=True):
        repeated = np.repeat(np.arange(ROWS), weights.astype(int))
        expected = known(truth[repeated], prediction[repeated])
        assert value == pytest.approx(expected)
        assert value == pytest.approx(known(truth, prediction, sample_weight=weights))


CLASSES = ("a", "b", "c")
KINDS = RNG.choice(3, ROWS, p=[0.5, 0.3, 0.2])
# Rounded, so that some are equal; three classes are told apart in most rows.
SCORES = np.round(RNG.normal(size=(ROWS, 3)) + 1.5 * np.eye(3)[KINDS], 1)
SHARES = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)


def report(truth: Any, probability: Any) -> dict[str, float]:
    """Return what scikit-learn measures of three classes, all in one report."""
    how: Any = {"target_names": CLASSES, "output_dict": True, "labels": range(3)}
    found = metrics.classification_report(truth, probability.argmax(axis=1), **how)
    theirs = {"recall": "recall", "precision": "precision", "f1": "f1-score"}
    area = metrics.roc_auc_score(truth, probability, multi_class="ovr")
    return {
        "accuracy": metrics.accuracy_score(truth, probability.argmax(axis=1)),
        "balanced_accuracy": found["macro avg"]["recall"],
        "roc_auc_ovr": area,
        "logloss": metrics.log_loss(truth, probability),
        **{f"{one}_macro": found["macro avg"][key] for one, key in theirs.items()},
        **{
            f"{one} of {name}": found[name][key]
            for one, key in theirs.items()
            for name in CLASSES
        },
    }


def class_statistic(name: str, truth: Any = KINDS, probability: Any = SHARES) -> Any:
    """Return a metric of several classes as a function of row weights."""
    return metric_statistic(name, truth, probability, classes=CLASSES)


def test_weighted_metrics_of_several_classes_are_scikit_learns():
    """All of them, of each class and of all, on rows that are repeated."""
    for weights in WEIGHTS:
        repeated = np.repeat(np.arange(ROWS), weights.astype(int))
        expected = report(KINDS[repeated], SHARES[repeated])

        found = {name: class_statistic(name)(weights[None])[0] for name in expected}

        assert found == pytest.approx(expected)


def test_a_class_without_rows_has_no_recall_and_counts_in_no_mean():
    """Nor has one that is never predicted a precision, where it counts as 0."""
    truth, probability = [0, 0, 1, 1], np.eye(3)[[0, 1, 1, 1]]

    def value(name: str) -> float:
        return float(class_statistic(name, truth, probability)(np.ones((1, 4)))[0])

    assert math.isnan(value("recall of c"))
    assert math.isnan(value("precision of c"))
    assert value("recall_macro") == value("balanced_accuracy") == 0.75
    assert value("precision_macro") == pytest.approx((1 + 2 / 3) / 2)
    assert value("roc_auc_ovr") == 0.75
    never = class_statistic("precision_macro", truth, np.eye(3)[[0] * 4])
    assert never(np.ones((1, 4)))[0] == pytest.approx(0.25)


def test_a_class_that_is_found_in_all_its_rows_has_an_exact_interval():
    """Right on 3 of 3 rows is no proof; no resample would change it."""
    truth = [0] * 3 + [1] * 30
    found = class_statistic("recall of a", truth, np.eye(3)[truth])

    one = estimate({"recall": found}, 33)["recall"]

    assert (one.value, one.high) == (1.0, 1.0)
    assert one.low == pytest.approx(0.025 ** (1 / 3))


def test_the_recall_of_a_rare_class_has_an_exact_interval():
    """Of 17 rows the bootstrap's lower end would be 0.57."""
    truth, decided = [0] * 17 + [1] * 80, [1] + [0] * 16 + [1] * 80
    found = class_statistic("recall of a", truth, np.eye(3)[decided])

    one = estimate({"recall": found}, 97)["recall"]

    assert (one.low, one.high) == pytest.approx(share_interval(16, 17))


def test_metrics_of_classes_are_known_by_name_and_value():
    """So they take one matrix of weights, and no call of the notebook's `measure`."""
    calls = []

    def measure_all(truth: Any, probability: Any) -> dict[str, float]:
        calls.append(len(truth))
        return report(truth, probability)

    made = statistics_of(measure_all, KINDS, SHARES, None, CLASSES)
    for name, value in report(KINDS, SHARES).items():
        assert made[name](np.ones((1, ROWS)))[0] == pytest.approx(value)

    assert calls == [ROWS]


def test_the_log_loss_is_scikit_learns():
    """A probability of 0 or 1 is not quite sure."""
    sure = np.clip(CHANCES, 1e-7, 1 - 1e-7)
    (value,) = metric_statistic("logloss", LABELS, CHANCES)(np.ones((1, ROWS)))

    assert value == pytest.approx(metrics.log_loss(LABELS, sure), rel=1e-3)


def test_a_decision_is_made_at_the_threshold():
    """A probability at the threshold counts as positive."""
    found = metric_statistic("recall", LABELS, CHANCES, threshold=0.23)

    expected = metrics.recall_score(LABELS, CHANCES >= 0.23)
    assert found(np.ones((1, ROWS)))[0] == pytest.approx(expected)


def measure(truth: Any, prediction: Any) -> dict[str, float]:
    """Return two metrics that are known by name, one of which is another, and one."""
    return {
        "rmse": metrics.root_mean_squared_error(truth, prediction),
        "mae": float(np.median(np.abs(truth - prediction))),
        "largest": float(np.max(np.abs(truth - prediction))),
    }


def test_a_metric_counts_by_its_value_and_not_by_its_name():
    """A notebook's own `mae` may be another one."""
    found = statistics_of(measure, VALUES, FORECAST)

    for name, known in measure(VALUES, FORECAST).items():
        assert found[name](np.ones((1, ROWS)))[0] == pytest.approx(known)
    weights = WEIGHTS[:1]
    repeated = np.repeat(np.arange(ROWS), weights[0].astype(int))
    expected = measure(VALUES[repeated], FORECAST[repeated])
    assert {name: one(weights)[0] for name, one in found.items()} == pytest.approx(
        expected
    )


def test_a_metric_that_has_to_be_measured_again_is_measured_less_often():
    """It may take long."""
    calls = []

    def slow(truth: Any, prediction: Any) -> dict[str, float]:
        calls.append(len(truth))
        return {"own": float(np.mean(truth - prediction))}

    found = estimate(statistics_of(slow, VALUES, FORECAST), ROWS)["own"]

    error = float(np.std(VALUES - FORECAST)) / math.sqrt(ROWS)
    assert len(calls) < MEASURED_RESAMPLES + 10
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_the_interval_of_a_mean_is_that_of_students():
    """With many rows, at least."""
    squares = metric_statistic("mae", VALUES, FORECAST)
    found = estimate({"mae": squares}, ROWS)["mae"]

    errors = np.abs(VALUES - FORECAST)
    low, high = stats.t.interval(0.95, ROWS - 1, errors.mean(), stats.sem(errors))
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.03)
    assert found.value == pytest.approx(errors.mean())


def test_the_same_rows_give_the_same_interval():
    """The resamples are drawn from a seed."""
    statistics = {"auc": metric_statistic("auc", LABELS, CHANCES)}

    assert estimate(statistics, ROWS) == estimate(statistics, ROWS)


@pytest.mark.parametrize(
    ("truth", "prediction", "name"),
    [
        ([1.0] * 20, np.linspace(0, 1, 20), "auc"),
        ([1.0], [0.7], "auc"),
        ([3.0] * 20, np.linspace(2, 4, 20), "r2"),
        ([np.nan] * 20, np.linspace(2, 4, 20), "rmse"),
    ],
    ids=["one class", "one row", "constant truth", "no number"],
)
def test_rows_that_say_nothing_give_no_interval(truth, prediction, name):
    """The value and its interval are NaN, and nothing raises or warns."""
    statistic = metric_statistic(name, truth, prediction)

    found = estimate({name: statistic}, len(truth))[name]

    assert all(map(math.isnan, (found.value, found.low, found.high)))


def test_one_row_gives_no_interval():
    """It says nothing of how other rows would be."""
    found = estimate({"rmse": metric_statistic("rmse", [1.0], [3.0])}, 1)["rmse"]

    assert found.value == 2.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_without_a_positive_decision_precision_is_zero():
    """As scikit-learn's is, with zero_division=0."""
    found = metric_statistic("precision", LABELS, np.zeros(ROWS))

    assert found(WEIGHTS).tolist() == [0.0, 0.0, 0.0]


def compared(name: str, truth: Any, candidate: Any, live: Any, **options: Any) -> Any:
    """Compare two models in one metric."""
    mine = {name: metric_statistic(name, truth, candidate)}
    theirs = {name: metric_statistic(name, truth, live)}
    return compare(mine, theirs, len(truth), **options)[name]


def test_identical_models_have_no_detectable_difference():
    """The interval is zero itself."""
    found = compared("rmse", VALUES, FORECAST, FORECAST)

    assert (found.difference.low, found.difference.high) == (0.0, 0.0)
    assert found.answer() == "no detectable difference"


def test_a_difference_of_few_rows_is_none():
    """Two decisions more are right of 300: McNemar's exact p is 0.5."""
    live = CHANCES.copy()
    wrong = np.flatnonzero((CHANCES >= 0.5) & (LABELS == 1))[:2]
    live[wrong] = 0.1

    found = compared("accuracy", LABELS, CHANCES, live)

    assert found.difference.value == pytest.approx(2 / ROWS)
    assert stats.binomtest(2, 2).pvalue == 0.5
    assert found.answer() == "no detectable difference"


@pytest.mark.parametrize(("factor", "answer"), [(0.8, "better"), (1.25, "worse")])
def test_a_real_difference_is_found(factor, answer):
    """Less error is better."""
    candidate = VALUES + factor * (FORECAST - VALUES)

    found = compared("rmse", VALUES, candidate, FORECAST)

    assert found.answer() == answer
    assert found.candidate == pytest.approx(factor * found.live)


def test_the_interval_of_a_difference_of_areas_is_delongs():
    """DeLong's variance of a difference of two AUCs on the same rows."""
    live = np.clip(CHANCES + RNG.normal(0, 0.1, ROWS), 0, 1)
    found = compared("auc", LABELS, CHANCES, live)

    positive, negative = LABELS == 1, LABELS == 0
    parts = []
    for one in (CHANCES, live):
        wins = (one[positive][:, None] > one[negative]) + 0.5 * (
            one[positive][:, None] == one[negative]
        )
        parts.append((wins.mean(axis=1), wins.mean(axis=0)))
    variance = sum(
        np.var(first - second, ddof=1) / len(first)
        for first, second in zip(*parts, strict=True)
    )
    width = 2 * 1.96 * math.sqrt(variance)
    assert found.difference.high - found.difference.low == pytest.approx(width, rel=0.1)


@pytest.mark.slow
def test_intervals_hold_the_true_value():
    """In 93 to 97 of 100 samples, of 50 rows: the fewest that are judged."""
    random, rows, draws = np.random.default_rng(7), 50, 600
    normal = NormalDist()
    true = {
        "rmse": 1.0,
        "mae": math.sqrt(2 / math.pi),
        "auc": normal.cdf(1.5 / math.sqrt(2)),
        "recall": normal.cdf(0.75),
    }
    held = dict.fromkeys(true, 0)
    for _ in range(draws):
        value = random.normal(size=rows)
        guess = value + random.normal(size=rows)
        label = (random.random(rows) < 0.3).astype(float)
        score = random.normal(size=rows) + 1.5 * label
        # Positive from 0.75 on, which is the probability 0.5.
        chance = 1 / (1 + np.exp(0.75 - score))
        statistics = {
            name: metric_statistic(name, *pair)
            for name, pair in {
                "rmse": (value, guess),
                "mae": (value, guess),
                "auc": (label, chance),
                "recall": (label, chance),
            }.items()
        }
        found = estimate(statistics, rows, resamples=1000)
        for name, one in found.items():
            held[name] += one.low <= true[name] <= one.high

    for name, count in held.items():
        assert 0.93 <= count / draws <= 0.97, name


@pytest.mark.slow
def test_intervals_of_several_classes_hold_the_true_value():
    """In 95 of 100 samples, of 200 rows of three classes, less what chance allows."""
    draws, rows = 200, 200
    names = ("balanced_accuracy", "precision_macro", "roc_auc_ovr", "logloss")
    names += ("recall of c", "precision of b", "f1 of c")

    def sample(random: Any, count: int) -> tuple[Any, Any]:
        kinds = random.choice(3, count, p=[0.5, 0.3, 0.2])
        scores = np.exp(random.normal(size=(count, 3)) + 2 * np.eye(3)[kinds])
        return kinds, scores / scores.sum(axis=1, keepdims=True)

    many = sample(np.random.default_rng(1), 300_000)
    true = {n: class_statistic(n, *many)(np.ones((1, 300_000)))[0] for n in names}
    held = dict.fromkeys(true, 0)
    for seed in range(draws):
        rows_of = sample(np.random.default_rng(seed), rows)
        made = {name: class_statistic(name, *rows_of) for name in names}
        for name, one in estimate(made, rows, resamples=1000).items():
            held[name] += one.low <= true[name] <= one.high

    # Three standard deviations of such a count are 4.6 of 100.
    for name, count in held.items():
        assert 0.904 <= count / draws <= 0.996, (name, count)


@pytest.mark.slow
def test_equal_models_fail_a_gate_at_most_once_in_twenty():
    """Although the gate allows no loss; nor is one of them often called better."""
    random, rows, draws = np.random.default_rng(3), 100, 600
    verdicts, answers = Counter(), Counter()
    for _ in range(draws):
        truth, shared = random.normal(size=(2, rows))
        errors = 0.3 * random.normal(size=(2, rows))
        candidate, live = truth + shared + errors
        one = compared("rmse", truth, candidate, live, resamples=1000)
        bounds = {"rmse": {"max": 9.0, "worse_than_live": 0.0}}
        measured = {"rmse": one.candidate}
        _, gate = evaluate_gates(measured, bounds, Score(comparisons={"rmse": one}))
        verdicts[gate.verdict] += 1
        answers[one.answer()] += 1

    assert verdicts["failed"] <= draws / 20
    # 94 of 100 in the long run, less twice the standard deviation of such a count.
    assert answers["no detectable difference"] >= 0.92 * draws


def test_few_rows_make_an_interval_wider():
    """As Student's interval of a mean is; of many rows nothing changes."""
    random, widths = np.random.default_rng(1), {}
    for rows in (12, 400):
        values = random.normal(size=rows)
        found = estimate({"mean": row_mean(values)}, rows)["mean"]
        low, high = stats.t.interval(
            0.95, rows - 1, loc=values.mean(), scale=stats.sem(values)
        )
        widths[rows] = (found.high - found.low) / (high - low)

        assert mean_interval(values) == pytest.approx((low, high), abs=1e-3)

    assert widths == {12: pytest.approx(1, abs=0.15), 400: pytest.approx(1, abs=0.05)}


@pytest.mark.parametrize(
    ("hits", "rows", "expected"),
    [(0, 40, (0.0, 0.0881)), (5, 20, (0.0866, 0.4910)), (20, 20, (0.8316, 1.0))],
)
def test_the_interval_of_a_share_is_exact(hits, rows, expected):
    """Clopper and Pearson's, as SciPy's binomtest has it; never empty."""
    exact = stats.binomtest(hits, rows).proportion_ci(method="exact")

    assert share_interval(hits, rows) == pytest.approx(expected, abs=1e-4)
    assert share_interval(hits, rows) == pytest.approx((exact.low, exact.high))


def test_what_no_resample_changes_is_not_known_exactly():
    """Right on 40 of 40 rows is no proof; two equal models differ by nothing."""
    perfect = metric_statistic("accuracy", [1] * 20 + [0] * 20, [0.9] * 20 + [0.1] * 20)

    found = estimate({"accuracy": perfect}, 40)["accuracy"]

    assert (found.value, math.isnan(found.low)) == (1.0, True)
    equal = compare({"accuracy": perfect}, {"accuracy": perfect}, 40)["accuracy"]
    assert (equal.difference.low, equal.difference.high) == (0.0, 0.0)
