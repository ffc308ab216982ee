"""Kernels are forked for whoever asks, or start cold with a reason."""

import asyncio
import contextlib
import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from forked_kernels import client as module
from forked_kernels.client import WarmKernels, start
from forked_kernels.imports import Imports, Statement
from kernel_cells import (
    LAUNCHER,
    LIMIT_SECONDS,
    NUMBERS,
    Run,
    Start,
    execute,
    is_forked,
    make_client,
    value,
    wait_until,
    wait_until_ended,
)

PARENT = "import json, os; json.dumps(os.getppid())"
GOES_ON = "import time; time.sleep(600)"
# Two notebooks that run at once, or never end: each waits for the other.
MEETS = """
import os, pathlib, time
pathlib.Path({own!r}).touch()
while not pathlib.Path({other!r}).exists():
    time.sleep(0.01)
"""
OWNER = """
import time
from forked_kernels.client import start
from kernel_cells import make_client
kernels = start({}, print)
client = make_client(kernels)
client.start_new_kernel()
print(kernels.process.pid, client.km.provisioner.pid, flush=True)
time.sleep(600)
"""
NOTEBOOKS = [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]
inherited: list[WarmKernels] = []  # what a process of a pool has without being told


def meet(kernels: WarmKernels, folder: Path, own: str, other: str) -> int:
    """Run a notebook that waits for another; return who its kernel was forked from."""
    cells = (MEETS.format(own=own, other=other), PARENT)
    parent, code = execute(kernels, *cells, cwd=folder, timeout=LIMIT_SECONDS)
    assert code == 0
    return int(parent)


def test_notebooks_run_at_once_in_threads(kernels: WarmKernels, tmp_path: Path) -> None:
    """Each in its own kernel, and all kernels end well."""
    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(meet, kernels, tmp_path, *one) for one in NOTEBOOKS]
        parents = [one.result(LIMIT_SECONDS) for one in running]

    assert parents == [kernels.process.pid] * 4


def test_notebooks_run_at_once_in_one_event_loop(
    kernels: WarmKernels, tmp_path: Path
) -> None:
    """Waiting for a kernel lets the others go on."""
    cells = [(MEETS.format(own=a, other=b), PARENT) for a, b in NOTEBOOKS]
    clients = [make_client(kernels, *one, timeout=LIMIT_SECONDS) for one in cells]

    async def run_all() -> None:
        await asyncio.gather(*(one.async_execute(cwd=str(tmp_path)) for one in clients))

    asyncio.run(run_all())

    assert [value(one) for one in clients] == [kernels.process.pid] * 4


def meet_in_pool(folder: Path, own: str, other: str) -> int:
    """Do so in a process that was forked from the one that has the kernels."""
    return meet(inherited[0], folder, own, other)


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_notebooks_run_at_once_in_a_process_pool(
    kernels: WarmKernels, run: Run, tmp_path: Path
) -> None:
    """Its processes are forked from one that has kernels, and ran some before."""
    run(kernels, PARENT)
    inherited[:] = [kernels]
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(4, mp_context=fork) as processes:
        running = [processes.submit(meet_in_pool, tmp_path, *one) for one in NOTEBOOKS]
        parents = [one.result(LIMIT_SECONDS) for one in running]

    assert parents == [kernels.process.pid] * 4
    assert run(kernels, PARENT) == kernels.process.pid


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_kernel_ends_whoever_was_forked_meanwhile(kernels: WarmKernels) -> None:
    """A process of a pool has a copy of every socket, which keeps none open."""
    client = make_client(kernels, PARENT)
    client.start_new_kernel()
    kernel = client.km.provisioner.pid
    fork = multiprocessing.get_context("fork")
    other = fork.Process(target=time.sleep, args=[600])
    other.start()
    try:
        client.start_new_kernel_client()
        client._cleanup_kernel()
        wait_until(lambda: not Path(f"/proc/{kernel}").exists())
    finally:
        other.kill()
        other.join()


def test_a_module_that_fails_makes_only_its_notebooks_cold(
    start_with: Start, reasons: list[str]
) -> None:
    """The others stay warm, and the same reason is reported once."""
    warm = start_with(good="", bad="import sys; sys.exit('no')")

    assert is_forked(warm, Path("good.ipynb"))
    assert not is_forked(warm, Path("bad.ipynb"))
    assert not is_forked(warm, Path("bad.ipynb"))
    assert reasons == ["import bad: SystemExit: no"]


def test_a_module_that_uses_the_kernel_is_imported_by_the_kernel(
    start_with: Start, library: Path, run: Run, reasons: list[str]
) -> None:
    """Matplotlib's inline backend does; the rest stays warm."""
    package = library / "using"
    package.mkdir()
    (package / "__init__.py").write_text("import before, using.part, using.shell")
    (package / "part.py").write_text("")
    code = "import IPython\ntry:\n    FOUND = bool(IPython.get_ipython().events)"
    (package / "shell.py").write_text(f"{code}\nexcept Exception:\n    FOUND = False")
    warm = start_with(before="", notebook="import using", other="get_ipython().events")
    cells = (
        "import sys, json, os; early = [name in sys.modules for name in "
        "('before', 'using', 'using.part', 'notebook', 'other')]",
        "import using.part, notebook, other",
        "json.dumps([early, using.shell.FOUND, using.part.__name__, os.getppid()])",
    )

    assert run(warm, *cells, notebook=Path("notebook.ipynb")) == [
        [True, False, False, False, False],
        *(True, "using.part", warm.process.pid),
    ]
    assert reasons == []


