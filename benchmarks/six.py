"""The six notebooks of both models, and what each has to be given."""

import sys
from collections.abc import Iterator
from pathlib import Path

from runner import STAGES
from runner.pipeline.plan import new_run_id
from runner.spec.models import find_notebook, list_models

BIN = Path(sys.executable).parent
RUNNER = (sys.executable, "-m", "runner", "run", "--target", "local", "--json")


def notebooks(root: Path) -> Iterator[tuple[str, str, Path, dict[str, str]]]:
    """List model, stage, notebook and the parameters that its defaults lack."""
    run_id = new_run_id()
    for model in list_models(root):
        for stage in STAGES:
            given = {"model": model, "run_id": run_id}
            if stage == "train-register":
                given["approval"] = "pre-approved"
            if stage == "deploy":
                del given["run_id"]
                given["task"] = "binary" if model == "churn" else "regression"
            yield model, stage, find_notebook(root, model, stage), given
