"""Small objects in S3 are read and written by URI."""

import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import run_uri
from lifecycle.errors import ConfigurationError, StorageError
from lifecycle.s3 import (
    exists,
    parse_uri,
    read_bytes,
    read_json,
    write_bytes,
    write_json,
)
from packages import new_name


@pytest.fixture
def uri(aws: EmbeddedAWS) -> str:
    """An object's URI that nothing else has."""
    return run_uri(new_name(), "r1", "evidence", "thing.json")


def test_a_uri_is_taken_apart():
    """A URI names a bucket and a key."""
    assert parse_uri("s3://bucket/a/b.csv") == ("bucket", "a/b.csv")


@pytest.mark.parametrize("uri", ["", "bucket/key", "s3://bucket", "https://a/b"])
def test_what_is_no_uri_is_refused(uri):
    """Anything else is an error that shows the form."""
    with pytest.raises(StorageError, match="s3://bucket/key"):
        parse_uri(uri)


def test_what_is_written_is_read(uri):
    """An object comes back as it was written, and its URI with it."""
    assert write_bytes(uri, b"content") == uri
    assert read_bytes(uri) == b"content"


def test_json_is_written_and_read(uri):
    """A value survives as JSON."""
    assert read_json(write_json(uri, {"a": [1, None]})) == {"a": [1, None]}


def test_what_is_not_json_is_an_error(uri):
    """A broken JSON object is named."""
    write_bytes(uri, b"{")

    with pytest.raises(StorageError, match=r"thing.json: not JSON"):
        read_json(uri)


def test_what_is_missing_comes_with_its_remedy(uri):
    """Whoever reads knows what would have put the object there."""
    with pytest.raises(StorageError, match=r"thing.json: not there; run prepare"):
        read_bytes(uri, remedy="run prepare")


def test_existence_is_told(uri):
    """An object is there once it was written."""
    assert not exists(uri)

    write_bytes(uri, b"")

    assert exists(uri)


def test_a_missing_bucket_is_a_matter_of_configuration(aws: EmbeddedAWS):
    """The error names the variable that chooses the bucket."""
    with pytest.raises(ConfigurationError, match="SAGEMAKER_BUCKET"):
        write_bytes("s3://no-such-bucket-here/key", b"")


def test_a_denial_is_explained(aws: EmbeddedAWS, uri):
    """What S3 denies is named with the permission that is missing."""
    aws.inject(Fault(kind="s3-access-denied", name=parse_uri(uri).key))

    with pytest.raises(StorageError, match=r"AccessDenied.*s3:PutObject"):
        write_bytes(uri, b"")
