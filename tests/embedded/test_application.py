"""Refusals in the form of each protocol."""

import urllib.request

import pytest
from botocore.exceptions import ClientError


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("sagemaker", "list_apps", {}),
        ("sagemaker-runtime", "invoke_endpoint_with_response_stream", None),
        ("sts", "get_delegated_access_token", {"TradeInToken": "token"}),
        ("dynamodb", "list_tables", {}),
        ("ec2", "describe_vpcs", {}),
        ("lambda", "list_functions", {}),
        ("route53", "list_hosted_zones", {}),
    ],
)
def test_answers_what_is_not_there_as_aws_does(client, service, operation, arguments):
    """An operation or a service that is not embedded gives an error, not a page."""
    if arguments is None:
        arguments = {"EndpointName": "none", "Body": b"1"}
    with pytest.raises(ClientError) as caught:
        getattr(client(service), operation)(**arguments)
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    assert "mbedded AWS" in caught.value.response["Error"]["Message"]


def test_names_every_constraint_that_a_request_breaks(client):
    """Names that the service's model refuses are refused in AWS's words."""
    with pytest.raises(ClientError) as caught:
        client("sagemaker").create_model_package_group(ModelPackageGroupName="bad_name")
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"] == (
        "1 validation error detected: Value 'bad_name' at 'modelPackageGroupName' "
        "failed to satisfy constraint: Member must satisfy regular expression pattern: "
        "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_breaks_with_an_error_of_aws(embedded):
    """What the embedded AWS cannot even parse gets a proper error as well."""
    call = urllib.request.Request(
        embedded.url,
        b"not json",
        {
            "X-Amz-Target": "SageMaker.ListModels",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/"
            "sagemaker/aws4_request, SignedHeaders=host, Signature=0",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(call, timeout=10)
    with caught.value as answer:
        assert answer.headers["Content-Type"] == "application/json"
        assert b"InternalFailure" in answer.read()
