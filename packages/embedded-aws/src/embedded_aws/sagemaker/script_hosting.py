"""Models that bring their own inference code: a process of the image's Python answers.

The code is in model.tar.gz/code/, or where SAGEMAKER_SUBMIT_DIRECTORY says, and
SAGEMAKER_PROGRAM names its file, as in the package of such a model on AWS.
"""

import shutil
import signal
import socket
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedded_aws import images, toolkit
from embedded_aws.images import ImageError
from embedded_aws.s3 import store
from embedded_aws.s3.store import S3Uri
from embedded_aws.sagemaker.containers import (
    ML,
    Command,
    Container,
    Host,
    image_variables,
)
from embedded_aws.sagemaker.inputs import Image
from embedded_aws.sagemaker.script_mode import ScriptError, unpack_code
from embedded_aws.toolkit.serve import receive, send

SERVE = Path(toolkit.__file__).with_name("serve.py")
PROGRAM, SUBMITTED = "SAGEMAKER_PROGRAM", "SAGEMAKER_SUBMIT_DIRECTORY"
# How long a model may take to load, and to answer, as on AWS.
LOAD_SECONDS = 480.0
ANSWER_SECONDS = 60.0
GRACE_SECONDS = 2.0
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. "
    "Review the latency metrics for each container in Amazon CloudWatch, resolve the "
    "issue, and try again."
)
BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center>"
    "<h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n"
    "</html>\r\n"
)


class ModelCodeError(Exception):
    """Report why a model's code cannot serve, for the endpoint's log."""


@dataclass(frozen=True, kw_only=True)
class ContainerResponse:
    """Hold an HTTP response of a container; the status is 0 if none came in time."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def serves_script(image: Image, environment: Mapping[str, str]) -> bool:
    """Return whether a model answers by code of its own, not the built-in XGBoost."""
    return image.framework != "xgboost" or PROGRAM in environment


class ScriptServer:
    """Answer requests with a model's own code, in a process that is its alone.

    What it started, and its folder, go with it.
    """

    def __init__(
        self,
        image: Image,
        environment: Mapping[str, str],
        unpack: Callable[[Path], None],
        log: Callable[[list[str]], None],
    ) -> None:
        self.image, self.environment, self.log = image, dict(environment), log
        # One request at a time, as in each worker of the image's server.
        self.lock = threading.Lock()
        folder = Path(tempfile.mkdtemp(prefix="endpoint-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.host = Host(name="model", folder=folder, hosts=("model",))
        unpack(self.host.ml / "model")
        self.place_submitted_code()
        self.connection = self.start()

    def place_submitted_code(self) -> None:
        """Fetch the code that is in S3, not in the model's archive."""
        uri = self.environment.get(SUBMITTED, "")
        if not uri.startswith("s3://"):
            return
        content = store.open_object(S3Uri.parse(uri))
        if content is None:
            raise ModelCodeError(f"{SUBMITTED}: {uri} is not there")
        try:
            unpack_code(content, self.host.ml / "code")
        except ScriptError as error:
            raise ModelCodeError(f"{SUBMITTED}: {uri}: {error}") from error

    def start(self) -> socket.socket:
        """Start the process and wait until the model is loaded.

        Raises ModelCodeError.
        """
        try:
            image = images.find(self.image.uri)
        except ImageError as error:
            raise ModelCodeError(str(error)) from error
        ours, theirs = socket.socketpair()
        ours.settimeout(LOAD_SECONDS)
        command = Command(
            words=["python", str(SERVE), self.image.framework, str(theirs.fileno())],
            environment=image_variables(image, self.host)
            | {"SAGEMAKER_BASE_DIR": ML, "SM_MODEL_DIR": f"{ML}/model"}
            | self.environment,
            folder=self.host.ml / "model",
            passed_files=[theirs.fileno()],
        ).on(self.host)
        with theirs:
            self.container = Container(command, GRACE_SECONDS)
        weakref.finalize(self, _end, self.container, ours)
        run, log = self.container.run, self.log
        threading.Thread(target=run, args=[log], daemon=True).start()
        loaded = self._receive(ours)
        if loaded is None:
            raise ModelCodeError("its process ended, or took too long, while it loaded")
        if reason := loaded[0]["error"]:
            raise ModelCodeError(str(reason))
        ours.settimeout(ANSWER_SECONDS)
        return ours

    def _receive(self, ours: socket.socket) -> tuple[dict[str, Any], bytes] | None:
        """Return the process's message, or None if it ended or was too slow."""
        try:
            return receive(ours)
        except OSError:
            self.container.send(signal.SIGKILL)
            return None

    def ping(self) -> ContainerResponse:
        """Answer GET /ping: the model is loaded."""
        return ContainerResponse(status=200)

    def invoke(
        self, body: bytes, content_type: str | None, accept: str | None
    ) -> ContainerResponse:
        """Answer POST /invocations; a process that has ended is started again."""
        if not self.lock.acquire(timeout=ANSWER_SECONDS):
            return ContainerResponse(status=0, body=TIMED_OUT.encode())
        try:
            if self.container.process.poll() is not None:
                self.connection = self.start()
            return self.exchange(body, content_type, accept)
        except ModelCodeError as error:
            self.log([f"[ERROR] {error}"])
            return ContainerResponse(status=502, body=BAD_GATEWAY.encode())
        finally:
            self.lock.release()

    def exchange(
        self, body: bytes, content_type: str | None, accept: str | None
    ) -> ContainerResponse:
        """Send one request to the process, and return its response."""
        try:
            send(
                self.connection, {"content_type": content_type, "accept": accept}, body
            )
            answer = receive(self.connection)
        except TimeoutError:
            self.end_process()
            return ContainerResponse(status=0, body=TIMED_OUT.encode())
        except OSError:
            answer = None
        if answer is None:
            self.end_process()
            return ContainerResponse(status=502, body=BAD_GATEWAY.encode())
        about, content = answer
        headers = {"Content-Type": about["content_type"]}
        return ContainerResponse(status=about["status"], headers=headers, body=content)

    def end_process(self) -> None:
        """End a process that does not answer, so that the next request starts one."""
        self.container.send(signal.SIGKILL)
        self.container.process.wait(GRACE_SECONDS)


def _end(container: Container, connection: socket.socket) -> None:
    """End a process when its server is no longer used."""
    connection.close()
    container.send(signal.SIGKILL)
