"""Objects in S3, by URI: small ones read and written, folders listed and copied."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from lifecycle.aws import client, error_code, error_message
from lifecycle.errors import (
    ConfigurationError,
    IntegrityError,
    MissingObjectError,
    StorageError,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

NOT_FOUND = frozenset({"NoSuchKey", "404", "NotFound"})
ACCESS_DENIED = frozenset({"AccessDenied", "403", "Forbidden"})
# Operations whose permission has another name.
PERMISSIONS = {"HeadObject": "GetObject", "ListObjectsV2": "ListBucket"}
# What a lifecycle rule may delete (docs/circleci.md); no prefix tells it apart.
MAY_EXPIRE = "may-expire=true"
# For a model archive that is missing.
ARCHIVE_REMEDY = "train again, the archive is the model"
# For an object that is not the one that was registered.
RESTORE = "restore that version of the object in S3, or train again"
# The names that boto3 sends to S3 at all.
BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
# Bytes of an object that are hashed at once.
CHUNK = 1 << 20
# The metadata of uploaded files that says what they hold.
CONTENT_SHA256 = "sha256"
CONTENT_TYPES = {
    ".csv": "text/csv",
    ".html": "text/html; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
}


class Location(NamedTuple):
    """The bucket and the key of an S3 URI."""

    bucket: str
    key: str


class StoredObject(NamedTuple):
    """The sha256 of an object's content, and which of its versions was read.

    Two versions of equal content differ in `version`: in their time, or in the id that
    a bucket with versioning gives them.
    """

    sha256: str
    version: str


class StoredFile(NamedTuple):
    """An object below a prefix: its key, and the ETag that identifies its content."""

    key: str
    etag: str


def parse_uri(uri: str) -> Location:
    """Split an S3 URI into bucket and key.

    Raises:
        StorageError: it is not of the form s3://bucket/key.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not BUCKET.fullmatch(bucket) or not key:
        raise StorageError(f"{uri!r}: not an S3 URI; write s3://bucket/key")
    return Location(bucket, key)


def read_bytes(uri: str, *, remedy: str = "check the URI") -> bytes:
    """Read an object.

    Args:
        remedy: what to do if it is missing, for the error message.

    Raises:
        StorageError: it is missing, or may not be read.
        ConfigurationError: its bucket does not exist.
    """
    content: bytes = _open(uri, remedy)["Body"].read()
    return content


def read_object(
    uri: str, *, remedy: str = "check the URI"
) -> tuple[bytes, StoredObject]:
    """Read an object, and say which of its versions was read.

    Raises:
        StorageError: it is missing, or may not be read.
    """
    found = _open(uri, remedy)
    content = found["Body"].read()
    sha256 = hashlib.sha256(content).hexdigest()
    return content, StoredObject(sha256, _version(found))


def hash_object(uri: str, *, remedy: str = "check the URI") -> StoredObject:
    """Return the sha256 of an object, of whatever size; nothing of it is kept.

    Raises:
        StorageError: it is missing, or may not be read.
    """
    found = _open(uri, remedy)
    digest = hashlib.sha256()
    for chunk in found["Body"].iter_chunks(CHUNK):
        digest.update(chunk)
    return StoredObject(digest.hexdigest(), _version(found))


def read_checked(
    uri: str,
    sha256: str,
    *,
    known: str = "registered was",
    remedy: str = "check the URI",
) -> bytes:
    """Read an object that has to have a sha256.

    Args:
        known: says in the error message where the sha256 is from.

    Raises:
        StorageError: it is missing.
        IntegrityError: it is another object.
    """
    content = read_bytes(uri, remedy=remedy)
    check_sha256(f"{uri}:", hashlib.sha256(content).hexdigest(), sha256, known=known)
    return content


def read_archive(uri: str, sha256: str = "") -> bytes:
    """Read the archive of a model.

    Args:
        sha256: of the archive that is wanted, if that is known.

    Raises:
        StorageError: it is missing.
        IntegrityError: it is another archive.
    """
    if not sha256:
        return read_bytes(uri, remedy=ARCHIVE_REMEDY)
    return read_checked(uri, sha256, remedy=ARCHIVE_REMEDY)


