"""A training job is run, waited for, and stopped when nobody waits any longer."""

import random
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import client, role, run_uri
from lifecycle.errors import TrainingError
from lifecycle.s3 import exists, write_bytes
from lifecycle.training import (
    base_job_name,
    learning_curve,
    run_training,
    sagemaker_session,
    stop_training,
)
from packages import IMAGE, new_name

pytestmark = [
    # The SDK's own docstrings have invalid escapes, seen when it is compiled.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
]


@pytest.fixture
def model(aws: EmbeddedAWS) -> str:
    """A model's name that no other test uses."""
    return new_name()


def quietly(_: str) -> None:
    """Say nothing."""


def make_trainer(model: str, **hyperparameters: object) -> tuple[Any, list[Any]]:
    """Make the SDK's trainer and its channels."""
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
        training_image=IMAGE,
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        hyperparameters={"num_round": 3} | hyperparameters,
        output_data_config=OutputDataConfig(
            s3_output_path=run_uri(model, "r1", "model")
        ),
    )
    return trainer, channels


@pytest.mark.parametrize("model", ["abalone", "a" * 40, "abc-" * 9 + "abcd"])
def test_a_job_is_named_by_model_and_run(model):
    """With the time that the SDK appends, the name is one that SageMaker accepts."""
    from sagemaker.train.utils import _get_unique_name

    run_id = "20261123053633-a1b2c3"

    base = base_job_name(model, run_id)

    assert base.startswith(model[:20])
    assert base.endswith(f"-{run_id}")
    assert _get_unique_name(base)[: len(base)] == base
    assert len(f"{base}-20261123053633") <= 63


def test_a_job_gives_a_model_and_a_curve(model):
    """The archive is there, and each round has its metrics."""
    said: list[str] = []

    job = run_training(*make_trainer(model), wait_seconds=60, on_progress=said.append)

    assert job.name.startswith(f"{model}-r1-")
    assert exists(job.model_data)
    curve = learning_curve(job.name)
    assert list(curve) == ["train rmse", "validation rmse"]
    assert len(curve["train rmse"]) == 3
    assert curve["train rmse"] == sorted(curve["train rmse"], reverse=True)
    assert said[0] == f"training job {job.name}"
    assert said[-1].endswith("Completed")


def test_several_metrics_are_told_apart(model):
    """Each metric of each channel has a curve of its own."""
    trainer = make_trainer(
        model, objective="reg:squarederror", eval_metric="mae,error@0.7", num_round=2
    )

    job = run_training(*trainer, wait_seconds=60, on_progress=quietly)

    curve = learning_curve(job.name)
    assert {"train error@0.7", "validation mae"} <= set(curve)
    assert all(len(values) == 2 for values in curve.values())


def test_a_job_without_log_has_no_curve(aws: EmbeddedAWS):
    """Nothing is drawn where nothing was logged."""
    assert learning_curve("no-such-job") == {}


def test_a_failed_job_says_why(model):
    """The reason and the container's last words reach the reader."""
    with pytest.raises(TrainingError) as raised:
        run_training(*make_trainer(model, eta=7), wait_seconds=60, on_progress=quietly)

    first = str(raised.value).splitlines()[0]
    assert "Failed; AlgorithmError: " in first
    assert "Hyperparameter eta: 7.0 is not in [0, 1]" in first
    lasts = str(raised.value).partition("the container's last words:\n")[2]
    assert lasts.splitlines()[-1].strip() == "Hyperparameter eta: 7.0 is not in [0, 1]"
    assert "Running XGBoost Sagemaker in algorithm mode" in lasts
    assert not {"Traceback", "File", "raise", "^"} & set(lasts.split())


def test_a_job_that_somebody_stops_is_no_success(aws: EmbeddedAWS, model):
    """A stopped job has no model to register."""
    aws.inject(Fault(kind="training-stopped", name=f"{model}*"))

    with pytest.raises(TrainingError, match="Stopped"):
        run_training(*make_trainer(model), wait_seconds=60, on_progress=quietly)


def test_waiting_ends_and_so_does_the_job(aws: EmbeddedAWS, model):
    """A job that nobody waits for any longer costs nothing more."""
    aws.inject(Fault(kind="training-slow", name=f"{model}*", seconds=60))

    with pytest.raises(TrainingError, match="max_runtime_seconds"):
        run_training(*make_trainer(model), wait_seconds=2, on_progress=quietly)

    assert status_of(model) in {"Stopping", "Stopped"}


