"""A notebook is a function: it returns results, or says in one line what went wrong."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import papermill
import pytest
import toys
from forked_kernels.client import WarmKernels
from papermill.execute import raise_for_execution_errors

from runner.errors import (
    CellError,
    IncompleteError,
    KernelDiedError,
    NotebookError,
    ResultsError,
    StoppedError,
    TimeLimitError,
    display_path,
)
from runner.notebook import ipynb
from runner.notebook.archive import read_record
from runner.notebook.execute import (
    ExecutedNotebook,
    _raise_for_cells,
    _raise_for_early_end,
    _read_results,
    execute,
)
from runner.notebook.kernel import KernelSupervisor

TOYS = Path(__file__).parent / "toys"


@dataclass(frozen=True, kw_only=True)
class End:
    """A call that ends early: its error, and the error outputs by number of cell."""

    toy: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    error: type[NotebookError]
    message: str
    outputs: tuple[tuple[int, str], ...] = ()


ENDS = {
    "a cell fails": End(
        toy="raises",
        parameters={"text": "first line\nsecond line"},
        error=CellError,
        message="In [4] under 'It breaks here': ValueError: first line",
        outputs=((4, "ValueError"),),
    ),
    "a cell exits": End(
        toy="exits",
        parameters={"code": 0},
        error=IncompleteError,
        message="In [4] under 'It leaves early': sys.exit(0) ended it early; "
        "a notebook must run to its end",
        outputs=((4, "SystemExit"),),
    ),
    "a cell exits with 1": End(
        toy="exits",
        parameters={"code": 1},
        error=IncompleteError,
        message="In [4] under 'It leaves early': sys.exit(1) ended it early; "
        "a notebook must run to its end",
        outputs=((4, "SystemExit"),),
    ),
    "the kernel dies": End(
        toy="dies",
        parameters={"number": 11},
        error=KernelDiedError,
        message="In [4] under 'The kernel dies here': the kernel died of SIGSEGV",
        outputs=((4, "KernelDiedError"),),
    ),
    "the kernel is killed": End(
        toy="dies",
        parameters={"number": 9},
        error=KernelDiedError,
        message="In [4] under 'The kernel dies here': the kernel was killed, which is "
        "what happens when memory runs out",
        outputs=((4, "KernelDiedError"),),
    ),
    "the kernel exits": End(
        toy="dies",
        parameters={"number": 0},
        error=KernelDiedError,
        message="In [4] under 'The kernel dies here': the kernel ended with exit code "
        "3 before the notebook did",
        outputs=((4, "KernelDiedError"),),
    ),
    "the notebook is too slow": End(
        toy="sleeps",
        parameters={"seconds": 60.0},
        error=TimeLimitError,
        message="In [5] under 'It takes its time': the notebook took longer than 60 s",
        outputs=((5, "TimeLimitError"),),
    ),
    "a cell asks to exit": End(
        toy="asks",
        parameters={"how": "exit"},
        error=IncompleteError,
        message="In [4] under 'It asks to leave': exit() ended it early; a notebook "
        "must run to its end",
        outputs=((4, "SystemExit"),),
    ),
    "the last cell asks to quit": End(
        toy="asks",
        parameters={"how": "nothing"},
        error=IncompleteError,
        message="In [5] under 'The end': exit() ended it early; a notebook must run to "
        "its end",
        outputs=((5, "SystemExit"),),
    ),
    "the last cell ends the kernel": End(
        toy="asks",
        parameters={"how": "nothing", "last": 3},
        error=KernelDiedError,
        message="In [5] under 'The end': the kernel ended with exit code 3 before the "
        "notebook did",
        outputs=((5, "KernelDiedError"),),
    ),
    "there are no results": End(
        toy="no_json",
        error=ResultsError,
        message="the results cell must end in JSON({...}) of plain values",
    ),
    "a result is missing": End(
        toy="adds",
        options={"require": ["sum", "difference"]},
        error=ResultsError,
        message="the results lack difference, which the next stage needs; they have "
        "sum",
    ),
}
# How Jupyter starts kernels; the others are forked from a process with their imports.
COLD = ("a cell fails", "a cell exits", "a cell asks to exit", "the kernel dies")


class Clock:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        """Return the seconds since any moment, as `time.monotonic` does."""
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which the time limit of a notebook is measured."""
    clock = Clock()
    monkeypatch.setattr("runner.notebook.kernel.time", clock)
    return clock


