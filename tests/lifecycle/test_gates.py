"""A candidate is evaluated by the gates of its model.yaml."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from comparisons import Score, compared

from lifecycle.errors import GateError
from lifecycle.gates import (
    GateVerdict,
    check_class_gates,
    evaluate_gates,
    failures,
    name_answers,
    require_passed,
)
from lifecycle.statistics.comparison import (
    Estimate,
    SliceGroup,
    format_interval,
    format_number,
    lower_is_better,
)

GATES = {"rmse": {"max": 2.5, "worse_than_live": 0.05}}


def relative(value: float, live: Any, bounds: Mapping[str, float]) -> GateVerdict:
    """Evaluate the relative gate of a metric of no known direction."""
    _, verdict = evaluate_gates({"score": value}, {"score": bounds}, live)
    return verdict


@pytest.mark.parametrize(
    ("value", "bounds", "passed", "reason"),
    [
        (2.4, {"max": 2.5}, True, "score 2.4 is at most 2.5"),
        (2.5, {"max": 2.5}, True, "score 2.5 is at most 2.5"),
        (2.50001, {"max": 2.5}, False, "score 2.50001 is above 2.5"),
        (0.9, {"min": 0.9}, True, "score 0.9 is at least 0.9"),
        (0.89, {"min": 0.9}, False, "score 0.89 is below 0.9"),
        (math.nan, {"max": 2.5}, False, "score nan is not a number, so not within 2.5"),
        (math.nan, {"min": 0.0}, False, "score nan is not a number, so not within 0"),
        (math.inf, {"max": 2.5}, False, "score inf is above 2.5"),
        (math.inf, {"min": 0.9}, False, "score inf is not a number, so not within 0.9"),
    ],
)
def test_a_bound_is_inclusive(
    value: float, bounds: dict[str, float], passed: bool, reason: str
) -> None:
    """A metric at its bound passes; NaN and infinity do not."""
    (verdict,) = evaluate_gates({"score": value}, {"score": bounds})

    assert (verdict.verdict == "passed", verdict.reason) == (passed, reason)


def test_a_value_looks_different_from_the_bound_that_it_breaks() -> None:
    """It is not said that 0.94 is below 0.94."""
    (verdict,) = evaluate_gates({"auc": 0.93999999}, {"auc": {"min": 0.94}})

    assert verdict.reason == "auc 0.93999999 is below 0.94"


def test_the_interval_of_a_metric_stands_beside_its_bound() -> None:
    """The bound is compared with the value alone."""
    interval = {"auc": Estimate(value=0.91, low=0.87, high=0.94)}
    (verdict,) = evaluate_gates(
        {"auc": 0.91}, {"auc": {"min": 0.9}}, intervals=interval
    )

    assert (verdict.verdict, verdict.interval) == ("passed", (0.87, 0.94))


LESS, MORE = {"max": 9.0, "worse_than_live": 0.05}, {"min": -9, "worse_than_live": 0.05}


@pytest.mark.parametrize(
    ("bounds", "live", "interval", "verdict"),
    [
        (LESS, 2.0, (-0.3, 0.1), "passed"),
        (LESS, 2.0, (-0.3, 0.11), "undecided"),
        (LESS, 2.0, (0.11, 0.3), "failed"),
        (LESS, 2.0, (0.1, 0.3), "undecided"),
        (MORE, 0.8, (-0.04, 0.1), "passed"),
        (MORE, 0.8, (-0.05, 0.1), "undecided"),
        (MORE, 0.8, (-0.2, -0.05), "failed"),
        (MORE, -1.0, (-0.05, 0.1), "passed"),
        (MORE, -1.0, (-0.2, -0.06), "failed"),
        (LESS, 0.0, (-0.1, 0.0), "passed"),
        (LESS, 0.0, (-0.1, 0.1), "undecided"),
        (LESS | {"worse_than_live": 0.0}, 2.0, (0.0, 0.0), "passed"),
        (LESS, 2.0, (math.nan, math.nan), "not comparable"),
        (LESS, math.nan, (0.0, 0.0), "not comparable"),
    ],
)
def test_a_share_of_the_live_model_may_be_lost(
    bounds: dict[str, float],
    live: float,
    interval: tuple[float, float],
    verdict: str,
) -> None:
    """The whole interval of the loss has to be within, or beyond, the share."""
    value = 0.0 if math.isnan(live) else live + sum(interval) / 2
    found = relative(value, compared(value, live, *interval, metric="score"), bounds)

    assert found.verdict == ("failed" if math.isnan(value) else verdict)


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (
            compared(2.0, 2.1, -0.18, -0.02),
            "rmse 2 is 0.95 to 8.6 % better than the live model's 2.1; "
            "5 % worse is allowed",
        ),
        (
            compared(2.1, 2.1, 0.0, 0.0),
            "rmse 2.1 is exactly as good as the live model's 2.1",
        ),
        (
            compared(2.15, 2.1, -0.03, 0.13),
            "rmse 2.15 is 1.4 % better to 6.2 % worse than the live model's 2.1; "
            "5 % worse is allowed; about 850 test rows would decide it, 400 are "
            "compared",
        ),
        (
            compared(2.205, 2.1, 0.0, 0.21),
            "rmse 2.205 is 0 to 10 % worse than the live model's 2.1; "
            "5 % worse is allowed; many more test rows would not decide it",
        ),
    ],
)
def test_a_relative_verdict_says_what_it_compares(score: Score, said: str) -> None:
    """A reviewer reads loss and bound in one sentence, and what would decide."""
    _, verdict = evaluate_gates({"rmse": 2.2}, GATES, score)

    assert verdict.reason == said


def test_a_relative_bound_is_in_the_unit_of_the_metric() -> None:
    """So are the value on the compared rows and its interval."""
    _, verdict = evaluate_gates({"rmse": 2.4}, GATES, compared(2.2, 2.0, 0.15, 0.25))

    assert (verdict.value, verdict.live, verdict.bound) == (2.2, 2.0, 2.1)
    assert verdict.interval == (2.15, 2.25)


def test_a_first_version_has_nothing_to_compare_with() -> None:
    """That is no reason to stop it, whoever approves."""
    _, verdict = evaluate_gates({"rmse": 2.0}, GATES)

    assert verdict.verdict == "nothing live"
    assert not verdict.stops(approval="pre-approved")


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (Score(reason="it needs 'sex'"), "it needs 'sex'"),
        (Score(), "the live model's value, with its interval, is missing"),
    ],
)
def test_what_cannot_be_compared_says_why(score: Score, why: str) -> None:
    """A gate that could not be judged has not passed."""
    _, verdict = evaluate_gates({"rmse": 2.0}, GATES, score)

    assert verdict.verdict == "not comparable"
    assert verdict.reason == f"rmse is not comparable with the live model's: {why}"


@pytest.mark.parametrize(
    "score", [Score(reason="it is lost"), compared(2.15, 2.1, -0.03, 0.13)]
)
def test_what_is_not_sure_stops_only_what_nobody_looks_at(score: Score) -> None:
    """With `approval: pre-approved` no reviewer decides."""
    verdicts = evaluate_gates({"rmse": 2.15}, GATES, score)

    require_passed(verdicts)
    assert failures(verdicts) == ""
    assert failures(verdicts, approval="pre-approved") == verdicts[1].reason
    with pytest.raises(GateError, match=r"^(undecided|not comparable): rmse"):
        require_passed(verdicts, approval="pre-approved")


@pytest.mark.parametrize("score", [None, Score(), compared(math.nan, 2.0, 0.0, 0.1)])
def test_nan_passes_no_gate(score: Score | None) -> None:
    """Not the relative one either, whether a model is live or not."""
    verdicts = evaluate_gates({"rmse": math.nan}, GATES, score)

    assert [one.verdict for one in verdicts] == ["failed", "failed"]


@pytest.mark.parametrize(
    ("metric", "bounds", "interval", "answer"),
    [
        ("rmse", {}, (-0.2, -0.1), "better"),
        ("rmse", {}, (0.1, 0.2), "worse"),
        ("auc", {}, (0.1, 0.2), "better"),
        ("rmse", {"min": 1.0}, (0.1, 0.2), "better"),
        ("own", {}, (0.1, 0.2), "different"),
        ("own", {"max": 1.0}, (0.1, 0.2), "worse"),
        ("own", {}, (-0.1, 0.2), "no detectable difference"),
        ("rmse", {}, (math.nan, math.nan), "not comparable"),
    ],
)
def test_a_comparison_has_an_answer_in_words(metric, bounds, interval, answer) -> None:
    """A gate says which direction is better, else the metric's name."""
    (found,) = compared(1.0, 1.0, *interval, metric=metric).comparisons.values()

    assert found.answer(bounds) == answer


