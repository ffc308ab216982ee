"""Where SageMaker answers."""

from boto3 import Session
from embedded_aws.regions import regions


def test_are_those_that_boto3_knows():
    """All of them, in all partitions, found without reading SageMaker's model."""
    session = Session(region_name="us-east-1")
    expected = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sagemaker", partition)
    ]
    assert regions() == expected
    assert {"us-east-1", "eu-west-1", "cn-north-1"} <= set(expected)
