"""S3's objects with their content in files, and the documents that keep them."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from copy import copy
from itertools import chain
from threading import Lock
from typing import Any, Self

from moto.core.utils import utcnow
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML
from moto.s3.models import (
    FakeBucket,
    FakeDeleteMarker,
    FakeKey,
    FakeMultipart,
    get_canned_acl,
)
from moto.s3.utils import metadata_from_headers
from moto.settings import S3_UPLOAD_PART_MIN_SIZE
from moto.utilities.utils import LowercaseDict

from embedded_aws.files import Content, StoredFile
from embedded_aws.s3.checksums import checksum
from embedded_aws.state import state

Values = dict[str, Any]

# By attribute of moto's what a document of an object has, where it is not None.
ATTRIBUTES = {
    "file": "file",
    "contentsize": "size",
    "last_modified": "last_modified",
    "_etag": "etag",
    "_version_id": "version_id",
    "_is_versioned": "is_versioned",
    "_storage_class": "storage_class",
    "_expiry": "expiry",
    "_status": "restore_status",
    "encryption": "encryption",
    "kms_key_id": "kms_key_id",
    "bucket_key_enabled": "bucket_key_enabled",
    "lock_mode": "lock_mode",
    "lock_legal_status": "lock_legal_status",
    "lock_until": "lock_until",
    "checksum_algorithm": "checksum_algorithm",
    "checksum_value": "checksum_value",
    "checksum_type": "checksum_type",
    "checksum_parts": "checksum_parts",
    "website_redirect_location": "website_redirect_location",
}
UPLOAD_ATTRIBUTES = (
    "id",
    "key_name",
    "storage",
    "tags",
    "acl",
    "sse_encryption",
    "kms_key_id",
    "initiated",
)
PRIVATE = repr(get_canned_acl("private"))


class StoredKey(FakeKey):
    """Keep an object's content in a file; moto would keep it in memory."""

    # Where the content begins: the parts of a completed upload are parts of its file.
    start = 0

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Make a key that moto does not remember for ever."""
        return object.__new__(cls)

    @property  # type: ignore[override]
    def value(self) -> Content:
        """Return the content, opened."""
        path = state.files.path(self.file)
        return Content(path, self.start, self.start + self.contentsize)

    @value.setter
    def value(self, new: bytes | str | StoredFile | Content) -> None:
        if "_value_buffer" in vars(self):
            # Where moto would keep it.
            vars(self).pop("_value_buffer").close()
        stored = new if isinstance(new, StoredFile) else store(new)
        stored.used = True
        self.file, self.contentsize = stored.name, stored.size
        self._etag = self._etag or stored.md5

    @property
    def etag(self) -> str:
        """Return the ETag in quotes."""
        return f'"{self._etag}"'

    def __getstate__(self) -> Values:
        """Return what a copy takes over, which moto makes of what it lists."""
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, copied: Values) -> None:
        """Become a copy, of which the file is the same."""
        vars(self).update(copied, lock=Lock())

    def dispose(self, garbage: bool = False) -> None:
        """Do nothing: the file goes with the document that names it."""

    def as_document(self, tags: dict[str, str] | None = None) -> Values:
        """Return what keeps this version of an object, or this part of an upload."""
        values = {name: getattr(self, own, None) for own, name in ATTRIBUTES.items()}
        values |= {"metadata": dict(self._metadata), "tags": tags}
        if repr(self.acl) != PRIVATE:
            values["acl"] = self.acl
        if self.multipart:
            parts = [self.multipart.parts[n] for n in self.multipart.partlist]
            sizes = [part.contentsize for part in parts]
            values["upload"] = {"id": self.multipart.id, "sizes": sizes}
        return {key: value for key, value in values.items() if value not in (None, {})}

    def take_over(self, document: Values) -> None:
        """Become what a document says."""
        for own, name in ATTRIBUTES.items():
            if name in document:
                setattr(self, own, document[name])
        self._metadata.update(document.get("metadata", {}))
        self.acl = document.get("acl", self.acl)
        if upload := document.get("upload"):
            self.multipart = StoredMultipart.completed(self, **upload)


class StoredDeleteMarker(FakeDeleteMarker):
    """Mark that an object was deleted."""

    def dispose(self) -> None:
        """Do nothing: moto disposes of markers as of keys."""


def store(content: bytes | str | Content) -> StoredFile:
    """Write bytes, or moto's own text, to a new file, or what another file has."""
    if isinstance(content, str):
        content = content.encode()
    return state.files.write([content] if isinstance(content, bytes) else content)


