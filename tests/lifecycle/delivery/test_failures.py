"""The failure of an update is explained."""

import pytest

from lifecycle.delivery.failures import likely_cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("ResourceLimitExceeded: ml.m5.large for endpoint usage", "an account quota"),
        ("Unable to provision requested ML compute capacity", "AWS has no such inst"),
        ("Failed to extract model data archive", "the model archive is damaged"),
        ("Could not find model data at s3://b/m", "the model archive is gone"),
        ("Alarms went off: [toy-5xx]", "an alarm of endpoint.canary.alarms"),
        ("User: arn:aws:sts::1:r is not authorized", "SAGEMAKER_EXECUTION_ROLE_ARN"),
        ("did not pass the ping health check\nMemoryError", "too little memory"),
        ("did not pass the ping health check", "the container did not load"),
        ("something new", ""),
    ],
)
def test_the_likely_cause_of_a_failure_is_named(text, cause):
    """It follows from SageMaker's reason and the log of the container."""
    assert likely_cause(text).startswith(cause)
    assert bool(likely_cause(text)) is bool(cause)
