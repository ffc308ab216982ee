"""SageMaker's actions, and the checks of every request by the service's model."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from moto.core.request import Request
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import get_service_model
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from embedded_aws.sagemaker.models import Backend
from embedded_aws.sagemaker.resources import Values
from embedded_aws.state import state

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
# Java's classes of characters, as Python spells them inside brackets.
JAVA_CLASSES = re.compile(r"\\p\{([LMNPSZ])\}")
PYTHON_CLASSES = {
    "L": r"\w",
    "M": "\u0300-\u036f",
    "N": r"\d",
    "P": r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u205e",
    "S": r"$+<->^`|~\u00a2-\u00b4\u20a0-\u2bff\U0001f000-\U0001faff",
    "Z": " \u00a0",
}


class Response(SageMakerResponse):
    """Answer the actions of the resources that really work; moto answers its others."""

    @property
    def backend(self) -> Backend:
        """Return the state of the request's region."""
        found = sagemaker_backends[self.current_account][self.region]
        assert isinstance(found, Backend)
        return found

    def parse_parameters(self, request: Request) -> None:
        """Read the request, and raise AWS's error if it breaks the service's model."""
        super().parse_parameters(request)
        action = self._get_action()
        if action.startswith(("Create", "Start")) and action.endswith(PRETENDED):
            raise NotImplementedError(f"{action} has not been implemented")
        operation = get_service_model("sagemaker").operation_model(action)
        if operation.input_shape is not None:
            found = list(broken_constraints(self.params, operation.input_shape, ""))
            if found:
                raise ValidationError(validation_message(found))

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

    def add_tags(self) -> ActionResult:
        """Add tags; a key that is there gets the new value."""
        return self._result(self.backend.answer_add_tags)


def broken_constraints(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Name every constraint of the service's model that a value breaks."""
    if isinstance(shape, StructureShape):
        yield from _broken_members(value, shape, path)
    elif isinstance(shape, ListShape):
        yield from _broken_bounds(value, len(value), "length", shape, path)
        for number, item in enumerate(value, 1):
            yield from broken_constraints(item, shape.member, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        yield from _broken_entries(value, shape, path)
    elif isinstance(shape, StringShape):
        yield from _broken_text(value, shape, path)
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _broken_bounds(value, value, "value", shape, path)


def _broken_members(
    value: Mapping[str, Any], shape: StructureShape, path: str
) -> Iterator[str]:
    """Check that what is required is there, and every member that is."""
    for name in shape.required_members:
        if value.get(name) is None:
            yield _broken("null", _join(path, name), "Member must not be null")
    for name, member in value.items():
        if name in shape.members and member is not None:
            yield from broken_constraints(
                member, shape.members[name], _join(path, name)
            )


def _broken_entries(
    value: Mapping[str, Any], shape: MapShape, path: str
) -> Iterator[str]:
    """Check a map's size, keys and values."""
    yield from _broken_bounds(value, len(value), "length", shape, path)
    for key, item in value.items():
        yield from broken_constraints(key, shape.key, path)
        yield from broken_constraints(item, shape.value, f"{path}.{key}.member")


def _broken_text(value: str, shape: StringShape, path: str) -> Iterator[str]:
    """Check a string's length, enumeration and pattern."""
    yield from _broken_bounds(value, len(value), "length", shape, path)
    if shape.enum and value not in shape.enum:
        allowed = ", ".join(shape.enum)
        yield _broken(value, path, f"Member must satisfy enum value set: [{allowed}]")
    pattern = shape.metadata.get("pattern")
    compiled = compile_pattern(pattern) if pattern else None
    if compiled and not compiled.fullmatch(value):
        rule = f"Member must satisfy regular expression pattern: {pattern}"
        yield _broken(value, path, rule)


def _broken_bounds(
    value: Any, size: float, what: str, shape: Shape, path: str
) -> Iterator[str]:
    """Check a number, or a length, against its bounds."""
    subject = (
        "Member must have length" if what == "length" else "Member must have value"
    )
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield _broken(value, path, f"{subject} greater than or equal to {low}")
    if high is not None and size > high:
        yield _broken(value, path, f"{subject} less than or equal to {high}")


def _python_class(found: re.Match[str]) -> str:
    """Spell one of Java's character classes as Python does, a little wider."""
    return PYTHON_CLASSES.get(found[1], found[0])


@cache
def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """Compile a pattern, unless it is one of those that only Java can read."""
    try:
        return re.compile(JAVA_CLASSES.sub(_python_class, pattern), re.DOTALL)
    except re.error:
        return None


def _join(path: str, name: str) -> str:
    """Spell a member's path as AWS does: `outputDataConfig.s3OutputPath`."""
    member = name[0].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _broken(value: Any, path: str, rule: str) -> str:
    """Name one broken constraint."""
    quoted = value if value == "null" else f"'{value}'"
    return f"Value {quoted} at '{path}' failed to satisfy constraint: {rule}"


def validation_message(found: list[str]) -> str:
    """Put all broken constraints into AWS's one sentence."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: {'; '.join(found)}"
