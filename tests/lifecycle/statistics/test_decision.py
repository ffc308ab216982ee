"""A threshold is chosen by what mistakes cost, on rows that are not the test rows."""

import numpy as np
import pytest

from lifecycle.statistics.decision import (
    Decision,
    choose_threshold,
    confusion,
    cost_curve,
    cost_table,
    mean_cost,
)

CALLS = {
    "true_positive": 100,
    "false_positive": 100,
    "false_negative": 500,
    "unit": "$",
}
TRUTH = np.array([0, 0, 1, 0, 1, 1])
PROBABILITY = np.array([0.05, 0.2, 0.3, 0.6, 0.7, 0.95], dtype="float32")


def costs_at(threshold: float) -> float:
    """Return the mean cost at a threshold, from the costs themselves."""
    called = PROBABILITY.astype(float) >= threshold
    return float((100 * called + 500 * (~called & (TRUTH == 1))).mean())


def test_the_cheapest_threshold_is_chosen():
    """The whole grid has none that is cheaper, and its decimals are few."""
    chosen = choose_threshold(CALLS, TRUTH, PROBABILITY)
    grid = [costs_at(threshold) for threshold in np.linspace(0, 1.01, 1000)]

    assert costs_at(chosen.threshold) == pytest.approx(min(grid))
    assert (chosen.threshold, chosen.unit) == (0.25, "$")
    assert str(chosen) == "cheapest on the validation rows: 0.25"


def test_without_costs_the_threshold_is_one_half():
    """Nothing says which mistake is the worse one."""
    chosen = choose_threshold({}, TRUTH, PROBABILITY)

    assert (chosen.threshold, chosen.costs) == (0.5, {})
    assert confusion(TRUTH, PROBABILITY, chosen)["cost"] is None
    assert cost_table(confusion(TRUTH, PROBABILITY, chosen)).empty


def test_the_curve_is_what_each_threshold_costs():
    """From calling nobody to calling everybody."""
    thresholds, costs = cost_curve(TRUTH, PROBABILITY, CALLS | {"true_negative": 0})

    assert costs == pytest.approx([costs_at(one) for one in thresholds])
    assert costs[[0, -1]].tolist() == [250, 100]


@pytest.mark.parametrize(
    ("costs", "chosen"),
    [
        ({"false_positive": 1000, "false_negative": 1}, "none"),
        ({"false_positive": 1, "false_negative": 1000}, "all"),
    ],
)
def test_to_decide_one_way_only_may_be_the_cheapest(costs, chosen):
    """Also where a probability is exactly 1, in 32 bits."""
    probability = np.array([0.0, 0.5, 1.0], dtype="float32")
    truth = np.array([1, 0, 0])
    threshold = choose_threshold(costs, truth, probability).threshold

    expected = [False] * 3 if chosen == "none" else [True] * 3
    assert (probability >= threshold).tolist() == expected


def test_rare_positives_get_a_threshold_of_their_size():
    """A grid of hundredths would find no better one than 0.01."""
    truth = np.array([0] * 999 + [1])
    probability = np.where(truth == 1, 0.004, 0.001)

    threshold = choose_threshold(
        {"false_positive": 1, "false_negative": 500}, truth, probability
    ).threshold

    assert 0.001 < threshold <= 0.004


def test_equal_probabilities_are_decided_alike():
    """No threshold lies between them."""
    thresholds, costs = cost_curve(
        [1, 0, 1], [0.5, 0.5, 0.5], CALLS | {"true_negative": 0}
    )

    assert costs.tolist() == pytest.approx([1000 / 3, 100])
    assert len(thresholds) == 2


def test_the_rows_are_counted_by_outcome():
    """With what a row costs, and what it would cost without a model."""
    chosen = choose_threshold(CALLS, TRUTH, PROBABILITY)

    found = confusion(TRUTH, PROBABILITY, chosen)

    outcomes = ("true_positive", "false_positive", "false_negative", "true_negative")
    assert [found[one] for one in outcomes] == [3, 1, 0, 2]
    assert found["cost"] == pytest.approx(400 / 6)
    assert (found["cost_of_none"], found["cost_of_all"]) == (250, 100)
    table = cost_table(found)
    assert table.columns.tolist() == ["cost per row ($)"]
    assert table.iloc[:, 0].tolist() == ["66.7", "100", "250"]


def test_a_decision_may_gain():
    """Costs may be negative, and outcomes without a cost are free."""
    costs = {"true_positive": -50, "false_positive": 5}

    assert mean_cost([1, 0, 1, 0], [True, True, False, False], costs) == -11.25
    assert str(Decision(threshold=0.5)) == "threshold 0.5, without costs"