class StoredMultipart(FakeMultipart):
    """Keep the parts of an upload in files, and join them to a new one."""

    parts: dict[int, StoredKey]  # type: ignore[assignment]

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Make an upload that moto does not remember for ever."""
        return object.__new__(cls)

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.initiated = utcnow()

    @classmethod
    def completed(cls, key: StoredKey, id: str, sizes: list[int]) -> "StoredMultipart":
        """Return the upload that an object was made by."""
        upload = cls(
            key.name, metadata_from_headers({}), key.account_id, key.region_name
        )
        upload.id = id
        for number, size in enumerate(sizes, 1):
            upload.set_part(number, StoredFile(name=key.file, size=size, md5=""))
        upload._cut(key.file)
        return upload

    def set_part(self, part_id: int, value: Any) -> StoredKey:
        """Take a part, which replaces an earlier one of the same number."""
        part = super().set_part(part_id, value)
        assert isinstance(part, StoredKey)
        return part

    def complete(  # type: ignore[override]
        self, body: Iterable[tuple[int, str]]
    ) -> tuple[StoredFile, str, tuple[str, str, int] | None]:
        """Return the joined file, its ETag and its checksum, or raise S3's error."""
        numbered = list(body)
        parts = [self._find(number, etag) for number, etag in numbered]
        if not parts:
            raise MalformedXML
        if any(part.contentsize < S3_UPLOAD_PART_MIN_SIZE for part in parts[:-1]):
            raise EntityTooSmall
        self.partlist = [number for number, _ in numbered]
        self.parts = dict(zip(self.partlist, parts, strict=True))
        md5s = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
        etag = hashlib.md5(md5s, usedforsecurity=False).hexdigest()
        checksum = self._checksum(parts)
        joined = state.files.write(chain.from_iterable(part.value for part in parts))
        self._cut(joined.name)
        return joined, f"{etag}-{len(parts)}", checksum

    def as_document(self, bucket: str) -> Values:
        """Return what keeps an upload that is not complete, with its parts."""
        values = {name: getattr(self, name) for name in UPLOAD_ATTRIBUTES}
        parts = {number: part.as_document() for number, part in self.copied_parts()}
        values |= {"bucket": bucket, "metadata": dict(self.metadata), "parts": parts}
        return values

    def copied_parts(self) -> list[tuple[int, StoredKey]]:
        """Return the parts so far; more may arrive meanwhile."""
        return list(self.parts.items())

    def _find(self, number: int, etag: str) -> StoredKey:
        part = self.parts.get(number)
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise InvalidPart
        return part

    def _cut(self, file: str) -> None:
        """Let the parts be those of one file, in their order."""
        start = 0
        for number in self.partlist:
            part = self.parts[number]
            part.file, part.start = file, start
            start += part.contentsize

    def _checksum(self, parts: Sequence[StoredKey]) -> tuple[str, str, int] | None:
        algorithm = self.metadata.get("x-amz-checksum-algorithm")
        if algorithm is None:
            return None
        default = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
        kind = self.metadata.get("x-amz-checksum-type") or default
        if kind == "COMPOSITE":
            each = (checksum(part.value, algorithm) for part in parts)
            total, count = checksum(each, algorithm), len(parts)
        else:
            whole = chain.from_iterable(part.value for part in parts)
            total, count = checksum(whole, algorithm), 1
        return kind, base64.b64encode(total).decode(), count


def version_document(version: "StoredKey | FakeDeleteMarker", tags: Any) -> Values:
    """Return what keeps one version of an object, or the marker of its deletion."""
    if isinstance(version, StoredKey):
        return version.as_document(tags)
    return {
        "deleted": True,
        "last_modified": version.last_modified,
        "version_id": version.version_id,
    }


def blank_key(bucket: FakeBucket) -> StoredKey:
    """Return a key that the keys of a bucket are restored from: one is slow to make."""
    file = StoredFile(name="", size=0, md5="")
    return StoredKey(
        "",
        file,
        account_id=bucket.account_id,
        region_name=bucket.partition,
        bucket_name=bucket.name,
    )


def restore_versions(
    blank: StoredKey, name: str, documents: list[Values]
) -> list[StoredKey | FakeDeleteMarker]:
    """Return the versions of an object, the oldest first."""
    versions: list[StoredKey | FakeDeleteMarker] = []
    for document in documents:
        if document.get("deleted"):
            marker = StoredDeleteMarker(versions[-1])  # type: ignore[arg-type]
            marker.last_modified = document["last_modified"]
            marker._version_id = document["version_id"]
            versions.append(marker)
        else:
            key = copy(blank)
            key.name, key._metadata = name, LowercaseDict()
            key.take_over(document)
            versions.append(key)
    return versions


def restore_upload(bucket: FakeBucket, document: Values) -> StoredMultipart:
    """Return an upload that is not complete."""
    upload = StoredMultipart(
        document["key_name"],
        metadata_from_headers({}),
        account_id=bucket.account_id,
        region_name=bucket.partition,
    )
    upload.metadata.update(document["metadata"])
    for name in UPLOAD_ATTRIBUTES:
        setattr(upload, name, document.get(name, getattr(upload, name)))
    for number, part in document["parts"].items():
        file = StoredFile(name=part["file"], size=part["size"], md5="")
        upload.set_part(int(number), file).take_over(part)
    return upload
