"""Every service of the embedded AWS behind one address."""

import logging
from collections.abc import Iterable
from importlib import import_module
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

from embedded_aws import injection, interference
from embedded_aws.answers import AWSError, answer, service_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

# Each of these packages installs a backend of ours in the place of moto's.
OURS = {
    "iam": "embedded_aws.iam",
    "s3": "embedded_aws.s3",
    "sagemaker": "embedded_aws.sagemaker",
    "sagemaker-runtime": "embedded_aws.sagemakerruntime",
}
# Whatever else moto may pretend, it is not what runs on the embedded AWS.
SERVED = {"iam", "s3", "sagemaker", "sts", "logs", "tagging", "monitoring", "ecr"}


class Application(DomainDispatcherApplication):
    """Dispatch requests to moto's services, and give every refusal AWS's form."""

    def __init__(self) -> None:
        super().__init__(create_app)
        for package in OURS.values():
            import_module(f"{package}.models").install()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        if request.path.startswith(injection.PATH):
            return injection.manage(request)(environ, start_response)
        if refusal := interference.refusal(environ):
            return answer(request, refusal)(environ, start_response)
        service = service_of(request)
        if service not in SERVED:
            text = f"The embedded AWS has no {service}."
            missing = AWSError(code="UnknownOperationException", message=text)
            return answer(request, missing)(environ, start_response)
        lost = interference.loses_response(environ)
        response: Iterable[bytes] = super().__call__(environ, start_response)
        if lost:
            interference.reset(environ)
        return response


def create_app(service: Any) -> Flask:
    """Make one service's application, with errors for what it does not do."""
    app = create_backend_app(service)
    app.register_error_handler(ServiceException, refused)
    app.register_error_handler(NotImplementedError, not_implemented)
    app.register_error_handler(HTTPException, not_there)
    app.register_error_handler(Exception, broken)
    return app


def refused(error: Exception) -> Response:
    """Answer a request that breaks the service's model."""
    code = getattr(error, "code", "ValidationException")
    message = getattr(error, "message", str(error))
    return answer(current_request, AWSError(code=code, message=message))


def not_implemented(error: Exception) -> Response:
    """Answer an operation that moto lacks."""
    return say("UnknownOperationException", str(error) or "not implemented", 400)


def not_there(error: Exception) -> Response:
    """Answer a path that no operation has."""
    status = error.code if isinstance(error, HTTPException) and error.code else 404
    return say("UnknownOperationException", str(error), status)


def broken(error: Exception) -> Response:
    """Answer a fault of the embedded AWS itself, which its log explains."""
    log.error("%s %s", current_request.method, current_request.path, exc_info=error)
    return say("InternalFailure", f"{type(error).__name__}: {error}", 500)


def say(code: str, message: str, status: int) -> Response:
    """Answer the current request with an error."""
    text = f"{message} (embedded AWS, {service_of(current_request)})"
    return answer(current_request, AWSError(code=code, message=text, status=status))
