"""Every service of the embedded AWS behind one address."""

import errno
import io
import logging
import re
import sqlite3
import string
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import moto
from flask import Flask
from flask import request as current_request
from moto.core import responses
from moto.core.exceptions import ServiceException
from moto.core.utils import get_service_model, method_names_from_class
from moto.moto_api._internal.moto_random import MotoRandom
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from embedded_aws import door, fault_injection, records, sharing
from embedded_aws.account import PUBLIC_BUCKET, TOKEN_HEADER, TOKEN_VARIABLE
from embedded_aws.activity import activity
from embedded_aws.cloudwatch import models as cloudwatch
from embedded_aws.errors import (
    CBOR_HEADER,
    INVOCATION,
    ErrorAnswer,
    error_response,
    is_form,
    service_of,
)
from embedded_aws.fault_injection import ACCESS_DENIED, Call
from embedded_aws.iam import models as iam
from embedded_aws.logs import models as logs
from embedded_aws.parameter_table import SERVICES
from embedded_aws.refusals import refusal
from embedded_aws.s3 import models as s3
from embedded_aws.sagemaker import models as sagemaker
from embedded_aws.sagemakerruntime import models as sagemakerruntime
from embedded_aws.sts import models as sts
from embedded_aws.validation import (
    JSON_SERVICES,
    check_form,
    check_request,
    parse,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

# By the name that a service signs with: moto's module. Moto has more services, but
# answers them as if something ran.
SERVED = {
    "iam": "iam",
    "s3": "s3",
    "sagemaker": "sagemaker",
    "sts": "sts",
    "logs": "logs",
    "tagging": "resourcegroupstaggingapi",
    "monitoring": "cloudwatch",
    "ecr": "ecr",
}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
UNKNOWN_OPERATION = "UnknownOperationException"
JSON = "application/x-amz-json-1.1"
# Of a call that is not for S3, which streams: the largest that a service takes is the
# 25 MB of an invocation.
MAX_BODY_BYTES = 32 * 1024**2
# S3's own names have 3 to 63 characters; the others are of old buckets.
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
NEW_BUCKET = re.compile(
    r"(?!.*\.\.|\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)
# What else signs as SageMaker, by how its paths begin.
OTHER_SAGEMAKER = {
    "/FeatureGroup": "Feature Store runtime",
    "/BatchGetRecord": "Feature Store runtime",
    "/BatchPutMetrics": "SageMaker Metrics (BatchPutMetrics)",
    "/BatchGetMetrics": "SageMaker Metrics (BatchGetMetrics)",
    "/SendHeartbeat": "Edge Manager",
    "/GetDeviceRegistration": "Edge Manager",
}
MOTO_FOLDER = str(Path(moto.__file__).parent)
# What moto raises where a request lacks what it takes for given.
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)


class Application(DomainDispatcherApplication):
    """Dispatch calls to moto's services, and give every error AWS's form."""

    def __init__(self, token: str = "") -> None:
        super().__init__(create_app)
        # Without one nothing can control it.
        self.token = token
        for service in (
            cloudwatch,
            iam,
            logs,
            s3,
            sagemaker,
            sagemakerruntime,
            sts,
        ):
            service.install()
        records.load()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one call."""
        with activity:
            return self.answer(environ, start_response)

    def answer(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one call, or refuse it."""
        # Moto would take another account from it.
        environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)
        request = Request(environ)
        if refusal := door.refuse_foreign(request) or self.control(request):
            return refusal(environ, start_response)
        body = read_body(request)
        call = Call.read(request, body)
        error = (
            call.injected_error()
            or door.refuse_unsigned(request, body)
            or find_error(call, body)
        )
        if error:
            return error_response(request, error)(environ, start_response)
        lost = call.takes("response-lost")
        start = clean_headers(start_response, call.service)
        response: Iterable[bytes] = self.app_of(call)(environ, start)
        try:
            records.keep(call.service)
        except (OSError, sqlite3.Error) as lack:
            return _not_written(request, lack)(environ, start_response)
        if lost:
            fault_injection.reset_connection(environ)
        return response

    def control(self, request: Request) -> Response | None:
        """Answer a call of a control path, which needs the server's token."""
        if not request.path.startswith("/_embedded/"):
            return None
        if not self.token or not door.may_control(request, self.token):
            text = (
                f"{request.path}: needs the token of this server, in the header "
                f"{TOKEN_HEADER}; it is in the variable {TOKEN_VARIABLE}"
            )
            return fault_injection.json_response({"error": text}, 403)
        if request.path.startswith(fault_injection.PATH):
            return fault_injection.manage(request)
        return Response(status=204 if request.path == sharing.PATH else 404)

    def app_of(self, call: Call) -> Flask:
        """Return the application of a call's service."""
        name = SERVED[call.service]
        if name == "sagemaker" and call.request.path != "/":
            name = "sagemakerruntime"
        with self.lock:
            if name not in self.app_instances:
                self.app_instances[name] = create_app(name)
            return self.app_instances[name]


