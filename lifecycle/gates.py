"""The quality gates of model.yaml, evaluated on a candidate's metrics.

Imports nothing heavy: model.yaml is checked with it where neither pandas nor boto3 is
installed.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import Any, Literal

from lifecycle.errors import GateError, did_you_mean

Bounds = Mapping[str, float | None]
Rule = Literal["min", "max", "worse_than_live"]

RELATIVE = "worse_than_live"  # the one rule that needs a live model to compare with
RULES = ("min", "max", RELATIVE)
# The metrics of notebooks/<task>/train-register.ipynb.
METRICS = {
    "regression": ("mae", "r2", "rmse"),
    "binary": ("accuracy", "auc", "f1", "logloss", "precision", "recall"),
}
LOWER_IS_BETTER = frozenset({"error", "logloss", "mae", "mape", "mse", "rmse"})
HIGHER_IS_BETTER = frozenset({"r2", "auc", "accuracy", "precision", "recall", "f1"})
TASKS = {"regression": "a regression", "binary": "a binary classification"}

# The output of a training notebook that the review page reads.
EVALUATION_MIME = "application/vnd.runner.evaluation+json"
JOB_SECONDS = ("seconds", "billable_seconds")
COLUMNS = ("metric", "rule", "bound", "value", "live", "passed")


@dataclass(frozen=True, kw_only=True)
class GateVerdict:
    """One bound, the values it compares, and whether the candidate keeps it."""

    metric: str
    rule: str
    value: float
    bound: float | None
    live: float | None
    passed: bool
    reason: str

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'failed'}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class EvaluationOutput:
    """A candidate's evaluation as one notebook output: a table, and its data as JSON.

    The review page reads the data from the executed notebook, so that it is there even
    if a failed gate ends the notebook in the next cell.
    """

    metrics: Mapping[str, float]
    verdicts: Sequence[GateVerdict]
    live: Any = None
    job: Any = None
    test_rows: int = 0

    def data(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        plain = {
            "metrics": dict(self.metrics),
            "verdicts": [asdict(one) for one in self.verdicts],
            "live": asdict(self.live) if self.live else None,
            "job": asdict(self.job) if self.job else None,
            "test_rows": self.test_rows,
        }
        return dict(_nan_as_none(json.loads(json.dumps(plain, default=_plain))))

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Show the verdicts as a table, and add the data for programs."""
        import pandas as pd

        table = pd.DataFrame([asdict(one) for one in self.verdicts], columns=COLUMNS)
        style: Any = {"index": False, "na_rep": "-", "float_format": "{:.4f}".format}
        return {
            "text/html": table.to_html(border=0, **style),
            "text/plain": table.to_string(**style),
            EVALUATION_MIME: self.data(),
        }


def evaluate_gates(
    metrics: Mapping[str, float],
    gates: Mapping[str, Bounds],
    live: Mapping[str, float] | None = None,
) -> list[GateVerdict]:
    """Evaluate each bound of each gate on a candidate's metrics.

    Args:
        metrics: of the candidate, by name.
        gates: as in model.yaml, for instance {"rmse": {"max": 2.5}}.
        live: metrics of the live model on the same rows.

    Raises:
        GateError: a gate names an unknown metric or rule, or has not one direction.
    """
    return [
        verdict
        for metric, bounds in gates.items()
        for verdict in _evaluate(metric, _value(metric, metrics), bounds, live or {})
    ]


def judge(
    metrics: Mapping[str, Any],
    gates: Mapping[str, Bounds],
    live: Mapping[str, Any] | None = None,
) -> list[GateVerdict]:
    """Evaluate gates on metrics that somebody else has read or returned.

    A metric that is missing or no finite number fails its gates.

    Args:
        metrics: JSON values by name.
        live: of the live model on the same rows; what is no number is left out.

    Raises:
        GateError: a gate has an unknown rule, or has not one direction.
    """
    known = {name: one for name, one in numbers(live or {}).items() if one is not None}
    found: list[GateVerdict] = []
    for metric, bounds in gates.items():
        value = _number(metrics.get(metric))
        verdicts = _evaluate(
            metric, math.nan if value is None else value, bounds, known
        )
        if metric not in metrics:
            reason = f"{metric} was not measured"
            verdicts = (replace(one, reason=reason) for one in verdicts)
        found += verdicts
    return found


def failures(verdicts: Iterable[GateVerdict]) -> str:
    """Return the reasons of the verdicts that failed, in one line; "" if none did."""
    return "; ".join(one.reason for one in verdicts if not one.passed)


def numbers(values: Any) -> dict[str, float | None]:
    """Return the finite numbers of a JSON object by name, and None for the rest."""
    if not isinstance(values, Mapping):
        return {}
    return {str(name): _number(value) for name, value in values.items()}


