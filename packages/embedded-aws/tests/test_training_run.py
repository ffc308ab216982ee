"""Training jobs from their start to their end."""

import io
import subprocess
import tarfile
import threading
import time
from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from embedded_account import IMAGE, Account, connect, rows, until
from embedded_aws import start
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.faults import Fault
from embedded_aws.sagemaker.inputs import find_image
from embedded_aws.sagemaker.training_run import (
    Slots,
    TrainingJob,
    algorithm_error,
)


def steps(job):
    """List the secondary statuses that a job went through."""
    return [each["Status"] for each in job["SecondaryStatusTransitions"]]


def model_files(account, job):
    """List the files of a job's model.tar.gz."""
    key = f"out/{job['TrainingJobName']}/output/model.tar.gz"
    body = account.s3.get_object(Bucket=DEFAULT_BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        return archive.getnames()


def training(account, name):
    """Wait until a job trains."""
    until(lambda: account.job(name)["SecondaryStatus"] == "Training")


def test_passes_through_the_statuses_of_the_platform(account, trained):
    """A job starts, downloads, trains, uploads and completes, each step with times."""
    transitions = trained["SecondaryStatusTransitions"]
    assert [(each["Status"], each["StatusMessage"]) for each in transitions] == [
        ("Starting", "Preparing the instances for training"),
        ("Downloading", "Downloading the training image"),
        ("Training", "Training image download completed. Training in progress."),
        ("Uploading", "Uploading generated training model"),
        ("Completed", "Training job completed"),
    ]
    assert all(each["StartTime"] <= each["EndTime"] for each in transitions)
    assert trained["TrainingStartTime"] == transitions[1]["StartTime"]


def test_model_archive_holds_the_model_only(account, trained):
    """model.tar.gz holds nothing but the model, as the real server needs it."""
    assert model_files(account, trained) == ["xgboost-model"]


def test_log_has_the_platforms_form(account, trained):
    """The log stream is named after the job, and tabs are written as #011."""
    lines = account.training_log(trained["TrainingJobName"])
    rounds = [line for line in lines if line.startswith("[0]")]
    assert rounds[0].startswith("[0]#011train-rmse:")
    assert "#011validation-rmse:" in rounds[0]


def test_every_instance_has_a_log_stream(account, name):
    """A job on two instances has two streams."""
    resources = {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 5, "InstanceCount": 2}
    account.train(name, ResourceConfig=resources)
    assert account.finished(name)["TrainingJobStatus"] == "Completed"
    streams = account.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
    )["logStreams"]
    hosts = [each["logStreamName"].rpartition("-")[0] for each in streams]
    assert hosts == [f"{name}/algo-1", f"{name}/algo-2"]


def test_other_image_versions_say_on_which_engine_they_run(account, name):
    """A job of another version says in its first line what runs it."""
    account.train(name, image=IMAGE.replace("3.2-0", "1.7-1"))
    assert account.finished(name)["TrainingJobStatus"] == "Completed"
    first = account.training_log(name)[0]
    assert "sagemaker-xgboost:1.7-1 on the engine of 3.2-0" in first


def test_failure_has_the_reason_in_the_platforms_form(account, name):
    """A wrong hyperparameter fails the job with the algorithm's own message."""
    parameters = {"num_round": "3", "eta": "7"}
    account.train(name, HyperParameters=parameters)
    job = account.finished(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: framework error:")
    assert job["FailureReason"].endswith(
        "Hyperparameter eta: 7.0 is not in [0, 1], exit code: 1"
    )
    assert "ModelArtifacts" not in job


def test_failure_reason_is_cut_to_its_limit(tmp_path):
    """A long text is cut so that the exit code still fits into 1024 characters."""
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "failure").write_text("x" * 5000)
    reason = algorithm_error(tmp_path, -9)
    assert len(reason) == 1024
    assert reason.endswith("x, exit code: 137")


