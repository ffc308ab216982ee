"""Endpoints: what the actions refuse, and what Describe shows."""

import random
import threading
from dataclasses import dataclass, field

from moto.sagemaker.exceptions import ValidationError

from embedded_aws.sagemaker.deployment import Deployment
from embedded_aws.sagemaker.endpoint_configs import EndpointConfig, EndpointConfigs
from embedded_aws.sagemaker.listing import page
from embedded_aws.sagemaker.resources import Collection, Place, Resource, Values
from embedded_aws.sagemaker.variants import Variant

IN_PROGRESS = ("Creating", "Updating", "RollingBack", "Deleting")


@dataclass(kw_only=True)
class Endpoint(Resource):
    """Keep one endpoint, and the variants that are in service."""

    place: Place
    config_name: str
    status: str = "Creating"
    variants: list[Variant] = field(default_factory=list)
    failure_reason: str | None = None
    pending: Values | None = None

    @property
    def log_group(self) -> str:
        """Name the endpoint's log group."""
        return f"/aws/sagemaker/Endpoints/{self.name}"

    def describe(self) -> Values:
        """Answer DescribeEndpoint, and ListEndpoints."""
        return super().describe() | {
            "EndpointArn": self.arn,
            "EndpointConfigName": self.config_name,
            "EndpointStatus": self.status,
            "FailureReason": self.failure_reason,
            "ProductionVariants": [v.describe() for v in self.variants] or None,
            "PendingDeploymentSummary": self.pending,
            "LastDeploymentConfig": self.request.get("DeploymentConfig"),
        }

    def variant(self, name: str | None) -> Variant:
        """Choose the variant that answers: the named one, or one by weight."""
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

    kind = "endpoint"
    words = "endpoint"

    def __init__(self, place: Place, configs: EndpointConfigs) -> None:
        super().__init__(place)
        self.configs = configs

    def create(self, request: Values) -> Values:
        """Answer CreateEndpoint."""
        name = request["EndpointName"]
        self.refuse_duplicate(name)
        config = self.configs.find(request["EndpointConfigName"])
        endpoint = Endpoint(
            name=name,
            arn=self.arn(name),
            request=request,
            tags=list(request.get("Tags", [])),
            place=self.place,
            config_name=config.name,
        )
        self.deploy(endpoint, config)
        self.resources[name] = endpoint
        return {"EndpointArn": endpoint.arn}

    def update(self, request: Values) -> Values:
        """Answer UpdateEndpoint."""
        endpoint = self.settled(request["EndpointName"])
        config = self.configs.find(request["EndpointConfigName"])
        if endpoint.status != "InService":
            raise ValidationError(
                f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.status}.'
            )
        self.deploy(endpoint, config, retained(endpoint, request))
        endpoint.status = "Updating"
        endpoint.request = endpoint.request | {
            "DeploymentConfig": request.get("DeploymentConfig")
        }
        endpoint.touch()
        return {"EndpointArn": endpoint.arn}

    def deploy(
        self, endpoint: Endpoint, config: EndpointConfig, kept: Values | None = None
    ) -> None:
        """Start the thread that brings a configuration into service."""
        models = self.configs.models
        containers = [models.find(v["ModelName"]).container for v in config.variants]
        variants = [v | (kept or {}).get(v["VariantName"], {}) for v in config.variants]
        endpoint.pending = {"EndpointConfigName": config.name}
        deployment = Deployment(
            endpoint=endpoint,
            config_name=config.name,
            operation="UpdateEndpoint" if endpoint.variants else "CreateEndpoint",
            definitions=list(zip(variants, containers, strict=True)),
        )
        threading.Thread(target=deployment.run, daemon=True).start()

    def settled(self, name: str) -> Endpoint:
        """Find an endpoint that is not just changing."""
        endpoint = self.find(name)
        if endpoint.status in IN_PROGRESS:
            raise ValidationError(
                f'Cannot update in-progress endpoint "{endpoint.arn}".'
            )
        return endpoint

    def reweigh(self, request: Values) -> Values:
        """Answer UpdateEndpointWeightsAndCapacities."""
        endpoint = self.settled(request["EndpointName"])
        for desired in request["DesiredWeightsAndCapacities"]:
            variant = endpoint.variant(desired["VariantName"])
            variant.weight = desired.get("DesiredWeight", variant.weight)
            instances = desired.get("DesiredInstanceCount", variant.instances)
            variant.instances = instances
        endpoint.touch()
        return {"EndpointArn": endpoint.arn}

    def delete(self, name: str) -> None:
        """Answer DeleteEndpoint; it is gone at once."""
        del self.resources[self.settled(name).name]

    def list(self, request: Values) -> Values:
        """Answer ListEndpoints."""
        endpoints, token = page(self.resources.values(), request)
        summaries = [endpoint.describe() for endpoint in endpoints]
        return {"Endpoints": summaries, "NextToken": token}


def retained(endpoint: Endpoint, request: Values) -> Values:
    """Keep weights and instance counts where RetainAllVariantProperties says so."""
    if not request.get("RetainAllVariantProperties"):
        return {}
    excluded = {
        each["VariantPropertyType"]
        for each in request.get("ExcludeRetainedVariantProperties", [])
    }
    return {v.name: properties(v, excluded) for v in endpoint.variants}


def properties(variant: Variant, excluded: set[str]) -> Values:
    """Give a variant's weight and count, less what is excluded."""
    kept: Values = {}
    if "DesiredWeight" not in excluded:
        kept["InitialVariantWeight"] = variant.weight
    if "DesiredInstanceCount" not in excluded and variant.instances is not None:
        kept["InitialInstanceCount"] = variant.instances
    return kept
