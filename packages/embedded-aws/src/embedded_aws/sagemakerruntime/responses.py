"""The actions of the runtime."""

from moto.core.common_types import TYPE_RESPONSE
from moto.sagemakerruntime.models import sagemakerruntime_backends
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from embedded_aws.sagemakerruntime.models import Backend, Invocation


class Response(SageMakerRuntimeResponse):
    """Answer the actions of the runtime."""

    use_raw_body = True

    def invoke_endpoint_async(self) -> TYPE_RESPONSE:
        """Refuse asynchronous inference, which moto only pretends."""
        raise NotImplementedError("asynchronous inference has not been implemented")

    def invoke_endpoint(self) -> TYPE_RESPONSE:
        """Answer InvokeEndpoint with the response of a model in service."""
        backend = sagemakerruntime_backends[self.current_account][self.region]
        assert isinstance(backend, Backend)
        variant, response = backend.invoke(
            Invocation(
                endpoint=self.path.split("/")[2],
                body=self.raw_body,
                content_type=self.headers.get("Content-Type"),
                accept=self.headers.get("Accept"),
                target_variant=self.headers.get("X-Amzn-SageMaker-Target-Variant"),
            )
        )
        headers = dict(response.headers) | {
            "x-Amzn-Invoked-Production-Variant": variant
        }
        return 200, headers, response.body
