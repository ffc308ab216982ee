"""Training jobs that run a script: what they may ask for, their command, checkpoints.

A script is named by `ContainerEntrypoint`, as ModelTrainer's `source_code` does, or by
the hyperparameter `sagemaker_program`, as SDK v2 and boto3 clients do, or in the
variable SAGEMAKER_PROGRAM.
"""

import shutil
import tarfile
import threading
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from moto.s3.exceptions import MissingBucket
from moto.sagemaker.exceptions import ValidationError
from sagemaker_xgboost import archive

from embedded_aws import images, toolkit
from embedded_aws.files import Content
from embedded_aws.images import ImageEnvironment, ImageError
from embedded_aws.s3 import store
from embedded_aws.s3.store import AccessDeniedError, S3Uri
from embedded_aws.sagemaker.containers import (
    ML,
    Command,
    Host,
    can_mount,
    image_variables,
)
from embedded_aws.sagemaker.inputs import Channel, Image
from embedded_aws.sagemaker.resources import Values

TOOLKIT = Path(toolkit.__file__).with_name("train.py")
DRIVERS = "sm_drivers"
CHECKPOINTS = f"{ML}/checkpoints"
SYNC_SECONDS = 1.0


class ScriptError(Exception):
    """Report why a script cannot be run, in the words of the job's FailureReason."""


def runs_script(request: Values, image: Image) -> bool:
    """Return whether a job runs a script, not the built-in XGBoost."""
    entrypoint = request["AlgorithmSpecification"].get("ContainerEntrypoint")
    program = request.get("HyperParameters", {}).get("sagemaker_program")
    program = program or request.get("Environment", {}).get("SAGEMAKER_PROGRAM")
    return bool(entrypoint or program) or image.framework != "xgboost"


def check_script(request: Values, image: Image, channels: Sequence[Channel]) -> None:
    """Raise an error, in our own words, for what a job with a script may not ask."""
    algorithm = request["AlgorithmSpecification"]
    entrypoint: list[str] = algorithm.get("ContainerEntrypoint") or []
    if algorithm.get("ContainerArguments") and not entrypoint:
        _refuse("ContainerArguments without a ContainerEntrypoint")
    for channel in channels:
        if channel.input_mode == "Pipe":
            _refuse(f"the input mode Pipe of channel {channel.name}; use File")
    if checkpoints := request.get("CheckpointConfig"):
        checkpoint_path(checkpoints)
    is_run = bool(entrypoint) and shutil.which(entrypoint[0]) is not None
    if image.framework == "custom" and not is_run and not images.is_pulled(image.uri):
        raise ValidationError(
            f"The embedded AWS cannot run image {image.uri}: there is no Docker. Make "
            f"its environment with: embedded-aws pull {image.uri} --requirements FILE; "
            "or name a command of this machine in ContainerEntrypoint."
        )


def _refuse(what: str) -> None:
    raise ValidationError(f"The embedded AWS does not support {what}.")


def checkpoint_path(config: Values) -> PurePosixPath:
    """Return where a CheckpointConfig has its files, relative to /opt/ml."""
    path = PurePosixPath(config.get("LocalPath") or CHECKPOINTS)
    inside = path.is_relative_to(ML) and ".." not in path.parts
    if not inside or path == PurePosixPath(ML):
        _refuse(f"the CheckpointConfig.LocalPath {path}; choose one in {ML}")
    return path.relative_to(ML)


def find_environment(image: Image, request: Values) -> ImageEnvironment | None:
    """Return where a job's script runs: None is this machine's own commands.

    Raises ScriptError for an image that was not pulled.
    """
    try:
        return images.find(image.uri)
    except ImageError as error:
        entrypoint = request["AlgorithmSpecification"].get("ContainerEntrypoint")
        if image.framework == "custom" and entrypoint:
            return None
        raise ScriptError(f"ClientError: {error}") from error


