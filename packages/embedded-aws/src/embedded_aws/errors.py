"""Error answers in the form that each AWS protocol gives them."""

import json
import re
import struct
from dataclasses import dataclass
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

XML_SERVICES = ("route53", "cloudfront")
JSON_ERROR_TYPE = "x-amzn-ErrorType"
CBOR = "application/cbor"
CBOR_HEADER = "Smithy-Protocol"
NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
INVOCATION = re.compile(r"/endpoints/[^/]+/[a-z-]*invocations[a-z-]*/?")


@dataclass(frozen=True, kw_only=True)
class ErrorAnswer:
    """Hold the code, the message and the HTTP status of an error of AWS."""

    code: str
    message: str
    status: int = 400


def service_of(request: Request) -> str:
    """Return the service that the request was signed for, or seems to be for."""
    given = request.headers.get("Authorization", "").partition("Credential=")[2]
    scope = given.partition(",")[0] or request.args.get("X-Amz-Credential", "")
    parts = scope.split("/")
    if len(parts) >= 5:
        return parts[3]
    is_invocation = request.method == "POST" and INVOCATION.fullmatch(request.path)
    return "sagemaker" if is_invocation else "s3"


def is_form(request: Request) -> bool:
    """Return whether the body of a request is a form, as that of the query protocol."""
    return "x-www-form-urlencoded" in (request.content_type or "")


def error_response(request: Request, error: ErrorAnswer) -> Response:
    """Write an error in the protocol of the request."""
    if CBOR_HEADER in request.headers:
        return _cbor(error)
    if "X-Amz-Target" in request.headers:
        return _json(error, {"__type": error.code, "message": error.message})
    if service_of(request) == "s3":
        return _xml(error, f"<Error>{_fields(error)}</Error>")
    if is_form(request) or service_of(request) in XML_SERVICES:
        body = f"<Error><Type>Sender</Type>{_fields(error)}</Error>"
        return _xml(error, f"<ErrorResponse>{body}</ErrorResponse>")
    return _json(error, {"message": error.message, "Message": error.message})


def _cbor(error: ErrorAnswer) -> Response:
    """Write a map of two texts, which is all of CBOR that an error needs."""
    texts = ("__type", error.code, "message", error.message)
    body = b"\xa2" + b"".join(map(_cbor_text, texts))
    response = Response(body, error.status, mimetype=CBOR)
    response.headers[CBOR_HEADER] = "rpc-v2-cbor"
    return _with_headers(response, error)


def _cbor_text(text: str) -> bytes:
    content = text.encode(errors="replace")
    return b"\x7a" + struct.pack(">I", len(content)) + content


def _json(error: ErrorAnswer, body: dict[str, str]) -> Response:
    response = Response(json.dumps(body), error.status, mimetype="application/json")
    return _with_headers(response, error)


def _xml(error: ErrorAnswer, body: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
    return _with_headers(Response(text, error.status, mimetype="text/xml"), error)


def _fields(error: ErrorAnswer) -> str:
    message = NOT_XML.sub("\ufffd", escape(error.message))
    return f"<Code>{escape(error.code)}</Code><Message>{message}</Message>"


def _with_headers(response: Response, error: ErrorAnswer) -> Response:
    response.headers[JSON_ERROR_TYPE] = error.code
    response.headers["x-amzn-RequestId"] = str(uuid4())
    return response
