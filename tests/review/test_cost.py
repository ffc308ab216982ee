"""What training took and cost."""

import pytest
from runner.review.cost import cost

from runner.review.page import day, duration, number, price

JOB = {"name": "job", "seconds": 3700, "billable_seconds": 3600}


def test_billed_seconds_cost_on_every_instance():
    """At the price of an hour."""
    found = cost(JOB, {"instance_type": "ml.m5.xlarge", "instance_count": 3})

    assert found is not None
    assert found.dollars == pytest.approx(3 * 0.23)
    assert price(found) == "about $0.69"
    assert "us-east-1" in found.source


def test_an_unknown_instance_has_no_price():
    """Rather than a wrong one."""
    found = cost(JOB, {"instance_type": "ml.new9.large", "instance_count": 1})

    assert found is not None
    assert found.dollars is None
    assert price(found) == "the price of ml.new9.large is unknown here"


def test_a_small_job_is_not_free():
    """It costs something, if less than a cent."""
    job = JOB | {"billable_seconds": 60}
    found = cost(job, {"instance_type": "ml.m5.large", "instance_count": 1})

    assert found is not None
    assert price(found) == "less than $0.01"


def test_without_a_job_there_is_no_cost():
    """A run that ended before it trained."""
    assert cost({}, {}) is None


def test_numbers_and_times_are_short():
    """As a person would write them."""
    minus = "\N{MINUS SIGN}"
    assert [duration(s) for s in (5, 125, 7260)] == ["5 s", "2 min 5 s", "2 h 1 min"]
    assert number(0.123456) == "0.1235"
    assert number(-0.5, signed=True) == f"{minus}0.5"
    assert number(0.5, signed=True) == "+0.5"
    assert number(None) == number("many") == "\N{EN DASH}"
    assert day("2026-11-23T05:36:33+00:00") == "2026-11-23 05:36 UTC"
    assert day("yesterday") == "yesterday"
