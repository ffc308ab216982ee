"""What a reviewer asks next, each with a sentence: where, by what and how it errs.

Everything is read from the evaluation that the training notebook showed; what a
notebook did not show is left out.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Any

from lifecycle.evaluation_output import number_or_none, read_rows, read_slices
from lifecycle.statistics.comparison import (
    MIN_ROWS,
    OF,
    OF_CLASS,
    Estimate,
    SliceGroup,
    format_interval,
    format_number,
    format_within,
    worst_first,
)
from lifecycle.statistics.slices import OTHERS
from lifecycle.statistics.task_metrics import BY, slice_of
from runner.review.evidence import Evidence
from runner.review.rows import gates_asked, metric_rows

MAX_FEATURES = 12
# Test rows that are also training rows are a concern from this share on, unless so many
# training rows are equal that it is no surprise.
SHARED, DISTINCT = 0.01, 0.9
ANSWERS, DIRECTIONS = ("too low", "too high"), ("raises", "lowers", "mixed")
# A currency's sign stands before a number.
SIGNS = "$€£¥"


def findings(evidence: Evidence) -> dict[str, Any]:
    """Return the parts of a review that say more than its metrics, as JSON values."""
    shown = evidence.evaluation
    return {
        "slices": list(_slices(evidence)),
        "classes": _classes(evidence),
        "confusion": _confusion(evidence),
        "calibration": _calibration(evidence),
        "features": _features(shown.get("features")),
        "worst": _rows(shown.get("worst"), "The {} test rows with the largest errors."),
        "disagreements": _rows(
            shown.get("disagreements"),
            "The {} rows on which this version and the live one differ most, of those "
            "that neither has trained on.",
        ),
        "leaks": _leaks(shown.get("leaks")),
        "looks": _looks(evidence),
    }


def suspicions(evidence: Evidence) -> list[str]:
    """Return what of the findings a reviewer has to know before approving."""
    shown = evidence.evaluation
    found = list(_leak_concerns(shown.get("leaks") or {}))
    counts = shown.get("confusion") or {}
    if (text := _compare_costs(counts)) and _saves_nothing(counts):
        found.append(f"The model saves nothing: {text}")
    return found


# ---- Slices


def _slices(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Yield each slice with its groups, worst first by the metric that has a gate."""
    groups = read_slices(evidence.evaluation.get("slices"))
    for column in dict.fromkeys(one.column for one in groups):
        mine = [one for one in groups if one.column == column]
        metric = _main_metric(evidence, column, mine)
        bounds = gates_asked(evidence).get(metric)
        ordered = worst_first(mine, metric, bounds)
        yield {
            "slice": column,
            "metric": metric,
            "sentence": _slice_sentence(evidence, ordered, metric),
            "groups": [
                {
                    "group": one.group,
                    "rows": one.rows,
                    "metrics": [
                        {
                            "metric": name,
                            "value": number_or_none(found.value),
                            "interval": _interval(found),
                        }
                        for name, found in one.metrics.items()
                    ],
                }
                for one in ordered
            ],
        }


def _main_metric(evidence: Evidence, column: str, groups: Sequence[SliceGroup]) -> str:
    """Return the metric with a gate on this slice, else the first with any gate."""
    asked = gates_asked(evidence)
    measured = next((list(one.metrics) for one in groups if one.metrics), [])
    named = [one.partition(BY)[0] for one in asked if slice_of(one) == column]
    candidates = [*named, *asked, *measured]
    return next((one for one in candidates if one in measured), "")


def _slice_sentence(
    evidence: Evidence, groups: Sequence[SliceGroup], metric: str
) -> str:
    judged = [
        one
        for one in groups
        if metric in one.metrics and not math.isnan(one.metrics[metric].value)
    ]
    if not judged:
        why = f"No group has {MIN_ROWS} rows"
        if any(one.metrics for one in groups):
            why = f"In no group can {metric} be measured"
        return f"{why}, so none is judged."
    worst = judged[0]
    found, whole = worst.metrics[metric], evidence.metrics.get(metric)
    intervals = evidence.evaluation.get("intervals") or {}
    sentence = (
        f"Worst is {worst.column} {worst.group}, with {metric} {_estimate(found)} on "
        f"{worst.rows} rows"
    )
    if whole is None:
        sentence += "."
    else:
        shown = format_within(whole, intervals.get(metric))
        is_clear = _stands_out(found, whole, len(judged))
        answer = "is too large for chance" if is_clear else "could be chance"
        sentence += f"; on all rows it is {shown}. The difference {answer}."
    small = [
        f"{one.group} ({one.rows})"
        for one in groups
        if not one.metrics and one.group != OTHERS
    ]
    if small:
        named = ", ".join(small[:MAX_FEATURES])
        more = len(small) - MAX_FEATURES
        tail = f" and {more} more" if more > 0 else ""
        sentence += f" Too few rows to judge: {named}{tail}."
    return sentence


