"""Models that take raw records: their features.py, their rows, and what trains them."""

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from embedded_aws import images
from model_packages import IMAGE, ignore

from lifecycle.approval import approve
from lifecycle.aws import client, role, run_uri
from lifecycle.data import load_prepared, read_raw, split, write_splits
from lifecycle.evaluation import predict_as_served
from lifecycle.registration.packages import Package
from lifecycle.registry import register
from lifecycle.training import (
    TrainingJob,
    base_job_name,
    run_training,
    sagemaker_session,
    source_code,
)

SKLEARN = (
    "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
)
FEATURES = """
import json
from pathlib import Path

import pandas as pd

SEXES = ["F", "M", "größer"]
UNITS = json.loads(Path(__file__).with_name("units.json").read_text())


def transform(raw):
    table = pd.DataFrame({f"sex_{one}": raw["sex"].eq(one) for one in SEXES})
    table["length"] = raw["length"] * UNITS["mm"]
    # A number with a point would be longer.
    table["digits"] = raw["code"].astype(str).str.len()
    table["alive"] = raw["alive"].eq(True).astype(int)
    return table
"""
COLUMNS = ["sex", "length", "code", "alive"]
NAMES = ["sex_F", "sex_M", "sex_größer", "length", "digits", "alive"]
SCRIPT = """
import json
import os
import pathlib

import numpy as np
import pandas as pd

from features import transform


def main():
    file = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv")
    rows = pd.read_csv(file, header=None)
    folder = pathlib.Path(os.environ["SM_MODEL_DIR"])
    means = {"mean": rows[0].mean(), "factor": 2.0, "function": transform.__name__}
    (folder / "means.json").write_text(json.dumps(means))


def model_fn(model_dir):
    return json.loads(pathlib.Path(model_dir, "means.json").read_text())


def predict_fn(rows, model):
    assert rows.shape[1] == 6
    return model["mean"] + model["factor"] * np.nan_to_num(rows[:, 3])


if __name__ == "__main__":
    main()
"""


def use_image(name: str = "xgboost:3.2-0") -> None:
    """Let an image be on this machine: its environment is that of the tests."""
    images.use_environment(name, Path(sys.prefix, "bin", "python"))


def write_model(folder: Path, features: str = FEATURES) -> Path:
    """Write a model's folder: features.py, what it reads, and what does not travel."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.yaml").write_text(f"name: {folder.name}\n")
    (folder / "prepare.ipynb").write_text("{}")
    (folder / "units.json").write_text('{"mm": 0.001}')
    (folder / "features.py").write_text(features)
    return folder


def load_features(folder: Path) -> ModuleType:
    """Import a model's features.py, as its notebook does, whatever was before."""
    spec = importlib.util.spec_from_file_location("features", folder / "features.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["features"] = module
    spec.loader.exec_module(module)
    return module


def make_rows(count: int, seed: int = 1) -> pd.DataFrame:
    """Draw animals: sex, length, a code, whether alive, and the age to predict."""
    draw = np.random.default_rng(seed)
    length = draw.uniform(1, 900, count).round(3)
    sex = draw.choice(["F", "M", "größer"], count)
    rows = pd.DataFrame(
        {
            "sex": np.where(draw.random(count) < 0.05, None, sex),
            "length": np.where(draw.random(count) < 0.1, np.nan, length),
            "code": draw.integers(1, 2000, count),
            "alive": draw.random(count) < 0.5,
        }
    )
    age = length / 100 + 3 * (sex == "F") + rows["alive"]
    return rows.assign(age=age.round(3))


def prepare(
    model: str, run_id: str, folder: Path, *, count: int = 300, held_out: float = 0.5
) -> dict[str, Any]:
    """Do what a model's prepare notebook does, and return its results."""
    transform = load_features(folder).transform
    rows = make_rows(count)
    raw = rows[COLUMNS]
    table = pd.concat([rows["age"], transform(raw)], axis=1)
    splits = split(table, key=rows, held_out=held_out)
    return write_splits(model, {"run_id": run_id}, splits, raw=raw, transform=transform)


class Trainer:
    """Does what the SDK's ModelTrainer does."""

    source_code = None

    def __init__(self, model: str, run_id: str, **hyperparameters: str) -> None:
        self.hyperparameters = {"num_round": "10", "max_depth": "4"} | hyperparameters
        self.base_job_name = f"{model}-{run_id}"
        self.output = run_uri(model, run_id, "model")

    def train(self, input_data_config: list[Any], wait: bool, logs: bool) -> None:
        """Start the job."""
        name = f"{self.base_job_name}-{datetime.now(UTC):%Y%m%d%H%M%S}"
        self._latest_training_job = SimpleNamespace(training_job_name=name)
        client("sagemaker").create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
            },
            RoleArn=role(),
            InputDataConfig=input_data_config,
            OutputDataConfig={"S3OutputPath": self.output},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            HyperParameters=self.hyperparameters,
        )


def train(
    model: str, run_id: str, prepared: dict[str, Any], **hyperparameters: str
) -> TrainingJob:
    """Train the built-in XGBoost on what was prepared."""
    source = {"S3DataType": "S3Prefix", "S3Uri": prepared["train"]}
    channel = {
        "ChannelName": "train",
        "ContentType": "text/csv",
        "DataSource": {"S3DataSource": source},
    }
    return run_training(
        Trainer(model, run_id, **hyperparameters),
        [channel],
        wait_seconds=60,
        prepared=prepared,
        on_progress=ignore,
    )


def train_script(
    model: str, run_id: str, prepared: dict[str, Any], source: str
) -> TrainingJob:
    """Train by a script of the folder that is the current one, in the sklearn image."""
    from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
    from sagemaker.train import ModelTrainer

    trainer = ModelTrainer(
        sagemaker_session=sagemaker_session(),
        role=role(),
        base_job_name=base_job_name(model, run_id),
        training_image=SKLEARN,
        source_code=source_code(source),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        output_data_config=OutputDataConfig(
            s3_output_path=run_uri(model, run_id, "model")
        ),
    )
    channel = InputData(
        channel_name="train", data_source=prepared["train"], content_type="text/csv"
    )
    return run_training(
        trainer, [channel], wait_seconds=60, prepared=prepared, on_progress=ignore
    )


@dataclass(frozen=True, kw_only=True)
class Version:
    """A registered and approved version, and what it was made from."""

    prepared: dict[str, Any]
    job: TrainingJob
    package: Package
    records: Sequence[Any]
    predictions: np.ndarray[Any, Any]


def make_version(model: str, run_id: str, folder: Path, count: int = 300) -> Version:
    """Prepare, train, evaluate, register and approve a version."""
    run: Any = {"run_id": run_id, "fingerprint": "f" * 64, "gates": {}}
    run["prepare"] = prepare(model, run_id, folder, count=count)
    prepared = load_prepared(model, run)
    job = train(model, run_id, prepared)
    records = read_raw(prepared) or []
    features = pd.DataFrame(0.0, index=range(len(records)), columns=NAMES)
    predictions = predict_as_served(job, features, records)
    golden = (features, predictions)
    package = register(model, run, job, metrics={"rmse": 1.0}, golden=golden)
    return Version(
        prepared=prepared,
        job=job,
        package=approve(model, arn=package.arn),
        records=records,
        predictions=predictions,
    )
