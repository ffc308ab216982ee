"""The embedded AWS as a process of its own, which keeps nothing and has one owner."""

import errno
import json
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from embedded_aws import account
from embedded_aws.faults import Fault

NAME = "the embedded AWS"
HOST = "127.0.0.1"
READY = "AWS_ENDPOINT_URL="
LOG = "server.log"
# Parts in the log of a folder what its servers wrote, one after the other.
STARTS = "-- a server starts\n"
MAX_PORT = 65535
ANSWER_SECONDS = 10
ENDING_SECONDS = 10


class EmbeddedAWSError(Exception):
    """Report in one line what the embedded AWS cannot do; base of its errors."""


class PortError(EmbeddedAWSError):
    """Report a port on which the embedded AWS cannot listen."""


@dataclass(frozen=True, kw_only=True)
class RunningAWS:
    """Hold the address of a running embedded AWS, and the folder of its files."""

    url: str
    folder: Path
    # Of the control paths.
    token: str = field(repr=False)
    # Whether it was started for whom it was given to, and not found.
    is_new: bool = True

    def is_running(self) -> bool:
        """Return whether it still runs."""
        raise NotImplementedError

    def ending(self) -> str:
        """Return in one line how it ended."""
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that send every AWS client here, to no real account."""
        return account.environment(self.url, self.token) | self._overrides()

    def _overrides(self) -> dict[str, str]:
        """Override inherited variables that would win over `AWS_ENDPOINT_URL`."""
        endpoints = [key for key in os.environ if key.startswith("AWS_ENDPOINT_URL_")]
        token = {"AWS_SESSION_TOKEN": ""} if "AWS_SESSION_TOKEN" in os.environ else {}
        return dict.fromkeys(endpoints, self.url) | token

    @property
    def log(self) -> Path:
        """Return the file that the server writes its log to."""
        return self.folder / LOG

    def inject(self, fault: Fault) -> Fault:
        """Inject a fault."""
        self._call_faults("POST", json.dumps(asdict(fault)).encode())
        return fault

    def clear(self, fault: Fault | None = None) -> None:
        """Clear one fault, or all; raise EmbeddedAWSError for one that is unknown."""
        self._call_faults("DELETE", id=fault.id if fault else "")

    def faults(self) -> list[dict[str, Any]]:
        """List the faults that can still happen, each with how often (`left`)."""
        return self._call_faults("GET")

    def _call_faults(
        self, method: str, body: bytes | None = None, id: str = ""
    ) -> list[dict[str, Any]]:
        """Call the HTTP interface of the faults."""
        call = Request(f"{self.url}/_embedded/faults/{id}", body, method=method)
        call.add_header("Content-Type", "application/json")
        call.add_header(account.TOKEN_HEADER, self.token)
        try:
            with open_directly(call) as response:
                left: list[dict[str, Any]] = json.load(response)
        except HTTPError as error:
            with error:
                raise EmbeddedAWSError(json.load(error)["error"]) from error
        return left


def open_directly(call: Request) -> Any:
    """Call a server of this machine; a proxy, if one is set, is not for it."""
    return build_opener(ProxyHandler({})).open(call, timeout=ANSWER_SECONDS)


@dataclass(frozen=True, kw_only=True)
class EmbeddedAWS(RunningAWS):
    """Hold an embedded AWS of this process; leaving its context ends it."""

    process: subprocess.Popen[bytes] = field(repr=False)

    def is_running(self) -> bool:
        """Return whether it still runs."""
        return self.process.poll() is None

    def ending(self) -> str:
        """Return in one line how a server ended that this process has not ended."""
        return ended_by_itself(self.process.poll() or 0, self.log)

    def close(self) -> None:
        """End the server, its training jobs and its temporary files."""
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start(port: int = 0, timeout: float = 60) -> EmbeddedAWS:
    """Start an embedded AWS that ends with this process, and that keeps nothing.

    Args:
        port: 0 for a free one.
        timeout: seconds until it has to be ready.

    Raises:
        PortError: it cannot listen on the port.
        EmbeddedAWSError: it is not ready in time.
    """
    check_port(port)
    folder = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
    # What a shell has exported goes on working with a server that is started again.
    token = os.environ.get(account.TOKEN_VARIABLE) or secrets.token_hex()
    with ExitStack() as unless_ready:
        unless_ready.callback(shutil.rmtree, folder, ignore_errors=True)
        process = spawn(port, folder, token)
        unless_ready.callback(end, process)
        url = wait_until_ready(process, folder / LOG, timeout)
        unless_ready.pop_all()
    return EmbeddedAWS(url=url, folder=folder, token=token, process=process)


def check_port(port: int) -> None:
    """Raise PortError unless the server can listen on a port (0: a free one)."""
    if not 0 <= port <= MAX_PORT:
        raise PortError(f"--port {port}: give 0 to {MAX_PORT}")
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "in use" if taken else str(error.strerror).lower()
        raise PortError(
            f"--port {port}: {reason}; choose another, or 0 for a free one"
        ) from error


def spawn(port: int, folder: Path, token: str) -> subprocess.Popen[bytes]:
    """Start a server that keeps nothing; it ends when our pipe to it does."""
    options = ("--memory", "--until-stdin-closes")
    with (folder / LOG).open("wb") as log:
        return popen(port, folder, options, stdin=subprocess.PIPE, log=log, token=token)


def popen(
    port: int,
    folder: Path,
    options: Sequence[str],
    *,
    stdin: int,
    log: IO[bytes],
    token: str = "",
) -> subprocess.Popen[bytes]:
    """Start a server whose files are in a folder.

    Args:
        token: of its control paths; it makes one of its own if none is given.
    """
    command = [sys.executable, "-m", "embedded_aws", "--port", str(port)]
    return subprocess.Popen(
        [*command, "--folder", str(folder), *options],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=log,
        env=server_environment() | {account.TOKEN_VARIABLE: token},
        # Not where it was started: nothing that is there is imported or held.
        cwd=folder,
        # Ctrl-C is for the command that started it.
        start_new_session=True,
    )


def server_environment() -> dict[str, str]:
    """Return this process's environment without AWS settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_"))}
    # Nothing here multiplies matrices, and idle threads of numpy's and of XGBoost's
    # would wait by spinning: five times what a prediction takes.
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return kept | threads


def wait_until_ready(
    process: subprocess.Popen[bytes], log: Path, timeout: float
) -> str:
    """Return the address that the server reports, or raise EmbeddedAWSError."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    written = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in written:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise EmbeddedAWSError(
                    f"{NAME}: not ready after {timeout:g} s; {tail(log)}"
                )
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                raise EmbeddedAWSError(
                    f"{NAME}: ended before it was ready; {tail(log)}"
                )
            written += chunk
    line = written.decode().partition("\n")[0]
    if not line.startswith(READY):
        # It says what it cannot do, also where its log has no room for it.
        raise EmbeddedAWSError(line)
    return line.removeprefix(READY)


def ended_by_itself(code: int, log: Path) -> str:
    """Say in one line how a server ended that nobody has told to."""
    how = f", by {signal.Signals(-code).name}" if code < 0 else ""
    return f"{NAME} ended by itself{how}; {tail(log)}"


def tail(log: Path) -> str:
    """Quote the last line that the last server wrote into a log, if there is one."""
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = text.rpartition(STARTS)[2].split("\n")
    words = [line.strip() for line in lines if line.strip()]
    return f"it wrote last: {words[-1]}" if words else "it wrote nothing"


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminate the server, and kill it if it does not end in time."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.terminate()
    try:
        process.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(ENDING_SECONDS)
