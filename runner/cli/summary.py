"""What a run ends with: one table over all its models, and what to open."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from runner.cli.ended import Outcome
from runner.cli.output import print_table
from runner.review.page import PAGE

HEADER = ["model", "", "gated metrics", "version", "prediction / truth", "time"]


def print_summary(outcomes: Sequence[Outcome], root: Path) -> None:
    """Print how each model's run ended, and the page to open."""
    print_table("", HEADER, [_row(outcome) for outcome in outcomes])
    # One page leads to those of all models.
    page = Path("build", outcomes[0].model if len(outcomes) == 1 else "", PAGE)
    if (root / page).is_file():
        click.echo(f"open {page.as_posix()}")


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
    return [
        outcome.model,
        "failed" if outcome.error else "succeeded",
        _metrics(results),
        str(results.get("version", "")),
        _sample(results.get("predictions", [])),
        f"{sum(outcome.seconds.values()):.0f} s",
    ]


def _metrics(results: Mapping[str, Any]) -> str:
    """Quote the metrics that have a gate; the page has all of them."""
    metrics, gates = results.get("metrics", {}), results.get("gates", {})
    return "  ".join(
        f"{name} {value:.4g}" for name, value in metrics.items() if name in gates
    )


def _sample(predictions: Sequence[dict[str, float]]) -> str:
    if not predictions:
        return ""
    return f"{predictions[0]['prediction']:.4g} / {predictions[0]['truth']:.4g}"
