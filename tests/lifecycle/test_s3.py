"""Objects in S3 are read, written, listed and copied by URI."""

from pathlib import Path

import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS
from model_packages import new_name

from lifecycle.aws import client, run_uri
from lifecycle.errors import ConfigurationError, IntegrityError, StorageError
from lifecycle.s3 import (
    etag,
    exists,
    hash_object,
    list_files,
    list_folders,
    parse_uri,
    read_bytes,
    read_checked,
    read_json,
    upload_folder,
    write_bytes,
    write_json,
)


@pytest.fixture
def prefix(aws: EmbeddedAWS) -> str:
    """A prefix that no other test uses."""
    return run_uri(new_name(), "r1", "evidence")


@pytest.fixture
def uri(prefix: str) -> str:
    """The URI of an object that does not exist yet."""
    return f"{prefix}/thing.json"


def content_type(uri: str) -> str:
    """Return the type with which S3 serves an object."""
    bucket, key = parse_uri(uri)
    return client("s3").head_object(Bucket=bucket, Key=key)["ContentType"]


def test_a_uri_has_a_bucket_and_a_key():
    """The key may have any number of folders."""
    assert parse_uri("s3://bucket/a/b.csv") == ("bucket", "a/b.csv")


@pytest.mark.parametrize("uri", ["", "bucket/key", "s3://bucket", "https://a/b"])
def test_anything_but_an_s3_uri_is_an_error(uri):
    """The error shows the form of an S3 URI."""
    with pytest.raises(StorageError, match="s3://bucket/key"):
        parse_uri(uri)


def test_an_object_is_read_as_it_was_written(uri):
    """Writing returns the URI."""
    assert write_bytes(uri, b"content") == uri
    assert read_bytes(uri) == b"content"


def test_json_is_read_as_it_was_written(uri):
    """A value survives as JSON, and is served as such."""
    assert read_json(write_json(uri, {"a": [1, None]})) == {"a": [1, None]}
    assert content_type(uri) == "application/json"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("review.html", "text/html; charset=utf-8"),
        ("deploy.ipynb", "application/x-ipynb+json"),
        ("train.csv", "text/csv"),
        ("model.tar.gz", "application/octet-stream"),
    ],
)
def test_a_browser_shows_what_it_can(prefix, name, known):
    """The type of an object follows from its name."""
    assert content_type(write_bytes(f"{prefix}/{name}", b"")) == known


def test_broken_json_is_an_error(uri):
    """The error names the object."""
    write_bytes(uri, b"{")

    with pytest.raises(StorageError, match=r"thing.json: not JSON"):
        read_json(uri)


def test_a_missing_object_is_an_error_with_its_remedy(uri):
    """The caller knows what would have written the object."""
    with pytest.raises(StorageError, match=r"thing.json: not there; run prepare"):
        read_bytes(uri, remedy="run prepare")


def test_an_object_with_another_sha256_than_is_known_is_refused(uri):
    """The error says both, and where the known one is from."""
    write_bytes(uri, b"1")
    known = hash_object(uri).sha256

    assert read_checked(uri, known) == b"1"
    write_bytes(uri, b"2")
    expected = f"{uri}: has sha256 [0-9a-f]{{12}}, prepared was {known[:12]}; restore"
    with pytest.raises(IntegrityError, match=expected):
        read_checked(uri, known, known="prepared was")


def test_an_object_exists_once_it_was_written(uri):
    """Its ETag identifies the content."""
    assert not exists(uri)
    assert etag(uri) == ""

    write_bytes(uri, b"")
    before = etag(uri)
    write_bytes(uri, b"other")

    assert exists(uri)
    assert etag(uri) != before


def test_a_missing_bucket_is_a_matter_of_configuration(aws: EmbeddedAWS):
    """The error names the variable that chooses the bucket."""
    for call in (
        lambda: write_bytes("s3://no-such-bucket-here/key", b""),
        lambda: list_files("s3://no-such-bucket-here/folder"),
    ):
        with pytest.raises(ConfigurationError, match="SAGEMAKER_BUCKET"):
            call()


