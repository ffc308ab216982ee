"""Models so small that they are trained, registered and deployed in seconds.

Each predicts `slope * x`, so that a prediction tells which version is live.
"""

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
from hashlib import sha256

from IPython.display import JSON

from lifecycle.aws import run_uri
from lifecycle.s3 import write_bytes

rows = "".join(f"{{slope * x}},{{x}}\\n" for x in range(50))
uris = {{
    name: write_bytes(run_uri(model, run_id, name, f"{{name}}.csv"), rows.encode())
    for name in ("train", "validation", "test")
}}"""
    ),
    toys.code(
        'JSON({{**uris, "data_sha256": sha256(rows.encode()).hexdigest()}})', "results"
    ),
]

TRAIN = [
    toys.code(
        """\
model: str = "tiny"  # whose run this is
run_id: str = "local"  # which run
train: str = ""  # the training rows
data_sha256: str = ""  # identifies them
hyperparameters: dict = {"num_round": 20}  # of the training job
approval: str = "manual"  # manual, or pre-approved
fingerprint: str = ""  # of the content
commit: str = ""  # the git commit
ci_url: str = ""  # where CircleCI ran this""",
        "parameters",
    ),
    toys.code(
        """\
from IPython.display import JSON

from lifecycle.registry import create_package
from lifecycle.aws import client, polls, role, run_uri

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
job = f"{model}-{run_id}"
source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": train}}
client("sagemaker").create_training_job(
    TrainingJobName=job,
    AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    RoleArn=role(),
    InputDataConfig=[
        {"ChannelName": "train", "ContentType": "text/csv", "DataSource": source}
    ],
    OutputDataConfig={"S3OutputPath": run_uri(model, run_id, "model")},
    ResourceConfig={
        "InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1
    },
    StoppingCondition={"MaxRuntimeInSeconds": 600},
    HyperParameters={key: str(value) for key, value in hyperparameters.items()},
)
for _ in polls(60):
    ended = client("sagemaker").describe_training_job(TrainingJobName=job)
    if ended["TrainingJobStatus"] != "InProgress":
        break"""
    ),
    toys.code(
        """\
assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")

package = create_package(
    model,
    image=IMAGE,
    model_data=ended["ModelArtifacts"]["S3ModelArtifacts"],
    metrics={"rmse": 0.1},
    metadata={
        "fingerprint": fingerprint,
        "commit": commit,
        "run_id": run_id,
        "training_job": job,
        "data_sha256": data_sha256,
        "ci_url": ci_url,
    },
    approval_status=(
        "Approved" if approval == "pre-approved" else "PendingManualApproval"
    ),
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
model: str = "tiny"  # whose endpoint
fingerprint: str = ""  # of the content
endpoint: dict = {"instance_type": "ml.m5.large"}  # what to deploy it on""",
        "parameters",
    ),
    toys.code(
        """\
from IPython.display import JSON

from lifecycle.deploy import deploy
from lifecycle.endpoint import read_state
from lifecycle.registry import find_approved

package = find_approved(model, fingerprint)
before = read_state(model)
after = deploy(package, endpoint=endpoint, wait_seconds=60)"""
    ),
    toys.code(
        """\
JSON(
    {
        "endpoint": after.name,
        "package": package.arn,
        "version": package.version,
        "changed": before is None or before.config != after.config,
    }
)""",
        "results",
    ),
]


def write_shared(root: Path) -> None:
    """Write the notebooks that every tiny model inherits."""
    toys.write(root / "notebooks" / "train-register.ipynb", *TRAIN)
    toys.write(root / "notebooks" / "deploy.ipynb", *DEPLOY)


def write_model(
    root: Path,
    name: str,
    *,
    slope: float = 1.0,
    rounds: int = 20,
    approval: str = "manual",
) -> None:
    """Write a model, or write it anew with another slope or more rounds."""
    filled = [
        cell | {"source": cell["source"].format(name=name, slope=slope)}
        for cell in PREPARE
    ]
    folder = root / "models" / name
    toys.write(folder / "prepare.ipynb", *filled)
    spec = SPEC.format(name=name, rounds=rounds, approval=approval)
    (folder / "model.yaml").write_text(spec)
