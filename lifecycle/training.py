"""A SageMaker training job: started once, waited for, and stopped when given up.

The notebook describes the job with the SageMaker SDK's `ModelTrainer`; what is uniform
is done here: the SDK's session, the job's name, waiting and failing.
"""

import atexit
import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
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
)
from lifecycle.errors import TrainingError
from lifecycle.inference import missing_code
from lifecycle.raw.packing import (
    ASKED,
    CODE,
    ENTRY,
    LOCKED,
    NOT_CODE,
    REQUIREMENTS,
    code_files,
    has_lock,
    serving_files,
)
from lifecycle.raw.raw_table import MODULE
from lifecycle.s3 import ARCHIVE_REMEDY, hash_object, read_bytes, write_bytes

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

# Of a job's output: the archive that was packed anew.
SERVING = "serving/model.tar.gz"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
LOG_LINES = 10
NO_MODEL = "the script left nothing in SM_MODEL_DIR, where it has to save its model"
# How the SDK's driver, which runs a script, begins to tell that it failed.
SCRIPT_FAILED = "Command failed with exit code"
# A reason, and what SageMaker adds to it, which may stand on a line of its own.
EXIT_CODE = re.compile(r"\s*(, exit code: \d+)$")
ENDED = frozenset({"Completed", "Failed", "Stopped"})
TRACEBACK_STARTS = (
    "Traceback (most recent",
    "During handling of",
    "The above exception was",
    "Stack trace:",  # XGBoost's own, of its C++
)

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
    # The file in the archive's code/ that serves; "" for the built-in.
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
    prepared: Mapping[str, Any] | None = None,
    on_progress: Progress = print,
) -> TrainingJob:
    """Run a ModelTrainer on its channels and wait until the job has completed.

    An archive that needs code to serve, a script's or that for raw records, and does
    not have it, is packed anew with it, beside the one that the job has left.

    Args:
        prepared: as `load_prepared` returns it: whether the model takes raw records.

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
    program, source, given = "", trainer.source_code, prepared or {}
    if source or given.get("raw"):
        model_data, sha256, program = _pack_code(name, model_data, source, given)
    else:
        sha256 = hash_object(model_data, remedy=ARCHIVE_REMEDY).sha256
    return TrainingJob(
        program=program,
        name=name,
        image=job["AlgorithmSpecification"].get("TrainingImage", ""),
        model_data=model_data,
        archive_sha256=sha256,
        seconds=job.get("TrainingTimeInSeconds", 0),
        billable_seconds=job.get("BillableTimeInSeconds", 0),
    )


def source_code(source: str) -> Any:
    """Return the SDK's description of a script, for `ModelTrainer(source_code=...)`.

    What is in the script's folder goes with it, but for notebooks and documents, and so
    do the model's features.py and what stands beside it. A requirements.txt beside the
    script is installed before it starts, unless it is the lock of requirements.in.

    Args:
        source: of model.yaml: the script's path from the model's folder, which is where
            its notebooks run.
    """
    from sagemaker.core.training.configs import SourceCode

    script = Path(source).absolute()
    folder = _with_features(script.parent, Path().absolute())
    requirements = (folder / REQUIREMENTS).with_suffix(LOCKED)
    is_installed = requirements.is_file() and not has_lock(folder)
    ignored = [*SourceCode.model_fields["ignore_patterns"].default, "model.yaml"]
    ignored += [f"*{suffix}" for suffix in sorted(NOT_CODE)]
    if has_lock(folder):
        ignored += [REQUIREMENTS + suffix for suffix in (ASKED, LOCKED)]
    return SourceCode(
        source_dir=str(folder),
        entry_script=script.name,
        requirements=requirements.name if is_installed else None,
        ignore_patterns=ignored,
    )


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


def _pack_code(
    job: str, model_data: str, source: Any, prepared: Mapping[str, Any]
) -> tuple[str, str, str]:
    """Pack an archive anew if it lacks code to serve, and return what serves.

    Args:
        source: the SDK's description of the script; None for the built-in algorithm.

    Returns:
        The archive's URI and sha256, and the file in its code/ that serves.

    Raises:
        TrainingError: no Python could serve it.
    """
    packed = read_bytes(model_data, remedy=NO_MODEL if source else ARCHIVE_REMEDY)
    program = str(source.entry_script) if source else ""
    code: dict[str, bytes] = {}
    is_raw, is_whole = prepared.get("raw"), not program or _holds(packed, program)
    if program and not program.endswith(".py") and (is_raw or not is_whole):
        raise TrainingError(f"{job}: model.tar.gz {missing_code(program)}")
    if not is_whole:
        code |= code_files(Path(source.source_dir))
    if is_raw:
        code |= serving_files(prepared, prepared["columns"][1:], program)
        program = ENTRY
    if code:
        added = {f"{CODE}/{path}": content for path, content in code.items()}
        packed = archive.with_files(packed, added)
        folder = model_data.rpartition("/")[0].rpartition("/")[0]
        model_data = write_bytes(f"{folder}/{SERVING}", packed)
    return model_data, hashlib.sha256(packed).hexdigest(), program


def _with_features(folder: Path, model: Path) -> Path:
    """Return a script's folder, or a copy of it to which features.py was added."""
    features = (model / MODULE).with_suffix(".py")
    if folder == model or not features.is_file():
        return folder
    copy = Path(tempfile.mkdtemp(prefix="source-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    beside = {path: code for path, code in code_files(model).items() if "/" not in path}
    beside = {k: v for k, v in beside.items() if Path(k).stem != REQUIREMENTS}
    for path, content in (beside | code_files(folder)).items():
        target = copy / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return copy


def _holds(packed: bytes, program: str) -> bool:
    """Return whether a model's archive brings the code that serves it."""
    try:
        archive.read_member(packed, f"{CODE}/{program}")
    except archive.ArchiveError:
        return False
    return True


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
    log = tail_log(LOG_GROUP, lines=100, stream_prefix=f"{name}/")
    said = [place for place, line in enumerate(log) if line.startswith(SCRIPT_FAILED)]
    text = job.get("FailureReason", job["SecondaryStatus"]).strip()
    code = EXIT_CODE.search(text)
    lines = EXIT_CODE.sub("", text).splitlines()
    # Between its kind and the error itself stands the container's traceback.
    kind = f"{lines[0].split(':')[0]}: " if len(lines) > 1 else ""
    told = [line for line in lines if "[bt]" not in line and "Stack" not in line]
    if said:
        # The reason is the driver's, the script's own is the last that it printed.
        log = [line for line in log[: said[0]] if line.strip()]
        told += log[-1:]
    message = [f"{name}: {job['TrainingJobStatus']}; {kind}{(told or lines)[-1]}"]
    if code:
        message[0] += code[1]
    if last := _without_tracebacks(log)[-LOG_LINES:]:
        message.append("last log lines of the container:")
        message += [f"  {line}" for line in last]
    return "\n  ".join(message)


def _without_tracebacks(lines: Sequence[str]) -> list[str]:
    """Drop the lines of Python and C++ tracebacks from a container's log."""
    kept: list[str] = []
    # The first lines may be the rest of a traceback.
    inside = True
    for line in lines:
        if line.startswith(TRACEBACK_STARTS):
            inside = True
        elif line.strip() and not (inside and line[0].isspace()):
            inside = False
            kept.append(line)
    return kept


@cache
def _validate_config_once() -> None:
    """Let the SDK validate its config in the session only, not at every default.

    Otherwise a trainer validates the same lines twenty times, which takes a second.
    """
    from sagemaker.core.config.config_manager import SageMakerConfig

    SageMakerConfig.validate_sagemaker_config = staticmethod(_accept_config)


def _accept_config(_: object = None) -> None:
    """Accept a config without validation."""
