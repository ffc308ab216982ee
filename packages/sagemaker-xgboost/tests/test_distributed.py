"""Training on several hosts, as a process each."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import xgboost
from container_jobs import BINARY, REGRESSION, read_failure, run_job, write_job

SECONDS = 60

# xgboost warns of a model without a suffix, which is the rule here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def lines_of(text):
    """Find the metric lines in what a job printed."""
    return [line for line in text.splitlines() if re.match(r"\[\d+\]\t", line)]


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
    """Without any data there is no host to train on."""
    channels = {"train": {"a.csv": ""}}
    root = write_job(tmp_path, {"num_round": "1"}, channels, hosts=("algo-1", "algo-2"))
    assert run_job(root).returncode == 1
    assert read_failure(root).endswith("\n\nNo hosts received training data.")


def test_one_host_that_fails_ends_them_all(tmp_path):
    """The failure file is that of the failed host, and no other host waits for it."""
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
    assert "UserError: Failed to load csv data with exception:\n" in read_failure(root)
