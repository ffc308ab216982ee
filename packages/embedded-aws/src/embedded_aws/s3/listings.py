"""What S3 lists in pages that moto gives whole: buckets, and uploads in parts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from moto.s3.exceptions import S3ClientError
from moto.s3.models import OWNER as OWNER_ID
from moto.s3.models import FakeBucket

from embedded_aws.s3.keys import StoredMultipart

OWNER = {
    "ID": OWNER_ID,
    "DisplayName": "webfile",
}
MAX_BUCKETS, MAX_UPLOADS = 10_000, 1000


class ArgumentError(S3ClientError):
    """Report an argument that S3 does not take."""

    code = "InvalidArgument"


def number(text: str | None, name: str, most: int) -> int:
    """Read how many a page may have."""
    if text is None:
        return most
    if not text.isdecimal():
        raise ArgumentError(f"Provided {name} not an integer or within integer range")
    return min(int(text), most)


def buckets_page(
    buckets: Iterable[FakeBucket], query: Mapping[str, str]
) -> dict[str, Any]:
    """Answer ListBuckets."""
    count = number(query.get("max-buckets"), "max-buckets", MAX_BUCKETS)
    region, after = query.get("bucket-region"), query.get("continuation-token", "")
    found = sorted(
        bucket.name
        for bucket in buckets
        if bucket.name.startswith(query.get("prefix", ""))
        and region in (None, bucket.region_name)
        and bucket.name > after
    )
    by_name = {bucket.name: bucket for bucket in buckets}
    answer: dict[str, Any] = {
        "Owner": OWNER,
        "Buckets": [
            {
                "Name": name,
                "CreationDate": by_name[name].creation_date_ISO8601,
                "BucketRegion": by_name[name].region_name,
            }
            for name in found[:count]
        ],
    }
    if "prefix" in query:
        answer["Prefix"] = query["prefix"]
    if count and len(found) > count:
        answer["ContinuationToken"] = found[count - 1]
    return answer


def uploads_page(
    bucket: str, uploads: Iterable[StoredMultipart], query: Mapping[str, str]
) -> dict[str, Any]:
    """Answer ListMultipartUploads."""
    count = number(query.get("max-uploads"), "max-uploads", MAX_UPLOADS)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    key_marker, id_marker = query.get("key-marker", ""), query.get("upload-id-marker")
    entries: dict[tuple[str, str], StoredMultipart | None] = {}
    for upload in uploads:
        key, rest = upload.key_name, upload.key_name.removeprefix(prefix)
        if not key.startswith(prefix):
            continue
        if delimiter and delimiter in rest:
            folder = prefix + rest.partition(delimiter)[0] + delimiter
            entries[folder, ""] = None
        else:
            entries[key, upload.id] = upload
    marker = (key_marker, id_marker if id_marker is not None else "\U0010ffff")
    found = sorted(each for each in entries if not key_marker or each > marker)
    page = found[:count]
    encode = quote if query.get("encoding-type") == "url" else str
    answer: dict[str, Any] = {
        "Bucket": bucket,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter) or None,
        "EncodingType": query.get("encoding-type"),
        "KeyMarker": encode(key_marker),
        "UploadIdMarker": id_marker or "",
        "MaxUploads": count,
        "IsTruncated": len(found) > len(page),
        "Uploads": [
            _upload(entries[each], encode) for each in page if entries[each] is not None
        ],
        "CommonPrefixes": [
            {"Prefix": encode(each[0])} for each in page if entries[each] is None
        ],
    }
    if page and answer["IsTruncated"]:
        answer |= {
            "NextKeyMarker": encode(page[-1][0]),
            "NextUploadIdMarker": page[-1][1],
        }
    return answer


def _upload(upload: StoredMultipart | None, encode: Any) -> dict[str, Any]:
    assert upload
    return {
        "Key": encode(upload.key_name),
        "UploadId": upload.id,
        "Initiator": OWNER,
        "Owner": OWNER,
        "StorageClass": upload.storage or "STANDARD",
        "Initiated": upload.initiated,
        "ChecksumAlgorithm": upload.metadata.get("x-amz-checksum-algorithm"),
        "ChecksumType": upload.metadata.get("x-amz-checksum-type"),
    }


def encoded_versions(answer: dict[str, Any]) -> dict[str, Any]:
    """Encode the keys of an answer of ListObjectVersions as URLs do."""
    names = ("Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")
    changed: dict[str, Any] = {n: quote(answer[n]) for n in names if answer.get(n)}
    changed |= {
        kind: list(_encoded(answer.get(kind) or [], name))
        for kind, name in (
            ("Versions", "Key"),
            ("DeleteMarkers", "Key"),
            ("CommonPrefixes", "Prefix"),
        )
    }
    return answer | changed | {"EncodingType": "url"}


def _encoded(items: Iterable[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    for item in items:
        yield item | {name: quote(item[name])}
