"""One host of a distributed training job, as a process of its own."""

import json
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagemaker_xgboost.container.engine import load_engine
from sagemaker_xgboost.container.job import load_matrices, read_job
from sagemaker_xgboost.container.logs import configure_logging, paths_of
from sagemaker_xgboost.container.outcome import Outcome
from sagemaker_xgboost.container.training import train_models

TIMEOUT_SECONDS = 300


def end_with_parent() -> None:
    """End this process once the pipe to the one that started it closes."""

    def wait() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def run_host(root: Path, links: Path, call: dict[str, Any]) -> None:
    """Read this host's data, then meet the others and train with them."""
    # The first host has logged all of this already.
    logging.disable(logging.INFO)
    job = read_job(root)
    logging.disable(logging.NOTSET)
    matrices = load_matrices(job, call["host"], links)
    with load_engine().collective.CommunicatorContext(
        **call["join"], dmlc_task_id=str(call["task"]), dmlc_timeout=TIMEOUT_SECONDS
    ):
        train_models(
            job.hyperparameters,
            matrices,
            job.model_dir,
            job.output_dir,
            is_master=call["task"] == 0,
        )


def main(arguments: Sequence[str]) -> int:
    """Train as one of several hosts, and return the exit code."""
    call = json.loads(arguments[0])
    root, links = Path(call["root"]), Path(call["links"])
    paths = paths_of(root, links)
    configure_logging(paths)
    end_with_parent()
    with Outcome(Path(call["report"]), paths) as outcome:
        run_host(root, links, call)
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
