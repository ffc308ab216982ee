"""SageMaker's actions, and what it checks of the records that moto answers from.

Experiments, trials and their components are records in which nothing runs: moto would
replace one by another of its name.
"""

from collections.abc import Callable
from typing import Any

from moto.core.common_types import TYPE_RESPONSE
from moto.core.request import Request
from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.exceptions import ResourceNotFound, ValidationError
from moto.sagemaker.models import sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from embedded_aws.sagemaker.models import Backend
from embedded_aws.sagemaker.resources import Collection, Values, refuse
from embedded_aws.state import state

# By the parameter that names one: what it is, also in ARNs, and where moto has all.
KINDS = {
    "ExperimentName": ("Experiment", "experiment", "experiments"),
    "TrialName": ("Trial", "experiment-trial", "trials"),
    "TrialComponentName": (
        "TrialComponent",
        "experiment-trial-component",
        "trial_components",
    ),
}
# The parameter whose record an action makes.
MADE = {
    "CreateExperiment": "ExperimentName",
    "CreateTrial": "TrialName",
    "CreateTrialComponent": "TrialComponentName",
}
# The parameters whose records must exist, where moto does not look.
NEEDED = {
    "CreateTrial": ("ExperimentName",),
    "AssociateTrialComponent": ("TrialName", "TrialComponentName"),
    "DisassociateTrialComponent": ("TrialName", "TrialComponentName"),
}

Action = Callable[["Response"], ActionResult]


def answer(find: Callable[[Backend], Callable[[Values], Any]]) -> Action:
    """Make an action of a function that answers a request.

    No other action runs meanwhile, and what it changes is kept.
    """

    def action(response: "Response") -> ActionResult:
        with response.backend.scope.lock, state.transaction():
            return ActionResult(find(response.backend)(dict(response.params)))

    return action


def answer_empty(
    find: Callable[[Backend], Callable[[str], Any]], parameter: str
) -> Action:
    """Make an action on a named resource, which answers nothing."""

    def action(response: "Response") -> ActionResult:
        with response.backend.scope.lock, state.transaction():
            find(response.backend)(response.params[parameter])
        return EmptyResult()

    return action


def describe(find: Callable[[Backend], Collection[Any]], parameter: str) -> Action:
    """Make an action that describes a named resource."""

    def action(response: "Response") -> ActionResult:
        with response.backend.scope.lock:
            found = find(response.backend).find(response.params[parameter])
            return ActionResult(found.describe())

    return action


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

    create_training_job = answer(lambda it: it.jobs.create)
    describe_training_job = describe(lambda it: it.jobs, "TrainingJobName")
    stop_training_job = answer_empty(lambda it: it.jobs.stop, "TrainingJobName")
    list_training_jobs = answer(lambda it: it.jobs.list_page)

    create_model_package_group = answer(lambda it: it.groups.create)
    describe_model_package_group = describe(
        lambda it: it.groups, "ModelPackageGroupName"
    )
    list_model_package_groups = answer(lambda it: it.groups.list_page)
    delete_model_package_group = answer_empty(
        lambda it: it.packages.delete_group, "ModelPackageGroupName"
    )
    create_model_package = answer(lambda it: it.packages.create)
    describe_model_package = describe(lambda it: it.packages, "ModelPackageName")
    update_model_package = answer(lambda it: it.packages.update)
    delete_model_package = answer_empty(
        lambda it: it.packages.delete, "ModelPackageName"
    )
    list_model_packages = answer(lambda it: it.packages.list_page)

    create_model_card = answer(lambda it: it.cards.create)
    describe_model_card = answer(lambda it: it.cards.describe)
    update_model_card = answer(lambda it: it.cards.update)
    delete_model_card = answer_empty(lambda it: it.cards.delete, "ModelCardName")
    list_model_cards = answer(lambda it: it.cards.list_page)
    list_model_card_versions = answer(lambda it: it.cards.list_versions)

    create_model = answer(lambda it: it.models.create)
    describe_model = describe(lambda it: it.models, "ModelName")
    delete_model = answer_empty(lambda it: it.models.delete, "ModelName")
    list_models = answer(lambda it: it.models.list_page)

    create_endpoint_config = answer(lambda it: it.configs.create)
    describe_endpoint_config = describe(lambda it: it.configs, "EndpointConfigName")
    delete_endpoint_config = answer_empty(
        lambda it: it.configs.delete, "EndpointConfigName"
    )
    list_endpoint_configs = answer(lambda it: it.configs.list_page)

    create_endpoint = answer(lambda it: it.hosting.create)
    describe_endpoint = describe(lambda it: it.hosting, "EndpointName")
    update_endpoint = answer(lambda it: it.hosting.update)
    update_endpoint_weights_and_capacities = answer(
        lambda it: it.hosting.update_weights_and_capacities
    )
    delete_endpoint = answer_empty(lambda it: it.hosting.delete, "EndpointName")
    list_endpoints = answer(lambda it: it.hosting.list_page)

    search = answer(lambda it: it.search_resources)
    add_tags = answer(lambda it: it.answer_add_tags)


def check_records(action: str, request: Values, backend: Backend) -> None:
    """Raise SageMaker's error for a record that exists, does not, or is in use."""
    if parameter := MADE.get(action):
        what, _, attribute = KINDS[parameter]
        if request[parameter] in getattr(backend, attribute):
            raise ValidationError(
                f"{what} names must be unique within an AWS account and region. "
                f"{what} with name ({request[parameter]}) already exists."
            )
    for parameter in NEEDED.get(action, ()):
        what, kind, attribute = KINDS[parameter]
        if request[parameter] not in getattr(backend, attribute):
            place = f"{backend.region_name}:{backend.account_id}"
            arn = f"arn:{backend.partition}:sagemaker:{place}:{kind}/"
            raise ResourceNotFound(
                f"{what} '{arn}{request[parameter]}' does not exist."
            )
    if user := _user(action, request, backend):
        raise ValidationError(f"It cannot be deleted: {user} is associated with it.")


def _user(action: str, request: Values, backend: Backend) -> str:
    """Name the trial or component that keeps a record from being deleted."""
    for name, trial in backend.trials.items():
        components = trial.trial_components
        uses = {
            "DeleteExperiment": trial.experiment_name == request.get("ExperimentName"),
            "DeleteTrialComponent": request.get("TrialComponentName") in components,
            "DeleteTrial": name == request.get("TrialName") and bool(components),
        }
        if uses.get(action):
            return f"trial {name}"
    return ""
