"""SageMaker's actions."""

from collections.abc import Callable
from typing import Any

from moto.core.common_types import TYPE_RESPONSE
from moto.core.request import Request
from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from embedded_aws.sagemaker.models import Backend
from embedded_aws.sagemaker.recorded import check_records
from embedded_aws.sagemaker.resources import Values, refuse
from embedded_aws.state import state


class Response(SageMakerResponse):
    """Answer the actions of the resources that really work; moto answers its others."""

    @property
    def backend(self) -> Backend:
        """Return the state of the request's region."""
        found = sagemaker_backends[self.current_account][self.region]
        assert isinstance(found, Backend)
        return found

    def parse_parameters(self, request: Request) -> None:
        """Read the request, and refuse what would be ignored, or only pretended."""
        super().parse_parameters(request)
        refuse(self._get_action(), self.params)

    def call_action(self) -> TYPE_RESPONSE:
        """Carry out an action, but for what is wrong with moto's records."""
        with self.backend.scope.lock:
            check_records(self._get_action(), dict(self.params), self.backend)
        return super().call_action()

    def _result(self, action: Callable[[Values], Any]) -> ActionResult:
        """Carry out one action, and keep what it changes; no other runs meanwhile."""
        with self.backend.scope.lock, state.transaction():
            return ActionResult(action(dict(self.params)))

    def _empty(self, action: Callable[[str], Any], parameter: str) -> EmptyResult:
        """Carry out an action on a named resource that answers nothing."""
        with self.backend.scope.lock, state.transaction():
            action(self.params[parameter])
        return EmptyResult()

    def _described(self, find: Callable[[str], Any], parameter: str) -> ActionResult:
        """Describe a named resource."""
        with self.backend.scope.lock:
            return ActionResult(find(self.params[parameter]).describe())

    def create_training_job(self) -> ActionResult:
        """Create a training job, and run it."""
        return self._result(self.backend.jobs.create)

    def describe_training_job(self) -> ActionResult:
        """Describe a training job."""
        return self._described(self.backend.jobs.find, "TrainingJobName")

    def stop_training_job(self) -> EmptyResult:
        """Stop a training job."""
        return self._empty(self.backend.jobs.stop, "TrainingJobName")

    def list_training_jobs(self) -> ActionResult:
        """List training jobs."""
        return self._result(self.backend.jobs.list_page)

    def create_model_package_group(self) -> ActionResult:
        """Create a model package group."""
        return self._result(self.backend.groups.create)

    def describe_model_package_group(self) -> ActionResult:
        """Describe a model package group."""
        find = self.backend.groups.find
        return self._described(find, "ModelPackageGroupName")

    def list_model_package_groups(self) -> ActionResult:
        """List model package groups."""
        return self._result(self.backend.groups.list_page)

    def delete_model_package_group(self) -> EmptyResult:
        """Delete an empty model package group."""
        delete = self.backend.packages.delete_group
        return self._empty(delete, "ModelPackageGroupName")

    def create_model_package(self) -> ActionResult:
        """Create a model package."""
        return self._result(self.backend.packages.create)

    def describe_model_package(self) -> ActionResult:
        """Describe a model package."""
        return self._described(self.backend.packages.find, "ModelPackageName")

    def update_model_package(self) -> ActionResult:
        """Approve or reject a model package, or change its metadata."""
        return self._result(self.backend.packages.update)

    def delete_model_package(self) -> EmptyResult:
        """Delete a model package."""
        return self._empty(self.backend.packages.delete, "ModelPackageName")

    def list_model_packages(self) -> ActionResult:
        """List model packages."""
        return self._result(self.backend.packages.list_page)

    def create_model_card(self) -> ActionResult:
        """Create a model card."""
        return self._result(self.backend.cards.create)

    def describe_model_card(self) -> ActionResult:
        """Describe a version of a model card."""
        return self._result(self.backend.cards.describe)

    def update_model_card(self) -> ActionResult:
        """Change the content or the status of a model card."""
        return self._result(self.backend.cards.update)

    def delete_model_card(self) -> EmptyResult:
        """Delete a model card with all its versions."""
        return self._empty(self.backend.cards.delete, "ModelCardName")

    def list_model_cards(self) -> ActionResult:
        """List model cards."""
        return self._result(self.backend.cards.list_page)

    def list_model_card_versions(self) -> ActionResult:
        """List the versions of a model card."""
        return self._result(self.backend.cards.list_versions)

    def create_model(self) -> ActionResult:
        """Create a model."""
        return self._result(self.backend.models.create)

    def describe_model(self) -> ActionResult:
        """Describe a model."""
        return self._described(self.backend.models.find, "ModelName")

    def delete_model(self) -> EmptyResult:
        """Delete a model; the endpoints that serve it go on."""
        return self._empty(self.backend.models.delete, "ModelName")

    def list_models(self) -> ActionResult:
        """List models."""
        return self._result(self.backend.models.list_page)

    def create_endpoint_config(self) -> ActionResult:
        """Create an endpoint configuration."""
        return self._result(self.backend.configs.create)

    def describe_endpoint_config(self) -> ActionResult:
        """Describe an endpoint configuration."""
        return self._described(self.backend.configs.find, "EndpointConfigName")

    def delete_endpoint_config(self) -> EmptyResult:
        """Delete an endpoint configuration; its endpoint goes on."""
        return self._empty(self.backend.configs.delete, "EndpointConfigName")

    def list_endpoint_configs(self) -> ActionResult:
        """List endpoint configurations."""
        return self._result(self.backend.configs.list_page)

    def create_endpoint(self) -> ActionResult:
        """Create an endpoint."""
        return self._result(self.backend.hosting.create)

    def describe_endpoint(self) -> ActionResult:
        """Describe an endpoint."""
        return self._described(self.backend.hosting.find, "EndpointName")

    def update_endpoint(self) -> ActionResult:
        """Bring another configuration into service."""
        return self._result(self.backend.hosting.update)

    def update_endpoint_weights_and_capacities(self) -> ActionResult:
        """Change weights and instance counts."""
        return self._result(self.backend.hosting.update_weights_and_capacities)

    def delete_endpoint(self) -> EmptyResult:
        """Delete an endpoint."""
        return self._empty(self.backend.hosting.delete, "EndpointName")

    def list_endpoints(self) -> ActionResult:
        """List endpoints."""
        return self._result(self.backend.hosting.list_page)

    def search(self) -> ActionResult:
        """Find resources by their properties."""
        return self._result(self.backend.search_resources)

    def add_tags(self) -> ActionResult:
        """Add tags; a key that is there gets the new value."""
        return self._result(self.backend.answer_add_tags)