@pytest.mark.parametrize(
    ("call", "operation", "permission"),
    [
        (lambda uri: write_bytes(uri, b""), "PutObject", "PutObject"),
        (read_bytes, "GetObject", "GetObject"),
        (etag, "HeadObject", "GetObject"),
        (list_files, "ListObjects", "ListBucket"),
    ],
)
def test_a_denied_call_names_the_missing_permission(
    aws: EmbeddedAWS, uri, call, operation, permission
):
    """IAM knows some calls by another name."""
    aws.inject(Fault(kind="s3-access-denied", operation=operation))

    with pytest.raises(StorageError, match=f"(AccessDenied|403).*s3:{permission}"):
        call(uri)


def test_files_and_folders_are_listed(prefix):
    """Only those directly below the prefix; a prefix without any has none."""
    for name in ("deploy.html", "deploy.json", "r2/deploy.html", "r1/a/deploy.html"):
        write_bytes(f"{prefix}/{name}", b"")
    # S3's console creates such objects as folders.
    write_bytes(f"{prefix}/", b"")
    write_bytes(f"{prefix}-other/deploy.csv", b"")

    assert list_files(prefix) == list_files(f"{prefix}/")
    assert list_files(prefix) == ["deploy.html", "deploy.json"]
    assert list_folders(prefix) == ["r1", "r2"]
    assert list_files(f"{prefix}/none") == list_folders(f"{prefix}/r2") == []


def test_a_long_listing_is_read_to_its_end(aws: EmbeddedAWS, prefix, monkeypatch):
    """S3 lists a page at a time."""
    for name in "abc":
        write_bytes(f"{prefix}/{name}/x", b"")
        write_bytes(f"{prefix}/{name}", b"")
    paginate = client("s3").get_paginator("list_objects_v2").paginate

    class SmallPages:
        def paginate(self, **request: object) -> object:
            return paginate(**request, PaginationConfig={"PageSize": 2})

    monkeypatch.setattr(client("s3"), "get_paginator", lambda _: SmallPages())

    assert list_files(prefix) == list_folders(prefix) == ["a", "b", "c"]


def test_a_folder_is_uploaded_with_its_subfolders(prefix, tmp_path: Path):
    """Every file keeps its path, and the folder need not exist."""
    (tmp_path / "figures").mkdir()
    (tmp_path / "review.html").write_text("page")
    (tmp_path / "figures" / "roc.png").write_bytes(b"png")

    written = upload_folder(tmp_path, f"{prefix}/", {})

    assert written == [f"{prefix}/figures/roc.png", f"{prefix}/review.html"]
    assert read_bytes(written[0]) == b"png"
    assert content_type(written[1]) == "text/html; charset=utf-8"
    assert upload_folder(tmp_path / "none", prefix, {}) == []


def test_only_changed_files_are_uploaded_again(prefix, tmp_path: Path):
    """What was uploaded is remembered by its modification time."""
    page, notebook = tmp_path / "review.html", tmp_path / "deploy.ipynb"
    page.write_text("page")
    notebook.write_text("{}")
    known: dict[Path, int] = {}

    assert len(upload_folder(tmp_path, prefix, known)) == 2
    assert known == {one: one.stat().st_mtime_ns for one in (page, notebook)}
    assert upload_folder(tmp_path, prefix, known) == []

    page.write_text("new page")
    known[page] -= 1

    assert upload_folder(tmp_path, prefix, known) == [f"{prefix}/review.html"]
    assert read_bytes(f"{prefix}/review.html") == b"new page"


def test_a_file_whose_upload_failed_is_uploaded_the_next_time(
    aws: EmbeddedAWS, prefix, tmp_path: Path
):
    """Only what S3 has taken is remembered."""
    (tmp_path / "review.html").write_text("page")
    known: dict[Path, int] = {}
    aws.inject(Fault(kind="s3-access-denied", name=f"*{prefix.split('/')[3]}*"))

    with pytest.raises(StorageError, match="s3:PutObject"):
        upload_folder(tmp_path, prefix, known)

    assert known == {}
    assert upload_folder(tmp_path, prefix, known) == [f"{prefix}/review.html"]
