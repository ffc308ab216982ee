"""A review says in a sentence what there is to see beside the metrics."""

import math

import pandas as pd
import pytest
import reviews
from bs4 import BeautifulSoup

from lifecycle.statistics.comparison import Estimate, SliceGroup
from lifecycle.statistics.leaks import Leaks
from runner.review.findings import findings, suspicions
from runner.review.page import read_review, write_page
from runner.review.verdict import headline

CLEAN = {"test_rows": 50, "shared_rows": 0, "distinct": 1.0}


def leave(folder, **changed):
    """Leave a training with all findings, some of them changed."""
    evaluated = reviews.with_findings(reviews.evaluation(2.0, live=2.2), **changed)
    reviews.write_training(folder, evaluated)


def group(name, value, low, high, rows=40):
    """Make the error of a group of rows."""
    found = {"rmse": Estimate(value=value, low=low, high=high)}
    return SliceGroup(column="sex", group=name, rows=rows, metrics=found)


@pytest.mark.parametrize(
    ("low", "said"),
    [
        (
            2.2,
            "Worst is sex F, with rmse 2.50 (2.20 to 2.90) on 40 rows; on all rows it "
            "is 2.00. The difference is too large for chance. Too few",
        ),
        # Outside of its interval, which the worst of two often is.
        (2.05, "on all rows it is 2.00. The difference could be chance. Too few rows"),
    ],
)
def test_the_worst_group_is_named(folder, read, low, said):
    """And whether the rows show that it is worse than the others."""
    few = SliceGroup(column="sex", group="X", rows=5, metrics={})
    rest = SliceGroup(column="sex", group="all others", rows=121, metrics={})
    leave(
        folder, slices=[few, rest, group("M", 1.9, 1.8, 2.1), group("F", 2.5, low, 2.9)]
    )

    (found,) = findings(read())["slices"]

    assert (found["slice"], found["metric"]) == ("sex", "rmse")
    assert [one["group"] for one in found["groups"]] == ["F", "M", "all others", "X"]
    assert said in found["sentence"]
    assert found["sentence"].endswith("Too few rows to judge: X (5).")
    assert found["groups"][0]["metrics"] == [
        {"metric": "rmse", "value": 2.5, "interval": [low, 2.9]}
    ]


def test_of_small_groups_alone_none_is_judged(folder, read):
    """Each of them would be the best or the worst by chance."""
    leave(folder, slices=[SliceGroup(column="sex", group="X", rows=5, metrics={})])

    (found,) = findings(read())["slices"]

    assert found["sentence"] == "No group has 50 rows, so none is judged."


def leave_classes(folder, counts, **recalls):
    """Leave a training of three classes, with the recall of some."""
    shown = reviews.evaluation(2.0, live=2.2, **recalls)
    table = {"classes": ["a", "b", "c"], "counts": counts}
    reviews.write_training(folder, reviews.with_findings(shown, confusion_matrix=table))


def test_the_class_that_is_found_least_often_is_named(folder, read):
    """With what it is taken for; classes without test rows come last."""
    recalls = {"recall of a": 0.8, "recall of b": 0.25}
    leave_classes(folder, [[8, 2, 0], [1, 2, 5], [0, 0, 0]], **recalls)

    found = findings(read())["classes"]

    assert found["sentence"] == (
        "Least often found is b: 2 of 8 rows; 5 of them are taken for c. No test row "
        "is of class c."
    )
    assert [one["class"] for one in found["classes"]] == ["b", "a", "c"]
    first = found["classes"][0]
    assert first["taken_for"] == {"c": 5, "b": 2, "a": 1}
    assert list(first["taken_for"]) == ["c", "b", "a"]
    assert first["metrics"] == [
        {
            "metric": "recall",
            "value": 0.25,
            "interval": None,
            "live": None,
            "answer": None,
        }
    ]


def test_a_class_of_one_row_is_told_as_one(folder, read):
    """Not as rows."""
    leave_classes(folder, [[8, 0, 0], [0, 2, 0], [1, 0, 0]])
    sentence = "Least often found is c: 0 of 1 row; 1 of them is taken for a."
    assert findings(read())["classes"]["sentence"] == sentence


