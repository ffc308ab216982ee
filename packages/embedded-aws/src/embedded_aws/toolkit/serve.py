"""Serve a model with its own code, as the images do: `python serve.py FRAMEWORK FD`.

FD is a socket, over which one request after the other arrives. The functions
`model_fn`, `input_fn`, `predict_fn`, `output_fn` and `transform_fn` are those of the
module that SAGEMAKER_PROGRAM names; the framework's own stand in for those it lacks.
Packages are the image's, so they are imported by name, when they are needed.
"""

import csv
import importlib
import inspect
import io
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
TEXTS = (JSON, CSV)
# The frameworks whose images serve one model by Flask.
OF_FLASK = ("sklearn", "xgboost")
FUNCTIONS = ("input_fn", "predict_fn", "output_fn")
HEADER = struct.Struct("!II")
INTERNAL_ERROR = (
    "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n"
    "<h1>Internal Server Error</h1>\n<p>The server encountered an internal error and "
    "was unable to complete your request. Either the server is overloaded or there is "
    "an error in the application.</p>\n"
)


class ServeError(Exception):
    """Report why the code of a model cannot serve."""


def send(connection: socket.socket, about: dict[str, Any], body: bytes = b"") -> None:
    """Send one message: what it is about, as JSON, and its body."""
    text = json.dumps(about).encode()
    connection.sendall(HEADER.pack(len(text), len(body)) + text + body)


def receive(connection: socket.socket) -> "tuple[dict[str, Any], bytes] | None":
    """Receive one message, or None at the end; raise OSError after a timeout."""
    head = _read(connection, HEADER.size)
    if len(head) < HEADER.size:
        return None
    sizes = HEADER.unpack(head)
    text, body = (_read(connection, size) for size in sizes)
    if (len(text), len(body)) != sizes:
        return None
    about: dict[str, Any] = json.loads(text)
    return about, body


def _read(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size > 0 and (part := connection.recv(min(size, 1024 * 1024))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class Model:
    """Hold a loaded model, and the functions that answer its requests."""

    def __init__(self, framework: str, module: Any, model_dir: str) -> None:
        self.framework = framework
        own = [name for name in FUNCTIONS if hasattr(module, name)]
        self.transform_fn = getattr(module, "transform_fn", None)
        if self.transform_fn and own:
            raise ServeError(
                "Cannot use transform_fn implementation with input_fn, predict_fn, "
                "and/or output_fn"
            )
        defaults = {
            "model_fn": default_model_fn,
            "input_fn": default_input_fn,
            "predict_fn": default_predict_fn,
            "output_fn": default_output_fn,
        }
        if framework == "xgboost":
            defaults |= {"input_fn": xgboost_input_fn, "predict_fn": xgboost_predict_fn}
        found = {name: getattr(module, name, fn) for name, fn in defaults.items()}
        self.functions = found
        self.model = call(found["model_fn"], model_dir)

    def answer(
        self, body: bytes, content_type: "str | None", accept: "str | None"
    ) -> "tuple[dict[str, Any], bytes]":
        """Answer a request with status and content type, and the body."""
        answer = Answer(self.framework)
        with answer:
            kind = content_type or JSON
            # As Flask decodes.
            content = body.decode(errors="replace") if kind in TEXTS else body
            if not accept or accept == "*/*":
                accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
            answer.take(self.transform(content, kind, accept), accept)
        return {"status": answer.status, "content_type": answer.kind}, answer.body

    def transform(self, content: "str | bytes", kind: str, accept: str) -> Any:
        """Run the functions on a request's content."""
        if self.transform_fn:
            return call(self.transform_fn, self.model, content, kind, accept)
        data = call(self.functions["input_fn"], content, kind)
        prediction = call(self.functions["predict_fn"], data, self.model)
        return call(self.functions["output_fn"], prediction, accept)


def call(function: Any, *arguments: Any) -> Any:
    """Call a function of the model's, which may need the context as well."""
    parameters = inspect.signature(function).parameters.values()
    needed = [
        p for p in parameters if p.default is p.empty and p.kind < p.VAR_POSITIONAL
    ]
    return function(*arguments, *([None] * (len(needed) == len(arguments) + 1)))


class Answer:
    """Turn what the functions return, or raise, into what the image's server answers.

    That of scikit-learn's and XGBoost's images is Flask, that of others the multi-model
    server. What the functions raise is an error of the server: a refusal is a response
    of Flask's that they return.
    """

    def __init__(self, framework: str) -> None:
        self.framework = framework
        self.status, self.kind, self.body = 200, JSON, b""

    def take(self, result: Any, accept: str) -> None:
        """Take what the last function has returned."""
        is_flask = self.framework in OF_FLASK
        if is_flask and hasattr(result, "get_data") and hasattr(result, "status_code"):
            self.status, self.kind = result.status_code, result.content_type
            self.body = result.get_data()
            return
        kind = "text/html; charset=utf-8" if is_flask else accept
        if isinstance(result, tuple):
            result, kind = result[0], str(result[1])
        if isinstance(result, Encoded):
            result, kind = result.body, accept
        if isinstance(result, (dict, list)):
            result, kind = json.dumps(result), JSON
        if not isinstance(result, (str, bytes, bytearray)):
            raise TypeError(
                f"output_fn returned a {type(result).__name__}: return str or bytes"
            )
        if is_flask and kind.startswith("text/") and "charset" not in kind:
            kind += "; charset=utf-8"
        self.body = result.encode() if isinstance(result, str) else bytes(result)
        self.kind = kind

    def __enter__(self) -> None:
        """Begin to answer."""

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        trace: "TracebackType | None",
    ) -> bool:
        """Log an error of the model's code, and answer with what the server makes."""
        if not isinstance(error, Exception):
            return False
        text = "".join(traceback.format_exception(kind, error, trace))
        print(text, file=sys.stderr, flush=True)
        self.status, self.kind = 500, "text/html; charset=utf-8"
        self.body = INTERNAL_ERROR.encode()
        if self.framework not in OF_FLASK:
            self.kind, self.body = JSON, f"{error}\n{text}".encode()
        return True


class Encoded:
    """Hold a prediction that the framework has encoded as the caller accepts."""

    def __init__(self, body: "str | bytes") -> None:
        self.body = body


def default_model_fn(model_dir: str) -> Any:
    """Refuse to load a model: the frameworks do not know how it was saved."""
    raise NotImplementedError(
        "Please provide a model_fn implementation.\n"
        "See documentation for model_fn at https://github.com/aws/sagemaker-python-sdk"
    )


def default_input_fn(content: Any, content_type: str) -> Any:
    """Decode CSV, JSON or npy to an array."""
    array = decode(content, content_type)
    return array.astype("float32") if content_type in TEXTS else array


def default_predict_fn(data: Any, model: Any) -> Any:
    """Predict."""
    return model.predict(data)


def default_output_fn(prediction: Any, accept: str) -> Encoded:
    """Encode predictions as CSV, JSON or npy."""
    np = importlib.import_module("numpy")
    if accept == JSON:
        return Encoded(json.dumps(prediction, default=lambda each: each.tolist()))
    if accept == CSV:
        array = np.array(prediction)
        rows = array.reshape(-1, 1) if array.ndim == 1 else array
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows.tolist())
        return Encoded(text.getvalue())
    if accept == NPY:
        file = io.BytesIO()
        np.save(file, prediction)
        return Encoded(file.getvalue())
    raise ServeError(unsupported(accept))


