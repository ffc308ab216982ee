"""What SageMaker checks of experiments, trials and their components, and moto does not.

They are records in which nothing runs: moto would replace one by another of its name.
"""

from moto.sagemaker.exceptions import ResourceNotFound, ValidationError
from moto.sagemaker.models import SageMakerModelBackend

from embedded_aws.sagemaker.resources import Values

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


def check_records(action: str, request: Values, backend: SageMakerModelBackend) -> None:
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
