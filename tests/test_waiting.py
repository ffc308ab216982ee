"""Waiting ends."""

import time

from runner.waiting import polls


def test_polling_ends_at_its_limit():
    """The last question is asked when the time is up, and none after it."""
    start = time.monotonic()

    asked = list(polls(0.8))

    assert 0.8 <= time.monotonic() - start < 1.5
    assert len(asked) == 3
    assert asked[-1] >= 0.8


def test_polling_says_how_long_it_has_waited():
    """Each question comes with the seconds so far, the first at once."""
    first, second, last = list(polls(0.6))

    assert first < 0.1
    assert 0.5 <= second < 0.6 <= last


def test_no_time_is_one_question():
    """A limit that has passed already still takes one look."""
    assert len(list(polls(0))) == len(list(polls(-5))) == 1
