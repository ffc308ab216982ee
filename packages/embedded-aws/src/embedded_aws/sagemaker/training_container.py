"""The subprocess in which a training job's container code runs."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from embedded_aws import workplace
from embedded_aws.sagemaker.training_jobs import TrainingJob

GRACE_SECONDS = 5.0


def prepare(job: TrainingJob, hosts: list[str], root: Path) -> None:
    """Write what a container finds under /opt/ml."""
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


def environment(job: TrainingJob) -> dict[str, str]:
    """Give the container its environment: no credentials, and what the job sets."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    about = {
        "AWS_REGION": job.region,
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.arn,
        "PYTHONUNBUFFERED": "1",
        # Threads that spin while they wait would starve whatever else runs here.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    own: dict[str, str] = job.request.get("Environment", {})
    return kept | own | about


class Container:
    """Run the container's code on a folder in the place of /opt/ml."""

    def __init__(self, job: TrainingJob, root: Path) -> None:
        command = [sys.executable, "-m", "sagemaker_xgboost.container.train", str(root)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment(job),
            cwd=root,
            start_new_session=True,
        )
        workplace.started(self.process)

    def run(self, log: Callable[[str], None]) -> int:
        """Hand on every line of output, and return the exit code."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                log(line.decode(errors="replace").rstrip("\r\n"))
        code = self.process.wait()
        workplace.finished(self.process)
        return code

    def interrupt(self) -> None:
        """Ask the container to end, and make it end if it does not."""
        workplace.send(self.process, signal.SIGTERM)
        timer = threading.Timer(
            GRACE_SECONDS, workplace.send, [self.process, signal.SIGKILL]
        )
        timer.daemon = True
        timer.start()
