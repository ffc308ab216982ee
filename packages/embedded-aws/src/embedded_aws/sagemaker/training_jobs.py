"""Training jobs: what CreateTrainingJob refuses, and what Describe shows."""

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ResourceInUseException, ValidationError

from embedded_aws.sagemaker import images
from embedded_aws.sagemaker.channels import Channel, refuse_empty
from embedded_aws.sagemaker.listing import page
from embedded_aws.sagemaker.resources import Collection, Resource, Values
from embedded_aws.sagemaker.training_requests import (
    completed,
    refuse_role,
    refuse_unsuitable,
)

if TYPE_CHECKING:
    from embedded_aws.sagemaker.training_run import TrainingRun

SPOT_SHARE = 0.4
ENDED = ("Completed", "Failed", "Stopped")


@dataclass(kw_only=True)
class TrainingJob(Resource):
    """Keep one training job."""

    region: str
    image: images.Image
    channels: list[Channel]
    status: str = "InProgress"
    secondary_status: str = "Starting"
    transitions: list[Values] = field(default_factory=list)
    final_metrics: list[Values] = field(default_factory=list)
    failure_reason: str | None = None
    training_start: datetime | None = None
    training_end: datetime | None = None
    run: "TrainingRun | None" = None

    @property
    def model_data(self) -> str:
        """Say where the model goes."""
        output = self.request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        return f"{output}/{self.name}/output/model.tar.gz"

    def enter(self, secondary: str, message: str, status: str | None = None) -> None:
        """Pass to the next secondary status."""
        now = utcnow()
        if self.transitions:
            self.transitions[-1]["EndTime"] = now
        transition = {"Status": secondary, "StartTime": now, "StatusMessage": message}
        if status in ENDED:
            transition["EndTime"] = now
        self.transitions.append(transition)
        self.secondary_status = secondary
        self.status = status or self.status
        self.last_modified_time = now

    def seconds(self) -> Values:
        """Count the seconds that the job took, and those that a bill would name."""
        if self.training_start is None:
            return {}
        end = self.training_end or utcnow()
        spent = max(1, ceil((end - self.training_start).total_seconds()))
        spot = self.request.get("EnableManagedSpotTraining")
        billed = max(1, round(spent * SPOT_SHARE)) if spot else spent
        times = {"TrainingTimeInSeconds": spent, "BillableTimeInSeconds": billed}
        end_time = {"TrainingEndTime": self.training_end} if self.training_end else {}
        return {"TrainingStartTime": self.training_start} | end_time | times

    def describe(self) -> Values:
        """Answer DescribeTrainingJob."""
        described = super().describe() | self.seconds()
        described |= {
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.secondary_status,
            "SecondaryStatusTransitions": self.transitions,
            "FinalMetricDataList": self.final_metrics or None,
            "FailureReason": self.failure_reason,
        }
        if self.status == "Completed":
            described["ModelArtifacts"] = {"S3ModelArtifacts": self.model_data}
        return described

    def summary(self) -> Values:
        """Answer ListTrainingJobs."""
        described = self.describe()
        return described | {"TrainingEndTime": self.training_end}


class TrainingJobs(Collection[TrainingJob]):
    """Keep all training jobs of a region."""

    kind = "training-job"
    words = "training job"

    def find(self, name: str) -> TrainingJob:
        """Find a job, or refuse as AWS does."""
        if name not in self.resources:
            raise ValidationError("Requested resource not found.")
        return self.resources[name]

    def add(self, request: Values) -> TrainingJob:
        """Check a request as AWS does, and note the job."""
        name = request["TrainingJobName"]
        self.refuse_duplicate(name)
        algorithm, role = request["AlgorithmSpecification"], request["RoleArn"]
        refuse_role(role)
        refuse_unsuitable(request)
        image = images.find(algorithm["TrainingImage"], self.place.region, role)
        mode = algorithm["TrainingInputMode"]
        channels = [Channel.parse(c, mode) for c in request.get("InputDataConfig", [])]
        for channel in channels:
            refuse_empty(channel, self.place.region, role)
        self.resources[name] = TrainingJob(
            name=name,
            arn=self.arn(name),
            request=completed(request),
            tags=list(request.get("Tags", [])),
            region=self.place.region,
            image=image,
            channels=channels,
        )
        return self.resources[name]

    def refuse_duplicate(self, name: str) -> None:
        """Refuse a name that is taken."""
        if name in self.resources:
            raise ResourceInUseException(
                "Training job names must be unique within an AWS account and region, "
                f"and a training job with this name already exists ({self.arn(name)})"
            )

    def stop(self, name: str) -> None:
        """Ask a job to stop."""
        job = self.find(name)
        if job.status in ENDED:
            raise ValidationError(
                "The request was rejected because the training job is in status "
                f"{job.status}."
            )
        if job.run is not None:
            job.run.stop()

    def list(self, request: Values) -> Values:
        """Answer ListTrainingJobs."""
        jobs, token = page(self.resources.values(), request, order="Ascending")
        summaries = [job.summary() for job in jobs]
        return {"TrainingJobSummaries": summaries, "NextToken": token}