def check_sha256(
    what: str,
    found: str,
    wanted: str,
    *,
    known: str = "registered was",
    remedy: str = RESTORE,
) -> None:
    """Check that an object is the one that it has to be.

    Args:
        what: the object, as the error message begins.
        known: says there where the wanted sha256 is from.

    Raises:
        IntegrityError: it is another object.
    """
    if found != wanted:
        raise IntegrityError(
            f"{what} has sha256 {found[:12]}, {known} {wanted[:12] or 'none'}; {remedy}"
        )


def write_bytes(
    uri: str, content: bytes, *, content_type: str = "", may_expire: bool = False
) -> str:
    """Write an object and return its URI; the type is told by the key if not given.

    Args:
        may_expire: tag it as one that a lifecycle rule of the bucket may delete.
    """
    from botocore.exceptions import ClientError

    bucket, key = parse_uri(uri)
    known = CONTENT_TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")
    given: dict[str, Any] = {
        "Bucket": bucket,
        "Key": key,
        "ContentType": content_type or known,
    }
    if may_expire:
        # Tags take a permission of their own.
        given["Tagging"] = MAY_EXPIRE
    try:
        client("s3").put_object(Body=content, **given)
    except ClientError as error:
        raise _storage_error(error, uri, "let the caller s3:PutObject there") from error
    return uri


def keep_object(uri: str) -> None:
    """Let no lifecycle rule delete an object any more; nothing if it is gone already.

    Raises:
        StorageError: its tags may not be removed.
    """
    from botocore.exceptions import ClientError

    bucket, key = parse_uri(uri)
    try:
        client("s3").delete_object_tagging(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in NOT_FOUND:
            return
        remedy = "let the caller s3:DeleteObjectTagging there"
        raise _storage_error(error, uri, remedy) from error


def upload_file(
    path: Path,
    uri: str,
    *,
    on_bytes: Callable[[int], object] = lambda _: None,
) -> bool:
    """Copy a file to an S3 URI, unless this very content is there already.

    Args:
        on_bytes: is called with the number of bytes that were sent since the last call.

    Returns:
        Whether it was copied.
    """
    from botocore.exceptions import ClientError

    bucket, key = parse_uri(uri)
    known = CONTENT_TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if _metadata(uri).get(CONTENT_SHA256) == sha256:
            return False
        file.seek(0)
        try:
            client("s3").upload_fileobj(
                file,
                bucket,
                key,
                ExtraArgs={"ContentType": known, "Metadata": {CONTENT_SHA256: sha256}},
                Callback=on_bytes,
            )
        except ClientError as error:
            remedy = "let the caller s3:PutObject there"
            raise _storage_error(error, uri, remedy) from error
    return True


def read_json(uri: str, *, remedy: str = "check the URI") -> Any:
    """Read an object that holds JSON."""
    content = read_bytes(uri, remedy=remedy)
    try:
        return json.loads(content)
    except ValueError as error:
        raise StorageError(f"{uri}: not JSON, {error}") from error


def find_bytes(uri: str) -> bytes | None:
    """Read an object; None if there is none."""
    try:
        return read_bytes(uri)
    except MissingObjectError:
        return None


def find_json(uri: str) -> Any:
    """Read an object that holds JSON; None if there is none."""
    try:
        return read_json(uri)
    except MissingObjectError:
        return None


def write_json(uri: str, value: object) -> str:
    """Write a value as JSON, with its keys in their order, and return the URI."""
    content = json.dumps(value, indent=2, allow_nan=False).encode()
    return write_bytes(uri, content, content_type="application/json")


def json_bytes(value: object) -> bytes:
    """Return a value as JSON that is the same whatever order its keys are in."""
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False).encode()


def exists(uri: str) -> bool:
    """Return whether an object exists."""
    return bool(etag(uri))


def etag(uri: str) -> str:
    """Return an object's ETag, which identifies its content; "" if it is missing."""
    return str(_head(uri).get("ETag", ""))


