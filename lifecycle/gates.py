"""The quality gates of model.yaml, evaluated on a candidate's metrics.

A bound on a metric is compared with its value. A bound on the loss against the live
model is compared with the confidence interval of that loss, so it may be undecided.
So may a bound on a metric by slice, as `rmse by sex`, which each group has to keep.
Imports nothing heavy: a page is made of it where neither pandas nor boto3 is installed.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from lifecycle.errors import GateError, did_you_mean
from lifecycle.statistics.comparison import (
    DIGITS,
    MIN_ROWS,
    Answer,
    Bounds,
    Comparison,
    Estimate,
    SliceGroup,
    class_of,
    format_interval,
    format_number,
    worst_first,
)
from lifecycle.statistics.task_metrics import BY, slice_of

Rule = Literal["min", "max", "worse_than_live"]
Verdict = Literal["passed", "failed", "undecided", "not comparable", "nothing live"]

RELATIVE = "worse_than_live"  # the one rule that needs a live model to compare with
RULES = ("min", "max", RELATIVE)
# The longest value that SageMaker keeps in metadata.
MAX_METADATA = 256
# Without a person who decides, these keep a version from being deployed.
UNSURE = frozenset({"undecided", "not comparable"})
# Digits of a value that would otherwise look like its bound.
MOST_DIGITS = 12
# Above so many test rows nothing is promised to decide a gate.
MOST_ROWS = 1_000_000


class LiveComparison(Protocol):
    """What gates need of a live model's score.

    Attributes:
        comparisons: by metric.
        reason: why there are none.
    """

    @property
    def comparisons(self) -> Mapping[str, Comparison]: ...

    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class GateVerdict:
    """One bound, the values it compares, and whether the candidate keeps it.

    Attributes:
        value: the candidate's: on all test rows, or on those that it is compared on.
        bound: in the metric's unit; None where nothing could be compared.
        interval: of the value; of a relative bound, of the live model's value plus the
            difference.
        verdict: "nothing live" is a relative bound of a first version.
        note: what the value is of, where it is not of all test rows.
    """

    metric: str
    rule: str
    value: float
    bound: float | None
    live: float | None
    verdict: Verdict
    reason: str
    interval: tuple[float, float] | None = None
    note: str = ""

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason}"

    def stops(self, *, approval: str = "manual") -> bool:
        """Return whether the verdict keeps the candidate from being registered.

        Args:
            approval: of model.yaml; where it is "pre-approved" nobody looks at what is
                undecided or not comparable, so that stops it as well.
        """
        unsure = self.verdict in UNSURE and approval == "pre-approved"
        return self.verdict == "failed" or unsure


def evaluate_gates(
    metrics: Mapping[str, float],
    gates: Mapping[str, Bounds],
    live: LiveComparison | None = None,
    *,
    intervals: Mapping[str, Estimate] | None = None,
    slices: Iterable[SliceGroup] = (),
) -> list[GateVerdict]:
    """Evaluate each bound of each gate on a candidate's metrics.

    Args:
        metrics: of the candidate, by name.
        gates: as in model.yaml, for instance {"rmse": {"max": 2.5}}.
        live: the comparison with the live model; None if nothing is live.
        intervals: of the metrics, to stand beside them.
        slices: the metrics by group of rows, for gates such as `rmse by sex`.

    Raises:
        GateError: a gate names an unknown metric or rule, or has not one direction.
    """
    shown = {name: (one.low, one.high) for name, one in (intervals or {}).items()}
    groups, verdicts = list(slices), []
    for gate, bounds in gates.items():
        if slice_of(gate):
            verdicts.append(evaluate_slice(gate, bounds, groups))
            continue
        value = _value(gate, metrics)
        verdicts += evaluate_metric(gate, value, bounds, live, shown.get(gate))
    return verdicts


def failures(verdicts: Iterable[GateVerdict], *, approval: str = "manual") -> str:
    """Return the reasons of the verdicts that stop a candidate, in one line.

    Args:
        approval: of model.yaml.
    """
    return "; ".join(one.reason for one in verdicts if one.stops(approval=approval))


def require_passed(
    verdicts: Iterable[GateVerdict], *, approval: str = "manual"
) -> None:
    """Check that no gate failed, and that none is open where nobody would look at it.

    Args:
        approval: of model.yaml.

    Raises:
        GateError: some did; the message lists them.
    """
    stopping = [str(one) for one in verdicts if one.stops(approval=approval)]
    if stopping:
        raise GateError("; ".join(stopping))


def name_answers(
    gates: Mapping[str, Bounds],
    verdicts: Iterable[GateVerdict],
    live: LiveComparison | None,
) -> str:
    """Say in words, for each metric with a gate, how it compares with the live model.

    Returns:
        For instance "rmse: no detectable difference: -0.050 to 0.020 - undecided", with
        the interval of the difference; "" if nothing is live. It has only characters
        that SageMaker takes in metadata, and no more than it takes: the intervals are
        left out where there are too many.
    """
    if live is None:
        return ""
    undecided = {one.metric for one in verdicts if one.verdict == "undecided"}
    compared = [
        (metric, live.comparisons.get(metric), bounds)
        for metric, bounds in gates.items()
        if not slice_of(metric)
    ]

    def said(*, intervals: bool) -> str:
        return " / ".join(
            f"{metric}: {_answer(one, bounds)}"
            f"{_interval(one) if intervals else ''}"
            f"{' - undecided' if metric in undecided else ''}"
            for metric, one, bounds in compared
        )

    whole = said(intervals=True)
    fits = len(whole) <= MAX_METADATA
    return whole if fits else said(intervals=False)[:MAX_METADATA]


def check_class_gates(gates: Iterable[str], classes: Iterable[str]) -> None:
    """Check that gates such as `recall of Adelie` are of classes that there are.

    Raises:
        GateError: a class is not known; the message names the nearest one.
    """
    known = list(classes)
    for gate in gates:
        name = class_of(gate.partition(BY)[0])
        if name and name not in known:
            hint = did_you_mean(name, known)
            raise GateError(f"model.yaml: gates.{gate}: no class {name!r}; {hint}")


def evaluate_metric(
    metric: str,
    value: float,
    bounds: Bounds,
    live: LiveComparison | None,
    interval: tuple[float, float] | None,
) -> Iterator[GateVerdict]:
    """Evaluate one metric by each of its bounds.

    Raises:
        GateError: the gate has an unknown rule, or has not one direction.
    """
    rule, given = _rules(metric, bounds)
    yield _absolute(metric, value, rule, given[rule], interval)
    if RELATIVE in given:
        yield _relative(metric, value, rule, given[RELATIVE], live)


def evaluate_slice(
    gate: str, bounds: Bounds, groups: Iterable[SliceGroup]
) -> GateVerdict:
    """Evaluate a gate such as `rmse by sex`, whose bound each group has to keep.

    Returns:
        The verdict on the worst group. A group whose value breaks the bound fails it
        if its whole interval does; else it is undecided.

    Raises:
        GateError: the gate has an unknown rule, or has not one direction.
    """
    metric, _, column = gate.partition(BY)
    rule, given = _rules(gate, bounds)
    bound = given[rule]
    known = [one for one in groups if one.column == column]
    judged = [
        one
        for one in worst_first(known, metric, bounds)
        if metric in one.metrics and not math.isnan(one.metrics[metric].value)
    ]
    if not judged:
        reason = f"{gate} was not measured"
        if known:
            reason = f"{gate}: no group has {MIN_ROWS} rows and a value"
        return GateVerdict(
            metric=gate,
            rule=rule,
            value=math.nan,
            bound=bound,
            live=None,
            verdict="undecided" if known else "failed",
            reason=reason,
        )
    verdicts = [(_judge_group(one.metrics[metric], rule, bound), one) for one in judged]
    order = ("failed", "undecided", "passed")
    verdict, worst = min(verdicts, key=lambda pair: order.index(pair[0]))
    found = worst.metrics[metric]
    first, second = _apart(found.value, bound)
    which = f"{column} {worst.group}, {worst.rows} rows"
    reason = f"{metric} {first} of {which}, is {_compare(found.value, rule, bound)[1]}"
    reason = f"{reason} {second}"
    if verdict == "undecided":
        span = format_interval((found.low, found.high))
        reason = f"{reason}, and {second} is inside its interval, {span}"
    return GateVerdict(
        metric=gate,
        rule=rule,
        value=found.value,
        bound=bound,
        live=None,
        verdict=verdict,
        reason=reason,
        interval=(found.low, found.high),
        note=f"the worst of {len(judged)} groups: {which}",
    )


def _answer(comparison: Comparison | None, bounds: Bounds) -> Answer:
    return comparison.answer(bounds) if comparison else "not comparable"


def _interval(comparison: Comparison | None) -> str:
    if comparison is None or math.isnan(comparison.difference.low):
        return ""
    found = comparison.difference
    return f": {format_interval((found.low, found.high))}"


def _value(metric: str, metrics: Mapping[str, float]) -> float:
    if metric not in metrics:
        hint = did_you_mean(metric, metrics)
        raise GateError(f"model.yaml: gates.{metric}: no such metric here; {hint}")
    return float(metrics[metric])


def _rules(gate: str, bounds: Bounds) -> tuple[str, dict[str, float]]:
    """Return the direction of a gate, "min" or "max", and its bounds by rule."""
    given = {rule: float(b) for rule, b in bounds.items() if b is not None}
    for rule in given:
        if rule not in RULES:
            hint = did_you_mean(rule, RULES)
            raise GateError(f"model.yaml: gates.{gate}.{rule}: unknown key; {hint}")
    if ("min" in given) == ("max" in given):
        raise GateError(
            f"model.yaml: gates.{gate}: give either min (more is better) or max "
            "(less is better)"
        )
    return "min" if "min" in given else "max", given


def _judge_loss(comparison: Comparison, share: float, *, less: bool) -> Verdict:
    """Judge whether a candidate lost more than a share of the live model's value.

    Args:
        share: for instance 0.05.
        less: whether less of the metric is better.

    Returns:
        "passed" if the whole interval of the loss is at most the share, "failed" if
        the whole interval is above it, "undecided" otherwise.
    """
    low, high = _loss(comparison, less)
    if math.isnan(comparison.candidate):
        return "failed"
    if math.isnan(comparison.live) or math.isnan(low) or math.isnan(high):
        return "not comparable"
    allowed = share * abs(comparison.live)
    if high <= allowed:
        return "passed"
    return "failed" if low > allowed else "undecided"


def _judge_group(
    found: Estimate, rule: str, bound: float
) -> Literal["passed", "failed", "undecided"]:
    if _compare(found.value, rule, bound)[0]:
        return "passed"
    best = found.low if rule == "max" else found.high
    broken = not math.isnan(best) and not _compare(best, rule, bound)[0]
    return "failed" if broken else "undecided"


def _absolute(
    metric: str,
    value: float,
    rule: str,
    bound: float,
    interval: tuple[float, float] | None,
) -> GateVerdict:
    passed, word = _compare(value, rule, bound)
    first, second = _apart(value, bound)
    return GateVerdict(
        metric=metric,
        rule=rule,
        value=value,
        bound=bound,
        live=None,
        verdict="passed" if passed else "failed",
        reason=f"{metric} {first} is {word} {second}",
        interval=interval,
    )


def _relative(
    metric: str, value: float, rule: str, share: float, live: LiveComparison | None
) -> GateVerdict:
    """Compare with the live model's value, of which at most a share may be lost."""
    nothing = GateVerdict(
        metric=metric,
        rule=RELATIVE,
        value=value,
        bound=None,
        live=None,
        verdict="failed",
        reason=f"{metric} {value:g} is not a number, so it cannot be compared",
    )
    if math.isnan(value):
        return nothing
    if live is None:
        reason = f"{metric}: nothing is live to compare with"
        return replace(nothing, verdict="nothing live", reason=reason)
    found = live.comparisons.get(metric)
    if found is None:
        why = live.reason or "the live model's value, with its interval, is missing"
        reason = f"{metric} is not comparable with the live model's: {why}"
        return replace(nothing, verdict="not comparable", reason=reason)
    less = rule == "max"
    verdict = _judge_loss(found, share, less=less)
    low, high = found.difference.low, found.difference.high
    return replace(
        nothing,
        value=found.candidate,
        bound=found.live + abs(found.live) * (share if less else -share),
        live=found.live,
        verdict=verdict,
        reason=_loss_reason(found, share, verdict, less=less),
        interval=(found.live + low, found.live + high),
    )


