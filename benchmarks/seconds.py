"""Where the processors' time goes while the runner runs the six notebooks."""

import os
import subprocess
import threading
import time
from pathlib import Path

import psutil
from embedded_aws import start

from benchmarks.measure import LIMIT_SECONDS, table
from benchmarks.six import RUN_BOTH

GLANCE_SECONDS = 0.1
RUNNING = "the runner itself"
IMPORTS = "imports, before kernels are forked"
KERNELS = "the kernels"
SERVING = "the embedded AWS"
TRAINING = "its training jobs"
ROLES = (RUNNING, IMPORTS, KERNELS, SERVING, TRAINING)


class Watch:
    """Looks at processes now and then: what they spent is gone once they end."""

    def __init__(self, runner: int, aws: int) -> None:
        self.runner, self.aws = psutil.Process(runner), psutil.Process(aws)
        self.before = _spent(self.aws)
        self.seconds: dict[tuple[str, int], float] = {}
        self.over = threading.Event()

    def stand_by(self) -> None:
        """Look until it is over."""
        while not self.over.wait(GLANCE_SECONDS):
            self._note(RUNNING, [self.runner])
            self._note(IMPORTS, _children(self.runner))
            for server in _children(self.runner):
                self._note(KERNELS, _children(server))
            self._note(SERVING, [self.aws])
            self._note(TRAINING, _children(self.aws))

    def total(self, role: str) -> float:
        """Add up what the processes of one role have spent."""
        total = sum(value for (one, _), value in self.seconds.items() if one == role)
        return total - self.before if role == SERVING else total

    def _note(self, role: str, processes: list[psutil.Process]) -> None:
        for process in processes:
            if spent := _spent(process):
                self.seconds[role, process.pid] = spent


def report(root: Path) -> str:
    """Look on while the runner runs once, and write down what was spent where."""
    with start() as aws:
        process = subprocess.Popen(
            [*RUN_BOTH],
            cwd=root,
            env=os.environ | aws.environment,
            stdout=subprocess.DEVNULL,
        )
        watch = Watch(process.pid, aws.process.pid)
        thread = threading.Thread(target=watch.stand_by)
        thread.start()
        began = time.perf_counter()
        try:
            process.wait(LIMIT_SECONDS)
        finally:
            process.kill()
            watch.over.set()
            thread.join()
        took = time.perf_counter() - began
    rows = [[role, f"{watch.total(role):.1f}"] for role in ROLES]
    total = sum(watch.total(role) for role in ROLES)
    cores = os.cpu_count() or 1
    return "\n\n".join(
        [
            "## Where the seconds go",
            (
                f"`runner run abalone churn` once more: {took:.1f} s on {cores} cores, "
                f"whose time was used to {total / took / cores:.0%}. Without ever "
                f"waiting for one another they would take {total / cores:.1f} s."
            ),
            table(["", "processor seconds"], rows),
        ]
    )


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.NoSuchProcess:
        return []


def _spent(process: psutil.Process) -> float:
    """Read the seconds that a process has spent so far; none if it is gone."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system
