"""What S3 checks of the content that it is sent: checksums, signatures, policies."""

import json
from base64 import b64encode
from hashlib import md5, sha256
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from embedded_aws.account import ACCOUNT_ID, PUBLIC_BUCKET, REGION, ROLE_ARN
from embedded_aws.s3 import checksums
from embedded_aws.s3.access import OWNER_ACL

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20261128/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=abc"
)


@pytest.fixture
def s3(client, name):
    """Give a client, and make a bucket of the test's name."""
    client("s3").create_bucket(Bucket=name)
    return client("s3")


def put(embedded, url, body=b"content", headers=None):
    """Send content, and return the status with the code of the error."""
    if not url.startswith("http"):
        url, headers = embedded.url + url, {"Authorization": SIGNED} | (headers or {})
    call = Request(url, body, headers or {}, method="PUT")
    try:
        with urlopen(call, timeout=30) as answer:
            return answer.status, ""
    except HTTPError as error:
        with error:
            text = error.read().decode()
            return error.code, text.partition("<Code>")[2].partition("<")[0]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "application/json"]
)
def test_a_presigned_url_takes_content_of_every_type(embedded, s3, name, version, kind):
    """Also what looks like a form, which is what curl sends."""
    signer = boto3.client(
        "s3",
        endpoint_url=embedded.url,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="unused",
        region_name="us-east-1",
        config=Config(signature_version=version),
    )
    where = {"Bucket": name, "Key": "key"}
    url = signer.generate_presigned_url("put_object", Params=where)
    body = b"a=1&b=\xff+%20"
    assert put(embedded, url, body, {"Content-Type": kind}) == (200, "")
    assert s3.get_object(**where)["Body"].read() == body


def encoded(digest):
    """Write a digest as headers do."""
    return b64encode(digest).decode()


def good(algorithm):
    """Return the checksum of the content as a header has it."""
    return encoded(checksums.checksum([b"content"], algorithm))


@pytest.mark.parametrize(
    ("header", "right", "wrong", "error"),
    [
        ("Content-MD5", encoded(md5(b"content").digest()), "x", "InvalidDigest"),
        (
            "Content-MD5",
            encoded(md5(b"content").digest()),
            encoded(md5(b"other").digest()),
            "BadDigest",
        ),
        (
            "x-amz-content-sha256",
            sha256(b"content").hexdigest(),
            sha256(b"other").hexdigest(),
            "XAmzContentSHA256Mismatch",
        ),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD", "anything", "InvalidDigest"),
        (
            "x-amz-checksum-sha256",
            encoded(sha256(b"content").digest()),
            encoded(b"x"),
            "BadDigest",
        ),
        ("x-amz-checksum-crc32", good("CRC32"), "AAAAAA==", "BadDigest"),
        ("x-amz-checksum-crc32c", good("CRC32C"), "AAAAAA==", "BadDigest"),
        ("x-amz-checksum-crc64nvme", good("CRC64NVME"), "AA==", "BadDigest"),
    ],
)
def test_content_that_is_not_what_its_checksum_says_is_refused(
    embedded, s3, name, header, right, wrong, error
):
    """What is there stays; the right checksum is taken."""
    path = f"/{name}/key"
    assert put(embedded, path, headers={header: right}) == (200, "")
    assert put(embedded, path, b"other content", {header: wrong}) == (400, error)
    assert s3.get_object(Bucket=name, Key="key")["Body"].read() == b"content"


def test_a_checksum_that_follows_content_is_compared(embedded, s3, name):
    """A client that streams sends it as a trailer."""
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    body = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n"
    path = f"/{name}/key"
    assert put(embedded, path, body % b"NSRBwg==", headers) == (200, "")
    assert put(embedded, path, body % b"AAAAAA==", headers) == (400, "BadDigest")


@pytest.mark.parametrize(
    ("data", "lanes"), [(b"123456789", 4096), (bytes(range(256)) * 64 + b"end", 16)]
)
def test_checksums_that_python_lacks_are_right(monkeypatch, data, lanes):
    """Byte after byte, and many parts side by side."""
    monkeypatch.setattr(checksums, "LANES", 1 << 40)
    slow = [checksums.checksum([data], name) for name in ("CRC32C", "CRC64NVME")]
    monkeypatch.setattr(checksums, "LANES", lanes)
    parts = [data[:1000], data[1000:]]
    assert [checksums.checksum(parts, n) for n in ("CRC32C", "CRC64NVME")] == slow
    if data == b"123456789":
        assert [each.hex() for each in slow] == ["e3069283", "ae8b14860a799888"]


