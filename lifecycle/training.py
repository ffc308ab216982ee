"""A SageMaker training job: started once, waited for, and stopped when given up.

The notebook describes the job with the SageMaker SDK's `ModelTrainer`; what is uniform
is done here: the SDK's session, the job's name, waiting and failing.
"""

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_xgboost import archive

from lifecycle.aws import (
    Progress,
    Run,
    boto_session,
    bucket,
    client,
    error_code,
    polls,
    read_log,
    run_id_of,
    tail_log,
    without_tracebacks,
)
from lifecycle.errors import TrainingError
from lifecycle.inference import CODE, missing_code
from lifecycle.s3 import ARCHIVE_REMEDY, hash_object, read_archive

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
LOG_LINES = 10
# Beside a script, but no part of it. They are suffixes: whole names and patterns would
# name this repository's files, which would then belong to the content of each model.
NOT_CODE = (".ipynb", ".md")
ENDED = frozenset({"Completed", "Failed", "Stopped"})

# The SDK appends a time of 14 digits, and SageMaker takes 63 characters.
MAX_BASE_NAME = 63 - 1 - 14
SDK_TIME = "%Y%m%d%H%M%S"
# CloudWatch may show the container's tab as such, or escaped.
ROUND = re.compile(r"^\[(\d+)\](?:\t|#011)(.+)$")
METRIC = re.compile(r"(train|validation)-([\w@.-]+?):(\S+?)(?=\t|#011|\s|$)")


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A training job that completed."""

    name: str
    image: str
    model_data: str
    seconds: int
    billable_seconds: int
    # What the job has left, before anything else can be put in its place.
    archive_sha256: str = ""
    # The script, whose copy in the archive's code/ serves; "" for the built-in.
    program: str = ""


def sagemaker_session() -> Any:
    """Return a session for the SageMaker SDK: with our clients, without telemetry."""
    from sagemaker.core.config.config import load_sagemaker_config
    from sagemaker.core.helper.session_helper import Session

    config = load_sagemaker_config() or {"SchemaVersion": "1.0"}
    modules = config
    for key in ("SageMaker", "PythonSDK", "Modules"):
        modules = modules.setdefault(key, {})
    modules["TelemetryOptOut"] = True
    _validate_config_once()
    return Session(
        boto_session=boto_session(),
        default_bucket=bucket(),
        sagemaker_client=client("sagemaker"),
        sagemaker_runtime_client=client("sagemaker-runtime"),
        sagemaker_config=config,
    )


def base_job_name(model: str, run: Run | str) -> str:
    """Return the beginning of a training job's name; the SDK appends the time."""
    run_id = run if isinstance(run, str) else run_id_of(run)
    return f"{model[: MAX_BASE_NAME - 1 - len(run_id)]}-{run_id}"


def run_training(
    trainer: Any,
    channels: Sequence[Any],
    *,
    wait_seconds: float,
    on_progress: Progress = print,
) -> TrainingJob:
    """Run a ModelTrainer on its channels and wait until the job has completed.

    Raises:
        TrainingError: the job failed, was stopped, or did not end in time. A job that
            is not waited for any more is stopped, because it costs money.
    """
    name = _start(trainer, channels)
    on_progress(f"training job {name}")
    try:
        job = _wait(name, wait_seconds, on_progress)
    except (KeyboardInterrupt, TrainingError):
        _stop(name)
        raise
    if job["TrainingJobStatus"] != "Completed":
        raise TrainingError(_failure_message(name, job))
    model_data = job["ModelArtifacts"]["S3ModelArtifacts"]
    program = str(trainer.source_code.entry_script) if trainer.source_code else ""
    if program and not holds_code(model_data, program):
        raise TrainingError(f"{name}: model.tar.gz {missing_code(program)}")
    return TrainingJob(
        program=program,
        name=name,
        image=job["AlgorithmSpecification"].get("TrainingImage", ""),
        model_data=model_data,
        archive_sha256=hash_object(model_data, remedy=ARCHIVE_REMEDY).sha256,
        seconds=job.get("TrainingTimeInSeconds", 0),
        billable_seconds=job.get("BillableTimeInSeconds", 0),
    )


def source_code(source: str) -> Any:
    """Return the SDK's description of a script, for `ModelTrainer(source_code=...)`.

    What is in the script's folder goes with it, but for notebooks and documents; a
    requirements.txt there is installed before it starts. Beside a requirements.in it is
    the lock of the model's notebooks, and stays here.

    Args:
        source: of model.yaml: the script's path from the model's folder, which is where
            its notebooks run.
    """
    from sagemaker.core.training.configs import SourceCode

    script = Path(source).absolute()
    requirements = script.with_name("requirements").with_suffix(".txt")
    ignored = SourceCode.model_fields["ignore_patterns"].default
    asked = requirements.with_suffix(".in")
    locked = (requirements.name, asked.name) if asked.is_file() else ()
    installed = requirements.is_file() and not locked
    return SourceCode(
        source_dir=str(script.parent),
        entry_script=script.name,
        requirements=requirements.name if installed else None,
        ignore_patterns=[
            *ignored,
            "model.yaml",
            *locked,
            *map("*".__add__, NOT_CODE),
        ],
    )


