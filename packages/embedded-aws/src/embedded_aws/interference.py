"""Faults on demand that hit a call before any service sees it."""

import io
import os
import socket
import struct
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request

from embedded_aws.account import PUBLIC_BUCKET
from embedded_aws.answers import AWSError, service_of
from embedded_aws.faults import Fault, Kind, faults

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

S3_OBJECT = {
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
S3_BUCKET = {
    "GET": "ListObjects",
    "HEAD": "HeadBucket",
    "PUT": "CreateBucket",
    "POST": "DeleteObjects",
    "DELETE": "DeleteBucket",
}
EXPIRED = "The security token included in the request is expired"
SKEWED = "Signature expired: 20200101T000000Z is now earlier than 20200101T001500Z"
REFUSALS: dict[Kind, AWSError] = {
    "throttling": AWSError(code="ThrottlingException", message="Rate exceeded"),
    "expired-credentials": AWSError(
        code="ExpiredTokenException", message=EXPIRED, status=403
    ),
    "clock-skew": AWSError(
        code="InvalidSignatureException", message=SKEWED, status=403
    ),
    "service-unavailable": AWSError(
        code="ServiceUnavailable", message="Unable to handle request", status=503
    ),
    "s3-access-denied": AWSError(
        code="AccessDenied", message="Access Denied", status=403
    ),
}
# Services whose answers are XML spell some codes in their own way.
S3_CODES = {
    "ThrottlingException": ("SlowDown", 503),
    "ExpiredTokenException": ("ExpiredToken", 400),
    "InvalidSignatureException": ("RequestTimeTooSkewed", 403),
}
QUERY_CODES = {
    "ThrottlingException": ("Throttling", 400),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
}


def operation_of(request: Request, body: str) -> str:
    """Name the operation that a request asks for."""
    if target := request.headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    if request.path.endswith("/invocations"):
        return "InvokeEndpoint"
    if service_of(request) == "s3":
        names = S3_OBJECT if "/" in request.path.strip("/") else S3_BUCKET
        return names.get(request.method, request.method)
    fields = dict(pair.partition("=")[::2] for pair in body.split("&"))
    return fields.get("Action", request.method)


def name_of(request: Request, body: str) -> str:
    """Give the text in which a fault's pattern looks for a name."""
    if service_of(request) == "s3":
        return request.path.lstrip("/")
    return f"{request.path} {body}"


def refusal(environ: "WSGIEnvironment") -> AWSError | None:
    """Find the refusal that is due for a request; reset the connection if that is."""
    body = buffered(environ) if faults.left else ""
    request = Request(environ)
    operation, name = operation_of(request, body), name_of(request, body)
    if faults.take("connection-reset", name, operation):
        reset(environ)
    for kind, error in REFUSALS.items():
        if kind == "s3-access-denied" and service_of(request) != "s3":
            continue
        if fault := faults.take(kind, name, operation):
            return worded(error, fault, request)
    return denied(request)


def loses_response(environ: "WSGIEnvironment") -> bool:
    """Tell whether a request will be carried out without anybody hearing of it."""
    body = buffered(environ) if faults.left else ""
    request = Request(environ)
    operation, name = operation_of(request, body), name_of(request, body)
    return bool(faults.take("response-lost", name, operation))


def denied(request: Request) -> AWSError | None:
    """Keep the public bucket as it is: nobody may write to the real one either."""
    written = request.method in ("PUT", "POST", "DELETE")
    if written and request.path.split("/")[1] == PUBLIC_BUCKET:
        return REFUSALS["s3-access-denied"]
    return None


def worded(error: AWSError, fault: Fault, request: Request) -> AWSError:
    """Put a refusal into the words of the fault and of the service."""
    query = "x-www-form-urlencoded" in (request.content_type or "")
    codes = S3_CODES if service_of(request) == "s3" else QUERY_CODES if query else {}
    code, status = codes.get(error.code, (error.code, error.status))
    message = fault.message or error.message
    return AWSError(code=code, message=message, status=status)


def buffered(environ: "WSGIEnvironment") -> str:
    """Read a request's body where a fault may look at it, and put it back."""
    kind = environ.get("CONTENT_TYPE", "")
    if "json" not in kind and "x-www-form-urlencoded" not in kind:
        return ""
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    return str(content, errors="replace")


def reset(environ: "WSGIEnvironment") -> None:
    """Reset the connection: the caller sees no answer, not even a closed one."""
    connection: socket.socket = environ["werkzeug.socket"]
    linger_never = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_never)
    # Closing the descriptor itself: the server would first say good-bye.
    os.close(connection.detach())
    raise ConnectionResetError("a fault on demand")
