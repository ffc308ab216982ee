"""A training job is started once, waited for, and stopped when it is given up."""

import json
import random
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from botocore.exceptions import ClientError
from embedded_aws import images
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS
from model_packages import FEATURES, IMAGE, ROWS, ignore, new_name, serve

from lifecycle.approval import approve
from lifecycle.aws import client, role, run_uri
from lifecycle.errors import StorageError, TrainingError
from lifecycle.evaluation import _load_live, predict
from lifecycle.inference import load_scripted
from lifecycle.invocation import invoke, record_golden
from lifecycle.registry import create_package
from lifecycle.s3 import exists, write_bytes
from lifecycle.training import (
    TrainingJob,
    _without_tracebacks,
    base_job_name,
    learning_curve,
    run_training,
    sagemaker_session,
    source_code,
    stop_training,
)

pytestmark = [
    # The SDK's own docstrings have invalid escapes, seen when it is compiled.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
    # The SDK leaves the folder of its drivers to be removed when it is forgotten.
    pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning"),
]


def make_trainer(
    model: str, source: str = "", **hyperparameters: object
) -> tuple[Any, list[Any]]:
    """Make the SDK's trainer and its channels; a source is for the sklearn image."""
    from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
    from sagemaker.train import ModelTrainer

    draw = random.Random(1)
    lines = [f"{n % 5},{n % 5 + draw.random()},{draw.random()}" for n in range(60)]
    channels = []
    for name in ("train", "validation"):
        uri = run_uri(model, "r1", name, f"{name}.csv")
        write_bytes(uri, "\n".join(lines).encode())
        channels.append(
            InputData(channel_name=name, data_source=uri, content_type="text/csv")
        )
    trainer = ModelTrainer(
        sagemaker_session=sagemaker_session(),
        role=role(),
        base_job_name=base_job_name(model, "r1"),
        training_image=SKLEARN if source else IMAGE,
        source_code=source_code(source) if source else None,
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        hyperparameters=hyperparameters
        if source
        else {"num_round": 3} | hyperparameters,
        output_data_config=OutputDataConfig(
            s3_output_path=run_uri(model, "r1", "model")
        ),
    )
    return trainer, channels


SKLEARN = (
    "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
)
TRAIN = """\
import argparse
import json
import os
import pathlib
import shutil

import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ridge", type=float)
    ridge = parser.parse_args().ridge
    train = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv")
    label, *features = np.loadtxt(train, delimiter=",").T
    rows = np.stack(features, axis=1)
    weights = np.linalg.solve(rows.T @ rows + ridge * np.eye(2), rows.T @ label)
    model = pathlib.Path(os.environ["SM_MODEL_DIR"])
    (model / "weights.json").write_text(json.dumps(weights.tolist()))
    shutil.copytree(".", model / "code")


def model_fn(model_dir):
    print("what is printed is no answer")
    return json.loads(pathlib.Path(model_dir, "weights.json").read_text())


def predict_fn(rows, weights):
    return rows @ weights


if __name__ == "__main__":
    main()
"""


def test_a_script_is_trained_registered_deployed_and_verified(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its archive brings the code by which notebook and endpoint predict the same."""
    images.use_environment("sklearn:1.9-0", Path(sys.executable))
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "prepare.ipynb").write_text("{}")
    monkeypatch.chdir(tmp_path)
    trainer, channels = make_trainer(model, "train.py", ridge=0.1)
    job = run_training(trainer, channels, wait_seconds=60, on_progress=ignore)

    scripted = load_scripted(job.model_data, job.program, job.archive_sha256)
    code = scripted.folder / "code"
    assert [path.name for path in code.iterdir()] == ["train.py"]
    expected = predict(scripted, ROWS)
    golden = run_uri(model, "r1", "evidence", "golden.json")
    record_golden(golden, ROWS, expected.tolist(), FEATURES)
    known = {"fingerprint": "f", "run_id": "r1", "training_job": job.name}
    package = create_package(
        model,
        image=job.image,
        model_data=job.model_data,
        program=job.program,
        metrics={"rmse": 1.0},
        metadata=known | {"golden": golden, "archive_sha256": job.archive_sha256},
    )
    assert (package.program, package.digest) == ("train.py", package.registered_digest)
    serve(approve(model, arn=package.arn))
    assert invoke(model, ROWS) == pytest.approx(expected.tolist())
    table = pd.DataFrame(ROWS, columns=FEATURES)
    live, asked, _ = _load_live(package, table, None, ())
    assert predict(live, asked).tolist() == expected.tolist()


def test_a_script_that_leaves_no_code_to_serve_is_told(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an endpoint would lack is found when the job has ended."""
    images.use_environment("sklearn:1.9-0", Path(sys.executable))
    (tmp_path / "train.sh").write_text('echo 1 >"$SM_MODEL_DIR/model"')
    monkeypatch.chdir(tmp_path)
    trainer, channels = make_trainer(model, "train.sh")
    with pytest.raises(TrainingError, match=r"has no code/train.sh, which has to"):
        run_training(trainer, channels, wait_seconds=60, on_progress=ignore)


def create_job(model: str, name: str) -> None:
    """Create a job that trains on the rows of `make_trainer`, without the SDK."""
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": run_uri(model, "r1", "train", "train.csv"),
    }
    channel = {"ChannelName": "train", "ContentType": "text/csv"}
    client("sagemaker").create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn=role(),
        InputDataConfig=[channel | {"DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": run_uri(model, "r1", "model")},
        ResourceConfig={
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 1,
        },
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        HyperParameters={"num_round": "1"},
    )


