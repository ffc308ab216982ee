"""One training job from Starting to its final status: download, train, upload."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
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
from embedded_aws.sagemaker import script_mode
from embedded_aws.sagemaker.containers import Command, Container, Host
from embedded_aws.sagemaker.inputs import Channel, Image, download_channel
from embedded_aws.sagemaker.metrics import final_metrics
from embedded_aws.sagemaker.resources import Resource, Values
from embedded_aws.sagemaker.script_mode import Checkpoints, ScriptError
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
# What the built-in algorithm needs to end; a script gets as long as on AWS.
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
        if secondary == "Downloading":
            self.training_start = now
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
        self.is_script = script_mode.runs_script(job.request, job.image)
        self.containers: list[Container] = []
        self.lines: list[tuple[datetime, str]] = []
        count = job.request["ResourceConfig"].get("InstanceCount", 1)
        self.hosts = [f"algo-{number}" for number in range(1, count + 1)]
        self.streams = {h: f"{job.name}/{h}-{int(time.time())}" for h in self.hosts}

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
            for container in self.containers:
                container.interrupt()
        self.interrupted.set()
        slots.wake()

    def run(self) -> None:
        """Go through all statuses, and always end in a final one."""
        for stream in self.streams.values():
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
        except (TrainingFailedError, ScriptError) as error:
            reason = str(error)
        finally:
            self.finish(reason)
        # Now that there is a model, an endpoint may be created soon.
        import_model_server()

    def execute(self, root: Path) -> None:
        """Download, train and upload, unless interrupted."""
        if self.interrupted.is_set():
            return
        self.enter("Downloading", "Downloading the training image")
        hosts = self.make_hosts(root)
        checkpoints = self.find_checkpoints(hosts)
        for host in hosts:
            write_configuration(self.job, host)
            self.download(host)
        if checkpoints:
            checkpoints.download()
        commands = [self.command(host) for host in hosts]
        message = "Training image download completed. Training in progress."
        self.enter("Training", message)
        try:
            if checkpoints:
                checkpoints.thread.start()
            failed, code = self.train(hosts, commands)
        finally:
            if checkpoints:
                checkpoints.finish()
        definitions = self.job.request["AlgorithmSpecification"]["MetricDefinitions"]
        self.job.final_metrics = final_metrics(definitions, self.lines)
        if code and not self.interruption:
            raise TrainingFailedError(algorithm_error(failed.ml, code))
        self.enter("Uploading", "Uploading generated training model")
        self.upload(hosts, root)

    def make_hosts(self, root: Path) -> list[Host]:
        """Make the folders of the hosts; the built-in algorithm runs all in one."""
        names = self.hosts if self.is_script else self.hosts[:1]
        return [Host(name=n, folder=root / n, hosts=self.hosts) for n in names]

    def find_checkpoints(self, hosts: Sequence[Host]) -> Checkpoints | None:
        """Return what keeps the checkpoints of a script, if it asks for that."""
        config = self.job.request.get("CheckpointConfig")
        return Checkpoints(config, hosts) if config and self.is_script else None

    def command(self, host: Host) -> Command:
        """Return what a host runs, and say in the log where."""
        job = self.job
        if not self.is_script:
            if note := job.image.engine_note:
                self.log(host, [note])
            module = "sagemaker_xgboost.container.train"
            return Command(
                words=[sys.executable, "-m", module, str(host.ml)],
                environment=algorithm_environment(job),
                folder=host.ml,
            )
        environment = script_mode.find_environment(job.image, job.request)
        self.log(host, [script_mode.environment_note(environment, host)])
        script_mode.prepare_code(job.request, host)
        names = variables_of(job)
        return script_mode.script_command(names, job.request, environment, host)

    def enter(self, secondary: str, message: str) -> None:
        """Pass to the next status, unless the job is stopping."""
        with self.lock:
            if not self.interruption:
                self.job.enter(secondary, message)
                self.save(self.job)

    def download(self, host: Host) -> None:
        """Download every channel's files to a host's folder."""
        if fault := faults.take("training-client-error", self.job.name):
            text = fault.message or "Failed to download data."
            raise TrainingFailedError(f"ClientError: Data download failed:{text}")
        try:
            shard = (host.number, len(host.hosts)) if self.is_script else (0, 1)
            for channel in self.job.channels:
                folder = host.ml / "input" / "data" / channel.name
                download_channel(channel, folder, *shard)
        except (AccessDeniedError, OSError, ValueError) as error:
            text = f"ClientError: Data download failed:{error}"
            raise TrainingFailedError(text) from error

    def train(
        self, hosts: Sequence[Host], commands: Sequence[Command]
    ) -> tuple[Host, int]:
        """Run the containers within the job's time; return who failed, and its code."""
        limit = self.job.request["StoppingCondition"]["MaxRuntimeInSeconds"]
        timer = threading.Timer(limit, self.interrupt, ["MaxRuntimeExceeded"])
        timer.daemon = True
        timer.start()
        try:
            self.inject_faults()
            return self.run_containers(hosts, commands)
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
            self.log(Host(name=self.hosts[0], folder=Path()), [f"[ERROR] {text}"])
            raise TrainingFailedError(f"AlgorithmError: {text}, exit code: 1")

    def run_containers(
        self, hosts: Sequence[Host], commands: Sequence[Command]
    ) -> tuple[Host, int]:
        """Run a container on every host unless interrupted; the first failure ends all.

        Return the host that failed first and its exit code, or any host and 0.
        """
        failed: list[tuple[Host, int]] = []
        with self.lock:
            if self.interruption:
                return hosts[0], 0
            grace = {} if self.is_script else {"grace_seconds": GRACE_SECONDS}
            try:
                for command in commands:
                    self.containers.append(Container(command, **grace))
            except OSError as error:
                failed.append((hosts[len(self.containers)], 127))
                self.log(failed[0][0], [f"exec failed: {error}"])
                self.end_containers()

        def run(host: Host, container: Container) -> None:
            code = container.run(partial(self.log, host))
            with self.lock:
                if code:
                    failed.append((host, code))
                    self.end_containers()

        with ThreadPoolExecutor(len(hosts)) as pool:
            list(pool.map(run, hosts, self.containers))
        return failed[0] if failed else (hosts[0], 0)

    def end_containers(self) -> None:
        """End the containers that still run."""
        for container in self.containers:
            container.interrupt()

    def log(self, host: Host, lines: Sequence[str]) -> None:
        """Keep lines of the log, and send them to CloudWatch."""
        now = utcnow()
        self.lines += [(now, logs.escape_tabs(line)) for line in lines]
        if written := [line for line in lines if line]:
            logs.write(self.job.region, LOG_GROUP, self.streams[host.name], written)

    def upload(self, hosts: Sequence[Host], root: Path) -> None:
        """Upload the model, and other output, of all hosts to S3."""
        target = S3Uri.parse(self.job.model_data)
        key = target.key.removesuffix("model.tar.gz") + "output.tar.gz"
        model, output = root / "model.tar.gz", root / "output.tar.gz"
        try:
            if archive.pack([host.ml / "model" for host in hosts], model):
                self.upload_model(target, model)
            if archive.pack([host.ml / "output" / "data" for host in hosts], output):
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


