"""What InvokeEndpoint does, and what it refuses."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moto.core.exceptions import ServiceException
from moto.sagemaker.models import sagemaker_backends
from moto.sagemakerruntime.models import (
    SageMakerRuntimeBackend,
    sagemakerruntime_backends,
)

from embedded_aws import logs, regions
from embedded_aws.sagemaker import models as sagemaker
from embedded_aws.sagemaker.endpoints import Endpoint
from embedded_aws.sagemaker.variants import access_line

if TYPE_CHECKING:
    from sagemaker_xgboost.container.serve_utils import Response

MAX_BYTES = 6_291_456
MAX_SERVERLESS_BYTES = 4_194_304
SERVING = ("InService", "Updating", "RollingBack", "SystemUpdating")


class ValidationError(ServiceException):
    """Refuse a call before it reaches a model."""

    code = "ValidationError"


class ModelError(ServiceException):
    """Hand on what a model refuses."""

    code = "ModelError"

    def __init__(self, message: str, *, status: int, original: str, arn: str) -> None:
        super().__init__(message)
        self.OriginalStatusCode = status
        self.OriginalMessage = original
        self.LogStreamArn = arn


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """Say what a caller sends to an endpoint."""

    endpoint: str
    body: bytes
    content_type: str | None
    accept: str | None
    target_variant: str | None


class Backend(SageMakerRuntimeBackend):
    """Answer from the models in service."""

    def invoke(self, invocation: Invocation) -> "tuple[str, Response]":
        """Give the variant that answered, and its answer."""
        endpoint = self.endpoint(invocation.endpoint)
        variant = endpoint.variant(invocation.target_variant)
        serverless = "ServerlessConfig" in variant.definition
        refuse_large(invocation.body, serverless=serverless)
        answer = variant.server.invoke(
            invocation.body, invocation.content_type, invocation.accept
        )
        group, line = endpoint.log_group, access_line("POST /invocations", answer)
        logs.write(self.region_name, group, variant.stream, [line])
        if answer.status >= 400:
            raise self.model_error(endpoint, answer)
        return variant.name, one_too_high(answer) if variant.wrong else answer

    def endpoint(self, name: str) -> Endpoint:
        """Find an endpoint in service."""
        backend = sagemaker_backends[self.account_id][self.region_name]
        assert isinstance(backend, sagemaker.Backend)
        found = backend.live.resources.get(name)
        if found is None or found.status not in SERVING:
            text = f"Endpoint {name} of account {self.account_id} not found."
            raise ValidationError(text)
        return found

    def model_error(self, endpoint: Endpoint, answer: "Response") -> ModelError:
        """Put a container's refusal into AWS's words."""
        region, account, group = self.region_name, self.account_id, endpoint.log_group
        side = "client" if answer.status < 500 else "server"
        original = answer.body.decode(errors="replace")
        console = f"https://{region}.console.aws.amazon.com/cloudwatch/home"
        viewer = f"{console}?region={region}#logEventViewer:group={group}"
        return ModelError(
            f"Received {side} error ({answer.status}) from primary with message "
            f'"{original}". See {viewer} in account {account} for more information.',
            status=answer.status,
            original=original,
            arn=f"arn:{self.partition}:logs:{region}:{account}:log-group:{group}",
        )


def one_too_high(answer: "Response") -> "Response":
    """Let a fault on demand change what a model predicts."""
    numbers = [float(line) + 1 for line in answer.body.split()]
    return replace(answer, body="".join(f"{one}\n" for one in numbers).encode())


def refuse_large(body: bytes, *, serverless: bool) -> None:
    """Refuse a body that is larger than the endpoint's kind takes."""
    limit = MAX_SERVERLESS_BYTES if serverless else MAX_BYTES
    if len(body) > limit:
        raise ValidationError(
            "1 validation error detected: Value at 'body' failed to satisfy "
            f"constraint: Member must have length less than or equal to {limit}"
        )


def install() -> None:
    """Put this backend in the place of moto's."""
    regions.install(sagemakerruntime_backends, Backend)
