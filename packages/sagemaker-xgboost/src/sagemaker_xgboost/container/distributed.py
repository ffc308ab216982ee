"""Training on several hosts: one process per host, joined by xgboost's collective.

Each process is `python -m sagemaker_xgboost.container.train ROOT HOST`, where HOST is a
`Host` as JSON. The first failure ends all of them.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sagemaker_xgboost.container.data_utils import import_xgboost
from sagemaker_xgboost.exceptions import AlgorithmError

TRAIN = "sagemaker_xgboost.container.train"
LOOPBACK = "127.0.0.1"
# How long a host waits for the others to join.
JOIN_SECONDS = 300
# SageMaker lets no training job run longer.
MAX_SECONDS = 28 * 24 * 3600
KILL_SECONDS = 10


class HostFailedError(Exception):
    """Report the failure of a host, in the words of its failure file."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """One host's part of a training job: which host, its folder, how it joins."""

    number: int
    rank: int
    folder: str
    tracker: dict[str, Any]

    @classmethod
    def from_json(cls, text: str) -> "Host":
        """Read a host as `to_json` writes it."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Write the host as an argument of its process."""
        return json.dumps(asdict(self))

    @property
    def is_master(self) -> bool:
        """Tell whether this host saves the model."""
        return self.rank == 0

    def join(self) -> Any:
        """Return the context in which xgboost trains together with the other hosts."""
        return import_xgboost().collective.CommunicatorContext(
            **self.tracker, dmlc_task_id=str(self.rank), dmlc_timeout=JOIN_SECONDS
        )

    def exit_with_parent(self) -> None:
        """Exit this host's process as soon as the one that started it has ended."""

        def wait() -> None:
            # The other end of the pipe is open for as long as that process lives.
            sys.stdin.read()
            os._exit(1)

        threading.Thread(target=wait, daemon=True).start()


def train_on_hosts(root: Path, numbers: Sequence[int], folder: Path) -> None:
    """Train with these hosts, one process each; the first of them saves the model.

    `folder` is for what the processes leave behind.
    Raises HostFailedError or AlgorithmError for the first host that fails.
    """
    processes = []
    with tracker(len(numbers)) as arguments:
        try:
            for rank, number in enumerate(numbers):
                own = folder / str(rank)
                own.mkdir()
                host = Host(
                    number=number, rank=rank, folder=str(own), tracker=arguments
                )
                processes.append(start_host(root, host))
            wait_for_all(processes, folder)
        finally:
            for process in processes:
                process.kill()
                process.wait(KILL_SECONDS)


@contextmanager
def tracker(hosts: int) -> Iterator[dict[str, Any]]:
    """Run the tracker through which the hosts find each other; yield its arguments."""
    xgboost = import_xgboost()
    service = xgboost.tracker.RabitTracker(
        n_workers=hosts, host_ip=LOOPBACK, sortby="task"
    )
    service.start()
    try:
        yield service.worker_args()
    finally:
        # It complains of hosts that left early, whose own failure is reported already.
        with suppress(xgboost.core.XGBoostError):
            service.free()


def start_host(root: Path, host: Host) -> subprocess.Popen[bytes]:
    """Start the process of one host."""
    # The pipe closes, and so the process exits, when this process ends.
    return subprocess.Popen(
        [sys.executable, "-m", TRAIN, str(root), host.to_json()], stdin=subprocess.PIPE
    )


def wait_for_all(processes: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    """Wait until every process has ended; raise at the first failure."""
    with ThreadPoolExecutor(len(processes)) as pool:
        ranks = {
            pool.submit(process.wait, MAX_SECONDS): rank
            for rank, process in enumerate(processes)
        }
        for done in as_completed(ranks):
            if done.result() == 0:
                continue
            for process in processes:
                process.kill()
            raise read_failure(folder / str(ranks[done]) / "failure")


def read_failure(file: Path) -> Exception:
    """Turn the failure file of a host into an error."""
    if file.exists():
        return HostFailedError(file.read_text())
    return AlgorithmError("A host ended without a report of what went wrong.")
