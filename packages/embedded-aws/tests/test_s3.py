"""S3: the default bucket, the public data, and how other services use it."""

import base64
import csv
import socket
import sys
from hashlib import md5, sha256
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError
from embedded_aws.faults import Fault, faults
from embedded_aws.s3 import datasets, store
from embedded_aws.s3.checksums import checksum
from embedded_aws.s3.models import install
from embedded_aws.s3.store import S3Uri
from embedded_aws.state import state
from moto import mock_aws

BUCKET = "sagemaker-sample-files"
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20261128/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=abc"
)
LARGE = 64 * 1024**2


def read(client, key):
    """Read lines of the public bucket."""
    answer = client("s3").get_object(Bucket=BUCKET, Key=key)
    return answer["Body"].read().decode().splitlines()


def test_default_bucket_is_there(client):
    """The account's default bucket exists from the start."""
    names = [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
    assert "sagemaker-us-east-1-123456789012" in names


def test_the_public_data_of_the_tutorials_is_there(client):
    """In libsvm: rings, then eight features, of which the first is the sex."""
    folder = "datasets/tabular/uci_abalone"
    bodies = [
        client("s3").get_object(Bucket=BUCKET, Key=f"{folder}/{name}/abalone.{name}")
        for name in ("train", "validation", "test")
    ]
    parts = [answer["Body"].read().decode().splitlines() for answer in bodies]
    assert [len(lines) for lines in parts] == [2924, 626, 627]
    assert len(set().union(*parts)) == 4177
    label, sex, *rest = parts[0][0].split()
    assert 1 <= int(label) <= 29
    assert sex in ("1:1", "1:2", "1:3")
    assert [each.partition(":")[0] for each in rest] == list("2345678")


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
    install()
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


def test_the_public_data_come_once_there_is_room(bucket, monkeypatch):
    """They are not missing because a disk was full."""
    key = S3Uri(bucket=BUCKET, key="datasets/tabular/uci_abalone/abalone.csv")
    folder = state.files.folder
    monkeypatch.setattr(state.files, "folder", folder / "not-there")
    with pytest.raises(FileNotFoundError):
        store.read(key)
    monkeypatch.setattr(state.files, "folder", folder)

    assert store.read(key)


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


@pytest.fixture
def s3(client, name):
    """Give a client of S3, and a bucket of its own."""
    client("s3").create_bucket(Bucket=name)
    return client("s3")


def memory(embedded, kind):
    """Return the memory of the server in MB, as it is (RSS) or was at most (HWM)."""
    status = Path(f"/proc/{embedded.process.pid}/status").read_text()
    (line,) = [each for each in status.splitlines() if each.startswith(f"Vm{kind}")]
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_objects_are_never_in_memory(embedded, s3, name, tmp_path):
    """They are put, copied, joined, read and trained from in pieces."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
    s3.put_object(Bucket=name, Key="small", Body=b"")
    before = memory(embedded, "RSS")
    with path.open("rb") as file:
        s3.put_object(Bucket=name, Key="large", Body=file)
    s3.copy_object(Bucket=name, Key="copy", CopySource=f"{name}/large")
    s3.upload_file(str(path), name, "parts")
    for key in ("large", "copy", "parts"):
        body = s3.get_object(Bucket=name, Key=key)["Body"]
        assert sum(len(chunk) for chunk in body.iter_chunks(1024**2)) == LARGE
        s3.delete_object(Bucket=name, Key=key)
    assert memory(embedded, "HWM") < before + 40


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("0-3", b"0123"), ("4-", b"456789"), ("-2", b"89"), ("8-100", b"89")],
)
def test_a_range_of_an_object_can_be_read(s3, name, asked, expected):
    """From its beginning, its middle or its end."""
    s3.put_object(Bucket=name, Key="key", Body=b"0123456789")
    answer = s3.get_object(Bucket=name, Key="key", Range=f"bytes={asked}")
    assert answer["Body"].read() == expected
    assert answer["ContentLength"] == len(expected)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_those_of_the_content(s3, name, algorithm):
    """Whether a client sends the value before the content or after it."""
    kind = f"Checksum{algorithm}"
    put = s3.put_object(Bucket=name, Key="k", Body=b"abc", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=name, Key="k", ChecksumMode="ENABLED")
    expected = base64.b64encode(checksum([b"a", b"bc"], algorithm)).decode()
    assert put[kind] == got[kind] == expected


def test_a_copy_has_the_checksum_that_is_asked_for(s3, name):
    """Also of an object that had none."""
    s3.put_object(Bucket=name, Key="k", Body=b"abc")
    copied = s3.copy_object(
        Bucket=name, Key="copy", CopySource=f"{name}/k", ChecksumAlgorithm="SHA256"
    )
    expected = base64.b64encode(sha256(b"abc").digest()).decode()
    assert copied["CopyObjectResult"]["ChecksumSHA256"] == expected


def test_accesses_can_be_logged(s3, name):
    """To another bucket, as objects."""
    s3.create_bucket(
        Bucket=f"{name}-logs",
        ACL="log-delivery-write",
        ObjectOwnership="BucketOwnerPreferred",
    )
    target = {"TargetBucket": f"{name}-logs", "TargetPrefix": "p/"}
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={"LoggingEnabled": target})
    s3.list_objects_v2(Bucket=name)
    (logged,) = s3.list_objects_v2(Bucket=f"{name}-logs")["Contents"]
    line = s3.get_object(Bucket=f"{name}-logs", Key=logged["Key"])["Body"].read()
    assert f"GET /{name}".encode() in line


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"x-amz-te": "append-md5"}, b"abc"),
        (
            {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
            b"2;chunk-signature=0\r\nab\r\n1;chunk-signature=0\r\nc\r\n"
            b"0;chunk-signature=0\r\n\r\n",
        ),
        (
            {
                "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                "content-encoding": "aws-chunked",
                "x-amz-sdk-checksum-algorithm": "CRC32",
            },
            b"2\r\nab\r\n1\r\nc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n",
        ),
    ],
)
def test_every_way_to_send_a_body_gives_its_content(embedded, s3, name, headers, body):
    """As it is, in signed chunks, and in chunks that a checksum follows."""
    url = f"{embedded.url}/{name}/key"
    headers |= {"x-amz-decoded-content-length": "3", "Authorization": SIGNED}
    call = Request(url, body, headers, method="PUT")
    with urlopen(call, timeout=30) as answer:
        assert answer.headers["ETag"] == f'"{md5(b"abc").hexdigest()}"'
        assert answer.headers.get("x-amz-checksum-crc32") in (None, "NSRBwg==")
    assert s3.get_object(Bucket=name, Key="key")["Body"].read() == b"abc"


def test_an_object_is_read_as_the_sdk_for_c_asks_for_it(embedded, s3, name):
    """With the version of the API, and with capitals in lower case; pyarrow has it."""
    s3.put_object(Bucket=name, Key="key", Body=b"abc", ChecksumAlgorithm="CRC32")
    headers = {"x-amz-api-version": "2006-03-01", "x-amz-checksum-mode": "enabled"}
    headers |= {"Authorization": SIGNED}
    call = Request(f"{embedded.url}/{name}/key", headers=headers)
    with urlopen(call, timeout=30) as answer:
        assert answer.read() == b"abc"
        assert answer.headers["x-amz-checksum-crc32"] == "NSRBwg=="


def test_a_body_that_breaks_off_is_no_object(embedded, s3, name):
    """Nor does it replace the one that is there."""
    s3.put_object(Bucket=name, Key="key", Body=b"old")
    with socket.create_connection(("127.0.0.1", urlsplit(embedded.url).port)) as sender:
        head = f"PUT /{name}/key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        head += f"Authorization: {SIGNED}\r\n\r\n"
        sender.sendall(head.encode() + b"new")
        sender.shutdown(socket.SHUT_WR)
        assert b" 400 " in sender.recv(1000).splitlines()[0]
    assert s3.get_object(Bucket=name, Key="key")["Body"].read() == b"old"


def test_a_completed_upload_can_be_completed_once_more(s3, name):
    """A client whose answer was lost gets the same one; its parts can be asked for."""
    where = {"Bucket": name, "Key": "key"}
    upload = where | {"UploadId": s3.create_multipart_upload(**where)["UploadId"]}
    bodies = [b"x" * 5 * 1024**2, b"end"]
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"],
        }
        for number, body in enumerate(bodies, 1)
    ]
    answers = [
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        for _ in range(2)
    ]
    assert answers[0]["ETag"] == answers[1]["ETag"]
    assert answers[0]["ETag"].endswith('-2"')
    assert s3.get_object(**where)["Body"].read() == b"".join(bodies)
    part = s3.head_object(**where, PartNumber=2)
    assert (part["ContentLength"], part["PartsCount"]) == (3, 2)
    part = s3.get_object(**where, PartNumber=2)
    assert (part["Body"].read(), part["PartsCount"]) == (b"end", 2)
