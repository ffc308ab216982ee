"""A call with a token goes to one host, and ends."""

import threading
from collections.abc import Iterator
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.error import HTTPError
from urllib.request import Request

import pytest

from runner import api


class Answers(BaseHTTPRequestHandler):
    """Answers what its path says, and notes what it was asked."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(f"{self.path} {self.headers['Authorization']}")
        code = int(self.path[1:4])
        self.send_response(code)
        self.send_header("Location", "/200")
        if self.path.endswith("cut"):
            self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b'{"a": 1}' if "text" not in self.path else b"text")

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of an API."""
    Answers.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


def asking(url: str, **more: bytes) -> Request:
    return Request(url, headers={"Authorization": "token"}, **more)


def test_an_answer_is_read(server: str) -> None:
    """As JSON."""
    assert api.call(asking(f"{server}/200")) == {"a": 1}
    assert Answers.asked == ["/200 token"]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("more", [{}, {"data": b"{}"}], ids=["GET", "POST"])
def test_no_redirect_is_followed(
    server: str, code: int, more: dict[str, bytes]
) -> None:
    """Whatever its kind, the token stays where it was sent."""
    with pytest.raises(HTTPError) as raised:
        api.call(asking(f"{server}/{code}", **more))
    raised.value.close()

    assert raised.value.code == code
    assert Answers.asked == [f"/{code} token"]


@pytest.mark.parametrize(
    ("path", "kind"), [("text", ValueError), ("cut", HTTPException)]
)
def test_an_answer_that_is_none_is_an_error(
    server: str, path: str, kind: type[Exception]
) -> None:
    """Both of them are what callers know to expect."""
    with pytest.raises(kind):
        api.call(asking(f"{server}/200{path}"))
