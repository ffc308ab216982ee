"""Metrics beside the live model's, and the verdict of each gate."""

import pytest
import reviews

from runner.review.verdict import compared, gate_rows, metric_rows


def test_each_metric_stands_beside_the_live_models(folder, read):
    """With the difference, and what it means."""
    reviews.trained(folder, reviews.evaluation(2.0, live=2.5, mae=1.0))
    first, second = metric_rows(read())

    assert (first.name, first.candidate, first.live) == ("rmse", 2.0, 2.5)
    assert (first.difference, first.share) == (-0.5, -0.2)
    assert (first.direction, first.gated) == ("better", True)
    assert (second.name, second.live, second.difference) == ("mae", None, None)
    assert second.direction == ""


@pytest.mark.parametrize(
    ("name", "candidate", "live", "direction"),
    [
        ("auc", 0.9, 0.8, "better"),
        ("auc", 0.8, 0.9, "worse"),
        ("logloss", 0.3, 0.2, "worse"),
        ("f1", 0.5, 0.5, "same"),
        ("threshold", 0.3, 0.2, ""),
    ],
)
def test_known_metrics_have_a_direction(folder, read, name, candidate, live, direction):
    """Others only have a difference: more may be better or worse."""
    evaluated = reviews.evaluation(2.0, live=2.0, **{name: candidate})
    evaluated.live.metrics[name] = live
    reviews.trained(folder, evaluated)
    found = {one.name: one for one in metric_rows(read())}

    assert found[name].direction == direction
    assert found[name].difference == pytest.approx(candidate - live)


def test_a_gate_knows_better_than_the_name(folder, read):
    """`max` says that less is better."""
    bounds = {"rmse": {"min": 1.0}}
    evaluated = reviews.evaluation(2.0, live=2.5, gates=bounds)
    reviews.trained(folder, evaluated, parameters={"gates": bounds})

    assert metric_rows(read())[0].direction == "worse"


def test_every_bound_has_a_verdict(folder, read):
    """In words, with the value that was judged."""
    reviews.trained(folder, reviews.evaluation(2.4, live=2.2))
    absolute, relative = gate_rows(read())

    assert (absolute.asks, absolute.verdict) == ("at most 2.5", "passed")
    assert (relative.asks, relative.verdict) == (
        "at most 5 % worse than live",
        "failed",
    )
    assert relative.note == "at most 2.31, the live one has 2.2"
    assert (
        relative.reason == "rmse is 2.4, more than 5 % worse than the live model's 2.2"
    )


def test_a_first_version_has_nothing_to_lose(folder, read):
    """Its relative bound has not passed, and says why."""
    reviews.trained(folder, reviews.evaluation(2.4))

    assert gate_rows(read())[1].note == "nothing to compare with"
    assert [one.verdict for one in gate_rows(read())] == ["passed", "not compared"]


def test_a_metric_that_is_no_number_fails_its_gate(folder, read):
    """And is shown as none."""
    reviews.trained(folder, reviews.evaluation(float("nan"), live=2.0))
    found = gate_rows(read())

    assert [one.verdict for one in found] == ["failed", "failed"]
    assert [one.value for one in found] == [None, None]
    assert "no number" in found[1].reason


def test_bounds_that_nobody_judged_say_so(folder, read):
    """A notebook that failed early never came to them."""
    reviews.leave(folder, "prepare", status="failed", error="KeyError")
    reviews.write(folder / "source.json", reviews.source())

    assert [one.verdict for one in gate_rows(read())] == ["not judged", "not judged"]


def test_a_notebook_that_shows_no_evaluation_still_has_metrics(folder, read):
    """Those of its results; there is no comparison then."""
    reviews.trained(folder, reviews.evaluation(2.0), cells=reviews.shown())

    assert [(one.name, one.candidate) for one in metric_rows(read())] == [("rmse", 2.0)]
    assert [one.verdict for one in gate_rows(read())] == ["passed", "not compared"]
    reviews.write(folder / "baseline.json", {"version": 1})
    assert {one.verdict for one in gate_rows(read())} == {"passed"}


@pytest.mark.parametrize(
    ("rmse", "r2", "word"),
    [
        (1.9, 0.6, "better"),
        (2.1, 0.4, "worse"),
        (1.9, 0.4, "mixed"),
        (2.0, 0.5, "same"),
    ],
)
def test_all_gates_make_one_word(folder, read, rmse, r2, word):
    """Better, worse, both, or the same."""
    bounds = {"rmse": {"max": 2.5}, "r2": {"min": 0.1}}
    evaluated = reviews.evaluation(rmse, live=2.0, gates=bounds, r2=r2)
    evaluated.live.metrics["r2"] = 0.5
    reviews.trained(folder, evaluated, parameters={"gates": bounds})

    assert compared(read()) == word
