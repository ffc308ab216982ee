"""Fault injection: the HTTP interface of the faults, and the faults that hit a call.

POST one fault to `/_embedded/faults`, GET all, DELETE one (`/_embedded/faults/<id>`) or
all; each with the server's token.
"""

import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    UnsupportedMediaType,
)
from werkzeug.wrappers import Request, Response

from embedded_aws.door import UNSIGNED_ACTIONS
from embedded_aws.errors import ErrorAnswer, is_form, service_of
from embedded_aws.faults import Fault, Kind, faults

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PATH = "/_embedded/faults"
METHODS = ("GET", "POST", "DELETE")
EXAMPLE = '{"kind": "throttling", "count": 3}'
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
ACCESS_DENIED = ErrorAnswer(code="AccessDenied", message="Access Denied", status=403)
ERRORS: dict[Kind, ErrorAnswer] = {
    "throttling": ErrorAnswer(code="ThrottlingException", message="Rate exceeded"),
    "expired-credentials": ErrorAnswer(
        code="ExpiredTokenException", message=EXPIRED, status=403
    ),
    "clock-skew": ErrorAnswer(
        code="InvalidSignatureException", message=SKEWED, status=403
    ),
    "service-unavailable": ErrorAnswer(
        code="ServiceUnavailable", message="Unable to handle request", status=503
    ),
    "s3-access-denied": ACCESS_DENIED,
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


def manage(request: Request) -> Response:
    """Change the faults as a request asks, and answer with those that are left."""
    try:
        _change(request, request.path.removeprefix(PATH).strip("/"))
    except HTTPException as error:
        return json_response({"error": error.description}, error.code)
    return json_response(faults.describe())


def json_response(content: object, status: int | None = None) -> Response:
    """Answer a call of a control path."""
    # The end of line is for those who read it in a terminal.
    return Response(json.dumps(content) + "\n", status, mimetype="application/json")


def _change(request: Request, id: str) -> None:
    if request.method not in METHODS:
        text = f"{request.method}: POST one fault, GET all, DELETE one or all"
        raise MethodNotAllowed(METHODS, text)
    if request.method == "DELETE":
        if not faults.remove(id or None):
            raise NotFound(f"no fault has the id {id!r}; GET {PATH} lists those left")
    elif id:
        raise NotFound(f"{request.path}: {request.method} goes to {PATH}")
    elif request.method == "POST":
        faults.add(_read_fault(request))


def _read_fault(request: Request) -> Fault:
    if not request.is_json:
        raise UnsupportedMediaType(
            f"the body's content type is {request.mimetype!r}; send JSON: "
            f"curl -H 'content-type: application/json' -d '{EXAMPLE}'"
        )
    try:
        values = json.loads(request.get_data())
    except ValueError as error:
        text = f"the body is not JSON: {error}; send for instance {EXAMPLE}"
        raise BadRequest(text) from error
    try:
        return Fault.from_json(values)
    except ValueError as error:
        raise BadRequest(str(error)) from error


@dataclass(frozen=True)
class Call:
    """Name the operation of a call, and the text in which a fault finds its name."""

    request: Request
    service: str
    operation: str
    name: str
    # The fields of its form or its query.
    values: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, request: Request, body: bytes) -> "Call":
        """Read a call, whose body is given unless it is for S3."""
        fields = body if is_form(request) else request.query_string
        values = parse_qs(fields.decode(errors="replace")) if fields else {}
        service = service_of(request)
        if values.get("Action", [""])[0] in UNSIGNED_ACTIONS and is_form(request):
            service = "sts"
        path = request.path
        # A body may be large: it is searched only where a fault may look into it.
        text = body.decode(errors="replace") if faults.left else ""
        name = path.lstrip("/") if service == "s3" else f"{path} {text}"
        return cls(request, service, _operation(request, service, values), name, values)

    def takes(self, kind: Kind) -> Fault | None:
        """Return the fault of this kind that is due for the call."""
        return faults.take(kind, self.name, self.operation)

    def injected_error(self) -> ErrorAnswer | None:
        """Return the error that is due for the call; reset the connection if that is.

        Raises ConnectionResetError after a reset.
        """
        if self.takes("connection-reset"):
            reset_connection(self.request.environ)
        for kind, error in ERRORS.items():
            if kind == "s3-access-denied" and self.service != "s3":
                continue
            if fault := self.takes(kind):
                return self._worded(error, fault)
        return None

    def _worded(self, error: ErrorAnswer, fault: Fault) -> ErrorAnswer:
        others = QUERY_CODES if is_form(self.request) else {}
        codes = S3_CODES if self.service == "s3" else others
        code, status = codes.get(error.code, (error.code, error.status))
        message = fault.message or error.message
        return ErrorAnswer(code=code, message=message, status=status)


def _operation(
    request: Request, service: str, values: Mapping[str, Sequence[str]]
) -> str:
    if target := request.headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    if request.path.endswith("/invocations"):
        return "InvokeEndpoint"
    if service == "s3":
        names = S3_OBJECT if "/" in request.path.strip("/") else S3_BUCKET
        return names.get(request.method, request.method)
    return values.get("Action", [request.method])[0]


def reset_connection(environ: "WSGIEnvironment") -> None:
    """Reset the connection: the caller gets no answer, not even a closed one."""
    connection: socket.socket = environ["werkzeug.socket"]
    linger_never = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_never)
    # Closing the descriptor itself: the server would first end the stream properly.
    os.close(connection.detach())
    raise ConnectionResetError("a fault on demand")
