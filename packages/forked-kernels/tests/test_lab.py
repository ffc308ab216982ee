"""A Jupyter server starts its notebooks warm, restarts and interrupts them."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import toys
from jupyter_client import BlockingKernelClient

TOKEN = "a-token-of-this-test"
LIMIT = 60


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Jupyter server with a small repository, and what it keeps of its kernels."""

    process: subprocess.Popen[bytes]
    folder: Path
    url: str

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """Call its REST API."""
        request = urllib.request.Request(
            f"{self.url}api/{path}",
            data=None if content is None else json.dumps(content).encode(),
            method=method,
            headers={"Authorization": f"token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def open(self, path: str) -> "Kernel":
        """Open a notebook, as JupyterLab does."""
        content = {
            "path": path,
            "name": Path(path).name,
            "type": "notebook",
            "kernel": {"name": "python3"},
        }
        return Kernel(self, self.ask("POST", "sessions", content)["kernel"]["id"])

    def log(self) -> str:
        """Read what it said."""
        return (self.folder / "log").read_text()


class Kernel:
    """A kernel of the server's, and a client of its own."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name
        self.client = BlockingKernelClient()
        file = server.folder / "runtime" / f"kernel-{name}.json"
        self.client.load_connection_file(str(file))
        self.client.start_channels()

    def run(self, code: str, expression: str = "None") -> Any:
        """Run a cell; give the value of an expression, or the error's name."""
        self.client.wait_for_ready(timeout=LIMIT)
        reply = self.client.execute_interactive(
            code,
            user_expressions={"answer": expression},
            timeout=LIMIT,
            output_hook=lambda _: None,
        )["content"]
        if reply["status"] == "error":
            return reply["ename"]
        return reply["user_expressions"]["answer"]["data"]["text/plain"]

    def processes(self) -> tuple[int, int]:
        """Give the process ids of the kernel and of whoever started it."""
        both = self.run("import os", "f'{os.getpid()} {os.getppid()}'")
        own, parent = both.strip("'").split()
        return int(own), int(parent)

    def do(self, what: str) -> None:
        """Interrupt or restart it."""
        self.server.ask("POST", f"kernels/{self.name}/{what}")


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Start a server with the extension in a small repository."""
    root = folder / "repository"
    numpy = toys.code("import numpy")
    toys.write(root / "models" / "toy" / "prepare.ipynb", numpy)
    toys.write(root / "notebooks" / "deploy.ipynb", toys.code("import json"))
    (root / "notebooks" / "broken.ipynb").write_text("<<<<<<< HEAD")
    command = "-m jupyter server --no-browser --ip=127.0.0.1 --port=0 --allow-root"
    extension = "--ServerApp.jpserver_extensions=forked_kernels.lab=True"
    token = f"--IdentityProvider.token={TOKEN}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command.split(), extension, token],
            cwd=root,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield Server(process=process, folder=folder, url=address(folder, process))
    finally:
        process.terminate()
        process.wait(LIMIT)


def environment(folder: Path) -> dict[str, str]:
    """Give the server folders of its own, and none of this machine's settings."""
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    own = {f"JUPYTER_{n}": str(folder / n[: n.index("_")].lower()) for n in names}
    return os.environ | own | {"HOME": str(folder)}


def address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Find where the server listens, once it does."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        for file in (folder / "runtime").glob("jpserver-*.json"):
            with suppress(ValueError):  # it is being written
                return str(json.loads(file.read_text())["url"])
        time.sleep(0.05)
    raise AssertionError((folder / "log").read_text())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests but those that end it."""
    with serving(tmp_path_factory.mktemp("lab")) as served:
        yield served


@pytest.fixture
def opened(server: Server) -> Iterator[Callable[[str], Kernel]]:
    """Open notebooks, and end their kernels after the test."""
    kernels: list[Kernel] = []

    def open_one(path: str) -> Kernel:
        kernels.append(server.open(path))
        return kernels[-1]

    yield open_one
    for kernel in kernels:
        kernel.client.stop_channels()
        server.ask("DELETE", f"kernels/{kernel.name}")


def is_warm(parent: int) -> bool:
    """Tell whether a process is the one that kernels are forked from."""
    return "forked_kernels.server" in Path(f"/proc/{parent}/cmdline").read_text()


def test_notebooks_start_warm(opened: Callable[[str], Kernel], server: Server) -> None:
    """Each in a process of its own, in its folder, with what it imports."""
    one, two = (
        opened(f) for f in ("models/toy/prepare.ipynb", "notebooks/deploy.ipynb")
    )
    first, second = one.processes(), two.processes()

    assert is_warm(first[1])
    assert first[0] != second[0]
    assert first[1] == second[1]
    there = "'numpy' in __import__('sys').modules, os.path.basename(os.getcwd())"
    assert one.run("import os", there) == "(True, 'toy')"
    assert one.run("left = 1") == "None"
    assert two.run("left") == "NameError"
    assert "start cold" not in server.log()


def test_a_cell_is_interrupted(opened: Callable[[str], Kernel]) -> None:
    """And what was there before is still there."""
    kernel = opened("models/toy/prepare.ipynb")
    kernel.run("left = 1")
    message = kernel.client.execute("import time\nprint('on')\ntime.sleep(60)")
    while kernel.client.get_iopub_msg(timeout=LIMIT)["msg_type"] != "stream":
        continue
    kernel.do("interrupt")
    replies = (kernel.client.get_shell_msg(timeout=LIMIT) for _ in range(3))
    reply = next(r for r in replies if r["parent_header"].get("msg_id") == message)

    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert kernel.run("left") == "None"


def test_a_kernel_is_restarted(opened: Callable[[str], Kernel]) -> None:
    """As another process, as warm, in which nothing is left."""
    kernel = opened("models/toy/prepare.ipynb")
    before = kernel.processes()
    kernel.run("left = 1")
    kernel.do("restart")

    assert kernel.run("left") == "NameError"
    own, parent = kernel.processes()
    assert own != before[0]
    assert parent == before[1]


def test_a_kernel_that_died_is_restarted(opened: Callable[[str], Kernel]) -> None:
    """By the server, which looks every few seconds."""
    kernel = opened("models/toy/prepare.ipynb")
    before = kernel.processes()
    kernel.client.execute("import os; os._exit(3)")
    deadline = time.monotonic() + LIMIT
    while Path(f"/proc/{before[0]}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)

    own, parent = kernel.processes()
    assert own != before[0]
    assert parent == before[1]


def test_a_new_notebook_starts_warm_too(
    opened: Callable[[str], Kernel], server: Server
) -> None:
    """It has what the others import, as far as that is there."""
    opened("models/toy/prepare.ipynb").processes()
    kernel = opened("models/toy/Untitled.ipynb")

    assert is_warm(kernel.processes()[1])
    assert kernel.run("import sys", "'numpy' in sys.modules") == "True"
    assert "start cold" not in server.log()


def test_nothing_is_left_of_a_server_that_is_killed(tmp_path: Path) -> None:
    """Neither kernels nor the process that they were forked from."""
    with serving(tmp_path) as server:
        kernel = server.open("models/toy/prepare.ipynb")
        left = [Path(f"/proc/{pid}") for pid in kernel.processes()]
        kernel.client.stop_channels()
        server.process.kill()
        server.process.wait(LIMIT)

    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline and any(one.exists() for one in left):
        time.sleep(0.05)
    assert not any(one.exists() for one in left)
