"""The embedded AWS as a process of its own, which dies with its parent."""

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from runner.embedded import account
from runner.embedded.faults import Fault
from runner.errors import EmbeddedError

CONFIG = "aws-config"
READY = "AWS_ENDPOINT_URL="
LAST_LINES = 10
ENDING_SECONDS = 10
ANSWER_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class EmbeddedAWS:
    """Hold a running embedded AWS; leaving its context ends it."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """List the variables that send every AWS client here, and to no real account.

        A profile of the developer's could name another endpoint or be missing: an
        empty default profile in files of our own takes its place.
        """
        config = str(self.folder / CONFIG)
        files = {"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": config}
        return account.environment(self.url) | files | self.overrides()

    def overrides(self) -> dict[str, str]:
        """Override what this process has inherited and what would win over the rest."""
        endpoints = [key for key in os.environ if key.startswith("AWS_ENDPOINT_URL_")]
        token = {"AWS_SESSION_TOKEN": ""} if "AWS_SESSION_TOKEN" in os.environ else {}
        return dict.fromkeys(endpoints, self.url) | token

    @property
    def log(self) -> Path:
        """Name the file that the server writes its log to."""
        return self.folder / "server.log"

    def inject(self, fault: Fault) -> Fault:
        """Let something go wrong from now on."""
        self.ask("POST", json.dumps(asdict(fault)).encode())
        return fault

    def clear(self, fault: Fault | None = None) -> None:
        """Let nothing go wrong any more, or no longer this."""
        self.ask("DELETE", name=fault.id if fault else "")

    def faults(self) -> list[dict[str, Any]]:
        """List what is still to go wrong."""
        return self.ask("GET")

    def ask(
        self, method: str, body: bytes | None = None, name: str = ""
    ) -> list[dict[str, Any]]:
        """Call the HTTP interface of the faults."""
        call = Request(f"{self.url}/_embedded/faults/{name}", body, method=method)
        call.add_header("Content-Type", "application/json")
        # A proxy, if one is set, is not for this machine.
        opener = build_opener(ProxyHandler({}))
        try:
            with opener.open(call, timeout=ANSWER_SECONDS) as response:
                answer: list[dict[str, Any]] = json.load(response)
        except HTTPError as refusal:
            with refusal:
                raise EmbeddedError(json.load(refusal)["error"]) from refusal
        return answer

    def close(self) -> None:
        """End the server, its training jobs and its temporary files."""
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def start(port: int = 0, timeout: float = 60) -> EmbeddedAWS:
    """Start the embedded AWS on a port (0: a free one) and wait until it is ready."""
    folder = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
    (folder / CONFIG).write_text("[default]\n")
    process = spawn(port, folder)
    try:
        url = wait_until_ready(process, folder / "server.log", timeout)
    except BaseException:
        end(process)
        raise
    return EmbeddedAWS(url=url, folder=folder, process=process)


def spawn(port: int, folder: Path) -> subprocess.Popen[bytes]:
    """Start the server, its log in the folder, its life bound to our standard input."""
    command = [sys.executable, "-m", "runner.embedded", "--port", str(port)]
    command += ["--folder", str(folder), "--until-stdin-closes"]
    with (folder / "server.log").open("wb") as log:
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
    """Copy the environment without AWS settings, and with this package importable."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_"))}
    root = str(Path(__file__).parents[2])
    path = [root, *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(path)}


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
                raise EmbeddedError(f"not ready after {timeout:g} s; {tail(log)}")
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                raise EmbeddedError(f"ended before it was ready; {tail(log)}")
            said += chunk
    return said.decode().partition("\n")[0].removeprefix(READY)


def tail(log: Path) -> str:
    """Name the log file and quote its last lines."""
    lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
    return f"the embedded AWS wrote to {log}:\n" + "\n".join(lines or ["(nothing)"])


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
