"""Run one training job: `python -m sagemaker_xgboost.container.train ROOT`.

ROOT stands for /opt/ml. The exit code and the files in ROOT/output say how it went.
"""

import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sagemaker_xgboost.container.distributed import train_on_hosts
from sagemaker_xgboost.container.job import load_matrices, read_job
from sagemaker_xgboost.container.logs import configure_logging, paths_of
from sagemaker_xgboost.container.outcome import Outcome
from sagemaker_xgboost.container.training import train_models


def run_job(root: Path, links: Path) -> None:
    """Train as the files in the root say."""
    logging.info("Imported framework sagemaker_xgboost_container.training")
    logging.info("No GPUs detected (normal if no gpus installed)")
    logging.info("Running XGBoost Sagemaker in algorithm mode")
    job = read_job(root)
    if len(job.hosts) > 1:
        train_on_hosts(job, links)
        return
    matrices = load_matrices(job, 0, links)
    logging.info("Single node training.")
    train_models(job.hyperparameters, matrices, job.model_dir, job.output_dir)


def main(arguments: Sequence[str]) -> int:
    """Run the job of the given root, and return its exit code."""
    root = Path(arguments[0]).absolute()
    with tempfile.TemporaryDirectory(dir=root) as links:
        paths = paths_of(root, Path(links))
        configure_logging(paths)
        with Outcome(root / "output", paths) as outcome:
            run_job(root, Path(links))
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