def require_passed(verdicts: Iterable[GateVerdict]) -> None:
    """Check that no gate failed.

    Raises:
        GateError: some failed; the message lists them.
    """
    if failed := [str(one) for one in verdicts if not one.passed]:
        raise GateError("; ".join(failed))


def find_unmeasured(task: str, gates: Iterable[str]) -> list[str]:
    """Return the gates on metrics that the shared notebook of a task has not."""
    return [metric for metric in gates if metric not in METRICS[task]]


def find_reversed(task: str, gates: Mapping[str, Bounds]) -> str:
    """Return an error message for a gate that would pass worse models, else ""."""
    for metric, bounds in gates.items():
        right = "max" if metric in LOWER_IS_BETTER else "min"
        if metric in METRICS[task] and bounds.get(right) is None:
            wrong, better = ("min", "less") if right == "max" else ("max", "more")
            return f"gates.{metric}.{wrong}: {better} {metric} is better; give {right}"
    return ""


def unmeasured_message(task: str, metric: str) -> str:
    """Return the error message for a gate on a metric that nothing computes."""
    hint = did_you_mean(metric, METRICS[task])
    there = f"it has {', '.join(METRICS[task])}"
    if hint.startswith("did you mean"):
        remedy = f"{hint} {there}"
    else:
        remedy = f"{there}; measure another in train-register.ipynb"
    return f"gates.{metric}: no metric of {TASKS[task]}; {remedy}"


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
        "live": _live_score(live) if isinstance(live, Mapping) else None,
        "job": _job(job) if isinstance(job, Mapping) else None,
        "test_rows": _number(found.get("test_rows")) or 0,
    }


def _live_score(score: Mapping[str, Any]) -> dict[str, Any]:
    live = score.get("live")
    version = _number(live.get("version")) if isinstance(live, Mapping) else None
    return {
        "metrics": numbers(score.get("metrics")),
        "reason": str(score.get("reason") or ""),
        "live": {"version": int(version)} if version else {},
    }


def _job(job: Mapping[str, Any]) -> dict[str, Any]:
    seconds = {name: _number(job.get(name)) or 0 for name in JOB_SECONDS}
    return {"name": str(job.get("name") or "")} | seconds


def _number(value: object) -> float | None:
    """Return a finite number; None for anything else, as for a text or true."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def _value(metric: str, metrics: Mapping[str, float]) -> float:
    if metric not in metrics:
        hint = did_you_mean(metric, metrics)
        raise GateError(f"model.yaml: gates.{metric}: no such metric here; {hint}")
    return float(metrics[metric])


def _evaluate(
    metric: str, value: float, bounds: Bounds, live: Mapping[str, float]
) -> Iterator[GateVerdict]:
    """Evaluate one metric by each of its bounds."""
    given = {rule: float(b) for rule, b in bounds.items() if b is not None}
    for rule in given:
        if rule not in RULES:
            hint = did_you_mean(rule, RULES)
            raise GateError(f"model.yaml: gates.{metric}.{rule}: unknown key; {hint}")
    if ("min" in given) == ("max" in given):
        raise GateError(
            f"model.yaml: gates.{metric}: give either min (more is better) or max "
            "(less is better)"
        )
    rule = "min" if "min" in given else "max"
    yield _absolute(metric, value, rule, given[rule], live.get(metric))
    if RELATIVE in given:
        yield _relative(metric, value, rule, given[RELATIVE], live.get(metric))


def _absolute(
    metric: str, value: float, rule: str, bound: float, live: float | None
) -> GateVerdict:
    passed, word = _compare(value, rule, bound)
    return GateVerdict(
        metric=metric,
        rule=rule,
        value=value,
        bound=bound,
        live=live,
        passed=passed,
        reason=f"{metric} {value:.6g} is {word} {bound:.6g}",
    )


def _relative(
    metric: str, value: float, rule: str, share: float, live: float | None
) -> GateVerdict:
    """Compare with the live model's value, of which at most a share may be lost."""
    # Without a live value there is nothing to compare with, and the gate passes.
    base = value if live is None or math.isnan(live) else live
    bound = base + abs(base) * (-share if rule == "min" else share)
    passed, word = _compare(value, rule, bound)
    against = f"{word} {bound:.6g}, the live model's {base:.6g} and {share * 100:.3g} %"
    if live is None or math.isnan(live):
        against = "not compared, no live model has it" if passed else "no number"
    return GateVerdict(
        metric=metric,
        rule=RELATIVE,
        value=value,
        bound=None if live is None else bound,
        live=live,
        passed=passed,
        reason=f"{metric} {value:.6g} is {against}",
    )


def _compare(value: float, rule: str, bound: float) -> tuple[bool, str]:
    """Compare a value with a bound; NaN and infinity pass no bound."""
    if math.isnan(value) or (rule == "min" and math.isinf(value)):
        return False, "no number, so not within"
    if rule == "min":
        return value >= bound, "at least" if value >= bound else "below"
    return value <= bound, "at most" if value <= bound else "above"


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