def xgboost_input_fn(content: Any, content_type: str) -> Any:
    """Decode CSV, JSON or npy to a DMatrix."""
    xgboost = importlib.import_module("xgboost")
    array = decode(content, content_type).astype("float32")
    return xgboost.DMatrix(array.reshape(1, -1) if array.ndim == 1 else array)


def xgboost_predict_fn(data: Any, model: Any) -> Any:
    """Predict, whatever the features are called."""
    return model.predict(data, validate_features=False)


def decode(content: Any, content_type: str) -> Any:
    """Return the array that a request holds."""
    np = importlib.import_module("numpy")
    if content_type == JSON:
        return np.array(json.loads(content))
    if content_type == CSV:
        return np.array(list(csv.reader(io.StringIO(content), strict=True))).squeeze()
    if content_type == NPY:
        return np.load(io.BytesIO(content), allow_pickle=False)
    raise ServeError(unsupported(content_type))


def unsupported(content_type: str) -> str:
    """Return the toolkit's words for a content type that the framework lacks."""
    return (
        f"Content type {content_type} is not supported by this framework.\n\n"
        "Please implement input_fn to to deserialize the request data or an output_fn "
        "to\nserialize the response. For more information, see the SageMaker Python "
        "SDK README."
    )


def load(framework: str) -> Model:
    """Import the model's code, installing what it requires, and load the model."""
    base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
    program = os.environ.get("SAGEMAKER_PROGRAM")
    if not program:
        raise ServeError(
            "no code to serve with: name its file in the environment variable "
            "SAGEMAKER_PROGRAM of the model, and pack it into model.tar.gz/code/"
        )
    given = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    is_remote = not given or given.startswith("s3://")
    code = Path(f"{base}/model/code" if not given else given.removeprefix("file://"))
    if is_remote and given:
        code = Path(base) / "code"
    if not (code / program).exists():
        raise ServeError(f"there is no {program} in {code}: pack it into model.tar.gz")
    if (code / "requirements.txt").exists():
        install = [sys.executable, "-m", "pip", "install", "-r", "requirements.txt"]
        if subprocess.run(install, check=False, cwd=code).returncode:
            raise ServeError("requirements.txt cannot be installed; see above")
    # Not the folder of this file: the model's code may have a serve.py, too.
    sys.path[0] = str(code)
    module = importlib.import_module(program.removesuffix(".py").replace("/", "."))
    return Model(framework, module, f"{base}/model")


class Loading:
    """Report to the platform whether the model is loaded, or why not."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        """Begin to load."""

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        trace: "TracebackType | None",
    ) -> None:
        """Send the outcome; the process ends after an error."""
        if error is not None and not isinstance(error, ServeError):
            traceback.print_exception(kind, error, trace)
        said = None if error is None else f"{type(error).__name__}: {error}"
        send(self.connection, {"error": said})


def limit_memory() -> None:
    """Let the process have no more memory than the machine has."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or most > memory:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, most))


def main(framework: str, descriptor: str) -> None:
    """Load the model, and answer requests until the other side closes."""
    connection = socket.socket(fileno=int(descriptor))
    limit_memory()
    with Loading(connection):
        model = load(framework)
    while (request := receive(connection)) is not None:
        about, body = request
        send(connection, *model.answer(body, about["content_type"], about["accept"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