def environment_note(environment: ImageEnvironment | None, host: Host) -> str:
    """Return the line of the log that says what the embedded AWS runs instead."""
    place = "the commands of this machine"
    if environment is not None:
        folder = Path(environment.python).parent.parent
        place = f"{environment.image} of {folder}"
    if can_mount():
        return f"The embedded AWS runs this job with {place}, in a mount namespace."
    return (
        f"The embedded AWS runs this job with {place}. Without mount namespaces here, "
        f"{ML} is {host.ml}: find it by SM_MODEL_DIR, SM_CHANNEL_TRAIN and the others."
    )


def script_command(
    about_job: dict[str, str],
    request: Values,
    environment: ImageEnvironment | None,
    host: Host,
) -> Command:
    """Return what the job runs on a host.

    Args:
        about_job: the variables that name the job.
    """
    algorithm = request["AlgorithmSpecification"]
    code = host.ml / "code"
    code.mkdir(exist_ok=True)
    words = [
        *(algorithm.get("ContainerEntrypoint") or ["python", str(TOOLKIT)]),
        *(algorithm.get("ContainerArguments") or []),
    ]
    variables = image_variables(environment, host) | {"SAGEMAKER_BASE_DIR": ML}
    own: dict[str, str] = request.get("Environment", {})
    variables |= own | about_job
    return Command(words=words, environment=variables, folder=code).on(host)


def prepare_code(request: Values, host: Host) -> None:
    """Place submitted code as the container would fetch it, and mend its paths.

    Raises ScriptError.
    """
    submitted = request.get("HyperParameters", {}).get("sagemaker_submit_directory", "")
    uri = submitted.strip('"')
    if uri.startswith("s3://"):
        content = store.open_object(S3Uri.parse(uri))
        if content is None:
            raise ScriptError(f"AlgorithmError: framework error: \n{uri} is not there")
        unpack_code(content, host.ml / "code")
    if not can_mount():
        for path in (host.ml / "input" / "data" / DRIVERS).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".sh", ".json"):
                path.write_text(path.read_text().replace(ML, str(host.ml)))


def unpack_code(content: Content, folder: Path) -> None:
    """Unpack a sourcedir.tar.gz; raise ScriptError if it is none."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="code-") as place:
        packed = Path(place) / "sourcedir.tar.gz"
        with packed.open("wb") as file:
            file.writelines(content)
        try:
            archive.unpack(packed, folder)
        except (archive.ArchiveError, tarfile.TarError) as error:
            raise ScriptError(f"AlgorithmError: framework error: \n{error}") from error


class Checkpoints:
    """Keep a job's checkpoints in S3 while it runs; begin with what is there."""

    def __init__(self, config: Values, hosts: Sequence[Host]) -> None:
        self.uri = config["S3Uri"].rstrip("/")
        self.folders = [host.ml / checkpoint_path(config) for host in hosts]
        self.uploaded: dict[Path, tuple[int, int]] = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def download(self) -> None:
        """Give every host what an earlier job has left."""
        prefix = S3Uri.parse(f"{self.uri}/")
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True)
            for key in store.list_keys(prefix):
                content = store.open_object(S3Uri(bucket=prefix.bucket, key=key))
                name = PurePosixPath(key.removeprefix(prefix.key))
                if content is None or ".." in name.parts or name.is_absolute():
                    continue
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    file.writelines(content)
                self.uploaded[path] = _state(path)

    def run(self) -> None:
        """Upload what is new every second, until the job has ended."""
        while not self.ended.wait(SYNC_SECONDS):
            try:
                self.upload()
            except (OSError, MissingBucket, AccessDeniedError):
                # A file goes while it is read; what is wrong for good, the end finds.
                continue

    def finish(self) -> None:
        """Upload what the job has left; raise ScriptError if that cannot be."""
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join()
        try:
            self.upload()
        except (OSError, MissingBucket, AccessDeniedError) as error:
            raise ScriptError(
                f"ClientError: Checkpoint upload failed:{error}"
            ) from error

    def upload(self) -> None:
        """Upload the files that are new or have changed."""
        for folder in self.folders:
            for path in sorted(folder.rglob("*")):
                if not path.is_file() or self.uploaded.get(path) == _state(path):
                    continue
                state = _state(path)
                name = path.relative_to(folder).as_posix()
                store.write(S3Uri.parse(f"{self.uri}/{name}"), Content(path))
                self.uploaded[path] = state


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
