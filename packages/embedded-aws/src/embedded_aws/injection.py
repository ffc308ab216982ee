"""The HTTP interface of the faults: POST one, GET all, DELETE one or all."""

import json

from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    UnsupportedMediaType,
)
from werkzeug.wrappers import Request, Response

from embedded_aws.faults import Fault, faults

PATH = "/_embedded/faults"
METHODS = ("GET", "POST", "DELETE")
EXAMPLE = '{"kind": "throttling", "count": 3}'


def manage(request: Request) -> Response:
    """Answer what can still go wrong, or what is wrong with the request."""
    try:
        change(request, request.path.removeprefix(PATH).strip("/"))
    except HTTPException as error:
        return answer({"error": error.description}, error.code)
    return answer(faults.describe())


def answer(content: object, status: int | None = None) -> Response:
    """Answer in JSON, with an end of line for whoever reads it in a terminal."""
    return Response(json.dumps(content) + "\n", status, mimetype="application/json")


def change(request: Request, id: str) -> None:
    """Do what the request asks for, or refuse it."""
    if request.method not in METHODS:
        text = f"{request.method}: POST one fault, GET all, DELETE one or all"
        raise MethodNotAllowed(METHODS, text)
    if request.method == "DELETE":
        if not faults.remove(id or None):
            raise NotFound(f"no fault has the id {id!r}; GET {PATH} lists those left")
    elif id:
        raise NotFound(f"{request.path}: {request.method} goes to {PATH}")
    elif request.method == "POST":
        faults.add(read(request))


def read(request: Request) -> Fault:
    """Read the fault that a request holds."""
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