def _loss_reason(
    found: Comparison, share: float, verdict: Verdict, *, less: bool
) -> str:
    """Say how much was lost, and how much may be; and what would decide it."""
    against = f"the live model's {format_number(found.live)}"
    first = f"{found.metric} {format_number(found.candidate)}"
    if verdict == "not comparable":
        rows = f"{found.rows} rows are not enough"
        return f"{first} is not comparable with {against}: {rows}"
    low, high = _loss(found, less)
    if low == high == 0:
        return f"{first} is exactly as good as {against}"
    unit = abs(found.live)
    if not unit:
        span = f"{format_number(low)} to {format_number(high)} worse than"
        return f"{first} is {span} {against}; nothing worse than 0 is allowed"
    allowed = f"{format_number(100 * share)} % worse is allowed"
    text = f"{first} is {_span(low / unit, high / unit)} than {against}; {allowed}"
    if verdict != "undecided":
        return text
    return f"{text}; {_what_would_decide(found, share * unit, less)}"


def _what_would_decide(found: Comparison, allowed: float, less: bool) -> str:
    """Say how many test rows would narrow the interval until the bound is outside."""
    low, high = _loss(found, less)
    gap = abs((low + high) / 2 - allowed)
    needed = found.rows * ((high - low) / 2 / gap) ** 2 if gap else math.inf
    if needed > MOST_ROWS:
        return "many more test rows would not decide it"
    count = float(f"{max(needed, found.rows + 1):.2g}")
    return f"about {count:,.0f} test rows would decide it, {found.rows:,} are compared"


