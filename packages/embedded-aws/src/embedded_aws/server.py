"""Serve the embedded AWS until it is told to end, or until it is idle."""

import gc
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.exceptions import BadRequest
from werkzeug.serving import BaseWSGIServer, DechunkedInput, make_server
from werkzeug.wsgi import LimitedStream

from embedded_aws.account import TOKEN_VARIABLE
from embedded_aws.activity import activity
from embedded_aws.application import Application
from embedded_aws.process import (
    ENDING_SECONDS,
    HOST,
    LOG,
    READY,
    PortError,
    check_port,
)
from embedded_aws.s3 import store as s3
from embedded_aws.sagemaker.containers import endpoint, kill_containers
from embedded_aws.sharing import (
    SERVING,
    TEMPORARY,
    USING,
    Address,
    InUseError,
    lock,
    prepare,
    remove,
)
from embedded_aws.state import state

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

POLL_SECONDS = 0.1
WATCH_SECONDS = 1.0
LOCK_SECONDS = 1.0
COPIED_BYTES = 64 * 1024
LENGTH = re.compile("[0-9]{1,18}")
MEANT_IN_URIS = frozenset(";#?")
# A log that grows beyond the first keeps its last bytes, the second.
MAX_LOG_BYTES = 4 * 1024**2
KEPT_LOG_BYTES = 1024**2


class _Body(LimitedStream):
    """The body of a request, which does not end early without an error."""

    def on_disconnect(self, error: Exception | None = None) -> None:
        """Close the connection: the client has gone."""
        raise ConnectionAbortedError("the client has gone") from error


class _Chunks(DechunkedInput):
    """The body of a request in chunks; what is no chunk is an error of the request."""

    def __init__(self, stream: IO[bytes], handler: "RequestHandler") -> None:
        super().__init__(stream)
        self.handler = handler

    def readinto(self, buf: bytearray) -> int:  # type: ignore[override]
        """Read into a buffer.

        Raises:
            BadRequest: the length of a chunk, or its end, is not there.
        """
        try:
            return super().readinto(buf)
        except ConnectionError:
            raise
        except OSError as error:
            # Where the next request would begin is not known.
            self._done = self.handler.close_connection = True
            raise BadRequest(str(error)) from error


class RequestHandler(MotoRequestHandler):
    """Answer many requests over one connection, and stream their bodies.

    Werkzeug's own handler closes it after each, which costs as much as most answers.
    """

    protocol_version = "HTTP/1.1"
    # Of what is no request: an error as AWS's, with a status line, and no page of HTML.
    default_request_version = "HTTP/1.0"
    error_content_type = "application/xml"
    error_message_format = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>BadRequest</Code>'
        "<Message>%(message)s: %(explain)s</Message></Error>"
    )
    disable_nagle_algorithm = True
    # Small parts of an answer are sent together.
    wbufsize = -1

    def handle_expect_100(self) -> bool:
        """Let the client send its body at once."""
        proceeds = super().handle_expect_100()
        self.wfile.flush()
        return proceeds

    def run_wsgi(self) -> None:
        """Answer one request."""
        self.environ = environ = self.make_environ()
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[[bytes], object]:
            started.append((status, headers))
            return self.wfile.write

        try:
            body = environ["wsgi.input"] = self._body(environ)
            response = self.server.app(environ, start_response)
            try:
                self._answer(started, response)
            finally:
                if close := getattr(response, "close", None):
                    close()
            # Behind what the answer did not need of the body the next request begins.
            while body.read(COPIED_BYTES):
                pass
        except BadRequest as error:
            self.close_connection = True
            if not started:
                self.send_error(400, error.description)
        except ConnectionError:
            self.close_connection = True

    def _body(self, environ: "WSGIEnvironment") -> IO[bytes]:
        stream = cast("IO[bytes]", self.rfile)
        if environ.get("wsgi.input_terminated"):
            return cast("IO[bytes]", _Chunks(stream, self))
        length = environ.get("CONTENT_LENGTH") or "0"
        if not LENGTH.fullmatch(length):
            raise BadRequest("Content-Length is no number")
        return cast("IO[bytes]", _Body(stream, int(length)))

    def _answer(
        self,
        started: list[tuple[str, list[tuple[str, str]]]],
        response: Iterable[bytes],
    ) -> None:
        parts = iter(response)
        first = next(parts, b"")
        status, headers = started[-1]
        if "content-length" not in {name.lower() for name, _ in headers}:
            first = first + b"".join(parts)
            headers = [*headers, ("Content-Length", str(len(first)))]
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(first)
        for part in parts:
            self.wfile.write(part)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def serve_in_memory(
    port: int, folder: Path | None, *, until_stdin_closes: bool
) -> None:
    """Serve on this machine, keep nothing, and clean up when told to end.

    Args:
        folder: for its files, instead of one of its own.
    """
    ended, orphaned = _end_on_signals(), threading.Event()
    place = folder or Path(tempfile.mkdtemp(prefix="embedded-aws-"))
    # Every temporary file of this process goes with this folder.
    tempfile.tempdir = str(place.absolute())
    if until_stdin_closes:
        _watch(_wait_for_parent, orphaned)
    token = _token()
    try:
        _run(_make(port, Application(token)), ended, token)
        kill_containers()
    finally:
        # A folder that was given is the giver's, who may still read the log in it.
        if folder is None or orphaned.is_set():
            shutil.rmtree(place, ignore_errors=True)


