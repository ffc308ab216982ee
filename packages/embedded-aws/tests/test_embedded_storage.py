"""S3 as the services of the embedded AWS themselves use it."""

import pytest
from embedded_aws import storage
from embedded_aws.faults import Fault, faults
from embedded_aws.storage import AccessDeniedError, Location
from moto import mock_aws

PLACE = Location(bucket="a-bucket", key="folder/file")


@pytest.fixture(autouse=True)
def bucket():
    """Make a bucket in this process."""
    with mock_aws():
        storage.backend().create_bucket(PLACE.bucket, "us-east-1")
        yield
    faults.remove()


def test_reads_what_was_written():
    """An object has the bytes that were written; another key has none."""
    storage.write(PLACE, b"text")
    assert storage.read(PLACE) == b"text"
    assert storage.read(Location.parse("s3://a-bucket/other")) is None
    assert storage.read(Location.parse("s3://no-bucket/folder/file")) is None


def test_lists_keys_under_a_prefix_without_folder_markers():
    """Empty folders, other prefixes and missing buckets list nothing."""
    storage.write(PLACE, b"")
    storage.write(Location(bucket=PLACE.bucket, key="folder/"), b"")
    assert storage.objects(Location.parse("s3://a-bucket/fol")) == ["folder/file"]
    assert storage.objects(Location.parse("s3://a-bucket/other")) == []
    assert storage.objects(Location.parse("s3://no-bucket/")) == []


def test_a_fault_denies_access_once():
    """Access that a fault denies is an error of its own."""
    faults.add(Fault(kind="s3-access-denied", name="folder", operation="GetObject"))
    storage.write(PLACE, b"text")
    with pytest.raises(AccessDeniedError, match="s3://a-bucket/folder/file"):
        storage.read(PLACE)
    assert storage.read(PLACE) == b"text"
