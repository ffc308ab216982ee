"""Small objects in S3, by URI."""

import json
from typing import Any, NamedTuple

from runner.errors import ConfigurationError, StorageError
from runner.session import client

# What S3 answers for an object, or a bucket, that is not there.
MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
DENIED = frozenset({"AccessDenied", "403", "Forbidden"})
# Permissions that are not called as their operations are.
CALLS = {"HeadObject": "GetObject"}


class Location(NamedTuple):
    """An object's bucket and key."""

    bucket: str
    key: str


def parse_uri(uri: str) -> Location:
    """Take an S3 URI apart."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise StorageError(f"{uri!r}: not an S3 URI; write s3://bucket/key")
    return Location(bucket, key)


def read_bytes(uri: str, *, remedy: str = "check the URI") -> bytes:
    """Read an object; where it is missing, say what would have put it there."""
    from botocore.exceptions import ClientError

    bucket, key = parse_uri(uri)
    try:
        return client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        raise _explained(error, uri, remedy) from error


def write_bytes(uri: str, content: bytes, *, content_type: str = "") -> str:
    """Write an object and give its URI back."""
    from botocore.exceptions import ClientError

    bucket, key = parse_uri(uri)
    kind = content_type or "application/octet-stream"
    try:
        client("s3").put_object(Bucket=bucket, Key=key, Body=content, ContentType=kind)
    except ClientError as error:
        raise _explained(error, uri, "let the caller s3:PutObject there") from error
    return uri


def read_json(uri: str, *, remedy: str = "check the URI") -> Any:
    """Read a JSON object."""
    content = read_bytes(uri, remedy=remedy)
    try:
        return json.loads(content)
    except ValueError as error:
        raise StorageError(f"{uri}: not JSON, {error}") from error


def write_json(uri: str, value: object) -> str:
    """Write a JSON object and give its URI back."""
    content = json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
    return write_bytes(uri, content.encode(), content_type="application/json")


def exists(uri: str) -> bool:
    """Tell whether an object is there."""
    return bool(etag(uri))


def etag(uri: str) -> str:
    """Identify what an object holds without reading it; nothing if it is not there."""
    from botocore.exceptions import ClientError

    bucket, key = parse_uri(uri)
    try:
        return client("s3").head_object(Bucket=bucket, Key=key)["ETag"]
    except ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            return ""
        raise _explained(error, uri, "let the caller s3:GetObject there") from error


def _explained(error: Any, uri: str, remedy: str) -> StorageError | ConfigurationError:
    """Turn S3's answer into one line."""
    code = error.response["Error"]["Code"]
    if code == "NoSuchBucket":
        return ConfigurationError(
            f"{uri}: no such bucket; create it or set SAGEMAKER_BUCKET to another"
        )
    if code in MISSING:
        return StorageError(f"{uri}: not there; {remedy}")
    message = error.response["Error"].get("Message", "")
    if code in DENIED:
        call = error.operation_name
        remedy = f"let the caller s3:{CALLS.get(call, call)} there"
    return StorageError(f"{uri}: {code}, {message}; {remedy}")