def serve_folder(port: int, folder: Path, *, idle_minutes: float | None) -> None:
    """Serve on this machine what a folder keeps, until told to end or idle.

    Args:
        port: 0 for the one where it was served last if that is free, else any.
        idle_minutes: None to serve for ever.

    Raises:
        EmbeddedAWSError: the folder cannot be used, or another process serves it.
        StateError: its state cannot be read.
    """
    folder = folder.absolute()
    prepare(folder)
    ended = _end_on_signals()
    with ExitStack() as stack:
        stack.enter_context(lock(folder / SERVING, LOCK_SECONDS))
        tempfile.tempdir = stack.enter_context(_temporary(folder / TEMPORARY))
        state.open(folder)
        token = _token(Address.read(folder))
        server = _make(port or _last_port(folder), Application(token))
        Address(pid=os.getpid(), port=server.server_port, token=token).write(folder)
        _watch(_bound_log, folder / LOG)
        if idle_minutes is not None:
            _watch(_end_when_idle, folder / USING, idle_minutes * 60)
        _run(server, ended, token, meanwhile=_read_objects)
        # First of all: what ends now must not be kept as if it had failed.
        state.close()
        kill_containers()
        print("told to end, or idle", file=sys.stderr)


def _read_objects() -> None:
    """Read what S3 has, before it is called; nothing of that is garbage."""
    gc.disable()
    s3.backend()
    gc.freeze()
    gc.enable()


@contextmanager
def _temporary(folder: Path) -> Iterator[str]:
    """Make an empty folder, which goes with the block; return where it is.

    XGBoost reads paths as URIs and refuses some: then it is elsewhere, and linked.
    """
    remove(folder)
    path = str(folder)
    if path.isascii() and not set(path) & MEANT_IN_URIS:
        folder.mkdir(mode=0o700)
    else:
        folder.symlink_to(tempfile.mkdtemp(prefix="embedded-aws-"))
    try:
        yield str(folder.resolve())
    finally:
        remove(folder)


def _last_port(folder: Path) -> int:
    """Return the port of the last server, so that what a shell has exported works."""
    address = Address.read(folder)
    try:
        check_port(address.port if address else 0)
    except PortError:
        return 0
    return address.port if address else 0


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


def _make(port: int, application: Application) -> BaseWSGIServer:
    return make_server(
        HOST,
        port,
        application,
        threaded=True,
        request_handler=RequestHandler,
    )


def _token(last: Address | None = None) -> str:
    """Return the token of the control paths: that which was given, the last, or a new.

    No process that this one starts may have it: they run what users wrote.
    """
    given = os.environ.pop(TOKEN_VARIABLE, "")
    return given or (last.token if last else "") or secrets.token_hex()


def _run(
    server: BaseWSGIServer,
    ended: int,
    token: str,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Serve in a thread until the pipe can be read."""
    threading.Thread(
        target=server.serve_forever, args=[POLL_SECONDS], daemon=True
    ).start()
    gc.freeze()
    gc.enable()
    endpoint.append(f"http://{HOST}:{server.server_port}")
    lines = f"{READY}{endpoint[-1]}\n{TOKEN_VARIABLE}={token}\n"
    # At once: who started this reads the first line, and then no more.
    os.write(sys.stdout.fileno(), lines.encode())
    # Only that line is read; what a library prints later is for the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _watch(meanwhile)
    os.read(ended, 1)
    server.shutdown()


def _watch(target: Callable[..., object], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()


def _wait_for_parent(orphaned: threading.Event) -> None:
    """End the server when its parent is gone: that closes our standard input."""
    # Not sys.stdin: a thread that holds its lock would break the interpreter's end.
    while os.read(0, 4096):
        pass
    orphaned.set()
    signal.raise_signal(signal.SIGTERM)


def _end_when_idle(using: Path, seconds: float) -> None:
    """End the server when nothing has gone on, and no command used it, for so long."""
    while True:
        time.sleep(min(WATCH_SECONDS, seconds / 4))
        try:
            with lock(using, 0):
                if activity.idle_seconds() >= seconds:
                    signal.raise_signal(signal.SIGTERM)
                    # A command that comes now waits until this process has ended.
                    time.sleep(ENDING_SECONDS)
        except InUseError:
            activity.note()
        except FileNotFoundError:
            # The folder was removed: there is nothing left to serve.
            signal.raise_signal(signal.SIGTERM)
            return


def _bound_log(log: Path) -> None:
    """Cut the log's beginning when it is long, as long as the server runs."""
    while True:
        time.sleep(WATCH_SECONDS)
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            with log.open("r+b") as file:
                file.seek(-KEPT_LOG_BYTES, os.SEEK_END)
                kept = file.read()
                file.truncate(0)
            with log.open("ab") as file:
                file.write(kept.partition(b"\n")[2])
