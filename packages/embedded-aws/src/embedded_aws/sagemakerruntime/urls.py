"""The paths of the runtime."""

from moto.sagemakerruntime.urls import url_bases

from embedded_aws.sagemakerruntime.responses import Response

__all__ = ["url_bases", "url_paths"]

url_paths = {
    "{0}/endpoints/(?P<name>[^/]+)/async-invocations$": Response.dispatch,
    "{0}/endpoints/(?P<name>[^/]+)/invocations$": Response.dispatch,
    "{0}/endpoints/(?P<name>[^/]+)/invocations-response-stream$": Response.dispatch,
}