def status_of(model: str) -> str:
    """Return the status of a model's only training job."""
    found = client("sagemaker").list_training_jobs(NameContains=model)
    (job,) = found["TrainingJobSummaries"]
    return str(job["TrainingJobStatus"])


def join_telemetry() -> None:
    """Wait for the threads in which the SDK would send."""
    for thread in threading.enumerate():
        if thread.name == "sagemaker-telemetry":
            thread.join(10)


@dataclass(kw_only=True)
class Completed:
    """A job that has completed, what it reported, and what the SDK has sent."""

    model: str
    trainer: Any
    channels: list[Any]
    job: TrainingJob
    reported: list[str]
    sent: list[str]


@pytest.fixture(scope="module")
def completed(module_aws: EmbeddedAWS) -> Iterator[Completed]:
    """One job that has completed, with two metrics."""
    from sagemaker.core.telemetry import telemetry_logging

    model, reported, sent = new_name(), [], []
    trainer, channels = make_trainer(
        model, objective="reg:squarederror", eval_metric="rmse,error@0.7"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            telemetry_logging, "_requests_helper", lambda url, timeout: sent.append(url)
        )
        job = run_training(
            trainer, channels, wait_seconds=60, on_progress=reported.append
        )
        join_telemetry()
        yield Completed(
            model=model,
            trainer=trainer,
            channels=channels,
            job=job,
            reported=reported,
            sent=sent,
        )


@pytest.mark.parametrize("model", ["abalone", "a" * 40, "abc-" * 9 + "abcd"])
def test_a_job_is_named_by_model_and_run(model):
    """With the time that the SDK appends, SageMaker accepts the name."""
    from sagemaker.train.utils import _get_unique_name

    run_id = "20261123053633-a1b2c3"

    base = base_job_name(model, run_id)

    assert base == base_job_name(model, {"run_id": run_id})
    assert base.startswith(model[:20])
    assert base.endswith(f"-{run_id}")
    assert _get_unique_name(base)[: len(base)] == base
    assert len(f"{base}-20261123053633") <= 63


def test_a_completed_job_has_a_model(aws: EmbeddedAWS, completed):
    """The archive exists, and the job says where it came from."""
    job = completed.job

    assert job.name.startswith(f"{completed.model}-r1-")
    assert job.image == IMAGE
    assert exists(job.model_data)
    assert job.seconds >= job.billable_seconds > 0
    assert completed.reported[0] == f"training job {job.name}"
    assert completed.reported[-1].endswith("Completed")


def test_each_metric_of_each_channel_has_a_learning_curve(aws: EmbeddedAWS, completed):
    """There is a value for each boosting round."""
    curves = learning_curve(completed.job.name)

    assert set(curves) == {
        "train rmse",
        "train error@0.7",
        "validation rmse",
        "validation error@0.7",
    }
    assert {len(values) for values in curves.values()} == {3}
    assert curves["train rmse"] == sorted(curves["train rmse"], reverse=True)


def test_a_job_without_log_has_no_learning_curve(aws: EmbeddedAWS):
    """A job that failed early may have logged nothing."""
    assert learning_curve("no-such-job") == {}


