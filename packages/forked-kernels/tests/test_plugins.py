"""JupyterLab's server and nbval start their notebooks warm, once they are told to."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from forked_kernels import plugins
from forked_kernels.plugins import notebooks_below
from jupyter_client import BlockingKernelClient
from kernel_cells import LIMIT_SECONDS, wait_until, wait_until_ended, write_notebook

TOKEN = "a-token-of-this-test"
# Installed beside this package or not, other extensions are not what is tested.
OTHERS = (
    "jupyterlab",
    "jupyter_lsp",
    "jupyter_server_terminals",
    "notebook",
    "notebook_shim",
)
PARENT = """\
import os, sys
from pathlib import Path
server = Path(f"/proc/{os.getppid()}/cmdline").read_text()
"""
WARM = f"{PARENT}assert 'forked_kernels.server' in server and 'numpy' in sys.modules"
COLD = f"{PARENT}assert 'forked_kernels.server' not in server"
IMPORTS = "import numpy"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Jupyter server in a small project, and what it keeps of its kernels."""

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
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
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
        # Its heartbeat would give the kernel up after a second without an answer.
        self.client.start_channels(hb=False)

    def run(self, code: str, expression: str = "None") -> Any:
        """Run a cell; return the value of an expression, or the error's name."""
        self.client.wait_for_ready(timeout=LIMIT_SECONDS)
        reply = self.client.execute_interactive(
            code,
            user_expressions={"answer": expression},
            timeout=LIMIT_SECONDS,
            output_hook=lambda _: None,
        )["content"]
        if reply["status"] == "error":
            return reply["ename"]
        return reply["user_expressions"]["answer"]["data"]["text/plain"]

    def processes(self) -> tuple[int, int]:
        """Return the process ids of the kernel and of whoever started it."""
        both = self.run("import os", "f'{os.getpid()} {os.getppid()}'")
        own, parent = both.strip("'").split()
        return int(own), int(parent)

    def do(self, what: str) -> None:
        """Interrupt or restart it."""
        self.server.ask("POST", f"kernels/{self.name}/{what}")


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[Server]:
    """Start a server in a small project, in which this package is installed."""
    root = folder / "project"
    write_notebook(root / "models" / "toy" / "prepare.ipynb", IMPORTS)
    write_notebook(root / "notebooks" / "deploy.ipynb", "import json")
    (root / "notebooks" / "broken.ipynb").write_text("<<<<<<< HEAD")
    command = "-m jupyter server --no-browser --ip=127.0.0.1 --port=0 --allow-root"
    options = [
        f"--IdentityProvider.token={TOKEN}",
        "--KernelRestarter.time_to_dead=0.5",
        *(f"--ServerApp.jpserver_extensions={one}=False" for one in OTHERS),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command.split(), *options],
            cwd=root,
            env=environment(folder) | variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield Server(process=process, folder=folder, url=address(folder, process))
    finally:
        process.terminate()
        process.wait(LIMIT_SECONDS)


def environment(folder: Path) -> dict[str, str]:
    """Give the server folders of its own, and none of this machine's settings."""
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    own = {f"JUPYTER_{n}": str(folder / n[: n.index("_")].lower()) for n in names}
    return os.environ | own | {"HOME": str(folder)}


def address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Find where the server listens, once it answers: it says so before it does."""
    urls: list[str] = []

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        for file in (folder / "runtime").glob("jpserver-*.json"):
            with suppress(ValueError, urllib.error.URLError):  # it is being written
                url = json.loads(file.read_text())["url"]
                urllib.request.urlopen(f"{url}api", timeout=LIMIT_SECONDS).close()
                urls.append(url)
        return bool(urls)

    wait_until(answers)
    return urls[0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests but those that end it."""
    asked = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "forked-provisioner"}
    with serving(tmp_path_factory.mktemp("lab"), **asked) as served:
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
    message = kernel.client.execute("import time\nprint('on')\ntime.sleep(600)")
    while kernel.client.get_iopub_msg(timeout=LIMIT_SECONDS)["msg_type"] != "stream":
        continue
    kernel.do("interrupt")
    replies = (kernel.client.get_shell_msg(timeout=LIMIT_SECONDS) for _ in range(3))
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
    wait_until(lambda: not Path(f"/proc/{before[0]}").exists())

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
    asked = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "forked-provisioner"}
    with serving(tmp_path, **asked) as server:
        kernel = server.open("models/toy/prepare.ipynb")
        left = kernel.processes()
        kernel.client.stop_channels()
        server.process.kill()

    wait_until_ended(*left)


