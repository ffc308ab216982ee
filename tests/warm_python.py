"""Python processes that start warm: forked from one that has imported their packages.

More than half of what a test costs that runs `python -m runner run` as CircleCI does is
the import of installed packages, the same in every process. `executable()` is a program
that takes the place of `python`: for the modules in `PACKAGES` it asks a process of the
test session to fork, hands its arguments, folder, environment, limits and open files
over, passes signals on, and ends as the fork ends. Anything else it leaves to Python
itself. Of this repository only what clones do not copy is imported ahead: its packages.
"""

import atexit
import contextlib
import gc
import importlib
import importlib.util
import io
import json
import os
import resource
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fcntl import F_DUPFD, fcntl
from functools import cache
from pathlib import Path
from typing import Any

VARIABLE = "TESTS_WARM_PYTHON"
TESTS = Path(__file__).parent
ROOT = TESTS.parent
AWS = ("boto3.s3.inject", "botocore.httpsession", "requests")
SDK = ("sagemaker.train.model_trainer", "sagemaker.core.training.configs")
MODELS = ("numpy", "pandas", "xgboost", "sklearn.metrics")
READERS = ("notebook_inputs.reads", "forked_kernels.imports")
# What is imported before the first fork that becomes one of these modules.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "runner": (
        *AWS,
        *("click.shell_completion", "pydantic.fields", "pydantic.main"),
        # It defines a model, for which all plugins are looked for.
        "pydantic.root_model",
        *("pydantic.type_adapter", "papermill", "ipykernel.kernelspec"),
        *("nbconvert.filters", "nh3", "math_core", "tinycss2", "jinja2", "bs4"),
        *("mistune.plugins.def_list", "mistune.plugins.task_lists"),
        *("mistune.plugins.url", "pygments.formatters.html", "pygments.styles.default"),
        *("IPython.display", "IPython.lib.lexers", "rich.console", "rich.table"),
        *("difflib", "sqlite3", "statistics", "tarfile", "tomllib"),
        *READERS,
        *(
            "forked_kernels.provisioner",
            "notebook_inputs",
            "notebook_page.page",
            "notebook_page.outputs",
        ),
        *("sagemaker_xgboost.archive", "sagemaker_xgboost.hyperparameters"),
        "secret_scrubber",
    ),
    "forked_kernels.server": (
        *AWS,
        *MODELS,
        *("ipykernel.kernelapp", "ipykernel.debugger", "IPython.core.pylabtools"),
        # Its inline backend has to be imported where there is a kernel.
        "matplotlib.pyplot",
        *SDK,
    ),
    "pytest": ("pytest", "nbformat", "jupyter_client", "IPython.core.interactiveshell"),
    "sagemaker_xgboost.container.train": MODELS,
    "lifecycle.inference_process": (*MODELS, "flask"),
    "sdk_story": (*AWS, *SDK),
    "embedded_aws": (
        *MODELS,
        *("boto3", "moto.moto_server.werkzeug_app", "cryptography.x509"),
        *("moto.s3.urls", "moto.sagemaker.urls", "moto.sagemakerruntime.urls"),
        *("moto.iam.urls", "moto.logs.urls", "moto.sts.urls"),
        "moto.resourcegroupstaggingapi.urls",
    ),
}
# What the runner's notebooks may run, as runner/spec/content.py has it.
COMMANDS = ("runner", "lifecycle.inference_process")
# Descriptions of AWS that are read ahead.
SERVICES = ("s3", "sagemaker", "sagemaker-runtime", "sts")
# pyarrow would start a thread as soon as it is loaded, numpy's library several, and
# matplotlib reads its backend while it is imported.
IMPORT_ENVIRONMENT = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYTHONNOUSERSITE": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OPENBLAS_NUM_THREADS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
LONGEST_MESSAGE = 1 << 18
MOST_DESCRIPTORS = 253
FREE_DESCRIPTORS = 300
END_SECONDS = 30
PROGRAM = """\
#!{python} -ISE
import sys
sys.path.append({tests!r})
import warm_client
warm_client.main({python!r}, {server!r}, {modules!r})
"""