def test_classes_that_are_all_found_need_no_more_words(folder, read):
    """A notebook that counts no classes leaves none."""
    leave_classes(folder, [[8, 0, 0], [0, 2, 0], [0, 0, 1]])
    sentence = "Every test row is taken for what it is."
    assert findings(read())["classes"]["sentence"] == sentence

    leave_classes(folder, [[8, 0], [0, 2]])
    assert findings(read())["classes"] is None


def test_the_page_has_the_classes_in_a_table_of_their_own(folder):
    """Metrics of single classes without a gate would make the other one long."""
    recalls = {"recall of a": 0.8, "recall of b": 0.25, "recall of c": 1.0}
    leave_classes(folder, [[8, 2, 0], [1, 2, 5], [0, 0, 3]], **recalls)

    page = BeautifulSoup(write_page(folder, "toy").read_text(), "html.parser")
    text = " ".join(page.get_text(" ").split())

    assert "By class Least often found is b" in text
    assert "b 8 0.25 c (5), b (2), a (1)" in text
    assert "recall of a" not in text
    names = [one["metric"] for one in read_review(folder)["comparison"]]
    assert "recall of a" in names


def test_a_decision_says_what_it_costs(folder, read):
    """Beside what it would cost without a model, in the unit of model.yaml."""
    counts = {"threshold": 0.25, "costs": {"false_positive": 5}, "unit": "$"}
    counts |= {"cost": 28.4197, "cost_of_none": 75.03, "cost_of_all": 100.0}
    leave(folder, confusion=counts)

    found = findings(read())["confusion"]

    assert found["sentence"] == (
        "At the threshold 0.25, the cheapest on the validation rows: a row costs $28.4 "
        "on average, $75 if none were predicted positive, $100 if all were."
    )
    assert suspicions(read()) == []


def test_a_model_that_saves_nothing_asks_to_look_closer(folder, read):
    """Its endpoint costs money, too."""
    counts = {"threshold": 0.25, "costs": {"false_positive": 5}, "unit": "EUR"}
    counts |= {"cost": 80.0, "cost_of_none": 75.0, "cost_of_all": 100.0}
    leave(folder, confusion=counts)

    (said,) = suspicions(read())

    assert said.startswith("The model saves nothing: a row costs 80 EUR on average, 75")
    assert headline(read()).tone == "mind"


def test_without_costs_only_the_threshold_is_said(folder, read):
    """One half, and nothing of the validation rows."""
    counts = {"threshold": 0.5, "costs": {}, "cost": None}
    leave(folder, confusion=counts)

    said = findings(read())["confusion"]["sentence"]

    assert said == "At the threshold 0.5; model.yaml gives no costs."


def test_predictions_that_are_off_are_told_of(folder, read):
    """With what was predicted and what was observed."""
    leave(folder)

    found = findings(read())["calibration"]

    assert found["sentence"] == (
        "Predictions are off in 1 of 1 groups: too low for predictions of text, on "
        "average 2.00, observed 3.00 (2.50 to 3.50)."
    )
    assert found["groups"][0]["interval"] == [2.5, 3.5]


def test_a_single_group_of_predictions_is_all_rows(folder, read):
    """Of few rows there is no more than one group."""
    table = {"rows": [60], "predicted": [0.9], "observed": [0.92], "low": [0.8]}
    one = pd.DataFrame(table | {"high": [0.99], "answer": [""]}, ["0.5 to 1"])
    leave(folder, calibration=one.rename_axis("prediction"))

    assert findings(read())["calibration"]["sentence"] == (
        "The mean prediction is inside of the interval of what was observed, in all 60 "
        "test rows together."
    )


def test_importance_that_is_not_of_shap_values_is_not_called_so(folder, read):
    """A model of scikit-learn has none; its notebook measures otherwise."""
    table = pd.DataFrame({"importance": [0.75, 0.25]}, ["bill", "sex"])
    leave(folder, features=table.rename_axis("feature"))
    page = write_page(folder, "toy").read_text(encoding="utf-8")

    assert findings(read())["features"]["sentence"] == (
        "bill counts most for the predictions: 75 % of the importance of all."
    )
    assert "The features by their importance" in page
    assert "SHAP" not in page


