"""Fixtures that the tests of lifecycle share."""

from collections.abc import Iterator

import pytest
from embedded_aws.process import EmbeddedAWS
from model_packages import delete_endpoint, new_name

from lifecycle.aws import client, ignore_not_found


@pytest.fixture(scope="module")
def module_aws(embedded_aws: EmbeddedAWS) -> Iterator[EmbeddedAWS]:
    """The embedded AWS, for fixtures that all tests of a module share."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in embedded_aws.environment.items():
            patch.setenv(name, value)
        yield embedded_aws


@pytest.fixture
def model(aws: EmbeddedAWS) -> Iterator[str]:
    """A model name that no other test uses; its endpoint is deleted with the test."""
    name = new_name()
    yield name
    aws.clear()
    with ignore_not_found():
        delete_endpoint(name)


@pytest.fixture
def alarm(aws: EmbeddedAWS) -> str:
    """Make an alarm that a canary may name, and return its name."""
    client("cloudwatch").put_metric_alarm(
        AlarmName="toy-5xx",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Statistic="Sum",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        Period=60,
        EvaluationPeriods=1,
    )
    return "toy-5xx"
