"""A training job as a process: its exit code, its files, its log."""

import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xgboost
from container_jobs import BINARY, REGRESSION, failure, run_job, write_job
from sagemaker_xgboost.container.logs import paths_of

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
    assert failure(root).startswith(
        "framework error: \nTraceback (most recent call last):\n"
    )
    assert failure(root).endswith(
        f"\nsagemaker_algorithm_toolkit.exceptions.UserError: {message}\n\n{message}"
    )
    assert message in job.stderr
    assert not (root / "output" / "success").exists()


def test_no_path_of_this_machine_is_told(tmp_path):
    """Files are named where the image has them."""
    channels = {"train": {"a.csv": REGRESSION}}
    given = {"num_round": "2", "objective": "binary:logistic"}
    root = write_job(tmp_path, given, channels)
    job = run_job(root)
    told = job.stdout + job.stderr + failure(root)
    assert "Path /opt/ml/input/data/train/a.csv and destination /tmp/sage" in told
    assert "base_score must be in (0,1)" in told
    for path in (str(tmp_path), sys.prefix, str(Path.cwd())):
        assert path not in told


def test_the_longest_path_is_hidden_first(tmp_path):
    """A folder inside the root keeps a name of its own."""
    links = tmp_path / "links"
    told = paths_of(tmp_path, links).hide(f"{links}/a.csv {tmp_path}/model")
    assert told == "/tmp/sagemaker_xgboost_input_data/a.csv /opt/ml/model"


def test_no_train_channel_is_a_bare_key_error(tmp_path):
    """The image finds out before it looks at anything else."""
    root = write_job(tmp_path, {"eta": "2"}, {"validation": {"a.csv": REGRESSION}})
    assert run_job(root).returncode == 1
    assert failure(root).endswith(
        "\nKeyError: 'SM_CHANNEL_TRAIN'\n\n'SM_CHANNEL_TRAIN'"
    )


@pytest.mark.parametrize(
    ("hyperparameters", "options", "message"),
    [
        ({}, {"mode": "Pipe"}, "Pipe mode for CSV is no longer supported."),
        ({"sagemaker_program": "train.py"}, {}, "Script mode is not supported"),
        (
            {"use_dask_gpu_training": "true"},
            {"content_type": "libsvm"},
            "Dask training is only supported for CSV and Parquet input.",
        ),
    ],
)
def test_what_does_not_run_here_says_so(tmp_path, hyperparameters, options, message):
    """Pipes, scripts and GPUs are refused by name."""
    given = {"num_round": "1", **hyperparameters}
    root = write_job(tmp_path, given, {"train": {"a.csv": REGRESSION}}, **options)
    assert run_job(root).returncode == 1
    assert message in failure(root)


def test_a_missing_file_gives_its_own_exit_code(tmp_path):
    """An error of the operating system ends the image with that error's number."""
    root = write_job(tmp_path, {"num_round": "1"}, {"train": {"a.csv": REGRESSION}})
    (root / "input" / "config" / "resourceconfig.json").unlink()
    assert run_job(root).returncode == 2
    assert "FileNotFoundError" in failure(root)
    assert "/opt/ml/input/config/resourceconfig.json" in failure(root)


def start(root):
    """Start a job that would take long."""
    command = [sys.executable, "-m", "sagemaker_xgboost.container.train", str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


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


def lines_of(text):
    """Take the metric lines out of what a job printed."""
    return [line for line in text.splitlines() if re.match(r"\[\d+\]\t", line)]


@pytest.mark.slow
def test_two_hosts_with_half_of_the_rows_each_agree_on_one_model(tmp_path):
    """Sharded over two hosts, the model is that of one host with all rows."""
    halves = BINARY.splitlines(keepends=True)
    files = {"a.csv": "".join(halves[::2]), "b.csv": "".join(halves[1::2])}
    given = {"num_round": "3", "objective": "binary:logistic", "min_child_weight": "0"}
    roots = [
        write_job(
            tmp_path / str(len(hosts)),
            given,
            {"train": files},
            hosts=hosts,
            distribution="ShardedByS3Key",
        )
        for hosts in (("algo-1",), ("algo-1", "algo-2"))
    ]
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(run_job, roots)
    assert [one.returncode, two.returncode] == [0, 0]
    assert lines_of(two.stdout) == lines_of(one.stdout)
    assert "Distributed node training with 2 hosts" in two.stderr
    dumps = [
        xgboost.Booster(model_file=root / "model" / "xgboost-model").get_dump()
        for root in roots
    ]
    assert dumps[0] == dumps[1]


def test_hosts_without_data_do_not_take_part(tmp_path):
    """One file for two hosts leaves one of them idle, with a warning."""
    root = write_job(
        tmp_path,
        {"num_round": "1"},
        {"train": {"a.csv": REGRESSION}},
        hosts=("algo-1", "algo-2"),
        distribution="ShardedByS3Key",
    )
    job = run_job(root)
    assert job.returncode == 0
    assert "Host algo-2 does not have training data." in job.stderr


def test_no_host_has_data(tmp_path):
    """Without any data there is nobody to train."""
    channels = {"train": {"a.csv": ""}}
    root = write_job(tmp_path, {"num_round": "1"}, channels, hosts=("algo-1", "algo-2"))
    assert run_job(root).returncode == 1
    assert failure(root).endswith("\n\nNo hosts received training data.")


def test_one_host_that_fails_ends_them_all(tmp_path):
    """The failure is told in the words of that host, and nobody waits for it."""
    root = write_job(
        tmp_path,
        {"num_round": "1"},
        {"train": {"a.csv": REGRESSION, "b.csv": "1,inf\n2,3\n"}},
        hosts=("algo-1", "algo-2"),
        distribution="ShardedByS3Key",
    )
    began = time.monotonic()
    assert run_job(root).returncode == 1
    assert time.monotonic() - began < SECONDS
    assert "UserError: Failed to load csv data with exception:\n" in failure(root)