def test_the_answers_of_all_gates_fit_in_metadata() -> None:
    """`status` reads them there."""
    score = compared(2.15, 2.1, -0.03, 0.13)
    gates = {**GATES, "r2": {"min": 0.1}}
    verdicts = evaluate_gates({"rmse": 2.15, "r2": 0.5}, gates, score)

    assert name_answers(gates, verdicts, score) == (
        "rmse: no detectable difference: -0.030 to 0.130 - undecided / "
        "r2: not comparable"
    )
    many = {f"m{place}": {"max": 9.0} for place in range(20)}
    assert len(name_answers(many, [], score)) == 256
    assert name_answers(gates, verdicts, None) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (45590.0, "45590"),
        (0.00001234, "0.00001234"),
        (2.26612, "2.266"),
        (4.5e7, "4.5e+07"),
        (math.nan, "nan"),
        (None, "-"),
        (True, "-"),
    ],
)
def test_a_number_has_no_exponent_below_a_million(value: Any, text: str) -> None:
    """And four significant digits."""
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ((2.1534, 2.3789), "2.15 to 2.38"),
        ((0.91234, 0.91256), "0.9123 to 0.9126"),
        ((-0.0541, 0.0243), "-0.054 to 0.024"),
        ((0.000033, 0.0966), "0.000 to 0.097"),
        ((-0.00064123, 0.0028456), "-0.0006 to 0.0028"),
        ((22.58, 35.59), "22.6 to 35.6"),
        ((1.0, 1.0), "1 to 1"),
        ((math.nan, 1.0), "-"),
        (None, "-"),
    ],
)
def test_an_interval_has_no_more_digits_than_it_carries(interval, text) -> None:
    """The wider it is, the fewer they are."""
    assert format_interval(interval) == text


