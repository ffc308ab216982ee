"""Waiting for AWS, never without a limit."""

import time
from collections.abc import Iterator

SHORTEST = 0.1
LONGEST = 15.0
GROWTH = 1.2


def polls(limit_seconds: float) -> Iterator[float]:
    """Yield the seconds waited so far, ever more slowly, a last time at the limit."""
    start = time.monotonic()
    delay = SHORTEST
    while True:
        waited = time.monotonic() - start
        yield waited
        left = limit_seconds - (time.monotonic() - start)
        if waited >= limit_seconds or left <= 0:
            return
        time.sleep(min(delay, left))
        delay = min(delay * GROWTH, LONGEST)
