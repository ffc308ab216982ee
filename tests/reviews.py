"""Write into a folder what a run leaves there, without running anything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import toys
from comparisons import comparison

from lifecycle.evaluation import LiveScore
from lifecycle.evaluation_output import EVALUATION_MIME, EvaluationOutput
from lifecycle.gates import evaluate_gates
from lifecycle.statistics.comparison import Estimate, SliceGroup
from lifecycle.statistics.decision import OUTCOMES, Decision, confusion
from lifecycle.statistics.leaks import Leaks
from lifecycle.training import TrainingJob

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'
STARTED = "2026-11-23T05:36:33+00:00"
GATES = {"rmse": {"max": 2.5, "worse_than_live": 0.05}}
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9aw"
    "AAAABJRU5ErkJggg=="
)


@dataclass(frozen=True, kw_only=True)
class Live:
    """What a score says of the live version."""

    version: int = 1
    package: str = "arn:aws:sagemaker:eu-west-1:1:model-package/toy/1"
    run_id: str = "20261101000000-aaaaaa"


JOB = TrainingJob(
    name="toy-job",
    image="image",
    model_data="s3://bucket/model.tar.gz",
    seconds=125,
    billable_seconds=100,
)


def evaluation(
    rmse: float = 2.0,
    live: float | None = None,
    gates: Mapping[str, Any] = GATES,
    reason: str = "",
    margin: float = 0.0,
    importance: Mapping[str, float] | None = None,
    **more: float,
) -> EvaluationOutput:
    """Evaluate a candidate with this error, beside a live model with that one.

    Args:
        margin: half the interval of the difference.
    """
    score = None
    if live is not None or reason:
        live_state: Any = Live()
        score = LiveScore(live=live_state, reason=reason)
        if live is not None:
            compare(score, "rmse", rmse, live, margin)
    metrics = {"rmse": rmse, **more}
    intervals = {"rmse": Estimate(value=rmse, low=rmse - 0.1, high=rmse + 0.1)}
    return EvaluationOutput(
        metrics=metrics,
        intervals=intervals,
        features=features(importance) if importance else None,
        verdicts=evaluate_gates(metrics, gates, score, intervals=intervals),
        live=score,
        job=JOB,
        test_rows=50,
    )


def features(importance: Mapping[str, float]) -> pd.DataFrame:
    """Make the table of features with these shares of the SHAP values."""
    shares = pd.Series(importance, name="importance").rename_axis("feature")
    return shares.to_frame().assign(mean_shap=shares, direction="raises")


def with_findings(
    evaluated: EvaluationOutput, text: str = "text", **changed: Any
) -> EvaluationOutput:
    """Add all that a notebook can find; every text in it is `text`."""
    estimate = Estimate(value=2.5, low=2.0, high=3.0)
    group = SliceGroup(column=text, group=text, rows=40, metrics={"rmse": estimate})
    small = SliceGroup(column=text, group=f"few {text}", rows=5, metrics={})
    calibrated = {"rows": [40], "predicted": [2.0], "observed": [3.0], "low": [2.5]}
    rows = pd.DataFrame({text: [text], "truth": [1.0]}, [123456]).rename_axis("row")
    chosen = Decision(threshold=0.25, costs=dict.fromkeys(OUTCOMES, 1.0), unit=text)
    found: dict[str, Any] = {
        "slices": [group, small],
        "calibration": pd.DataFrame(
            calibrated | {"high": [3.5], "answer": ["too low"]}, [text]
        ).rename_axis("prediction"),
        "confusion": confusion([0, 0, 1], [0.1, 0.7, 0.9], chosen) | {"cost": 0.5},
        "features": features({text: 0.6, "other": 0.4}),
        "worst": rows,
        "disagreements": rows,
        "leaks": Leaks(test_rows=50, shared_rows=0, distinct=1.0),
        "looks": 3,
    }
    return replace(evaluated, **(found | changed))


def compare(
    score: LiveScore, metric: str, candidate: float, live: float, margin: float = 0.0
) -> None:
    """Add a comparison to the score of a live model."""
    low, high = candidate - live - margin, candidate - live + margin
    one = comparison(candidate, live, low, high, metric=metric, rows=50)
    comparisons: Any = score.comparisons
    metrics: Any = score.metrics
    comparisons[metric], metrics[metric] = one, live
    object.__setattr__(score, "rows", 50)


def output_cells(
    evaluated: EvaluationOutput | None = None, figure: str = PIXEL
) -> list[toys.Cell]:
    """Make the cells that show an evaluation and a figure."""
    png = {"output_type": "display_data", "metadata": {}, "data": {"image/png": figure}}
    cells = [toys.text("## How good it is"), toys.code("plot()", outputs=[png])]
    if evaluated:
        data = {"text/plain": "a table", EVALUATION_MIME: evaluated.data()}
        table = {"output_type": "display_data", "metadata": {}, "data": data}
        cells += [toys.text("## Its bounds"), toys.code("show()", outputs=[table])]
    return cells


def write_stage(
    folder: Path,
    stage: str,
    *,
    results: Mapping[str, Any] | None = None,
    status: str = "succeeded",
    cells: list[toys.Cell] | None = None,
    **more: Any,
) -> Path:
    """Write a stage's notebook, HTML and JSON."""
    toys.write(folder / f"{stage}.ipynb", *(cells or output_cells()))
    page = f"<!DOCTYPE html><title>{stage}</title><p id='failed'>{stage}</p>"
    (folder / f"{stage}.html").write_text(page)
    record = {"model": folder.name, "stage": stage, "run_id": "20261123053633-a1b2c3"}
    record |= {"started": STARTED, "seconds": 3.0, "commit": "c0ffee" * 6, "ci_url": ""}
    record |= {"notebook": f"notebooks/{stage}.ipynb", "parameters": {}}
    record |= {"fingerprint": "f" * 64, "error": None} | more
    return write(
        folder / f"{stage}.json", record | {"status": status, "results": results}
    )


