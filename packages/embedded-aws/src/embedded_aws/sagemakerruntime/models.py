"""What InvokeEndpoint checks, and how the model in service answers."""

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from moto.core.exceptions import ServiceException
from moto.sagemaker.exceptions import ValidationError as SageMakerValidationError
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime.models import (
    SageMakerRuntimeBackend,
    sagemakerruntime_backends,
)

from embedded_aws import regions
from embedded_aws.logs import models as logs
from embedded_aws.sagemaker import models as sagemaker
from embedded_aws.sagemaker.capture import keep_capture
from embedded_aws.sagemaker.hosting import Endpoint
from embedded_aws.sagemaker.script_hosting import ContainerResponse
from embedded_aws.sagemaker.variants import LoadError, PingError, Variant, access_line

if TYPE_CHECKING:
    from sagemaker_xgboost.container.serve import ModelServer
    from sagemaker_xgboost.container.serve_utils import Response

    from embedded_aws.sagemaker.script_hosting import ScriptServer

    AnyResponse = Response | ContainerResponse

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
MAX_BYTES = 6_291_456
MAX_SERVERLESS_BYTES = 4_194_304
SERVING = (
    "InService",
    "Updating",
    "RollingBack",
    "SystemUpdating",
    "UpdateRollbackFailed",
)


class ValidationError(ServiceException):
    """Report a call that does not reach a model."""

    code = "ValidationError"


class ModelError(ServiceException):
    """Report an error that the model's container answered."""

    code = "ModelError"

    def __init__(self, message: str, *, status: int, original: str, arn: str) -> None:
        super().__init__(message)
        self.OriginalStatusCode = status
        self.OriginalMessage = original
        self.LogStreamArn = arn


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """Hold what a caller sends to an endpoint."""

    endpoint: str
    body: bytes
    content_type: str | None
    accept: str | None
    target_variant: str | None = None
    inference_id: str | None = None


class Backend(SageMakerRuntimeBackend):
    """Answer from the models in service."""

    def invoke(self, invocation: Invocation) -> "tuple[str, AnyResponse]":
        """Return the name of the variant that answered, and its response."""
        endpoint = self.find_endpoint(invocation.endpoint)
        try:
            variant = endpoint.choose_variant(invocation.target_variant)
        except SageMakerValidationError as error:
            raise ValidationError(error.message) from error
        serverless = "ServerlessConfig" in variant.definition
        check_size(invocation.body, serverless=serverless)
        response = self.find_server(endpoint, variant).invoke(
            invocation.body, invocation.content_type, invocation.accept
        )
        group, line = endpoint.log_group, access_line("POST /invocations", response)
        logs.write(self.region_name, group, variant.stream, [line])
        if response.status >= 400 or response.status == 0:
            raise self.model_error(endpoint, response)
        if endpoint.capture:
            keep_capture(
                endpoint.capture,
                (endpoint.name, variant.name),
                (invocation.content_type, invocation.body),
                (response.headers.get("Content-Type"), response.body),
                invocation.inference_id,
            )
        return variant.name, one_too_high(response) if variant.wrong else response

    def find_server(
        self, endpoint: Endpoint, variant: Variant
    ) -> "ModelServer | ScriptServer":
        """Return what answers for a variant; raise AWS's error if it cannot load."""
        log = partial(logs.write, self.region_name, endpoint.log_group, variant.stream)
        try:
            return variant.loaded(log)
        except (LoadError, PingError) as error:
            log([f"[ERROR] {error}"])
            unavailable = ContainerResponse(status=503, body=str(error).encode())
            raise self.model_error(endpoint, unavailable) from error

    def find_endpoint(self, name: str) -> Endpoint:
        """Return an endpoint in service, or raise AWS's error."""
        backend = sagemaker_backends[self.account_id][self.region_name]
        assert isinstance(backend, sagemaker.Backend)
        found = backend.hosting.resources.get(name)
        if found is None or found.status not in SERVING:
            text = f"Endpoint {name} of account {self.account_id} not found."
            raise ValidationError(text)
        return found

    def model_error(self, endpoint: Endpoint, response: "AnyResponse") -> ModelError:
        """Return AWS's error for an error that the container answered."""
        region, account, group = self.region_name, self.account_id, endpoint.log_group
        side = "client" if 400 <= response.status < 500 else "server"
        original = response.body.decode(errors="replace")
        console = f"https://{region}.console.aws.amazon.com/cloudwatch/home"
        viewer = f"{console}?region={region}#logEventViewer:group={group}"
        return ModelError(
            f"Received {side} error ({response.status}) from primary with message "
            f'"{original}". See {viewer} in account {account} for more information.',
            status=response.status,
            original=original,
            arn=f"arn:{self.partition}:logs:{region}:{account}:log-group:{group}",
        )


def one_too_high(response: "AnyResponse") -> "AnyResponse":
    """Return a response whose numbers are one too high, for a fault."""

    def add(found: re.Match[bytes]) -> bytes:
        return str(float(found[0]) + 1).encode()

    return replace(response, body=NUMBER.sub(add, response.body))


def check_size(body: bytes, *, serverless: bool) -> None:
    """Raise AWS's error for a body that is too large for the kind of endpoint."""
    limit = MAX_SERVERLESS_BYTES if serverless else MAX_BYTES
    if len(body) > limit:
        raise ValidationError(
            "1 validation error detected: Value at 'body' failed to satisfy "
            f"constraint: Member must have length less than or equal to {limit}"
        )


def install() -> None:
    """Put this backend in the place of moto's."""
    regions.install(sagemakerruntime_backends, Backend)
