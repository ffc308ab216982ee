"""The metrics of training jobs: their definitions, and what a log shows of them."""

import math
import re
import struct
from collections.abc import Sequence
from datetime import datetime

from moto.sagemaker.exceptions import ValidationError

from embedded_aws.sagemaker.resources import Values

METRICS = (
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "cox-nloglik",
    "error",
    "f1",
    "f1_binary",
    "f1_macro",
    "gamma-deviance",
    "gamma-nloglik",
    "logloss",
    "mae",
    "map",
    "mape",
    "merror",
    "mlogloss",
    "mse",
    "ndcg",
    "poisson-nloglik",
    "precision",
    "precision_macro",
    "precision_micro",
    "r2",
    "recall",
    "recall_macro",
    "recall_micro",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)
NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"


def check_metric_definitions(algorithm: Values) -> None:
    """Raise AWS's error for metrics that a built-in algorithm does not take."""
    if algorithm.get("MetricDefinitions"):
        raise ValidationError(
            "You can't override the metric definitions for Amazon SageMaker "
            "algorithms. Please retry the request without specifying metric "
            "definitions."
        )


def check_metric_patterns(algorithm: Values) -> None:
    """Raise an error for a metric whose pattern cannot be read."""
    for definition in algorithm.get("MetricDefinitions", []):
        try:
            groups = re.compile(definition["Regex"]).groups
        except re.error as error:
            raise ValidationError(
                f"Invalid regex for metric {definition['Name']}: {error}"
            ) from error
        if not groups:
            raise ValidationError(
                f"Invalid regex for metric {definition['Name']}: it needs a group, "
                "which is the value"
            )


def metric_definitions() -> list[Values]:
    """Return the MetricDefinitions that SageMaker adds for the built-in XGBoost."""
    return [
        {
            "Name": f"{channel}:{metric}",
            "Regex": rf".*\[[0-9]+\].*#011{channel}-{metric}:{NUMBER}.*",
        }
        for channel in ("train", "validation")
        for metric in METRICS
    ]


def final_metrics(
    definitions: Sequence[Values], lines: Sequence[tuple[datetime, str]]
) -> list[Values]:
    """Return the last value of every metric that the log lines show."""
    return list(filter(None, (_last_value(d, lines) for d in definitions)))


def _last_value(
    definition: Values, lines: Sequence[tuple[datetime, str]]
) -> Values | None:
    pattern = definition["Regex"]
    marker = ""
    if "#011" in pattern:
        # The built-in algorithm's patterns start with ".*", slow to try on many lines.
        marker = "#011" + definition["Name"].replace(":", "-", 1) + ":"
    for timestamp, line in reversed(lines):
        if marker and not (line.startswith("[") and marker in line):
            continue
        if match := re.search(pattern, line):
            number = _number(match)
            if number is None:
                continue
            # The platform keeps a value with 32 bits.
            (value,) = struct.unpack("f", struct.pack("f", number))
            return {
                "MetricName": definition["Name"],
                "Value": value,
                "Timestamp": timestamp,
            }
    return None


def _number(match: re.Match[str]) -> float | None:
    """Return what a metric's pattern has found, if it is a number of 32 bits."""
    try:
        number = float(match[1])
        struct.pack("f", number)
    except (IndexError, ValueError, TypeError, OverflowError):
        return None
    return number if math.isfinite(number) else None
