"""A project whose model is trained and deployed in seconds, by the real functions."""

import subprocess
from pathlib import Path

import toys

SPEC = """\
name: {name}
task: regression
data: s3://bucket/none.csv
training:
  hyperparameters: {{objective: "reg:squarederror", num_round: 20, eta: 0.9}}
gates: {{rmse: {{max: 2.5}}}}
endpoint: {{instance_type: ml.m5.large}}
"""

# Written where a row wants to kill the kernel.
KERNEL = """\
import os
from pathlib import Path

Path(os.environ.get("KERNEL_PID", os.devnull)).write_text(str(os.getpid()))"""

PREPARE = [
    toys.code(
        """\
model: str = "{name}"  # whose run this is
run_id: str = "local"  # which run
slope: float = {slope}  # what the rows follow""",
        "parameters",
    ),
    toys.code(
        """\
from IPython.display import JSON

from lifecycle.aws import run_uri
from lifecycle.s3 import write_bytes

lines = "".join(f"{{slope * x}},{{x}},{{x % 2}}\\n" for x in range(40))
uris = {{
    name: write_bytes(run_uri(model, run_id, name, f"{{name}}.csv"), lines.encode())
    for name in ("train", "validation", "test")
}}"""
    ),
    toys.code('JSON({{**uris, "data_sha256": "0" * 64}})', "results"),
]

TRAIN = [
    toys.code(
        """\
model: str = "toy"  # whose run this is
run_id: str = "local"  # which run
train: str = ""  # the training rows
hyperparameters: dict = {"num_round": 20}  # of the training job
fingerprint: str = ""  # of the content
commit: str = ""  # the git commit""",
        "parameters",
    ),
    toys.code(
        f"""\
from datetime import datetime
from types import SimpleNamespace

from IPython.display import JSON

from lifecycle.evaluation import load_booster, predict
from lifecycle.invocation import record_golden
from lifecycle.registry import create_package
from lifecycle.aws import client, role, run_uri
from lifecycle.training import base_job_name, run_training

{KERNEL}
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
"""
    ),
    toys.code(
        """\
class Trainer:
    # As the SDK's, which takes six seconds to import.
    base_job_name = base_job_name(model, run_id)

    def train(self, input_data_config, wait, logs):
        name = f"{self.base_job_name}-{datetime.now():%Y%m%d%H%M%S}"
        self._latest_training_job = SimpleNamespace(training_job_name=name)
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": train}}
        channel = {"ChannelName": "train", "ContentType": "text/csv"}
        client("sagemaker").create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={
                "TrainingImage": IMAGE, "TrainingInputMode": "File"
            },
            RoleArn=role(),
            InputDataConfig=[channel | {"DataSource": source}],
            OutputDataConfig={"S3OutputPath": run_uri(model, run_id, "model")},
            ResourceConfig={
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            HyperParameters={k: str(v) for k, v in hyperparameters.items()},
        )


job = run_training(Trainer(), ["train"], wait_seconds=60)"""
    ),
    toys.code(
        """\
import pandas as pd

rows = [[float(x), float(x % 2)] for x in range(4)]
predictions = predict(load_booster(job.model_data), pd.DataFrame(rows)).tolist()
golden = record_golden(
    run_uri(model, run_id, "evidence", job.name, "golden.json"), rows, predictions
)
package = create_package(
    model,
    image=IMAGE,
    model_data=job.model_data,
    metrics={"rmse": 0.1},
    metadata={
        "fingerprint": fingerprint,
        "commit": commit,
        "run_id": run_id,
        "training_job": job.name,
        "golden": golden,
    },
)"""
    ),
    toys.code(
        """\
JSON(
    {
        "package": package.arn,
        "version": package.version,
        "metrics": dict(package.metrics),
        "fingerprint": package.fingerprint,
    }
)""",
        "results",
    ),
]

DEPLOY = [
    toys.code(
        """\
model: str = "toy"  # whose endpoint
fingerprint: str = ""  # of the content
endpoint: dict = {"instance_type": "ml.m5.large"}  # what to deploy it on
wait_seconds: int = 60  # then it is reported as not live""",
        "parameters",
    ),
    toys.code(
        f"""\
from IPython.display import JSON

from lifecycle.deploy import deploy
from lifecycle.registry import find_approved

{KERNEL}
package = find_approved(model, fingerprint)
after = deploy(package, endpoint=endpoint, wait_seconds=wait_seconds)"""
    ),
    toys.code(
        """\
JSON(
    {
        "endpoint": after.name,
        "package": package.arn,
        "version": package.version,
    }
)""",
        "results",
    ),
]


def write_project(root: Path, name: str, slope: float) -> None:
    """Write a project with one model, whose rows follow this slope, and commit it."""
    prepare = [
        cell | {"source": cell["source"].format(name=name, slope=slope)}
        for cell in PREPARE
    ]
    folder = root / "models" / name
    toys.write(folder / "prepare.ipynb", *prepare)
    toys.write(root / "notebooks" / "train-register.ipynb", *TRAIN)
    toys.write(root / "notebooks" / "deploy.ipynb", *DEPLOY)
    (folder / "model.yaml").write_text(SPEC.format(name=name))
    (root / "requirements.txt").write_text("")
    (root / ".gitignore").write_text("build/\n")
    identity = ["-c", "user.name=toy", "-c", "user.email=toy@example.com"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "Toy"]):
        subprocess.run(["git", "-C", str(root), *command], check=True)