def test_the_owner_of_a_source_is_asked_for_however_it_is_encoded(embedded, s3, name):
    """Some SDKs encode the slash behind the bucket, too."""
    headers = {
        "x-amz-copy-source": f"{PUBLIC_BUCKET}%2Fdatasets%2Fnone",
        "x-amz-source-expected-bucket-owner": ACCOUNT_ID,
    }
    assert put(embedded, f"/{name}/key", b"", headers) == (403, "AccessDenied")


def post(form, content=b"content"):
    """Send a form as a browser does, and return the status."""
    lines = [
        f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in form["fields"].items()
    ]
    head = '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = "".join(lines).encode() + head.encode() + content + b"\r\n--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    try:
        call = Request(form["url"], body, kind, method="POST")
        with urlopen(call, timeout=30) as answer:
            return answer.status
    except HTTPError as error:
        with error:
            return error.code


def test_a_form_is_taken_as_its_policy_allows(s3, name):
    """While it has not expired, with these fields, and of this size."""
    conditions = [["starts-with", "$key", "in/"], ["content-length-range", 1, 10]]
    form = s3.generate_presigned_post(name, "in/${filename}", Conditions=conditions)
    assert post(form) == 204
    assert s3.get_object(Bucket=name, Key="in/f")["Body"].read() == b"content"
    assert post(form, b"content that is too long") == 403
    other = form | {"fields": form["fields"] | {"key": "out"}}
    assert post(other) == 403
    expired = s3.generate_presigned_post(name, "key", ExpiresIn=-1)
    assert post(expired) == 403
    del form["fields"]["policy"]
    assert post(form) == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Resource": "in/*"}, 403),
        ({"Resource": "out/*"}, 204),
        ({"Condition": {"StringEquals": {"s3:x-amz-acl": OWNER_ACL}}}, 403),
        ({"Condition": {"StringNotEquals": {"s3:x-amz-acl": OWNER_ACL}}}, 204),
        ({"Action": "s3:PutObjectAcl"}, 403),
        ({"Action": "s3:GetObject"}, 204),
    ],
    ids=str,
)
def test_a_bucket_policy_holds_for_a_form(s3, name, changes, status):
    """As for other uploads: of its key, with its ACL."""
    given = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"} | changes
    given["Resource"] = f"arn:aws:s3:::{name}/{given.get('Resource', '*')}"
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": [given]}))
    acl = {"acl": OWNER_ACL}
    form = s3.generate_presigned_post(name, "in/${filename}", acl, [acl])
    assert post(form) == status


def test_a_form_has_no_longer_key_than_other_uploads(s3, name):
    """S3 refuses it as it refuses that of PutObject."""
    assert post(s3.generate_presigned_post(name, "k" * 1025)) == 400


def test_a_bucket_policy_knows_who_signed_a_url_or_a_form(embedded, client, s3, name):
    """Also where the signature of version 4 is not in a header."""
    role = client("sts").assume_role(RoleArn=ROLE_ARN, RoleSessionName="signer")
    signer = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=embedded.url,
        aws_access_key_id=role["Credentials"]["AccessKeyId"],
        aws_secret_access_key="unused",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    s3.put_object(Bucket=name, Key="key", Body=b"content")
    url = signer.generate_presigned_url("get_object", {"Bucket": name, "Key": "key"})
    form = signer.generate_presigned_post(name, "key")
    with urlopen(url, timeout=30) as answer:
        assert answer.read() == b"content"
    assert post(form) == 204
    statement = {"Effect": "Deny", "Principal": {"AWS": ROLE_ARN}, "Action": "s3:*"}
    statement["Resource"] = f"arn:aws:s3:::{name}/*"
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": [statement]}))
    with pytest.raises(HTTPError, match="403"):
        urlopen(url, timeout=30)
    assert post(form) == 403
    assert s3.get_object(Bucket=name, Key="key")["Body"].read() == b"content"
