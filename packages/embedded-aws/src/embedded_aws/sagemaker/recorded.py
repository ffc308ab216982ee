"""What SageMaker checks of experiments, trials and their components, and moto does not.

They are records in which nothing runs: moto would replace one by another of its name.
"""

from collections.abc import Mapping
from typing import Any

from moto.sagemaker.exceptions import ResourceNotFound, ValidationError
from moto.sagemaker.models import SageMakerModelBackend

from embedded_aws.sagemaker.resources import Values

# By the parameter that names one: what it is, and where moto's backend has all.
KINDS = {
    "ExperimentName": ("Experiment", "experiments"),
    "TrialName": ("Trial", "trials"),
    "TrialComponentName": ("Trial component", "trial_components"),
}
# The parameter whose record an action makes.
MADE = {
    "CreateExperiment": "ExperimentName",
    "CreateTrial": "TrialName",
    "CreateTrialComponent": "TrialComponentName",
}
# The parameters whose records must exist.
NEEDED = {
    "CreateTrial": ("ExperimentName",),
    "AssociateTrialComponent": ("TrialComponentName", "TrialName"),
    "DisassociateTrialComponent": ("TrialComponentName", "TrialName"),
    "UpdateTrialComponent": ("TrialComponentName",),
    "DeleteExperiment": ("ExperimentName",),
    "DeleteTrial": ("TrialName",),
    "DeleteTrialComponent": ("TrialComponentName",),
}


def check_records(action: str, request: Values, backend: SageMakerModelBackend) -> None:
    """Raise SageMaker's error for a record that exists, does not, or is in use."""
    if parameter := MADE.get(action):
        what, records = _records(parameter, backend)
        if request[parameter] in records:
            raise ValidationError(
                f"{what} names must be unique within an AWS account and region. "
                f"{what} with name ({request[parameter]}) already exists."
            )
    for parameter in NEEDED.get(action, ()):
        what, records = _records(parameter, backend)
        if request[parameter] not in records:
            text = f"Resource not found: {what} '{request[parameter]}' does not exist."
            raise ResourceNotFound(text)
    if user := _user(action, request, backend):
        raise ValidationError(f"It cannot be deleted: {user} is associated with it.")


def _records(
    parameter: str, backend: SageMakerModelBackend
) -> tuple[str, Mapping[str, Any]]:
    what, attribute = KINDS[parameter]
    return what, getattr(backend, attribute)


def _user(action: str, request: Values, backend: SageMakerModelBackend) -> str:
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
