"""The actions of the runtime."""

from functools import cache

from moto.core.common_types import TYPE_RESPONSE
from moto.core.utils import get_service_model
from moto.sagemakerruntime.models import sagemakerruntime_backends
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from embedded_aws.refusals import refusal
from embedded_aws.sagemaker.parameters import RUNTIME
from embedded_aws.sagemakerruntime.models import Backend, Invocation, ValidationError
from embedded_aws.validation import check_of, validation_message

ACTION = "InvokeEndpoint"


class Response(SageMakerRuntimeResponse):
    """Answer the actions of the runtime."""

    use_raw_body = True

    def invoke_endpoint_async(self) -> TYPE_RESPONSE:
        """Refuse asynchronous inference, which moto only pretends."""
        raise NotImplementedError("asynchronous inference has not been implemented")

    def invoke_endpoint_with_response_stream(self) -> TYPE_RESPONSE:
        """Refuse answers in parts: the built-in XGBoost gives none."""
        raise NotImplementedError("response streams have not been implemented")

    def invoke_endpoint(self) -> TYPE_RESPONSE:
        """Answer InvokeEndpoint with the response of a model in service."""
        given = self.check_parameters()
        backend = sagemakerruntime_backends[self.current_account][self.region]
        assert isinstance(backend, Backend)
        variant, response = backend.invoke(
            Invocation(
                endpoint=given["EndpointName"],
                body=self.raw_body,
                content_type=given.get("ContentType"),
                accept=given.get("Accept"),
                target_variant=given.get("TargetVariant"),
                inference_id=given.get("InferenceId"),
            )
        )
        headers = dict(response.headers) | {
            "x-Amzn-Invoked-Production-Variant": variant
        }
        return 200, headers, response.body

    def check_parameters(self) -> dict[str, str]:
        """Return the parameters in path and headers, or raise an error."""
        names = parameter_headers()
        headers = {each: self.headers[each] for each in names if each in self.headers}
        endpoint = {"EndpointName": self.path.split("/")[2]}
        given = {names[each]: text for each, text in headers.items()} | endpoint
        # The body is checked by the model in service.
        found = list(
            check_of(RUNTIME.name, ACTION)(headers | endpoint | {"Body": ""}, "")
        )
        text = validation_message(found) if found else refusal(RUNTIME, ACTION, given)
        if text:
            raise ValidationError(text)
        return given


@cache
def parameter_headers() -> dict[str, str]:
    """Return the parameters of InvokeEndpoint by the header that each is in."""
    shape = get_service_model(RUNTIME.name).operation_model(ACTION).input_shape
    return {
        member.serialization["name"]: name
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header"
    }
