"""S3's actions: bodies of objects are streamed to files, and what changed is kept."""

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import unquote

from moto.core.common_types import TYPE_RESPONSE
from moto.core.request import Request
from moto.core.responses import ActionResult
from moto.core.utils import str_to_rfc_1123_datetime
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import NoSuchUpload, RangeNotSatisfiable, S3ClientError
from moto.s3.responses import S3Response
from werkzeug.datastructures import Headers
from werkzeug.exceptions import ClientDisconnected

from embedded_aws.files import CHUNK_BYTES, StoredFile
from embedded_aws.refusals import refusal
from embedded_aws.s3 import access
from embedded_aws.s3.checksums import HASHED, check_body, check_content, checksum
from embedded_aws.s3.conditions import (
    OF_OBJECTS,
    check_marker,
    check_range,
    check_source,
    check_source_version,
    check_upload,
    check_write,
)
from embedded_aws.s3.keys import StoredKey, StoredMultipart
from embedded_aws.s3.listings import buckets_page, encoded_versions, uploads_page
from embedded_aws.s3.models import Backend
from embedded_aws.s3.parameters import S3
from embedded_aws.s3.policy import check_form
from embedded_aws.s3.requests import action_of, hoisted, parameters_of
from embedded_aws.s3.values import ValueRefusedError, check_key, check_values
from embedded_aws.state import state

READS = ("GET", "HEAD", "OPTIONS")
# A PUT of these changes an object, or a bucket, but has no content for it.
SUBRESOURCES = {"acl", "tagging", "retention", "legal-hold", "torrent", "restore"}
CHUNKED = re.compile("aws-chunked|STREAMING-")
MAX_KEYS = 1000
RANGE = re.compile(r"bytes=(\d+-\d*|-\d+)")
# What replaces an object, and may say what it must be like.
WRITES = ("PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject")
FORM_FIELD = re.compile("x-amz-(algorithm|credential|date|signature|security-token)")


class NotImplementedS3Error(S3ClientError):
    """Report what would be ignored."""

    code = "NotImplemented"