def executable() -> str:
    """Return the warm Python of the test session, or this Python if there is none."""
    return os.environ.get(VARIABLE, sys.executable)


@contextmanager
def started() -> Iterator[None]:
    """Start the process to fork from; `executable` finds it, in child processes too."""
    if sys.platform != "linux":
        yield
        return
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        server, program = Path(folder, "socket"), Path(folder, "python")
        process = _start_server(server)
        text = PROGRAM.format(
            python=sys.executable,
            tests=str(TESTS),
            server=str(server),
            modules=sorted(PACKAGES),
        )
        program.write_text(text)
        program.chmod(0o755)
        os.environ[VARIABLE] = str(program)
        try:
            yield
        finally:
            del os.environ[VARIABLE]
            process.communicate(timeout=END_SECONDS)


def _start_server(path: Path) -> "subprocess.Popen[bytes]":
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        return subprocess.Popen(
            [sys.executable, __file__, str(listening.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            env=kept | IMPORT_ENVIRONMENT,
            cwd=path.parent,
            start_new_session=True,
        )


class Server:
    """Forks a process for each connection, over which it tells how that ended."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.clients: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()
        # A signal wakes the selector by this pipe.
        self.woken, self.wakes = os.pipe()
        for end in (self.woken, self.wakes):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self.wakes)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> dict[str, Any] | None:
        """Serve until standard input closes; in a fork, return what it is to be."""
        calls = {0: None, self.woken: self.reap, self.listening.fileno(): self.accept}
        for descriptor, call in calls.items():
            self.selector.register(descriptor, selectors.EVENT_READ, call)
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    self.kill(*self.clients)
                    return None
                if isinstance(key.data, int):
                    # The client was killed.
                    self.selector.unregister(key.fileobj)
                    self.kill(key.data)
                elif request := key.data():
                    return request

    def accept(self) -> dict[str, Any] | None:
        """Fork for a connection; in the fork, return what it is to be."""
        client, _ = self.listening.accept()
        message, descriptors, _, _ = socket.recv_fds(
            client, LONGEST_MESSAGE, MOST_DESCRIPTORS
        )
        request = json.loads(message)
        self.prepare(request["arguments"][1])
        gc.collect()
        gc.freeze()
        pid = os.fork()
        if pid == 0:
            client.close()
            self.close()
            return request | {"received": descriptors}
        for descriptor in descriptors:
            os.close(descriptor)
        self.clients[pid] = client
        self.selector.register(client, selectors.EVENT_READ, pid)
        self.tell(pid, pid=pid)
        return None

    def prepare(self, module: str) -> None:
        """Import what a module imports, and read what that reads first."""
        for name in PACKAGES[module]:
            importlib.import_module(name)
        if AWS[0] in PACKAGES[module]:
            share_descriptions()
        if "papermill" in PACKAGES[module]:
            # It compiles the schemas of notebooks.
            for minor in (4, 5):
                sys.modules["nbformat.validator"].get_validator(4, minor)
            read_code()
            render_page()

    def close(self) -> None:
        """Close in a fork what is the server's."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.selector.close()
        for one in (self.listening, *self.clients.values()):
            one.close()
        for end in (self.woken, self.wakes):
            os.close(end)

    def reap(self) -> None:
        """Tell the clients whose process has ended how it did."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.woken, 4096)
        for pid in list(self.clients):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self.tell(pid, code=os.waitstatus_to_exitcode(status))
                with contextlib.suppress(KeyError):
                    self.selector.unregister(self.clients[pid])
                self.clients.pop(pid).close()

    def tell(self, process: int, **values: int) -> None:
        with contextlib.suppress(OSError):
            self.clients[process].send(json.dumps(values).encode())

    def kill(self, *pids: int) -> None:
        """Kill processes, each with those that it has started."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


@cache
def share_descriptions() -> None:
    """Let all sessions of botocore read its descriptions of AWS with one loader.

    And spell its user agent once, which it does letter by letter for each request.
    """
    session = importlib.import_module("botocore.session")
    make = session.create_loader
    shared = make()
    for name in ("endpoints", "partitions", "_retry", "sdk-default-configuration"):
        shared.load_data_with_path(name)
    for service in SERVICES:
        for kind in ("service-2", "endpoint-rule-set-1"):
            shared.load_service_model(service, kind)
    session.create_loader = lambda path=None: make(path) if path else shared
    agent = importlib.import_module("botocore.useragent")
    spell = agent.sanitize_user_agent_string_component
    agent.sanitize_user_agent_string_component = cache(spell)


@cache
def read_code() -> None:
    """Read the code of this repository, whose copies in clones need not be read again.

    What was read is known by its text: what a clone has changed is read anew.
    """
    reads, imports = (sys.modules[one] for one in READERS)
    harmless = reads.HARMLESS | {("sys.executable", "-m", one) for one in COMMANDS}
    for path in ROOT.glob("lifecycle/**/*.py"):
        reads.read_code(path.read_bytes(), harmless)
    for path in ROOT.glob("notebooks/**/*.ipynb"):
        name = path.relative_to(ROOT).as_posix()
        reads.read_notebook(path.read_bytes(), name, harmless)
        imports.notebook_imports(path)


@cache
def render_page() -> None:
    """Render a notebook, which compiles a page's template and what finds secrets."""
    nbformat, page = sys.modules["nbformat.v4"], sys.modules["notebook_page.page"]
    cells = [nbformat.new_markdown_cell("# *x*"), nbformat.new_code_cell("print(1)")]
    text = page.render(nbformat.new_notebook(cells=cells), page.Header(title="x"))
    sys.modules["secret_scrubber"].Scrubber().text(text)


def take_over(request: Mapping[str, Any]) -> None:
    """Take a client's open files, limits, environment and folder."""
    high = [fcntl(one, F_DUPFD, FREE_DESCRIPTORS) for one in request["received"]]
    for one in request["received"]:
        os.close(one)
    for source, target in zip(high, request["descriptors"], strict=True):
        os.dup2(source, target)
        os.close(source)
    for number, limits in request["limits"]:
        resource.setrlimit(number, limits)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.umask(request["umask"])
    time.tzset()
    tempfile.tempdir = None
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def open_streams() -> None:
    """Open the standard streams as Python does at its start."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    for name, number in (("stdout", 1), ("stderr", 2)):
        raw = open(number, "wb", 0 if unbuffered else -1, closefd=False)  # noqa: SIM115
        stream = io.TextIOWrapper(
            raw,
            encoding="utf-8",
            errors="strict" if number == 1 else "backslashreplace",
            line_buffering=number == 2,
            write_through=unbuffered,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def become(request: Mapping[str, Any], path: list[str]) -> None:
    """Run the module that a client was to run, and end this process."""
    take_over(request)
    open_streams()
    _, module, *arguments = request["arguments"]
    sys.executable = request["executable"]
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    sys.argv = [module, *arguments]
    own = os.environ.get("PYTHONPATH", "")
    sys.path[:] = [os.getcwd(), *filter(None, own.split(os.pathsep)), *path]  # noqa: PTH109
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.enable()
    if own and importlib.util.find_spec("sitecustomize"):
        importlib.import_module("sitecustomize")
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # To take all these modules apart would take longer than to import them.
    os._exit(int(code or 0) & 0xFF)


def main() -> None:
    """Serve the socket whose descriptor is given; a fork goes on as something else."""
    # What is imported ahead must be what any process finds: not what is beside this.
    del sys.path[0]
    path = list(sys.path)
    gc.disable()
    request = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if request:
        become(request, path)


if __name__ == "__main__":
    main()
