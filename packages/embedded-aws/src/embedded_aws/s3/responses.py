"""S3's actions: bodies of objects are streamed to files, and what changed is kept."""

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any, cast

from moto.core.common_types import TYPE_RESPONSE
from moto.core.request import Request
from moto.s3.responses import S3Response
from werkzeug.exceptions import ClientDisconnected

from embedded_aws.files import CHUNK_BYTES, StoredFile
from embedded_aws.s3.checksums import HASHED, check_content, checksum
from embedded_aws.s3.models import Backend
from embedded_aws.s3.policy import check_form
from embedded_aws.state import state

READS = ("GET", "HEAD", "OPTIONS")
# A PUT of these changes an object, or a bucket, but has no content for it.
SUBRESOURCES = {"acl", "tagging", "retention", "legal-hold", "torrent", "restore"}
CHUNKED = re.compile("aws-chunked|STREAMING-")


class Response(S3Response):
    """Stream what moto would read into memory."""

    upload: StoredFile | None = None
    trailers: dict[str, str]
    sha256 = ""

    @property
    def backend(self) -> Backend:
        """Return the state of the request's partition."""
        found = super().backend
        assert isinstance(found, Backend)
        return found

    def key_response(
        self, request: Request, full_url: str, headers: dict[str, Any]
    ) -> TYPE_RESPONSE:
        """Answer a call that concerns an object."""
        self.trailers = {}
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
                headers = {k.lower(): v for k, v in request.headers.items()}
                content = state.files.open(self.upload.name)
                given = headers | self.trailers
                check_content(given, self.upload, self.sha256, content)
            return super()._key_response(request, full_url)
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
            if request.method == "POST" and request.mimetype == "multipart/form-data":
                check_form(request.form, self.bucket_name, len(self.body))
            return super()._bucket_response(request, full_url)
        finally:
            if request.method not in READS and self.bucket_name:
                self.backend.touched.buckets.add(self.bucket_name)
            self.backend.keep()

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


def _frame_length(line: bytes) -> int:
    text = line.partition(b";")[0].strip()
    if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", text):
        raise ClientDisconnected
    return int(text, 16)


def has_content(request: Request) -> bool:
    """Return whether the body of a call that concerns an object is its content."""
    return (
        request.method == "PUT"
        and "x-amz-copy-source" not in request.headers
        and not SUBRESOURCES.intersection(request.args)
    )
