"""A forked kernel is as fresh as one that was started, and ends as one."""

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from forked_kernels.warm import WarmKernels
from kernel_cells import NUMBERS, Run, make
from nbclient.exceptions import CellExecutionError, DeadKernelError

# What must not tell a forked kernel from one that was started.
FACTS = """
import json, logging, os, random, signal, sys, threading, warnings
import matplotlib
json.dumps({
    "folder": os.getcwd(),
    "leads its group": os.getpgrp() == os.getpid(),
    "leads its session": os.getsid(0) == os.getpid(),
    "argv": [one for one in sys.argv if not one.endswith(".json")],
    "orig_argv": [one for one in sys.orig_argv if not one.endswith(".json")],
    "path": sys.path,
    "flags": str(sys.flags),
    "environment": {k: v for k, v in os.environ.items() if k != "JPY_PARENT_PID"},
    "parent": int(os.environ["JPY_PARENT_PID"]) == os.getppid(),
    "signals": [str(signal.getsignal(one)) for one in (2, 13, 15, 17)],
    "threads": sorted(type(one).__name__ for one in threading.enumerate()),
    "files": sorted(os.readlink(f"/proc/self/fd/{n}").partition(":")[0]
                    for n in (1, 2)),
    "log": [str(logging.getLogger().handlers), logging.getLogger().level],
    "warnings": len(warnings.filters),
    "main": sorted(name for name in vars(sys.modules["__main__"]) if name[0] != "_"),
    "ours": sorted(name for name in sys.modules if name.startswith("runner")),
    "backend": matplotlib.get_backend(),
    "history": get_ipython().history_manager.hist_file,
    "input": sys.__stdin__.read(),
    "umask": os.umask(0o22),
})
"""
CHANGES = """
import builtins, json, logging, os, random, sys
builtins.left = json.left = True
os.environ["LEFT"] = "1"
os.chdir("/")
os.umask(0)
sys.path.append("/left")
logging.getLogger().setLevel(1)
random.seed(1)
open("/dev/null", "w").close()
json.dumps(0)
"""
DRAWS = """
import json, os, random, tempfile, uuid
import numpy
json.dumps([random.random(), numpy.random.rand(), str(uuid.uuid4()), tempfile.mktemp()])
"""


def test_a_fork_is_like_a_start(kernels: WarmKernels, run: Run) -> None:
    """Folder, arguments, environment, signals, files and all else are the same."""
    assert run(kernels, FACTS) == run(None, FACTS)


def test_what_a_kernel_changes_never_reaches_the_next(
    kernels: WarmKernels, run: Run
) -> None:
    """Each fork is one of the process as it was before any notebook ran."""
    before = run(kernels, FACTS)
    run(kernels, CHANGES)

    assert run(kernels, FACTS) == before
    assert run(kernels, 'import json; json.dumps("left" in vars(json))') is False


def test_each_kernel_draws_other_numbers(kernels: WarmKernels, run: Run) -> None:
    """Python's, NumPy's and the system's generators, and names of temporary files."""
    first, second = (run(kernels, DRAWS) for _ in range(2))

    assert not set(first) & set(second)


def test_modules_are_there_already(kernels: WarmKernels, run: Run) -> None:
    """Which is the point; those of the repository are imported by each kernel."""
    code = (
        "import sys, json; json.dumps([n in sys.modules for n in ('numpy', 'runner')])"
    )

    assert run(kernels, code) == [True, False]
    assert run(None, code) == [False, False]


def test_figures_are_shown_inline(kernels: WarmKernels, run: Run) -> None:
    """Also when Matplotlib was imported before there was a kernel."""
    client, notebook = make(
        kernels, "import matplotlib.pyplot as plt", "plt.plot([1]);"
    )
    client.execute()

    assert "image/png" in notebook.cells[1].outputs[0]["data"]


