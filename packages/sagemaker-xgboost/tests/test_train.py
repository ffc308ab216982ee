"""A training job as a process: its exit code, its files, its log."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import xgboost
from container_jobs import (
    ENVIRONMENT,
    PYTHON,
    REGRESSION,
    read_failure,
    run_job,
    write_job,
)
from sagemaker_xgboost.container.train import read_job
from sagemaker_xgboost.exceptions import UserError

SECONDS = 60

# xgboost warns of a model without a suffix, which is the rule here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_a_job_that_succeeds(tmp_path):
    """It exits with 0 and leaves a model, `success`, metrics and a log."""
    channels = {"train": {"a.csv": REGRESSION}, "validation": {"b.csv": REGRESSION}}
    root = write_job(tmp_path, {"num_round": "2"}, channels)
    job = run_job(root)
    assert job.returncode == 0
    assert (root / "output" / "success").read_bytes() == b""
    assert sorted(file.name for file in root.iterdir()) == ["input", "model", "output"]
    assert xgboost.Booster(model_file=root / "model" / "xgboost-model")
    assert re.fullmatch(
        r"(\[\d\]\ttrain-rmse:\S+\tvalidation-rmse:\S+\n){2}", job.stdout
    )
    for line in ("Determined delimiter of CSV input is ','", "Single node training."):
        stamp = r"^\[\d{4}-\d\d-\d\d:\d\d:\d\d:\d\d:INFO\] "
        assert re.search(stamp + re.escape(line) + "$", job.stderr, re.MULTILINE)
    assert "Train matrix has 6 rows and 2 columns" in job.stderr


def test_a_job_that_fails(tmp_path):
    """It exits with 1 and says why in the words of the image, in `failure`."""
    channels = {"train": {"a.csv": REGRESSION}}
    root = write_job(tmp_path, {"num_round": "2", "eta": "2.0"}, channels)
    job = run_job(root)
    message = "Hyperparameter eta: 2.0 is not in [0, 1]"
    assert job.returncode == 1
    assert read_failure(root).startswith(
        "framework error: \nTraceback (most recent call last):\n"
    )
    assert read_failure(root).endswith(
        f"\nsagemaker_algorithm_toolkit.exceptions.UserError: {message}\n\n{message}"
    )
    assert message in job.stderr
    assert not (root / "output" / "success").exists()


def test_no_path_of_this_machine_is_shown(tmp_path):
    """Files are named where the image has them."""
    channels = {"train": {"a.csv": REGRESSION}}
    given = {"num_round": "2", "objective": "binary:logistic"}
    root = write_job(tmp_path, given, channels)
    job = run_job(root)
    shown = job.stdout + job.stderr + read_failure(root)
    assert "Path /opt/ml/input/data/train/a.csv and destination /tmp/sage" in shown
    assert "base_score must be in (0,1)" in shown
    for path in (str(tmp_path), sys.prefix, str(Path.cwd())):
        assert path not in shown


def test_no_train_channel_is_a_bare_key_error(tmp_path):
    """The image fails so before it checks anything else."""
    root = write_job(tmp_path, {"eta": "2"}, {"validation": {"a.csv": REGRESSION}})
    assert run_job(root).returncode == 1
    assert read_failure(root).endswith(
        "\nKeyError: 'SM_CHANNEL_TRAIN'\n\n'SM_CHANNEL_TRAIN'"
    )


@pytest.mark.parametrize(
    ("hyperparameters", "options", "message"),
    [
        ({}, {"mode": "Pipe"}, "Pipe mode for CSV is no longer supported."),
        ({"sagemaker_program": "train.py"}, {}, "Script mode is not supported"),
        ({}, {"content_type": "recordio-protobuf"}, "reads no RecordIO-protobuf"),
        (
            {"_kfold": "5"},
            {},
            "Hyperparameter _kfold: cross-validation is not supported by "
            "sagemaker-xgboost. Remove the hyperparameter, or train on AWS.",
        ),
        ({"_num_cv_round": "2"}, {}, "Hyperparameter _num_cv_round: cross-validation"),
        (
            {"use_dask_gpu_training": "true"},
            {},
            "Hyperparameter use_dask_gpu_training: GPU training with Dask is not",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(
    tmp_path, hyperparameters, options, message
):
    """Nothing that a job asks for is silently ignored."""
    given = {"num_round": "1", **hyperparameters}
    root = write_job(tmp_path, given, {"train": {"a.csv": REGRESSION}}, **options)
    with pytest.raises(UserError, match=message):
        read_job(root)


def test_checkpoints_are_refused(tmp_path):
    """The configuration file of checkpoints is not silently ignored."""
    root = write_job(tmp_path, {"num_round": "1"}, {"train": {"a.csv": REGRESSION}})
    config = root / "input" / "config" / "checkpointconfig.json"
    config.write_text('{"LocalPath": "/opt/ml/checkpoints"}')
    with pytest.raises(UserError, match=r"^Checkpoints are not supported by"):
        read_job(root)


def test_a_job_may_say_that_it_needs_no_gpu(tmp_path):
    """The hyperparameter is removed: xgboost itself does not know it."""
    given = {"num_round": "1", "use_dask_gpu_training": "false"}
    job = read_job(write_job(tmp_path, given, {"train": {"a.csv": REGRESSION}}))
    assert job.hyperparameters == {"num_round": 1}


def test_a_missing_file_gives_its_own_exit_code(tmp_path):
    """An error of the operating system ends the image with that error's number."""
    root = write_job(tmp_path, {"num_round": "1"}, {"train": {"a.csv": REGRESSION}})
    (root / "input" / "config" / "resourceconfig.json").unlink()
    assert run_job(root).returncode == 2
    assert "FileNotFoundError" in read_failure(root)
    assert "/opt/ml/input/config/resourceconfig.json" in read_failure(root)


@pytest.mark.parametrize("arguments", [[], ["nowhere"]])
def test_a_wrong_call_says_how_to_call(arguments):
    """It exits with 2 and shows the usage."""
    command = [sys.executable, "-m", "sagemaker_xgboost.container.train", *arguments]
    call = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert call.returncode == 2
    assert call.stderr.startswith("usage: python -m sagemaker_xgboost.container.train")


def start(root):
    """Start a job that would take long."""
    command = [PYTHON, "-m", "sagemaker_xgboost.container.train", str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)


@pytest.mark.parametrize(("keep", "kept"), [("true", True), ("false", False)])
def test_a_stopped_job_keeps_its_model_when_asked_to(tmp_path, keep, kept):
    """SIGTERM ends training; the last whole round stays if it is to be kept."""
    given = {"num_round": "1000000", "save_model_on_termination": keep}
    root = write_job(tmp_path, given, {"train": {"a.csv": REGRESSION}})
    with start(root) as job:
        assert job.stdout.readline().startswith("[0]\ttrain-rmse:")
        assert job.stdout.readline().startswith("[1]\ttrain-rmse:")
        job.send_signal(signal.SIGTERM)
        job.stdout.read()
        assert job.wait(SECONDS) == (0 if kept else -signal.SIGTERM)
    model = root / "model" / "xgboost-model"
    assert model.exists() is kept
    if kept:
        assert xgboost.Booster(model_file=model).num_boosted_rounds() >= 1
