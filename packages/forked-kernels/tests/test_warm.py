"""When kernels cannot be forked they start cold, with a word that says why."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked_kernels import alike
from forked_kernels import warm as module
from forked_kernels.code import Statement
from forked_kernels.imports import Imports
from forked_kernels.warm import WarmKernels, start
from kernel_cells import Run, Start, make

PARENT = "import json, os; json.dumps(os.getppid())"
UNFIT = {
    "starts a thread": "import threading, time\n"
    "threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
    "makes a socket": "import socket\nkept = socket.socket()",
    "leaves a file open": "kept = open('/dev/null')",
    "makes a SNS": "import boto3\n"
    "kept = boto3.client('sns', region_name='eu-west-1',"
    " aws_access_key_id='x', aws_secret_access_key='y')",
}
SCRIPT = """
import sys, time
from pathlib import Path
from forked_kernels.warm import start
from forked_kernels.provisioner import provision
from nbclient import NotebookClient
import nbformat
warm = start({}, print)
client = NotebookClient(nbformat.v4.new_notebook(), kernel_name="python3")
provision(client.create_kernel_manager(), kernels=warm)
client.start_new_kernel()
print(warm.process.pid, client.km.provisioner.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("why", UNFIT)
def test_no_fork_of_a_process_that_is_unfit_for_it(
    start_with: tuple[Start, list[str]], run: Run, why: str
) -> None:
    """Locks of other threads would stay locked, and sockets would be shared."""
    begin, said = start_with
    warm = begin(unfit_module=UNFIT[why])

    assert run(warm, PARENT) == os.getpid()
    assert said == [f"import unfit_module {why}"]


def test_a_module_that_fails_makes_only_its_notebooks_cold(
    start_with: tuple[Start, list[str]], run: Run
) -> None:
    """The others stay warm, and the same word is said once."""
    begin, said = start_with
    warm = begin(good="", bad="import sys; sys.exit('no')")

    assert run(warm, PARENT, notebook="good.ipynb") == warm.process.pid
    assert run(warm, PARENT, notebook="bad.ipynb") == os.getpid()
    assert run(warm, PARENT, notebook="bad.ipynb") == os.getpid()
    assert said == ["import bad: SystemExit: no"]


def test_a_kernel_starts_before_later_notebooks_imports_are_there(
    start_with: tuple[Start, list[str]], run: Run
) -> None:
    """And closing does not wait for an import that goes on."""
    begin, said = start_with
    began = time.monotonic()
    warm = begin(quick="", slow="import time; time.sleep(60)")

    assert run(warm, PARENT, notebook="quick.ipynb") == warm.process.pid
    warm.close()
    assert time.monotonic() - began < 20
    assert said == []


def test_nobody_waits_for_imports_after_being_stopped(
    start_with: tuple[Start, list[str]],
) -> None:
    """A signal or a time limit ends the waiting."""
    begin, said = start_with
    warm = begin(slow="import time; time.sleep(60)")
    forked = warm.fork(
        [sys.executable, "-m", "ipykernel_launcher"],
        cwd="/",
        env=dict(os.environ),
        streams=[0, 1, 2],
        stopped=lambda: True,
    )

    assert forked is None
    assert said == []


def test_a_changed_environment_makes_kernels_cold(
    start_with: tuple[Start, list[str]], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module may have read it while it was imported; AWS is read later."""
    begin, said = start_with
    warm = begin()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    code = "import os, json; json.dumps(os.environ['AWS_ENDPOINT_URL'])"

    assert run(warm, code) == "http://127.0.0.1:1"
    assert run(warm, PARENT) == warm.process.pid

    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    assert run(warm, PARENT) == os.getpid()
    assert said == ["the environment variable OMP_NUM_THREADS was changed"]


def test_a_package_that_was_installed_makes_kernels_cold(
    start_with: tuple[Start, list[str]],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Who upgrades a package in JupyterLab restarts the kernel to have it."""
    site = tmp_path / "site-packages"
    (site / "pandas-2.0.dist-info").mkdir(parents=True)
    monkeypatch.setattr(alike.sysconfig, "get_path", lambda name: str(site))
    begin, said = start_with
    warm = begin()

    assert run(warm, PARENT) == warm.process.pid
    (site / "pandas-2.0.dist-info").rename(site / "pandas-2.1.dist-info")
    assert run(warm, PARENT) == os.getpid()
    assert said == ["pandas-2.0 was installed or removed; what is imported is older"]


def test_a_module_of_the_notebooks_own_makes_it_cold(
    start_with: tuple[Start, list[str]], run: Run
) -> None:
    """Its name may stand for another module in the process, which is not its own."""
    begin, said = start_with
    begin(features="")
    both = {
        Path("one.ipynb"): Imports(
            statements=(Statement("features"),), own=frozenset()
        ),
        Path("other.ipynb"): Imports(statements=(), own=frozenset({"features"})),
    }
    warm = start(both, said.append)
    assert warm is not None
    with warm:
        assert run(warm, PARENT, notebook="one.ipynb") == warm.process.pid
        assert run(warm, PARENT, notebook="other.ipynb") == os.getpid()
    assert said == ["features is another module for other notebooks"]


def test_another_kernel_starts_cold(start_with: tuple[Start, list[str]]) -> None:
    """One of another Python is not what is forked here."""
    begin, said = start_with
    client, _ = make(begin(), "1")
    client.km.kernel_spec.argv = [sys.executable, "-Xfrozen_modules=off"]
    client.km.kernel_spec.argv += [
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
    ]
    client.execute()

    assert said == [f"the kernel is started by {sys.executable}, not by this Python"]


def test_pipes_start_cold(kernels: WarmKernels) -> None:
    """Nobody who runs notebooks talks with a kernel by pipes, so none are made."""
    client, _ = make(kernels, "1")
    client.start_new_kernel(stderr=subprocess.PIPE)
    client.start_new_kernel_client()

    assert isinstance(client.km.provisioner.process, subprocess.Popen)
    client.km.provisioner.process.stderr.close()
    client._cleanup_kernel()


def test_a_process_that_ended_is_missed_but_not_needed(
    start_with: tuple[Start, list[str]], run: Run
) -> None:
    """Kernels start cold from there on."""
    begin, said = start_with
    warm = begin()
    run(warm, PARENT)
    os.kill(warm.process.pid, signal.SIGKILL)

    assert run(warm, PARENT) == os.getpid()
    assert said == ["the process to fork them from ended with SIGKILL"]


def test_where_nothing_can_be_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no such process, but a word."""
    monkeypatch.setattr(module, "CAN_FORK", False)
    said: list[str] = []

    assert start({}, said.append) is None
    assert said == [f"{sys.platform} forks no kernels"]


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


def test_everything_ends_with_the_runner() -> None:
    """Even when it is killed, so that it cannot end anything itself."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as runner:
        assert runner.stdout is not None
        pids = runner.stdout.readline().split()
        runner.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(
        Path(f"/proc/{pid}").exists() for pid in pids
    ):
        time.sleep(0.05)

    assert len(pids) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
