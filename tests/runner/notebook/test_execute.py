"""A notebook is a function: it returns results, or says in one line what went wrong."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import toys

from runner.errors import (
    CellError,
    IncompleteError,
    KernelDiedError,
    NotebookError,
    ResultsError,
    StoppedError,
    TimeLimitError,
)
from runner.notebook import ipynb
from runner.notebook.execute import ExecutedNotebook, execute

NOTEBOOKS = Path(__file__).parent / "notebooks"
# Each toy with its parameters and what else `execute` is told.
CALLS: dict[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "adds": ("adds", {"a": 40, "b": 2}, {"require": ["sum"]}),
    "raises": ("raises", {"text": "first line\nsecond line"}, {}),
    "raises long": ("raises", {"text": "x" * 1000}, {}),
    "exits": ("exits", {"code": 0}, {}),
    "exits with 1": ("exits", {"code": 1}, {}),
    "dies": ("dies", {}, {}),
    "is killed": ("dies", {"number": 9}, {}),
    "just exits": ("dies", {"number": 0}, {}),
    "too slow": ("sleeps", {}, {"time_limit": 6}),
    "a slow cell": ("sleeps", {}, {"cell_timeout": 2}),
    "no json": ("no_json", {}, {}),
    "skips": ("skips", {"a": 1}, {}),
    "lacks": ("adds", {}, {"require": ["sum", "difference"]}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name Papermill could take for a template."""
    return tmp_path_factory.mktemp("executed {of} 100%")


@pytest.fixture(scope="module")
def ended(folder: Path) -> dict[str, ExecutedNotebook | NotebookError]:
    """How each of the calls ended; several run at once, each in its own thread."""

    def end(name: str) -> ExecutedNotebook | NotebookError:
        toy, parameters, more = CALLS[name]
        source, output = NOTEBOOKS / f"{toy}.ipynb", folder / f"{name}.ipynb"
        given: dict[str, Any] = {"cwd": folder, "time_limit": 60, **more}
        try:
            return execute(source, output, parameters, **given)
        except NotebookError as error:
            return error

    with ThreadPoolExecutor(4) as threads, pytest.MonkeyPatch.context() as patch:
        # It makes ipykernel behave otherwise than where there is no pytest.
        patch.delenv("PYTEST_CURRENT_TEST")
        return dict(zip(CALLS, threads.map(end, CALLS), strict=True))


def error_outputs(path: Path) -> list[str]:
    cells = [cell for cell in ipynb.read(path).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    return [output.ename for output in outputs if output.output_type == "error"]


def test_results_are_what_the_last_cell_returns(
    ended: dict[str, ExecutedNotebook], folder: Path
) -> None:
    """Parameters go in, results come out, and the notebook records both."""
    adds = ended["adds"]

    assert adds.results == {"sum": 42}
    assert adds.parameters == {"a": 40, "b": 2}
    assert adds.path == folder / "adds.ipynb"
    assert 0 < adds.seconds < 60
    assert '"sum": 42' in adds.path.read_text()


def test_the_source_stays_as_it_is(ended: dict[str, ExecutedNotebook]) -> None:
    """A run writes another notebook, without the folders of this machine in it."""
    source = NOTEBOOKS / "adds.ipynb"

    assert '"outputs": []' in source.read_text()
    metadata = ipynb.read(ended["adds"].path).metadata.papermill
    assert metadata.output_path == "adds.ipynb"
    assert metadata.parameters == {"a": 40, "b": 2}


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("raises", CellError, "In [4] under 'It breaks here': ValueError: first line"),
        (
            "exits",
            IncompleteError,
            "In [4] under 'It leaves early': sys.exit(0) ended it",
        ),
        ("exits with 1", IncompleteError, "sys.exit(1) ended it early"),
        ("dies", KernelDiedError, "here': the kernel died of SIGSEGV"),
        ("is killed", KernelDiedError, "the kernel was killed, which is what happens"),
        ("just exits", KernelDiedError, "the kernel ended with exit code 3 before"),
        ("too slow", TimeLimitError, "the notebook took longer than 6 s"),
        ("a slow cell", TimeLimitError, "the cell took longer than 2 s"),
        ("no json", ResultsError, "the results cell must end in JSON({...})"),
        ("skips", IncompleteError, "In [4] under 'This does not run': did not run"),
        ("lacks", ResultsError, "the results lack difference, which the next stage"),
    ],
)
def test_what_went_wrong_is_one_line(
    ended: dict[str, NotebookError], name: str, kind: type[NotebookError], message: str
) -> None:
    """Notebook, cell, heading and reason are named; the notebook is kept."""
    error = ended[name]

    assert type(error) is kind
    assert message in str(error)
    assert f"{CALLS[name][0]}.ipynb: " in str(error)
    assert "\n" not in str(error)
    assert error.path is not None
    assert error.path.exists()


def test_a_long_error_is_cut(ended: dict[str, NotebookError]) -> None:
    """The notebook has the whole of it."""
    assert str(ended["raises long"]).endswith("xxx…")
    assert len(str(ended["raises long"])) < 500


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("raises", "ValueError"),
        ("dies", "KernelDiedError"),
        ("too slow", "TimeLimitError"),
        ("a slow cell", "TimeLimitError"),
    ],
)
def test_the_partial_notebook_shows_where_it_ended(
    ended: dict[str, NotebookError], name: str, output: str
) -> None:
    """Also where the kernel itself could no longer say so."""
    path = ended[name].path

    assert path is not None
    assert error_outputs(path)[-1] == output


