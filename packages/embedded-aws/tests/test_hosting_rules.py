"""What SageMaker refuses of endpoint configurations and updates, and data capture."""

import json

import pytest
from embedded_account import invalid, until
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.faults import Fault
from embedded_aws.sagemaker.hosting_rules import check_update
from moto.sagemaker.exceptions import ValidationError

SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": f"s3://{DEFAULT_BUCKET}/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
}


@pytest.fixture
def model(account, trained, name):
    """Create a model."""
    return account.model(name, trained["ModelArtifacts"]["S3ModelArtifacts"])


def on(kind, count=1):
    """Give an instance type and a count."""
    return {"InstanceType": kind, "InitialInstanceCount": count}


@pytest.mark.parametrize(
    ("variants", "more", "message"),
    [
        (
            [{"ServerlessConfig": SERVERLESS}],
            {"DataCaptureConfig": CAPTURE},
            "Data capture is not supported for serverless endpoints.",
        ),
        (
            [{"ServerlessConfig": SERVERLESS}] * 2,
            {},
            "support one production variant",
        ),
        (
            [on("ml.g4dn.xlarge")],
            {"KmsKeyId": "key"},
            "KmsKeyId is not supported for ml.g4dn.xlarge",
        ),
    ],
)
def test_refuses_a_configuration_that_no_endpoint_could_have(
    account, name, model, variants, more, message
):
    """As SageMaker does, before there is a configuration."""
    named = [
        {"VariantName": f"v{number}", "ModelName": model} | variant
        for number, variant in enumerate(variants)
    ]
    create = account.sagemaker.create_endpoint_config
    found = invalid(create, EndpointConfigName=name, ProductionVariants=named, **more)
    assert message in found


@pytest.mark.parametrize("kind", ["ml.m5.large", "ml.c6g.large", "ml.inf2.xlarge"])
def test_takes_a_key_for_instances_without_local_storage(account, name, model, kind):
    """Only the volumes that are attached can be encrypted with it."""
    variant = {"VariantName": "v", "ModelName": model} | on(kind)
    create = account.sagemaker.create_endpoint_config
    create(EndpointConfigName=name, ProductionVariants=[variant], KmsKeyId="key")


def canary(value, kind="CAPACITY_PERCENT"):
    """Give a DeploymentConfig that shifts a part of the traffic first."""
    size = {"Type": kind, "Value": value}
    routing = {"Type": "CANARY", "CanarySize": size, "WaitIntervalInSeconds": 1}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}


@pytest.mark.parametrize(
    ("count", "deployment", "is_refused"),
    [
        (1, canary(10), True),
        (2, canary(50), False),
        (3, canary(50), False),
        (10, canary(51), True),
        (4, canary(3, "INSTANCE_COUNT"), True),
        (4, canary(2, "INSTANCE_COUNT"), False),
        (1, None, False),
        (None, canary(10), True),
    ],
)
def test_a_canary_is_at_most_half_of_the_instances(count, deployment, is_refused):
    """So there is none with one instance, and none without servers."""
    counted = {"InitialInstanceCount": count} if count else {}
    new = [{"VariantName": "v"} | counted]
    try:
        check_update("arn", new, new, deployment)
    except ValidationError:
        assert is_refused
    else:
        assert not is_refused


def test_an_endpoint_on_instances_does_not_become_serverless(account, trained, name):
    """The way back is open, and is the last one."""
    data = trained["ModelArtifacts"]["S3ModelArtifacts"]
    account.live(name, data)
    other = account.config(f"{name}-2", name, ServerlessConfig=SERVERLESS)
    update = account.sagemaker.update_endpoint
    message = invalid(update, EndpointName=name, EndpointConfigName=other)
    assert message.startswith("Cannot update endpoint ")
    assert account.describe(name)["EndpointStatus"] == "InService"

    account.endpoint(f"{name}-3", other)
    account.settled(f"{name}-3")
    update(EndpointName=f"{name}-3", EndpointConfigName=name)
    assert account.settled(f"{name}-3")["EndpointConfigName"] == name


@pytest.mark.parametrize(
    ("faults", "status"),
    [
        (["ping-failure", "rollback-failed"], "UpdateRollbackFailed"),
        (["out-of-service"], "OutOfService"),
    ],
)
def test_a_damaged_endpoint_can_be_updated(
    account, trained, name, inject, faults, status
):
    """Its rollback has failed, or nothing answers; another update mends it."""
    account.live(name, trained["ModelArtifacts"]["S3ModelArtifacts"])
    for kind in faults:
        inject(Fault(kind=kind, name=name))
    update = account.sagemaker.update_endpoint
    update(EndpointName=name, EndpointConfigName=name)
    until(lambda: account.describe(name)["EndpointStatus"] == status)

    update(EndpointName=name, EndpointConfigName=name)
    assert account.settled(name)["EndpointStatus"] == "InService"
    assert account.invoke(name)


def test_requests_and_answers_are_captured(account, trained, name):
    """By endpoint, variant and hour, in the form of SageMaker's files."""
    model = account.model(name, trained["ModelArtifacts"]["S3ModelArtifacts"])
    variant = {"VariantName": "AllTraffic", "ModelName": model} | on("ml.m5.large")
    account.sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=CAPTURE
    )
    account.endpoint(name, name)
    shown = account.settled(name)["DataCaptureConfig"]
    assert shown["CaptureStatus"] == "Started"
    assert shown["CurrentSamplingPercentage"] == 100
    answer = account.invoke(name, "0.5,0.25")

    prefix = f"captured/{name}/AllTraffic/"
    listed = account.s3.list_objects_v2(Bucket=DEFAULT_BUCKET, Prefix=prefix)
    (key,) = [one["Key"] for one in listed["Contents"]]
    body = account.s3.get_object(Bucket=DEFAULT_BUCKET, Key=key)["Body"].read()
    captured = json.loads(body)["captureData"]
    assert captured["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "0.5,0.25",
        "encoding": "CSV",
    }
    assert captured["endpointOutput"]["data"] == answer
    assert captured["endpointOutput"]["encoding"] == "CSV"


def alarm(client, name, state=None):
    """Create an alarm, and set its state."""
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        Period=60,
        EvaluationPeriods=1,
    )
    if state:
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found["StateValue"]


def test_alarms_stop_a_deployment(account, client, trained, name):
    """One that has gone off rolls an update back; one without data does not."""
    data = trained["ModelArtifacts"]["S3ModelArtifacts"]
    account.live(name, data)
    other = account.config(f"{name}-2", name)
    update = account.sagemaker.update_endpoint
    guard = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name}]}}
    request = {"EndpointName": name, "EndpointConfigName": other}
    assert f"no CloudWatch alarm {name}" in invalid(
        update, **request, DeploymentConfig=guard
    )
    assert alarm(client, name) == "INSUFFICIENT_DATA"
    alarm(client, name, "ALARM")
    update(**request, DeploymentConfig=guard)
    rolled_back = account.settled(name)
    assert rolled_back["EndpointConfigName"] == name
    assert name in rolled_back["FailureReason"]
    assert alarm(client, name, "OK") == "OK"
    # Kept, and so the same alarm guards this one.
    update(**request, RetainDeploymentConfig=True)
    updated = account.settled(name)
    assert updated["EndpointConfigName"] == other
    assert updated["LastDeploymentConfig"] == guard
