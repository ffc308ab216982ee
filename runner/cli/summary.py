"""What a run ends with: one table over all its models, and what to open."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from runner.cli.ended import Outcome
from runner.cli.output import print_table
from runner.review.page import PAGE

HEADER = ["model", "", "metrics", "version", "endpoint", "prediction / truth", "time"]


def print_summary(outcomes: Sequence[Outcome], root: Path) -> None:
    """Print how each model's run ended, and the page to open."""
    print_table("", HEADER, [_row(outcome) for outcome in outcomes])
    for outcome in outcomes:
        folder = (root / "build" / outcome.model).relative_to(root)
        if (root / folder / PAGE).is_file():
            click.echo(f"open {folder}/{PAGE}")


def outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    """Give an outcome as plain values."""
    return {
        "model": outcome.model,
        "status": "failed" if outcome.error else "succeeded",
        "error": str(outcome.error) if outcome.error else None,
        "results": dict(outcome.results),
        "seconds": {stage: round(s, 3) for stage, s in outcome.seconds.items()},
    }


def _row(outcome: Outcome) -> list[str]:
    results = outcome.results
    metrics = results.get("metrics", {})
    return [
        outcome.model,
        "failed" if outcome.error else "succeeded",
        "  ".join(f"{name} {value:.4g}" for name, value in metrics.items()),
        str(results.get("version", "")),
        results.get("endpoint", ""),
        _sample(results.get("predictions", [])),
        f"{sum(outcome.seconds.values()):.0f} s",
    ]


def _sample(predictions: Sequence[dict[str, float]]) -> str:
    if not predictions:
        return ""
    return f"{predictions[0]['prediction']:.4g} / {predictions[0]['truth']:.4g}"
