"""Errors in the form of each protocol."""

import pytest
from botocore.exceptions import ClientError
from embedded_aws import application
from embedded_aws.account import ROLE_ARN


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("sagemaker", "list_apps", {}),
        (
            "sagemaker",
            "create_processing_job",
            {
                "ProcessingJobName": "job",
                "RoleArn": ROLE_ARN,
                "ProcessingResources": {
                    "ClusterConfig": {
                        "InstanceCount": 1,
                        "InstanceType": "ml.m5.large",
                        "VolumeSizeInGB": 1,
                    }
                },
                "AppSpecification": {"ImageUri": "image"},
            },
        ),
        (
            "sagemaker-runtime",
            "invoke_endpoint_async",
            {"EndpointName": "e", "InputLocation": "s3://b/k"},
        ),
        (
            "sagemaker-runtime",
            "invoke_endpoint_with_response_stream",
            {"EndpointName": "e", "Body": b"1"},
        ),
        ("sts", "get_delegated_access_token", {"TradeInToken": "token"}),
        ("dynamodb", "list_tables", {}),
        ("ec2", "describe_vpcs", {}),
        ("lambda", "list_functions", {}),
        ("route53", "list_hosted_zones", {}),
    ],
)
def test_answers_what_is_not_there_as_aws_does(client, service, operation, arguments):
    """An operation or a service that is not embedded gives an error, not a page."""
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


def test_answers_a_fault_of_its_own_as_aws_does(caplog):
    """A bug of the embedded AWS itself gives an error of AWS, and a log entry."""
    app = application.create_app("sts")
    app.add_url_rule("/breaks", view_func=lambda: {}["missing"])
    answer = app.test_client().get(
        "/breaks", headers={"X-Amz-Target": "SageMaker.ListModels"}
    )
    assert answer.status_code == 500
    assert answer.json["__type"] == "InternalFailure"
    assert "KeyError" in caplog.text
