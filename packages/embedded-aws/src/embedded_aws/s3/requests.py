"""Which of S3's actions a request asks for, with which parameters and content.

What the model of the action does not have, a header of S3, an argument of the query or
an element of the body, is a parameter too, by its own name, so that it is refused.
"""

import io
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, cast
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from botocore.model import ListShape, Shape, StructureShape
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model, str_to_rfc_1123_datetime
from moto.s3.exceptions import MalformedXML
from werkzeug.exceptions import ClientDisconnected, NotFound

from embedded_aws.files import CHUNK_BYTES
from embedded_aws.s3.checksums import ALGORITHMS

# Of signatures and transports, which are no parameters.
TRANSPORT = {
    "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent",
    "x-amz-decoded-content-length", "x-amz-trailer", "x-amz-algorithm",
    "x-amz-credential", "x-amz-expires", "x-amz-signedheaders", "x-amz-signature",
    "x-id", "awsaccesskeyid", "signature", "expires", "content-type", "content-md5",
    # Of the SDKs for C++, which pyarrow uses, and for Java.
    "x-amz-api-version", "x-amz-te",
}  # fmt: skip
PREFIX = "x-amz-"
# The SDK for C++ writes these in lower case.
IN_CAPITALS = ("HTTP_X_AMZ_CHECKSUM_MODE", "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM")
# Which every body is compared with, whether or not the model of its action says so.
CHECKED = [f"{PREFIX}checksum-{algorithm.lower()}" for algorithm in ALGORITHMS]
# A PUT of these changes an object, or a bucket, but has no content for it.
SUBRESOURCES = {"acl", "tagging", "retention", "legal-hold", "torrent", "restore"}
CHUNKED = re.compile("aws-chunked|STREAMING-")
NEVER = "Thu, 01 Jan 1970 00:00:00 GMT"
RANGE = re.compile(r"bytes=(\d+-\d*|-\d+)")


class Source(NamedTuple):
    """Name the object, or the version of it, that a request copies."""

    bucket: str
    key: str
    version: str


def parse_source(request: Request) -> Source | None:
    """Return what a request copies, which a header names: `/bucket/key?versionId=1`.

    Names are encoded as in a URL. Return None where nothing is copied.
    """
    given = request.headers.get("x-amz-copy-source", "")
    path, _, version = given.partition("?versionId=")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    return Source(bucket, key, version) if bucket else None


def action_of(request: Request) -> str:
    """Return the name of the action that a request asks for.

    Raises:
        NotImplementedError: S3 has none of that path, method and query.
    """
    try:
        operation, _ = get_service_router("s3").match(request)
    except NotFound as error:
        place = f"{request.method} {request.path[:200]}"
        raise NotImplementedError(f"{place} is no action of S3") from error
    return str(operation.name)


def hoisted(request: Request) -> None:
    """Take parameters in a presigned URL, and in lower case, for what they are."""
    for name, value in request.args.items():
        lower = name.lower()
        if lower.startswith(PREFIX) and name == lower and lower not in TRANSPORT:
            key = f"HTTP_{lower.upper().replace('-', '_')}"
            request.environ.setdefault(key, value)
    for key in IN_CAPITALS:
        if key in request.environ:
            request.environ[key] = request.environ[key].upper()


def forget_unreadable(request: Request) -> None:
    """Leave out a range or a date that is none: S3 reads without it, too."""
    if not RANGE.fullmatch(request.headers.get("Range", "bytes=0-")):
        del request.environ["HTTP_RANGE"]
    for name in ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE"):
        try:
            str_to_rfc_1123_datetime(request.environ.get(name, NEVER))
        except ValueError:
            del request.environ[name]


def parameters_of(action: str, request: Request, body: bytes) -> dict[str, Any]:
    """Return the parameters of a request by their names in the model of its action.

    Args:
        body: where it is XML; a content is no parameter that is looked into.

    Raises:
        MalformedXML: it is not.
    """
    places = _places(action)
    given = dict(_in_headers(request, places))
    given |= _in_query(action, request, places)
    shape = get_service_model("s3").operation_model(action).input_shape
    payload = shape.serialization.get("payload") if shape else None
    if payload and isinstance(shape.members[payload], StructureShape) and body:
        given[payload] = _in_body(shape.members[payload], body)
    return given


# The members of an action by where they are and the name there.
Places = Mapping[tuple[str, str], tuple[str, Shape]]