def test_progress_is_told_cell_by_cell(tmp_path: Path) -> None:
    """Each code cell with the heading above it, and the end."""
    told: list[tuple[int, int, str]] = []
    source = NOTEBOOKS / "adds.ipynb"

    def on_cell(done: int, total: int, label: str) -> None:
        told.append((done, total, label))

    execute(
        source,
        tmp_path / "adds.ipynb",
        {"a": 1},
        cwd=tmp_path,
        time_limit=60,
        on_cell=on_cell,
    )

    assert [done for done, _, _ in told] == [0, 1, 2, 3, 4, 5]
    assert {total for _, total, _ in told} == {5}
    assert told[0][2] == "Adding"
    assert told[-1][2] == "The sum is what it should be"


def test_a_notebook_runs_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With this process's environment, and without changing its folder."""
    monkeypatch.setenv("TOY", "blue")
    first, last = toys.takes("a: int = 1")
    last["source"] = 'JSON({"folder": os.getcwd(), "toy": os.environ["TOY"]})'
    imports = toys.code("import os\n\nfrom IPython.display import JSON")
    source = toys.write(tmp_path / "toy.ipynb", first, imports, last)
    (tmp_path / "below").mkdir()
    before = Path.cwd()
    executed = execute(
        source, tmp_path / "out.ipynb", {}, cwd=tmp_path / "below", time_limit=60
    )

    assert executed.results == {"folder": str(tmp_path / "below"), "toy": "blue"}
    assert Path.cwd() == before


def test_a_run_can_be_stopped_from_another_thread(tmp_path: Path) -> None:
    """The kernel and what it started end, and the notebook is kept."""
    cancelled = threading.Event()
    pids = tmp_path / "pids"
    thread = threading.Thread(target=lambda: (wait_for(pids), cancelled.set()))
    thread.start()
    with pytest.raises(StoppedError, match="told to stop") as caught:
        execute(
            NOTEBOOKS / "sleeps.ipynb",
            tmp_path / "out.ipynb",
            {"pid_file": str(pids)},
            cwd=tmp_path,
            time_limit=60,
            cancelled=cancelled,
        )
    thread.join()

    assert caught.value.path == tmp_path / "out.ipynb"
    assert_gone(pids)


SCRIPT = """
import sys
from pathlib import Path
from runner.notebook import execute

source, folder = map(Path, sys.argv[1:])
given = {"pid_file": str(folder / "pids")}
try:
    execute(source, folder / "out.ipynb", given, cwd=folder, time_limit=60)
except BaseException as error:
    print(type(error).__name__, error)
    raise
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that executes a notebook and has reached its long cell."""
    command = [sys.executable, "-c", SCRIPT, str(NOTEBOOKS / "sleeps.ipynb"), tmp_path]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for(tmp_path / "pids")
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "raised", "codes"),
    [
        (signal.SIGINT, "KeyboardInterrupt", (-signal.SIGINT, 130)),
        (signal.SIGTERM, "SystemExit 143", (143,)),
    ],
)
def test_an_interrupt_ends_the_kernel_and_keeps_the_notebook(
    running: subprocess.Popen[str],
    tmp_path: Path,
    number: signal.Signals,
    raised: str,
    codes: tuple[int, ...],
) -> None:
    """Ctrl-C and SIGTERM reach the caller once everything is tidied up."""
    running.send_signal(number)
    said, _ = running.communicate(timeout=30)

    assert said.strip() == raised
    assert running.returncode in codes
    assert error_outputs(tmp_path / "out.ipynb") == ["StoppedError"]
    assert_gone(tmp_path / "pids")


def test_nothing_is_printed(tmp_path: Path) -> None:
    """Papermill's bars, logs and warnings stay silent; the runner has its own."""
    source = toys.write(tmp_path / "toy.ipynb", *toys.takes("a: int = 1"))
    script = SCRIPT.replace('{"pid_file": str(folder / "pids")}', '{"other": 1}')
    command = [sys.executable, "-c", script, str(source), str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)

    assert answer.stdout.splitlines()[0].startswith("CellError ")
    assert answer.stderr.splitlines()[0].startswith("Traceback")


def wait_for(path: Path, seconds: float = 30) -> None:
    """Wait until a file has content."""
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def assert_gone(pids: Path, seconds: float = 5) -> None:
    """Check that the kernel and its child are no more, or are zombies."""
    deadline = time.monotonic() + seconds
    for pid in map(int, pids.read_text().split()):
        while is_alive(pid):
            assert time.monotonic() < deadline, f"{pid} is still alive"
            time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    answer = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return not answer.stdout.strip().startswith("Z")


def test_the_record_is_json(ended: dict[str, ExecutedNotebook]) -> None:
    """Results are plain values, without a notebook's own types."""
    assert type(ended["adds"].results) is dict
    assert json.loads(json.dumps(ended["adds"].results)) == {"sum": 42}
