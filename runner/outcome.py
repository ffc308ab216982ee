"""How the execution of a notebook ended: with results, or with which error."""

import json
import re
import signal
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError

from runner import errors, ipynb
from runner.errors import (
    CellError,
    IncompleteError,
    KernelDiedError,
    NotebookError,
    ResultsError,
    StoppedError,
    TimeLimitError,
)
from runner.watch import Watch

LONGEST = 300  # characters of a cell's error that still make one line


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An executed notebook, or as much of it as there is."""

    name: str
    path: Path
    notebook: ipynb.Notebook

    def raise_for_watch(self, watch: Watch, error: Exception | None) -> None:
        """Say in the notebook, and as an error, what ended its kernel early."""
        found = _what_ended(watch, error)
        if found is None:
            return
        kind, why = found
        failure = kind(f"{self._place(watch.cell)}: {why}", path=self.path)
        if watch.cell is not None:
            ipynb.add_error(self.notebook, watch.cell, kind.__name__, str(failure))
            ipynb.write(self.notebook, self.path)
        if watch.signal == signal.SIGINT:
            raise KeyboardInterrupt from failure
        if watch.signal is not None:
            raise SystemExit(128 + watch.signal) from failure
        raise failure from error

    def raise_for_cells(self) -> None:
        """Insist that no cell failed and that every cell ran."""
        cells = self.notebook.cells
        code = ipynb.code_indices(self.notebook)
        for index in code:
            for output in cells[index].outputs:
                if output.output_type == "error":
                    raise self._cell_error(index, output)
            if cells[index].metadata.papermill.get("exception"):
                raise CellError(f"{self._place(index)}: failed", path=self.path)
            if cells[index].execution_count is None:
                place = self._place(index)
                raise IncompleteError(f"{place}: did not run", path=self.path)

    def results(self, require: Collection[str]) -> dict[str, Any]:
        """Read what the results cell returned."""
        last = self.notebook.cells[ipynb.code_indices(self.notebook)[-1]]
        shown = [one.get("data", {}).get("application/json") for one in last.outputs]
        found = [one for one in shown if isinstance(one, dict)]
        if not found:
            raise ResultsError(
                f"{self.name}: the results cell must end in JSON({{...}}) of plain "
                "values",
                path=self.path,
            )
        results: dict[str, Any] = json.loads(json.dumps(found[-1]))
        missing = [key for key in require if key not in results]
        if missing:
            raise ResultsError(
                f"{self.name}: the results lack {', '.join(missing)}, which the next "
                f"stage needs; they have {', '.join(results) or 'nothing'}",
                path=self.path,
            )
        return results

    def _cell_error(self, index: int, output: Any) -> NotebookError:
        place = self._place(index)
        if output.ename == "SystemExit":
            return IncompleteError(
                f"{place}: sys.exit({output.evalue}) ended it early; "
                "a notebook must run to its end",
                path=self.path,
            )
        return CellError(f"{place}: {_told(output)}", path=self.path)

    def _place(self, index: int | None) -> str:
        """Name a cell by its number and the heading above it."""
        if index is None:
            return f"{self.name}: before the first cell"
        number = ipynb.code_indices(self.notebook).index(index) + 1
        heading = ipynb.heading(self.notebook, index)
        under = f" under {heading!r}" if heading else ""
        return f"{self.name}: In [{number}]{under}"


def _what_ended(
    watch: Watch, error: Exception | None
) -> tuple[type[NotebookError], str] | None:
    """Tell what ended the kernel early, if anything did."""
    if watch.told_to_stop:
        return StoppedError, "told to stop"
    if watch.out_of_time:
        return TimeLimitError, f"the notebook took longer than {watch.time_limit:g} s"
    if isinstance(error, CellTimeoutError):
        return TimeLimitError, f"the cell took longer than {watch.cell_timeout:g} s"
    if isinstance(error, DeadKernelError):
        return KernelDiedError, f"the kernel {_death(watch.kernel.returncode or 0)}"
    if isinstance(error, RuntimeError):
        said = [one for one in watch.kernel_said.splitlines() if one.strip()]
        return KernelDiedError, f"the kernel did not start: {[error, *said][-1]}"
    return None


def _death(code: int) -> str:
    """Say how a process ended, from its exit code."""
    if code == -signal.SIGKILL:
        return "was killed, which is what happens when memory runs out"
    if code < 0:
        return f"died of {signal.Signals(-code).name}"
    return f"ended with exit code {code} before the notebook did"


def _told(output: Any) -> str:
    """Shorten a cell's error to its name and first line, but for the runner's own."""
    known = getattr(errors, output.ename, None)
    if isinstance(known, type) and issubclass(known, errors.RunnerError):
        # Written for people: what there is, line by line, and what to do.
        return f"{output.ename}: {output.evalue}"
    lines = [line.strip() for line in output.evalue.splitlines() if line.strip()]
    text = f"{output.ename}: {lines[0]}" if lines else str(output.ename)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"