def write_training(folder: Path, evaluated: EvaluationOutput, **more: Any) -> Path:
    """Write a training that registered version 2."""
    results = {"package": "arn:aws:p/toy/2", "version": 2, "training_job": "toy-job"}
    results |= {"approval_status": "PendingManualApproval"}
    results |= {"metrics": dict(evaluated.metrics), "gates": {"rmse": "passed"}}
    parameters = {"gates": GATES, "instance_type": "ml.m5.large", "instance_count": 1}
    given = {
        "results": results,
        "parameters": parameters,
        "cells": output_cells(evaluated),
    }
    return write_stage(folder, "train-register", **(given | more))


def write(path: Path, content: Any) -> Path:
    """Write JSON."""
    path.write_text(json.dumps(content))
    return path


def source(code: str = "x = 1", **settings: Any) -> dict[str, Any]:
    """Make the record of what was run."""
    cells = [
        {"heading": "Reading", "source": "import this"},
        {"heading": "Cleaning", "source": code},
        {"heading": "The end", "source": "JSON({})"},
    ]
    return {
        "settings": {"hyperparameters": {"eta": 0.2}, "gates": GATES} | settings,
        "given": {},
        "notebooks": {"prepare": {"path": "prepare.ipynb", "cells": cells}},
        "dependencies": {"pandas": "3.0.0", "numpy": "2.4.0"},
        "branch": "deeper",
        "subject": "Try deeper trees",
        "workflow": "",
        "pull_request": "",
    }


def write_run(folder: Path, text: str = "text") -> None:
    """Write a run with all evidence; every text in it is `text`."""
    evaluated = evaluation(2.0, live=2.2, **{f"m{text}": 1.0})
    weak = features({text: 0.01})
    evaluated = with_findings(evaluated, text, features=weak)
    write_stage(
        folder,
        "prepare",
        results={
            "rows": {"train": 70, "validation": 15, "test": 15},
            "data_sha256": text,
            "train": text,
        },
        parameters={text: text},
    )
    cells = output_cells(evaluated)
    cells[0]["source"] = f"## {text}"
    write_training(folder, evaluated, cells=cells, commit=text, ci_url=text)
    after = source(code=text, **{text: text})
    after |= {"branch": text, "subject": text, "pull_request": text, "workflow": text}
    after["dependencies"] = {text: text}
    after["notebooks"]["prepare"]["cells"][1]["heading"] = text
    write(folder / "source.json", after)
    column = {"missing": 0.0, "mean": 1.0, "std": 1.0, "values": [[0, 5], [1, 5]]}
    moved = column | {"values": [[0, 1], [1, 9]]}
    write(folder / "data-summary.json", {"rows": 70, "columns": {text: column}})
    baseline = {
        "version": 1,
        "package": text,
        "source": source(),
        "parameters": {},
        "data-summary": {"rows": 70, "columns": {text: moved}},
        "data_sha256": "other",
        "rows": {"train": 60},
    }
    write(folder / "baseline.json", baseline)
