"""Hyperparameters checked before a training job is paid for, in plain words."""

import json
import math
from collections.abc import Mapping
from typing import Any

from sagemaker_xgboost.hyperparameters import (
    ALIASES,
    DEPENDENCIES,
    METRICS,
    NAMES,
    RULES,
    HyperparameterError,
    Interval,
    Rule,
)

from runner.errors import as_written, did_you_mean

EXAMPLES = {
    "monotone_constraints": "give -1, 0 or 1 for each feature, as '(1,0,-1)'",
    "interaction_constraints": "give lists of features, as '[[1,2],[3,4]]'",
}


def find_wrong(given: Mapping[str, Any]) -> tuple[str, str] | None:
    """Find the first that the image would refuse, with what may stand there."""
    parsed: dict[str, Any] = {}
    for name, value in given.items():
        if name not in NAMES:
            return name, f"unknown hyperparameter; {did_you_mean(name, NAMES)}"
        one = ALIASES.get(name, name)
        try:
            parsed[one] = _parsed(one, value)
        except (ValueError, TypeError, NameError, SyntaxError):
            return name, f"{as_written(value)}; {_allowed(one, as_text(value))}"
    return _find_misfit(given, parsed)


def as_text(value: object) -> str:
    """Write a value as the SDK sends it: hyperparameters are texts."""
    return value if isinstance(value, str) else json.dumps(value)


def _parsed(name: str, value: object) -> Any:
    """Parse a value as the image does, and no NaN, which it lets pass."""
    parsed = RULES[name].parse(as_text(value))
    if isinstance(parsed, float) and math.isnan(parsed):
        raise HyperparameterError(name)
    RULES[name].validate(name, parsed)
    return parsed


def _find_misfit(
    given: Mapping[str, Any], parsed: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Find one that does not fit the others."""
    for name in parsed:
        shown = as_written(given.get(name))
        try:
            if dependency := DEPENDENCIES.get(name):
                dependency.check(parsed[name], parsed)
        except HyperparameterError as error:
            return name, f"{shown}; the image says: {str(error).rstrip('.')}"
        except KeyError as error:
            return name, f"{shown}; give an {error.args[0]} beside it"
    return None


def _allowed(name: str, text: str) -> str:
    """Say what one may be, or which known word is near."""
    rule = RULES[name]
    if name in EXAMPLES:
        return EXAMPLES[name]
    if name == "eval_metric":
        return _wrong_item(text, METRICS, rule)
    if isinstance(rule.range, Interval):
        kind = "a whole number," if rule.parse is int else "a number"
        return f"give {kind} {_in_words(rule.range)}"
    return _wrong_item(text, tuple(rule.range), rule)  # type: ignore[arg-type]


def _wrong_item(text: str, known: tuple[str, ...], rule: Rule) -> str:
    """Say which of several words is wrong, and which is near."""
    if wrong := [one for one in text.split(",") if "@" not in one and one not in known]:
        if wrong[0].strip() in known:
            return "separate them by commas, without blanks"
        return did_you_mean(wrong[0].strip(), set(known))
    try:
        rule.validate("", rule.parse(text))
    except HyperparameterError as error:
        return str(error).rstrip(".")
    return did_you_mean(text, set(known))


def _in_words(interval: Interval) -> str:
    """Say which numbers lie in an interval."""
    low, high = interval.low, interval.high
    closed = not interval.open_low and not interval.open_high
    if closed and low is not None and high is not None:
        return f"from {low} to {high}"
    bounds = []
    if low is not None:
        bounds.append(f"{'above' if interval.open_low else 'at least'} {low}")
    if high is not None:
        bounds.append(f"{'below' if interval.open_high else 'at most'} {high}")
    return ", ".join(bounds)