def test_kernels_start_at_once_from_several_threads(
    kernels: WarmKernels, run: Run
) -> None:
    """Each gets its own."""
    with ThreadPoolExecutor(4) as threads:
        code = "import os; str(os.getpid())"
        found = list(threads.map(lambda _: run(kernels, code), range(4)))

    assert len(set(found)) == 4


@pytest.mark.parametrize(
    ("code", "returncode"),
    [
        ("import os; os._exit(3)", 3),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -11),
    ],
)
@pytest.mark.parametrize("warm", [True, False])
def test_a_dead_kernel_tells_its_exit_code(
    kernels: WarmKernels, code: str, returncode: int, warm: bool
) -> None:
    """Whoever started it."""
    client, _ = make(kernels if warm else None, code)
    seen: list[Any] = []
    client.on_cell_start = lambda **_: seen.append(client.km.provisioner.process)

    with pytest.raises(DeadKernelError):
        client.execute()
    assert seen[0].returncode == returncode


def test_an_interrupt_reaches_the_cell(kernels: WarmKernels) -> None:
    """As Ctrl-C does, and the kernel lives on."""
    cells = ("import time; time.sleep(30)", "40 + 2")
    client, notebook = make(
        kernels, *cells, timeout=1, interrupt_on_timeout=True, allow_errors=True
    )
    client.execute()

    assert notebook.cells[0].outputs[0]["ename"] == "KeyboardInterrupt"
    assert notebook.cells[1].outputs[0]["data"]["text/plain"] == "42"


def test_what_the_kernel_says_goes_where_it_should(
    kernels: WarmKernels, tmp_path: Path
) -> None:
    """Its own output, before Jupyter takes hold of it, is the caller's to place."""
    client, _ = make(kernels, "import os; os.write(2, b'words'); None")
    with (tmp_path / "said").open("w+b") as said:
        client.execute(cwd=str(tmp_path), stdout=said, stderr=subprocess.DEVNULL)

    client, _ = make(kernels, "import sys; sys.exit")
    with (tmp_path / "said").open("w+b") as said:
        client.execute(cwd=str(tmp_path), stderr=said)
        said.seek(0)
        assert b"without encryption" in said.read()


def test_atexit_runs(kernels: WarmKernels, run: Run, tmp_path: Path) -> None:
    """A kernel that is asked to end does what it promised to do at its end."""
    code = (
        "import atexit, json, pathlib\n"
        "atexit.register(pathlib.Path('bye').write_text, 'bye')\njson.dumps(0)"
    )
    run(kernels, code)

    assert (tmp_path / "bye").read_text() == "bye"


def test_an_error_in_a_cell_is_an_error_in_a_cell(kernels: WarmKernels) -> None:
    """Not one of the kernel."""
    client, _ = make(kernels, "1 / 0")

    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        client.execute()


def test_nothing_is_left_of_a_kernel(kernels: WarmKernels, run: Run) -> None:
    """Neither a process, nor what it started, nor a file in the process it was."""
    files = Path(f"/proc/{kernels.process.pid}/fd")
    before = len(list(files.iterdir()))
    code = (
        "import json, os, subprocess\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "json.dumps([os.getpid(), child.pid])"
    )
    left = run(kernels, code)

    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(map(alive, left)):
        time.sleep(0.05)
    assert not any(map(alive, left))
    assert len(list(files.iterdir())) == before


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has collected does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_notebook_that_is_known_waits_for_its_imports_only(
    kernels: WarmKernels,
) -> None:
    """And one that is not for all of them."""
    client, _ = make(kernels, "import os; os.getppid()", notebook=str(NUMBERS))
    content = client.execute()

    parent = content.cells[0].outputs[0]["data"]["text/plain"]
    assert int(parent) == kernels.process.pid != os.getpid()


def test_a_facts_text_is_json(kernels: WarmKernels, run: Run) -> None:
    """So that two kernels can be compared."""
    assert json.dumps(run(kernels, FACTS))
