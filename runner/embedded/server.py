"""Serve the embedded AWS until it is told to end."""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from runner.embedded import workplace
from runner.embedded.application import Application
from runner.embedded.process import READY

POLL_SECONDS = 0.1


class QuietRequestHandler(MotoRequestHandler):
    """Write no line per request; what fails is logged by the application."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def serve(port: int, folder: Path, *, until_stdin_closes: bool) -> None:
    """Serve on 127.0.0.1, report the address, and clean up when told to end."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    workplace.use(folder)
    server = make_server(
        "127.0.0.1",
        port,
        Application(),
        threaded=True,
        request_handler=QuietRequestHandler,
    )
    if until_stdin_closes:
        threading.Thread(target=wait_for_parent, args=[ended], daemon=True).start()
    run(server, ended)
    workplace.clear()
    shutil.rmtree(folder, ignore_errors=True)


def run(server: BaseWSGIServer, ended: threading.Event) -> None:
    """Serve in a thread until the event is set."""
    threading.Thread(
        target=server.serve_forever, args=[POLL_SECONDS], daemon=True
    ).start()
    print(f"{READY}http://127.0.0.1:{server.server_port}", flush=True)
    # Nobody reads on; what a library prints later is for the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    ended.wait()
    server.shutdown()


def wait_for_parent(ended: threading.Event) -> None:
    """Set the event when the parent is gone: its end closes our standard input."""
    # Not sys.stdin: a thread that holds its lock would break the interpreter's end.
    while os.read(0, 4096):
        pass
    ended.set()
