"""Training jobs of the container as files under a root that stands for /opt/ml."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sagemaker_xgboost.container.train import load_matrices, read_job
from sagemaker_xgboost.container.train_utils import train_job

Files = Mapping[str, str | bytes]

# The warm Python of the repository's tests, if there is one.
PYTHON = os.environ.get("TESTS_WARM_PYTHON", sys.executable)

# Threads that wait by spinning would slow down the tests beside them.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}

REGRESSION = "1,1,5\n2,2,4\n3,3,3\n4,4,2\n5,5,1\n6,6,0\n"
BINARY = "0,1,5\n0,2,4\n0,3,3\n1,4,2\n1,5,1\n1,6,0\n"


def write_job(
    root: Path,
    hyperparameters: Mapping[str, str],
    channels: Mapping[str, Files],
    *,
    content_type: str | None = "text/csv",
    mode: str = "File",
    distribution: str = "FullyReplicated",
    hosts: tuple[str, ...] = ("algo-1",),
) -> Path:
    """Write configuration and data as SageMaker lays them out."""
    channel = {"TrainingInputMode": mode, "S3DistributionType": distribution}
    if content_type is not None:
        channel["ContentType"] = content_type
    config = root / "input" / "config"
    config.mkdir(parents=True)
    for name, value in {
        "hyperparameters": dict(hyperparameters),
        "inputdataconfig": dict.fromkeys(channels, channel),
        "resourceconfig": {"current_host": hosts[0], "hosts": hosts},
    }.items():
        (config / f"{name}.json").write_text(json.dumps(value))
    for name, files in channels.items():
        folder = root / "input" / "data" / name
        folder.mkdir(parents=True)
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            file.write_bytes(data)
    return root


def train_here(root: Path) -> Path:
    """Train in this process, which saves an import, and return the model's path."""
    job = read_job(root)
    with tempfile.TemporaryDirectory() as links:
        matrices = load_matrices(job, 0, Path(links))
        train_job(job.hyperparameters, matrices, job.model_dir)
    return job.model_dir / "xgboost-model"


def run_job(root: Path) -> subprocess.CompletedProcess[str]:
    """Train in a process of its own, as a training job does."""
    return subprocess.run(
        [PYTHON, "-m", "sagemaker_xgboost.container.train", str(root)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=ENVIRONMENT,
    )


def read_failure(root: Path) -> str:
    """Read why a job failed."""
    return (root / "output" / "failure").read_text()