def clean_headers(start_response: "StartResponse", service: str) -> "StartResponse":
    """Leave out what lets web pages read an answer, and name JSON what moto does not.

    A bucket may have rules for web pages, but none may read this machine's.
    """

    def start(
        status: str, headers: list[tuple[str, str]], *error: Any
    ) -> Callable[[bytes], object]:
        kept = [h for h in headers if not h[0].lower().startswith("access-control-")]
        if service in JSON_SERVICES:
            page = [h for h in kept if h[1].startswith("text/html")]
            kept = [h for h in kept if h not in page]
            kept += [(name, JSON) for name, _ in page]
        return start_response(status, kept, *error)

    return start


def read_body(request: Request) -> bytes:
    """Read a body that is not for S3, and leave it to be read again.

    Of one that is too large only a part more than the limit is read.
    """
    # A call without a signature may be one of STS, which says so in its form.
    if service_of(request) == "s3" and not (is_form(request) and request.path == "/"):
        return b""
    environ, left = request.environ, MAX_BODY_BYTES + 1
    if not environ.get("wsgi.input_terminated"):
        left = min(left, request.content_length or 0)
    parts = []
    while left > 0 and (part := environ["wsgi.input"].read(left)):
        parts.append(part)
        left -= len(part)
    body = b"".join(parts)
    if len(body) <= MAX_BODY_BYTES:
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
    return body


def find_error(call: Call, body: bytes) -> ErrorAnswer | None:
    """Return the error of a call that no service may see."""
    request = call.request
    if call.service not in SERVED:
        return _unknown(f"The embedded AWS has no {call.service}.")
    if len(body) > MAX_BODY_BYTES:
        text = f"The request is larger than {MAX_BODY_BYTES} bytes."
        return ErrorAnswer(code="RequestEntityTooLarge", message=text, status=413)
    if call.service == "s3":
        return _find_s3_error(request)
    if INVOCATION.fullmatch(request.path) and call.service == "sagemaker":
        return None
    return _find_other_error(call, body)


def _find_s3_error(request: Request) -> ErrorAnswer | None:
    bucket = request.path.split("/")[1]
    is_written = request.method in ("PUT", "POST", "DELETE")
    is_whole = request.path.strip("/") == bucket and not request.query_string
    is_made = request.method == "PUT" and is_whole
    pattern = NEW_BUCKET if is_made else BUCKET
    if (bucket or is_made) and not pattern.fullmatch(bucket):
        text = f"The specified bucket is not valid: {bucket[:100]!r}."
        return ErrorAnswer(code="InvalidBucketName", message=text)
    return ACCESS_DENIED if is_written and bucket == PUBLIC_BUCKET else None


def _find_other_error(call: Call, body: bytes) -> ErrorAnswer | None:
    request, service = call.request, call.service
    if CBOR_HEADER in request.headers and service == "monitoring":
        return None
    if request.path != "/":
        starts = OTHER_SAGEMAKER if service == "sagemaker" else {}
        named = next((n for p, n in starts.items() if request.path.startswith(p)), "")
        other = named or f"{request.method} {request.path[:200]} of {service}"
        return _unknown(f"The embedded AWS has no {other}.")
    target = request.headers.get("X-Amz-Target")
    if service not in JSON_SERVICES or (service == "monitoring" and not target):
        text = f"{service} takes no X-Amz-Target."
        return _unknown(text) if target else _find_action_error(call)
    if not target:
        return _unknown("The request names no X-Amz-Target.")
    if request.method != "POST" or request.query_string:
        return _unknown(f"{target[:200]} is a POST to / without a query.")
    error = check_request(service, target, body)
    # SageMaker refuses its own, of what faults and rules of its own have let pass.
    if error or service == "sagemaker":
        return error
    name, code = JSON_SERVICES[service]
    return _find_refusal(name, target.rpartition(".")[2], parse(body), code)


def _find_action_error(call: Call) -> ErrorAnswer | None:
    """Return the error of a call whose action is a field of its form or query."""
    name, _ = JSON_SERVICES.get(call.service, (call.service, ""))
    action = call.values.get("Action", [""])[0]
    if action not in get_service_model(name).operation_names:
        text = f"Could not find operation {action[:200]!r} of {call.service}."
        return ErrorAnswer(code="InvalidAction", message=text)
    given = form_parameters(call.values)
    refused = _find_refusal(name, action, given, "ValidationError")
    return refused or check_form(name, action, call.values)