def test_a_server_that_is_not_told_to_starts_kernels_cold(tmp_path: Path) -> None:
    """Its log says how it is told."""
    with serving(tmp_path) as server:
        kernel = server.open("models/toy/prepare.ipynb")
        assert kernel.processes()[1] == server.process.pid
        kernel.client.stop_channels()
        server.ask("DELETE", f"kernels/{kernel.name}")

    said = "local-provisioner starts them; JUPYTER_DEFAULT_PROVISIONER_NAME=forked"
    assert said in server.log()


def test_notebooks_are_looked_for_nearest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where programs keep theirs, and in so many folders at most."""
    for name in ("b/deep/deep", "a/deep", "top", ".hidden/x", ".venv/x", "env/lib/x"):
        write_notebook(tmp_path / f"{name}.ipynb")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "deep.txt").write_text("")

    found = [one.relative_to(tmp_path).as_posix() for one in notebooks_below(tmp_path)]
    assert found == ["top.ipynb", "a/deep.ipynb", "b/deep/deep.ipynb"]

    monkeypatch.setattr(plugins, "MOST_FOLDERS", 2)
    assert len(list(notebooks_below(tmp_path))) == 2


@pytest.fixture
def nbval(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run notebooks with nbval; return the exit code and what is said."""

    def run(
        *notebooks: tuple[str, ...], options: tuple[str, ...] = (), **variables: str
    ) -> tuple[int, str]:
        for number, cells in enumerate(notebooks):
            write_notebook(tmp_path / f"{number}.ipynb", *cells)
        call = "-m pytest -p forked_kernels.plugins --nbval-lax -p no:cacheprovider"
        completed = subprocess.run(
            [sys.executable, *call.split(), "--rootdir", str(tmp_path), *options, "."],
            cwd=tmp_path,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            timeout=2 * LIMIT_SECONDS,
            check=False,
        )
        return completed.returncode, completed.stdout + completed.stderr

    return run


def test_nbval_runs_notebooks_warm(
    nbval: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """Each in a fresh process; the one they were forked from ends with the session."""
    note = "Path('pid').write_text(str(os.getppid())); left = 1"
    fresh = "assert 'left' not in globals()"
    code, said = nbval((WARM, IMPORTS, note), (WARM, IMPORTS, fresh, "1 / 0"))

    assert code == 1, said
    assert "6 passed" in said
    assert "1 failed" in said
    assert "ZeroDivisionError" in said
    assert "cold" not in said
    wait_until_ended(int((tmp_path / "pid").read_text()))


def test_nbval_says_why_a_notebook_starts_cold(
    nbval: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """And runs it."""
    (tmp_path / "conftest.py").write_text(
        "import os\n"
        "def pytest_runtest_setup(item):\n"
        "    os.environ['OMP_NUM_THREADS'] = '3'\n"
    )
    code, said = nbval((COLD, IMPORTS))

    assert code == 0, said
    assert "cold: the environment variable OMP_NUM_THREADS was changed" in said


def test_nbval_leaves_a_provisioner_that_was_asked_for(
    nbval: Callable[..., tuple[int, str]],
) -> None:
    """And says that kernels start cold. That one is not installed here."""
    remote = {"JUPYTER_DEFAULT_PROVISIONER_NAME": "remote-provisioner"}
    code, said = nbval((COLD,), **remote)

    assert code == 1
    assert "cold: remote-provisioner starts them, as was asked for" in said


def test_nothing_starts_where_nothing_runs(
    nbval: Callable[..., tuple[int, str]],
) -> None:
    """Who only lists the cells does not wait for imports."""
    code, said = nbval((WARM, IMPORTS), options=("--collect-only",))

    assert code == 0
    assert "2 tests collected" in said
