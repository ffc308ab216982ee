"""Waiting for AWS, never without a limit."""

import time
from collections.abc import Iterator

SHORTEST = 0.5
LONGEST = 15.0


def polls(limit_seconds: float) -> Iterator[float]:
    """Yield the seconds waited so far, ever more slowly, until the limit."""
    start = time.monotonic()
    delay = SHORTEST
    while (waited := time.monotonic() - start) < limit_seconds:
        yield waited
        time.sleep(min(delay, max(0.0, limit_seconds - waited)))
        delay = min(delay * 1.2, LONGEST)
