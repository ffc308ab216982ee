"""Every service of the embedded AWS behind one address."""

import errno
import logging
import sqlite3
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask import request as current_request
from moto.core.exceptions import ServiceException
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    create_backend_app,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from embedded_aws import fault_injection, records, sharing
from embedded_aws.account import PUBLIC_BUCKET
from embedded_aws.activity import activity
from embedded_aws.errors import ErrorAnswer, error_response, service_of
from embedded_aws.fault_injection import ACCESS_DENIED, Call
from embedded_aws.iam import models as iam
from embedded_aws.logs import models as logs
from embedded_aws.s3 import models as s3
from embedded_aws.sagemaker import models as sagemaker
from embedded_aws.sagemakerruntime import models as sagemakerruntime

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

# Moto has more services, but answers them as if something ran.
SERVED = {"iam", "s3", "sagemaker", "sts", "logs", "tagging", "monitoring", "ecr"}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
# Its reset would leave the state in the folder as it is.
MOTO_API = "/moto-api"
UNKNOWN_OPERATION = "UnknownOperationException"


class Application(DomainDispatcherApplication):
    """Dispatch calls to moto's services, and give every error AWS's form."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__(create_app)
        self.token = token
        for service in (iam, logs, s3, sagemaker, sagemakerruntime):
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
        call = Call.read(environ)
        if call.request.path.startswith(fault_injection.PATH):
            return fault_injection.manage(call.request)(environ, start_response)
        if call.request.path == sharing.PATH:
            given = call.request.headers.get(sharing.TOKEN_HEADER)
            known = bool(self.token) and given == self.token
            return Response(status=204 if known else 403)(environ, start_response)
        if error := call.injected_error() or find_error(call):
            return error_response(call.request, error)(environ, start_response)
        lost = call.takes("response-lost")
        response: Iterable[bytes] = super().__call__(environ, start_response)
        try:
            records.keep(call.service)
        except (OSError, sqlite3.Error) as lack:
            refusal = _not_written(call.request, lack)
            return refusal(environ, start_response)
        if lost:
            fault_injection.reset_connection(environ)
        return response


def find_error(call: Call) -> ErrorAnswer | None:
    """Return the error of a call that no service may see."""
    request = call.request
    written = request.method in ("PUT", "POST", "DELETE")
    if written and request.path.split("/")[1] == PUBLIC_BUCKET:
        return ACCESS_DENIED
    if request.path.startswith(MOTO_API):
        text = "The embedded AWS has no moto-api; start it anew to begin with nothing."
        return ErrorAnswer(code=UNKNOWN_OPERATION, message=text)
    if call.service not in SERVED:
        text = f"The embedded AWS has no {call.service}."
        return ErrorAnswer(code=UNKNOWN_OPERATION, message=text)
    return None


def create_app(service: Any) -> Flask:
    """Make one service's application, with errors for what it does not do."""
    app = create_backend_app(service)
    app.register_error_handler(ServiceException, service_error)
    app.register_error_handler(NotImplementedError, not_implemented)
    app.register_error_handler(HTTPException, not_found)
    app.register_error_handler(OSError, storage_failure)
    app.register_error_handler(sqlite3.Error, storage_failure)
    app.register_error_handler(Exception, internal_failure)
    return app


def service_error(error: Exception) -> Response:
    """Answer with an error that a service raised."""
    code = getattr(error, "code", "ValidationException")
    message = getattr(error, "message", str(error))
    return error_response(current_request, ErrorAnswer(code=code, message=message))


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
    """Answer after a bug of the embedded AWS itself, which its log explains."""
    log.error("%s %s", current_request.method, current_request.path, exc_info=error)
    text = f"{type(error).__name__}: {error}"
    return own_error(current_request, "InternalFailure", text, 500)


def own_error(request: Request, code: str, message: str, status: int) -> Response:
    """Answer with an error of the embedded AWS, not of AWS, and name the service."""
    text = f"{message} (embedded AWS, {service_of(request)})"
    error = ErrorAnswer(code=code, message=text, status=status)
    return error_response(request, error)
