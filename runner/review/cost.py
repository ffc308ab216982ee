"""What a training job took and cost, as far as its price is known."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.json")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The time of a training job, and its price where it is known."""

    seconds: float
    billable_seconds: float
    instance_type: str
    instance_count: int
    dollars: float | None
    source: str


def cost(job: Mapping[str, Any], parameters: Mapping[str, Any]) -> Cost | None:
    """Price what SageMaker bills: billable seconds, on every instance."""
    if not job:
        return None
    kind = str(parameters.get("instance_type", ""))
    count = int(parameters.get("instance_count", 1))
    billable = float(job["billable_seconds"])
    hourly = _table()["dollars_per_hour"].get(kind)
    return Cost(
        seconds=float(job["seconds"]),
        billable_seconds=billable,
        instance_type=kind,
        instance_count=count,
        dollars=hourly * count * billable / 3600 if hourly is not None else None,
        source=f"{_table()['source']}, {_table()['as_of']}",
    )


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(PRICES.read_text(encoding="utf-8"))
    return table
