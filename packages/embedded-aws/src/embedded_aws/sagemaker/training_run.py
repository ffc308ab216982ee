"""One run of a training job: download, train, upload."""

import threading
import time
from datetime import datetime
from pathlib import Path
from shutil import rmtree

from moto.core.utils import utcnow
from moto.s3.exceptions import MissingBucket

from embedded_aws import archive, logs, storage, workplace
from embedded_aws.faults import faults
from embedded_aws.sagemaker import (
    channels,
    metrics,
    training_container,
    variants,
)
from embedded_aws.sagemaker.slots import slots
from embedded_aws.sagemaker.training_container import Container
from embedded_aws.sagemaker.training_failures import (
    FAILURE_CHARACTERS,
    TrainingFailedError,
    algorithm_error,
)
from embedded_aws.sagemaker.training_jobs import TrainingJob
from embedded_aws.storage import Location

GROUP = "/aws/sagemaker/TrainingJobs"
ENDINGS = {
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


class TrainingRun:
    """Take one training job through its statuses, in a thread of its own."""

    def __init__(self, job: TrainingJob) -> None:
        self.job = job
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
        threading.Thread(target=self.run, name=self.job.name, daemon=True).start()

    def stop(self) -> None:
        """Stop the job as StopTrainingJob does."""
        self.interrupt("Stopped")

    def interrupt(self, reason: str) -> None:
        """End the job early, for this reason unless there is one already."""
        with self.lock:
            if self.interruption:
                return
            self.interruption = reason
            self.job.enter("Stopping", "Stopping the training job", "Stopping")
            if self.container is not None:
                self.container.interrupt()
        self.interrupted.set()
        slots.wake()

    def run(self) -> None:
        """Go through all statuses; whatever happens, end in a final one."""
        for stream in self.streams:
            logs.create_stream(self.job.region, GROUP, stream)
        root = workplace.scratch("training")
        reason = "InternalServerError: We encountered an internal error. Try again."
        try:
            with slots.one(self.interrupted.is_set):
                self.work(root)
            reason = ""
        except TrainingFailedError as error:
            reason = str(error)
        finally:
            rmtree(root, ignore_errors=True)
            self.finish(reason)
        # A model is there: an endpoint may be next.
        variants.model_servers()

    def work(self, root: Path) -> None:
        """Download, train and upload, unless interrupted."""
        if self.interrupted.is_set():
            return
        self.job.training_start = utcnow()
        self.job.enter("Downloading", "Downloading the training image")
        training_container.prepare(self.job, self.hosts, root)
        self.download(root)
        message = "Training image download completed. Training in progress."
        self.enter("Training", message)
        code = self.train(root)
        self.job.final_metrics = metrics.final(self.lines)
        if code and not self.interruption:
            raise TrainingFailedError(algorithm_error(root, code))
        self.enter("Uploading", "Uploading generated training model")
        self.upload(root)

    def enter(self, secondary: str, message: str) -> None:
        """Pass to the next status, unless the job is stopping."""
        with self.lock:
            if not self.interruption:
                self.job.enter(secondary, message)

    def download(self, root: Path) -> None:
        """Bring every channel's files to the container."""
        if fault := faults.take("training-client-error", self.job.name):
            text = fault.message or "Failed to download data."
            raise TrainingFailedError(f"ClientError: Data download failed:{text}")
        try:
            for channel in self.job.channels:
                channels.download(channel, root / "input" / "data" / channel.name)
        except (storage.AccessDeniedError, OSError, ValueError) as error:
            text = f"ClientError: Data download failed:{error}"
            raise TrainingFailedError(text) from error

    def train(self, root: Path) -> int:
        """Run the container within the job's time."""
        limit = self.job.request["StoppingCondition"]["MaxRuntimeInSeconds"]
        timer = threading.Timer(limit, self.interrupt, ["MaxRuntimeExceeded"])
        timer.daemon = True
        timer.start()
        try:
            self.suffer()
            return self.run_container(root)
        finally:
            timer.cancel()

    def suffer(self) -> None:
        """Let faults on demand happen before the container starts."""
        if fault := faults.take("training-slow", self.job.name):
            self.interrupted.wait(fault.seconds)
        if faults.take("training-stopped", self.job.name):
            self.stop()
        if fault := faults.take("training-algorithm-error", self.job.name):
            text = fault.message or "a fault on demand"
            self.log(f"[ERROR] {text}")
            raise TrainingFailedError(f"AlgorithmError: {text}, exit code: 1")

    def run_container(self, root: Path) -> int:
        """Run the container unless interrupted, and keep its log."""
        if note := self.job.image.note:
            self.log(note)
        with self.lock:
            if self.interruption:
                return 0
            self.container = Container(self.job, root)
        return self.container.run(self.log)

    def log(self, line: str) -> None:
        """Keep a line of the log, and send it to CloudWatch."""
        self.lines.append((utcnow(), logs.printable(line)))
        if line:
            logs.write(self.job.region, GROUP, self.streams[0], [line])

    def upload(self, root: Path) -> None:
        """Bring model and further output to S3."""
        target = Location.parse(self.job.model_data)
        further = target.key.removesuffix("model.tar.gz") + "output.tar.gz"
        try:
            if model := archive.pack(root / "model"):
                self.upload_model(target, model)
            if output := archive.pack(root / "output" / "data"):
                storage.write(Location(bucket=target.bucket, key=further), output)
        except (storage.AccessDeniedError, MissingBucket) as error:
            text = f"ClientError: Artifact upload failed:{error}"
            raise TrainingFailedError(text) from error

    def upload_model(self, target: Location, model: bytes) -> None:
        """Bring the model to S3, unless a fault on demand loses or cuts it."""
        if faults.take("model-data-lost", self.job.name):
            return
        if faults.take("model-data-truncated", self.job.name):
            model = model[: len(model) // 2]
        storage.write(target, model)

    def finish(self, failure: str) -> None:
        """Enter the final status."""
        with self.lock:
            self.job.training_end = self.job.training_start and utcnow()
            if self.interruption:
                text = ENDINGS[self.interruption]
                self.job.enter(self.interruption, text, "Stopped")
            elif failure:
                self.job.failure_reason = failure[:FAILURE_CHARACTERS]
                self.job.enter("Failed", "Training job failed", "Failed")
            else:
                self.job.enter("Completed", "Training job completed", "Completed")
