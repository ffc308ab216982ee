"""Endpoints: their actions, the deployment of a configuration, and its variants."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from moto.sagemaker.exceptions import ValidationError

from embedded_aws.activity import activity
from embedded_aws.faults import faults
from embedded_aws.logs import models as logs
from embedded_aws.sagemaker.hosting_config import (
    EndpointConfig,
    EndpointConfigs,
    ModelContainer,
)
from embedded_aws.sagemaker.hosting_rules import (
    alarm_failure,
    check_alarms,
    check_update,
)
from embedded_aws.sagemaker.resources import Collection, Resource, Scope, Values
from embedded_aws.sagemaker.variants import (
    LoadError,
    PingError,
    Variant,
    access_line,
    download_model,
    load_server,
    ping_failure,
)
from embedded_aws.state import IN_MEMORY, state

# Only an endpoint that has failed cannot be updated at all.
UPDATABLE = ("InService", "OutOfService", "UpdateRollbackFailed")
IN_PROGRESS = ("Creating", "Updating", "RollingBack", "Deleting")
STUCK_SECONDS = 3600.0
ABANDONED = (
    "InternalServerError: the embedded AWS ended while this endpoint was deployed. "
    "What served before does so again; deploy once more."
)
INTERNAL_ERROR = (
    "Request to service failed. If failure persists after retry, contact support."
)


@dataclass(kw_only=True)
class Endpoint(Resource):
    """Keep one endpoint, and the variants that are in service."""

    scope: Scope = field(metadata={IN_MEMORY: True})
    config_name: str
    status: str = "Creating"
    variants: list[Variant] = field(default_factory=list)
    failure_reason: str | None = None
    pending: Values | None = None
    capture: Values | None = None

    @property
    def log_group(self) -> str:
        """Return the name of the endpoint's log group."""
        return f"/aws/sagemaker/Endpoints/{self.name}"

    def files(self) -> list[str]:
        """Return the model archives of the variants in service."""
        return [variant.archive for variant in self.variants]

    def describe(self) -> Values:
        """Answer DescribeEndpoint."""
        return super().describe() | {
            "EndpointArn": self.arn,
            "EndpointConfigName": self.config_name,
            "EndpointStatus": self.status,
            "FailureReason": self.failure_reason,
            "DataCaptureConfig": self.describe_capture(),
            "ProductionVariants": [v.describe() for v in self.variants] or None,
            "PendingDeploymentSummary": self.pending,
            "LastDeploymentConfig": self.request.get("DeploymentConfig"),
        }

    def describe_capture(self) -> Values | None:
        """Return the capture's entry in the answer of DescribeEndpoint."""
        if not self.capture:
            return None
        enabled = self.capture.get("EnableCapture", False)
        return {
            "EnableCapture": enabled,
            "CaptureStatus": "Started" if enabled else "Stopped",
            "CurrentSamplingPercentage": self.capture["InitialSamplingPercentage"],
            "DestinationS3Uri": self.capture["DestinationS3Uri"],
            "KmsKeyId": self.capture.get("KmsKeyId", ""),
        }

    def choose_variant(self, name: str | None) -> Variant:
        """Return the named variant, or one by weight; raise AWS's error if unknown."""
        if name is None:
            weights = [variant.weight for variant in self.variants]
            return random.choices(self.variants, weights)[0]
        for variant in self.variants:
            if variant.name == name:
                return variant
        text = f"Variant {name} not found for Request. Please contact customer support."
        raise ValidationError(text)