def test_a_module_sees_that_it_is_imported_in_a_kernel(
    start_with: Start, run: Run
) -> None:
    """pandas then shows 20 columns, Plotly and tqdm what a browser shows."""
    asks = """
import IPython
SEEN = [hasattr(get_ipython(), "kernel"), type(IPython.get_ipython()).__name__]
SEEN += ["IPKernelApp" in IPython.get_ipython().config, bool(IPython.get_ipython())]
"""
    warm = start_with(asks=asks)
    early = "import json, sys; early = 'asks' in sys.modules"
    cells = (early, "import asks", "json.dumps([early, *asks.SEEN])")
    names = [True, "ZMQInteractiveShell", True, True]

    assert run(warm, *cells, notebook=Path("asks.ipynb")) == [True, *names]
    assert run(None, *cells) == [False, *names]


def test_a_kernel_starts_before_later_notebooks_imports_are_there(
    start_with: Start, reasons: list[str]
) -> None:
    """And closing does not wait for an import that goes on."""
    warm = start_with(quick="", slow=GOES_ON)

    assert is_forked(warm, Path("quick.ipynb"))
    warm.close()
    assert warm.process.returncode == -signal.SIGKILL
    assert reasons == []


def test_more_notebooks_are_preloaded_later(
    start_with: Start, run: Run, library: Path
) -> None:
    """What is there already is not imported again."""
    warm = start_with(first="", second="")
    (library / "third.py").write_text("")
    names = ("second", "third")
    third = Imports(statements=tuple(map(Statement, names)))
    warm.preload({Path("third.ipynb"): third})
    code = f"import json, sys; json.dumps([n in sys.modules for n in {names!r}])"

    assert run(warm, code, notebook=Path("third.ipynb")) == [True, True]


def test_an_answer_at_the_end_of_a_poll_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop may see the answer and the end of the time at once."""
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(module, "IMPORT_SECONDS", 1)

    async def receive() -> object:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def answer_and_keep_the_loop_busy() -> None:
            theirs.send(b'{"pid": 1}')
            time.sleep(2 * module.POLL_SECONDS)

        with ours, theirs:
            asyncio.get_running_loop().call_soon(answer_and_keep_the_loop_busy)
            return await module._receive(ours, lambda: False)

    assert asyncio.run(receive()) == {"pid": 1}


def test_nobody_waits_for_imports_after_being_stopped(
    start_with: Start, reasons: list[str]
) -> None:
    """A signal or a time limit ends the waiting."""
    warm = start_with(slow=GOES_ON)
    asked: list[bool] = []

    def stopped() -> bool:
        asked.append(True)
        return len(asked) > 2

    assert not is_forked(warm, Path("slow.ipynb"), stopped=stopped)
    assert reasons == []


def test_a_changed_environment_makes_kernels_cold(
    start_with: Start, run: Run, reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module may have read it while it was imported; AWS is read later.

    So is the size of the terminal, which nbclient's own tests set.
    """
    warm = start_with()
    monkeypatch.setenv("COLUMNS", "81")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    code = "import os, json; json.dumps([os.getppid(), os.environ['AWS_ENDPOINT_URL']])"

    assert run(warm, code) == [warm.process.pid, "http://127.0.0.1:1"]

    monkeypatch.setenv("PYTHONHASHSEED", "1")

    assert not is_forked(warm)
    assert reasons == ["the environment variable PYTHONHASHSEED was changed"]


