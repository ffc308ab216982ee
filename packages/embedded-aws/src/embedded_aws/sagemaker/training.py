"""Training jobs: what CreateTrainingJob checks and fills in, and the other actions."""

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ResourceInUseException, ValidationError

from embedded_aws.sagemaker.inputs import (
    Channel,
    Image,
    check_channel,
    check_role,
    find_image,
)
from embedded_aws.sagemaker.metrics import (
    check_metric_definitions,
    check_metric_patterns,
    metric_definitions,
)
from embedded_aws.sagemaker.resources import Collection, Scope, Values
from embedded_aws.sagemaker.script_mode import check_script, runs_script
from embedded_aws.sagemaker.training_run import ENDED, TrainingJob, TrainingRun

ABANDONED = (
    "InternalServerError: the embedded AWS ended while this job ran. Create it again, "
    "under another name."
)


class TrainingJobs(Collection[TrainingJob]):
    """Keep all training jobs of a region, and run them."""

    made_of = TrainingJob
    kind = "training-job"
    words = "training job"
    summaries = "TrainingJobSummaries"
    order = "Ascending"

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.runs: dict[str, TrainingRun] = {}

    def restore(self, document: Values) -> TrainingJob:
        """Return the job that a document keeps; one that ran has failed meanwhile."""
        image = Image(**document["image"])
        channels = [Channel(**each) for each in document["channels"]]
        job = super().restore(document | {"image": image, "channels": channels})
        if job.status not in ENDED:
            end_abandoned(job)
            self.save(job)
        return job

    def create(self, request: Values) -> Values:
        """Answer CreateTrainingJob, and start the job."""
        job = self.check(request)
        self.add(job)
        self.runs[job.name] = TrainingRun(job, self.save)
        self.runs[job.name].start()
        return {"TrainingJobArn": job.arn}

    def check(self, request: Values) -> TrainingJob:
        """Return the job that a request describes, or raise AWS's error."""
        name = request["TrainingJobName"]
        self.check_unused(name)
        algorithm, role = request["AlgorithmSpecification"], request["RoleArn"]
        check_role(role)
        check_complete(request)
        check_spot(request)
        image = find_image(algorithm["TrainingImage"], self.scope.region)
        mode = algorithm["TrainingInputMode"]
        channels = [Channel.parse(c, mode) for c in request.get("InputDataConfig", [])]
        is_script = runs_script(request, image)
        if is_script:
            check_metric_patterns(algorithm)
            check_script(request, image, channels)
        else:
            check_metric_definitions(algorithm)
            check_built_in(request)
        for channel in channels:
            check_channel(channel, self.scope.region, role)
        filled = fill_in(request, built_in=not is_script)
        region = self.scope.region
        return self.new(name, filled, region=region, image=image, channels=channels)

    def check_unused(self, name: str) -> None:
        """Raise AWS's error if a name is taken."""
        if name in self.resources:
            raise ResourceInUseException(
                "Training job names must be unique within an AWS account and region, "
                f"and a training job with this name already exists ({self.arn(name)})"
            )

    def find(self, name: str) -> TrainingJob:
        """Return a job, or raise AWS's error."""
        if name not in self.resources:
            raise ValidationError("Requested resource not found.")
        return self.resources[name]

    def stop(self, name: str) -> None:
        """Answer StopTrainingJob; the job ends soon after."""
        job = self.find(name)
        if job.status in ENDED:
            raise ValidationError(
                "The request was rejected because the training job is in status "
                f"{job.status}."
            )
        self.runs[name].interrupt("Stopped")


def end_abandoned(job: TrainingJob) -> None:
    """End a job whose server ended while it ran."""
    job.training_end = job.training_start and utcnow()
    if job.status == "Stopping":
        job.enter("Stopped", "Training job stopped", "Stopped")
    else:
        job.failure_reason = ABANDONED
        job.enter("Failed", "Training job failed", "Failed")


def check_complete(request: Values) -> None:
    """Raise AWS's error for a job that says not what to run, or not on what."""
    if "TrainingImage" not in request["AlgorithmSpecification"]:
        raise ValidationError(
            "No training image or algorithm name is specified: "
            "AlgorithmSpecification.TrainingImage is required."
        )
    resources = request.get("ResourceConfig", {})
    missing = [n for n in ("InstanceType", "InstanceCount") if not resources.get(n)]
    if missing:
        names = " and ".join(f"ResourceConfig.{name}" for name in missing)
        raise ValidationError(f"{names} required: the job runs on instances.")
    if "StoppingCondition" not in request:
        raise ValidationError("StoppingCondition is required.")


def check_built_in(request: Values) -> None:
    """Raise an error for what only a job that runs a script does."""
    if request["AlgorithmSpecification"].get("ContainerArguments"):
        raise ValidationError(
            "The embedded AWS does not implement ContainerArguments without a "
            "ContainerEntrypoint."
        )
    if request.get("CheckpointConfig"):
        raise ValidationError(
            "The embedded AWS does not implement CheckpointConfig for the built-in "
            "XGBoost, which never resumes; a job that runs a script has it."
        )


def check_spot(request: Values) -> None:
    """Raise AWS's error for time limits that do not fit to spot training."""
    limits = request["StoppingCondition"]
    runtime = limits.get("MaxRuntimeInSeconds", 0)
    wait = limits.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining") and (wait is None or wait < runtime):
        raise ValidationError(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or "
            "equal to MaxRuntimeInSeconds"
        )
    if wait is not None and not request.get("EnableManagedSpotTraining"):
        raise ValidationError(
            "MaxWaitTimeInSeconds above 0 is not supported with Managed Spot Training "
            "disabled."
        )


def fill_in(request: Values, *, built_in: bool) -> Values:
    """Return a request with what the service adds to it."""
    switches = {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
    }
    algorithm: Values = {"EnableSageMakerMetricsTimeSeries": False}
    algorithm |= request["AlgorithmSpecification"]
    own = algorithm.get("MetricDefinitions", [])
    algorithm |= {"MetricDefinitions": metric_definitions() if built_in else own}
    output = {"KmsKeyId": "", "CompressionType": "GZIP"} | request["OutputDataConfig"]
    limits = {"MaxRuntimeInSeconds": 86400} | request["StoppingCondition"]
    filled = {
        "AlgorithmSpecification": algorithm,
        "InputDataConfig": [
            _fill_in_channel(c) for c in request.get("InputDataConfig", [])
        ],
        "OutputDataConfig": output,
        "StoppingCondition": limits,
    }
    return switches | request | filled


def _fill_in_channel(channel: Values) -> Values:
    source = channel["DataSource"]["S3DataSource"]
    source = {"S3DataDistributionType": "FullyReplicated"} | source
    wrapping = {"CompressionType": "None", "RecordWrapperType": "None"}
    return wrapping | channel | {"DataSource": {"S3DataSource": source}}
