"""Faults on demand that hit a call."""

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.faults import Fault


def refused(call, **arguments):
    """Give code and status of the refusal of a call."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return response["Error"]["Code"], status


@pytest.mark.parametrize(
    ("service", "operation", "kind", "expected"),
    [
        ("sagemaker", "list_models", "throttling", ("ThrottlingException", 400)),
        ("s3", "list_buckets", "throttling", ("SlowDown", 503)),
        ("sts", "get_caller_identity", "throttling", ("Throttling", 400)),
        (
            "sagemaker",
            "list_models",
            "expired-credentials",
            ("ExpiredTokenException", 403),
        ),
        ("s3", "list_buckets", "expired-credentials", ("ExpiredToken", 400)),
        ("sts", "get_caller_identity", "expired-credentials", ("ExpiredToken", 403)),
        (
            "sagemaker",
            "list_models",
            "service-unavailable",
            ("ServiceUnavailable", 503),
        ),
        ("sagemaker", "list_models", "clock-skew", ("InvalidSignatureException", 403)),
        ("s3", "list_buckets", "clock-skew", ("RequestTimeTooSkewed", 403)),
        ("sts", "get_caller_identity", "clock-skew", ("SignatureDoesNotMatch", 403)),
    ],
)
def test_refuses_a_call_in_the_words_of_its_service(
    client, inject, service, operation, kind, expected
):
    """Throttling and expired credentials have each service's own code and status."""
    inject(Fault(kind=kind))
    assert refused(getattr(client(service), operation)) == expected
    getattr(client(service), operation)()


def test_throttles_one_operation_only(client, inject):
    """A fault for one operation leaves the others alone."""
    inject(Fault(kind="throttling", operation="ListEndpoints", count=-1))
    client("sagemaker").list_models()
    assert refused(client("sagemaker").list_endpoints)[0] == "ThrottlingException"


def test_denies_access_to_some_objects_only(client, inject, account):
    """A denied prefix is refused, any other is not."""
    account.put("open/a", "1")
    inject(Fault(kind="s3-access-denied", name="secret/", count=-1))
    arguments = {"Bucket": DEFAULT_BUCKET, "Key": "secret/a"}
    denied = refused(client("s3").put_object, **arguments, Body=b"")
    assert denied == ("AccessDenied", 403)
    assert client("s3").get_object(Bucket=DEFAULT_BUCKET, Key="open/a")


def test_resets_the_connection(client, inject):
    """A reset connection gives no answer, the next call does."""
    inject(Fault(kind="connection-reset", operation="ListModels"))
    with pytest.raises(ConnectionClosedError):
        client("sagemaker").list_models()
    client("sagemaker").list_models()


def test_loses_the_response_of_a_call_that_it_carries_out(client, inject, name):
    """Nobody hears of what was done."""
    inject(Fault(kind="response-lost", operation="CreateModelPackageGroup"))
    with pytest.raises(ConnectionClosedError):
        client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    group = {"ModelPackageGroupName": name}
    assert client("sagemaker").describe_model_package_group(**group)
