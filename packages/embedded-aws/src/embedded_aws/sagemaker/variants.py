"""Production variants: how the model of one is loaded, and what it answers with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING

from moto.core.utils import utcnow
from sagemaker_xgboost import archive
from sagemaker_xgboost.archive import ArchiveError
from sagemaker_xgboost.container.data_utils import import_xgboost

from embedded_aws.s3 import store
from embedded_aws.s3.store import S3Uri
from embedded_aws.sagemaker.hosting_config import ModelContainer
from embedded_aws.sagemaker.inputs import find_image
from embedded_aws.sagemaker.resources import Values
from embedded_aws.sagemaker.script_hosting import (
    ContainerResponse,
    ModelCodeError,
    ScriptServer,
    serves_script,
)
from embedded_aws.state import IN_MEMORY, state

if TYPE_CHECKING:
    from sagemaker_xgboost.container.serve import ModelServer
    from sagemaker_xgboost.container.serve_utils import Response

    Server = ModelServer | ScriptServer


@dataclass(kw_only=True)
class Variant:
    """Keep one production variant in service, with a copy of its model's archive."""

    definition: Values
    container: ModelContainer
    archive: str
    stream: str
    weight: float
    instances: int | None
    wrong: bool = False
    server: "Server | None" = field(default=None, metadata={IN_MEMORY: True})
    lock: Lock = field(default_factory=Lock, repr=False, metadata={IN_MEMORY: True})

    @property
    def name(self) -> str:
        """Return the variant's name."""
        return str(self.definition["VariantName"])

    def loaded(self, log: Callable[[list[str]], None]) -> "Server":
        """Return the server, which after a restart has to load the model first.

        Raises LoadError or PingError if that fails.
        """
        with self.lock:
            if self.server is None:
                self.server = load_server(self.archive, self.container, log)
            return self.server

    def describe(self) -> Values:
        """Return the variant's entry in the answer of DescribeEndpoint."""
        image = self.container.image
        digest = sha256(image.encode()).hexdigest()
        deployed = {
            "SpecifiedImage": image,
            "ResolvedImage": f"{image.partition(':')[0]}@sha256:{digest}",
            "ResolutionTime": utcnow(),
        }
        described: Values = {
            "VariantName": self.name,
            "DeployedImages": [deployed],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
        }
        if serverless := self.definition.get("ServerlessConfig"):
            both = ("CurrentServerlessConfig", "DesiredServerlessConfig")
            return described | dict.fromkeys(both, serverless)
        both = ("CurrentInstanceCount", "DesiredInstanceCount")
        return described | dict.fromkeys(both, self.instances)


class LoadError(Exception):
    """Report why a variant cannot serve, in the words of the FailureReason."""


class PingError(Exception):
    """Report why a container's server does not answer its ping."""


def load_server(
    model: str, container: ModelContainer, log: Callable[[list[str]], None]
) -> "Server":
    """Unpack and load a model; raise LoadError or PingError.

    Args:
        model: the name of the stored file.
        log: takes the lines that the container writes.
    """
    image = find_image(container.image)
    unpack = partial(unpack_model, model, container)
    if serves_script(image, container.environment):
        try:
            return ScriptServer(image, container.environment, unpack, log)
        except ModelCodeError as error:
            raise PingError(str(error)) from error
    with TemporaryDirectory(prefix="model-", ignore_cleanup_errors=True) as folder:
        unpack(Path(folder))
        server = import_model_server()
        from sagemaker_xgboost.container.serve import ModelLoadError

        try:
            return server.load(Path(folder), container.environment, image.version)
        except ModelLoadError as error:
            raise PingError(str(error)) from error


def unpack_model(model: str, container: ModelContainer, folder: Path) -> None:
    """Unpack a model's archive to a folder; raise LoadError."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        archive.unpack(state.files.path(model), folder)
    except ArchiveError as error:
        raise LoadError(
            "Failed to extract model data archive for container "
            f'"container_1" from URL "{container.data_url}". Please ensure that '
            "the object located at the URL is a valid tar.gz archive."
        ) from error


def import_model_server() -> "type[ModelServer]":
    """Import the container's server, which takes longer than to load a model.

    It is not imported with this module, because it imports xgboost, and the embedded
    AWS starts in half a second.
    """
    import_xgboost()
    from sagemaker_xgboost.container.serve import ModelServer

    return ModelServer


def download_model(url: str) -> str:
    """Copy model data to a stored file, and return its name, or raise LoadError."""
    try:
        content = store.open_object(S3Uri.parse(url))
    except store.AccessDeniedError:
        content = None
    if content is None:
        raise LoadError(
            'Failed to download model data for container "container_1" from URL: '
            f'"{url}". Please ensure that there is an object located at the URL and '
            "that the role passed to CreateModel has permissions to download the "
            "object."
        )
    return state.files.copy(content)


def ping_failure(variant: str) -> str:
    """Return AWS's FailureReason for a container that does not answer its ping."""
    return (
        f"The primary container for production variant {variant} did not pass the ping "
        "health check. Please check CloudWatch logs for this endpoint."
    )


def access_line(request: str, response: "Response | ContainerResponse") -> str:
    """Return a line of the container's access log."""
    time = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    size = len(response.body)
    result = f'"{request} HTTP/1.1" {response.status} {size} "-" "AHC/2.0"'
    return f"169.254.178.2 - - [{time}] {result}"
