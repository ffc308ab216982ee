"""Error answers in the form that each AWS protocol gives them."""

import json
from dataclasses import dataclass
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

XML_SERVICES = ("route53", "cloudfront")
JSON_ERROR_TYPE = "x-amzn-ErrorType"


@dataclass(frozen=True, kw_only=True)
class ErrorAnswer:
    """Hold the code, the message and the HTTP status of an error of AWS."""

    code: str
    message: str
    status: int = 400


def service_of(request: Request) -> str:
    """Return the service that the request was signed for, or `s3` if unsigned."""
    scope = request.headers.get("Authorization", "").partition("Credential=")[2]
    parts = scope.partition(",")[0].split("/")
    return parts[3] if len(parts) >= 5 else "s3"


def error_response(request: Request, error: ErrorAnswer) -> Response:
    """Write an error in the protocol of the request."""
    if "X-Amz-Target" in request.headers:
        return _json(error, {"__type": error.code, "message": error.message})
    if service_of(request) == "s3":
        return _xml(error, f"<Error>{_fields(error)}</Error>")
    form = "x-www-form-urlencoded" in (request.content_type or "")
    if form or service_of(request) in XML_SERVICES:
        body = f"<Error><Type>Sender</Type>{_fields(error)}</Error>"
        return _xml(error, f"<ErrorResponse>{body}</ErrorResponse>")
    return _json(error, {"message": error.message, "Message": error.message})


def _json(error: ErrorAnswer, body: dict[str, str]) -> Response:
    response = Response(json.dumps(body), error.status, mimetype="application/json")
    return _with_headers(response, error)


def _xml(error: ErrorAnswer, body: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
    return _with_headers(Response(text, error.status, mimetype="text/xml"), error)


def _fields(error: ErrorAnswer) -> str:
    return (
        f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    )


def _with_headers(response: Response, error: ErrorAnswer) -> Response:
    response.headers[JSON_ERROR_TYPE] = error.code
    response.headers["x-amzn-RequestId"] = str(uuid4())
    return response
