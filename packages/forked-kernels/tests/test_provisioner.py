"""Whatever starts a kernel by Jupyter's means, it is warm where it can be."""

import asyncio
import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from forked_kernels import client as module
from forked_kernels.client import WarmKernels
from forked_kernels.provisioner import (
    NAME,
    ForkedProvisioner,
    PromptClient,
    PromptManager,
    warm_up,
)
from jupyter_client.manager import KernelManager, start_new_kernel
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_core.utils import ensure_event_loop
from kernel_cells import LIMIT_SECONDS, make_client, write_notebook
from nbclient import NotebookClient

Ask = Callable[[str], Any]
Warm = Callable[..., WarmKernels]
PARENT = "__import__('os').getppid()"
SELF = "__import__('os').getpid()"
PRELOADED = "'preloaded' in __import__('sys').modules"


@pytest.fixture(autouse=True)
def asked_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ask Jupyter for forked kernels, and leave it as it was."""
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", NAME)
    monkeypatch.setattr(ForkedProvisioner, "kernels", None)
    KernelProvisionerFactory.clear_instance()
    yield
    KernelProvisionerFactory.clear_instance()


@pytest.fixture
def notebook(library: Path, tmp_path: Path) -> Path:
    """A notebook that imports a module which takes its time."""
    (library / "preloaded.py").write_text("import time; time.sleep(0.5)")
    return write_notebook(tmp_path / "notebooks" / "known.ipynb", "import preloaded")


@pytest.fixture
def warm(reasons: list[str]) -> Iterator[Warm]:
    """Warm this process up for notebooks."""
    started: list[WarmKernels] = []

    def start(*notebooks: Path) -> WarmKernels:
        kernels = warm_up(notebooks, reasons.append)
        assert kernels is not None
        started.append(kernels)
        return kernels

    yield start
    for one in started:
        one.close()


@contextmanager
def kernel(
    folder: Path, *, session: str | None = None
) -> Iterator[tuple[Callable[[], None], Ask]]:
    """Start a kernel as nbval and many others do, and give ways to restart and ask."""
    env = os.environ | ({"JPY_SESSION_NAME": session} if session else {})
    manager, client = start_new_kernel(LIMIT_SECONDS, cwd=str(folder), env=env)

    def ask(expression: str) -> Any:
        """Evaluate an expression whose value is a number or a truth."""
        given = {"answer": expression}
        reply = client.execute_interactive(
            "",
            user_expressions=given,
            timeout=LIMIT_SECONDS,
            output_hook=lambda _: None,
        )
        answer = reply["content"]["user_expressions"]["answer"]
        if answer["status"] == "error":
            return answer["ename"]
        return json.loads(answer["data"]["text/plain"].lower())

    def restart() -> None:
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=LIMIT_SECONDS)

    try:
        yield restart, ask
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_kernels_are_warm_from_now_on(
    notebook: Path, warm: Warm, reasons: list[str]
) -> None:
    """Each is a process of its own, which is restarted as another one."""
    kernels = warm(notebook)

    with kernel(notebook.parent) as (restart, one), kernel(notebook.parent) as (_, two):
        assert one(PARENT) == two(PARENT) == kernels.process.pid
        first = one(SELF)
        assert first != two(SELF)
        one("globals().update(left=1) or 1")
        assert one("left") == 1

        restart()

        assert one("left") == "NameError"
        assert one(SELF) != first
        assert one(PARENT) == kernels.process.pid
    assert reasons == []


def test_a_known_notebook_has_its_imports(
    notebook: Path, warm: Warm, reasons: list[str]
) -> None:
    """A Jupyter server says which it is, by name or with its folders."""
    kernels = warm(notebook)

    for name in (str(notebook), "folder/known.ipynb"):
        with kernel(notebook.parent, session=name) as (_, ask):
            assert ask(PRELOADED) is True
            assert ask(PARENT) == kernels.process.pid
    assert reasons == []


def run_notebook(_: int = 0) -> int:
    """Run a notebook as nbclient does by itself; return its kernel's parent."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PARENT)])
    with contextlib.closing(ensure_event_loop()):
        NotebookClient(notebook, startup_timeout=LIMIT_SECONDS).execute()
    return int(notebook.cells[0].outputs[0]["data"]["text/plain"])


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_kernels_are_warm_in_a_process_pool_too(warm: Warm, reasons: list[str]) -> None:
    """Also when the process that it is forked from ran notebooks before."""
    parent = warm().process.pid
    assert run_notebook() == parent

    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, mp_context=fork) as processes:
        running = processes.map(run_notebook, range(4), timeout=LIMIT_SECONDS)
        assert list(running) == [parent] * 4
    assert reasons == []


def is_forked(folder: Path, session: str = "") -> bool:
    """Start a kernel, tell whether it was forked, and end it."""
    manager = KernelManager()
    manager.start_kernel(
        cwd=str(folder), env=os.environ | {"JPY_SESSION_NAME": session}
    )
    assert manager.is_alive()
    forked = manager.provisioner.forked is not None
    manager.shutdown_kernel(now=True)
    return forked


def test_what_lies_beside_a_new_notebook_is_its_own(
    notebook: Path, warm: Warm, reasons: list[str]
) -> None:
    """A notebook that is new, in a folder with a module that others know another of."""
    folder = notebook.parent.with_name("models")
    folder.mkdir()
    warm(notebook)
    assert is_forked(notebook.parent, session=str(notebook))
    assert is_forked(folder)

    (folder / "preloaded.py").write_text("mine = True")

    assert not is_forked(folder)
    assert reasons == ["preloaded is another module for other notebooks"]


