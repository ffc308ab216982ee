"""The six notebooks of both sample models, and what each has to be given."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner import STAGES
from runner.pipeline.plan import new_run_id
from runner.spec.models import find_notebook

BIN = Path(sys.executable).parent
MODELS = {"abalone": "regression", "churn": "binary"}
RUNNER = (sys.executable, "-m", "runner", "run", "--target", "local", "--json")
RUN_BOTH = (*RUNNER, *MODELS)


def notebooks(root: Path) -> Iterator[tuple[str, str, Path, dict[str, Any]]]:
    """Yield model, stage, notebook and the parameters that its defaults lack."""
    run = {"run_id": new_run_id(), "approval": "pre-approved"}
    for model, task in MODELS.items():
        for stage in STAGES:
            given = {"model": model, "run": run}
            if stage == "deploy":
                given["task"] = task
            yield model, stage, find_notebook(root, model, stage, task), given