class Response(S3Response):
    """Stream what moto would read into memory."""

    upload: StoredFile | None = None
    trailers: dict[str, str]
    sha256 = ""
    # The action, and what the request gives to it.
    action: str
    given: dict[str, Any]

    @property
    def backend(self) -> Backend:
        """Return the state of the request's partition."""
        found = super().backend
        assert isinstance(found, Backend)
        return found

    def bucket_response(
        self, request: Request, full_url: str, headers: dict[str, Any]
    ) -> TYPE_RESPONSE:
        """Answer a call that concerns a bucket, or all of them."""
        self.action = action_of(request)
        return super().bucket_response(request, full_url, headers)

    def key_response(
        self, request: Request, full_url: str, headers: dict[str, Any]
    ) -> TYPE_RESPONSE:
        """Answer a call that concerns an object."""
        self.trailers = {}
        hoisted(request)
        forget_unreadable(request)
        self.action = action_of(request)
        if has_content(request):
            self.upload = state.files.write(self._hashed(request))
        try:
            return super().key_response(request, full_url, headers)
        except FileNotFoundError:
            if request.method not in READS:
                raise
            # The object was replaced after it was found: the new one is there.
            return super().key_response(request, full_url, headers)
        finally:
            if self.upload and not self.upload.used:
                state.files.remove([self.upload.name])

    def _key_response(self, request: Request, full_url: str) -> TYPE_RESPONSE:
        try:
            if self.upload:
                content = state.files.open(self.upload.name)
                given = _lower(request) | self.trailers
                check_content(given, self.upload, self.sha256, content)
            check_key(self.parse_key_name())
            self._check(request)
            return self._changed(request, full_url)
        finally:
            if request.method not in READS:
                touched = self.backend.touched
                touched.keys.add((self.bucket_name, self.parse_key_name()))
                if upload_id := request.args.get("uploadId"):
                    touched.uploads.add((self.bucket_name, upload_id))
            # A read may be logged, in an object.
            self.backend.keep()

    def _bucket_response(self, request: Request, full_url: str) -> str | TYPE_RESPONSE:
        try:
            if self.action == "PostObject":
                check_form(request.form, self.bucket_name, len(self.body))
            self._check(request)
            return super()._bucket_response(request, full_url)
        finally:
            if request.method not in READS and self.bucket_name:
                self.backend.touched.buckets.add(self.bucket_name)
            self.backend.keep()

    # What moto ignores: refused, or done here.

    def _check(self, request: Request) -> None:
        """Raise S3's error for a call that is not allowed, or would be misunderstood.

        Raises:
            NotImplementedError: nothing implements the action.
        """
        body = b"" if self.upload else bytes(self.body or b"")
        if self.action == "PostObject":
            self.given = dict.fromkeys(
                filter(None, map(_form_field, request.form)), "-"
            )
        else:
            self.given = parameters_of(self.action, request, body)
            # A completion has the checksums of the object.
            if self.action != "CompleteMultipartUpload":
                check_body(_lower(request), body)
        if text := refusal(S3, self.action, self.given):
            raise NotImplementedS3Error(text)
        check_values(self.action, self.given)
        access.check_owners(_lower(request), self.bucket_name)
        if self.action == "CreateBucket":
            access.check_new(_lower(request))
        elif self.bucket_name in self.backend.buckets:
            self._check_access(request)
            if self.action in OF_OBJECTS:
                self._check_version()

    def _check_access(self, request: Request) -> None:
        """Raise S3's error for what the bucket's policy or its other settings deny."""
        key = self.parse_key_name() if self._is_of_object(request) else ""
        needed = [*access.needed(self.action, request, self.bucket_name, key)]
        policies = {
            name: bucket.policy
            for name in (self.bucket_name, *(name for name, _, _ in needed))
            if (bucket := self.backend.buckets.get(name)) and bucket.policy is not None
        }
        # What a call is takes longer to find than most answers.
        asked = self._asked(request, key) if policies else None
        # For each object of DeleteObjects.
        self.backend.asked.value = asked
        for name, action, resource in needed:
            if asked is None or name not in policies:
                continue
            said = access.permission(policies[name], action, resource, asked)
            if said == PermissionResult.DENIED:
                raise access.AccessDeniedError(
                    f"{asked.caller.arn} is not authorized to perform: {action} on "
                    f"resource: {resource} with an explicit deny in a resource-based "
                    "policy"
                )
        bucket = self.backend.get_bucket(self.bucket_name)
        acl = request.headers.get("x-amz-acl", "") or request.form.get("acl", "")
        # Moto says that it is a dictionary.
        enforced = str(bucket.ownership_rule) == access.ENFORCED
        access.check_acl(bucket, acl, enforced)
        if self.action == "PutBucketPolicy":
            access.check_policy(bytes(self.body), bucket)

    def _check_version(self) -> None:
        """Raise S3's error for a version that is a delete marker."""
        name, version = self.parse_key_name(), self.given.get("VersionId")
        found = self.backend.get_object(
            self.bucket_name, name, version, return_delete_marker=True
        )
        check_marker(found, bool(version), self.response_headers)

    def _is_of_object(self, request: Request) -> bool:
        return "/" in request.path.strip("/") or request.path.count("/") > 2

    def _asked(self, request: Request, key: str) -> access.Asked:
        found = self.backend.get_object(self.bucket_name, key) if key else None
        arn = getattr(found, "arn", "")
        tags = self.backend.tagger.get_tag_dict_for_resource(arn) if arn else {}
        caller = access.Caller.of(self.get_access_key())
        return access.Asked.of(request, caller, tags)

    def _changed(self, request: Request, full_url: str) -> TYPE_RESPONSE:
        """Answer a call; of those that write with a condition one after the other."""
        if "x-amz-copy-source" in request.headers:
            self._check_source(request.headers["x-amz-copy-source"])
        if "UploadId" in self.given:
            self._check_upload()
        is_conditional = {"If-Match", "If-None-Match"} & {*request.headers.keys()}
        if self.action not in WRITES or not is_conditional:
            return super()._key_response(request, full_url)
        with self.backend.writing:
            key = self.backend.get_object(self.bucket_name, self.parse_key_name())
            uploaded = getattr(getattr(key, "multipart", None), "id", "")
            # A completion may be sent again.
            if not uploaded or uploaded != request.args.get("uploadId"):
                check_write(_lower(request), cast("StoredKey | None", key))
            return super()._key_response(request, full_url)

    def _check_source(self, source: str) -> None:
        path, _, version = unquote(source).lstrip("/").partition("?versionId=")
        bucket, _, name = path.partition("/")
        key = self.backend.get_object(
            bucket, name, version_id=version or None, return_delete_marker=True
        )
        if version:
            check_source_version(key)
        if isinstance(key, StoredKey):
            check_source(self.headers, key)
            if "CopySourceRange" in self.given:
                check_range(self.given["CopySourceRange"], key)

    def _check_upload(self) -> None:
        """Raise S3's error for an upload that there is not, or for its parts."""
        upload_id, key = self.given["UploadId"], self.parse_key_name()
        found = self.backend.get_object(self.bucket_name, key)
        if getattr(getattr(found, "multipart", None), "id", "") == upload_id:
            # It was completed, and its answer may have been lost.
            return
        bucket = self.backend.get_bucket(self.bucket_name)
        upload = bucket.multiparts.get(upload_id)
        if not isinstance(upload, StoredMultipart) or upload.key_name != key:
            raise NoSuchUpload(upload_id=upload_id)
        if self.action == "CompleteMultipartUpload":
            parts = self.given.get("MultipartUpload", {}).get("Parts", [])
            check_upload(upload, parts, self.given)

    def all_buckets(self) -> TYPE_RESPONSE:
        """Answer ListBuckets, in pages."""
        query = self.request.args.to_dict()
        answer = buckets_page(list(self.backend.buckets.values()), query)
        self.data["Action"] = "ListBuckets"
        return self.serialized(ActionResult(answer))

    def list_multipart_uploads(self) -> TYPE_RESPONSE:
        """Answer ListMultipartUploads, in pages."""
        found = self.backend.list_multipart_uploads(self.bucket_name).values()
        uploads = [each for each in found if isinstance(each, StoredMultipart)]
        answer = uploads_page(self.bucket_name, uploads, self.request.args.to_dict())
        self.data["Action"] = "ListMultipartUploads"
        return self.serialized(ActionResult(answer))

    def list_objects_v2(self) -> TYPE_RESPONSE:
        """Answer ListObjectsV2; moto takes `fetch-owner=false` for true."""
        if self.querystring.get("fetch-owner") == ["false"]:
            del self.querystring["fetch-owner"]
        token = self.given.get("ContinuationToken")
        if token and not self.backend.knows(token):
            text = "The continuation token provided is incorrect"
            raise ValueRefusedError("InvalidArgument", text)
        self._limit_keys()
        return super().list_objects_v2()

    def list_objects(self) -> TYPE_RESPONSE:
        """Answer ListObjects."""
        self._limit_keys()
        return super().list_objects()

    def list_object_versions(self) -> TYPE_RESPONSE:
        """Answer ListObjectVersions."""
        self._limit_keys()
        return super().list_object_versions()

    def _limit_keys(self) -> None:
        """Give at most as many keys on a page as S3 does."""
        if int(self.given.get("MaxKeys", 0)) > MAX_KEYS:
            self.querystring["max-keys"] = [str(MAX_KEYS)]

    def head_object(
        self, bucket_name: str, query: dict[str, Any], key_name: str, headers: Any
    ) -> TYPE_RESPONSE:
        """Answer HeadObject; moto knows ETags in quotes only."""
        given: Any = Headers(headers)
        for name in ("If-Match", "If-None-Match"):
            if etag := given.get(name):
                given[name] = f'"{etag.strip(chr(34))}"'
        return super().head_object(bucket_name, query, key_name, given)

    def get_object(self) -> TYPE_RESPONSE:
        """Answer GetObject, also of one part; moto gives the whole object then."""
        status, headers, content = super().get_object()
        key, _ = self._get_key()
        number = int(self.given.get("PartNumber", 0))
        if status != 200 or not number or not key.multipart:
            return status, headers, content
        numbers = key.multipart.partlist
        if not 1 <= number <= len(numbers):
            raise RangeNotSatisfiable
        part: Any = key.multipart.parts[numbers[number - 1]]
        end, size = part.start + part.contentsize, part.contentsize
        headers = {k: v for k, v in headers.items() if "x-amz-checksum" not in k} | {
            "content-range": f"bytes {part.start}-{end - 1}/{key.size}",
            "content-length": str(size),
            "x-amz-mp-parts-count": str(len(numbers)),
        }
        return 206, headers, part.value

    def delete_object_tagging(self) -> TYPE_RESPONSE:
        """Remove the tags of an object, which must exist."""
        self._get_key(validate_storage_class=False)
        return super().delete_object_tagging()

    def serialized(self, action_result: ActionResult) -> TYPE_RESPONSE:
        """Write an answer, as the request wants it."""
        answer = action_result.result
        if isinstance(answer, dict):
            action_result = ActionResult(self._as_asked(answer))
        return super().serialized(action_result)

    def _as_asked(self, answer: dict[str, Any]) -> dict[str, Any]:
        if self.action == "ListObjectVersions" and "EncodingType" in self.given:
            return encoded_versions(answer)
        if self.action == "DeleteObjects":
            quiet = self.given.get("Delete", {}).get("Quiet", "").lower() == "true"
            return answer | ({"Deleted": []} if quiet else {})
        if self.action == "ListParts":
            bucket = self.backend.get_bucket(self.bucket_name)
            upload = bucket.multiparts[answer["UploadId"]]
            return answer | {"StorageClass": upload.storage or "STANDARD"}
        return answer

    def setup_class(  # type: ignore[override]
        self, request: Request, full_url: str | None = None, headers: Any = None
    ) -> None:
        """Read the request; its body is the file, if it was streamed to one."""
        super().setup_class(request, full_url, headers)
        if self.upload:
            self.body = self.upload

    def _handle_v4_chunk_signatures(self, body: bytes, content_length: int) -> bytes:
        """Decode a body, unless that was done while it was streamed."""
        if self.upload:
            return b""
        decoded: bytes = super()._handle_v4_chunk_signatures(body, content_length)
        return decoded

    def _hashed(self, request: Request) -> Iterator[bytes]:
        """Yield the body's content, and note its SHA-256 if it was signed with one."""
        given = request.headers.get("x-amz-content-sha256", "")
        digest = hashlib.sha256() if HASHED.fullmatch(given) else None
        for chunk in self._received(request):
            if digest:
                digest.update(chunk)
            yield chunk
        self.sha256 = digest.hexdigest() if digest else ""

    def _received(self, request: Request) -> Iterator[bytes]:
        """Yield the body's content, without the frames of aws-chunked."""
        encodings = ("x-amz-content-sha256", "content-encoding")
        if any(CHUNKED.search(request.headers.get(name, "")) for name in encodings):
            raw = cast("io.RawIOBase", request.stream)
            yield from self._decoded(io.BufferedReader(raw))
        else:
            yield from iter(lambda: request.stream.read(CHUNK_BYTES), b"")

    def _decoded(self, stream: io.BufferedReader) -> Iterator[bytes]:
        """Yield the chunks of an aws-chunked body, and note its trailers.

        Each chunk follows a line with its length: `4000;chunk-signature=...`.
        """
        while left := _frame_length(stream.readline()):
            while left:
                chunk = stream.read(min(left, CHUNK_BYTES))
                if not chunk:
                    raise ClientDisconnected
                left -= len(chunk)
                yield chunk
            stream.readline()
        for line in stream:
            name, _, value = line.decode().strip().partition(":")
            self.trailers[name.lower()] = value.strip()

    def _get_checksum(self, response_headers: dict[str, Any]) -> tuple[str, str | None]:
        """Return the algorithm and value of the checksum that a client asks for."""
        algorithm = self.headers.get("x-amz-sdk-checksum-algorithm", "")
        if not self.upload or not algorithm:
            found: tuple[str, str | None] = super()._get_checksum(response_headers)
            return found
        header = f"x-amz-checksum-{algorithm.lower()}"
        value = self.headers.get(header) or self.trailers.get(header)
        if not value:
            content = state.files.open(self.upload.name)
            value = base64.b64encode(checksum(content, algorithm)).decode()
        response_headers[header] = value
        return algorithm, value


def _lower(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _form_field(name: str) -> str:
    """Return the parameter that a field of a form is, or nothing for its signature."""
    lower = name.lower()
    if FORM_FIELD.fullmatch(lower) or lower in ("awsaccesskeyid", "signature"):
        return ""
    return "x-amz-meta-*" if lower.startswith("x-amz-meta-") else lower


def _frame_length(line: bytes) -> int:
    text = line.partition(b";")[0].strip()
    if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", text):
        raise ClientDisconnected
    return int(text, 16)


def forget_unreadable(request: Request) -> None:
    """Leave out a range or a date that is none: S3 reads without it, too."""
    if not RANGE.fullmatch(request.headers.get("Range", "bytes=0-")):
        del request.environ["HTTP_RANGE"]
    for name in ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE"):
        try:
            if name in request.environ:
                str_to_rfc_1123_datetime(request.environ[name])
        except ValueError:
            del request.environ[name]


def has_content(request: Request) -> bool:
    """Return whether the body of a call that concerns an object is its content."""
    return (
        request.method == "PUT"
        and "x-amz-copy-source" not in request.headers
        and not SUBRESOURCES.intersection(request.args)
    )