def test_an_interrupt_stops_the_job(aws: EmbeddedAWS, model):
    """Whoever presses Ctrl-C does not go on paying."""
    aws.inject(Fault(kind="training-slow", name=f"{model}*", seconds=60))

    def interrupt(line: str) -> None:
        if "Training" in line or "Starting" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(*make_trainer(model), wait_seconds=60, on_progress=interrupt)

    assert status_of(model) in {"Stopping", "Stopped"}


def status_of(model: str) -> str:
    """Find the status of a model's only training job."""
    found = client("sagemaker").list_training_jobs(NameContains=model)
    (job,) = found["TrainingJobSummaries"]
    return str(job["TrainingJobStatus"])


def test_training_sends_no_telemetry(model, monkeypatch):
    """The SDK says nothing about its use, as it would without the opt-out."""
    from sagemaker.core.telemetry import telemetry_logging

    sent: list[str] = []
    monkeypatch.setattr(
        telemetry_logging, "_requests_helper", lambda url, timeout: sent.append(url)
    )
    trainer, channels = make_trainer(model)

    run_training(trainer, channels, wait_seconds=60, on_progress=quietly)
    join_telemetry()

    assert sent == []

    # Two jobs of one second would have one name.
    trainer.base_job_name = base_job_name(model, "r2")
    trainer.sagemaker_session.sagemaker_config = {}
    trainer.train(input_data_config=channels, wait=False, logs=False)
    join_telemetry()

    assert len(sent) == 1


def join_telemetry() -> None:
    """Wait for the threads in which the SDK would send."""
    for thread in threading.enumerate():
        if thread.name == "sagemaker-telemetry":
            thread.join(10)


def test_a_lost_answer_starts_no_second_job(aws: EmbeddedAWS, model):
    """The retry is refused by its name, and the job of the first call is the run's."""
    trainer, channels = make_trainer(model)
    aws.inject(
        Fault(kind="response-lost", operation="CreateTrainingJob", name=model, count=1)
    )

    job = run_training(trainer, channels, wait_seconds=60, on_progress=quietly)

    listed = client("sagemaker").list_training_jobs(NameContains=model)
    assert [one["TrainingJobName"] for one in listed["TrainingJobSummaries"]] == [
        job.name
    ]


def test_a_refused_job_is_no_lost_answer(aws: EmbeddedAWS, model):
    """What SageMaker refuses is said, also where the run has a job already."""
    trainer, channels = make_trainer(model)
    run_training(trainer, channels, wait_seconds=60, on_progress=quietly)
    channels[0].data_source = run_uri(model, "r1", "nowhere")
    time.sleep(1)  # two jobs of one second would have one name

    with pytest.raises(ClientError, match="No S3 objects found"):
        run_training(trainer, channels, wait_seconds=60, on_progress=quietly)


def test_what_a_run_left_training_is_stopped(aws: EmbeddedAWS, model):
    """Whoever was killed while waiting leaves no job that costs money."""
    aws.inject(Fault(kind="training-slow", name=f"{model}*", seconds=60))
    trainer, channels = make_trainer(model)
    trainer.train(input_data_config=channels, wait=False, logs=False)
    name = trainer._latest_training_job.training_job_name

    assert stop_training(model, "r2") == []
    assert stop_training(model, "r1") == [name]

    described = client("sagemaker").describe_training_job(TrainingJobName=name)
    assert described["TrainingJobStatus"] in ("Stopping", "Stopped")


def test_spot_and_several_instances_reach_the_job(aws: EmbeddedAWS, model):
    """They are keys of model.yaml, and no more than that."""
    from sagemaker.core.training.configs import Compute, StoppingCondition

    trainer, channels = make_trainer(model)
    trainer.compute = Compute(
        instance_type="ml.m5.large", instance_count=2, enable_managed_spot_training=True
    )
    trainer.stopping_condition = StoppingCondition(
        max_runtime_in_seconds=60, max_wait_time_in_seconds=120
    )

    job = run_training(trainer, channels, wait_seconds=60, on_progress=quietly)

    described = client("sagemaker").describe_training_job(TrainingJobName=job.name)
    assert described["EnableManagedSpotTraining"]
    assert described["ResourceConfig"]["InstanceCount"] == 2
