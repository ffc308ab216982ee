"""Run one training job: `python -m sagemaker_xgboost.container.train ROOT`.

ROOT is the folder in the place of /opt/ml: it has input/config/*.json and
input/data/<channel>/ as SageMaker lays them out. The model is written to
ROOT/model/xgboost-model; the exit code and a file in ROOT/output, `success` or
`failure`, say how the job ended.
"""

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from sagemaker_xgboost.container.data_utils import (
    Channel,
    Matrix,
    Shard,
    check_data_redundancy,
    get_content_type,
    get_dmatrix,
    get_shard,
    refuse_hidden_files,
    refuse_pipe_mode,
    validate_channels,
    validate_format,
)
from sagemaker_xgboost.container.distributed import (
    Host,
    HostFailedError,
    train_on_hosts,
)
from sagemaker_xgboost.container.train_utils import train_job
from sagemaker_xgboost.exceptions import UserError, hide_paths
from sagemaker_xgboost.hyperparameter_validation import validate_hyperparameters

LOG_FORMAT = "[%(asctime)s:%(levelname)s] %(message)s"
TIME_FORMAT = "%Y-%m-%d:%H:%M:%S"

# What the image does and this package does not, by the hyperparameter that asks for it.
UNSUPPORTED = {
    "_kfold": "cross-validation",
    "_num_cv_round": "cross-validation",
    "use_dask_gpu_training": "GPU training with Dask",
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A validated training job: its hyperparameters, its channels, its hosts."""

    root: Path
    hyperparameters: dict[str, Any]
    channels: dict[str, Channel]
    hosts: tuple[str, ...]

    @property
    def model_dir(self) -> Path:
        """Return the folder that becomes model.tar.gz."""
        return self.root / "model"

    @property
    def data_channels(self) -> list[str]:
        """Name the channels that hold data, train first."""
        return [name for name in ("train", "validation") if name in self.channels]

    def channel_path(self, name: str) -> Path:
        """Return the folder with the files of a channel."""
        return self.root / "input" / "data" / name

    def get_shard(self, name: str, host: int) -> Shard:
        """List the files of a channel that a host receives."""
        path = self.channel_path(name)
        if self.channels[name]["S3DistributionType"] == "ShardedByS3Key":
            return get_shard(path, host, len(self.hosts))
        return get_shard(path)


def read_job(root: Path) -> Job:
    """Read and validate a training job, in the order of the image's own checks.

    Raises UserError or AlgorithmError in the image's words, and, as the image does, a
    KeyError without a train channel.
    """
    given = read_config(root, "hyperparameters")
    channels = read_config(root, "inputdataconfig")
    refuse_script_mode(given)
    if "train" not in channels:
        raise KeyError("SM_CHANNEL_TRAIN")
    hyperparameters = validate_hyperparameters(given)
    if updaters := hyperparameters.get("updater"):
        hyperparameters["updater"] = ",".join(updaters)
    job = Job(
        root=root,
        hyperparameters=hyperparameters,
        channels=validate_channels(channels),
        hosts=tuple(read_config(root, "resourceconfig")["hosts"]),
    )
    train = job.channels["train"]
    if "validation" in job.channels and train["TrainingInputMode"] != "Pipe":
        check_data_redundancy(job.channel_path("train"), job.channel_path("validation"))
    logging.info("Determined 0 GPU(s) available on the instance.")
    refuse_checkpoints(root)
    refuse_unsupported(hyperparameters)
    refuse_pipe_mode(train)
    return job


def read_config(root: Path, name: str) -> Any:
    """Read one of SageMaker's configuration files."""
    return json.loads((root / "input" / "config" / f"{name}.json").read_text())


def refuse_script_mode(given: Mapping[str, Any]) -> None:
    """Refuse script mode: this is the built-in algorithm."""
    if "sagemaker_program" in given:
        raise UserError(
            "Script mode is not supported by sagemaker-xgboost: train with the "
            "built-in algorithm, without the hyperparameter sagemaker_program, or on "
            "AWS."
        )


def refuse_checkpoints(root: Path) -> None:
    """Refuse checkpoints: the image writes only the first and never reads one."""
    if (root / "input" / "config" / "checkpointconfig.json").exists():
        raise UserError(
            "Checkpoints are not supported by sagemaker-xgboost: remove the job's "
            "CheckpointConfig (checkpointconfig.json), or train on AWS."
        )


def refuse_unsupported(hyperparameters: dict[str, Any]) -> None:
    """Refuse hyperparameters that ask for what this package does not do.

    One that is `false` is removed, since xgboost does not know it.
    """
    for name, feature in UNSUPPORTED.items():
        if hyperparameters.pop(name, "false") != "false":
            raise UserError(
                f"Hyperparameter {name}: {feature} is not supported by "
                "sagemaker-xgboost. Remove the hyperparameter, or train on AWS."
            )


def run_job(root: Path, links: Path) -> None:
    """Run the whole job: here, or in one process per host where several have data."""
    logging.info("Imported framework sagemaker_xgboost_container.training")
    logging.info("No GPUs detected (normal if no gpus installed)")
    logging.info("Running XGBoost Sagemaker in algorithm mode")
    job = read_job(root)
    if len(job.hosts) == 1:
        matrices = load_matrices(job, 0, links)
        logging.info("Single node training.")
        train_job(job.hyperparameters, matrices, job.model_dir)
        return
    logging.info(
        "Distributed node training with %s hosts: %s", len(job.hosts), list(job.hosts)
    )
    numbers = find_hosts_with_data(job)
    if not numbers:
        raise RuntimeError("No hosts received training data.")
    if len(numbers) == 1:
        matrices = load_matrices(job, numbers[0], links)
        train_job(job.hyperparameters, matrices, job.model_dir)
        return
    if job.hyperparameters.get("save_model_on_termination") == "true":
        # The hosts' processes end with this one; the model is saved after every round.
        signal.signal(signal.SIGTERM, lambda signum, frame: os._exit(0))
    train_on_hosts(root, numbers, links)


def run_host(root: Path, links: Path, host: Host) -> None:
    """Read one host's data, then train together with the other hosts."""
    host.exit_with_parent()
    # The process that started this one has logged all of this already.
    logging.disable(logging.INFO)
    job = read_job(root)
    logging.disable(logging.NOTSET)
    matrices = load_matrices(job, host.number, links)
    with host.join():
        train_job(
            job.hyperparameters, matrices, job.model_dir, is_master=host.is_master
        )


def find_hosts_with_data(job: Job) -> list[int]:
    """List the numbers of the hosts that take part; warn of all others."""
    found = []
    for number in sorted(range(len(job.hosts)), key=lambda host: job.hosts[host]):
        empty = [n for n in job.data_channels if not job.get_shard(n, number).size]
        for name in empty:
            word = "training" if name == "train" else name
            logging.warning(
                "Host %s does not have %s data. Will broadcast to cluster and this "
                "host %s will not be used in distributed training. Please divide the "
                "%s data across instances properly.",
                job.hosts[number],
                word,
                job.hosts[number],
                word,
            )
        if not empty:
            found.append(number)
    return found


def load_matrices(job: Job, host: int, links: Path) -> dict[str, Matrix]:
    """Read the data of one host: the DMatrix of each channel, train first."""
    kind = get_content_type(job.channels["train"]["ContentType"])
    weights = job.hyperparameters.get("csv_weights", 0)
    shards = {name: job.get_shard(name, host) for name in job.data_channels}
    for shard in shards.values():
        refuse_hidden_files(shard)
    filled = {name: shard for name, shard in shards.items() if shard.size}
    for shard in filled.values():
        validate_format(shard, kind)
    matrices = {
        name: get_dmatrix(shard, kind, links, csv_weights=weights)
        for name, shard in filled.items()
    }
    for name in job.data_channels:
        if name not in matrices:
            word = "training" if name == "train" else name
            raise UserError(f"No data in {word} channel path {job.channel_path(name)}")
    return matrices


class JobReport:
    """Report how a job ended: an empty file `success`, or `failure` with the reason."""

    def __init__(self, output: Path, names: Mapping[str, str]) -> None:
        self.output = output
        self.names = names
        self.exit_code = 0

    def __enter__(self) -> Self:
        """Make the folder to write to."""
        self.output.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Write the file, and suppress the error that it reports."""
        if error is None:
            (self.output / "success").touch()
        if not isinstance(error, Exception):
            return False
        message = hide_paths(describe_failure(error), self.names)
        (self.output / "failure").write_text(message)
        logging.error("Reporting training FAILURE")
        logging.error(message)
        # The image takes the exit code from any error that has an errno.
        self.exit_code = getattr(error, "errno", None) or 1
        return True


def describe_failure(error: Exception) -> str:
    """Describe an error as the image does, but with the last two frames only."""
    if isinstance(error, HostFailedError):
        return str(error)
    # The platform cuts the text off after 1024 characters; the message comes last.
    trace = "".join(traceback.format_exception(error, limit=-2, chain=False))
    return f"framework error: \n{trace}\n{error}"


class ImageFormatter(logging.Formatter):
    """Format a log line as the image does, without the paths of this machine."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__(LOG_FORMAT, TIME_FORMAT)
        self.names = names

    def format(self, record: logging.LogRecord) -> str:
        """Format one line."""
        return hide_paths(super().format(record), self.names)


def configure_logging(names: Mapping[str, str]) -> None:
    """Write log lines and warnings to the standard error, paths hidden."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ImageFormatter(names))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        print(hide_paths(text, names), end="", file=file or sys.stderr, flush=True)

    warnings.showwarning = show


def image_paths(root: Path, links: Path) -> dict[str, str]:
    """Map the job's folders to those of the image."""
    # The folder of links lies inside the root, so it comes first.
    return {str(links): "/tmp/sagemaker_xgboost_input_data", str(root): "/opt/ml"}


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_xgboost.container.train",
        description="Run one training job of SageMaker's built-in XGBoost.",
    )
    parser.add_argument("root", type=Path, help="the folder in the place of /opt/ml")
    parser.add_argument("host", type=Host.from_json, nargs="?", help=argparse.SUPPRESS)
    parsed = parser.parse_args(arguments)
    if not parsed.root.is_dir():
        parser.error(f"no such folder: {parsed.root}")
    return parsed


def main(arguments: Sequence[str]) -> int:
    """Run a job, or one host's part of it, and return the exit code."""
    parsed = parse_arguments(arguments)
    root: Path = parsed.root.absolute()
    host: Host | None = parsed.host
    folder = Path(host.folder) if host else root
    with tempfile.TemporaryDirectory(dir=folder) as links:
        names = image_paths(root, Path(links))
        configure_logging(names)
        with JobReport(folder if host else root / "output", names) as report:
            if host:
                run_host(root, Path(links), host)
            else:
                run_job(root, Path(links))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
