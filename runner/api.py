"""Calls of web APIs that take a token, which goes to no other host."""

import json
import urllib.request
from http.client import HTTPMessage
from typing import IO, Any

LIMIT_SECONDS = 10


def call(request: urllib.request.Request) -> Any:
    """Send a request and read the JSON of its answer; a redirect is a refusal."""
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=LIMIT_SECONDS) as answer:
        return json.load(answer)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow nothing: the headers, and the token among them, would be sent along."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None