def test_a_module_that_fails_leaves_new_notebooks_warm(
    notebook: Path, warm: Warm, reasons: list[str], library: Path
) -> None:
    """It is not one of theirs yet; the notebook that needs it starts cold."""
    (library / "preloaded.py").write_text("raise OSError('no')")
    warm(notebook)

    assert is_forked(notebook.parent)
    assert not is_forked(notebook.parent, session=str(notebook))
    assert reasons == ["import preloaded: OSError: no"]


def test_a_notebook_that_cannot_be_read_is_passed_over(
    notebook: Path, warm: Warm
) -> None:
    """A user opens Jupyter to mend it."""
    broken = notebook.with_name("broken.ipynb")
    broken.write_text("<<<<<<< HEAD")

    kernels = warm(broken, notebook.with_name("missing.ipynb"), notebook)

    assert list(kernels.imports) == [notebook]


def test_a_provisioner_that_was_asked_for_stays(
    notebook: Path, reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernels run elsewhere."""
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "remote-provisioner")

    assert warm_up([notebook], reasons.append) is None
    assert reasons == ["remote-provisioner starts them, as was asked for"]


def test_kernels_are_cold_where_nothing_can_be_forked(
    notebook: Path, reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the reason is reported once."""
    monkeypatch.setattr(module, "CAN_FORK", False)

    assert warm_up([notebook], reasons.append) is None
    assert not is_forked(notebook.parent)
    assert reasons == [f"{sys.platform} forks no kernels"]


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ({"stderr": subprocess.PIPE}, "its output goes to a pipe"),
        ({"umask": 0o77}, "the option umask is one for a process of its own"),
    ],
)
def test_what_only_a_started_process_can_have_starts_one(
    warm: Warm, reasons: list[str], option: dict[str, int], reason: str
) -> None:
    """A fork would be without it."""
    warm()
    manager = KernelManager()
    manager.start_kernel(**option)

    process = manager.provisioner.process
    manager.shutdown_kernel(now=True)
    assert isinstance(process, subprocess.Popen)
    assert reasons == [reason]


def test_a_kernel_has_the_time_it_needs_to_end(warm: Warm, tmp_path: Path) -> None:
    """As much as the manager gives any kernel before it sends a signal."""
    code = (
        "import atexit, pathlib, time\n"
        "atexit.register(pathlib.Path('last').touch)\n"
        "atexit.register(time.sleep, 1.2)\n"
    )
    client = make_client(warm(), code, notebook=None)
    client.km.shutdown_wait_time = 2 * LIMIT_SECONDS

    client.execute(cwd=str(tmp_path))

    assert (tmp_path / "last").exists()


@asynccontextmanager
async def started(folder: Path, *code: str) -> AsyncIterator[PromptClient]:
    """Start a kernel, or a process that is none, and end it."""
    manager = PromptManager(kernel_name="python3")
    if code:
        manager.kernel_spec.argv = [sys.executable, *code]
    await manager.start_kernel(cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        yield client
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()
        assert not await manager.is_alive()


def test_a_kernel_takes_no_port_and_leaves_no_file(tmp_path: Path) -> None:
    """Two processes can pick the same free port, and other users can reach one."""

    async def start_and_end() -> Path:
        async with started(tmp_path) as client:
            await client.wait_for_ready(timeout=LIMIT_SECONDS)
            folder = Path(client.connection_file).parent
            assert folder.stat().st_mode & 0o077 == 0
            sockets = list(folder.glob("*-ipc-*"))
            assert sockets and all(one.is_socket() for one in sockets)
        return folder

    assert not asyncio.run(start_and_end()).exists()


def test_below_a_long_path_a_kernel_takes_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a socket has a limit of its own."""
    long = tmp_path / ("a" * 80)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))

    async def start_and_end() -> str:
        async with started(tmp_path) as client:
            await client.wait_for_ready(timeout=LIMIT_SECONDS)
            return client.transport

    assert asyncio.run(start_and_end()) == "tcp"


def test_a_kernel_that_is_ready_is_heard_from_its_first_word(tmp_path: Path) -> None:
    """Both channels are there."""

    async def first_words() -> list[str]:
        async with started(tmp_path) as client:
            await client.wait_for_ready(timeout=LIMIT_SECONDS)
            asked = client.execute("print('hello')")
            said = []
            while "hello\n" not in said:
                message = await client.get_iopub_msg(timeout=LIMIT_SECONDS)
                if message["parent_header"].get("msg_id") == asked:
                    said.append(message["content"].get("text", message["msg_type"]))
            return said

    assert asyncio.run(first_words()) == ["status", "execute_input", "hello\n"]


def test_a_kernel_that_dies_before_it_speaks_is_not_waited_for(tmp_path: Path) -> None:
    """Its end is told in nbclient's words."""

    async def wait() -> None:
        async with started(tmp_path, "-c", "pass") as client:
            await client.wait_for_ready(timeout=LIMIT_SECONDS)

    with pytest.raises(RuntimeError, match="died before replying"):
        asyncio.run(wait())


def test_a_kernel_that_never_speaks_is_waited_for_with_a_limit(tmp_path: Path) -> None:
    """Then it is ended."""

    async def wait() -> None:
        code = "import time; time.sleep(600)"
        async with started(tmp_path, "-c", code) as client:
            await client.wait_for_ready(timeout=0.5)

    with pytest.raises(RuntimeError, match=r"didn't respond in 0\.5 seconds"):
        asyncio.run(wait())