def failed_cells(notebook: ipynb.Notebook) -> tuple[tuple[int, str], ...]:
    """Return by number of the code cell the names of its error outputs."""
    cells = [notebook.cells[index] for index in ipynb.code_indices(notebook)]
    return tuple(
        (number, output.ename)
        for number, cell in enumerate(cells, start=1)
        for output in cell.outputs
        if output.output_type == "error"
    )


@pytest.mark.parametrize(
    ("name", "cold"),
    [*((name, False) for name in ENDS), *((name, True) for name in COLD)],
)
def test_an_early_end_is_an_error_and_is_archived(
    kernels: WarmKernels | None,
    execute_recorded: Callable[..., ExecutedNotebook],
    clock: Clock,
    tmp_path: Path,
    name: str,
    cold: bool,
) -> None:
    """The error is one line that names notebook, cell, heading and reason."""
    end = ENDS[name]
    source = TOYS / f"{end.toy}.ipynb"
    # Papermill could take this folder's name for a template.
    folder = tmp_path / "executed {of} 100%"
    options = {"kernels": None if cold else kernels, **end.options}
    if name == "the notebook is too slow":
        # The time is up as soon as its last cell but one begins.
        options["on_cell"] = lambda done, *_: setattr(clock, "ahead", 100 * (done > 3))
    with pytest.raises(NotebookError) as caught:
        execute_recorded(source, folder, end.parameters, **options)

    error = caught.value
    assert type(error) is end.error
    assert str(error) == f"{display_path(source)}: {end.message}"
    assert error.path == folder / f"{end.toy}.ipynb"
    # A kernel that is ended may have time to add that it was interrupted.
    assert failed_cells(ipynb.read(error.path))[-1:] == end.outputs
    assert error.path.with_suffix(".html").exists()
    kept = read_record(folder, end.toy)
    assert kept is not None
    assert (kept["status"], kept["error"]) == ("failed", str(error))


@dataclass
class Added:
    """What executing adds.ipynb leads to, and the progress that it reported."""

    executed: ExecutedNotebook
    progress: list[tuple[int, int, str]]


@pytest.fixture(scope="module")
def added(
    kernels: WarmKernels | None, tmp_path_factory: pytest.TempPathFactory
) -> Added:
    """A notebook that was executed to its end."""
    progress: list[tuple[int, int, str]] = []
    executed = execute(
        TOYS / "adds.ipynb",
        {"a": 40, "b": 2},
        cwd=tmp_path_factory.mktemp("adds"),
        time_limit=60,
        require=["sum"],
        on_cell=lambda *told: progress.append(told),
        kernels=kernels,
    )
    return Added(executed, progress)


def test_results_are_what_the_last_cell_returns(added: Added) -> None:
    """They are plain values; parameters go in, and the notebook records both."""
    executed = added.executed
    executed.raise_for_error()

    assert executed.error is None
    assert type(executed.results) is dict
    assert executed.results == {"sum": 42}
    assert executed.parameters == {"a": 40, "b": 2}
    assert 0 < executed.seconds < 60
    assert '"sum": 42' in ipynb.dumps(executed.notebook)


def test_the_source_notebook_is_not_changed(added: Added) -> None:
    """The executed one is another notebook, without folders of this machine in it."""
    metadata = added.executed.notebook.metadata.papermill

    assert '"outputs": []' in (TOYS / "adds.ipynb").read_text()
    assert metadata.input_path == str(display_path(TOYS / "adds.ipynb"))
    assert metadata.output_path == "adds.ipynb"
    assert metadata.parameters == {"a": 40, "b": 2}


def test_progress_is_reported_cell_by_cell(added: Added) -> None:
    """Each code cell is, with the heading above it, and so is the end."""
    assert [done for done, _, _ in added.progress] == [0, 1, 2, 3, 4, 5]
    assert {total for _, total, _ in added.progress} == {5}
    assert added.progress[0][2] == "Adding"
    assert added.progress[-1][2] == "The sum is what it should be"


