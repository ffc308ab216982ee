"""Who may call: programs of this machine that sign, and no page in its browser."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.application import Application
from werkzeug.test import Client

TOKEN = "a-token"
PUBLIC = "/sagemaker-sample-files/datasets/tabular/uci_abalone/abalone.csv"


@pytest.fixture(scope="module")
def call():
    """Call the application as a program of this machine does, with a signature."""
    client = Client(Application(TOKEN))

    def send(method, path, service="sagemaker", body=b"", **headers):
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        signed = {"Host": "127.0.0.1:5000", "Authorization": signature(service)}
        given = {k: v for k, v in (signed | names).items() if v is not None}
        return client.open(path, method=method, data=body, headers=given)

    return send


def signature(service, region="us-east-1", date="20261128"):
    """Return a header that signs for a service."""
    scope = f"AKIAIOSFODNN7EXAMPLE/{date}/{region}/{service}/aws4_request"
    signed = "SignedHeaders=host;x-amz-date, Signature=0123456789abcdef"
    return f"AWS4-HMAC-SHA256 Credential={scope}, {signed}"


def code(answer):
    """Return the code of an error, in whichever form it is."""
    text = answer.get_data(as_text=True)
    assert not text.lstrip().lower().startswith(("<!doctype", "<html"))
    found = re.search(r"<Code>(\w+)</Code>", text)
    return found[1] if found else json.loads(text)["__type"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:5000"},
        {"Host": "localhost.evil.example"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:5000"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-origin"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", PUBLIC), ("PUT", f"/{DEFAULT_BUCKET}/k"), ("OPTIONS", "/"), ("POST", "/")],
)
def test_a_web_page_is_refused(call, headers, method, path):
    """Neither a foreign name nor a foreign page is answered, and none may read it."""
    answer = call(method, path, "s3", X_Embedded_Token=TOKEN, **headers)
    assert answer.status_code == 403
    assert answer.mimetype == "text/plain"
    assert not [n for n, _ in answer.headers if n.lower().startswith("access-control")]


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "localhost", "[::1]", "LOCALHOST"])
def test_this_machine_is_answered(call, host):
    """By each of its own names."""
    assert call("GET", f"/{DEFAULT_BUCKET}", "s3", Host=host).status_code == 200


def test_a_bucket_s_rules_for_web_pages_let_none_in(call):
    """They can be put and read, but no answer has their headers."""
    rule = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
    rules = f"<CORSConfiguration><CORSRule>{rule}</CORSRule></CORSConfiguration>"
    assert call("PUT", f"/{DEFAULT_BUCKET}?cors", "s3", rules).status_code == 200
    answer = call("GET", f"/{DEFAULT_BUCKET}", "s3")
    assert not [n for n, _ in answer.headers if n.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["/_embedded/faults", "/_embedded/server"])
def test_what_controls_the_server_needs_its_token(call, path):
    """In a header or in the URL; a server without one cannot be controlled."""
    assert call("GET", path).status_code == 403
    assert call("GET", path, X_Embedded_Token="another").status_code == 403
    assert call("GET", path, X_Embedded_Token=TOKEN).status_code in (200, 204)
    assert call("GET", f"{path}?token={TOKEN}").status_code in (200, 204)
    without = Client(Application()).get(path, headers={"Host": "localhost"})
    assert without.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "error"),
    [
        ("GET", f"/{DEFAULT_BUCKET}", {}, 403, "AccessDenied"),
        ("PUT", f"/{DEFAULT_BUCKET}/k", {}, 403, "AccessDenied"),
        (
            "POST",
            "/",
            {"X_Amz_Target": "SageMaker.ListModels"},
            403,
            "MissingAuthenticationTokenException",
        ),
    ],
)
def test_a_call_that_is_not_signed_is_refused(
    call, method, path, headers, status, error
):
    """As on AWS, whose error says so."""
    answer = call(method, path, Authorization=None, **headers)
    assert (answer.status_code, code(answer)) == (status, error)


def test_an_invocation_that_is_not_signed_is_refused(call):
    """In JSON, as the runtime answers."""
    answer = call("POST", "/endpoints/e/invocations", body=b"1", Authorization=None)
    assert answer.status_code == 403
    assert answer.json["message"] == "Missing Authentication Token"


def test_public_data_and_identity_tokens_need_no_signature(call):
    """Anybody may read the public bucket, and call what checks a token itself."""
    assert call("HEAD", PUBLIC, Authorization=None).status_code == 200
    form = "application/x-www-form-urlencoded"
    answer = call(
        "POST",
        "/",
        body="Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=ci"
        "&RoleArn=arn:aws:iam::123456789012:role/SageMakerExecutionRole"
        "&WebIdentityToken=token",
        Authorization=None,
        Content_Type=form,
    )
    assert "<AccessKeyId>" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("service", "header", "error"),
    [
        ("sagemaker", "Bearer x", "IncompleteSignatureException"),
        ("sagemaker", "AWS4-HMAC-SHA256 x", "IncompleteSignatureException"),
        ("s3", "AWS4-HMAC-SHA256 Credential=a/b/c", "AuthorizationHeaderMalformed"),
        ("logs", signature("logs", "mars-1"), "InvalidSignatureException"),
        ("logs", signature("logs", date="today"), "IncompleteSignatureException"),
        ("dynamodb", signature("dynamodb"), "UnknownOperationException"),
    ],
)
def test_a_signature_that_is_none_is_refused(call, service, header, error):
    """Its form and its region are checked; that it is right is not."""
    target = None if service == "s3" else f"{service}.List"
    answer = call("POST", "/", service, Authorization=header, X_Amz_Target=target)
    assert 400 <= answer.status_code < 404
    assert code(answer) == error


def presigned(seconds, lifetime="60"):
    """Return the query of a URL that was presigned so many seconds ago."""
    moment = datetime.now(UTC) - timedelta(seconds=seconds)
    return (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261128%2Fus-east-1"
        f"%2Fs3%2Faws4_request&X-Amz-Date={moment:%Y%m%dT%H%M%SZ}"
        f"&X-Amz-Expires={lifetime}&X-Amz-SignedHeaders=host&X-Amz-Signature=abc"
    )


def old_presigned(seconds):
    """Return the same as Signature Version 2 writes it."""
    moment = datetime.now(UTC).timestamp() - seconds
    return f"AWSAccessKeyId=AKIA&Signature=abc%3D&Expires={moment:.0f}"


@pytest.mark.parametrize(
    ("query", "arguments", "status", "error"),
    [
        (presigned, (0,), 200, ""),
        (presigned, (61,), 403, "AccessDenied"),
        (presigned, (0, "604801"), 400, "AuthorizationQueryParametersError"),
        (presigned, (0, "-1"), 400, "AuthorizationQueryParametersError"),
        (presigned, (0, "soon"), 400, "AuthorizationQueryParametersError"),
        (str, ("X-Amz-Signature=abc",), 400, "AuthorizationQueryParametersError"),
        (old_presigned, (-60,), 200, ""),
        (old_presigned, (1,), 403, "AccessDenied"),
        (
            str,
            ("AWSAccessKeyId=AKIA&Signature=abc&Expires=x",),
            403,
            "AccessDenied",
        ),
    ],
)
def test_a_presigned_url_works_until_it_expires(call, query, arguments, status, error):
    """Both versions of it; S3's words say when."""
    path = f"/{DEFAULT_BUCKET}?{query(*arguments)}"
    answer = call("GET", path, Authorization=None)
    assert answer.status_code == status
    assert not error or code(answer) == error


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("DELETE", "/%2e%2e/x", "s3"),
        ("DELETE", "/../x", "s3"),
        ("PUT", "/_/x", "s3"),
        ("GET", "/v20180820/tags/x", "s3"),
        ("GET", "/latest/meta-data/iam", "s3"),
        ("GET", "/favicon.ico", "s3"),
        ("POST", "/moto-api/reset", "s3"),
        ("GET", "/moto-api/", "sagemaker"),
        ("POST", "/FeatureGroup/f", "sagemaker"),
        ("PUT", "/BatchPutMetrics", "sagemaker"),
        ("GET", "/", "sagemaker"),
        ("POST", "/?Action=ListModels", "sagemaker"),
        ("GET", "/?Action=Nothing", "iam"),
        ("GET", "/", "sts"),
        ("POST", "/a/b", "sts"),
    ],
)
def test_odd_calls_are_refused(call, method, path, service):
    """With 4xx, in the form of AWS, and none reaches what only moto has."""
    answer = call(method, path, service)
    assert 400 <= answer.status_code < 500
    assert "html" not in answer.mimetype


def test_the_account_is_one(call):
    """A header of moto's does not lead to another one."""
    body = "Action=GetCallerIdentity&Version=2011-06-15"
    form = "application/x-www-form-urlencoded"
    answer = call(
        "POST", "/", "sts", body, x_moto_account_id="1" * 12, Content_Type=form
    )
    assert "<Account>123456789012</Account>" in answer.get_data(as_text=True)


def test_the_server_s_processes_do_not_inherit_its_token(embedded):
    """Who has the token can inject faults; a user's training code has it not."""
    pid = embedded.process.pid
    assert embedded.token and embedded.token in embedded.environment.values()
    cmdline = Path(f"/proc/{pid}/cmdline")
    assert not cmdline.exists() or embedded.token not in cmdline.read_text()