def _stands_out(found: Estimate, whole: float, groups: int) -> bool:
    """Return whether the worst of some groups differs from all rows beyond chance.

    The more groups there are, the further from the others is the worst of them. So its
    interval is made as wide as one of 95 % for all groups together (Bonferroni's).
    """
    if math.isnan(found.low) or math.isnan(found.high):
        return False
    tails = (0.05 / 2, 0.05 / (2 * groups))
    usual, wider = (NormalDist().inv_cdf(1 - tail) for tail in tails)
    low = found.value - (found.value - found.low) * wider / usual
    high = found.value + (found.high - found.value) * wider / usual
    return not low <= whole <= high


# ---- Classes


def _classes(evidence: Evidence) -> dict[str, Any] | None:
    """Return each class with its metrics and what it is taken for, the worst first."""
    shown = evidence.evaluation.get("confusion_matrix")
    if not shown:
        return None
    names, counts = shown["classes"], shown["counts"]
    compared = {one.metric: one for one in metric_rows(evidence)}
    found = [
        {
            "class": name,
            "rows": sum(row),
            "metrics": [
                {
                    "metric": kind,
                    "value": one.candidate,
                    "interval": list(one.candidate_interval or ()) or None,
                    "live": one.live,
                    "answer": one.answer,
                }
                for kind in OF_CLASS
                if (one := compared.get(f"{kind}{OF}{name}"))
            ],
            "taken_for": {
                other: count for count, other in _largest(row, names) if count
            },
        }
        for name, row in zip(names, counts, strict=True)
    ]
    found.sort(key=_recall)
    return {"sentence": _class_sentence(found), "classes": found}


def _largest(row: Sequence[int], names: Sequence[str]) -> list[tuple[int, str]]:
    return sorted(zip(row, names, strict=True), key=lambda pair: -pair[0])


def _recall(one: Mapping[str, Any]) -> float:
    hits = one["taken_for"].get(one["class"], 0)
    return hits / one["rows"] if one["rows"] else math.inf


def _class_sentence(classes: Sequence[Mapping[str, Any]]) -> str:
    worst = classes[0]
    wrong = [
        (n, name) for name, n in worst["taken_for"].items() if name != worst["class"]
    ]
    absent = [one["class"] for one in classes if not one["rows"]]
    unseen = f" No test row is of class {', '.join(absent)}." if absent else ""
    if not wrong:
        return f"Every test row is taken for what it is.{unseen}"
    count, other = wrong[0]
    found = worst["taken_for"].get(worst["class"], 0)
    rows = f"{found} of {worst['rows']} row{'s' if worst['rows'] > 1 else ''}"
    verb = "is" if count == 1 else "are"
    return (
        f"Least often found is {worst['class']}: {rows}; "
        f"{count} of them {verb} taken for {other}.{unseen}"
    )


# ---- The decision


def _confusion(evidence: Evidence) -> dict[str, Any] | None:
    """Return the rows by outcome at the threshold, and what that costs."""
    counts = evidence.evaluation.get("confusion")
    if not counts or counts["threshold"] is None:
        return None
    live = evidence.live_score.get("threshold")
    threshold = f"At the threshold {format_number(counts['threshold'])}"
    if not counts["costs"]:
        sentence = f"{threshold}; model.yaml gives no costs."
    else:
        sentence = (
            f"{threshold}, the cheapest on the validation rows: "
            f"{_compare_costs(counts)}."
        )
    if live is not None and counts["costs"]:
        sentence += f" The live version decides at {format_number(live)}."
    return {**counts, "live_threshold": live, "sentence": sentence}


def _compare_costs(counts: Mapping[str, Any]) -> str:
    """Say what a row costs with the model, and without one; "" if that is unknown."""
    costs = [counts.get(one) for one in ("cost", "cost_of_none", "cost_of_all")]
    if any(one is None for one in costs):
        return ""
    mine, none, everything = (_money(one, counts.get("unit") or "") for one in costs)
    return (
        f"a row costs {mine} on average, {none} if none were predicted positive, "
        f"{everything} if all were"
    )


def _saves_nothing(counts: Mapping[str, Any]) -> bool:
    return bool(counts["cost"] >= min(counts["cost_of_none"], counts["cost_of_all"]))


def _money(value: Any, unit: str) -> str:
    text = format_number(value, 3)
    if unit in SIGNS and unit:
        return f"-{unit}{text[1:]}" if text.startswith("-") else f"{unit}{text}"
    return f"{text} {unit}".strip()


# ---- Calibration


def _calibration(evidence: Evidence) -> dict[str, Any] | None:
    """Return predicted against observed, by groups of the prediction."""
    groups = read_rows(evidence.evaluation.get("calibration"))
    kept = [
        {
            "prediction": str(one.get("prediction") or ""),
            "rows": int(number_or_none(one.get("rows")) or 0),
            "predicted": number_or_none(one.get("predicted")),
            "observed": number_or_none(one.get("observed")),
            "interval": _pair(one.get("low"), one.get("high")),
            "answer": _one_of(one.get("answer"), ANSWERS),
        }
        for one in groups
    ]
    if not kept:
        return None
    return {"sentence": _calibration_sentence(kept), "groups": kept}


