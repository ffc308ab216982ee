"""S3 as the other services read and write it, with access that a fault can deny."""

from dataclasses import dataclass

from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

from embedded_aws.account import ACCOUNT_ID
from embedded_aws.faults import faults
from embedded_aws.files import Content
from embedded_aws.s3.keys import StoredKey
from embedded_aws.s3.models import Backend


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


def backend() -> Backend:
    """Return S3's state, which all regions share."""
    found = s3_backends[ACCOUNT_ID]["aws"]
    assert isinstance(found, Backend)
    return found


def list_keys(prefix: S3Uri) -> list[str]:
    """List the keys under a prefix, without the markers of empty folders."""
    try:
        keys = list(backend().get_bucket(prefix.bucket).keys)
    except MissingBucket:
        return []
    found = sorted(k for k in keys if k.startswith(prefix.key) and not k.endswith("/"))
    return [key for key in found if find(S3Uri(bucket=prefix.bucket, key=key))]


def find(uri: S3Uri) -> StoredKey | None:
    """Return an object, or None if it, or its bucket, does not exist."""
    try:
        found = backend().get_object(uri.bucket, uri.key)
    except MissingBucket:
        return None
    assert found is None or isinstance(found, StoredKey)
    return found


def open_object(uri: S3Uri) -> Content | None:
    """Open an object, or return None if it does not exist."""
    _check_access(uri, "GetObject")
    found = find(uri)
    return None if found is None else found.value


def read(uri: S3Uri) -> bytes | None:
    """Read a small object, or return None if it does not exist."""
    content = open_object(uri)
    return None if content is None else bytes(content)


def write(uri: S3Uri, content: bytes | Content) -> None:
    """Write an object; raise MissingBucket if its bucket does not exist."""
    _check_access(uri, "PutObject")
    backend().put_object(uri.bucket, uri.key, content)
    backend().keep()


def _check_access(uri: S3Uri, operation: str) -> None:
    if faults.take("s3-access-denied", f"{uri.bucket}/{uri.key}", operation):
        raise AccessDeniedError(f"Access denied to {uri}")
