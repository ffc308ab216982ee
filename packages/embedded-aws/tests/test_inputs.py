"""Images, and how a channel's objects reach the container."""

import gzip
import json

import pytest
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.s3 import store
from embedded_aws.s3.models import install
from embedded_aws.s3.store import S3Uri
from embedded_aws.sagemaker.inputs import Channel, download_channel, find_image
from moto import mock_aws
from moto.sagemaker.exceptions import ValidationError

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("sagemaker-xgboost:3.2-0", "3.2-0"),
        ("sagemaker-xgboost:1.7-1", "1.7-1"),
        ("sagemaker-xgboost:1.3-1-cpu-py3", "1.3-1"),
        ("xgboost:1", "1"),
    ],
)
def test_knows_the_built_in_images(name, version):
    """Every tag of the built-in XGBoost is known; only 3.2-0 needs no remark."""
    image = find_image(f"{REGISTRY}/{name}", "us-east-1")
    assert image.version == version
    assert bool(image.engine_note) == (version != "3.2-0")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (f"{REGISTRY}/sagemaker-xgboost:9.9-9", "Requested image .*:9.9-9 not found"),
        (f"{REGISTRY}/sagemaker-scikit-learn:7.2-1", "Requested image .* not found"),
        ("xgboost", "Requested image xgboost not found"),
        (
            "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0",
            "is in eu-west-1, not in us-east-1",
        ),
    ],
)
def test_refuses_any_other_image(uri, message):
    """Another tag or region is refused."""
    with pytest.raises(ValidationError, match=message):
        find_image(uri, "us-east-1")


@pytest.fixture
def bucket():
    """Give a function that fills a bucket in this process."""
    install()
    with mock_aws():
        yield lambda key, content=b"1": store.write(
            S3Uri(bucket=DEFAULT_BUCKET, key=key), content
        )


def channel(key, kind="S3Prefix", **changes):
    """Describe a channel."""
    source = {"S3DataType": kind, "S3Uri": f"s3://{DEFAULT_BUCKET}/{key}"}
    request = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    return Channel.parse(request | changes, "File")


def downloaded(given, folder):
    """Download a channel, and list its files."""
    download_channel(given, folder / "train")
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
    """inputdataconfig.json has the request's values, but File for FastFile."""
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
