"""How the execution of a notebook ended; test_notebook.py has the real ones."""

import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import toys

from runner.errors import (
    CellError,
    IncompleteError,
    KernelDiedError,
    ResultsError,
    StoppedError,
)
from runner.notebook import ipynb
from runner.notebook.execute import KernelSupervisor, Outcome


def watch(**more: Any) -> KernelSupervisor:
    """A watch over a notebook with time enough."""
    settings = {"time_limit": 60, "cell_timeout": 5, "on_cell": None}
    return KernelSupervisor(cancelled=threading.Event(), **settings, **more)


def outcome(tmp_path: Path, *cells: toys.Cell) -> Outcome:
    path = toys.write(tmp_path / "toy.ipynb", *cells)
    notebook = ipynb.read(path)
    for part in (notebook, *notebook.cells):
        part.metadata["papermill"] = {}
    return Outcome(name="toy.ipynb", path=path, notebook=notebook)


def returned(*values: Any) -> toys.Cell:
    """A results cell that returned these."""
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
    """What else the cell displayed does not count."""
    assert outcome(tmp_path, returned([1], {"a": 1}, {"b": 2})).results(()) == {"b": 2}


@pytest.mark.parametrize("values", [(), ([1, 2],), ("text",), (None,)])
def test_a_result_is_an_object(tmp_path: Path, values: tuple[Any, ...]) -> None:
    """A list has no names for the next stage to look for."""
    with pytest.raises(ResultsError, match="must end in JSON"):
        outcome(tmp_path, returned(*values)).results(())


def test_every_missing_result_is_named(tmp_path: Path) -> None:
    """Beside those that are there."""
    with pytest.raises(ResultsError, match=r"lack b, c, which .* they have a"):
        outcome(tmp_path, returned({"a": 1})).results(["a", "b", "c"])


def test_a_cell_that_did_not_run_is_an_error(tmp_path: Path) -> None:
    """Also when no cell failed."""
    ran = toys.code("a = 1", execution_count=1)
    with pytest.raises(IncompleteError, match=r"toy\.ipynb: In \[2\]: did not run"):
        outcome(tmp_path, ran, toys.code("b = 2")).raise_for_cells()


def test_a_cell_that_failed_in_silence_is_an_error(tmp_path: Path) -> None:
    """Its output may have been cleared."""
    this = outcome(tmp_path, toys.code("a = 1", execution_count=1))
    this.notebook.cells[0].metadata.papermill["exception"] = True
    with pytest.raises(CellError, match=r"In \[1\]: failed"):
        this.raise_for_cells()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("NotApprovedError", "NotApprovedError: toy: none approved; train it\n  1  -"),
        ("ValueError", "ValueError: toy: none approved; train it"),
    ],
)
def test_what_the_runner_says_is_told_whole(
    tmp_path: Path, name: str, told: str
) -> None:
    """A table of what there is helps in a job's log, a library's traceback does not."""
    said = {"ename": name, "evalue": "toy: none approved; train it\n  1  -"}
    output = {"output_type": "error", "traceback": [], **said}
    failed = toys.code("find()", outputs=[output], execution_count=1)

    with pytest.raises(CellError) as caught:
        outcome(tmp_path, failed).raise_for_cells()

    assert str(caught.value) == f"toy.ipynb: In [1]: {told}"


def test_a_quiet_watch_raises_nothing(tmp_path: Path) -> None:
    """Then the cells tell."""
    outcome(tmp_path).raise_for_watch(watch(), None)


def test_a_kernel_that_never_started_has_no_cell(tmp_path: Path) -> None:
    """The error says so, and there is no cell to mark."""
    this = outcome(tmp_path, toys.code("a = 1"))
    said = watch(kernel_said="a warning\nno module named ipykernel\n")
    with pytest.raises(
        KernelDiedError, match="before the first cell: the kernel did not start: no mod"
    ):
        this.raise_for_watch(said, RuntimeError("Kernel died"))

    assert this.notebook.cells[0].outputs == []


def test_a_kernel_that_does_not_answer_has_not_died(tmp_path: Path) -> None:
    """What nbclient says of it is passed on."""
    with pytest.raises(KernelDiedError, match="did not start: no answer"):
        outcome(tmp_path).raise_for_watch(watch(), RuntimeError("no answer"))


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (signal.SIGINT, KeyboardInterrupt),
        (signal.SIGTERM, SystemExit),
    ],
)
def test_a_signal_is_raised_as_the_caller_knows_it(
    tmp_path: Path, number: int, error: type[BaseException]
) -> None:
    """With what happened to the notebook as its cause."""
    with pytest.raises(error) as caught:
        outcome(tmp_path).raise_for_watch(watch(signal=number), None)

    assert isinstance(caught.value.__cause__, StoppedError)