@pytest.mark.parametrize("cold", [False, True])
def test_a_notebook_runs_in_its_folder(
    kernels: WarmKernels | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cold: bool,
) -> None:
    """It has this process's environment, and this process's folder stays."""
    monkeypatch.setenv("SAGEMAKER_TOY", "blue")
    first, last = toys.takes("a: int = 1")
    last["source"] = 'JSON({"folder": os.getcwd(), "toy": os.environ["SAGEMAKER_TOY"]})'
    imports = toys.code("import os\n\nfrom IPython.display import JSON")
    source = toys.write(tmp_path / "toy.ipynb", first, imports, last)
    (tmp_path / "below").mkdir()
    before = Path.cwd()
    options = {"time_limit": 60, "kernels": None if cold else kernels}
    executed = execute(source, {}, cwd=tmp_path / "below", **options)

    assert executed.results == {"folder": str(tmp_path / "below"), "toy": "blue"}
    assert Path.cwd() == before


def test_nothing_is_written_while_a_notebook_runs(
    kernels: WarmKernels | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hold secrets until it is archived."""
    first, last = toys.takes("a: int = 1")
    cells = (first, toys.code("print('correct ' + 'horse')"), toys.code("a"), last)
    source = toys.write(tmp_path / "toy.ipynb", *cells)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    written: list[str] = []

    def look(*_: object) -> None:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        written.extend(path.read_text() for path in files)

    executed = execute(
        source, {}, cwd=tmp_path, time_limit=60, on_cell=look, kernels=kernels
    )
    look()

    assert "correct horse" in ipynb.dumps(executed.notebook)
    assert len(written) >= 5
    assert "correct horse" not in "".join(written)


def test_a_run_can_be_cancelled_from_another_thread(
    kernels: WarmKernels | None, tmp_path: Path
) -> None:
    """The kernel and all that it started end at once, and the notebook is returned."""
    cancelled = threading.Event()
    pids = tmp_path / "pids"
    thread = threading.Thread(target=lambda: (wait_for(pids), cancelled.set()))
    thread.start()
    executed = execute(
        TOYS / "sleeps.ipynb",
        {"pid_file": str(pids)},
        cwd=tmp_path,
        time_limit=60,
        cancelled=cancelled,
        kernels=kernels,
    )
    thread.join()

    with pytest.raises(StoppedError, match="told to stop"):
        executed.raise_for_error()
    (*_, (_, output)) = failed_cells(executed.notebook)
    assert output == "StoppedError"
    assert executed.seconds < 40
    assert_gone(pids)


@pytest.mark.parametrize(
    ("number", "raised", "message", "cold"),
    [
        (signal.SIGINT, KeyboardInterrupt, "", False),
        (signal.SIGTERM, SystemExit, "143", True),
    ],
)
def test_a_signal_ends_the_kernel_and_the_notebook_is_archived(
    kernels: WarmKernels | None,
    execute_recorded: Callable[..., ExecutedNotebook],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    number: signal.Signals,
    raised: type[BaseException],
    message: str,
    cold: bool,
) -> None:
    """Ctrl-C and SIGTERM are raised after that, and nothing is printed."""
    pids, folder = tmp_path / "pids", tmp_path / "build"
    # Papermill warns of the unknown parameter.
    parameters = {"pid_file": str(pids), "unknown": 1}
    options = {"kernels": None if cold else kernels}
    sender = threading.Thread(
        target=lambda: (wait_for(pids), os.kill(os.getpid(), number))
    )
    before = signal.signal(number, lambda *_: pytest.fail("the kernel still runs"))
    try:
        sender.start()
        with pytest.raises(raised) as caught:
            execute_recorded(TOYS / "sleeps.ipynb", folder, parameters, **options)
    finally:
        sender.join()
        signal.signal(number, before)

    assert str(caught.value) == message
    (*_, (_, output)) = failed_cells(ipynb.read(folder / "sleeps.ipynb"))
    assert output == "StoppedError"
    record = read_record(folder, "sleeps")
    assert record is not None
    assert record["status"] == "stopped"
    assert capfd.readouterr() == ("", "")
    assert_gone(pids)


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)],
)
def test_a_signal_is_raised_with_its_effect_on_the_notebook_as_cause(
    number: int, error: type[BaseException]
) -> None:
    """The record of the run shows the cause."""
    stopped = StoppedError("toy.ipynb: In [1]: told to stop")
    executed = ExecutedNotebook(
        notebook=None, parameters={}, seconds=1, error=stopped, signal=number
    )
    with pytest.raises(error) as caught:
        executed.raise_for_error()

    assert caught.value.__cause__ is stopped


def loaded(tmp_path: Path, *cells: toys.Cell) -> ipynb.Notebook:
    """Make a notebook as Papermill leaves it."""
    notebook = ipynb.read(toys.write(tmp_path / "toy.ipynb", *cells))
    for part in (notebook, *notebook.cells):
        part.metadata["papermill"] = {}
    return notebook


def returned(*values: Any) -> toys.Cell:
    """Make a results cell that returned these values."""
    outputs = [
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {"application/json": value},
        }
        for value in values
    ]
    return toys.code("JSON()", outputs=outputs, execution_count=1)


def test_the_last_object_is_the_result(tmp_path: Path) -> None:
    """Other things that the cell displayed do not count."""
    notebook = loaded(tmp_path, returned([1], {"a": 1}, {"b": 2}))

    assert _read_results(notebook, "toy.ipynb", ()) == {"b": 2}


@pytest.mark.parametrize("values", [(), ([1, 2],), ("text",), (None,)])
def test_results_that_are_not_an_object_are_an_error(
    tmp_path: Path, values: tuple[Any, ...]
) -> None:
    """The next stage looks for names, which a list has not."""
    with pytest.raises(ResultsError, match="must end in JSON"):
        _read_results(loaded(tmp_path, returned(*values)), "toy.ipynb", ())


def test_every_missing_result_is_named(tmp_path: Path) -> None:
    """The message also names those that are there."""
    with pytest.raises(ResultsError, match=r"lack b, c, which .* they have a"):
        _read_results(
            loaded(tmp_path, returned({"a": 1})), "toy.ipynb", ["a", "b", "c"]
        )


def test_a_cell_that_failed_without_output_is_an_error(tmp_path: Path) -> None:
    """Its output may have been cleared."""
    notebook = loaded(tmp_path, toys.code("a = 1", execution_count=1))
    notebook.cells[0].metadata.papermill["exception"] = True

    with pytest.raises(CellError, match=r"In \[1\]: failed"):
        _raise_for_cells(notebook, "toy.ipynb")


@pytest.mark.parametrize(
    ("name", "message", "shown"),
    [
        ("NotApprovedError", "none approved; train it\n  1  -", "none approved; train"),
        ("SpecError", "wrong\nkeys", "wrong\nkeys"),
        ("ValueError", "none approved; train it\n  1  -", "none approved; train it"),
        ("ValueError", "x" * 1000, "x" * 287 + "…"),
        ("ValueError", "\x1b[31mred\x1b[0m", "red"),
        ("ValueError", "", ""),
    ],
)
def test_only_an_error_of_this_project_is_shown_as_a_whole(
    tmp_path: Path, name: str, message: str, shown: str
) -> None:
    """Others are cut to one line: the notebook has the whole of them."""
    error = {"ename": name, "evalue": message, "traceback": []}
    output = {"output_type": "error", **error}
    failed = toys.code("find()", outputs=[output], execution_count=1)

    with pytest.raises(CellError) as caught:
        _raise_for_cells(loaded(tmp_path, failed), "toy.ipynb")

    assert str(caught.value).startswith(f"toy.ipynb: In [1]: {name}")
    assert shown in str(caught.value)
    assert ("\n" in str(caught.value)) is (name != "ValueError" and "\n" in message)


@pytest.mark.parametrize("tag", ["papermill-error-cell-tag", "injected-parameters"])
def test_a_cell_that_papermill_drops_is_missed(
    kernels: WarmKernels | None, tmp_path: Path, tag: str
) -> None:
    """Its signature would have been refused; a run that comes so far fails."""
    first, last = toys.takes("a: int = 1")
    cells = (first, toys.text("## Gates"), toys.code("assert False", tag), last)
    last["source"] = "from IPython.display import JSON\nJSON({})"
    source = toys.write(tmp_path / "toy.ipynb", *cells)
    executed = execute(source, {"a": 2}, cwd=tmp_path, time_limit=60, kernels=kernels)

    with pytest.raises(IncompleteError) as caught:
        executed.raise_for_error()

    assert str(caught.value) == (
        f"{display_path(source)}: code cell 2 under 'Gates' is not in the executed "
        "notebook as it stands in the file; save the notebook anew in JupyterLab"
    )
    assert executed.results == {}


@pytest.mark.parametrize("tag", ["raises-exception", "skip-execution"])
def test_no_tag_keeps_a_cell_from_being_run_or_from_failing(
    kernels: WarmKernels | None, tmp_path: Path, tag: str
) -> None:
    """Whatever nbclient would do with it."""
    first, last = toys.takes("a: int = 1")
    source = toys.write(tmp_path / "toy.ipynb", first, toys.code("1 / 0", tag), last)
    executed = execute(source, {}, cwd=tmp_path, time_limit=60, kernels=kernels)

    with pytest.raises(CellError, match="ZeroDivisionError"):
        executed.raise_for_error()


def test_what_was_checked_is_executed_and_no_later_state_of_the_file(
    kernels: WarmKernels | None, tmp_path: Path
) -> None:
    """An earlier stage may have written another notebook in its place."""
    first, last = toys.takes("a: int = 1")
    last["source"] = "from IPython.display import JSON\nJSON({'a': 1})"
    source = toys.write(tmp_path / "toy.ipynb", first, last)
    text = source.read_text()
    toys.write(source, first, toys.code("a = 7", "results"))
    executed = execute(
        source, {}, cwd=tmp_path, time_limit=60, kernels=kernels, text=text
    )

    assert executed.results == {"a": 1}


DISPLAYS = """from IPython.display import JSON, display
for data in (
    {"text/plain": 5},
    {"text/html": None},
    {"image/png": 7, "text/plain": "a figure"},
    {"text/plain": ["a", 5]},
    {"application/json": None},
    {"text/plain": ["two ", "lines"]},
    {"image/png": "not base64"},
    {"x/y": "unknown"},
):
    display(data, raw=True)
kernel = get_ipython().kernel
for content in (
    {"data": {"text/plain": "no metadata"}},
    {"data": {"text/plain": "null"}, "metadata": None, "transient": [1]},
    {"data": ["no", "mapping"], "metadata": {}},
):
    kernel.session.send(
        kernel.iopub_socket, "display_data", content, parent=kernel.get_parent()
    )"""


def test_whatever_a_cell_displays_is_kept(
    kernels: WarmKernels | None,
    execute_recorded: Callable[..., ExecutedNotebook],
    tmp_path: Path,
) -> None:
    """As text where it is not what its type says."""
    first, last = toys.takes("a: int = 1")
    source = toys.write(tmp_path / "toy.ipynb", first, toys.code(DISPLAYS), last)
    executed = execute_recorded(source, tmp_path / "build", {}, kernels=kernels)

    shown = [one.data for one in executed.notebook.cells[1].outputs]
    assert all(one.metadata == {} for one in executed.notebook.cells[1].outputs)
    assert shown == [
        {"text/plain": "5"},
        {"text/plain": "text/html is no text: None"},
        {"text/plain": "a figure"},
        {"text/plain": "['a', 5]"},
        {"application/json": None},
        {"text/plain": "two lines"},
        {"image/png": "not base64"},
        {"x/y": "unknown"},
        {"text/plain": "no metadata"},
        {"text/plain": "null"},
        {"text/plain": "['no', 'mapping']"},
    ]
    assert "text/html is no text: None" in (tmp_path / "build/toy.html").read_text()


def test_a_message_that_jupyter_cannot_read_is_one_line(
    kernels: WarmKernels | None, tmp_path: Path
) -> None:
    """A cell can send anything."""
    first, last = toys.takes("a: int = 1")
    send = "kernel.session.send(kernel.iopub_socket, 'status', {'busy': 5}, parent=p)"
    code = "kernel = get_ipython().kernel\np = kernel.get_parent()\n" + send
    source = toys.write(tmp_path / "toy.ipynb", first, toys.code(code), last)
    executed = execute(source, {}, cwd=tmp_path, time_limit=60, kernels=kernels)

    with pytest.raises(IncompleteError, match=r"In \[2\]: what it displays cannot be"):
        executed.raise_for_error()


def test_a_byte_order_mark_is_read_over(
    kernels: WarmKernels | None, tmp_path: Path
) -> None:
    """Some editors write one."""
    first, last = toys.takes("a: int = 1")
    last["source"] = "from IPython.display import JSON\nJSON({'a': a})"
    source = toys.write(tmp_path / "toy.ipynb", first, last)
    source.write_text(source.read_text(), encoding="utf-8-sig")
    executed = execute(source, {"a": 3}, cwd=tmp_path, time_limit=60, kernels=kernels)

    assert executed.results == {"a": 3}


def supervisor(**more: Any) -> KernelSupervisor:
    settings = {"time_limit": 60, "on_cell": None}
    return KernelSupervisor(cancelled=threading.Event(), **(settings | more))


def test_a_notebook_that_ran_to_its_end_did_not_end_early(tmp_path: Path) -> None:
    """What its cells returned is looked at next."""
    _raise_for_early_end(loaded(tmp_path), "toy.ipynb", supervisor(), None)


def test_a_kernel_that_never_started_failed_before_the_first_cell(
    tmp_path: Path,
) -> None:
    """The message is the last line that it printed, and no cell has an error."""
    notebook = loaded(tmp_path, toys.code("a = 1"))
    this = supervisor(kernel_output="a warning\nno module named ipykernel\n\n")

    with pytest.raises(
        KernelDiedError, match="before the first cell: the kernel did not start: no mod"
    ):
        _raise_for_early_end(notebook, "toy.ipynb", this, RuntimeError("Kernel died"))

    assert failed_cells(notebook) == ()


def test_a_kernel_that_does_not_answer_did_not_start(tmp_path: Path) -> None:
    """The message is nbclient's."""
    error = RuntimeError("no answer")

    with pytest.raises(KernelDiedError, match="did not start: no answer"):
        _raise_for_early_end(loaded(tmp_path), "toy.ipynb", supervisor(), error)


def test_a_run_that_is_stopped_as_a_cell_fails_has_both_errors_in_this_cell(
    tmp_path: Path,
) -> None:
    """Papermill has inserted a banner and an anchor before the cell by then."""
    output = {"output_type": "error", "ename": "A", "evalue": "", "traceback": []}
    ran = toys.code("a = 1", execution_count=1)
    failed = toys.code("b = 2", outputs=[output], execution_count=2)
    notebook = loaded(tmp_path, ran, toys.text("## Here"), failed)
    this = supervisor(notebook=notebook, signal=signal.SIGTERM)
    this.start_cell(notebook.cells[2], 2)
    with pytest.raises(papermill.PapermillExecutionError) as raised:
        raise_for_execution_errors(notebook, None)

    with pytest.raises(StoppedError, match=r"In \[2\] under 'Here': told to stop"):
        _raise_for_early_end(notebook, "toy.ipynb", this, raised.value)

    assert len(notebook.cells) == 5
    assert failed_cells(notebook) == ((2, "A"), (2, "StoppedError"))


@pytest.fixture
def start_group() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start a process in a group of its own, as a kernel is, with a child."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        script = "sleep 60 & wait"
        process = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(timeout=60)


StartGroup = Callable[[], subprocess.Popen[bytes]]


def test_processes_that_a_notebook_started_end_with_it(start_group: StartGroup) -> None:
    """They do even if the notebook succeeded."""
    process = start_group()
    with supervisor(kernel_group=process.pid).run():
        assert process.poll() is None

    assert process.wait(timeout=60) == -signal.SIGKILL


def test_the_time_limit_ends_the_kernel(start_group: StartGroup) -> None:
    """The notebook still runs then."""
    process = start_group()
    this = supervisor(kernel_group=process.pid, time_limit=0.2)
    with this.run():
        assert process.wait(timeout=60) == -signal.SIGKILL

    assert this.out_of_time
    assert not this.is_stopped


def test_a_kernel_that_has_ended_is_no_error(start_group: StartGroup) -> None:
    """Its process group may have ended by itself."""
    process = start_group()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)

    with supervisor(kernel_group=process.pid).run():
        pass