def test_spot_and_several_instances_reach_the_job(aws: EmbeddedAWS, model):
    """The trainer's settings are those of the request."""
    from sagemaker.core.training.configs import Compute, StoppingCondition

    trainer, channels = make_trainer(model)
    trainer.compute = Compute(
        instance_type="ml.m5.large", instance_count=2, enable_managed_spot_training=True
    )
    trainer.stopping_condition = StoppingCondition(
        max_runtime_in_seconds=60, max_wait_time_in_seconds=120
    )
    aws.inject(Fault(kind="training-client-error", name=f"{model}*"))

    with pytest.raises(TrainingError, match="Failed; "):
        run_training(trainer, channels, wait_seconds=60, on_progress=ignore)

    found = client("sagemaker").list_training_jobs(NameContains=model)
    (name,) = (one["TrainingJobName"] for one in found["TrainingJobSummaries"])
    job = client("sagemaker").describe_training_job(TrainingJobName=name)
    assert job["EnableManagedSpotTraining"]
    assert job["ResourceConfig"]["InstanceCount"] == 2


def test_training_sends_no_telemetry(aws: EmbeddedAWS, completed):
    """The SDK would report its use to its makers, if it were not told to opt out."""
    assert completed.sent == []

    # Two jobs of one second would have one name.
    completed.trainer.base_job_name = base_job_name(completed.model, "r2")
    completed.trainer.sagemaker_session.sagemaker_config = {}
    completed.trainer.train(
        input_data_config=completed.channels, wait=False, logs=False
    )
    join_telemetry()

    assert len(completed.sent) == 1


def test_the_session_opts_out_of_telemetry(aws: EmbeddedAWS):
    """The setting is where the SDK looks for it."""
    from sagemaker.core.common_utils import resolve_value_from_config
    from sagemaker.core.config.config_schema import TELEMETRY_OPT_OUT_PATH

    opted_out = resolve_value_from_config(
        config_path=TELEMETRY_OPT_OUT_PATH,
        default_value=False,
        sagemaker_session=sagemaker_session(),
    )

    assert opted_out is True


@pytest.mark.parametrize("key", ["EnableNetworkIsolation", "EnableNetworkIsolashun"])
def test_a_teams_own_defaults_of_the_sdk_are_kept_and_validated(
    aws: EmbeddedAWS, monkeypatch, tmp_path, key
):
    """An SDK config with a key that the SDK does not know is an error."""
    from jsonschema import ValidationError
    from sagemaker.core.common_utils import resolve_value_from_config

    path = ("SageMaker", "TrainingJob", key)
    config = {"SchemaVersion": "1.0", path[0]: {path[1]: {key: True}}}
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", str(file))

    if key == "EnableNetworkIsolashun":
        with pytest.raises(ValidationError, match=key):
            sagemaker_session()
        return
    session = sagemaker_session()
    found = resolve_value_from_config(
        config_path=".".join(path), sagemaker_session=session
    )

    assert found is True


def test_a_failed_job_says_why(model):
    """The error has SageMaker's reason and the last lines of the container's log."""
    with pytest.raises(TrainingError) as raised:
        run_training(*make_trainer(model, eta=7), wait_seconds=60, on_progress=ignore)

    first = str(raised.value).splitlines()[0]
    assert "Failed; AlgorithmError: " in first
    assert "Hyperparameter eta: 7.0 is not in [0, 1]" in first
    log = str(raised.value).partition("last log lines of the container:\n")[2]
    assert log.splitlines()[-1].strip() == "Hyperparameter eta: 7.0 is not in [0, 1]"
    assert "Running XGBoost Sagemaker in algorithm mode" in log
    assert not {"Traceback", "File", "raise", "^"} & set(log.split())


def run_script(model: str, folder: Path, code: str) -> TrainingJob:
    """Train by a script of a few lines."""
    images.use_environment("sklearn:1.9-0", Path(sys.executable))
    (folder / "train.py").write_text(code)
    trainer, channels = make_trainer(model, "train.py")
    return run_training(trainer, channels, wait_seconds=60, on_progress=ignore)


