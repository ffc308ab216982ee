"""One case: a model that is live, a change to it, and what a command makes of that."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import psutil
import tiny
import warm_python
from embedded_aws.faults import Fault, Kind
from embedded_aws.process import RunningAWS
from embedded_aws.sharing import share
from model_packages import ENDPOINT, make_package
from repository import Repository

from lifecycle.aws import bucket, client
from lifecycle.deploy import deploy
from lifecycle.endpoint import read_state
from lifecycle.registration.packages import Package, list_packages
from runner.spec import content as contents

LIMIT = 120
TRAIN = ("run", "--stage", "prepare", "--stage", "train-register")
DEPLOY = ("run", "--stage", "deploy")
ROLLBACK = ("rollback",)
CALLS_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    said: str


@dataclass(kw_only=True)
class Case:
    """A model of a project of its own, on the embedded AWS that all cases share."""

    model: str
    root: Path
    aws: RunningAWS
    # Where an embedded AWS of its own keeps what it has; None: all cases share one.
    aws_folder: Path | None = None
    aws_kept: ExitStack = field(default_factory=ExitStack)
    package: Package | None = None
    saved: bytes = b""
    known: set[str] = field(default_factory=set)
    injected: list[Fault] = field(default_factory=list)

    def begin(self, *, is_live: bool) -> None:
        """Let version 1 be live, and check out content whose slope is 2."""
        repository = Repository(self.root)
        tiny.write_shared(self.root, golden=True)
        tiny.write_model(self.root, self.model, slope=2.0)
        repository.write(".gitignore", "build/\n")
        repository.commit()
        if is_live:
            serve(make_package(self.model, fingerprint="1" * 64))

    def register(self) -> Package:
        """Register and approve a package of the checkout's content."""
        content = contents.content(self.root, self.model).fingerprint
        self.package = make_package(self.model, factor=2.0, fingerprint=content)
        return self.package

    def restart_aws(self) -> None:
        """Start the case's own embedded AWS again, where it was."""
        assert self.aws_folder is not None
        port = int(self.aws.url.rpartition(":")[2])
        self.aws = self.aws_kept.enter_context(share(self.aws_folder, port))
        self.injected.clear()

    def inject(self, kind: str, **values: object) -> Fault:
        """Let something go wrong for this model only."""
        star = "*" if kind.startswith(("training", "model-data")) else ""
        chosen = {"name": f"{self.model}{star}", **values}
        fault = self.aws.inject(Fault(kind=kind, **chosen))
        self.injected.append(fault)
        return fault

    def mend(self, kinds: Sequence[str] = get_args(Kind)) -> None:
        """Let nothing of these kinds go wrong for this model any more."""
        for fault in [one for one in self.injected if one.kind in kinds]:
            self.aws.clear(fault)
            self.injected.remove(fault)

    def start(self, *command: str, limit_files: int = 0) -> subprocess.Popen[str]:
        """Start a command of the runner on this model."""
        verb, *options = command
        call = [warm_python.executable(), "-m", "runner", verb, self.model, *options]
        if limit_files:
            # What a full disk does, to this command and its kernels only.
            call = ["sh", "-c", f'ulimit -f {limit_files}; exec "$@"', "sh", *call]
        return subprocess.Popen(
            [*call, "--target", "aws"],
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        """Send the command to the embedded AWS, and hide the machine's own CI."""
        hidden = ("AWS_", "CIRCLE", "SAGEMAKER_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        pid = {"SAGEMAKER_KERNEL_PID": str(self.kernel_file), "PYTHONUNBUFFERED": "1"}
        return kept | self.aws.environment | pid

    @property
    def kernel_file(self) -> Path:
        """Name the file in which a kernel leaves its process id."""
        return self.root.parent / f"{self.model}.pid"

    def run(self, *command: str, **more: int) -> Ended:
        """Run a command to its end."""
        return finished(self.start(*command, **more))

    def interrupted(
        self, *command: str, when: Callable[[], object], how: int = signal.SIGTERM
    ) -> Ended:
        """Run a command and send it a signal as soon as something is so."""
        process = self.start(*command)
        wait_for(when, process)
        process.send_signal(how)
        return finished(process)

    def kernel_killed(self, *command: str, when: Callable[[], object]) -> Ended:
        """Run a command and kill its kernel as soon as something is so."""
        process = self.start(*command)
        wait_for(when, process)
        os.kill(int(self.kernel_file.read_text()), signal.SIGKILL)
        return finished(process)

    def trains(self) -> bool:
        """Tell whether a training job of this model runs."""
        return bool(self.jobs("InProgress"))

    def jobs(self, status: str) -> list[str]:
        """Name this model's training jobs of a status."""
        answer = client("sagemaker").list_training_jobs(
            NameContains=self.model, StatusEquals=status
        )
        return [one["TrainingJobName"] for one in answer["TrainingJobSummaries"]]

    def is_updating(self) -> bool:
        """Tell whether this model's endpoint is on its way to another version."""
        now = read_state(self.model)
        return now is not None and now.status == "Updating"

    def began(self, fault: Fault) -> bool:
        """Tell whether a fault has happened at least once."""
        left = {one["id"]: one["left"] for one in self.aws.faults()}
        return left.get(fault.id, 0) < fault.count

    def live(self) -> str:
        """Say what is live."""
        now = read_state(self.model)
        if now is None or now.status == "Creating":
            return "nothing"
        return f"version {now.version}"

    def is_verified(self) -> bool:
        """Tell whether a deploy has verified what is live."""
        now = read_state(self.model)
        return now is not None and now.is_verified and now.status == "InService"

    def left(self) -> list[str]:
        """List what is left behind that was not there before."""
        found = [f"a kernel of {self.model}" for _ in self.processes()]
        found += ["a training job that runs" for _ in self.jobs("InProgress")]
        now = read_state(self.model)
        if now and now.status != "InService":
            found.append(f"the endpoint, {now.status}")
        for one in list_packages(self.model):
            mine = self.package and self.package.version == one.version
            if one.version > 1 and not mine:
                found.append(f"version {one.version}, {one.approval_status}")
        for name in self.configs() - self.known:
            if not now or now.config != name:
                number = name.split("-v")[1].split("-")[0]
                found.append(f"the endpoint config and model of version {number}")
        return sorted(found)

    def configs(self) -> set[str]:
        """Name this model's endpoint configs."""
        answer = client("sagemaker").list_endpoint_configs(NameContains=self.model)
        return {one["EndpointConfigName"] for one in answer["EndpointConfigs"]}

    def processes(self) -> list[int]:
        """List the processes that still work in this case's folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.root) in process.cwd() and not is_gone(process):
                    found.append(process.pid)
            except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return found

    def evidence(self) -> list[str]:
        """Name where the records of this case's commands are: on disk, and in S3."""
        here = self.root / "build" / self.model
        found = ["build/"] if any(here.glob("*.json")) else []
        listed = client("s3").list_objects_v2(
            Bucket=bucket(), Prefix=f"{self.model}/runs/"
        )
        names = [one["Key"] for one in listed.get("Contents", [])]
        stages = ("prepare", "train-register", "deploy", "rollback")
        kept = tuple(f"/evidence/{stage}.json" for stage in stages)
        return [*found, "S3"] if any(name.endswith(kept) for name in names) else found

    def end(self) -> None:
        """Leave nothing of this case behind."""
        self.mend()
        for name in self.jobs("InProgress"):
            client("sagemaker").stop_training_job(TrainingJobName=name)
        if read_state(self.model):
            client("sagemaker").delete_endpoint(EndpointName=self.model)


def serve(package: Package) -> None:
    """Deploy without a word."""
    deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=str)


def is_gone(process: psutil.Process) -> bool:
    """Tell a process that ended but was not waited for."""
    return process.status() == psutil.STATUS_ZOMBIE


def wait_for(when: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something is so, while the command runs."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        if when():
            return
        time.sleep(CALLS_SECONDS)
    process.kill()
    raise AssertionError(f"never came so far:\n{process.communicate(timeout=10)[0]}")


def finished(process: subprocess.Popen[str]) -> Ended:
    """Wait for a command's end."""
    try:
        said, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate(timeout=10)
        raise AssertionError(f"took longer than {LIMIT} s:\n{said}") from None
    return Ended(code=process.returncode, said=said)