def test_signals_wait_until_the_kernel_has_ended() -> None:
    """Their handlers are restored afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    this = supervisor()
    with this.run():
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: this.is_stopped)

    assert this.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_ignored_signal_stays_ignored() -> None:
    """It is when the runner was started with nohup."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with supervisor().run():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_signals_alone() -> None:
    """Only the main thread can handle them; it cancels the runs of the others."""
    seen: list[object] = []

    def run() -> None:
        with supervisor().run():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=60)

    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_an_error_while_supervised_is_raised() -> None:
    """The supervising thread ends all the same."""
    with pytest.raises(ZeroDivisionError), supervisor().run():
        raise ZeroDivisionError

    assert "supervisor" not in {thread.name for thread in threading.enumerate()}


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def wait_for(path: Path) -> None:
    """Wait until a file has content."""
    wait_until(lambda: path.exists() and bool(path.read_text()))


def assert_gone(pids: Path) -> None:
    """Check that the kernel and its child are no more, or are zombies."""
    for pid in map(int, pids.read_text().split()):
        wait_until(lambda pid=pid: not is_alive(pid))


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that only waits to be reaped does not."""
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


FLOODS = """\
import sys
from IPython.display import JSON, clear_output, display
for number in range(1_000):
    print("line", number, flush=True)
