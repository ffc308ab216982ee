"""What became of one model's run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.errors import RunnerError


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one model's run."""

    model: str
    results: Mapping[str, Any]
    seconds: Mapping[str, float]
    error: RunnerError | None = None
