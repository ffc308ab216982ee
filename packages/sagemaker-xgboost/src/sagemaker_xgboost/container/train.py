"""A training job as its configuration files describe it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagemaker_xgboost.container.channels import (
    Channel,
    data_format,
    is_piped,
    validate_channels,
)
from sagemaker_xgboost.container.data import load_matrix, refuse_pipe
from sagemaker_xgboost.container.exceptions import UserError
from sagemaker_xgboost.container.files import (
    Shard,
    refuse_hidden,
    shard_of,
    warn_of_duplicates,
)
from sagemaker_xgboost.container.formats import validate_format
from sagemaker_xgboost.container.gpu import refuse_dask
from sagemaker_xgboost.container.hyperparameters import validate_hyperparameters
from sagemaker_xgboost.container.training import Matrices


@dataclass(frozen=True, kw_only=True)
class Job:
    """A validated training job: its parameters, its channels, its hosts."""

    root: Path
    hyperparameters: dict[str, Any]
    channels: dict[str, Channel]
    hosts: tuple[str, ...]

    @property
    def model_dir(self) -> Path:
        """Locate the folder that becomes model.tar.gz."""
        return self.root / "model"

    @property
    def output_dir(self) -> Path:
        """Locate the folder that becomes output.tar.gz."""
        return self.root / "output" / "data"

    def channel_path(self, name: str) -> Path:
        """Locate the files of a channel."""
        return self.root / "input" / "data" / name

    def shard(self, name: str, host: int) -> Shard:
        """Take the files of a channel that a host receives."""
        path = self.channel_path(name)
        if self.channels[name]["S3DistributionType"] == "ShardedByS3Key":
            return shard_of(path, host, len(self.hosts))
        return shard_of(path)


def read_config(root: Path, name: str) -> Any:
    """Read one configuration file."""
    return json.loads((root / "input" / "config" / f"{name}.json").read_text())


def read_job(root: Path) -> Job:
    """Read and validate a training job, in the order of the image's own checks."""
    given = read_config(root, "hyperparameters")
    channels = read_config(root, "inputdataconfig")
    refuse_script(given)
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
    check_setting(job)
    return job


def refuse_script(given: Mapping[str, Any]) -> None:
    """Refuse script mode: only the built-in algorithm runs here."""
    if "sagemaker_program" in given:
        raise UserError(
            "Script mode is not supported on the embedded AWS: train with the built-in "
            "algorithm, without the hyperparameter sagemaker_program, or on AWS."
        )


def check_setting(job: Job) -> None:
    """Check what hyperparameters, channels and hosts say together."""
    piped = is_piped(job.channels)
    if "validation" in job.channels and not piped:
        warn_of_duplicates(job.channel_path("train"), job.channel_path("validation"))
    logging.info("Determined 0 GPU(s) available on the instance.")
    if job.hyperparameters.pop("use_dask_gpu_training", "false") == "true":
        refuse_dask(job.channels, len(job.hosts))
    if piped:
        refuse_pipe(data_format(job.channels))


def load_matrices(job: Job, host: int, links: Path) -> Matrices:
    """Read the data of one host, train first."""
    kind = data_format(job.channels)
    weights = job.hyperparameters.get("csv_weights", 0)
    names = [name for name in ("train", "validation") if name in job.channels]
    shards = {name: job.shard(name, host) for name in names}
    for shard in shards.values():
        refuse_hidden(shard)
    filled = {name: shard for name, shard in shards.items() if shard.size}
    for shard in filled.values():
        validate_format(shard, kind)
    matrices = {
        name: load_matrix([shard], kind, links, csv_weights=weights)
        for name, shard in filled.items()
    }
    for name, word in (("train", "training"), ("validation", "validation")):
        if name in shards and name not in matrices:
            path = job.channel_path(name)
            raise UserError(f"No data in {word} channel path {path}")
    both = matrices["train"]
    if "_kfold" in job.hyperparameters and len(filled) > 1:
        logging.info("Read both train and validation data into one DMatrix")
        both = load_matrix(list(filled.values()), kind, links, csv_weights=weights)
    return Matrices(
        train=matrices["train"], validation=matrices.get("validation"), both=both
    )