def _calibration_sentence(groups: Sequence[Mapping[str, Any]]) -> str:
    off = [one for one in groups if one["answer"]]
    if not off and len(groups) == 1:
        return (
            "The mean prediction is inside of the interval of what was observed, in "
            f"all {groups[0]['rows']} test rows together."
        )
    if not off:
        return (
            f"In none of {len(groups)} groups of rows with similar predictions is the "
            "mean prediction outside of the interval of what was observed."
        )
    named = "; ".join(
        f"{one['answer']} for predictions of {one['prediction']}, on average "
        f"{format_within(one['predicted'], one['interval'])}, observed "
        f"{format_within(one['observed'], one['interval'])} "
        f"({format_interval(one['interval'])})"
        for one in off
    )
    return f"Predictions are off in {len(off)} of {len(groups)} groups: {named}."


# ---- Features and rows


def _features(table: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the most important features, by their SHAP values or another measure."""
    kept = [
        {
            "feature": str(one.get("feature") or ""),
            "importance": number_or_none(one.get("importance")),
            "mean_shap": number_or_none(one.get("mean_shap")),
            "direction": _one_of(one.get("direction"), DIRECTIONS),
            "class": str(one.get("class") or ""),
        }
        for one in read_rows(table)
    ]
    if not kept:
        return None
    first = kept[0]
    share = 100 * (number_or_none(first["importance"]) or 0.0)
    what = f"that of {first['class']}" if first["class"] else "them"
    how = {
        "raises": f"; larger values raise {what}",
        "lowers": f"; larger values lower {what}",
        "mixed": "; larger values raise some and lower others",
    }.get(str(first["direction"]), "")
    by_shap = any(one["mean_shap"] is not None for one in kept)
    whole = "all SHAP values" if by_shap else "the importance of all"
    sentence = (
        f"{first['feature']} counts most for the predictions: {share:.0f} % of "
        f"{whole}{how}."
    )
    return {"sentence": sentence, "features": kept[:MAX_FEATURES]}


def _rows(table: Mapping[str, Any] | None, sentence: str) -> dict[str, Any] | None:
    """Return single rows, as the notebook shows them, and how many they are."""
    if not table:
        return None
    return {"sentence": sentence.format(len(table["rows"])), **table}


# ---- Leaks and looks


def _leaks(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not found:
        return None
    concerns = list(_leak_concerns(found))
    shared, rows = found["shared_rows"], found["test_rows"]
    if not concerns and shared:
        equal = 100 * (1 - found["distinct"])
        sentence = (
            f"{shared} of {rows} test rows equal a training row, label included; "
            f"{equal:.0f} % of the training rows equal another training row as well."
        )
    elif concerns:
        sentence = ". ".join(concerns) + "."
    else:
        sentence = (
            f"None of {rows} test rows is also a training row, and no single feature "
            "predicts the label almost alone."
        )
    return {**found, "sentence": sentence}


def _leak_concerns(found: Mapping[str, Any]) -> Iterator[str]:
    for name, score in (found.get("features") or {}).items():
        yield (
            f"{name} predicts the label almost alone ({format_number(score, 3)} of 1): "
            "is its value known at the time of the prediction?"
        )
    shared, rows = found.get("shared_rows") or 0, found.get("test_rows") or 0
    if shared and shared >= SHARED * rows and found.get("distinct", 0) >= DISTINCT:
        yield (
            f"{shared} of {rows} test rows are also training rows, so the metrics look "
            "better than they are"
        )


def _looks(evidence: Evidence) -> dict[str, Any] | None:
    before = evidence.evaluation.get("looks")
    if before is None:
        return None
    sentence = "It is the first version that was judged on these test rows."
    if before:
        were = "versions were" if before > 1 else "version was"
        sentence = (
            f"{before} registered {were} judged on the same test rows before: the "
            "more are tried, the more likely the best of them is only lucky."
        )
    return {"before": before, "sentence": sentence}


# ---- Values


def _estimate(found: Estimate) -> str:
    interval = _interval(found)
    if interval is None:
        return format_number(found.value, 3)
    return f"{format_within(found.value, interval)} ({format_interval(interval)})"


def _interval(found: Estimate) -> list[float] | None:
    return _pair(found.low, found.high)


def _pair(low: object, high: object) -> list[float] | None:
    first, second = number_or_none(low), number_or_none(high)
    return None if first is None or second is None else [first, second]


def _one_of(value: object, known: Sequence[str]) -> str:
    """Return a text if it is a known one, else ""."""
    return value if isinstance(value, str) and value in known else ""
