"""Models and endpoint configurations: what an endpoint is to serve."""

from dataclasses import dataclass

from moto.sagemaker.exceptions import ValidationError

from embedded_aws.s3 import store
from embedded_aws.s3.store import S3Uri
from embedded_aws.sagemaker.hosting_rules import check_config, check_network
from embedded_aws.sagemaker.inputs import Image, check_role, find_image
from embedded_aws.sagemaker.packages import ModelPackages
from embedded_aws.sagemaker.resources import (
    Collection,
    Resource,
    Scope,
    Values,
    refuse,
)

# Members of a package's container that change what a model does.
OF_BOTH = ("ModelDataSource", "AdditionalModelDataSources")


@dataclass(frozen=True, kw_only=True)
class ModelContainer:
    """Name the image, model data and environment that a variant serves with."""

    image: str
    data_url: str | None
    environment: dict[str, str]


@dataclass(kw_only=True)
class Model(Resource):
    """Keep one model."""

    container: ModelContainer

    def describe(self) -> Values:
        """Answer DescribeModel."""
        isolated = self.request.get("EnableNetworkIsolation", False)
        described = super().describe() | {"EnableNetworkIsolation": isolated}
        return described | {"ModelArn": self.arn}


class Models(Collection[Model]):
    """Keep all models of a region."""

    made_of = Model
    kind = "model"
    words = "model"
    summaries = "Models"

    def __init__(self, scope: Scope, packages: ModelPackages) -> None:
        super().__init__(scope)
        self.packages = packages

    def restore(self, document: Values) -> Model:
        """Return the model that a document keeps."""
        container = ModelContainer(**document["container"])
        return super().restore(document | {"container": container})

    def create(self, request: Values) -> Values:
        """Answer CreateModel."""
        name, role = request["ModelName"], request.get("ExecutionRoleArn", "")
        self.check_unused(name)
        if role:
            check_role(role)
        container = self.resolve(only_container(request))
        image = find_image(container.image, self.scope.region)
        check_serving(container, image)
        check_model_data(container)
        self.add(self.new(name, request, container=container))
        return {"ModelArn": self.arn(name)}

    def resolve(self, definition: Values) -> ModelContainer:
        """Return the container that a request, or the package it names, defines."""
        own = definition.get("Environment", {})
        if name := definition.get("ModelPackageName"):
            definition = self.approved(name)
            # What a package may hold and a model may not have.
            given = {k: v for k, v in definition.items() if k in OF_BOTH}
            refuse("CreateModel", {"PrimaryContainer": given})
        environment = definition.get("Environment", {}) | own
        source = definition.get("ModelDataSource", {}).get("S3DataSource", {})
        url = definition.get("ModelDataUrl") or source.get("S3Uri")
        image = definition.get("Image")
        if not image:
            raise ValidationError("A container needs an Image or a ModelPackageName.")
        return ModelContainer(image=image, data_url=url, environment=environment)

    def approved(self, name: str) -> Values:
        """Return the container of a package, or raise an error if it is not approved.

        That only an approved version can be deployed is documented; the words in
        which AWS refuses another one are not, so these are our own.
        """
        package = self.packages.find(name)
        if package.version is not None and package.approval_status != "Approved":
            raise ValidationError(
                f"Model package {package.arn} is {package.approval_status}: it must be "
                "Approved before a model can be created from it."
            )
        specification = package.request.get("InferenceSpecification", {})
        containers: list[Values] = specification.get("Containers", [])
        if not containers:
            text = f"Model package {package.arn} has no inference specification."
            raise ValidationError(text)
        return containers[0]


def only_container(request: Values) -> Values:
    """Return the one container of a model; pipelines of several are refused."""
    primary = request.get("PrimaryContainer")
    containers: list[Values] = request.get("Containers", [])
    several = [primary, *containers] if primary else containers
    if len(several) != 1:
        raise ValidationError(
            f"The embedded AWS serves models of one container; this one has "
            f"{len(several)}."
        )
    return several[0]


def check_serving(container: ModelContainer, image: Image) -> None:
    """Raise an error for an image whose server cannot run without Docker."""
    if image.framework != "custom" or "SAGEMAKER_PROGRAM" in container.environment:
        return
    raise ValidationError(
        f"The embedded AWS cannot serve with image {image.uri}: there is no Docker. A "
        "model whose environment variable SAGEMAKER_PROGRAM names code in "
        "model.tar.gz/code/ it serves in the environment that embedded-aws pull made."
    )


def check_model_data(container: ModelContainer) -> None:
    """Raise AWS's error for model data that does not exist."""
    url = container.data_url
    if url is None:
        raise ValidationError("The embedded AWS serves models that have model data.")
    if store.find(S3Uri.parse(url)) is None:
        raise ValidationError(f"Could not find model data at {url}.")


@dataclass(kw_only=True)
class EndpointConfig(Resource):
    """Keep one endpoint configuration."""

    @property
    def variants(self) -> list[Values]:
        """Return the production variants."""
        variants: list[Values] = self.request["ProductionVariants"]
        return variants

    def describe(self) -> Values:
        """Answer DescribeEndpointConfig."""
        return super().describe() | {"EndpointConfigArn": self.arn}


class EndpointConfigs(Collection[EndpointConfig]):
    """Keep all endpoint configurations of a region."""

    made_of = EndpointConfig
    kind = "endpoint-config"
    words = "endpoint configuration"
    summaries = "EndpointConfigs"

    def __init__(self, scope: Scope, models: Models) -> None:
        super().__init__(scope)
        self.models = models

    def create(self, request: Values) -> Values:
        """Answer CreateEndpointConfig."""
        name = request["EndpointConfigName"]
        self.check_unused(name)
        variants = [self.check_variant(v) for v in request["ProductionVariants"]]
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) < len(names):
            raise ValidationError(f"Duplicate production variant names: {names}")
        check_config(request, variants)
        for variant in (*variants, *request.get("ShadowProductionVariants", [])):
            check_network(self.models.find(variant["ModelName"]).request, variant)
        self.add(self.new(name, request | {"ProductionVariants": variants}))
        return {"EndpointConfigArn": self.arn(name)}

    def check_variant(self, variant: Values) -> Values:
        """Return a production variant with what the service adds, or raise an error."""
        if "ModelName" not in variant:
            raise ValidationError(
                f"Production variant {variant['VariantName']} needs a ModelName: the "
                "embedded AWS has no inference components."
            )
        self.models.find(variant["ModelName"])
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
        if serverless and "InitialInstanceCount" in variant:
            raise ValidationError(
                f"Production variant {variant['VariantName']} has a ServerlessConfig, "
                "and so no InitialInstanceCount."
            )
        counted = {"InitialInstanceCount": 1} if instance else {}
        return {"InitialVariantWeight": 1.0} | counted | variant
