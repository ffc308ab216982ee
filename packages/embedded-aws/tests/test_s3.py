"""S3: the default bucket, the public data, and how other services use it."""

import csv
from hashlib import sha256

import pytest
from botocore.exceptions import ClientError
from embedded_aws.faults import Fault, faults
from embedded_aws.s3 import datasets, store
from embedded_aws.s3.store import S3Uri
from moto import mock_aws

BUCKET = "sagemaker-sample-files"


def read(client, key):
    """Read lines of the public bucket."""
    answer = client("s3").get_object(Bucket=BUCKET, Key=key)
    return answer["Body"].read().decode().splitlines()


def test_default_bucket_is_there(client):
    """The account's default bucket exists from the start."""
    names = [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
    assert "sagemaker-us-east-1-123456789012" in names


def test_serves_abalone_as_uci_writes_it(client):
    """The abalone data has 4,177 rows: no header, sex first, rings last."""
    lines = read(client, "datasets/tabular/uci_abalone/abalone.csv")
    assert len(lines) == 4177
    assert lines[0] == "M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15,15"
    assert {line[0] for line in lines} == {"M", "F", "I"}
    assert all(len(line.split(",")) == 9 for line in lines)


def test_serves_churn_with_the_columns_of_the_real_file(client):
    """The churn data has 5,000 rows, and the real file's header and values."""
    lines = read(client, "datasets/tabular/synthetic/churn.txt")
    rows = list(csv.DictReader(lines))
    assert len(rows) == 5000
    assert lines[0] == ",".join(datasets.CHURN_COLUMNS.values())
    assert lines[1] == (
        "KS,128,415,382-4657,no,yes,25,265.1,110,45.07,197.4,99,16.78,244.7,91,11.01,"
        "10,3,2.7,1,False."
    )
    assert {row["Churn?"] for row in rows} == {"True.", "False."}
    assert {row["Area Code"] for row in rows} == {"408", "415", "510"}
    assert len({row["Phone"] for row in rows}) == 5000


@pytest.mark.parametrize(
    ("key", "digest"),
    [
        (
            "datasets/tabular/uci_abalone/abalone.csv",
            "de37cdcdcaaa50c309d514f248f7c2302a5f1f88c168905eba23fe2fbc78449f",
        ),
        (
            "datasets/tabular/synthetic/churn.txt",
            "93c5a7c216699dd7b00f34052d807807f4b9fabbf0b72e35780e5d657cab3189",
        ),
    ],
)
def test_data_never_changes(client, key, digest):
    """Not by a byte: fingerprints and golden rows hang on it."""
    answer = client("s3").get_object(Bucket=BUCKET, Key=key)
    assert sha256(answer["Body"].read()).hexdigest() == digest


def test_public_bucket_cannot_be_written(client):
    """Writing to the public bucket is denied, as on AWS."""
    with pytest.raises(ClientError, match="Access Denied"):
        client("s3").put_object(Bucket=BUCKET, Key="mine", Body=b"")
    with pytest.raises(ClientError, match="Access Denied"):
        client("s3").create_bucket(Bucket=BUCKET)


def test_says_which_package_is_missing():
    """A data set whose package is not installed is named."""
    with pytest.raises(FileNotFoundError, match="no_such_package is not installed"):
        datasets.packaged_file("no_such_package", "data.csv")


URI = S3Uri(bucket="a-bucket", key="folder/file")


@pytest.fixture
def bucket():
    """Make a bucket in this process."""
    with mock_aws():
        store.backend().create_bucket(URI.bucket, "us-east-1")
        yield
    faults.remove()


def test_reads_what_was_written(bucket):
    """An object has the bytes that were written; another key has none."""
    store.write(URI, b"text")
    assert store.read(URI) == b"text"
    assert store.read(S3Uri.parse("s3://a-bucket/other")) is None
    assert store.read(S3Uri.parse("s3://no-bucket/folder/file")) is None


def test_lists_keys_under_a_prefix_without_folder_markers(bucket):
    """Empty folders, other prefixes and missing buckets list nothing."""
    store.write(URI, b"")
    store.write(S3Uri(bucket=URI.bucket, key="folder/"), b"")
    assert store.list_keys(S3Uri.parse("s3://a-bucket/fol")) == ["folder/file"]
    assert store.list_keys(S3Uri.parse("s3://a-bucket/other")) == []
    assert store.list_keys(S3Uri.parse("s3://no-bucket/")) == []


def test_a_fault_denies_access_once(bucket):
    """Access that a fault denies is an error of its own."""
    faults.add(Fault(kind="s3-access-denied", name="folder", operation="GetObject"))
    store.write(URI, b"text")
    with pytest.raises(store.AccessDeniedError, match="s3://a-bucket/folder/file"):
        store.read(URI)
    assert store.read(URI) == b"text"