@cache
def _places(action: str) -> Places:
    """Return the members of an action that are in headers, query or path."""
    shape = get_service_model("s3").operation_model(action).input_shape
    found = {}
    for name, member in (shape.members if shape else {}).items():
        location = member.serialization.get("location")
        if location:
            there = member.serialization["name"].lower()
            found[location, there] = name, member
    return found


def _in_headers(request: Request, places: Places) -> Iterator[tuple[str, Any]]:
    prefixes = [there for location, there in places if location == "headers"]
    for header, value in request.headers.items():
        lower = header.lower()
        prefix = next((each for each in prefixes if lower.startswith(each)), None)
        if prefix:
            name, _ = places["headers", prefix]
            yield name, {lower: value}
        elif ("header", lower) in places:
            name, member = places["header", lower]
            is_list = isinstance(member, ListShape)
            yield name, value.replace(" ", "").split(",") if is_list else value
        elif lower.startswith(PREFIX) and lower not in (*TRANSPORT, *CHECKED):
            yield lower, value


def _in_query(action: str, request: Request, places: Places) -> dict[str, str]:
    uri = get_service_model("s3").operation_model(action).http.get("requestUri", "")
    fixed = {each.partition("=")[0] for each in uri.partition("?")[2].split("&")}
    given = {}
    for argument, value in request.args.items():
        lower = argument.lower()
        if ("querystring", lower) in places:
            given[places["querystring", lower][0]] = value
        # A header in the query has been read as one.
        elif argument not in fixed and not _is_transport(lower):
            given[argument] = value or argument
    return given


def _is_transport(name: str) -> bool:
    return name in TRANSPORT or name.startswith(PREFIX)


def _in_body(shape: StructureShape, body: bytes) -> dict[str, Any]:
    if b"<!" in body:
        # S3 takes neither a DTD nor its entities.
        raise MalformedXML
    try:
        root = ET.fromstring(body)  # noqa: S314  without a DTD it can expand nothing
    except ET.ParseError as error:
        raise MalformedXML from error
    return _structure(shape, root)


def _structure(shape: StructureShape, node: ET.Element) -> dict[str, Any]:
    names: dict[str, tuple[str, Shape]] = {}
    for name, member in shape.members.items():
        own = member.serialization.get("name", name)
        if isinstance(member, ListShape) and member.serialization.get("flattened"):
            own = member.member.serialization.get("name") or own
        names[own] = name, member
    given: dict[str, Any] = {}
    for child in node:
        tag = child.tag.rpartition("}")[2]
        name, own_shape = names.get(tag, (tag, None))
        value = _value(own_shape, child)
        if isinstance(own_shape, ListShape):
            given.setdefault(name, []).extend(value)
        else:
            given[name] = value
    return given


def _value(shape: Shape | None, node: ET.Element) -> Any:
    """Return what an element holds; of one that the model has not, that it is there."""
    if shape is None:
        return "".join(node.itertext()) or node.tag
    if isinstance(shape, StructureShape):
        return _structure(shape, node)
    if isinstance(shape, ListShape):
        items = [node] if shape.serialization.get("flattened") else list(node)
        return [_value(shape.member, item) for item in items]
    return node.text or ""


def has_content(request: Request) -> bool:
    """Return whether the body of a call that concerns an object is its content."""
    return (
        request.method == "PUT"
        and "x-amz-copy-source" not in request.headers
        and not SUBRESOURCES.intersection(request.args)
    )


def received(request: Request, trailers: dict[str, str]) -> Iterator[bytes]:
    """Yield the content of a body, without the frames of aws-chunked.

    Args:
        trailers: takes the headers that follow the content.
    """
    encodings = ("x-amz-content-sha256", "content-encoding")
    if any(CHUNKED.search(request.headers.get(name, "")) for name in encodings):
        raw = cast("io.RawIOBase", request.stream)
        yield from _decoded(io.BufferedReader(raw), trailers)
    else:
        yield from iter(lambda: request.stream.read(CHUNK_BYTES), b"")


def _decoded(stream: io.BufferedReader, trailers: dict[str, str]) -> Iterator[bytes]:
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
        trailers[name.lower()] = value.strip()


def _frame_length(line: bytes) -> int:
    text = line.partition(b";")[0].strip()
    if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", text):
        raise ClientDisconnected
    return int(text, 16)
