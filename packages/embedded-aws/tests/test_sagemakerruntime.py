"""InvokeEndpoint."""

import pytest
from botocore.exceptions import ClientError
from embedded_aws.faults import Fault


@pytest.fixture(scope="module")
def live(account, trained):
    """Create one endpoint for all of these tests."""
    model = trained["ModelArtifacts"]["S3ModelArtifacts"]
    name = trained["TrainingJobName"]
    assert account.live(name, model)["EndpointStatus"] == "InService"
    return name


def test_answers_with_one_prediction_per_row(account, live):
    """Rows of CSV give lines of numbers."""
    lines = account.invoke(live, "0.5,0.25\n0.1,0.9").splitlines()
    assert len(lines) == 2
    assert all(0 < float(line) < 2 for line in lines)


def test_names_variant_and_content_type(account, live):
    """The answer says which variant gave it, and in which form."""
    answer = account.runtime.invoke_endpoint(
        EndpointName=live, Body="1,1", ContentType="text/csv", Accept="application/json"
    )
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["Body"].read().startswith(b'{"predictions": [{"score": ')


def test_takes_binary_bodies(account, live):
    """A body that is no text reaches the container, which refuses it."""
    with pytest.raises(ClientError) as caught:
        account.invoke(live, b"\xff\xfe\x00")
    assert caught.value.response["OriginalStatusCode"] == 415


def test_hands_on_what_the_container_refuses(account, live):
    """A refusal of the container is a ModelError with its status and message."""
    with pytest.raises(ClientError) as caught:
        account.invoke(live, "{}", ContentType="application/json")
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 415
    original = response["OriginalMessage"]
    assert original.startswith("application/json is not an accepted ContentType")
    group = f"/aws/sagemaker/Endpoints/{live}"
    assert response["Error"]["Message"] == (
        f'Received client error (415) from primary with message "{original}". See '
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
        f"#logEventViewer:group={group} in account 123456789012 for more information."
    )
    assert response["LogStreamArn"].endswith(f":log-group:{group}")


def test_refuses_endpoints_that_are_not_in_service(
    account, live, name, trained, inject
):
    """An endpoint that does not exist, or is being created, is not found."""
    inject(Fault(kind="endpoint-stuck", name=name))
    model = account.model(name, trained["ModelArtifacts"]["S3ModelArtifacts"])
    account.endpoint(name, account.config(name, model))
    for missing in (name, "none"):
        with pytest.raises(ClientError) as caught:
            account.invoke(missing)
        assert caught.value.response["Error"] == {
            "Code": "ValidationError",
            "Message": f"Endpoint {missing} of account 123456789012 not found.",
        }


def test_refuses_a_body_that_is_too_large(account, live):
    """A body over 6 MB never reaches the container."""
    with pytest.raises(ClientError, match="less than or equal to 6291456"):
        account.invoke(live, b"1" * 6_291_457)


def test_chooses_among_variants(account, name, trained):
    """A named variant answers; without a name, only variants with weight do."""
    model = account.model(name, trained["ModelArtifacts"]["S3ModelArtifacts"])
    instance = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    variants = [
        {"VariantName": v, "ModelName": model, "InitialVariantWeight": w} | instance
        for v, w in (("champion", 1), ("challenger", 0))
    ]
    account.sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=variants
    )
    account.settled(account.endpoint(name, name))

    def answered_by(**target):
        answer = account.runtime.invoke_endpoint(
            EndpointName=name, Body="1,1", ContentType="text/csv", **target
        )
        return answer["InvokedProductionVariant"]

    assert {answered_by() for _ in range(5)} == {"champion"}
    assert answered_by(TargetVariant="challenger") == "challenger"
    with pytest.raises(ClientError, match=r"\(ValidationError\).*Variant none not"):
        answered_by(TargetVariant="none")


def test_writes_an_access_log(account, live):
    """Every invocation leaves a line in the endpoint's log."""
    account.invoke(live)
    group = f"/aws/sagemaker/Endpoints/{live}"
    streams = account.logs.describe_log_streams(
        logGroupName=group, logStreamNamePrefix="AllTraffic/i-"
    )["logStreams"]
    lines = account.log_lines(group, streams[0]["logStreamName"])
    assert '"POST /invocations HTTP/1.1" 200' in lines[-1]
