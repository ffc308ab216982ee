"""All three sample models, and what a job adds to a script of scikit-learn's."""

import io
import json
import os
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from embedded_aws import EmbeddedAWS, images, start
from sagemaker.core import image_uris

from benchmarks.measure import LIMIT_SECONDS, QUICK, Sample, repeat, run, table
from benchmarks.notebooks import papermill
from benchmarks.six import RUNNER, notebooks
from runner import STAGES
from runner.pipeline.plan import new_run_id
from runner.spec.models import find_notebook

MODEL, IMAGE = "penguins", "sklearn:1.9-0"
ABOUT = (
    "abalone and churn as above, and penguins: a script in scikit-learn's image, raw "
    "records in, an environment of its own. Image and environment are there before; "
    "each time the embedded AWS is a fresh one."
)
JOB = (
    "`models/penguins/train.py` in the environment of the image `sklearn:1.9-0`: "
    "alone, as a process of that Python, and as a training job from its creation to "
    "`Completed`."
)
POLL_SECONDS = 0.02
# The role that every embedded AWS has.
ROLE = "arn:aws:iam::123456789012:role/SageMakerExecutionRole"


def uploaded(root: Path, aws: EmbeddedAWS) -> None:
    """Put the data of penguins where its notebook reads them."""
    runner = RUNNER[: RUNNER.index("run")]
    command = (*runner, "upload", MODEL, f"models/{MODEL}/penguins.csv")
    run([*command, "--target", "local"], cwd=root, env=aws.environment)


def by_papermill(root: Path, own: Path) -> float:
    """Run one Papermill command after the other, those of penguins by its own."""
    with start() as aws:
        uploaded(root, aws)
        paths = [root, *sorted(root.glob("packages/*/src")), root / "models" / MODEL]
        environment = aws.environment | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
        given = {"run": {"run_id": new_run_id(), "approval": "pre-approved"}}
        third = [
            (MODEL, stage, find_notebook(root, MODEL, stage, "multiclass"), given)
            for stage in STAGES
        ]
        third[-1] = (*third[-1][:3], given | {"model": MODEL, "task": "multiclass"})
        began = time.perf_counter()
        for model, stage, notebook, parameters in [*notebooks(root), *third]:
            output = root / "build" / "papermill" / model / f"{stage}.ipynb"
            output.parent.mkdir(parents=True, exist_ok=True)
            command = papermill(notebook, output, parameters)
            if model == MODEL:
                command[:1] = [own, "-m", "papermill"]
            run(command, cwd=root, env=environment)
        return time.perf_counter() - began


def first_and_again(root: Path) -> tuple[float, float]:
    """Run all models twice on the same embedded AWS, nothing changed in between."""
    with start() as aws:
        uploaded(root, aws)
        command = [*RUNNER, "--all"]
        first = run(command, cwd=root, env=aws.environment).seconds
        return first, run(command, cwd=root, env=aws.environment).seconds


def script_seconds(root: Path) -> float:
    """Run the script alone, by the image's Python."""
    with tempfile.TemporaryDirectory() as name:
        channel = Path(name, "train.csv")
        channel.write_text(rows())
        folders = {"SM_CHANNEL_TRAIN": name, "SM_MODEL_DIR": name}
        python, script = images.find(IMAGE).python, root / "models" / MODEL / "train.py"
        return run([python, script], cwd=root, env=folders).seconds


def rows() -> str:
    """Write the training rows of a toy: label, then six features."""
    lines = [[one % 3, *(one * step % 7 for step in range(1, 7))] for one in range(200)]
    return "".join(",".join(map(str, line)) + "\n" for line in lines)


def job_seconds(root: Path, sagemaker: Any, bucket: str) -> float:
    """Run it as a training job, and wait for it."""
    name = f"job-{time.time_ns()}"
    image = image_uris.retrieve(
        "sklearn", "us-east-1", version="1.9-0", image_scope="training"
    )
    hyperparameters = {
        "sagemaker_program": json.dumps("train.py"),
        "sagemaker_submit_directory": json.dumps(f"s3://{bucket}/code.tar.gz"),
    }
    channel = {
        "S3DataSource": {
            "S3DataType": "S3Prefix",
            "S3Uri": f"s3://{bucket}/train.csv",
            "S3DataDistributionType": "FullyReplicated",
        }
    }
    began = time.perf_counter()
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        HyperParameters=hyperparameters,
        InputDataConfig=[{"ChannelName": "train", "DataSource": channel}],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/output"},
        ResourceConfig={
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 5,
        },
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    while time.perf_counter() - began < LIMIT_SECONDS:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] == "Completed":
            return time.perf_counter() - began
        if job["TrainingJobStatus"] != "InProgress":
            raise RuntimeError(f"{name}: {job['FailureReason']}")
        time.sleep(POLL_SECONDS)
    raise RuntimeError(f"{name}: not completed in {LIMIT_SECONDS} s")


def job_report(root: Path) -> str:
    """Measure the script alone and as a job."""
    alone = repeat(5, lambda: script_seconds(root))
    with start() as aws:
        session = boto3.Session(
            aws_access_key_id=aws.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=aws.environment["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )
        s3, sagemaker = (
            session.client(name, endpoint_url=aws.url) for name in ("s3", "sagemaker")
        )
        bucket = "scripts-of-benchmarks"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="train.csv", Body=rows().encode())
        s3.put_object(Bucket=bucket, Key="code.tar.gz", Body=packed(root))
        as_job = repeat(5, lambda: job_seconds(root, sagemaker, bucket))
    return "\n\n".join(
        [
            "## A job of scikit-learn",
            JOB,
            table(["", "seconds"], [["the script", alone], ["the job", as_job]]),
            f"The job adds {as_job.median - alone.median:.1f} s.",
        ]
    )


def packed(root: Path) -> bytes:
    """Pack the script as the SDK does."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(root / "models" / MODEL / "train.py", "train.py")
    return content.getvalue()


def report(root: Path) -> str:
    """Measure all three models, and the job of one of them."""
    images.pull(IMAGE)
    runner = RUNNER[: RUNNER.index("run")]
    made = run([*runner, "environment", MODEL], cwd=root).stdout
    own = root / made.decode().split()[-1]
    pairs = [first_and_again(root) for _ in range(1 if QUICK else 3)]
    ways = {
        "papermill CLI, one after the other": repeat(
            1, lambda: by_papermill(root, own)
        ),
        "`runner run --all`": Sample(tuple(first for first, _ in pairs)),
        "`runner run --all` again, nothing changed": Sample(
            tuple(again for _, again in pairs)
        ),
    }
    reference = next(iter(ways.values())).median
    lines = [
        [name, sample, f"{reference / sample.median:.1f}"]
        for name, sample in ways.items()
    ]
    return "\n\n".join(
        [
            "## Nine notebooks, of three models",
            ABOUT,
            table(["", "seconds", "times as fast"], lines),
            job_report(root),
        ]
    )
