"""Which metrics a training job computes, and which of them stops it early."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sagemaker_xgboost.container.metrics import CUSTOM_METRICS, Evaluate, evaluate_with


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The metrics that xgboost computes, those the image does, and the one to watch."""

    builtin: tuple[str, ...] = ()
    custom: Evaluate | None = None
    watched: str | None = None


def choose_evaluation(parameters: dict[str, Any]) -> Evaluation:
    """Take the metrics out of the hyperparameters, and sort them by who computes."""
    listed = parameters.pop("eval_metric", None)
    tuned = tuning_metric(parameters.pop("_tuning_objective_metric", None))
    names = unite(tuned, listed)
    custom = [name for name in names if name in CUSTOM_METRICS]
    return Evaluation(
        builtin=tuple(name for name in names if name not in custom),
        custom=evaluate_with(custom) if custom else None,
        watched=(tuned or listed or [None])[-1],
    )


def tuning_metric(objective: str | None) -> list[str] | None:
    """Name the metric that a tuning job maximizes or minimizes."""
    if objective is None:
        return None
    name = objective.split(":")[1]
    logging.info("Setting up HPO optimized metric to be : %s", name)
    return name.split(",")


def unite(tuned: Sequence[str] | None, listed: Sequence[str] | None) -> list[str]:
    """Join both lists; where both are given the order is that of the names."""
    if tuned and listed:
        return sorted({*tuned, *listed})
    return list(tuned or listed or [])
