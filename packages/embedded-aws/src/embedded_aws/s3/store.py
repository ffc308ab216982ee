"""S3 as the other services read and write it, with access that a fault can deny."""

from dataclasses import dataclass

from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeKey, S3Backend, s3_backends

from embedded_aws.account import ACCOUNT_ID
from embedded_aws.faults import faults


class AccessDeniedError(Exception):
    """Report that a fault denies a service access to an object."""


@dataclass(frozen=True, kw_only=True)
class S3Uri:
    """Name an S3 object, or the prefix of several."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> "S3Uri":
        """Read `s3://bucket/key`."""
        bucket, _, key = text.removeprefix("s3://").partition("/")
        return cls(bucket=bucket, key=key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def backend() -> S3Backend:
    """Return S3's state, which all regions share."""
    return s3_backends[ACCOUNT_ID]["aws"]


def list_keys(prefix: S3Uri) -> list[str]:
    """List the keys under a prefix, without the markers of empty folders."""
    try:
        keys = list(backend().get_bucket(prefix.bucket).keys)
    except MissingBucket:
        return []
    found = sorted(k for k in keys if k.startswith(prefix.key) and not k.endswith("/"))
    return [key for key in found if find(S3Uri(bucket=prefix.bucket, key=key))]


def find(uri: S3Uri) -> FakeKey | None:
    """Return an object, or None if it, or its bucket, does not exist."""
    try:
        return backend().get_object(uri.bucket, uri.key)
    except MissingBucket:
        return None


def read(uri: S3Uri) -> bytes | None:
    """Read an object, or return None if it does not exist."""
    _check_access(uri, "GetObject")
    found = find(uri)
    return None if found is None else bytes(found.value)


def write(uri: S3Uri, content: bytes) -> None:
    """Write an object; raise MissingBucket if its bucket does not exist."""
    _check_access(uri, "PutObject")
    backend().put_object(uri.bucket, uri.key, content)


def _check_access(uri: S3Uri, operation: str) -> None:
    if faults.take("s3-access-denied", f"{uri.bucket}/{uri.key}", operation):
        raise AccessDeniedError(f"Access denied to {uri}")
