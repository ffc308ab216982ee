"""SageMaker's state."""

from collections.abc import Iterator
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

from embedded_aws import regions
from embedded_aws.sagemaker.endpoint_configs import EndpointConfigs
from embedded_aws.sagemaker.endpoints import Endpoints
from embedded_aws.sagemaker.model_objects import Models
from embedded_aws.sagemaker.model_package_groups import ModelPackageGroups
from embedded_aws.sagemaker.model_packages import ModelPackages
from embedded_aws.sagemaker.resources import (
    Collection,
    Place,
    Resource,
    Tag,
    Values,
    merge_tags,
)
from embedded_aws.sagemaker.training_jobs import TrainingJobs


class Backend(SageMakerModelBackend):
    """Keep the resources that really work beside those that moto pretends."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.place = Place(
            account_id=account_id, region=region_name, partition=self.partition
        )
        self.jobs = TrainingJobs(self.place)
        self.groups = ModelPackageGroups(self.place)
        self.packages = ModelPackages(self.place, self.groups)
        self.models = Models(self.place, self.packages)
        self.configs = EndpointConfigs(self.place, self.models)
        self.live = Endpoints(self.place, self.configs)

    @property
    def collections(self) -> list[Collection[Any]]:
        """List the collections that are ours."""
        return [
            self.jobs,
            self.groups,
            self.packages,
            self.models,
            self.configs,
            self.live,
        ]

    def ours(self) -> Iterator[tuple[str, Resource]]:
        """List our resources, each with its kind."""
        for collection in self.collections:
            for resource in list(collection.resources.values()):
                yield collection.kind, resource

    def _get_resource_from_arn(self, arn: str) -> Any:
        for _, resource in self.ours():
            if resource.arn == arn:
                return resource
        kind, _, name = arn.rpartition(":")[2].partition("/")
        mine = kind in [collection.kind for collection in self.collections]
        found = None if mine else super()._get_resource_from_arn(arn)
        if found is None:
            raise ValidationError(f"Could not find {kind} with name {name}")
        return found

    def tag(self, request: Values) -> Values:
        """Answer AddTags."""
        return {"Tags": self.add_tags(request["ResourceArn"], request["Tags"])}

    def add_tags(self, arn: str, tags: list[Tag]) -> list[Tag]:
        """Add tags to a resource; a key that is there gets the new value."""
        with self.place.lock:
            resource = self._get_resource_from_arn(arn)
            resource.tags = merge_tags(resource.tags, tags)
            return list(resource.tags)

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """List what the tagging service shows."""
        for kind, resource in self.ours():
            tags = {tag["Key"]: tag["Value"] for tag in resource.tags}
            yield TaggedResource(resource.arn, tags, f"sagemaker:{kind}")
        yield from super().iter_tagged_resources()


def install() -> None:
    """Put this backend in the place of moto's."""
    regions.install(sagemaker_backends, Backend)