def test_each_bound_has_a_verdict_of_its_own() -> None:
    """They come in the order of model.yaml; null is no bound."""
    gates = {
        "rmse": {"max": 2.5, "min": None, "worse_than_live": None},
        "r2": {"min": 0.5, "worse_than_live": 0.1},
    }
    live = compared(0.4, 0.4, 0.0, 0.0, metric="r2")
    verdicts = evaluate_gates({"rmse": 2.0, "r2": 0.4, "mae": 1.0}, gates, live)

    assert [(one.metric, one.rule, one.verdict) for one in verdicts] == [
        ("rmse", "max", "passed"),
        ("r2", "min", "failed"),
        ("r2", "worse_than_live", "passed"),
    ]


def test_an_unknown_metric_is_an_error_with_the_nearest() -> None:
    """A misspelt gate must not pass because it has no value."""
    with pytest.raises(GateError, match=r"gates\.rmes: no such metric .* 'rmse'"):
        evaluate_gates({"rmse": 1.0, "mae": 1.0}, {"rmes": {"max": 2.5}})


def test_an_unknown_rule_is_an_error_with_the_nearest() -> None:
    """A notebook may evaluate gates that no model.yaml has checked."""
    with pytest.raises(GateError, match=r"gates\.rmse\.maximum: .* 'max'"):
        evaluate_gates({"rmse": 1.0}, {"rmse": {"maximum": 2.5}})


@pytest.mark.parametrize("bounds", [{}, {"min": 1.0, "max": 2.0}])
def test_a_gate_has_one_direction(bounds: dict[str, float]) -> None:
    """It says whether more or less is better."""
    with pytest.raises(GateError, match="give either min"):
        evaluate_gates({"rmse": 1.0}, {"rmse": bounds})