def test_kernels_may_have_another_environment_than_their_owner(
    run: Run, reasons: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The process starts with it, and IPython's folder may differ between kernels."""
    warm = start({}, reasons.append, os.environ | {"ONLY_THEIRS": "1"})
    assert warm is not None
    with warm:
        assert not is_forked(warm)
        monkeypatch.setenv("ONLY_THEIRS", "1")
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        assert run(warm, PARENT) == warm.process.pid

    assert reasons == ["the environment variable ONLY_THEIRS was changed"]


def test_a_package_that_was_installed_makes_kernels_cold(
    start_with: Start,
    reasons: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Who upgrades a package in JupyterLab restarts the kernel to have it."""
    site = tmp_path / "site-packages"
    (site / "pandas-2.0.dist-info").mkdir(parents=True)
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(site))
    warm = start_with()

    assert is_forked(warm)
    (site / "pandas-2.0.dist-info").rename(site / "pandas-2.1.dist-info")
    assert not is_forked(warm)
    assert reasons == ["pandas-2.0 was installed or removed; what is imported is older"]


def test_a_module_of_the_notebooks_own_makes_it_cold(
    library: Path, reasons: list[str]
) -> None:
    """Its name may stand for another module in the process, which is not its own."""
    (library / "features.py").write_text("")
    one, other = Path("one.ipynb"), Path("other.ipynb")
    notebooks = {
        one: Imports(statements=(Statement("features"),)),
        other: Imports(statements=(), own=frozenset({"features"})),
    }
    warm = start(notebooks, reasons.append)
    assert warm is not None
    with warm:
        assert is_forked(warm, one)
        assert not is_forked(warm, other)
    assert reasons == ["features is another module for other notebooks"]


@pytest.fixture
def other_python(tmp_path: Path) -> Path:
    """The interpreter of another virtual environment, which finds what is installed."""
    venv.EnvBuilder(symlinks=True).create(tmp_path / "other")
    (site,) = (tmp_path / "other").glob("lib/python*/site-packages")
    (site / "installed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return tmp_path / "other" / "bin" / "python"


def test_kernels_of_another_interpreter_are_forked_too(
    other_python: Path, tmp_path: Path, reasons: list[str]
) -> None:
    """They are what it would have started, which need not have this package."""
    numpy = Imports(statements=(Statement("numpy"),))
    warm = start({NUMBERS: numpy}, reasons.append, python=other_python)
    assert warm is not None
    told = "sys.executable, sys.prefix, sys.path, sys.argv[0], sys.orig_argv[:3]"
    code = f"import json, os, sys\njson.dumps([{told}])"
    found = []
    with warm:
        for kernels in (warm, None):
            client = make_client(kernels, f"{PARENT}", code)
            client.km.kernel_spec.argv[0] = str(other_python)
            client.execute(cwd=str(tmp_path))
            found.append(value(client))
            is_warm = client.nb.cells[0].outputs[-1]["data"]["text/plain"]
            assert (is_warm == repr(str(warm.process.pid))) == (kernels is warm)
        assert not is_forked(warm)

    assert found[0] == found[1]
    assert found[0][:2] == [str(other_python), str(other_python.parents[1])]
    wanted = f"the kernel is started by {sys.executable}, not by {other_python}"
    assert reasons == [wanted]


def test_another_interpreters_packages_are_compared(
    other_python: Path, reasons: list[str]
) -> None:
    """What is installed into it makes its kernels cold, as it does here."""
    warm = start({}, reasons.append, python=other_python)
    assert warm is not None
    command = (str(other_python), *LAUNCHER[1:])
    (site,) = other_python.parents[1].glob("lib/python*/site-packages")
    with warm:
        assert is_forked(warm, command=command)
        (site / "pandas-2.0.dist-info").mkdir()
        assert not is_forked(warm, command=command)
    assert reasons == ["pandas-2.0 was installed or removed; what is imported is older"]


def test_another_kernel_starts_cold(start_with: Start, reasons: list[str]) -> None:
    """One of another Python, or with an option of Python's, is not what is forked."""
    python, option = sys.executable, "-Xfrozen_modules=off"
    folder, name = os.path.split(python)
    same = f"{folder}/../{Path(folder).name}/{name}"
    warm = start_with()

    assert not is_forked(warm, command=("/usr/bin/other", *LAUNCHER[1:]))
    assert not is_forked(warm, command=(python, option, *LAUNCHER[1:]))
    assert is_forked(warm, command=(same, *LAUNCHER[1:]))
    assert reasons == [
        "the kernel is started by /usr/bin/other, not by this Python",
        f"the kernel is started with {option}",
    ]


def test_a_process_that_ended_is_missed_but_not_needed(
    start_with: Start, reasons: list[str]
) -> None:
    """Kernels start cold from there on."""
    warm = start_with()
    assert is_forked(warm)
    os.kill(warm.process.pid, signal.SIGKILL)

    assert not is_forked(warm)
    assert reasons == ["the process to fork them from ended with SIGKILL"]


def test_where_nothing_can_be_forked(
    monkeypatch: pytest.MonkeyPatch, reasons: list[str]
) -> None:
    """There is no such process, and a reason."""
    monkeypatch.setattr(module, "CAN_FORK", False)

    assert start({}, reasons.append) is None
    assert reasons == [f"{sys.platform} forks no kernels"]


def test_a_process_with_many_open_files_is_answered(
    kernels: WarmKernels, run: Run
) -> None:
    """One that serves notebooks has them; `select` takes 1,024 at most."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    more = max(before[0], 2048), before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, more)
    with contextlib.ExitStack() as files:
        files.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        for _ in range(1024):
            files.enter_context(Path(os.devnull).open())

        assert run(kernels, PARENT) == kernels.process.pid


def test_everything_ends_with_the_owner() -> None:
    """Even when it is killed, so that it cannot end anything itself."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        said = owner.stdout.readline()
        owner.kill()

    pids = [int(one) for one in said.split()]
    assert len(pids) == 2
    wait_until_ended(*pids)
