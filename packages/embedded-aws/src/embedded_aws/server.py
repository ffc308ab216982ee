"""Serve the embedded AWS until it is told to end."""

import gc
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from embedded_aws.application import Application
from embedded_aws.process import HOST, READY
from embedded_aws.sagemaker.training_run import kill_containers

POLL_SECONDS = 0.1


class QuietRequestHandler(MotoRequestHandler):
    """Log no line per request; the application logs what fails."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def serve(port: int, folder: Path | None, *, until_stdin_closes: bool) -> None:
    """Serve on this machine, report the address, and clean up when told to end."""
    ended, orphaned = threading.Event(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    place = folder or Path(tempfile.mkdtemp(prefix="embedded-aws-"))
    # Every temporary file of this process goes with this folder.
    tempfile.tempdir = str(place.absolute())
    if until_stdin_closes:
        waiting = threading.Thread(
            target=_wait_for_parent, args=[orphaned, ended], daemon=True
        )
        waiting.start()
    try:
        _run(_make(port), ended)
        kill_containers()
    finally:
        # A folder that was given is the giver's, who may still read the log in it.
        if folder is None or orphaned.is_set():
            shutil.rmtree(place, ignore_errors=True)


def _make(port: int) -> BaseWSGIServer:
    return make_server(
        HOST,
        port,
        Application(),
        threaded=True,
        request_handler=QuietRequestHandler,
    )


def _run(server: BaseWSGIServer, ended: threading.Event) -> None:
    """Serve in a thread until the event is set."""
    threading.Thread(
        target=server.serve_forever, args=[POLL_SECONDS], daemon=True
    ).start()
    gc.freeze()
    gc.enable()
    print(f"{READY}http://{HOST}:{server.server_port}", flush=True)
    # Only that line is read; what a library prints later is for the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    ended.wait()
    server.shutdown()


def _wait_for_parent(*events: threading.Event) -> None:
    """Set the events when the parent is gone: its end closes our standard input."""
    # Not sys.stdin: a thread that holds its lock would break the interpreter's end.
    while os.read(0, 4096):
        pass
    for event in events:
        event.set()
