"""Fault injection over HTTP, and the faults that hit a call."""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from embedded_aws import EmbeddedAWSError
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.faults import Fault

JSON = "application/json"


def ask(embedded, method, path="", body=None, kind=JSON):
    """Call the HTTP interface: the status, and the answer, which is always JSON."""
    url = f"{embedded.url}/_embedded/faults{path}"
    data = None if body is None else body.encode()
    call = urllib.request.Request(url, data, method=method)
    call.add_header("Content-Type", kind)
    call.add_header("X-Embedded-Token", embedded.token)
    try:
        with urllib.request.urlopen(call, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            assert refusal.headers["Content-Type"] == JSON
            return refusal.status, json.load(refusal)["error"]


def test_faults_can_be_managed_over_http(embedded, inject):
    """POST adds a fault, GET lists it with what is left, DELETE removes it."""
    body = json.dumps({"kind": "ping-failure", "name": "e"})
    status, added = ask(embedded, "POST", body=body)
    assert status == 200
    assert [(each["kind"], each["left"]) for each in added] == [("ping-failure", 1)]
    assert ask(embedded, "GET") == (200, added)
    assert embedded.faults() == added
    assert ask(embedded, "DELETE", f"/{added[0]['id']}") == (200, [])


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        ("{}", "text/plain", 415, "-H 'content-type: application/json'"),
        (
            '{"kind": "throttling"}',
            "application/x-www-form-urlencoded",
            415,
            "'application/x-www-form-urlencoded'; send JSON: curl",
        ),
        ("kind=throttling", JSON, 400, "the body is not JSON: Expecting value"),
        ("", JSON, 400, 'send for instance {"kind": "throttling", "count": 3}'),
        ("[]", JSON, 400, "a fault is an object"),
        ('{"kind": "flood"}', JSON, 400, "unknown kind of fault 'flood'"),
        ('{"kind": "throttling", "count": 0}', JSON, 400, "count of a fault: 0"),
    ],
)
def test_says_what_is_wrong_and_what_is_right(
    embedded, inject, body, kind, status, reason
):
    """A request that makes no sense is refused in JSON, and changes nothing."""
    answer = ask(embedded, "POST", body=body, kind=kind)
    assert answer[0] == status
    assert reason in answer[1]
    assert embedded.faults() == []


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("DELETE", "/nobody", 404, "no fault has the id 'nobody'"),
        ("GET", "/nobody", 404, "GET goes to /_embedded/faults"),
        ("PUT", "", 405, "PUT: POST one fault, GET all, DELETE one or all"),
    ],
)
def test_what_is_not_there_is_named(embedded, method, path, status, reason):
    """An unknown id, path or method is no success."""
    answer = ask(embedded, method, path)
    assert answer[0] == status
    assert reason in answer[1]


def test_a_refusal_reaches_python_in_one_line(embedded):
    """Clearing an unknown fault raises an error of the package, not of urllib."""
    with pytest.raises(EmbeddedAWSError, match="no fault has the id 'nobody'"):
        embedded.clear(Fault(kind="throttling", id="nobody"))


def refused(call, **arguments):
    """Return code and HTTP status of the error that a call gives."""
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
    """The call is carried out, but its caller gets no answer."""
    inject(Fault(kind="response-lost", operation="CreateModelPackageGroup"))
    with pytest.raises(ConnectionClosedError):
        client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    group = {"ModelPackageGroupName": name}
    assert client("sagemaker").describe_model_package_group(**group)