def form_parameters(values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the parameters of a form, of which `a.member.1.b` is in a list of `a`.

    What is in lists and structures is not told apart by where it stands.
    """
    given: dict[str, Any] = {}
    for field, (value, *_) in values.items():
        if field in ("Action", "Version") or field.startswith("X-Amz-"):
            continue
        *outer, last = [
            n for n in field.split(".") if n != "member" and not n.isdigit()
        ]
        place = given
        for name in outer:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                break
        else:
            place.setdefault(last, value)
    return given


def _find_refusal(
    service: str, action: str, given: Mapping[str, Any], code: str
) -> ErrorAnswer | None:
    """Return the error of a call of which something would be ignored."""
    try:
        text = refusal(SERVICES[service], action, given)
    except NotImplementedError as error:
        return _unknown(str(error))
    return ErrorAnswer(code=code, message=text) if text else None


def _unknown(text: str) -> ErrorAnswer:
    return ErrorAnswer(code=UNKNOWN_OPERATION, message=text)


def create_app(service: Any) -> Flask:
    """Make one service's application, with errors for what it does not do."""
    # Moto would let every web page read it.
    vars(werkzeug_app)["DISABLE_GLOBAL_CORS"] = True
    # Moto would list the methods of a class at each call.
    vars(responses)["method_names_from_class"] = method_names
    # Moto would draw each character of an id by itself, and an answer's id has 52.
    MotoRandom.get_random_string = random_string  # type: ignore[method-assign, assignment]
    app = werkzeug_app.create_backend_app(service)
    app.register_error_handler(ServiceException, service_error)
    app.register_error_handler(NotImplementedError, not_implemented)
    app.register_error_handler(HTTPException, not_found)
    app.register_error_handler(OSError, storage_failure)
    app.register_error_handler(sqlite3.Error, storage_failure)
    app.register_error_handler(Exception, internal_failure)
    return app


@cache
def method_names(actions: type) -> frozenset[str]:
    """Return the names of all methods of a class."""
    return frozenset(method_names_from_class(actions))


def random_string(
    random: MotoRandom,
    length: int = 20,
    include_digits: bool = True,
    lower_case: bool = False,
) -> str:
    """Return letters and digits as moto does, drawn at once."""
    pool = string.ascii_letters + string.digits * include_digits
    text = "".join(random.choices(pool, k=length))
    return text.lower() if lower_case else text


def service_error(error: Exception) -> Response:
    """Answer with an error that a service raised."""
    code = getattr(error, "code", "ValidationException")
    message = getattr(error, "message", str(error))
    status = 403 if code == ACCESS_DENIED.code else 400
    answer = ErrorAnswer(code=code, message=message, status=status)
    return error_response(current_request, answer)


def not_implemented(error: Exception) -> Response:
    """Answer an operation that the embedded AWS does not have."""
    text = str(error) or "not implemented"
    return own_error(current_request, UNKNOWN_OPERATION, text, 400)


def not_found(error: Exception) -> Response:
    """Answer a path that no operation has."""
    status = error.code if isinstance(error, HTTPException) and error.code else 404
    return own_error(current_request, UNKNOWN_OPERATION, str(error), status)


def storage_failure(error: Exception) -> Response:
    """Answer a call whose changes could not be written."""
    if isinstance(error, OSError) and error.errno not in NO_ROOM:
        return internal_failure(error)
    return _not_written(current_request, error)


def _not_written(request: Request, error: Exception) -> Response:
    log.error("%s %s", request.method, request.path, exc_info=error)
    reason = getattr(error, "strerror", None) or str(error)
    text = f"The state cannot be written: {reason.lower()}; free some space."
    status = HTTPStatus.INSUFFICIENT_STORAGE
    return own_error(request, "InsufficientStorage", text, status)


def internal_failure(error: Exception) -> Response:
    """Answer after a bug of the embedded AWS itself, which its log explains.

    Where moto cannot read a request, the request is what is refused.
    """
    log.error("%s %s", current_request.method, current_request.path, exc_info=error)
    text = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    is_read = isinstance(error, UNREADABLE) or type(error) is Exception
    if is_read and frames[-1].filename.startswith(MOTO_FOLDER):
        return own_error(
            current_request, "ValidationException", f"moto cannot read it, {text}", 400
        )
    return own_error(current_request, "InternalFailure", text, 500)


def own_error(request: Request, code: str, message: str, status: int) -> Response:
    """Answer with an error of the embedded AWS, not of AWS, and name the service."""
    text = f"{message} (embedded AWS, {service_of(request)})"
    error = ErrorAnswer(code=code, message=text, status=status)
    return error_response(request, error)
