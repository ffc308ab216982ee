"""The embedded AWS as a process of its own, which dies with its parent."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from embedded_aws import account
from embedded_aws.faults import Fault
from embedded_aws.launch import (
    LOG,
    NAME,
    end,
    refuse_taken,
    spawn,
    tail,
    wait_until_ready,
)
from runner.errors import EmbeddedError

# It outlives every server, so that what a shell has exported can be used again.
CONFIG = Path(__file__).with_name("aws-config")
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
        both = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
        files = dict.fromkeys(both, str(CONFIG))
        return account.environment(self.url) | files | self.overrides()

    def overrides(self) -> dict[str, str]:
        """Override what this process has inherited and what would win over the rest."""
        endpoints = [key for key in os.environ if key.startswith("AWS_ENDPOINT_URL_")]
        token = {"AWS_SESSION_TOKEN": ""} if "AWS_SESSION_TOKEN" in os.environ else {}
        return dict.fromkeys(endpoints, self.url) | token

    @property
    def log(self) -> Path:
        """Name the file that the server writes its log to."""
        return self.folder / LOG

    def ending(self) -> str:
        """Say in one line how the server ended that nobody here has ended."""
        code = self.process.poll() or 0
        how = f", by {signal.Signals(-code).name}" if code < 0 else ""
        wrote = tail(self.log, 1).replace("\n", " ")
        return f"{NAME} ended by itself{how}; {wrote}"

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
    refuse_taken(port)
    folder = Path(tempfile.mkdtemp(prefix="embedded-aws-"))
    with ExitStack() as unless_ready:
        unless_ready.callback(shutil.rmtree, folder, ignore_errors=True)
        process = spawn(port, folder)
        unless_ready.callback(end, process)
        url = wait_until_ready(process, folder / LOG, timeout)
        unless_ready.pop_all()
    return EmbeddedAWS(url=url, folder=folder, process=process)
