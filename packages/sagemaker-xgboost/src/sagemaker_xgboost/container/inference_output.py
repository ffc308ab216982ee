"""The answers that SAGEMAKER_INFERENCE_OUTPUT selects."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Value = float | int | list[int] | list[float]
Selected = dict[str, Value]

SCORE_KEYS = ("predicted_score",)
LABEL_KEYS = ("predicted_label", "labels")
PROBABILITY_KEYS = ("probability", "probabilities")
RAW_KEYS = ("raw_score", "raw_scores")

KEYS: Mapping[str, tuple[str, ...]] = {
    "reg:squarederror": SCORE_KEYS,
    "reg:logistic": SCORE_KEYS,
    "reg:gamma": SCORE_KEYS,
    "reg:tweedie": SCORE_KEYS,
    "binary:logistic": (*LABEL_KEYS, *PROBABILITY_KEYS, *RAW_KEYS),
    "binary:logitraw": (*LABEL_KEYS, *RAW_KEYS),
    "binary:hinge": (*LABEL_KEYS, *RAW_KEYS),
    "multi:softmax": (*LABEL_KEYS, *RAW_KEYS),
    "multi:softprob": (*LABEL_KEYS, *PROBABILITY_KEYS, *RAW_KEYS),
}


def parse_keys(setting: str) -> list[str]:
    """Read the keys from the value of the environment variable."""
    return setting.replace(" ", "").lower().split(",")


def select(
    predictions: Any, keys: Sequence[str], objective: str, classes: str
) -> list[Selected]:
    """Answer every row with the keys that were asked for; NaN where they do not fit."""
    if objective not in KEYS:
        raise ValueError(
            f"Objective `{objective}` unsupported for selectable inference predictions."
        )
    fitting = [key for key in KEYS[objective] if key in keys]
    others = dict.fromkeys(key for key in keys if key not in KEYS[objective])
    return [
        {key: value_of(key, row, objective, classes) for key in fitting}
        | dict.fromkeys(others, math.nan)
        for row in predictions
    ]


def value_of(key: str, row: Any, objective: str, classes: str) -> Value:
    """Compute one key for one row."""
    if key == "labels":
        return [0, 1] if "binary:" in objective else list(range(int(classes)))
    if key == "predicted_label":
        return predicted_label(row, objective)
    if key in ("probabilities", "raw_scores"):
        return scores(row)
    return score(row)


def predicted_label(row: Any, objective: str) -> float | int:
    """Name the class of a row."""
    if objective == "multi:softprob":
        return int(row.argmax())
    if objective == "binary:logistic":
        return int(row > 0.5)
    if objective == "binary:logitraw":
        return int(row > 0)
    return float(row)


def score(row: Any) -> float:
    """Give the score of a row, that of its winning class when it has several."""
    return float(row.max().item())


def scores(row: Any) -> list[float]:
    """Give the scores of all classes."""
    if row.ndim:
        return [float(value) for value in row.tolist()]
    one = row.item()
    return [1.0 - one, one]
