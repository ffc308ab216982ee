"""Serve the embedded AWS until it is told to end."""

import gc
import io
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from embedded_aws.application import Application
from embedded_aws.process import HOST, READY
from embedded_aws.sagemaker.training_run import kill_containers

POLL_SECONDS = 0.1


class RequestHandler(MotoRequestHandler):
    """Answer many requests over one connection.

    Werkzeug's own handler closes it after each, which costs as much as most answers. A
    request's body is read before it is answered, so that the next one can be found.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # An answer is sent at once, not line by line.
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Answer one request."""
        self.environ = environ = self.make_environ()
        length = int(environ.get("CONTENT_LENGTH") or 0)
        chunked = environ.get("wsgi.input_terminated")
        body = environ["wsgi.input"].read() if chunked else self.rfile.read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[[bytes], object]:
            started.append((status, headers))
            return self.wfile.write

        try:
            response = self.server.app(environ, start_response)
            content = b"".join(response)
            if close := getattr(response, "close", None):
                close()
            self._answer(*started[-1], content)
        except ConnectionError:
            self.close_connection = True

    def _answer(
        self, status: str, headers: list[tuple[str, str]], content: bytes
    ) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in {name.lower() for name, _ in headers}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def serve(port: int, folder: Path | None, *, until_stdin_closes: bool) -> None:
    """Serve on this machine, report the address, and clean up when told to end."""
    ended, orphaned = _end_on_signals(), threading.Event()
    place = folder or Path(tempfile.mkdtemp(prefix="embedded-aws-"))
    # Every temporary file of this process goes with this folder.
    tempfile.tempdir = str(place.absolute())
    if until_stdin_closes:
        waiting = threading.Thread(target=_wait_for_parent, args=[orphaned])
        waiting.daemon = True
        waiting.start()
    try:
        _run(_make(port), ended)
        kill_containers()
    finally:
        # A folder that was given is the giver's, who may still read the log in it.
        if folder is None or orphaned.is_set():
            shutil.rmtree(place, ignore_errors=True)


def _end_on_signals() -> int:
    """Return the end of a pipe that can be read once a signal has arrived.

    A handler that sets an event is not enough: Python runs it in the main thread, which
    a signal does not wake if it arrives just before the thread begins to wait.
    """
    ended, arrived = os.pipe()
    os.set_blocking(arrived, False)
    signal.set_wakeup_fd(arrived)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return ended


def _make(port: int) -> BaseWSGIServer:
    return make_server(
        HOST,
        port,
        Application(),
        threaded=True,
        request_handler=RequestHandler,
    )


def _run(server: BaseWSGIServer, ended: int) -> None:
    """Serve in a thread until the pipe can be read."""
    threading.Thread(
        target=server.serve_forever, args=[POLL_SECONDS], daemon=True
    ).start()
    gc.freeze()
    gc.enable()
    print(f"{READY}http://{HOST}:{server.server_port}", flush=True)
    # Only that line is read; what a library prints later is for the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.read(ended, 1)
    server.shutdown()


def _wait_for_parent(orphaned: threading.Event) -> None:
    """End the server when its parent is gone: that closes our standard input."""
    # Not sys.stdin: a thread that holds its lock would break the interpreter's end.
    while os.read(0, 4096):
        pass
    orphaned.set()
    signal.raise_signal(signal.SIGTERM)
