"""What CreateTrainingJob refuses and fills in, and what Describe and List show."""

import pytest
from embedded_account import IMAGE, invalid, refusal
from embedded_aws.account import DEFAULT_BUCKET, ROLE_ARN
from embedded_aws.sagemaker.metrics import metric_definitions

RULE = {"RuleConfigurationName": "loss", "RuleEvaluatorImage": "image"}
HUB = "arn:aws:sagemaker:us-east-1:aws"
BOARD = {"S3OutputPath": "s3://b/board"}


def test_completed_job_shows_what_the_service_adds(account, trained):
    """Describe shows the request, filled in, with times, metrics and artifacts."""
    name = trained["TrainingJobName"]
    assert trained["TrainingJobStatus"] == "Completed"
    assert trained["ModelArtifacts"]["S3ModelArtifacts"] == (
        f"s3://{DEFAULT_BUCKET}/out/{name}/output/model.tar.gz"
    )
    assert trained["OutputDataConfig"]["CompressionType"] == "GZIP"
    channel = trained["InputDataConfig"][0]
    assert channel["CompressionType"] == channel["RecordWrapperType"] == "None"
    source = channel["DataSource"]["S3DataSource"]
    assert source["S3DataDistributionType"] == "FullyReplicated"
    assert trained["EnableManagedSpotTraining"] is False
    seconds = trained["TrainingTimeInSeconds"]
    assert seconds == trained["BillableTimeInSeconds"] >= 1
    metrics = {each["MetricName"] for each in trained["FinalMetricDataList"]}
    assert metrics == {"train:rmse", "validation:rmse"}


def test_refuses_a_name_that_is_taken(account, trained):
    """Names of training jobs are unique."""
    code, message = refusal(account.train, trained["TrainingJobName"])
    assert code == "ResourceInUse"
    assert message == (
        "Training job names must be unique within an AWS account and region, and a "
        f"training job with this name already exists ({trained['TrainingJobArn']})"
    )


def test_refuses_a_prefix_without_objects(account, name):
    """A channel without data is refused at once, in AWS's words."""
    channel = account.channel("train", "data/missing")
    code, message = refusal(account.train, name, InputDataConfig=[channel])
    assert code == "ValidationException"
    assert message == (
        f'No S3 objects found under S3 URL "s3://{DEFAULT_BUCKET}/data/missing" given '
        "in input data source. Please ensure that the bucket exists in the selected "
        "region (us-east-1), that objects exist under that S3 prefix, and that the "
        f'role "{ROLE_ARN}" has "s3:ListBucket" permissions on bucket '
        f'"{DEFAULT_BUCKET}".'
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"RoleArn": "arn:aws:iam::123456789012:role/nobody"},
            "Could not assume role arn:aws:iam::123456789012:role/nobody.",
        ),
        (
            {"EnableManagedSpotTraining": True},
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than",
        ),
        (
            {
                "StoppingCondition": {
                    "MaxRuntimeInSeconds": 9,
                    "MaxWaitTimeInSeconds": 9,
                }
            },
            "MaxWaitTimeInSeconds above 0 is not supported with Managed Spot Training",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": IMAGE,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "a", "Regex": "b"}],
                }
            },
            "You can't override the metric definitions for Amazon SageMaker algorithms",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": IMAGE.replace("3.2-0", "4.0-0"),
                    "TrainingInputMode": "File",
                }
            },
            "Requested image",
        ),
        (
            {
                "ResourceConfig": {
                    "InstanceType": "ml.none",
                    "InstanceCount": 1,
                    "VolumeSizeInGB": 1,
                }
            },
            "Value 'ml.none' at 'resourceConfig.instanceType' failed to satisfy",
        ),
    ],
)
def test_refuses_what_aws_refuses(account, name, changes, message):
    """A wrong role, limit, metric, image or instance type is refused at once."""
    code, text = refusal(account.train, name, **changes)
    assert code == "ValidationException"
    assert message in text
    assert refusal(account.job, name)[1] == "Requested resource not found."


def test_refuses_to_stop_what_has_ended(account, trained):
    """A job that has ended, or never was, cannot be stopped."""
    stop = account.sagemaker.stop_training_job
    assert refusal(stop, TrainingJobName=trained["TrainingJobName"]) == (
        "ValidationException",
        "The request was rejected because the training job is in status Completed.",
    )
    missing = refusal(stop, TrainingJobName="none")
    assert missing == ("ValidationException", "Requested resource not found.")


def test_lists_jobs_by_name_and_status(account, trained):
    """ListTrainingJobs filters, and shows a summary."""
    name = trained["TrainingJobName"]
    listed = account.sagemaker.list_training_jobs(
        NameContains=name, StatusEquals="Completed"
    )["TrainingJobSummaries"]
    assert [each["TrainingJobName"] for each in listed] == [name]
    assert listed[0]["TrainingEndTime"] == trained["TrainingEndTime"]
    none = account.sagemaker.list_training_jobs(
        NameContains=name, StatusEquals="Failed"
    )
    assert none["TrainingJobSummaries"] == []


def test_definitions_are_those_that_the_platform_fills_in():
    """A definition has the platform's name and pattern."""
    regexes = {each["Name"]: each["Regex"] for each in metric_definitions()}
    assert regexes["validation:rmse"] == (
        r".*\[[0-9]+\].*#011validation-rmse:"
        r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ResourceConfig": {"VolumeSizeInGB": 5}}, "InstanceType and ResourceConfig."),
        (
            {"AlgorithmSpecification": {"TrainingInputMode": "File"}},
            "AlgorithmSpecification.TrainingImage is required",
        ),
        (
            {
                "AlgorithmSpecification": {
                    "AlgorithmName": "mine",
                    "TrainingInputMode": "File",
                }
            },
            "does not implement AlgorithmSpecification.AlgorithmName: there are no",
        ),
        (
            {
                "OutputDataConfig": {
                    "S3OutputPath": "s3://b/o",
                    "CompressionType": "NONE",
                }
            },
            "OutputDataConfig.CompressionType=NONE: a model is always packed",
        ),
        (
            {"CheckpointConfig": {"S3Uri": "s3://b/c"}},
            "does not implement CheckpointConfig for the built-in XGBoost",
        ),
        (
            {
                "ServerlessJobConfig": {
                    "BaseModelArn": f"{HUB}:hub-content/h/Model/m/1.0.0",
                    "JobType": "FineTuning",
                }
            },
            "does not implement ServerlessJobConfig",
        ),
        (
            {"DebugRuleConfigurations": [RULE], "TensorBoardOutputConfig": BOARD},
            "DebugRuleConfigurations: no debugger watches a job; TensorBoardOutput",
        ),
    ],
)
def test_what_a_job_would_ignore_is_refused_by_name(account, name, changes, words):
    """With the reason, and before anything runs."""
    assert words in invalid(account.train, name, **changes)
    assert "Requested resource not found" in invalid(account.job, name)