def write_configuration(job: TrainingJob, host: Host) -> None:
    """Write the files and folders that a container finds in /opt/ml."""
    config = host.ml / "input" / "config"
    for folder in (config, host.ml / "model", host.ml / "output" / "data"):
        folder.mkdir(parents=True)
    hosts, group = list(host.hosts), "homogeneousCluster"
    kind = job.request["ResourceConfig"].get("InstanceType")
    resources = {
        "current_host": host.name,
        "current_instance_type": kind,
        "current_group_name": group,
        "hosts": hosts,
        "instance_groups": [
            {"instance_group_name": group, "instance_type": kind, "hosts": hosts}
        ],
        "network_interface_name": "eth0",
    }
    files = {
        "hyperparameters": job.request.get("HyperParameters", {}),
        "inputdataconfig": {c.name: c.describe() for c in job.channels},
        "resourceconfig": resources,
    }
    checkpoints = job.request.get("CheckpointConfig")
    if checkpoints and script_mode.runs_script(job.request, job.image):
        files["checkpointconfig"] = checkpoints
    for name, values in files.items():
        (config / f"{name}.json").write_text(json.dumps(values))


def variables_of(job: TrainingJob) -> dict[str, str]:
    """Return the variables that tell a container which job it runs."""
    return {
        "AWS_REGION": job.region,
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.arn,
    }


def algorithm_environment(job: TrainingJob) -> dict[str, str]:
    """Return the built-in algorithm's environment: no credentials, the job's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    own: dict[str, str] = job.request.get("Environment", {})
    about = {
        "PYTHONUNBUFFERED": "1",
        # Threads that spin while they wait would slow down everything else here.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    return kept | own | variables_of(job) | about


def algorithm_error(ml: Path, code: int) -> str:
    """Return the FailureReason for what the container left in output/failure."""
    path = ml / "output" / "failure"
    text = path.read_text(errors="replace") if path.exists() else ""
    tail = f", exit code: {code if code > 0 else 128 - code}"
    room = FAILURE_CHARACTERS - len("AlgorithmError: ") - len(tail)
    return f"AlgorithmError: {text[:room]}{tail}"