def test_stopped_job_ends_soon_and_frees_its_place(account, name):
    """A stopped job passes through Stopping to Stopped, its subprocess ended."""
    account.train(name, rounds=1_000_000)
    training(account, name)
    account.sagemaker.stop_training_job(TrainingJobName=name)
    job = account.finished(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert steps(job)[-2:] == ["Stopping", "Stopped"]


def test_job_ends_with_the_server_that_started_it(account, name):
    """Closing the embedded AWS leaves no training subprocess."""
    with start() as aws:
        own = Account(lambda service: connect(aws, service))
        own.put("data/train/train.csv", rows(0, 50))
        own.put("data/validation/validation.csv", rows(1, 50))
        own.train(name, rounds=1_000_000)
        training(own, name)
        until(lambda: own.training_log(name))
        assert subprocess.run(["pgrep", "-f", f"train {aws.folder}"]).returncode == 0
    assert subprocess.run(["pgrep", "-f", f"train {aws.folder}"]).returncode == 1


def test_job_that_runs_too_long_is_stopped(account, name):
    """MaxRuntimeInSeconds ends a job as Stopped, with its own secondary status."""
    limits = {"MaxRuntimeInSeconds": 1}
    account.train(name, rounds=1_000_000, StoppingCondition=limits)
    job = account.finished(name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_more_jobs_than_cores_all_complete(account, name):
    """Jobs that find no free core wait for one."""
    names = [account.train(f"{name}-{number}") for number in range(3)]
    statuses = {account.finished(each)["TrainingJobStatus"] for each in names}
    assert statuses == {"Completed"}


def test_writes_to_a_bucket_that_is_missing_fail_the_job(account, name):
    """A missing output bucket is found out at the end, as on the platform."""
    account.train(name, OutputDataConfig={"S3OutputPath": "s3://no-such-bucket/out"})
    job = account.finished(name)
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:")


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        ("training-algorithm-error", "Failed", "AlgorithmError: boom, exit code: 1"),
        ("training-client-error", "Failed", "ClientError: Data download failed:boom"),
        ("training-stopped", "Stopped", None),
    ],
)
def test_faults_end_a_job(account, name, inject, kind, status, reason):
    """A job fails or stops on demand."""
    inject(Fault(kind=kind, name=name, message="boom"))
    job = account.finished(account.train(name))
    assert job["TrainingJobStatus"] == status
    assert job.get("FailureReason") == reason


def test_denied_data_fails_the_job(account, name, inject):
    """A job that may not read its data fails with a client error."""
    inject(Fault(kind="s3-access-denied", name="data/train/"))
    job = account.finished(account.train(name))
    assert job["FailureReason"].startswith("ClientError: Data download failed:Access")


def test_slow_job_takes_longer(account, name, inject):
    """A slow job trains as many seconds longer."""
    inject(Fault(kind="training-slow", name=name, seconds=0.5))
    start = time.monotonic()
    assert account.finished(account.train(name))["TrainingJobStatus"] == "Completed"
    assert time.monotonic() - start > 0.5


def test_model_data_can_get_lost(account, name, inject):
    """A job may complete and leave no model, or half of one."""
    inject(Fault(kind="model-data-lost", name=name))
    job = account.finished(account.train(name))
    assert job["TrainingJobStatus"] == "Completed"
    with pytest.raises(ClientError, match="NoSuchKey"):
        model_files(account, job)


def test_model_data_can_be_cut(account, name, inject):
    """A job may complete and leave half a model."""
    inject(Fault(kind="model-data-truncated", name=name))
    job = account.finished(account.train(name))
    with pytest.raises((EOFError, tarfile.ReadError)):
        model_files(account, job)


EARLY = datetime(2026, 1, 1)


def training_job(**changes):
    """Make a training job that is not run."""
    image = find_image(IMAGE, "us-east-1")
    values = {"name": "job", "arn": "arn", "request": {}, "region": "us-east-1"}
    return TrainingJob(**values | {"image": image, "channels": []} | changes)


@pytest.mark.parametrize(("spot", "billed"), [(False, 100), (True, 40)])
def test_spot_training_is_billed_for_less(spot, billed):
    """A job on spot instances bills less time than it took."""
    job = training_job(
        request={"EnableManagedSpotTraining": spot},
        training_start=EARLY,
        training_end=EARLY + timedelta(seconds=99.5),
    )
    times = job.times()
    assert times["TrainingTimeInSeconds"] == 100
    assert times["BillableTimeInSeconds"] == billed


def test_an_interrupted_job_does_not_wait_for_a_slot():
    """A job that is stopped before its turn ends at once."""
    slots, interrupted = Slots(0), threading.Event()

    def wait_for_slot():
        with slots.take(interrupted.is_set):
            pass

    waiting = threading.Thread(target=wait_for_slot, daemon=True)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    interrupted.set()
    slots.wake()
    waiting.join(5)
    assert not waiting.is_alive()
