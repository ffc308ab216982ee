"""Waiting ends."""

import time

from runner.waiting import polls


def test_polling_ends_at_its_limit():
    """No more is asked once the time is up."""
    start = time.monotonic()

    asked = list(polls(0.8))

    assert 0.8 <= time.monotonic() - start < 1.5
    assert len(asked) == 2


def test_polling_says_how_long_it_has_waited():
    """Each question comes with the seconds so far, the first at once."""
    first, second = list(polls(0.6))

    assert first < 0.1
    assert 0.5 <= second < 0.6


def test_no_time_is_no_question():
    """A limit that has passed already asks nothing."""
    assert list(polls(0)) == []
