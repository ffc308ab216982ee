"""The evaluation that a training notebook shows: for its reader, and for programs.

The runner and the review page read it from the executed notebook, and judge it anew.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import Any

from lifecycle.comparison import (
    Bounds,
    Comparison,
    Estimate,
    format_interval,
    format_number,
)
from lifecycle.gates import GateVerdict, evaluate_metric

# The output of a training notebook that the review page reads.
EVALUATION_MIME = "application/vnd.runner.evaluation+json"
JOB_SECONDS = ("seconds", "billable_seconds")
COLUMNS = ("metric", "rule", "bound", "value", "interval", "verdict", "reason")


@dataclass(frozen=True, kw_only=True)
class EvaluationOutput:
    """A candidate's evaluation as one notebook output: a table, and its data as JSON.

    The review page reads the data from the executed notebook, so that it is there even
    if a failed gate ends the notebook in the next cell.

    Attributes:
        metrics: on all test rows; `intervals`: of them.
        importance: by feature, its share of the total gain.
        live: the comparison with the live model; None if nothing is live.
    """

    metrics: Mapping[str, float]
    verdicts: Sequence[GateVerdict]
    intervals: Mapping[str, Estimate] | None = None
    importance: Mapping[str, float] | None = None
    live: Any = None
    job: Any = None
    test_rows: int = 0

    def data(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        plain = {
            "metrics": dict(self.metrics),
            "verdicts": [asdict(one) for one in self.verdicts],
            "intervals": {
                name: (one.low, one.high)
                for name, one in (self.intervals or {}).items()
            },
            "importance": dict(self.importance or {}),
            "live": asdict(self.live) if self.live else None,
            "job": asdict(self.job) if self.job else None,
            "test_rows": self.test_rows,
        }
        return dict(_nan_as_none(json.loads(json.dumps(plain, default=_plain))))

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Show the verdicts as a table, and add the data for programs."""
        import pandas as pd

        rows = [
            asdict(one)
            | {
                "bound": format_number(one.bound),
                "value": format_number(one.value),
            }
            | {"interval": format_interval(one.interval)}
            for one in self.verdicts
        ]
        table = pd.DataFrame(rows, columns=COLUMNS)
        style: Any = {"index": False, "na_rep": "-"}
        return {
            "text/html": table.to_html(border=0, **style),
            "text/plain": table.to_string(**style),
            EVALUATION_MIME: self.data(),
        }


def judge(
    metrics: Mapping[str, Any],
    gates: Mapping[str, Bounds],
    shown: Mapping[str, Any] | None = None,
) -> list[GateVerdict]:
    """Evaluate gates on metrics that somebody else has read or returned.

    A metric that is missing or no finite number fails its gates.

    Args:
        metrics: JSON values by name.
        shown: the evaluation that goes with them, as `evaluation_of` returns it; if it
            has no score of a live model, nothing was live.

    Raises:
        GateError: a gate has an unknown rule, or has not one direction.
    """
    shown = shown or {}
    live = shown.get("live")
    score = read_live(live) if isinstance(live, Mapping) else None
    found: list[GateVerdict] = []
    for metric, bounds in gates.items():
        value = number_or_none(metrics.get(metric))
        verdicts = evaluate_metric(
            metric,
            math.nan if value is None else value,
            bounds,
            score,
            _pair(shown.get("intervals"), metric),
        )
        if metric not in metrics:
            reason = f"{metric} was not measured"
            verdicts = (replace(one, reason=reason) for one in verdicts)
        found += verdicts
    return found


def numbers(values: Any) -> dict[str, float | None]:
    """Return the finite numbers of a JSON object by name, and None for the rest."""
    if not isinstance(values, Mapping):
        return {}
    return {str(name): number_or_none(value) for name, value in values.items()}


def evaluation_of(notebook: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the data of the last EvaluationOutput in an executed notebook.

    A cell can display anything of this type, so only what has the right types is kept.
    """
    found = None
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            found = output.get("data", {}).get(EVALUATION_MIME) or found
    if not isinstance(found, Mapping):
        return None
    live, job = found.get("live"), found.get("job")
    return {
        "metrics": numbers(found.get("metrics")),
        "intervals": _pairs(found.get("intervals")),
        "importance": {
            name: share
            for name, share in numbers(found.get("importance")).items()
            if share is not None
        },
        "live": _live_score(live) if isinstance(live, Mapping) else None,
        "job": _job(job) if isinstance(job, Mapping) else None,
        "test_rows": number_or_none(found.get("test_rows")) or 0,
    }


@dataclass(frozen=True, kw_only=True)
class ShownComparison:
    """A live model's score, as it was read from an evaluation."""

    comparisons: Mapping[str, Comparison]
    reason: str


def read_live(live: Mapping[str, Any]) -> ShownComparison:
    """Read the score of a live model, of which any part may be missing."""
    given = live.get("comparisons")
    known = given if isinstance(given, Mapping) else {}
    comparisons = {
        str(metric): _comparison(str(metric), one)
        for metric, one in known.items()
        if isinstance(one, Mapping)
    }
    return ShownComparison(
        comparisons=comparisons, reason=str(live.get("reason") or "")
    )


def _comparison(metric: str, shown: Mapping[str, Any]) -> Comparison:
    difference = shown.get("difference")
    values = numbers(difference)
    low, high = values.get("low"), values.get("high")
    candidate, live = (
        number_or_none(shown.get("candidate")),
        number_or_none(shown.get("live")),
    )
    first, second = (math.nan if one is None else one for one in (candidate, live))
    return Comparison(
        metric=metric,
        candidate=first,
        live=second,
        difference=Estimate(
            value=first - second,
            low=math.nan if low is None else low,
            high=math.nan if high is None else high,
        ),
        rows=int(number_or_none(shown.get("rows")) or 0),
    )


def _live_score(score: Mapping[str, Any]) -> dict[str, Any]:
    live = score.get("live")
    version = number_or_none(live.get("version")) if isinstance(live, Mapping) else None
    read = read_live(score)
    compared = {metric: asdict(one) for metric, one in read.comparisons.items()}
    return {
        "metrics": numbers(score.get("metrics")),
        "comparisons": _nan_as_none(compared),
        "rows": int(number_or_none(score.get("rows")) or 0),
        "left_out": int(number_or_none(score.get("left_out")) or 0),
        "reason": read.reason,
        "live": {"version": int(version)} if version else {},
    }


def _pairs(values: Any) -> dict[str, list[float]]:
    """Return the intervals of a JSON object by name, without those that are none."""
    if not isinstance(values, Mapping):
        return {}
    pairs = {str(name): _pair(values, name) for name in values}
    return {name: list(pair) for name, pair in pairs.items() if pair}


def _pair(values: Any, name: Any) -> tuple[float, float] | None:
    """Return the interval of that name in a JSON object, if it is one."""
    given = values.get(name) if isinstance(values, Mapping) else None
    if not isinstance(given, list | tuple) or len(given) != 2:
        return None
    low, high = map(number_or_none, given)
    return None if low is None or high is None else (low, high)


def _job(job: Mapping[str, Any]) -> dict[str, Any]:
    seconds = {name: number_or_none(job.get(name)) or 0 for name in JOB_SECONDS}
    return {"name": str(job.get("name") or "")} | seconds


def number_or_none(value: object) -> float | None:
    """Return a finite number; None for anything else, as for a text or true."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def _plain(value: object) -> float | str:
    """Return NumPy's numbers as floats, and everything else as text."""
    return float(value) if isinstance(value, Real) else str(value)


def _nan_as_none(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {key: _nan_as_none(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_nan_as_none(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
