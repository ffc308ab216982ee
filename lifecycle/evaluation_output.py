"""The evaluation that a training notebook shows: for its reader, and for programs.

The runner and the review page read it from the executed notebook, and judge it anew.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from lifecycle.gates import GateVerdict, evaluate_metric, evaluate_slice
from lifecycle.statistics.comparison import (
    Bounds,
    Comparison,
    Estimate,
    SliceGroup,
    format_interval,
    format_number,
)
from lifecycle.statistics.decision import OUTCOMES
from lifecycle.statistics.task_metrics import slice_of

if TYPE_CHECKING:
    import pandas as pd

# The output of a training notebook that the review page reads.
EVALUATION_MIME = "application/vnd.runner.evaluation+json"
JOB_SECONDS = ("seconds", "billable_seconds")
# Of a table of rows: more than these nobody reads on a page.
MAX_ROWS, MAX_COLUMNS, MAX_CELL = 1000, 20, 100
COLUMNS = ("metric", "rule", "bound", "value", "interval", "verdict", "reason")


@dataclass(frozen=True, kw_only=True)
class EvaluationOutput:
    """A candidate's evaluation as one notebook output: a table, and its data as JSON.

    The review page reads the data from the executed notebook, so that it is there even
    if a failed gate ends the notebook in the next cell.

    Attributes:
        metrics: on all test rows; `intervals`: of them.
        live: the comparison with the live model; None if nothing is live.
        slices: the metrics by group of rows.
        calibration, features, worst, disagreements: what the functions of
            lifecycle.statistics.diagnosis return; `leaks`: what `find_leaks` does.
        confusion: what `confusion` of lifecycle.statistics.decision returns;
            `confusion_matrix`: what that of lifecycle.statistics.diagnosis does.
        looks: how many versions were judged on these test rows before.
    """

    metrics: Mapping[str, float]
    verdicts: Sequence[GateVerdict]
    intervals: Mapping[str, Estimate] | None = None
    live: Any = None
    job: Any = None
    test_rows: int = 0
    slices: Sequence[SliceGroup] = ()
    calibration: "pd.DataFrame | None" = None
    confusion: Mapping[str, Any] | None = None
    confusion_matrix: Mapping[str, Any] | None = None
    features: "pd.DataFrame | None" = None
    worst: "pd.DataFrame | None" = None
    disagreements: "pd.DataFrame | None" = None
    leaks: Any = None
    looks: int | None = None

    def data(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        plain = {
            "metrics": dict(self.metrics),
            "verdicts": [asdict(one) for one in self.verdicts],
            "intervals": {
                name: (one.low, one.high)
                for name, one in (self.intervals or {}).items()
            },
            "live": _live_data(self.live) if self.live else None,
            "job": asdict(self.job) if self.job else None,
            "test_rows": self.test_rows,
            "slices": [asdict(one) for one in self.slices],
            "calibration": _table(self.calibration),
            "confusion": self.confusion,
            "confusion_matrix": self.confusion_matrix,
            "features": _table(self.features),
            "worst": _table(self.worst),
            "disagreements": _table(self.disagreements),
            "leaks": asdict(self.leaks) if self.leaks else None,
            "looks": self.looks,
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
            has no score of a live model, nothing was live. Without it gates on slices
            are left out.

    Raises:
        GateError: a gate has an unknown rule, or has not one direction.
    """
    known = shown or {}
    live = known.get("live")
    score = read_live(live) if isinstance(live, Mapping) else None
    groups = read_slices(known.get("slices"))
    found: list[GateVerdict] = []
    for metric, bounds in gates.items():
        if slice_of(metric):
            found += (
                [evaluate_slice(metric, bounds, groups)] if shown is not None else []
            )
            continue
        verdicts = evaluate_metric(
            metric,
            _number_or_nan(metrics.get(metric)),
            bounds,
            score,
            _pair(known.get("intervals"), metric),
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
    features = _read_table(found.get("features"))
    confusion, leaks = found.get("confusion"), found.get("leaks")
    return {
        "metrics": numbers(found.get("metrics")),
        "intervals": _pairs(found.get("intervals")),
        "importance": _importance(features),
        "live": _live_score(live) if isinstance(live, Mapping) else None,
        "job": _job(job) if isinstance(job, Mapping) else None,
        "test_rows": number_or_none(found.get("test_rows")) or 0,
        "slices": [_slice(one) for one in read_slices(found.get("slices"))],
        "calibration": _read_table(found.get("calibration")),
        "confusion": _confusion(confusion) if isinstance(confusion, Mapping) else None,
        "confusion_matrix": _confusion_matrix(found.get("confusion_matrix")),
        "features": features,
        "worst": _read_table(found.get("worst")),
        "disagreements": _read_table(found.get("disagreements")),
        "leaks": _leaks(leaks) if isinstance(leaks, Mapping) else None,
        "looks": _whole(found.get("looks")),
    }


def read_slices(shown: Any) -> list[SliceGroup]:
    """Read the metrics by group of rows, of which any part may be missing."""
    given = shown if isinstance(shown, list) else []
    return [
        SliceGroup(
            column=str(one.get("column") or ""),
            group=str(one.get("group") or ""),
            rows=_whole(one.get("rows")) or 0,
            metrics=_estimates(one.get("metrics")),
        )
        for one in given
        if isinstance(one, Mapping)
    ]


def read_rows(table: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the rows of a table of an evaluation, each by its columns."""
    if not table:
        return []
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


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


def number_or_none(value: object) -> float | None:
    """Return a finite number; None for anything else, as for a text or true."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def _live_data(live: Any) -> dict[str, Any]:
    """Return a live model's score without its predictions, a row each."""
    return asdict(replace(live, predictions=None))


def _table(table: "pd.DataFrame | None") -> dict[str, Any] | None:
    """Return a table as its columns, the index first, and its rows."""
    if table is None or table.empty:
        return None
    whole = table.reset_index()
    rows = [
        [value if isinstance(value, str) else _number_or_text(value) for value in row]
        for row in whole.itertuples(index=False)
    ]
    return {"columns": list(map(str, whole.columns)), "rows": rows}


def _number_or_text(value: Any) -> Any:
    """Return a number as JSON has it; whole ones stay whole."""
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else str(value)


def _estimates(values: Any) -> dict[str, Estimate]:
    if not isinstance(values, Mapping):
        return {}
    return {str(name): _estimate(one) for name, one in values.items()}


def _estimate(shown: Any) -> Estimate:
    given = shown if isinstance(shown, Mapping) else {}
    parts = {one: _number_or_nan(given.get(one)) for one in ("value", "low", "high")}
    return Estimate(**parts)


def _slice(group: SliceGroup) -> dict[str, Any]:
    return dict(_nan_as_none(asdict(group)))


def _read_table(shown: Any) -> dict[str, Any] | None:
    """Read a table, if it is one: texts and numbers, as many as a page can show."""
    if not isinstance(shown, Mapping):
        return None
    columns, rows = shown.get("columns"), shown.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return None
    whole = [row for row in rows if isinstance(row, list) and len(row) == len(columns)]
    cells = [[_cell(one) for one in row[:MAX_COLUMNS]] for row in whole[:MAX_ROWS]]
    names = [str(one)[:MAX_CELL] for one in columns[:MAX_COLUMNS]]
    return {"columns": names, "rows": cells} if cells else None


def _cell(value: Any) -> float | str | None:
    return value[:MAX_CELL] if isinstance(value, str) else number_or_none(value)


def _importance(features: Mapping[str, Any] | None) -> dict[str, float]:
    shares = {
        str(one.get("feature")): one.get("importance") for one in read_rows(features)
    }
    return {name: one for name, one in shares.items() if isinstance(one, int | float)}


def _confusion(shown: Mapping[str, Any]) -> dict[str, Any]:
    costs = {
        name: one
        for name, one in numbers(shown.get("costs")).items()
        if one is not None and name in OUTCOMES
    }
    return {
        "threshold": number_or_none(shown.get("threshold")),
        "costs": costs,
        "unit": str(shown.get("unit") or "")[:MAX_CELL],
        **{one: _whole(shown.get(one)) or 0 for one in OUTCOMES},
        **{
            one: number_or_none(shown.get(one))
            for one in ("cost", "cost_of_none", "cost_of_all")
        },
    }


def _confusion_matrix(shown: Any) -> dict[str, Any] | None:
    """Read the rows by true and by predicted class, if they are a square of numbers."""
    known = shown if isinstance(shown, Mapping) else {}
    names, rows = known.get("classes"), known.get("counts")
    if not isinstance(names, list) or not isinstance(rows, list):
        return None
    counts = [
        [_whole(one) or 0 for one in row] for row in rows if isinstance(row, list)
    ]
    if not names or {len(counts), *map(len, counts)} != {len(names)}:
        return None
    return {"classes": [str(one)[:MAX_CELL] for one in names], "counts": counts}


def _leaks(shown: Mapping[str, Any]) -> dict[str, Any]:
    alone = numbers(shown.get("features")).items()
    return {
        "test_rows": _whole(shown.get("test_rows")) or 0,
        "shared_rows": _whole(shown.get("shared_rows")) or 0,
        "distinct": number_or_none(shown.get("distinct")) or 0.0,
        "features": {name: one for name, one in alone if one is not None},
    }


def _whole(value: object) -> int | None:
    number = number_or_none(value)
    return None if number is None else int(number)


def _comparison(metric: str, shown: Mapping[str, Any]) -> Comparison:
    candidate, live = (_number_or_nan(shown.get(one)) for one in ("candidate", "live"))
    difference = replace(_estimate(shown.get("difference")), value=candidate - live)
    return Comparison(
        metric=metric,
        candidate=candidate,
        live=live,
        difference=difference,
        rows=_whole(shown.get("rows")) or 0,
    )


def _live_score(score: Mapping[str, Any]) -> dict[str, Any]:
    live = score.get("live")
    version = number_or_none(live.get("version")) if isinstance(live, Mapping) else None
    read = read_live(score)
    compared = {metric: asdict(one) for metric, one in read.comparisons.items()}
    return {
        "metrics": numbers(score.get("metrics")),
        "comparisons": _nan_as_none(compared),
        "rows": _whole(score.get("rows")) or 0,
        "left_out": _whole(score.get("left_out")) or 0,
        "reason": read.reason,
        "threshold": number_or_none(score.get("threshold")),
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


def _number_or_nan(value: object) -> float:
    number = number_or_none(value)
    return math.nan if number is None else number


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