class Endpoints(Collection[Endpoint]):
    """Keep all endpoints of a region."""

    made_of = Endpoint
    kind = "endpoint"
    words = "endpoint"
    summaries = "Endpoints"

    def __init__(self, scope: Scope, configs: EndpointConfigs) -> None:
        super().__init__(scope)
        self.configs = configs

    def restore(self, document: Values) -> Endpoint:
        """Return the endpoint that a document keeps; what was in progress has failed.

        Its models are loaded when it is invoked.
        """
        variants = [
            Variant(**each | {"container": ModelContainer(**each["container"])})
            for each in document["variants"]
        ]
        own = {"scope": self.scope, "variants": variants}
        endpoint = super().restore(document | own)
        if endpoint.status in IN_PROGRESS:
            endpoint.status = "InService" if variants else "Failed"
            endpoint.failure_reason = ABANDONED
            endpoint.pending = None
            endpoint.touch()
            self.save(endpoint)
        return endpoint

    def create(self, request: Values) -> Values:
        """Answer CreateEndpoint."""
        name = request["EndpointName"]
        self.check_unused(name)
        config = self.configs.find(request["EndpointConfigName"])
        check_alarms(request.get("DeploymentConfig"), self.scope.region)
        definitions = self.definitions(config, {})
        about = {"scope": self.scope, "config_name": config.name}
        endpoint = self.new(name, request, **about)
        self.resources[name] = endpoint
        self.deploy(endpoint, config, definitions)
        return {"EndpointArn": endpoint.arn}

    def update(self, request: Values) -> Values:
        """Answer UpdateEndpoint."""
        endpoint = self.find_settled(request["EndpointName"])
        config = self.configs.find(request["EndpointConfigName"])
        if endpoint.status not in UPDATABLE:
            raise ValidationError(
                f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.status}.'
            )
        deployment = request.get("DeploymentConfig")
        if deployment is None and request.get("RetainDeploymentConfig"):
            deployment = endpoint.request.get("DeploymentConfig")
        check_alarms(deployment, self.scope.region)
        retained = retained_properties(endpoint, request)
        definitions = self.definitions(config, retained)
        check_update(
            endpoint.arn,
            [variant.definition for variant in endpoint.variants],
            [definition for definition, _ in definitions],
            deployment,
        )
        endpoint.status = "Updating"
        endpoint.request = endpoint.request | {"DeploymentConfig": deployment}
        endpoint.touch()
        self.deploy(endpoint, config, definitions)
        return {"EndpointArn": endpoint.arn}

    def definitions(
        self, config: EndpointConfig, retained: Values
    ) -> list[tuple[Values, ModelContainer]]:
        """Return the variants of a configuration, each with what it loads."""
        models = self.configs.models
        return [
            (
                variant | retained.get(variant["VariantName"], {}),
                models.find(variant["ModelName"]).container,
            )
            for variant in config.variants
        ]

    def deploy(
        self,
        endpoint: Endpoint,
        config: EndpointConfig,
        definitions: list[tuple[Values, ModelContainer]],
    ) -> None:
        """Start the thread that brings a configuration into service."""
        endpoint.pending = {"EndpointConfigName": config.name}
        self.save(endpoint)
        deployment = Deployment(
            endpoint=endpoint,
            save=self.save,
            config_name=config.name,
            capture=config.request.get("DataCaptureConfig"),
            operation="UpdateEndpoint" if endpoint.variants else "CreateEndpoint",
            definitions=definitions,
        )
        threading.Thread(target=deployment.run, daemon=True).start()

    def find_settled(self, name: str) -> Endpoint:
        """Return an endpoint, or raise AWS's error if it is changing."""
        endpoint = self.find(name)
        if endpoint.status in IN_PROGRESS:
            raise ValidationError(
                f'Cannot update in-progress endpoint "{endpoint.arn}".'
            )
        return endpoint

    def update_weights_and_capacities(self, request: Values) -> Values:
        """Answer UpdateEndpointWeightsAndCapacities."""
        endpoint = self.find_settled(request["EndpointName"])
        for desired in request["DesiredWeightsAndCapacities"]:
            variant = endpoint.choose_variant(desired["VariantName"])
            variant.weight = desired.get("DesiredWeight", variant.weight)
            instances = desired.get("DesiredInstanceCount", variant.instances)
            variant.instances = instances
        endpoint.touch()
        self.save(endpoint)
        return {"EndpointArn": endpoint.arn}

    def delete(self, name: str) -> None:
        """Answer DeleteEndpoint; the endpoint is gone at once."""
        self.remove(self.find_settled(name))


def retained_properties(endpoint: Endpoint, request: Values) -> Values:
    """Return weights and counts that RetainAllVariantProperties keeps, by variant."""
    if not request.get("RetainAllVariantProperties"):
        return {}
    excluded = {
        each["VariantPropertyType"]
        for each in request.get("ExcludeRetainedVariantProperties", [])
    }
    return {v.name: _properties(v, excluded) for v in endpoint.variants}


