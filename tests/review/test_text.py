"""Numbers, times and prices as a person would write them."""

import pytest

from runner.review.page import day


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-23T08:29:59.123+00:00", "2026-11-23 08:29 UTC"),
        ("2026-11-23T10:29:00+02:00", "2026-11-23 08:29 UTC"),
        ("2026-11-23T08:29:00", "2026-11-23 08:29 UTC"),
        ("soon", "soon"),
    ],
)
def test_a_time_is_written_to_the_minute_in_utc(text, shown):
    """Wherever it was read; what is no time stays as it is."""
    assert day(text) == shown
