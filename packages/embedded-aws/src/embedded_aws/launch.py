"""The server of the embedded AWS as a subprocess: its start and its end."""

import errno
import os
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

from runner.errors import CallError, EmbeddedError

NAME = "the embedded AWS"
HOST = "127.0.0.1"
READY = "AWS_ENDPOINT_URL="
LOG = "server.log"
LAST_LINES = 10
ENDING_SECONDS = 10


def refuse_taken(port: int) -> None:
    """Refuse a port that nobody can listen on."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "in use" if taken else str(error.strerror).lower()
        raise CallError(
            f"--port {port}: {reason}; choose another, or 0 for a free one"
        ) from error


def spawn(port: int, folder: Path) -> subprocess.Popen[bytes]:
    """Start the server, its log in the folder, its life bound to our standard input."""
    command = [sys.executable, "-m", "embedded_aws", "--port", str(port)]
    command += ["--folder", str(folder), "--until-stdin-closes"]
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=server_environment(),
            # Ctrl-C is for the parent, which ends the server when it is done with it.
            start_new_session=True,
        )


def server_environment() -> dict[str, str]:
    """Copy the environment without AWS settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_"))}
    # Nobody multiplies matrices here, and idle threads of numpy's wait by spinning.
    threads = {"OPENBLAS_NUM_THREADS": "1"}
    return kept | threads


def wait_until_ready(
    process: subprocess.Popen[bytes], log: Path, timeout: float
) -> str:
    """Return the address that the server reports, or say why it reports none."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in said:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise EmbeddedError(
                    f"{NAME}: not ready after {timeout:g} s; {tail(log)}"
                )
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                raise EmbeddedError(f"{NAME}: ended before it was ready; {tail(log)}")
            said += chunk
    return said.decode().partition("\n")[0].removeprefix(READY)


def tail(log: Path, count: int = LAST_LINES) -> str:
    """Quote the last lines of a log, if there are any."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return (
        "\n".join(["it wrote last:", *lines[-count:]]) if lines else "it wrote nothing"
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, and make it end if it does not."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.terminate()
    try:
        process.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(ENDING_SECONDS)
