"""An evaluation as an output: a table for people, data for the page."""

import json

import pytest
import reviews

from lifecycle.gates import EVALUATION_MIME, evaluation_of


def notebook(*outputs):
    return {"cells": [{"outputs": [{"data": one}]} for one in outputs]}


def test_people_see_the_verdicts():
    """As a table, in the notebook and in a terminal."""
    shown = reviews.evaluation(2.4, live=2.2)._repr_mimebundle_()

    assert shown["text/html"].count("<tr") == 3
    assert "worse_than_live" in shown["text/plain"]
    assert "False" in shown["text/plain"]


def test_programs_read_all_of_it():
    """Metrics, verdicts, the live model's score, the training job."""
    data = reviews.evaluation(2.4, live=2.2)._repr_mimebundle_()[EVALUATION_MIME]

    assert data["metrics"] == {"rmse": 2.4}
    assert [one["passed"] for one in data["verdicts"]] == [True, False]
    assert data["live"]["metrics"] == {"rmse": 2.2}
    assert data["live"]["live"]["version"] == 1
    assert data["job"]["billable_seconds"] == 100
    assert data["test_rows"] == 50


def test_a_first_version_has_no_live_score():
    """It is none, not an empty one."""
    assert reviews.evaluation(2.0).data()["live"] is None


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_none(value):
    """JSON has no word for it, and browsers refuse it."""
    data = reviews.evaluation(value).data()

    assert data["metrics"] == {"rmse": None}
    json.dumps(data, allow_nan=False)


def test_the_last_evaluation_of_a_notebook_counts():
    """A notebook may show one on the way."""
    first, last = (
        {EVALUATION_MIME: {"test_rows": 1}},
        {EVALUATION_MIME: {"test_rows": 2}},
    )

    assert (
        evaluation_of(notebook(first, {"text/plain": "x"}, last))
        == last[EVALUATION_MIME]
    )
    assert evaluation_of(notebook({"text/plain": "x"})) is None
    assert evaluation_of({"cells": [{"cell_type": "markdown"}]}) is None
    assert evaluation_of(notebook({EVALUATION_MIME: "no mapping"})) is None
