"""How a channel's objects reach the container."""

import gzip
import json

import pytest
from embedded_aws import storage
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.sagemaker import channels
from embedded_aws.sagemaker.channels import Channel
from embedded_aws.storage import Location
from moto import mock_aws
from moto.sagemaker.exceptions import ValidationError


@pytest.fixture
def bucket():
    """Give a function that fills a bucket in this process."""
    with mock_aws():
        storage.backend().create_bucket(DEFAULT_BUCKET, "us-east-1")
        yield lambda key, content=b"1": storage.write(
            Location(bucket=DEFAULT_BUCKET, key=key), content
        )


def channel(key, kind="S3Prefix", **changes):
    """Describe a channel."""
    source = {"S3DataType": kind, "S3Uri": f"s3://{DEFAULT_BUCKET}/{key}"}
    request = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    return Channel.parse(request | changes, "File")


def downloaded(given, folder):
    """Download a channel, and list its files."""
    channels.download(given, folder / "train")
    found = [path for path in (folder / "train").rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(folder / "train")) for path in found)


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("a/train", ["b/2.csv", "one.csv"]),
        ("a/train/", ["b/2.csv", "one.csv"]),
        ("a/train/one.csv", ["one.csv"]),
        ("a/train/o", ["one.csv"]),
        ("a/train/b", ["2.csv"]),
    ],
)
def test_names_are_relative_to_the_prefix(bucket, tmp_path, prefix, expected):
    """A file keeps its path below the prefix's last folder."""
    for key in ("a/train/one.csv", "a/train/b/2.csv", "a/train/b/"):
        bucket(key)
    assert downloaded(channel(prefix), tmp_path) == expected


def test_reads_the_files_of_a_manifest(bucket, tmp_path):
    """A manifest names a prefix, and the files below it."""
    bucket("d/x.csv")
    bucket("d/sub/y.csv")
    bucket("d/z.csv")
    entries = [{"prefix": f"s3://{DEFAULT_BUCKET}/d/"}, "x.csv", "sub/y.csv"]
    bucket("list.json", json.dumps(entries).encode())
    files = downloaded(channel("list.json", "ManifestFile"), tmp_path)
    assert files == ["sub/y.csv", "x.csv"]


def test_unpacks_gzip(bucket, tmp_path):
    """Compressed files arrive as they were before."""
    bucket("g/a.csv.gz", gzip.compress(b"1,2"))
    files = downloaded(channel("g", CompressionType="Gzip"), tmp_path)
    assert files == ["a.csv"]
    assert (tmp_path / "train" / "a.csv").read_bytes() == b"1,2"


def test_keys_cannot_lead_outside(bucket, tmp_path):
    """A key with dots stays below its channel."""
    bucket("p/../../evil.csv")
    assert downloaded(channel("p"), tmp_path) == ["evil.csv"]


def test_describes_itself_to_the_container():
    """inputdataconfig.json says what the request said, and FastFile looks like File."""
    given = channel("x", ContentType="text/csv", InputMode="FastFile")
    assert given.describe() == {
        "ContentType": "text/csv",
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    assert "ContentType" not in channel("x").describe()


def test_refuses_a_source_that_is_not_embedded():
    """File systems and augmented manifests are refused."""
    with pytest.raises(ValidationError, match="Channel train: the embedded AWS reads"):
        channel("x", "AugmentedManifestFile")
