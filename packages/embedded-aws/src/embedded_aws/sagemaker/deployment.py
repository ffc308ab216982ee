"""Bring a configuration into service, or leave what was there."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from embedded_aws import logs
from embedded_aws.faults import faults
from embedded_aws.sagemaker.model_objects import ModelContainer
from embedded_aws.sagemaker.resources import Values
from embedded_aws.sagemaker.variants import LoadError, Variant, load, ping_failure

if TYPE_CHECKING:
    from embedded_aws.sagemaker.endpoints import Endpoint

STUCK_SECONDS = 3600.0
INTERNAL = (
    "Request to service failed. If failure persists after retry, contact support."
)


@dataclass(kw_only=True)
class Deployment:
    """Take one endpoint from Creating or Updating to its next steady status."""

    endpoint: "Endpoint"
    config_name: str
    definitions: list[tuple[Values, ModelContainer]]
    operation: str

    def run(self) -> None:
        """Load every variant, then serve them; the old ones serve until then."""
        self.operation = (
            "UpdateEndpoint" if self.endpoint.variants else "CreateEndpoint"
        )
        failure: str | None = INTERNAL
        variants: list[Variant] = []
        try:
            self.wait(self.operation)
            variants = [self.load(d, container) for d, container in self.definitions]
            failure = None
        except LoadError as error:
            failure = str(error)
        finally:
            self.finish(variants, failure)

    def wait(self, operation: str) -> None:
        """Let faults on demand hold the endpoint up."""
        name = self.endpoint.name
        if fault := faults.take("endpoint-slow", name, operation):
            faults.wait_until_cleared(fault, fault.seconds)
        if fault := faults.take("endpoint-stuck", name, operation):
            faults.wait_until_cleared(fault, STUCK_SECONDS)

    def load(self, definition: Values, container: ModelContainer) -> Variant:
        """Load one variant, its container's log kept in the endpoint's group."""
        name = definition["VariantName"]
        stream = f"{name}/i-{uuid4().hex[:17]}"
        region, group = self.endpoint.place.region, self.endpoint.log_group
        logs.create_stream(region, group, stream)
        if faults.take("ping-failure", self.endpoint.name, self.operation):
            logs.write(region, group, stream, ["[ERROR] a fault on demand: no ping"])
            raise LoadError(ping_failure(name))
        variant = load(
            definition,
            container,
            stream,
            lambda line: logs.write(region, group, stream, [line]),
        )
        endpoint, operation = self.endpoint.name, self.operation
        variant.wrong = bool(faults.take("wrong-predictions", endpoint, operation))
        return variant

    def finish(self, variants: list[Variant], failure: str | None) -> None:
        """Enter the next steady status."""
        endpoint = self.endpoint
        with endpoint.place.lock:
            endpoint.pending = None
            endpoint.failure_reason = failure
            if failure and self.operation == "CreateEndpoint":
                endpoint.status = "Failed"
            elif failure:
                endpoint.status = "RollingBack"
            elif not self.rolled_back_silently():
                endpoint.variants = variants
                endpoint.config_name = self.config_name
            endpoint.touch()
        if endpoint.status == "RollingBack":
            self.wait("RollingBack")
        self.settle()

    def rolled_back_silently(self) -> bool:
        """Let a fault on demand undo an update that seems to succeed."""
        name = self.endpoint.name
        return bool(faults.take("silent-rollback", name, self.operation))

    def settle(self) -> None:
        """Serve, unless the endpoint never did."""
        endpoint = self.endpoint
        with endpoint.place.lock:
            if endpoint.status != "Failed":
                endpoint.status = "InService"
                endpoint.touch()
