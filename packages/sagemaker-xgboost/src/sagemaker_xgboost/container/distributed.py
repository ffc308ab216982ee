"""Training on several hosts: one process for each, joined by xgboost's collective."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sagemaker_xgboost.container.engine import load_engine
from sagemaker_xgboost.container.exceptions import AlgorithmError
from sagemaker_xgboost.container.job import Job, load_matrices
from sagemaker_xgboost.container.outcome import HostFailedError
from sagemaker_xgboost.container.training import train_models

LOOPBACK = "127.0.0.1"
# SageMaker lets no training job run longer.
MAX_SECONDS = 28 * 24 * 3600
GRACE_SECONDS = 10


def train_on_hosts(job: Job, links: Path) -> None:
    """Train with every host that has data; the first of them saves the model."""
    logging.info(
        "Distributed node training with %s hosts: %s", len(job.hosts), list(job.hosts)
    )
    members = hosts_with_data(job)
    if not members:
        raise RuntimeError("No hosts received training data.")
    if len(members) == 1:
        matrices = load_matrices(job, members[0], links)
        train_models(job.hyperparameters, matrices, job.model_dir, job.output_dir)
        return
    if job.hyperparameters.get("save_model_on_termination") == "true":
        # The workers end with this process; the model is saved after every round.
        signal.signal(signal.SIGTERM, lambda signum, frame: os._exit(0))
    with tracker(len(members)) as join:
        run_workers(job, members, join, links)


def hosts_with_data(job: Job) -> list[int]:
    """List the hosts that take part, by their number; warn of all others."""
    members = []
    for number in sorted(range(len(job.hosts)), key=lambda host: job.hosts[host]):
        empty = [
            name
            for name in ("train", "validation")
            if name in job.channels and not job.shard(name, number).size
        ]
        for name in empty:
            word = "training" if name == "train" else name
            logging.warning(
                "Host %s does not have %s data. Will broadcast to cluster and this "
                "host %s will not be used in distributed training. Please divide the "
                "%s data across instances properly.",
                job.hosts[number],
                word,
                job.hosts[number],
                word,
            )
        if not empty:
            members.append(number)
    return members


@contextmanager
def tracker(workers: int) -> Iterator[dict[str, Any]]:
    """Keep the tracker that the workers meet at, and say how to join it."""
    service = load_engine().tracker.RabitTracker(
        n_workers=workers, host_ip=LOOPBACK, sortby="task"
    )
    service.start()
    try:
        yield service.worker_args()
    finally:
        # It complains of workers that left early: what they left counts, not that.
        with suppress(load_engine().core.XGBoostError):
            service.free()


def run_workers(
    job: Job, members: Sequence[int], join: dict[str, Any], links: Path
) -> None:
    """Run one process for each host; the first failure ends them all."""
    processes = []
    try:
        for task, host in enumerate(members):
            processes.append(start_worker(job, host, task, join, links))
        wait_for_all(processes, links)
    finally:
        for process in processes:
            process.kill()
            process.wait(GRACE_SECONDS)


def start_worker(
    job: Job, host: int, task: int, join: dict[str, Any], links: Path
) -> subprocess.Popen[bytes]:
    """Start the process of one host."""
    folder = links / str(task)
    (folder / "links").mkdir(parents=True)
    call = {
        "root": str(job.root),
        "links": str(folder / "links"),
        "report": str(folder),
        "host": host,
        "task": task,
        "join": join,
    }
    module = "sagemaker_xgboost.container.worker"
    # The worker ends when the pipe closes: it cannot outlive this process.
    return subprocess.Popen(
        [sys.executable, "-m", module, json.dumps(call)], stdin=subprocess.PIPE
    )


def wait_for_all(processes: Sequence[subprocess.Popen[bytes]], links: Path) -> None:
    """Wait until every process is done, or the first one fails."""
    with ThreadPoolExecutor(len(processes)) as pool:
        waits = {
            pool.submit(process.wait, MAX_SECONDS): task
            for task, process in enumerate(processes)
        }
        for done in as_completed(waits):
            if done.result() == 0:
                continue
            for process in processes:
                process.kill()
            raise failure_of(links / str(waits[done]) / "failure")


def failure_of(report: Path) -> Exception:
    """Turn the report of a failed worker into an error."""
    if report.exists():
        return HostFailedError(report.read_text())
    return AlgorithmError("A host ended without a report of what went wrong.")