def _loss(comparison: Comparison, less: bool) -> tuple[float, float]:
    """Return the interval of what was lost, in the metric's unit."""
    low, high = comparison.difference.low, comparison.difference.high
    return (low, high) if less else (-high, -low)


def _span(low: float, high: float) -> str:
    """Say between which shares something is better or worse."""
    first, second = (format_number(100 * abs(one), 2) for one in (low, high))
    if high <= 0:
        return f"{second} to {first} % better"
    if low >= 0:
        return f"{first} to {second} % worse"
    return f"{first} % better to {second} % worse"


def _apart(value: float, bound: float) -> tuple[str, str]:
    """Format a bound as it is, and a value so that it looks on the right side of it."""
    second = format_number(bound, MOST_DIGITS)
    for digits in range(DIGITS, MOST_DIGITS + 1):
        first = format_number(value, digits)
        if _order(float(first), bound) == _order(value, bound):
            break
    return first, second


def _order(value: float, bound: float) -> int:
    return (value > bound) - (value < bound)


def _compare(value: float, rule: str, bound: float) -> tuple[bool, str]:
    """Compare a value with a bound; NaN and infinity pass no bound."""
    if math.isnan(value) or (rule == "min" and math.isinf(value)):
        return False, "not a number, so not within"
    if rule == "min":
        return value >= bound, "at least" if value >= bound else "below"
    return value <= bound, "at most" if value <= bound else "above"
