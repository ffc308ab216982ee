"""What is not there is told from what is refused."""

import pytest
from botocore.exceptions import ClientError
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import client, ignore_not_found

ABSENT = {
    "describe_endpoint": {"EndpointName": "none"},
    "describe_endpoint_config": {"EndpointConfigName": "none"},
    "describe_model": {"ModelName": "none"},
    "describe_model_package_group": {"ModelPackageGroupName": "none"},
    "describe_model_package": {"ModelPackageName": "none"},
    "describe_training_job": {"TrainingJobName": "none"},
}


@pytest.mark.parametrize("call", ABSENT)
def test_the_block_is_left_where_something_is_missing(
    aws: EmbeddedAWS, call: str
) -> None:
    """Each of SageMaker's collections says it in words of its own."""
    left = True
    with ignore_not_found():
        getattr(client("sagemaker"), call)(**ABSENT[call])
        left = False

    assert left


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_another_refusal_is_raised(code: str) -> None:
    """It says nothing of what is there."""
    answer = {"Error": {"Code": code, "Message": "not for you"}}

    with pytest.raises(ClientError, match=code), ignore_not_found():
        raise ClientError(answer, "DescribeEndpoint")