def test_what_a_script_raised_is_the_reason(model, tmp_path, monkeypatch):
    """Neither the driver's traceback nor what its shell prints hides it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingError) as raised:
        run_script(model, tmp_path, "print('reading')\nlen(rows)\n")

    first, *log = str(raised.value).splitlines()
    assert first.endswith(
        "Failed; AlgorithmError: NameError: name 'rows' is not defined, exit code: 1"
    )
    assert "reading" in map(str.strip, log)
    assert not [line for line in log if "CalledProcessError" in line or "+++" in line]


def test_a_script_that_saves_nothing_is_told_where_to(model, tmp_path, monkeypatch):
    """Its job succeeds, and leaves no archive."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="nothing in SM_MODEL_DIR, where it has to"):
        run_script(model, tmp_path, "")


def test_a_stopped_job_is_a_failure(aws: EmbeddedAWS, model):
    """It has no model to register."""
    aws.inject(Fault(kind="training-stopped", name=f"{model}*"))

    with pytest.raises(TrainingError, match="Stopped"):
        run_training(*make_trainer(model), wait_seconds=60, on_progress=ignore)


def test_a_job_that_is_not_waited_for_any_more_is_stopped(aws: EmbeddedAWS, model):
    """After the time limit it would only cost money."""
    aws.inject(Fault(kind="training-slow", name=f"{model}*", seconds=60))

    with pytest.raises(TrainingError, match=r"still \w+ after .* max_runtime_seconds"):
        run_training(*make_trainer(model), wait_seconds=0.5, on_progress=ignore)

    assert status_of(model) in {"Stopping", "Stopped"}


def test_an_interrupt_stops_the_job(aws: EmbeddedAWS, model):
    """Ctrl-C ends the job too, which would go on to cost money."""
    aws.inject(Fault(kind="training-slow", name=f"{model}*", seconds=60))

    def interrupt(line: str) -> None:
        if "Training" in line or "Starting" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(*make_trainer(model), wait_seconds=60, on_progress=interrupt)

    assert status_of(model) in {"Stopping", "Stopped"}


def test_the_jobs_of_a_killed_run_are_stopped(aws: EmbeddedAWS, model):
    """Those of another run go on."""
    aws.inject(Fault(kind="training-slow", name=f"{model}*", seconds=60))
    make_trainer(model)
    name = f"{base_job_name(model, 'r1')}-20261123053633"
    create_job(model, name)

    assert stop_training(model, "r2") == []
    assert stop_training(model, "r1") == [name]
    assert status_of(model) in {"Stopping", "Stopped"}


def test_a_lost_response_starts_no_second_job(aws: EmbeddedAWS, model):
    """SageMaker refuses the retry by its name, and the first job is the run's."""
    trainer, channels = make_trainer(model)
    aws.inject(
        Fault(kind="response-lost", operation="CreateTrainingJob", name=model, count=1)
    )

    job = run_training(trainer, channels, wait_seconds=60, on_progress=ignore)

    listed = client("sagemaker").list_training_jobs(NameContains=model)
    names = [one["TrainingJobName"] for one in listed["TrainingJobSummaries"]]
    assert names == [job.name]


def test_a_refused_job_is_not_taken_for_a_lost_response(model):
    """The refusal is raised, even if the run has started a job meanwhile."""
    trainer, channels = make_trainer(model)
    create_job(model, f"{base_job_name(model, 'r1')}-99991231235959")
    channels[0].data_source = run_uri(model, "r1", "nowhere")

    with pytest.raises(ClientError, match="No S3 objects found"):
        run_training(trainer, channels, wait_seconds=60, on_progress=ignore)


def test_tracebacks_are_dropped_and_their_errors_stay():
    """A data scientist reads what went wrong, not where in the container."""
    lines = [
        "    the end of an earlier one",
        "[0]#011train-rmse:1.5",
        "Traceback (most recent call last):",
        '  File "train.py", line 5, in main',
        "    check()",
        "    ^^^^^^^",
        "UserError: eta is wrong",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "train.py", line 7, in main',
        "AlgorithmError: eta is wrong",
        "  the end",
        "Stack trace:",
        "  [bt] (0) xgboost/lib/libxgboost.so(+0x11031e) [0x7f]",
    ]

    assert _without_tracebacks(lines) == [
        "[0]#011train-rmse:1.5",
        "UserError: eta is wrong",
        "AlgorithmError: eta is wrong",
        "  the end",
    ]
    assert _without_tracebacks([]) == []
