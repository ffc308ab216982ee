"""What the model server answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True, kw_only=True)
class Response:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Refusal(Exception):
    """End a request with a status and a text."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status

    def response(self) -> Response:
        """Answer with the text."""
        return text_response(str(self), self.status)


def text_response(
    text: str, status: int = HTTPStatus.OK, mimetype: str = "text/html"
) -> Response:
    """Answer with a text, in the encoding that the header names."""
    charset = "; charset=utf-8" if mimetype.startswith("text/") else ""
    headers = {"Content-Type": mimetype + charset}
    return Response(status=int(status), headers=headers, body=text.encode())


def error_page(status: HTTPStatus, title: str, text: str) -> Response:
    """Answer with the page that the web framework writes by itself."""
    page = (
        f"<!doctype html>\n<html lang=en>\n<title>{int(status)} {title}</title>\n"
        f"<h1>{title}</h1>\n<p>{text}</p>\n"
    )
    return text_response(page, status)