--
print("x" * 400_000)
--
for number in range(500):
    print(f"\\r{number} %", end="", file=sys.stderr, flush=True)
--
bar = display(0, display_id=True)
for number in range(100):
    bar.update(number)
--
print(("z" * 79 + "\\n") * 40_000, end="")
print("the end")
--
for number in range(550):
    display(number)
--
from IPython.display import HTML
HTML("<table>" + "<tr><td>1</td></tr>" * 110_000 + "</table>")
--
display({"image/png": "A" * 11_000_000, "text/plain": "a figure"}, raw=True)
--
!exit 3
lines = !echo {number}; exit 4
"""


def test_a_flood_of_output_takes_seconds_and_is_said(
    kernels: WarmKernels | None,
    execute_recorded: Callable[..., ExecutedNotebook],
    tmp_path: Path,
) -> None:
    """All that Papermill alone would keep is kept, up to the limits."""
    first, last = toys.takes("a: int = 1")
    last["source"] = "JSON({'a': a})"
    cells = [toys.code(one.strip()) for one in FLOODS.split("--\n")]
    source = toys.write(tmp_path / "toy.ipynb", first, *cells, last)
    executed = execute_recorded(source, tmp_path / "build", {}, kernels=kernels)

    outputs = [cell.outputs for cell in executed.notebook.cells[1:-1]]
    lines, one_line, progress, bar, flood, crowd, table, image, failed = outputs
    assert lines[0].text == "".join(f"line {number}\n" for number in range(1_000))
    assert one_line[0].text == "x" * 400_000 + "\n"
    assert progress[0].text == "499 %"
    assert bar[0].data["text/plain"] == "99"
    assert len(flood[0].text) < 2_010_000
    assert " are left out here: `run --full-output` keeps all]" in flood[0].text
    assert flood[0].text.endswith("the end\n")
    assert len(crowd) == 501
    assert " of 110,000 rows are left out" in table[0].data["text/html"]
    assert "image/png of 11.0 MB is left out" in image[0].data["text/plain"]
    assert failed[0].text == (
        "[!exit 3 ended with exit code 3]\n[!echo 549; exit 4 ended with exit code 4]\n"
    )
    assert executed.results == {"a": 1}
    files = [path.stat().st_size for path in (tmp_path / "build").iterdir()]
    assert sum(files) < 7_000_000
