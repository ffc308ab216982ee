"""Conditions that a request makes: what an object must be like, and what parts have."""

import base64
import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from moto.s3.exceptions import (
    InvalidPart,
    InvalidPartOrder,
    MalformedXML,
    MethodNotAllowed,
    MissingKey,
    PreconditionFailed,
    S3ClientError,
)
from moto.s3.models import FakeDeleteMarker
from werkzeug.http import http_date

from embedded_aws.s3.checksums import ALGORITHMS, BadDigestError, checksum
from embedded_aws.s3.keys import StoredKey, StoredMultipart

# Which headers a copy may say of its source, as a read says them of an object.
SOURCE = "x-amz-copy-source-"
# What a delete marker does not have; moto answers HeadObject and PutObjectTagging so.
OF_OBJECTS = (
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectTagging",
    "DeleteObjectTagging",
    "PutObjectAcl",
)


class NotTakenError(S3ClientError):
    """Report what S3 does not take."""

    code = "InvalidRequest"


def check_write(headers: Mapping[str, str], existing: StoredKey | None) -> None:
    """Raise S3's error where an object is not as a write expects it.

    Args:
        headers: of the request.
        existing: the object that would be replaced.
    """
    wanted, unwanted = headers.get("if-match"), headers.get("if-none-match")
    if wanted and existing is None:
        raise MissingKey
    if wanted and existing and not _matches(wanted, existing):
        raise PreconditionFailed("If-Match")
    if unwanted and unwanted != "*":
        raise NotTakenError("If-None-Match of a write takes '*' alone")
    if unwanted and existing is not None:
        raise PreconditionFailed("If-None-Match")


def check_source(headers: Mapping[str, str], source: StoredKey) -> None:
    """Raise S3's error where the source of a copy is not as expected."""
    given = {
        name: headers.get(f"{SOURCE}{name}")
        for name in (
            "if-match",
            "if-none-match",
            "if-modified-since",
            "if-unmodified-since",
        )
    }
    changed = source.last_modified.replace(microsecond=0, tzinfo=UTC)
    # An ETag decides before a date does.
    if wanted := given["if-match"]:
        _require(_matches(wanted, source), "if-match")
    elif moment := given["if-unmodified-since"]:
        _require(changed <= _date(moment), "if-unmodified-since")
    if unwanted := given["if-none-match"]:
        _require(not _matches(unwanted, source), "if-none-match")
    elif moment := given["if-modified-since"]:
        _require(changed > _date(moment), "if-modified-since")


def check_source_version(source: object) -> None:
    """Raise S3's error for a copy of a version that is a delete marker."""
    if isinstance(source, FakeDeleteMarker):
        raise NotTakenError(
            "The source of a copy request may not specifically refer to a delete "
            "marker by version id."
        )


def check_marker(
    found: object, is_named: bool, headers: MutableMapping[str, Any]
) -> None:
    """Raise S3's error for a delete marker, and say in the answer that it is one.

    Args:
        is_named: whether the request names its version; it is the newest one else.
        headers: of the answer.
    """
    if not isinstance(found, FakeDeleteMarker):
        return
    headers["x-amz-delete-marker"] = "true"
    headers["x-amz-version-id"] = found.version_id
    if not is_named:
        raise MissingKey(key=found.name)
    headers["allow"] = "DELETE"
    headers["last-modified"] = http_date(found.last_modified)
    raise MethodNotAllowed


def check_range(text: str, source: StoredKey) -> None:
    """Raise S3's error for a range of a source that is not in it."""
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", text)
    if not found or not int(found[1]) <= int(found[2]):
        raise NotTakenError(
            "The x-amz-copy-source-range value must be bytes=first-last"
        )
    if int(found[2]) >= source.contentsize:
        raise NotTakenError(f"The specified copy range is invalid for {text}")


def _require(holds: bool, name: str) -> None:
    if not holds:
        raise PreconditionFailed(f"{SOURCE}{name}")


def _matches(etag: str, key: StoredKey) -> bool:
    return etag == "*" or etag.strip('"') == key.etag.strip('"')


def _date(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except ValueError as error:
        raise NotTakenError(f"{text[:100]!r} is no date") from error


def check_upload(
    upload: StoredMultipart,
    parts: Sequence[Mapping[str, Any]],
    given: Mapping[str, Any],
) -> None:
    """Raise S3's error where parts are not what a call that completes them says.

    Args:
        parts: each with its number, and checksums that it must have.
        given: the other parameters of CompleteMultipartUpload.
    """
    if not parts:
        raise MalformedXML
    found = [_part(upload, each) for each in parts]
    numbers = [int(each["PartNumber"]) for each in parts]
    if numbers != sorted(set(numbers)):
        raise InvalidPartOrder
    for part, each in zip(found, parts, strict=True):
        for algorithm in ALGORITHMS:
            wanted = each.get(f"Checksum{algorithm}")
            if wanted and wanted != _encoded(part.value, algorithm):
                raise InvalidPart
    size = given.get("MpuObjectSize")
    if size and int(size) != sum(part.contentsize for part in found):
        raise NotTakenError("The provided 'x-amz-mp-object-size' header does not match")
    for algorithm in ALGORITHMS:
        wanted = given.get(f"Checksum{algorithm}")
        if wanted and wanted.partition("-")[0] not in _totals(found, algorithm):
            text = f"The {algorithm} you specified did not match the calculated one."
            raise BadDigestError(text)


def _part(upload: StoredMultipart, given: Mapping[str, Any]) -> StoredKey:
    number = str(given.get("PartNumber", ""))
    part = upload.parts.get(int(number)) if number.isdecimal() else None
    if part is None:
        raise InvalidPart
    return part


def _totals(parts: Sequence[StoredKey], algorithm: str) -> Iterator[str]:
    """Yield the checksum of a whole object, and that of the checksums of its parts."""
    yield _encoded((chunk for part in parts for chunk in part.value), algorithm)
    yield _encoded([checksum(part.value, algorithm) for part in parts], algorithm)


def _encoded(chunks: Any, algorithm: str) -> str:
    return base64.b64encode(checksum(chunks, algorithm)).decode()
