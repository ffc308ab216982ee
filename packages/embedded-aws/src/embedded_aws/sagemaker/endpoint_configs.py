"""Endpoint configurations."""

from dataclasses import dataclass

from moto.sagemaker.exceptions import ValidationError

from embedded_aws.sagemaker.listing import page
from embedded_aws.sagemaker.model_objects import Models
from embedded_aws.sagemaker.resources import Collection, Place, Resource, Values


@dataclass(kw_only=True)
class EndpointConfig(Resource):
    """Keep one endpoint configuration."""

    @property
    def variants(self) -> list[Values]:
        """List the production variants."""
        variants: list[Values] = self.request["ProductionVariants"]
        return variants

    def describe(self) -> Values:
        """Answer DescribeEndpointConfig, and ListEndpointConfigs."""
        return super().describe() | {"EndpointConfigArn": self.arn}


class EndpointConfigs(Collection[EndpointConfig]):
    """Keep all endpoint configurations of a region."""

    kind = "endpoint-config"
    words = "endpoint configuration"

    def __init__(self, place: Place, models: Models) -> None:
        super().__init__(place)
        self.models = models

    def create(self, request: Values) -> Values:
        """Answer CreateEndpointConfig."""
        name = request["EndpointConfigName"]
        self.refuse_duplicate(name)
        variants = [self.checked(v) for v in request["ProductionVariants"]]
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) < len(names):
            raise ValidationError(f"Duplicate production variant names: {names}")
        self.resources[name] = EndpointConfig(
            name=name,
            arn=self.arn(name),
            request=request | {"ProductionVariants": variants},
            tags=list(request.get("Tags", [])),
        )
        return {"EndpointConfigArn": self.arn(name)}

    def checked(self, variant: Values) -> Values:
        """Check a production variant, and fill in what the service adds."""
        self.models.find(variant.get("ModelName", ""))
        instance, serverless = (
            variant.get(key) for key in ("InstanceType", "ServerlessConfig")
        )
        if bool(instance) == bool(serverless):
            raise ValidationError(
                f"Production variant {variant['VariantName']} needs either an "
                "InstanceType or a ServerlessConfig."
            )
        if serverless and serverless["MemorySizeInMB"] % 1024:
            raise ValidationError(
                "MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120, 6144; "
                f"not {serverless['MemorySizeInMB']}."
            )
        counted = {"InitialInstanceCount": 1} if instance else {}
        return {"InitialVariantWeight": 1.0} | counted | variant

    def list(self, request: Values) -> Values:
        """Answer ListEndpointConfigs."""
        configs, token = page(self.resources.values(), request)
        summaries = [config.describe() for config in configs]
        return {"EndpointConfigs": summaries, "NextToken": token}
