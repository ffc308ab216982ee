"""Production variants: loading a model and keeping it in service."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from shutil import rmtree
from typing import TYPE_CHECKING

from moto.core.utils import utcnow
from sagemaker_xgboost.container.data_utils import import_xgboost

from embedded_aws import archive, storage, workplace
from embedded_aws.archive import ArchiveError
from embedded_aws.sagemaker.model_objects import ModelContainer
from embedded_aws.sagemaker.resources import Values
from embedded_aws.storage import Location

if TYPE_CHECKING:
    from sagemaker_xgboost.container.serve import ModelServer
    from sagemaker_xgboost.container.serve_utils import Response

Log = Callable[[str], None]


class LoadError(Exception):
    """Report why a variant cannot serve, in the words of the FailureReason."""


@dataclass(kw_only=True)
class Variant:
    """Keep one production variant in service."""

    definition: Values
    container: ModelContainer
    server: "ModelServer"
    stream: str
    weight: float
    instances: int | None
    wrong: bool = False

    @property
    def name(self) -> str:
        """Give the variant's name."""
        return str(self.definition["VariantName"])

    def describe(self) -> Values:
        """Answer DescribeEndpoint's part about this variant."""
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


def load(
    definition: Values, container: ModelContainer, stream: str, log_to: Log
) -> Variant:
    """Download, unpack and load a model, and ping its server."""
    # The server takes longer to import than to load a model, most of it scikit-learn.
    import_xgboost()
    from sagemaker_xgboost.container.serve import ModelLoadError

    try:
        server = start_server(container)
    except ModelLoadError as error:
        log_to(f"[ERROR] {error}")
        raise LoadError(ping_failure(definition["VariantName"])) from error
    log_to(access_line("GET /ping", server.ping()))
    return Variant(
        definition=definition,
        container=container,
        server=server,
        stream=stream,
        weight=definition["InitialVariantWeight"],
        instances=definition.get("InitialInstanceCount"),
    )


def model_servers() -> "type[ModelServer]":
    """Import the container's server, which takes longer than to load a model."""
    from sagemaker_xgboost.container.serve import ModelServer

    return ModelServer


def start_server(container: ModelContainer) -> "ModelServer":
    """Start the container's server on a model's files."""
    folder = workplace.scratch("model")
    try:
        archive.unpack(download(container.data_url or ""), folder)
        return model_servers().load(folder, container.environment)
    except ArchiveError as error:
        raise LoadError(
            'Failed to extract model data archive for container "container_1" from '
            f'URL "{container.data_url}". Please ensure that the object located at the '
            "URL is a valid tar.gz archive."
        ) from error
    finally:
        rmtree(folder, ignore_errors=True)


def download(url: str) -> bytes:
    """Read the model data."""
    try:
        content = storage.read(Location.parse(url))
    except storage.AccessDeniedError:
        content = None
    if content is None:
        raise LoadError(
            'Failed to download model data for container "container_1" from URL: '
            f'"{url}". Please ensure that there is an object located at the URL and '
            "that the role passed to CreateModel has permissions to download the "
            "object."
        )
    return content


def ping_failure(variant: str) -> str:
    """Say what AWS says when a container does not answer."""
    return (
        f"The primary container for production variant {variant} did not pass the ping "
        "health check. Please check CloudWatch logs for this endpoint."
    )


def access_line(request: str, answer: "Response") -> str:
    """Write a line of the container's access log."""
    time = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    result = f'"{request} HTTP/1.1" {answer.status} {len(answer.body)} "-" "AHC/2.0"'
    return f"169.254.178.2 - - [{time}] {result}"
