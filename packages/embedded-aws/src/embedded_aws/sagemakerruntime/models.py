"""What InvokeEndpoint checks, and how the model in service answers."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moto.core.exceptions import ServiceException
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime.models import (
    SageMakerRuntimeBackend,
    sagemakerruntime_backends,
)

from embedded_aws import regions
from embedded_aws.logs import models as logs
from embedded_aws.sagemaker import models as sagemaker
from embedded_aws.sagemaker.hosting import Endpoint
from embedded_aws.sagemaker.variants import access_line
from embedded_aws.sagemakerruntime.capture import capture

if TYPE_CHECKING:
    from sagemaker_xgboost.container.serve_utils import Response

MAX_BYTES = 6_291_456
MAX_SERVERLESS_BYTES = 4_194_304
SERVING = ("InService", "Updating", "RollingBack", "SystemUpdating")


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

    def invoke(self, invocation: Invocation) -> "tuple[str, Response]":
        """Return the name of the variant that answered, and its response."""
        endpoint = self.find_endpoint(invocation.endpoint)
        variant = endpoint.choose_variant(invocation.target_variant)
        serverless = "ServerlessConfig" in variant.definition
        check_size(invocation.body, serverless=serverless)
        response = variant.loaded().invoke(
            invocation.body, invocation.content_type, invocation.accept
        )
        group, line = endpoint.log_group, access_line("POST /invocations", response)
        logs.write(self.region_name, group, variant.stream, [line])
        if response.status >= 400:
            raise self.model_error(endpoint, response)
        if variant.wrong:
            response = one_too_high(response)
        if endpoint.capture and endpoint.capture.get("EnableCapture"):
            failure = self.capture(endpoint, variant.name, invocation, response)
            if failure:
                logs.write(self.region_name, group, variant.stream, [failure])
        return variant.name, response

    def capture(
        self,
        endpoint: Endpoint,
        variant: str,
        invocation: Invocation,
        response: "Response",
    ) -> str:
        """Write a call and its answer to S3; return why that was not possible."""
        assert endpoint.capture is not None
        return capture(
            endpoint.capture,
            (endpoint.name, variant),
            (invocation.body, invocation.content_type or ""),
            (response.body, response.headers.get("Content-Type", "")),
            invocation.inference_id,
        )

    def find_endpoint(self, name: str) -> Endpoint:
        """Return an endpoint in service, or raise AWS's error."""
        backend = sagemaker_backends[self.account_id][self.region_name]
        assert isinstance(backend, sagemaker.Backend)
        found = backend.hosting.resources.get(name)
        if found is None or found.status not in SERVING:
            text = f"Endpoint {name} of account {self.account_id} not found."
            raise ValidationError(text)
        return found

    def model_error(self, endpoint: Endpoint, response: "Response") -> ModelError:
        """Return AWS's error for an error that the container answered."""
        region, account, group = self.region_name, self.account_id, endpoint.log_group
        side = "client" if response.status < 500 else "server"
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


def one_too_high(response: "Response") -> "Response":
    """Return a response whose predictions are one too high, for a fault."""
    numbers = [float(line) + 1 for line in response.body.split()]
    return replace(response, body="".join(f"{one}\n" for one in numbers).encode())


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
