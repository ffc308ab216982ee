"""Waiting ends."""

import time

from lifecycle.aws import polls


def test_polling_ends_at_its_limit():
    """The last question is asked when the time is up, and none after it."""
    start = time.monotonic()

    asked = list(polls(0.6))

    assert 0.6 <= time.monotonic() - start < 1.3
    assert len(asked) == 6
    assert asked[-1] >= 0.6


def test_polling_says_how_long_it_has_waited():
    """Each question comes with the seconds so far, the first at once."""
    first, second, last = list(polls(0.2))

    assert first < 0.05
    assert 0.1 <= second < 0.2 <= last


def test_no_time_is_one_question():
    """A limit that has passed already still takes one look."""
    assert len(list(polls(0))) == len(list(polls(-5))) == 1