def _properties(variant: Variant, excluded: set[str]) -> Values:
    kept: Values = {}
    if "DesiredWeight" not in excluded:
        kept["InitialVariantWeight"] = variant.weight
    if "DesiredInstanceCount" not in excluded and variant.instances is not None:
        kept["InitialInstanceCount"] = variant.instances
    return kept


@dataclass(kw_only=True)
class Deployment:
    """Bring a configuration into service, or leave the old one there.

    `operation` is CreateEndpoint or UpdateEndpoint; `definitions` are the production
    variants, each with the container that it loads.
    """

    endpoint: Endpoint
    save: Callable[[Endpoint], None]
    config_name: str
    capture: Values | None
    operation: str
    definitions: list[tuple[Values, ModelContainer]]

    def run(self) -> None:
        """Load every variant, then serve them; the old ones serve until then."""
        failure: str | None = INTERNAL_ERROR
        variants: list[Variant] = []
        with activity:
            try:
                self.inject_delays(self.operation)
                variants.extend(self.load(*each) for each in self.definitions)
                deployment = self.endpoint.request.get("DeploymentConfig")
                failure = alarm_failure(deployment, self.endpoint.scope.region) or None
            except LoadError as error:
                failure = str(error)
            finally:
                self.finish(variants, failure)

    def inject_delays(self, operation: str) -> None:
        """Carry out the faults that hold an endpoint up."""
        name = self.endpoint.name
        if fault := faults.take("endpoint-slow", name, operation):
            faults.wait_until_cleared(fault, fault.seconds)
        if fault := faults.take("endpoint-stuck", name, operation):
            faults.wait_until_cleared(fault, STUCK_SECONDS)

    def load(self, definition: Values, container: ModelContainer) -> Variant:
        """Load one variant's model and ping its server; keep the container's log."""
        endpoint, name = self.endpoint, definition["VariantName"]
        stream = f"{name}/i-{uuid4().hex[:17]}"
        log = endpoint.scope.region, endpoint.log_group, stream
        logs.create_stream(*log)
        if faults.take("ping-failure", endpoint.name, self.operation):
            logs.write(*log, ["[ERROR] a fault on demand: no ping"])
            raise LoadError(ping_failure(name))
        model = download_model(container.data_url or "")
        try:
            server = load_server(model, container, partial(logs.write, *log))
        except LoadError:
            state.files.remove([model])
            raise
        except PingError as error:
            state.files.remove([model])
            logs.write(*log, [f"[ERROR] {error}"])
            raise LoadError(ping_failure(name)) from error
        logs.write(*log, [access_line("GET /ping", server.ping())])
        wrong = faults.take("wrong-predictions", endpoint.name, self.operation)
        return Variant(
            definition=definition,
            container=container,
            archive=model,
            server=server,
            stream=stream,
            weight=definition["InitialVariantWeight"],
            instances=definition.get("InitialInstanceCount"),
            wrong=bool(wrong),
        )

    def finish(self, variants: list[Variant], failure: str | None) -> None:
        """Enter the next steady status."""
        endpoint = self.endpoint
        with endpoint.scope.lock:
            endpoint.pending = None
            endpoint.failure_reason = failure
            if failure and self.operation == "CreateEndpoint":
                endpoint.status = "Failed"
            elif failure:
                endpoint.status = "RollingBack"
            elif faults.take("out-of-service", endpoint.name, self.operation):
                endpoint.status = "OutOfService"
            elif not faults.take("silent-rollback", endpoint.name, self.operation):
                endpoint.variants = variants
                endpoint.config_name = self.config_name
                endpoint.capture = self.capture
            endpoint.touch()
            self.save(endpoint)
        if endpoint.status == "RollingBack":
            self.inject_delays("RollingBack")
        with endpoint.scope.lock:
            if endpoint.status in IN_PROGRESS:
                failed = endpoint.status == "RollingBack" and faults.take(
                    "rollback-failed", endpoint.name, "RollingBack"
                )
                endpoint.status = "UpdateRollbackFailed" if failed else "InService"
                endpoint.touch()
                self.save(endpoint)
        if endpoint.variants is not variants:
            state.files.remove(variant.archive for variant in variants)
