"""Models so small that they are trained, registered and deployed in seconds.

Each predicts `slope * x` for a row of x and x modulo 2, so a prediction tells which
version is live. Their notebooks are their own: they call what the template's call,
but import neither the SageMaker SDK nor XGBoost, which takes longer than all the rest.
"""

from collections.abc import Sequence
from pathlib import Path

import toys

SPEC = """\
name: {name}
description: Predicts {name} from nothing much.
task: regression
data: s3://bucket/none.csv
approval: {approval}
training:
  hyperparameters: {{objective: "reg:squarederror", num_round: {rounds}, eta: 0.9}}
gates: {{rmse: {{max: 2.5}}}}
endpoint: {{instance_type: ml.m5.large}}
"""

PREPARE = """\
from hashlib import sha256

from IPython.display import JSON

from lifecycle.aws import run_uri
from lifecycle.s3 import write_bytes

rows = "".join(f"{slope * x},{x},{x % 2}\\n" for x in range(40)).encode()
written = {
    name: write_bytes(run_uri(model, run, name, f"{name}.csv"), rows)
    for name in ("train", "validation", "test")
}"""

START = """\
import os
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

from IPython.display import JSON

from lifecycle.aws import client, role, run_uri
from lifecycle.data import load_prepared
from lifecycle.registry import create_package, register
from lifecycle.training import base_job_name, run_training

# For a test that kills this kernel.
Path(os.environ.get("SAGEMAKER_KERNEL_PID", os.devnull)).write_text(str(os.getpid()))
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
prepared = load_prepared(model, run)"""

TRAINER = """\
class Trainer:
    # Does what the SDK's ModelTrainer does.
    base_job_name = base_job_name(model, run)
    source_code = None

    def train(self, input_data_config, wait, logs):
        name = f"{self.base_job_name}-{datetime.now():%Y%m%d%H%M%S}"
        self._latest_training_job = SimpleNamespace(training_job_name=name)
        client("sagemaker").create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={
                "TrainingImage": IMAGE, "TrainingInputMode": "File"
            },
            RoleArn=role(),
            InputDataConfig=input_data_config,
            OutputDataConfig={"S3OutputPath": run_uri(model, run, "model")},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            HyperParameters={k: str(v) for k, v in hyperparameters.items()},
        )


source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": prepared["train"]}}
channel = {"ChannelName": "train", "ContentType": "text/csv", "DataSource": source}
job = run_training(Trainer(), [channel], wait_seconds=60)"""

# Without golden records, which XGBoost would have to predict, here and at each deploy.
REGISTER = """\
package = create_package(
    model,
    image=IMAGE,
    model_data=job.model_data,
    metrics={"rmse": 0.1},
    metadata={
        "fingerprint": run["fingerprint"],
        "commit": run["commit"],
        "run_id": run["run_id"],
        "training_job": job.name,
        "data_sha256": prepared["data_sha256"],
        "ci_url": run["ci_url"],
    },
    approval=run["approval"],
)"""

# With them, as the template's notebooks.
REGISTER_GOLDEN = """\
import pandas as pd

from lifecycle.evaluation import load_booster, predict

features = pd.DataFrame([[float(x), float(x % 2)] for x in range(4)])
booster = load_booster(job.model_data, job.archive_sha256)
predictions = predict(booster, features)
package = register(
    model,
    run,
    job,
    metrics={"rmse": 0.1},
    golden=(features, predictions),
)"""

DEPLOY = """\
import os
from pathlib import Path

from IPython.display import JSON

from lifecycle.approval import find_approved
from lifecycle.deploy import deploy
from lifecycle.endpoint import read_state
from lifecycle.registry import fingerprint_of

# For a test that kills this kernel.
Path(os.environ.get("SAGEMAKER_KERNEL_PID", os.devnull)).write_text(str(os.getpid()))
approval = run.get("approval", "manual")
package = find_approved(model, fingerprint_of(model, run), approval)
before = read_state(model)
after = deploy(
    package, endpoint=endpoint, approval=approval, wait_seconds=wait_seconds
)"""

DEPLOYED = """\
JSON(
    {
        "endpoint": after.name,
        "endpoint_config": after.config,
        "package": package.arn,
        "version": package.version,
        "changed": before is None or before.config != after.config,
    }
)"""


def notebook(parameters: Sequence[str], *cells: str) -> list[toys.Cell]:
    """Make the cells of a notebook; the last one holds the results."""
    lines = [*parameters, "run: dict = {}  # filled in by the runner"]
    *body, results = cells
    return [
        toys.code("\n".join(lines), "parameters"),
        *(toys.code(cell) for cell in body),
        toys.code(results, "results"),
    ]


def write_shared(root: Path, *, golden: bool = False) -> None:
    """Write the notebooks that every tiny model inherits.

    Args:
        golden: record what each version predicts, and verify its endpoint by that.
    """
    train = notebook(
        [
            'model: str = "tiny"  # the model',
            'hyperparameters: dict = {"num_round": 20}  # of the training job',
        ],
        START,
        TRAINER,
        REGISTER_GOLDEN if golden else REGISTER,
        "JSON(package.results())",
    )
    deploy = notebook(
        [
            'model: str = "tiny"  # the model',
            'endpoint: dict = {"instance_type": "ml.m5.large"}  # its size',
            "wait_seconds: int = 60  # then it is reported as not live",
        ],
        DEPLOY,
        DEPLOYED,
    )
    toys.write(root / "notebooks" / "train-register.ipynb", *train)
    toys.write(root / "notebooks" / "deploy.ipynb", *deploy)


def write_model(
    root: Path,
    name: str,
    *,
    slope: float = 1.0,
    rounds: int = 20,
    approval: str = "manual",
) -> None:
    """Write a model, or write it anew with another slope or more rounds."""
    prepare = notebook(
        [
            f'model: str = "{name}"  # the model',
            f"slope: float = {slope}  # what the rows follow",
        ],
        PREPARE,
        'JSON({**written, "data_sha256": sha256(rows).hexdigest()})',
    )
    folder = root / "models" / name
    toys.write(folder / "prepare.ipynb", *prepare)
    spec = SPEC.format(name=name, rounds=rounds, approval=approval)
    (folder / "model.yaml").write_text(spec)
