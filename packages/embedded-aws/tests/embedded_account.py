"""Short ways to fill the embedded AWS, and to read what it refuses."""

import random
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from embedded_aws.account import DEFAULT_BUCKET, REGION, ROLE_ARN

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
SECONDS = 60


def rows(seed, count):
    """Make rows of a label that is the sum of two features."""
    draw = random.Random(seed)
    pairs = [(draw.random(), draw.random()) for _ in range(count)]
    return "".join(f"{a + b:.4f},{a:.4f},{b:.4f}\n" for a, b in pairs)


def until(check):
    """Wait until a check gives something."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.02)
    raise TimeoutError


def connect(embedded, service, region=REGION):
    """Make a client that talks to an embedded AWS and never retries."""
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=embedded.url,
        aws_access_key_id=embedded.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="embedded",
        config=Config(
            retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
        ),
    )


def refusal(call, *arguments, **keywords):
    """Return code and message of the error that a call gives."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def invalid(call, *arguments, **keywords):
    """Return the message of the ValidationException that a call gives."""
    code, message = refusal(call, *arguments, **keywords)
    assert code == "ValidationException"
    return message


class Account:
    """Wrap calls that take many arguments."""

    def __init__(self, client):
        self.sagemaker = client("sagemaker")
        self.runtime = client("sagemaker-runtime")
        self.s3 = client("s3")
        self.logs = client("logs")

    def put(self, key, text):
        """Write an object of the default bucket."""
        self.s3.put_object(Bucket=DEFAULT_BUCKET, Key=key, Body=text)

    def channel(self, name, prefix=None, **changes):
        """Describe a channel of CSV."""
        uri = f"s3://{DEFAULT_BUCKET}/{prefix or f'data/{name}'}"
        source = {"S3DataType": "S3Prefix", "S3Uri": uri}
        data = {"ChannelName": name, "DataSource": {"S3DataSource": source}}
        return data | {"ContentType": "text/csv"} | changes

    def train(self, name, image=IMAGE, rounds=3, **changes):
        """Start a training job."""
        algorithm = {"TrainingImage": image, "TrainingInputMode": "File"}
        parameters = {"num_round": str(rounds), "objective": "reg:squarederror"}
        resources = {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        request = {
            "TrainingJobName": name,
            "RoleArn": ROLE_ARN,
            "AlgorithmSpecification": algorithm,
            "HyperParameters": parameters,
            "InputDataConfig": [self.channel("train"), self.channel("validation")],
            "OutputDataConfig": {"S3OutputPath": f"s3://{DEFAULT_BUCKET}/out"},
            "ResourceConfig": resources | {"InstanceCount": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        self.sagemaker.create_training_job(**request | changes)
        return name

    def job(self, name):
        """Describe a training job."""
        return self.sagemaker.describe_training_job(TrainingJobName=name)

    def finished(self, name):
        """Describe a training job when it has ended."""
        ended = ("Completed", "Failed", "Stopped")
        return until(
            lambda: (
                job if (job := self.job(name))["TrainingJobStatus"] in ended else None
            )
        )

    def log_lines(self, group, stream):
        """Read a log stream."""
        events = self.logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True
        )
        return [event["message"] for event in events["events"]]

    def training_log(self, name):
        """Read the log of a training job."""
        group = "/aws/sagemaker/TrainingJobs"
        streams = self.logs.describe_log_streams(
            logGroupName=group, logStreamNamePrefix=f"{name}/"
        )["logStreams"]
        return self.log_lines(group, streams[0]["logStreamName"])

    def package(self, group, model_data, status="Approved", **changes):
        """Register a version, and its group where it is the first."""
        found = self.sagemaker.list_model_package_groups(NameContains=group)
        if not found["ModelPackageGroupSummaryList"]:
            self.sagemaker.create_model_package_group(ModelPackageGroupName=group)
        container = {"Image": IMAGE, "ModelDataUrl": model_data}
        return self.sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus=status,
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            **changes,
        )["ModelPackageArn"]

    def model(self, name, model_data, image=IMAGE, environment=None):
        """Create a model."""
        container = {"Image": image, "ModelDataUrl": model_data}
        self.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE_ARN,
            PrimaryContainer=container | {"Environment": environment or {}},
        )
        return name

    def config(self, name, model, **changes):
        """Create an endpoint configuration of one variant."""
        variant = {"VariantName": "AllTraffic", "ModelName": model}
        kind = changes or {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant | kind]
        )
        return name

    def endpoint(self, name, config, **changes):
        """Create an endpoint."""
        self.sagemaker.create_endpoint(
            EndpointName=name, EndpointConfigName=config, **changes
        )
        return name

    def live(self, name, model_data, **changes):
        """Create model, configuration and endpoint of one name, and wait."""
        self.endpoint(name, self.config(name, self.model(name, model_data)), **changes)
        return self.settled(name)

    def describe(self, name):
        """Describe an endpoint."""
        return self.sagemaker.describe_endpoint(EndpointName=name)

    def settled(self, name):
        """Describe an endpoint when it no longer changes."""
        steady = ("InService", "Failed")
        return until(
            lambda: (
                found
                if (found := self.describe(name))["EndpointStatus"] in steady
                else None
            )
        )

    def invoke(self, name, body="0.5,0.25", **changes):
        """Ask an endpoint for predictions."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=name, Body=body, **{"ContentType": "text/csv"} | changes
        )
        return answer["Body"].read().decode()
