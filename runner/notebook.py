"""Execute one notebook with Papermill, as the function that it is."""

import contextlib
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import papermill
from forked_kernels.client import WarmKernels
from forked_kernels.provisioner import provision
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellTimeoutError

from runner import ipynb
from runner.engine import ENGINE, register
from runner.errors import ConfigurationError
from runner.outcome import Outcome
from runner.signature import shown
from runner.watch import OnCell, Watch, watching


@dataclass(frozen=True, kw_only=True)
class ExecutedNotebook:
    """A notebook that ran to its end, and what it returned."""

    path: Path
    parameters: dict[str, Any]
    results: dict[str, Any]
    seconds: float


def execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    *,
    cwd: Path,
    time_limit: float,
    cell_timeout: float | None = None,
    on_cell: OnCell | None = None,
    cancelled: threading.Event | None = None,
    require: Collection[str] = (),
    kernels: WarmKernels | None = None,
) -> ExecutedNotebook:
    """Execute a notebook into `output`, which is kept however it ends.

    Succeed only if no cell failed, every cell ran and the results are there.
    """
    started = time.monotonic()
    watch = Watch(
        time_limit=time_limit,
        cell_timeout=cell_timeout,
        cancelled=cancelled or threading.Event(),
        on_cell=on_cell,
    )
    # Papermill needs a file to save to from the first cell on.
    output.write_bytes(notebook.read_bytes())
    # nbclient makes this thread an event loop, and would leave it open.
    with watching(watch), contextlib.closing(ensure_event_loop()):
        error = _run(notebook, output, parameters, cwd, watch, kernels)
    outcome = _outcome(notebook, output)
    outcome.raise_for_watch(watch, error)
    outcome.raise_for_cells()
    results = outcome.results(require)
    watch.finish()
    return ExecutedNotebook(
        path=output,
        parameters=dict(parameters),
        results=results,
        seconds=time.monotonic() - started,
    )


def _run(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, Any],
    cwd: Path,
    watch: Watch,
    kernels: WarmKernels | None,
) -> Exception | None:
    """Let Papermill run the cells; return what ended them early."""
    register()
    warm = kernels and partial(provision, kernels=kernels, notebook=notebook)
    try:
        papermill.execute_notebook(
            _literally(notebook),
            _literally(output),
            dict(parameters),
            engine_name=ENGINE,
            # Where a notebook was last opened says nothing of this machine.
            kernel_name="python3",
            language="python",
            progress_bar=False,
            watch=watch,
            folder=cwd,
            provision=warm,
        )
    except NoSuchKernel as error:
        raise ConfigurationError(
            f"no Jupyter kernel named {error.name!r} here; run `make setup`"
        ) from error
    except (papermill.PapermillExecutionError, CellTimeoutError) as error:
        return error
    except RuntimeError as error:  # nbclient's, for a kernel that died or never spoke
        return error
    return None


def _literally(path: Path) -> str:
    """Write a path so that Papermill does not fill in what stands in braces."""
    return str(path.resolve()).replace("{", "{{").replace("}", "}}")


def _outcome(source: Path, output: Path) -> Outcome:
    """Read what is there, with no folder of this machine in its metadata."""
    executed = ipynb.read(output)
    name = str(shown(source))
    executed.metadata.setdefault("papermill", {})
    executed.metadata.papermill |= {"input_path": name, "output_path": output.name}
    ipynb.write(executed, output)
    return Outcome(name=name, path=output, notebook=executed)
