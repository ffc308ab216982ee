"""Errors in the form that each AWS protocol gives them."""

import json
from dataclasses import dataclass
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

XML_SERVICES = ("route53", "cloudfront")
JSON_ERROR_TYPE = "x-amzn-ErrorType"


@dataclass(frozen=True, kw_only=True)
class AWSError:
    """Say what AWS refuses, and how."""

    code: str
    message: str
    status: int = 400


def service_of(request: Request) -> str:
    """Name the service that the request was signed for, or S3 where it was not."""
    scope = request.headers.get("Authorization", "").partition("Credential=")[2]
    parts = scope.partition(",")[0].split("/")
    return parts[3] if len(parts) >= 5 else "s3"


def answer(request: Request, error: AWSError) -> Response:
    """Put an error into the words of the request's protocol."""
    if "X-Amz-Target" in request.headers:
        return json_answer(error, {"__type": error.code, "message": error.message})
    if service_of(request) == "s3":
        return xml_answer(error, f"<Error>{fields(error)}</Error>")
    form = "x-www-form-urlencoded" in (request.content_type or "")
    if form or service_of(request) in XML_SERVICES:
        body = f"<Error><Type>Sender</Type>{fields(error)}</Error>"
        return xml_answer(error, f"<ErrorResponse>{body}</ErrorResponse>")
    return json_answer(error, {"message": error.message, "Message": error.message})


def json_answer(error: AWSError, body: dict[str, str]) -> Response:
    """Answer in JSON."""
    response = Response(json.dumps(body), error.status, mimetype="application/json")
    return with_headers(response, error)


def xml_answer(error: AWSError, body: str) -> Response:
    """Answer in XML."""
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'
    return with_headers(Response(text, error.status, mimetype="text/xml"), error)


def fields(error: AWSError) -> str:
    """Write code and message as XML."""
    return (
        f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    )


def with_headers(response: Response, error: AWSError) -> Response:
    """Add what every answer of AWS carries."""
    response.headers[JSON_ERROR_TYPE] = error.code
    response.headers["x-amzn-RequestId"] = str(uuid4())
    return response