def test_a_gate_on_a_class_that_there_is_not_is_found() -> None:
    """Before anything is trained, with the nearest class."""
    classes = ["Adelie", "Gentoo", "a of b"]
    check_class_gates(["logloss", "recall of a of b", "f1 of Gentoo by sex"], classes)

    with pytest.raises(GateError, match="recall of Adele: no class 'Adele'; did you "):
        check_class_gates(["recall of Adele"], classes)


def test_of_a_class_more_is_better() -> None:
    """Also without a gate, which would say so."""
    assert lower_is_better("precision of Adelie", {}) is False
    assert lower_is_better("logloss", {}) is True
    assert lower_is_better("weight of Adelie", {}) is None


def test_a_failed_gate_raises_an_error_with_all_that_failed() -> None:
    """Passed gates are not listed, and without a failure nothing is raised."""
    gates = {"rmse": {"max": 2.0}, "mae": {"max": 2.0}, "r2": {"min": 0.5}}
    verdicts = evaluate_gates({"rmse": 2.5, "mae": 1.0, "r2": 0.4}, gates)

    with pytest.raises(GateError) as raised:
        require_passed(verdicts)

    assert str(raised.value) == (
        "failed: rmse 2.5 is above 2; failed: r2 0.4 is below 0.5"
    )
    require_passed(one for one in verdicts if one.verdict == "passed")


def group(
    name: str, value: float, low: float, high: float, rows: int = 50
) -> SliceGroup:
    """Make the error of a group of rows; without a value that of a small one."""
    found = {"rmse": Estimate(value=value, low=low, high=high)} if value else {}
    return SliceGroup(column="sex", group=name, rows=rows, metrics=found)


@pytest.mark.parametrize(
    ("groups", "verdict", "reason"),
    [
        (
            [group("F", 1.5, 1.2, 1.9), group("M", 1.8, 1.5, 2.2)],
            "passed",
            "rmse 1.8 of sex M, 50 rows, is at most 2",
        ),
        (
            [group("F", 2.1, 1.8, 2.4), group("M", 1.8, 1.5, 2.2)],
            "undecided",
            "rmse 2.1 of sex F, 50 rows, is above 2, and 2 is inside its interval, "
            "1.80 to 2.40",
        ),
        (
            [group("F", 2.6, 1.9, 3.4), group("M", 2.3, 2.1, 2.5)],
            "failed",
            "rmse 2.3 of sex M, 50 rows, is above 2",
        ),
        (
            [group("F", 0, 0, 0, rows=49)],
            "undecided",
            "rmse by sex: no group has 50 rows and a value",
        ),
        ([], "failed", "rmse by sex was not measured"),
    ],
)
def test_a_gate_on_a_slice_holds_for_each_group(
    groups: list[SliceGroup], verdict: str, reason: str
) -> None:
    """Only a group whose whole interval breaks the bound fails it."""
    (found,) = evaluate_gates({}, {"rmse by sex": {"max": 2.0}}, slices=groups)

    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.metric == "rmse by sex"


def test_the_worst_group_is_the_lowest_where_more_is_better() -> None:
    """The direction is that of the gate, not of the name."""
    groups = [
        SliceGroup(
            column="sex",
            group=name,
            rows=50,
            metrics={"score": Estimate(value=value, low=value - 1, high=value + 1)},
        )
        for name, value in (("F", 7.0), ("M", 6.0))
    ]

    (found,) = evaluate_gates({}, {"score by sex": {"min": 5.0}}, slices=groups)

    assert (found.value, found.interval, found.verdict) == (6.0, (5.0, 7.0), "passed")
    assert found.note == "the worst of 2 groups: sex M, 50 rows"


def test_slices_are_not_named_among_the_answers() -> None:
    """They are not compared with the live model."""
    gates = {"rmse": {"max": 2.5}, "rmse by sex": {"max": 3.0}}

    assert name_answers(gates, [], compared(2.0, 2.2, -0.3, -0.1)) == (
        "rmse: better: -0.30 to -0.10"
    )
