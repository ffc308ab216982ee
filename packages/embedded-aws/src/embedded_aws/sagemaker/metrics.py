"""The metrics that the platform reads from the log of the built-in XGBoost."""

import re
import struct
from collections.abc import Sequence
from datetime import datetime

from embedded_aws.sagemaker.resources import Values

NAMES = (
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


def definitions() -> list[Values]:
    """List the MetricDefinitions that SageMaker fills in."""
    return [
        {
            "Name": f"{channel}:{name}",
            "Regex": rf".*\[[0-9]+\].*#011{channel}-{name}:{NUMBER}.*",
        }
        for channel in ("train", "validation")
        for name in NAMES
    ]


def final(lines: Sequence[tuple[datetime, str]]) -> list[Values]:
    """Give the last value of every metric that the log lines show."""
    # A definition's pattern starts with ".*", slow to try on each of many lines:
    # only the lines of rounds come into question, the latest first.
    rounds = [(t, line) for t, line in lines if line.startswith("[") and "#011" in line]
    return list(filter(None, (last(d, rounds) for d in definitions())))


def last(definition: Values, lines: Sequence[tuple[datetime, str]]) -> Values | None:
    """Give the last value of one metric."""
    marker = "#011" + definition["Name"].replace(":", "-", 1) + ":"
    for time, line in reversed(lines):
        if marker in line and (match := re.match(definition["Regex"], line)):
            value = single_precision(float(match[1]))
            name = definition["Name"]
            return {"MetricName": name, "Value": value, "Timestamp": time}
    return None


def single_precision(value: float) -> float:
    """Round a number to 32 bits, which is how the platform keeps it."""
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded
