"""One training job from Starting to its final status: download, train, upload."""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from moto.core.utils import utcnow
from moto.s3.exceptions import MissingBucket
from sagemaker_xgboost import archive

from embedded_aws.activity import activity
from embedded_aws.faults import faults
from embedded_aws.files import Content
from embedded_aws.logs import models as logs
from embedded_aws.s3 import store
from embedded_aws.s3.store import AccessDeniedError, S3Uri
from embedded_aws.sagemaker.inputs import Channel, Image, download_channel
from embedded_aws.sagemaker.resources import Resource, Values
from embedded_aws.sagemaker.variants import import_model_server

ENDED = ("Completed", "Failed", "Stopped")
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
INTERRUPTIONS = {
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}
INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Try again."
SPOT_SHARE = 0.4
FAILURE_CHARACTERS = 1024
GRACE_SECONDS = 5.0


@dataclass(kw_only=True)
class TrainingJob(Resource):
    """Keep the state of one training job."""

    region: str
    image: Image
    channels: list[Channel]
    status: str = "InProgress"
    secondary_status: str = "Starting"
    transitions: list[Values] = field(default_factory=list)
    final_metrics: list[Values] = field(default_factory=list)
    failure_reason: str | None = None
    training_start: datetime | None = None
    training_end: datetime | None = None

    @property
    def model_data(self) -> str:
        """Return the URI that the model is uploaded to."""
        output = self.request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        return f"{output}/{self.name}/output/model.tar.gz"

    def enter(self, secondary: str, message: str, status: str | None = None) -> None:
        """Pass to the next secondary status."""
        now = utcnow()
        if self.transitions:
            self.transitions[-1]["EndTime"] = now
        transition = {"Status": secondary, "StartTime": now, "StatusMessage": message}
        if status in ENDED:
            transition["EndTime"] = now
        self.transitions.append(transition)
        self.secondary_status = secondary
        self.status = status or self.status
        self.last_modified_time = now

    def times(self) -> Values:
        """Return start, end, and the seconds that were spent and are billed."""
        if self.training_start is None:
            return {}
        end = self.training_end or utcnow()
        spent = max(1, ceil((end - self.training_start).total_seconds()))
        spot = self.request.get("EnableManagedSpotTraining")
        billed = max(1, round(spent * SPOT_SHARE)) if spot else spent
        seconds = {"TrainingTimeInSeconds": spent, "BillableTimeInSeconds": billed}
        end_time = {"TrainingEndTime": self.training_end} if self.training_end else {}
        return {"TrainingStartTime": self.training_start} | end_time | seconds

    def describe(self) -> Values:
        """Answer DescribeTrainingJob."""
        described = super().describe() | self.times()
        described |= {
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.secondary_status,
            "SecondaryStatusTransitions": self.transitions,
            "FinalMetricDataList": self.final_metrics or None,
            "FailureReason": self.failure_reason,
        }
        if self.status == "Completed":
            described["ModelArtifacts"] = {"S3ModelArtifacts": self.model_data}
        return described

    def summary(self) -> Values:
        """Return the job's entry in the answer of ListTrainingJobs."""
        return self.describe() | {"TrainingEndTime": self.training_end}


class TrainingFailedError(Exception):
    """Report why a job failed, in the words of its FailureReason."""


class Slots:
    """Let as many jobs run as there are cores; more would slow each other down."""

    def __init__(self, count: int) -> None:
        self.free = count
        self.changed = threading.Condition()

    @contextmanager
    def take(self, interrupted: Callable[[], bool]) -> Iterator[None]:
        """Hold a slot; an interrupted job does not wait for one."""
        with self.changed:
            self.changed.wait_for(lambda: self.free > 0 or interrupted())
            self.free -= 1
        try:
            yield
        finally:
            with self.changed:
                self.free += 1
                self.changed.notify_all()

    def wake(self) -> None:
        """Let waiting jobs check whether they are interrupted."""
        with self.changed:
            self.changed.notify_all()


slots = Slots(os.cpu_count() or 1)


class TrainingRun:
    """Take one training job through its statuses, in a thread of its own."""

    def __init__(self, job: TrainingJob, save: Callable[[TrainingJob], None]) -> None:
        self.job = job
        self.save = save
        self.lock = threading.RLock()
        self.interruption = ""
        self.interrupted = threading.Event()
        self.container: Container | None = None
        self.lines: list[tuple[datetime, str]] = []
        count = job.request["ResourceConfig"].get("InstanceCount", 1)
        self.hosts = [f"algo-{number}" for number in range(1, count + 1)]
        self.streams = [f"{job.name}/{host}-{int(time.time())}" for host in self.hosts]

    def start(self) -> None:
        """Run in a thread."""
        self.job.enter("Starting", "Preparing the instances for training")
        self.save(self.job)
        threading.Thread(target=self.run, name=self.job.name, daemon=True).start()

    def interrupt(self, reason: str) -> None:
        """End the job early, for this reason unless there is one already."""
        with self.lock:
            if self.interruption:
                return
            self.interruption = reason
            self.job.enter("Stopping", "Stopping the training job", "Stopping")
            self.save(self.job)
            if self.container is not None:
                self.container.interrupt()
        self.interrupted.set()
        slots.wake()

    def run(self) -> None:
        """Go through all statuses, and always end in a final one."""
        for stream in self.streams:
            logs.create_stream(self.job.region, LOG_GROUP, stream)
        reason = INTERNAL_ERROR
        try:
            with (
                activity,
                slots.take(self.interrupted.is_set),
                TemporaryDirectory(
                    prefix="training-", ignore_cleanup_errors=True
                ) as root,
            ):
                self.execute(Path(root))
            reason = ""
        except TrainingFailedError as error:
            reason = str(error)
        finally:
            self.finish(reason)
        # Now that there is a model, an endpoint may be created soon.
        import_model_server()

    def execute(self, root: Path) -> None:
        """Download, train and upload, unless interrupted."""
        if self.interrupted.is_set():
            return
        self.job.training_start = utcnow()
        self.enter("Downloading", "Downloading the training image")
        write_configuration(self.job, self.hosts, root)
        self.download(root)
        message = "Training image download completed. Training in progress."
        self.enter("Training", message)
        code = self.train(root)
        definitions = self.job.request["AlgorithmSpecification"]["MetricDefinitions"]
        self.job.final_metrics = final_metrics(definitions, self.lines)
        if code and not self.interruption:
            raise TrainingFailedError(algorithm_error(root, code))
        self.enter("Uploading", "Uploading generated training model")
        self.upload(root)

    def enter(self, secondary: str, message: str) -> None:
        """Pass to the next status, unless the job is stopping."""
        with self.lock:
            if not self.interruption:
                self.job.enter(secondary, message)
                self.save(self.job)

    def download(self, root: Path) -> None:
        """Download every channel's files to the container's folder."""
        if fault := faults.take("training-client-error", self.job.name):
            text = fault.message or "Failed to download data."
            raise TrainingFailedError(f"ClientError: Data download failed:{text}")
        try:
            for channel in self.job.channels:
                download_channel(channel, root / "input" / "data" / channel.name)
        except (AccessDeniedError, OSError, ValueError) as error:
            text = f"ClientError: Data download failed:{error}"
            raise TrainingFailedError(text) from error

    def train(self, root: Path) -> int:
        """Run the container within the job's time, and return its exit code."""
        limit = self.job.request["StoppingCondition"]["MaxRuntimeInSeconds"]
        timer = threading.Timer(limit, self.interrupt, ["MaxRuntimeExceeded"])
        timer.daemon = True
        timer.start()
        try:
            self.inject_faults()
            return self.run_container(root)
        finally:
            timer.cancel()

    def inject_faults(self) -> None:
        """Carry out the faults that are due before the container starts."""
        if fault := faults.take("training-slow", self.job.name):
            self.interrupted.wait(fault.seconds)
        if faults.take("training-stopped", self.job.name):
            self.interrupt("Stopped")
        if fault := faults.take("training-algorithm-error", self.job.name):
            text = fault.message or "a fault on demand"
            self.log(f"[ERROR] {text}")
            raise TrainingFailedError(f"AlgorithmError: {text}, exit code: 1")

    def run_container(self, root: Path) -> int:
        """Run the container unless interrupted, and keep its log."""
        if note := self.job.image.engine_note:
            self.log(note)
        with self.lock:
            if self.interruption:
                return 0
            self.container = Container(self.job, root)
        return self.container.run(self.log)

    def log(self, line: str) -> None:
        """Keep a line of the log, and send it to CloudWatch."""
        self.lines.append((utcnow(), logs.escape_tabs(line)))
        if line:
            logs.write(self.job.region, LOG_GROUP, self.streams[0], [line])

    def upload(self, root: Path) -> None:
        """Upload the model, and other output, to S3."""
        target = S3Uri.parse(self.job.model_data)
        key = target.key.removesuffix("model.tar.gz") + "output.tar.gz"
        model, output = root / "model.tar.gz", root / "output.tar.gz"
        try:
            if archive.pack(root / "model", model):
                self.upload_model(target, model)
            if archive.pack(root / "output" / "data", output):
                store.write(S3Uri(bucket=target.bucket, key=key), Content(output))
        except (AccessDeniedError, MissingBucket) as error:
            text = f"ClientError: Artifact upload failed:{error}"
            raise TrainingFailedError(text) from error

    def upload_model(self, target: S3Uri, model: Path) -> None:
        """Upload the model, unless a fault loses or cuts it."""
        content = Content(model)
        if faults.take("model-data-lost", self.job.name):
            return
        if faults.take("model-data-truncated", self.job.name):
            content = content[: len(content) // 2]
        store.write(target, content)

    def finish(self, failure: str) -> None:
        """Enter the final status."""
        with self.lock:
            self.job.training_end = self.job.training_start and utcnow()
            if self.interruption:
                text = INTERRUPTIONS[self.interruption]
                self.job.enter(self.interruption, text, "Stopped")
            elif failure:
                self.job.failure_reason = failure[:FAILURE_CHARACTERS]
                self.job.enter("Failed", "Training job failed", "Failed")
            else:
                self.job.enter("Completed", "Training job completed", "Completed")
            self.save(self.job)


def write_configuration(job: TrainingJob, hosts: Sequence[str], root: Path) -> None:
    """Write the files and folders that a container finds in /opt/ml."""
    config = root / "input" / "config"
    for folder in (config, root / "model", root / "output" / "data"):
        folder.mkdir(parents=True)
    resources = {
        "current_host": hosts[0],
        "hosts": hosts,
        "network_interface_name": "eth0",
    }
    files = {
        "hyperparameters": job.request.get("HyperParameters", {}),
        "inputdataconfig": {c.name: c.describe() for c in job.channels},
        "resourceconfig": resources,
    }
    for name, values in files.items():
        (config / f"{name}.json").write_text(json.dumps(values))


# Every container that runs, for the server to kill at its own end.
containers: set["Container"] = set()
containers_lock = threading.Lock()


class Container:
    """Run the container's code in a subprocess, on a folder in the place of /opt/ml."""

    def __init__(self, job: TrainingJob, root: Path) -> None:
        command = [sys.executable, "-m", "sagemaker_xgboost.container.train", str(root)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=container_environment(job),
            cwd=root,
            # It leads a process group, so that its children can be killed with it.
            start_new_session=True,
        )
        with containers_lock:
            containers.add(self)

    def run(self, log: Callable[[str], None]) -> int:
        """Log every line of output, and return the exit code."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                log(line.decode(errors="replace").rstrip("\r\n"))
        code = self.process.wait()
        with containers_lock:
            containers.discard(self)
        return code

    def interrupt(self) -> None:
        """Terminate the container, and kill it if it does not end in time."""
        self.send(signal.SIGTERM)
        timer = threading.Timer(GRACE_SECONDS, self.send, [signal.SIGKILL])
        timer.daemon = True
        timer.start()

    def send(self, number: signal.Signals) -> None:
        """Signal the process and its children, unless it has ended."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)


def kill_containers() -> None:
    """Kill every container that runs, with its children."""
    with containers_lock:
        for container in containers:
            container.send(signal.SIGKILL)


def container_environment(job: TrainingJob) -> dict[str, str]:
    """Return the container's environment: no credentials, and what the job sets."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    about = {
        "AWS_REGION": job.region,
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.arn,
        "PYTHONUNBUFFERED": "1",
        # Threads that spin while they wait would slow down everything else here.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    own: dict[str, str] = job.request.get("Environment", {})
    return kept | own | about


def final_metrics(
    definitions: Sequence[Values], lines: Sequence[tuple[datetime, str]]
) -> list[Values]:
    """Return the last value of every metric that the log lines show."""
    # A definition's pattern starts with ".*", slow to try on each of many lines:
    # only the lines of rounds come into question, the latest first.
    rounds = [(t, line) for t, line in lines if line.startswith("[") and "#011" in line]
    return list(filter(None, (_last_value(d, rounds) for d in definitions)))


def _last_value(
    definition: Values, lines: Sequence[tuple[datetime, str]]
) -> Values | None:
    marker = "#011" + definition["Name"].replace(":", "-", 1) + ":"
    for timestamp, line in reversed(lines):
        if marker in line and (match := re.match(definition["Regex"], line)):
            # The platform keeps a value with 32 bits.
            (value,) = struct.unpack("f", struct.pack("f", float(match[1])))
            return {
                "MetricName": definition["Name"],
                "Value": value,
                "Timestamp": timestamp,
            }
    return None


def algorithm_error(root: Path, code: int) -> str:
    """Return the FailureReason for what the container left in output/failure."""
    path = root / "output" / "failure"
    text = path.read_text(errors="replace") if path.exists() else ""
    tail = f", exit code: {code if code > 0 else 128 - code}"
    room = FAILURE_CHARACTERS - len("AlgorithmError: ") - len(tail)
    return f"AlgorithmError: {text[:room]}{tail}"
