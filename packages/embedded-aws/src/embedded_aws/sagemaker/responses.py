"""SageMaker's actions."""

from collections.abc import Callable
from typing import Any

from moto.core.request import Request
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import get_service_model
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from embedded_aws.sagemaker import validation
from embedded_aws.sagemaker.models import Backend
from embedded_aws.sagemaker.resources import Values
from embedded_aws.sagemaker.training_run import TrainingRun

# Moto answers these as if something ran.
PRETENDED = (
    "ProcessingJob",
    "TransformJob",
    "TuningJob",
    "JobV2",
    "CompilationJob",
    "PipelineExecution",
    "NotebookInstance",
    "Cluster",
)


class Response(SageMakerResponse):
    """Answer the actions that are ours; moto answers its others."""

    @property
    def backend(self) -> Backend:
        """Give the state of the request's region."""
        found = sagemaker_backends[self.current_account][self.region]
        assert isinstance(found, Backend)
        return found

    def parse_parameters(self, request: Request) -> None:
        """Read the request, and refuse what breaks the service's model."""
        super().parse_parameters(request)
        action = self._get_action()
        if action.startswith(("Create", "Start")) and action.endswith(PRETENDED):
            raise NotImplementedError(f"{action} has not been implemented")
        operation = get_service_model("sagemaker").operation_model(action)
        if operation.input_shape is not None:
            found = list(validation.problems(self.params, operation.input_shape, ""))
            if found:
                raise ValidationError(validation.message(found))

    def result(self, action: Callable[[Values], Any]) -> ActionResult:
        """Carry out one action, while no other changes the region's state."""
        with self.backend.place.lock:
            return ActionResult(action(dict(self.params)))

    def empty(self, action: Callable[[str], Any], parameter: str) -> EmptyResult:
        """Carry out an action on a named resource that answers nothing."""
        with self.backend.place.lock:
            action(self.params[parameter])
        return EmptyResult()

    def described(self, find: Callable[[str], Any], parameter: str) -> ActionResult:
        """Describe a named resource."""
        with self.backend.place.lock:
            return ActionResult(find(self.params[parameter]).describe())

    def create_training_job(self) -> ActionResult:
        """Check and note a job, and let it run."""
        return self.result(self.start_training_job)

    def start_training_job(self, request: Values) -> Values:
        """Start the job that a request describes."""
        job = self.backend.jobs.add(request)
        job.run = TrainingRun(job)
        job.run.start()
        return {"TrainingJobArn": job.arn}

    def describe_training_job(self) -> ActionResult:
        """Describe a training job."""
        return self.described(self.backend.jobs.find, "TrainingJobName")

    def stop_training_job(self) -> EmptyResult:
        """Stop a training job."""
        return self.empty(self.backend.jobs.stop, "TrainingJobName")

    def list_training_jobs(self) -> ActionResult:
        """List training jobs."""
        return self.result(self.backend.jobs.list)

    def create_model_package_group(self) -> ActionResult:
        """Create a model package group."""
        return self.result(self.backend.groups.create)

    def describe_model_package_group(self) -> ActionResult:
        """Describe a model package group."""
        find = self.backend.groups.find
        return self.described(find, "ModelPackageGroupName")

    def list_model_package_groups(self) -> ActionResult:
        """List model package groups."""
        return self.result(self.backend.groups.list)

    def delete_model_package_group(self) -> EmptyResult:
        """Delete an empty model package group."""
        delete = self.backend.packages.delete_group
        return self.empty(delete, "ModelPackageGroupName")

    def create_model_package(self) -> ActionResult:
        """Create a model package."""
        return self.result(self.backend.packages.create)

    def describe_model_package(self) -> ActionResult:
        """Describe a model package."""
        return self.described(self.backend.packages.find, "ModelPackageName")

    def update_model_package(self) -> ActionResult:
        """Approve or reject a model package, or change its metadata."""
        return self.result(self.backend.packages.update)

    def delete_model_package(self) -> EmptyResult:
        """Delete a model package."""
        return self.empty(self.backend.packages.delete, "ModelPackageName")

    def list_model_packages(self) -> ActionResult:
        """List model packages."""
        return self.result(self.backend.packages.list)

    def create_model(self) -> ActionResult:
        """Create a model."""
        return self.result(self.backend.models.create)

    def describe_model(self) -> ActionResult:
        """Describe a model."""
        return self.described(self.backend.models.find, "ModelName")

    def delete_model(self) -> EmptyResult:
        """Delete a model; the endpoints that serve it go on."""
        return self.empty(self.backend.models.delete, "ModelName")

    def list_models(self) -> ActionResult:
        """List models."""
        return self.result(self.backend.models.list)

    def create_endpoint_config(self) -> ActionResult:
        """Create an endpoint configuration."""
        return self.result(self.backend.configs.create)

    def describe_endpoint_config(self) -> ActionResult:
        """Describe an endpoint configuration."""
        return self.described(self.backend.configs.find, "EndpointConfigName")

    def delete_endpoint_config(self) -> EmptyResult:
        """Delete an endpoint configuration; its endpoint goes on."""
        return self.empty(self.backend.configs.delete, "EndpointConfigName")

    def list_endpoint_configs(self) -> ActionResult:
        """List endpoint configurations."""
        return self.result(self.backend.configs.list)

    def create_endpoint(self) -> ActionResult:
        """Create an endpoint."""
        return self.result(self.backend.live.create)

    def describe_endpoint(self) -> ActionResult:
        """Describe an endpoint."""
        return self.described(self.backend.live.find, "EndpointName")

    def update_endpoint(self) -> ActionResult:
        """Bring another configuration into service."""
        return self.result(self.backend.live.update)

    def update_endpoint_weights_and_capacities(self) -> ActionResult:
        """Change weights and instance counts."""
        return self.result(self.backend.live.reweigh)

    def delete_endpoint(self) -> EmptyResult:
        """Delete an endpoint."""
        return self.empty(self.backend.live.delete, "EndpointName")

    def list_endpoints(self) -> ActionResult:
        """List endpoints."""
        return self.result(self.backend.live.list)

    def add_tags(self) -> ActionResult:
        """Add tags; a key that is there gets the new value."""
        return self.result(self.backend.tag)