def list_files(prefix: str) -> list[str]:
    """List the names of the objects directly below a prefix."""
    bucket, start = parse_uri(f"{prefix.rstrip('/')}/")
    names = (
        one["Key"].removeprefix(start)
        for page in _pages(bucket, start)
        for one in page.get("Contents", [])
    )
    return [name for name in names if name]


def list_objects(prefix: str) -> list[StoredFile]:
    """List all objects below a prefix, in the order of their keys."""
    bucket, start = parse_uri(f"{prefix.rstrip('/')}/")
    return sorted(
        StoredFile(one["Key"], one["ETag"])
        for page in _pages(bucket, start, delimiter="")
        for one in page.get("Contents", [])
        if not one["Key"].endswith("/")
    )


def list_folders(prefix: str) -> list[str]:
    """List the names of the folders directly below a prefix, sorted."""
    bucket, start = parse_uri(f"{prefix.rstrip('/')}/")
    return sorted(
        one["Prefix"].removeprefix(start).strip("/")
        for page in _pages(bucket, start)
        for one in page.get("CommonPrefixes", [])
    )


def newest_object(prefix: str, name: str) -> str | None:
    """Return the URI of the newest object of this name anywhere below a prefix."""
    bucket, start = parse_uri(f"{prefix.rstrip('/')}/")
    found = [
        one
        for page in _pages(bucket, start, delimiter="")
        for one in page.get("Contents", [])
        if one["Key"].endswith(f"/{name}")
    ]
    newest = max(found, key=lambda one: one["LastModified"], default=None)
    return f"s3://{bucket}/{newest['Key']}" if newest else None


def upload_folder(folder: Path, prefix: str, known: dict[Path, int]) -> list[str]:
    """Copy the files of a folder below an S3 URI and return the URIs written.

    Args:
        known: the modification times (in ns) of files that are there already; these
            are left out unless they changed, and what is copied is added.
    """
    written = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        modified = path.stat().st_mtime_ns
        if known.get(path) == modified:
            continue
        uri = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}"
        written.append(write_bytes(uri, path.read_bytes()))
        known[path] = modified
    return written


def _open(uri: str, remedy: str) -> Mapping[str, Any]:
    """Return S3's answer to GetObject, whose body is not read yet."""
    from botocore.exceptions import ClientError

    bucket, key = parse_uri(uri)
    try:
        return client("s3").get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        raise _storage_error(error, uri, remedy) from error


def _version(found: Mapping[str, Any]) -> str:
    identity = (found["ETag"], found["LastModified"], found.get("VersionId", ""))
    return " ".join(map(str, identity))


def _head(uri: str) -> Mapping[str, Any]:
    """Return what S3 says of an object; nothing if it is missing."""
    from botocore.exceptions import ClientError

    bucket, key = parse_uri(uri)
    try:
        return client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in NOT_FOUND:
            return {}
        raise _storage_error(error, uri, "let the caller s3:GetObject there") from error


def _metadata(uri: str) -> Mapping[str, str]:
    found: Mapping[str, str] = _head(uri).get("Metadata", {})
    return found


def _pages(
    bucket: str, prefix: str, *, delimiter: str = "/"
) -> Iterator[Mapping[str, Any]]:
    """Page through what lies below a prefix, by default directly below it."""
    from botocore.exceptions import ClientError

    pages = client("s3").get_paginator("list_objects_v2")
    try:
        yield from pages.paginate(Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
    except ClientError as error:
        remedy = "let the caller s3:ListBucket there"
        raise _storage_error(error, f"s3://{bucket}/{prefix}", remedy) from error


def _storage_error(
    error: "ClientError", uri: str, remedy: str
) -> StorageError | ConfigurationError:
    """Say S3's refusal in one line, with the remedy that fits it."""
    code, message = error_code(error), error_message(error)
    if code == "NoSuchBucket":
        return ConfigurationError(
            f"{uri}: no such bucket; create it or set SAGEMAKER_BUCKET to another"
        )
    if code in NOT_FOUND:
        return MissingObjectError(f"{uri}: not there; {remedy}")
    if code in ACCESS_DENIED:
        call = error.operation_name
        remedy = f"let the caller s3:{PERMISSIONS.get(call, call)} there"
    return StorageError(f"{uri}: {code}, {message}; {remedy}")