def holds_code(model_data: str, program: str) -> bool:
    """Return whether a model's archive brings the code that serves it."""
    try:
        archive.read_member(read_archive(model_data), f"{CODE}/{program}")
    except archive.ArchiveError:
        return False
    return True


def stop_training(model: str, run_id: str) -> list[str]:
    """Stop the jobs of a run that are still training, and return their names."""
    jobs = [
        name
        for name, status in _list_jobs(base_job_name(model, run_id))
        if status == "InProgress"
    ]
    for name in jobs:
        _stop(name)
    return jobs


def learning_curve(job_name: str) -> dict[str, list[float]]:
    """Read the metrics after each boosting round from a training job's log.

    Returns:
        By "<channel> <metric>", for instance "validation rmse", a value per round.
    """
    rounds: dict[int, dict[str, float]] = {}
    for line in read_log(LOG_GROUP, f"{job_name}/"):
        if match := ROUND.match(line):
            found = METRIC.findall(match[2])
            rounds[int(match[1])] = {f"{c} {m}": float(value) for c, m, value in found}
    curves: dict[str, list[float]] = {}
    for number in sorted(rounds):
        for label, value in rounds[number].items():
            curves.setdefault(label, []).append(value)
    return curves


def _start(trainer: Any, channels: Sequence[Any]) -> str:
    """Start the job once, and return its name even if AWS's response was lost.

    A retry repeats the name, so SageMaker refuses it and the job is not paid twice.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    # The SDK names jobs by local time.
    began = datetime.now().strftime(SDK_TIME)  # noqa: DTZ005
    try:
        trainer.train(input_data_config=list(channels), wait=False, logs=False)
    except (ClientError, BotoCoreError) as error:
        refused = (
            isinstance(error, ClientError) and error_code(error) != "ResourceInUse"
        )
        name = "" if refused else _find_started(trainer.base_job_name, began)
        if not name:
            raise
        return name
    started: str = trainer._latest_training_job.training_job_name
    return started


def _find_started(base: str, began: str) -> str:
    """Return the newest job with this base name since a time; "" if there is none."""
    jobs = [name for name, _ in _list_jobs(base) if name >= f"{base}-{began}"]
    return jobs[-1] if jobs else ""


def _list_jobs(base: str) -> list[tuple[str, str]]:
    """List (name, status) of the jobs whose names the SDK made from this base."""
    pages = client("sagemaker").get_paginator("list_training_jobs")
    named = re.compile(re.escape(base) + r"-\d{14}")
    return sorted(
        (one["TrainingJobName"], one["TrainingJobStatus"])
        for page in pages.paginate(NameContains=base)
        for one in page["TrainingJobSummaries"]
        if named.fullmatch(one["TrainingJobName"])
    )


def _wait(
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


def _stop(name: str) -> None:
    """Stop a job; that it has ended meanwhile is no error."""
    from botocore.exceptions import ClientError

    with suppress(ClientError):
        client("sagemaker").stop_training_job(TrainingJobName=name)


def _failure_message(name: str, job: "DescribeTrainingJobResponseTypeDef") -> str:
    """Say why a job failed, with the last lines of its container's log."""
    reason = job.get("FailureReason", job["SecondaryStatus"]).strip().splitlines()
    # Between its kind and the error itself stands the container's traceback.
    kind = f"{reason[0].split(':')[0]}: " if len(reason) > 1 else ""
    told = [line for line in reason if "[bt]" not in line and "Stack" not in line]
    lines = [f"{name}: {job['TrainingJobStatus']}; {kind}{(told or reason)[-1]}"]
    log = tail_log(LOG_GROUP, lines=100, stream_prefix=f"{name}/")
    if last := without_tracebacks(log)[-LOG_LINES:]:
        lines += ["last log lines of the container:", *(f"  {line}" for line in last)]
    return "\n  ".join(lines)


@cache
def _validate_config_once() -> None:
    """Let the SDK validate its config in the session only, not at every default.

    Otherwise a trainer validates the same lines twenty times, which takes a second.
    """
    from sagemaker.core.config.config_manager import SageMakerConfig

    SageMakerConfig.validate_sagemaker_config = staticmethod(_accept_config)


def _accept_config(_: object = None) -> None:
    """Accept a config without validation."""
