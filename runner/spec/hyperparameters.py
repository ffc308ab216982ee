"""The built-in XGBoost's hyperparameters and versions, checked before a paid job."""

import json
import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sagemaker_xgboost import IMAGE_VERSIONS, LEGACY_TAGS
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

from lifecycle.errors import did_you_mean, yaml_repr

EXAMPLES = {
    "monotone_constraints": "give -1, 0 or 1 for each feature, as '(1,0,-1)'",
    "interaction_constraints": "give lists of features, as '[[1,2],[3,4]]'",
}


def find_unknown_version(version: str, framework: str = "xgboost") -> str:
    """Return an error message for an unknown version of an image, else "".

    The installed SageMaker SDK may know newer versions than this project; where it is
    not installed, as in CircleCI's setup job, any version is accepted.
    """
    is_xgboost = framework == "xgboost"
    if is_xgboost and (version in IMAGE_VERSIONS or version in LEGACY_TAGS):
        return ""
    installed = _sdk_versions(framework)
    if not installed or version in installed:
        return ""
    known = ", ".join(IMAGE_VERSIONS if is_xgboost else sorted(installed))
    return f"give {known}, or upgrade sagemaker in requirements.in for a newer one"


def find_wrong_hyperparameter(
    given: Mapping[str, Any], version: str
) -> tuple[str, str] | None:
    """Return the name of the first hyperparameter that the image refuses, and why.

    A version whose rules are not known accepts all.
    """
    if version not in IMAGE_VERSIONS:
        return None
    parsed: dict[str, Any] = {}
    for name, value in given.items():
        if name not in NAMES:
            return name, f"unknown hyperparameter; {did_you_mean(name, NAMES)}"
        canonical = ALIASES.get(name, name)
        try:
            parsed[canonical] = _parse(canonical, value)
        except (ValueError, TypeError, NameError, SyntaxError):
            allowed = _allowed(canonical, _as_text(value))
            return name, f"{yaml_repr(value)}; {allowed}"
    return _find_conflict(given, parsed)


def _sdk_versions(framework: str) -> frozenset[str]:
    """Read the versions that the installed SDK knows, without importing it."""
    package = find_spec("sagemaker")
    folders = package.submodule_search_locations if package else None
    for folder in folders or ():
        path = Path(folder) / "core" / "image_uri_config" / f"{framework}.json"
        if path.is_file():
            training = json.loads(path.read_text(encoding="utf-8"))["training"]
            aliases = training.get("version_aliases", {})
            return frozenset(training["versions"]) | set(aliases)
    return frozenset()


def _as_text(value: object) -> str:
    """Return a value as the SDK sends it: hyperparameters are texts."""
    return value if isinstance(value, str) else json.dumps(value)


def _parse(name: str, value: object) -> Any:
    """Parse a value as the image does; NaN, which the image accepts, is refused."""
    parsed = RULES[name].parse(_as_text(value))
    if isinstance(parsed, float) and math.isnan(parsed):
        raise HyperparameterError(name)
    RULES[name].validate(name, parsed)
    return parsed


def _find_conflict(
    given: Mapping[str, Any], parsed: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Return the first hyperparameter that does not fit the others, and why."""
    for name in parsed:
        shown = yaml_repr(given.get(name))
        try:
            if dependency := DEPENDENCIES.get(name):
                dependency.check(parsed[name], parsed)
        except HyperparameterError as error:
            return name, f"{shown}; the image says: {str(error).rstrip('.')}"
        except KeyError as error:
            return name, f"{shown}; give an {error.args[0]} beside it"
    return None


def _allowed(name: str, text: str) -> str:
    """Say which values are allowed, or which known word is near."""
    rule = RULES[name]
    if name in EXAMPLES:
        return EXAMPLES[name]
    if name == "eval_metric":
        return _wrong_item(text, METRICS, rule)
    if isinstance(rule.range, Interval):
        kind = "a whole number," if rule.parse is int else "a number"
        return f"give {kind} {_interval_in_words(rule.range)}"
    return _wrong_item(text, tuple(rule.range), rule)  # type: ignore[arg-type]


def _wrong_item(text: str, known: tuple[str, ...], rule: Rule) -> str:
    """Say which of several comma-separated words is wrong, and which is near."""
    if wrong := [one for one in text.split(",") if "@" not in one and one not in known]:
        if wrong[0].strip() in known:
            return "separate them by commas, without blanks"
        return did_you_mean(wrong[0].strip(), set(known))
    try:
        rule.validate("", rule.parse(text))
    except HyperparameterError as error:
        return str(error).rstrip(".")
    return did_you_mean(text, set(known))


def _interval_in_words(interval: Interval) -> str:
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