@pytest.mark.parametrize(
    ("leaks", "said"),
    [
        (CLEAN, None),
        (
            CLEAN | {"features": {"closed": 0.9991}},
            "closed predicts the label almost al",
        ),
        (
            CLEAN | {"shared_rows": 5},
            "5 of 50 test rows are also training rows, so",
        ),
        (CLEAN | {"shared_rows": 5, "distinct": 0.2}, None),
    ],
)
def test_a_leak_is_a_reason_to_look_closer(folder, read, leaks, said):
    """Equal rows are no leak where most rows equal another one."""
    leave(folder, leaks=Leaks(**leaks))

    found = suspicions(read())

    assert [one.startswith(said or "") for one in found] == [True] * bool(said)
    sentence = findings(read())["leaks"]["sentence"]
    assert (said or "test rows") in sentence
    assert headline(read()).tone == ("mind" if said else "good")


@pytest.mark.parametrize(
    ("looks", "said"),
    [
        (0, "It is the first version that was judged on these test rows."),
        (1, "1 registered version was judged on the same test rows before: the"),
        (7, "7 registered versions were judged on the same test rows before: the"),
    ],
)
def test_it_is_said_how_often_the_test_rows_were_used(folder, read, looks, said):
    """The best of many is the best by chance."""
    leave(folder, looks=looks)

    found = findings(read())["looks"]

    assert (found["before"], found["sentence"].startswith(said)) == (looks, True)


def test_a_gate_on_a_slice_stands_among_the_gates(folder):
    """With the group that decides it."""
    gates = {"rmse": {"max": 2.5}, "rmse by sex": {"max": 2.4}}
    sliced = {"slices": [group("F", 2.5, 2.1, 2.9), group("M", 1.9, 1.8, 2.1)]}
    leave(folder, **sliced)
    reviews.write(folder / "source.json", reviews.source(gates=gates))

    write_page(folder, "toy")
    review = read_review(folder)

    gate = review["gates"][-1]
    assert (gate["metric"], gate["asks"]) == ("rmse by sex", "at most 2.4")
    assert (gate["verdict"], gate["value"]) == ("undecided", 2.5)
    assert gate["note"] == "the worst of 2 groups: sex F, 40 rows"
    assert review["verdict"] == "look-closer"


def test_the_page_shows_what_the_review_says(folder):
    """Every sentence, and whole numbers as they are."""
    leave(folder)
    path = write_page(folder, "toy")
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    said, review = " ".join(soup.get_text(" ").split()), read_review(folder)

    parts = ("confusion", "calibration", "features", "worst", "disagreements")
    parts += ("leaks", "looks")
    for part in parts:
        assert review[part]["sentence"] in said
    assert review["slices"][0]["sentence"] in said
    assert "123456 text 1" in said
    headings = [one.get_text() for one in soup.find_all("h2")]
    assert headings[:5] == [
        "Gates",
        "Against the live model",
        "By text",
        "Threshold and costs",
        "A closer look",
    ]


def test_what_a_notebook_does_not_show_is_left_out(folder):
    """A model's own notebook need not look at all of it."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    path = write_page(folder, "toy")
    review = read_review(folder)

    absent = ("confusion", "calibration", "features", "worst", "disagreements")
    assert [review[one] for one in (*absent, "leaks", "looks")] == [None] * 7
    assert review["slices"] == []
    assert "A closer look" not in path.read_text(encoding="utf-8")


def test_numbers_that_are_none_break_nothing(folder):
    """A group of one class has no AUC, and few rows no interval."""
    rows = pd.DataFrame({"truth": [math.nan]}, ["A1"]).rename_axis("row")
    leave(folder, slices=[group("F", math.nan, math.nan, math.nan)], worst=rows)

    write_page(folder, "toy")

    (found,) = read_review(folder)["slices"]
    assert found["groups"][0]["metrics"][0]["value"] is None
    assert found["sentence"] == "In no group can rmse be measured, so none is judged."
