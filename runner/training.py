"""A training job: run once, waited for, and stopped when nobody waits any longer."""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runner.errors import TrainingError
from runner.logs import read_log, tail, without_tracebacks
from runner.session import client
from runner.waiting import polls

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
LAST_LINES = 10
RUNS = "InProgress"
ENDED = frozenset({"Completed", "Failed", "Stopped"})
Progress = Callable[[str], None]

# The SDK appends a time of 14 digits, and SageMaker takes 63 characters.
MAX_BASE = 63 - 1 - 14
SDK_TIME = "%Y%m%d%H%M%S"
# CloudWatch may show the container's tab as such, or escaped.
ROUND = re.compile(r"^\[(\d+)\](?:\t|#011)(.+)$")
METRIC = re.compile(r"(train|validation)-([\w@.-]+?):(\S+?)(?=\t|#011|\s|$)")


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A training job that completed."""

    name: str
    model_data: str
    seconds: int
    billable_seconds: int


def base_job_name(model: str, run_id: str) -> str:
    """Begin a training job's name with its model and run: the SDK adds the time."""
    return f"{model[: MAX_BASE - 1 - len(run_id)]}-{run_id}"


def run_training(
    trainer: Any,
    channels: Sequence[Any],
    *,
    wait_seconds: float,
    on_progress: Progress = print,
) -> TrainingJob:
    """Run the SDK's trainer on its channels and wait, with a limit, for its model."""
    name = _started(trainer, channels)
    on_progress(f"training job {name}")
    try:
        ended = _ended(name, wait_seconds, on_progress)
    except (KeyboardInterrupt, TrainingError):
        # Nobody will look at it any more, and it costs money.
        _stop(name)
        raise
    if ended["TrainingJobStatus"] != "Completed":
        raise TrainingError(_failed(name, ended))
    return TrainingJob(
        name=name,
        model_data=ended["ModelArtifacts"]["S3ModelArtifacts"],
        seconds=ended.get("TrainingTimeInSeconds", 0),
        billable_seconds=ended.get("BillableTimeInSeconds", 0),
    )


def stop_training(model: str, run_id: str) -> list[str]:
    """Stop what a run has left training, and name it: nobody waits for it any more."""
    jobs = [
        name for name, status in _jobs(base_job_name(model, run_id)) if status == RUNS
    ]
    for name in jobs:
        _stop(name)
    return jobs


def learning_curve(name: str) -> dict[str, list[float]]:
    """Read each metric of each channel, round by round, from a training job's log."""
    rounds: dict[int, dict[str, float]] = {}
    for line in read_log(LOG_GROUP, f"{name}/"):
        if match := ROUND.match(line):
            found = METRIC.findall(match[2])
            rounds[int(match[1])] = {f"{c} {m}": float(value) for c, m, value in found}
    curves: dict[str, list[float]] = {}
    for number in sorted(rounds):
        for label, value in rounds[number].items():
            curves.setdefault(label, []).append(value)
    return curves


def _started(trainer: Any, channels: Sequence[Any]) -> str:
    """Start the job once: where the answer was lost, it is found by its name.

    A retry repeats the name, so that SageMaker refuses it and nobody pays twice.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    began = datetime.now().strftime(SDK_TIME)
    try:
        trainer.train(input_data_config=list(channels), wait=False, logs=False)
    except (ClientError, BotoCoreError) as error:
        base = trainer.base_job_name
        ours = [name for name, _ in _jobs(base) if name >= f"{base}-{began}"]
        if not ours or not _may_be_lost(error):
            raise
        return ours[-1]
    name: str = trainer._latest_training_job.training_job_name
    return name


def _stop(name: str) -> None:
    """Stop a job, unless SageMaker refuses because it has ended meanwhile."""
    from botocore.exceptions import ClientError

    with suppress(ClientError):
        client("sagemaker").stop_training_job(TrainingJobName=name)


def _may_be_lost(error: Any) -> bool:
    """Tell an answer that was lost from a refusal."""
    answer = getattr(error, "response", None)
    return not answer or answer["Error"]["Code"] == "ResourceInUse"


def _jobs(base: str) -> list[tuple[str, str]]:
    """List the jobs whose names the SDK made from this base, with their statuses."""
    pages = client("sagemaker").get_paginator("list_training_jobs")
    named = re.compile(re.escape(base) + r"-\d{14}")
    return sorted(
        (one["TrainingJobName"], one["TrainingJobStatus"])
        for page in pages.paginate(NameContains=base)
        for one in page["TrainingJobSummaries"]
        if named.fullmatch(one["TrainingJobName"])
    )


def _ended(
    name: str, wait_seconds: float, on_progress: Progress
) -> "DescribeTrainingJobResponseTypeDef":
    seen = ""
    start = time.monotonic()
    for waited in polls(wait_seconds):
        job = client("sagemaker").describe_training_job(TrainingJobName=name)
        status = job["SecondaryStatus"]
        if status != seen:
            on_progress(f"{waited:5.0f} s  {status}")
        seen = status
        if job["TrainingJobStatus"] in ENDED:
            return job
    raise TrainingError(
        f"{name}: still {seen} after {time.monotonic() - start:.0f} s; stopped, raise "
        "max_runtime_seconds or use a larger instance_type"
    )


def _failed(name: str, job: "DescribeTrainingJobResponseTypeDef") -> str:
    """Say why, with the container's last words: they often say it better."""
    reason = job.get("FailureReason", job["SecondaryStatus"]).strip().splitlines()
    # Between its kind and the error itself stands a traceback of the container's.
    kind = f"{reason[0].split(':')[0]}: " if len(reason) > 1 else ""
    said = [line for line in reason if "[bt]" not in line and "Stack" not in line]
    lines = [f"{name}: {job['TrainingJobStatus']}; {kind}{(said or reason)[-1]}"]
    log = tail(LOG_GROUP, lines=100, prefix=f"{name}/")
    if last := without_tracebacks(log)[-LAST_LINES:]:
        lines += ["the container's last words:", *(f"  {line}" for line in last)]
    return "\n  ".join(lines)
