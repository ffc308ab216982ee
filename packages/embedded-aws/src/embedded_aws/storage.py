"""S3 as the services of the embedded AWS themselves use it."""

from dataclasses import dataclass

from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeKey, S3Backend, s3_backends

from embedded_aws.account import ACCOUNT_ID
from embedded_aws.faults import faults


class AccessDeniedError(Exception):
    """Report that S3 does not let a service read or write."""


@dataclass(frozen=True, kw_only=True)
class Location:
    """Name an S3 object, or the prefix of several."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, uri: str) -> "Location":
        """Read an S3 URI."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return cls(bucket=bucket, key=key)

    @property
    def uri(self) -> str:
        """Spell the S3 URI."""
        return f"s3://{self.bucket}/{self.key}"

    def under(self, *names: str) -> "Location":
        """Name an object under this prefix."""
        parts = [self.key.rstrip("/"), *names]
        return Location(bucket=self.bucket, key="/".join(filter(None, parts)))


def backend() -> S3Backend:
    """Give S3's state, which all regions share."""
    return s3_backends[ACCOUNT_ID]["aws"]


def objects(prefix: Location) -> list[str]:
    """List the keys under a prefix, without the markers of empty folders."""
    try:
        keys = list(backend().get_bucket(prefix.bucket).keys)
    except MissingBucket:
        return []
    found = sorted(k for k in keys if k.startswith(prefix.key) and not k.endswith("/"))
    return [key for key in found if stored(Location(bucket=prefix.bucket, key=key))]


def stored(location: Location) -> FakeKey | None:
    """Find an object; a deleted one, or one of no bucket, is none."""
    try:
        return backend().get_object(location.bucket, location.key)
    except MissingBucket:
        return None


def read(location: Location) -> bytes | None:
    """Read an object, if it is there."""
    refuse_if_denied(location, "GetObject")
    found = stored(location)
    return None if found is None else bytes(found.value)


def write(location: Location, content: bytes) -> None:
    """Write an object."""
    refuse_if_denied(location, "PutObject")
    backend().put_object(location.bucket, location.key, content)


def refuse_if_denied(location: Location, operation: str) -> None:
    """Let a fault on demand deny access."""
    name = f"{location.bucket}/{location.key}"
    if faults.take("s3-access-denied", name, operation):
        raise AccessDeniedError(f"Access denied to {location.uri}")
