"""Models: an image and its model data, from a package or given one by one."""

from dataclasses import dataclass

from moto.sagemaker.exceptions import ValidationError

from embedded_aws import storage
from embedded_aws.sagemaker import images
from embedded_aws.sagemaker.listing import page
from embedded_aws.sagemaker.model_packages import ModelPackages
from embedded_aws.sagemaker.resources import Collection, Place, Resource, Values
from embedded_aws.sagemaker.training_requests import refuse_role
from embedded_aws.storage import Location


@dataclass(frozen=True, kw_only=True)
class ModelContainer:
    """Say what a variant of an endpoint loads."""

    image: str
    data_url: str | None
    environment: dict[str, str]


@dataclass(kw_only=True)
class Model(Resource):
    """Keep one model."""

    container: ModelContainer

    def describe(self) -> Values:
        """Answer DescribeModel, and ListModels."""
        isolated = self.request.get("EnableNetworkIsolation", False)
        described = super().describe() | {"EnableNetworkIsolation": isolated}
        return described | {"ModelArn": self.arn}


class Models(Collection[Model]):
    """Keep all models of a region."""

    kind = "model"
    words = "model"

    def __init__(self, place: Place, packages: ModelPackages) -> None:
        super().__init__(place)
        self.packages = packages

    def create(self, request: Values) -> Values:
        """Answer CreateModel."""
        name, role = request["ModelName"], request.get("ExecutionRoleArn", "")
        self.refuse_duplicate(name)
        if role:
            refuse_role(role)
        container = self.resolve(only_container(request))
        images.find(container.image, self.place.region, role)
        refuse_missing(container)
        self.resources[name] = Model(
            name=name,
            arn=self.arn(name),
            request=request,
            tags=list(request.get("Tags", [])),
            container=container,
        )
        return {"ModelArn": self.arn(name)}

    def resolve(self, definition: Values) -> ModelContainer:
        """Find out what to load: what a package says, or the request itself."""
        own = definition.get("Environment", {})
        if name := definition.get("ModelPackageName"):
            definition = self.approved(name)
        environment = definition.get("Environment", {}) | own
        source = definition.get("ModelDataSource", {}).get("S3DataSource", {})
        url = definition.get("ModelDataUrl") or source.get("S3Uri")
        image = definition.get("Image")
        if not image:
            raise ValidationError("A container needs an Image or a ModelPackageName.")
        return ModelContainer(image=image, data_url=url, environment=environment)

    def approved(self, name: str) -> Values:
        """Give the container of a package, if it is approved.

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

    def list(self, request: Values) -> Values:
        """Answer ListModels."""
        models, token = page(self.resources.values(), request)
        return {"Models": [m.describe() for m in models], "NextToken": token}


def only_container(request: Values) -> Values:
    """Give the one container of a model; pipelines of several are not embedded."""
    primary = request.get("PrimaryContainer")
    containers: list[Values] = request.get("Containers", [])
    several = [primary, *containers] if primary else containers
    if len(several) != 1:
        raise ValidationError(
            f"The embedded AWS serves models of one container; this one has "
            f"{len(several)}."
        )
    return several[0]


def refuse_missing(container: ModelContainer) -> None:
    """Refuse model data that is not there."""
    url = container.data_url
    if url is None:
        raise ValidationError("A container of the built-in XGBoost needs model data.")
    if storage.stored(Location.parse(url)) is None:
        raise ValidationError(f"Could not find model data at {url}.")
