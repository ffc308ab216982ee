"""SageMaker's state: the resources that really work, beside moto's records."""

from collections.abc import Callable, Iterator
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

from embedded_aws import regions
from embedded_aws.sagemaker.cards import ModelCards
from embedded_aws.sagemaker.hosting import Endpoints
from embedded_aws.sagemaker.hosting_config import EndpointConfigs, Models
from embedded_aws.sagemaker.packages import ModelPackageGroups, ModelPackages
from embedded_aws.sagemaker.resources import (
    Collection,
    Resource,
    Scope,
    Tag,
    Values,
    merge_tags,
)
from embedded_aws.sagemaker.search import described, recorded, search
from embedded_aws.sagemaker.training import TrainingJobs


class Backend(SageMakerModelBackend):
    """Keep one region's resources; moto's own attributes have the longer names."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.scope = Scope(
            account_id=account_id, region=region_name, partition=self.partition
        )
        self.jobs = TrainingJobs(self.scope)
        self.groups = ModelPackageGroups(self.scope)
        self.packages = ModelPackages(self.scope, self.groups)
        self.cards = ModelCards(self.scope)
        self.models = Models(self.scope, self.packages)
        self.configs = EndpointConfigs(self.scope, self.models)
        self.hosting = Endpoints(self.scope, self.configs)
        for collection in self.collections:
            collection.load()

    @property
    def collections(self) -> list[Collection[Any]]:
        """Return the collections of the resources that really work."""
        return [
            self.jobs,
            self.groups,
            self.packages,
            self.cards,
            self.models,
            self.configs,
            self.hosting,
        ]

    def working_resources(self) -> Iterator[tuple[Collection[Any], Resource]]:
        """Return the resources that really work, each with its collection."""
        for collection in self.collections:
            for resource in list(collection.resources.values()):
                yield collection, resource

    def _get_resource_from_arn(self, arn: str) -> Any:
        """Return a resource for moto's actions on tags."""
        for _, resource in self.working_resources():
            if resource.arn == arn:
                return resource
        kind, _, name = arn.rpartition(":")[2].partition("/")
        works = kind in [collection.kind for collection in self.collections]
        found = None if works else super()._get_resource_from_arn(arn)
        if found is None:
            raise ValidationError(f"Could not find {kind} with name {name}")
        return found

    def search_resources(self, request: Values) -> Values:
        """Answer Search; of kinds that are not here there are none."""
        documents: dict[str, Callable[[], list[Values]]] = {
            "TrainingJob": lambda: described(self.jobs.resources.values()),
            "Model": lambda: described(self.models.resources.values()),
            "ModelPackage": lambda: described(self.packages.resources.values()),
            "ModelPackageGroup": lambda: described(self.groups.resources.values()),
            "ModelCard": lambda: described(self.cards.resources.values()),
            "Endpoint": lambda: described(self.hosting.resources.values()),
            "Experiment": lambda: recorded("Experiment", self.experiments.values()),
            "ExperimentTrial": lambda: recorded("Trial", self.trials.values()),
            "ExperimentTrialComponent": lambda: recorded(
                "TrialComponent", self.trial_components.values()
            ),
            "Pipeline": lambda: recorded("Pipeline", self.pipelines.values()),
        }
        find = documents.get(request["Resource"], list)
        return search(request, find())

    def answer_add_tags(self, request: Values) -> Values:
        """Answer AddTags."""
        return {"Tags": self.add_tags(request["ResourceArn"], request["Tags"])}

    def add_tags(self, arn: str, tags: list[Tag]) -> list[Tag]:
        """Add tags to a resource; a key that is there gets the new value."""
        with self.scope.lock:
            resource = self._get_resource_from_arn(arn)
            resource.tags = merge_tags(resource.tags, tags)
            self._save(resource)
            return list(resource.tags)

    def delete_tags(self, arn: str, tag_keys: list[str]) -> None:
        """Remove tags from a resource."""
        with self.scope.lock:
            super().delete_tags(arn, tag_keys)
            self._save(self._get_resource_from_arn(arn))

    def _save(self, changed: Any) -> None:
        for collection, resource in self.working_resources():
            if resource is changed:
                collection.save(resource)

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """Return what the tagging service lists."""
        for collection, resource in self.working_resources():
            tags = {tag["Key"]: tag["Value"] for tag in resource.tags}
            yield TaggedResource(resource.arn, tags, f"sagemaker:{collection.kind}")
        yield from super().iter_tagged_resources()


def install() -> None:
    """Put this backend in the place of moto's."""
    regions.install(sagemaker_backends, Backend)
