"""A forked kernel is as fresh as one that was started, and ends as one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from forked_kernels.client import WarmKernels
from kernel_cells import (
    LIMIT_SECONDS,
    Run,
    Start,
    execute,
    is_forked,
    make_client,
    wait_until,
    wait_until_ended,
)
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
    "ours": sorted(name for name in sys.modules if name.startswith("forked_kernels")),
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
import json, multiprocessing, os, random, tempfile, uuid
import numpy
json.dumps([
    random.random(),
    numpy.random.rand(),
    str(uuid.uuid4()),
    tempfile.mktemp(),
    bytes(multiprocessing.current_process().authkey).hex(),
])
"""
# All of it is left open: Python is to finish it when the kernel ends.
WRITES = """
import atexit, gzip, json, pathlib, tempfile
atexit.register(pathlib.Path("handler").write_text, "x" * 1000)
text = open("text", "w")
text.write("x" * 1000)
data = open("data", "wb")
data.write(b"x" * 1000)
json.kept = open("kept by a module", "w")
json.kept.write("x" * 1000)
class Circle: pass
circle = Circle()
circle.itself, circle.file = circle, open("kept in a circle", "w")
circle.file.write("x" * 1000)
files = [tempfile.NamedTemporaryFile(dir=".") for _ in range(3)]
json.file = tempfile.NamedTemporaryFile(dir=".")
folder = tempfile.TemporaryDirectory(dir=".")
json.dumps(0)
"""
OWNER = f"""
import sys
from pathlib import Path
from forked_kernels.client import start
from kernel_cells import execute
with start({{}}, sys.exit) as kernels:
    folder = Path(sys.argv[1])
    print([execute(kernels, {WRITES!r}, cwd=folder)[1] for _ in range(3)])
"""
# What it does last for a request to shut down is to flush.
SLOW_CONTROL = """
import atexit, json, pathlib, sys, threading, time
def note():
    names = [one.name for one in threading.enumerate()]
    pathlib.Path("threads").write_text(json.dumps(names))
atexit.register(note)
flush = sys.stdout.flush
def slow():
    if threading.current_thread().name == "Control":
        time.sleep(0.5)
    flush()
sys.stdout.flush = slow
json.dumps(0)
"""
UNFIT = {
    "starts a thread": "import threading, time\n"
    "threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
    "makes a socket": "import socket\nkept = socket.socket()",
    "keeps the shell": "from IPython import get_ipython\nkept = get_ipython()",
    "leaves a file open": "kept = open('/dev/null')",
    "makes a SNS": "import boto3\n"
    "kept = boto3.client('sns', region_name='eu-west-1',"
    " aws_access_key_id='x', aws_secret_access_key='y')",
}
# In a process of its own: what is shared stays shared.
SHARED = """
import boto3, botocore.session, json
from forked_kernels.server import share_descriptions
share_descriptions()
loaders = [botocore.session.Session().get_component("data_loader") for _ in range(2)]
client = boto3.Session(region_name="eu-west-1").client("sagemaker")
print(json.dumps({
    "same": loaders[0] is loaders[1],
    "endpoint": client.meta.endpoint_url,
    "services": "toys" in loaders[0].list_available_services("service-2"),
}))
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
    """Python, NumPy, the system, temporary names and multiprocessing's key."""
    first, second = (run(kernels, DRAWS) for _ in range(2))

    assert not set(first) & set(second)


def test_strings_hash_alike_in_kernels_of_one_process(
    kernels: WarmKernels, run: Run
) -> None:
    """Python draws the seed once, when the process begins: the README's limit."""
    first, second = (
        run(kernels, "import json; json.dumps(hash('text'))") for _ in range(2)
    )

    assert first == second


def test_modules_are_there_already(kernels: WarmKernels, run: Run) -> None:
    """Which is the point."""
    code = "import sys, json; json.dumps('numpy' in sys.modules)"

    assert run(kernels, code) is True
    assert run(None, code) is False


def test_figures_are_shown_inline(kernels: WarmKernels) -> None:
    """Also when Matplotlib was imported before there was a kernel."""
    cells = ("import matplotlib.pyplot as plt", "plt.plot([1]);")
    client = make_client(kernels, *cells)
    client.execute()

    assert "image/png" in client.nb.cells[1].outputs[0]["data"]


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_a_kernel_ends_when_everything_is_written(
    kernels: WarmKernels, warm: bool, tmp_path: Path
) -> None:
    """Handlers ran, open files are whole, temporary ones are gone, the code is 0."""
    _, code = execute(kernels if warm else None, WRITES, cwd=tmp_path)

    sizes = {one.name: one.stat().st_size for one in tmp_path.iterdir()}
    written = ("handler", "text", "data", "kept by a module", "kept in a circle")
    assert sizes == dict.fromkeys(written, 1000)
    assert code == 0


def test_kernels_end_well_whose_owner_has_few_open_files(tmp_path: Path) -> None:
    """The numbers of its sockets are those that a kernel's own sockets get again."""
    completed = subprocess.run(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=2 * LIMIT_SECONDS,
        check=True,
    )

    assert completed.stdout == "[0, 0, 0]\n"


def test_ipykernels_control_thread_ends_before_its_sockets_are_closed(
    kernels: WarmKernels, tmp_path: Path
) -> None:
    """However slow it is; else the process aborts or hangs now and then."""
    execute(kernels, SLOW_CONTROL, cwd=tmp_path)

    assert json.loads((tmp_path / "threads").read_text()).count("Control") == 0


@pytest.mark.parametrize(
    ("code", "returncode"),
    [
        ("import os; os._exit(3)", 3),
        ("import os; os.kill(os.getpid(), 9)", -9),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", -11),
    ],
)
def test_a_dead_kernel_tells_its_exit_code(
    kernels: WarmKernels, code: str, returncode: int
) -> None:
    """As subprocess tells it."""
    client = make_client(kernels, code)
    processes = []
    client.on_cell_start = lambda **_: processes.append(client.km.provisioner.process)

    with pytest.raises(DeadKernelError):
        client.execute()
    assert processes[0].returncode == returncode


def test_an_interrupt_reaches_the_cell(kernels: WarmKernels) -> None:
    """As Ctrl-C does, and the kernel lives on."""
    cells = ("import time; time.sleep(600)", "40 + 2")
    client = make_client(
        kernels,
        *cells,
        timeout_func=lambda cell: 1 if "sleep" in cell.source else LIMIT_SECONDS,
        interrupt_on_timeout=True,
        allow_errors=True,
    )
    client.execute()

    assert client.nb.cells[0].outputs[0]["ename"] == "KeyboardInterrupt"
    assert client.nb.cells[1].outputs[0]["data"]["text/plain"] == "42"


@pytest.mark.parametrize(
    "options", [{"stdout": subprocess.DEVNULL}, {"stderr": subprocess.STDOUT}]
)
def test_what_the_kernel_says_goes_where_it_should(
    kernels: WarmKernels, tmp_path: Path, options: dict[str, int]
) -> None:
    """The log of the kernel itself is the caller's to place."""
    client = make_client(kernels, "get_ipython().kernel.log.error('as it says')")
    with (tmp_path / "said").open("w+b") as said:
        options = {"stdout": said, "stderr": said} | options
        client.execute(cwd=str(tmp_path), **options)
        said.seek(0)
        assert b"as it says" in said.read()


def test_an_error_in_a_cell_is_an_error_in_a_cell(kernels: WarmKernels) -> None:
    """Not one of the kernel."""
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        make_client(kernels, "1 / 0").execute()


def test_nothing_is_left_of_a_kernel(kernels: WarmKernels, run: Run) -> None:
    """Neither a process, nor what it started, nor a file in the process it was."""
    files = Path(f"/proc/{kernels.process.pid}/fd")
    run(kernels, "import json; json.dumps(0)")
    wait_until(lambda: len(list(files.iterdir())) == 5)
    code = (
        "import json, os, subprocess\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "json.dumps([os.getpid(), child.pid])"
    )
    wait_until_ended(*run(kernels, code))

    wait_until(lambda: len(list(files.iterdir())) == 5)


@pytest.mark.parametrize("why", UNFIT)
def test_no_fork_of_a_process_that_is_unfit_for_it(
    start_with: Start, why: str, reasons: list[str]
) -> None:
    """Locks of other threads would stay locked, and sockets would be shared."""
    warm = start_with(unfit_module=UNFIT[why])

    assert not is_forked(warm, Path("unfit_module.ipynb"))
    assert reasons == [f"import unfit_module {why}"]


def read_descriptions(**environment: str) -> dict[str, object]:
    """Look at boto3 in an environment without AWS."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    completed = subprocess.run(
        [sys.executable, "-c", SHARED],
        env=kept | keys | environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    return json.loads(completed.stdout)


def test_boto3s_sessions_share_one_loader() -> None:
    """Their clients are those that any loader would make."""
    assert read_descriptions() == {
        "same": True,
        "endpoint": "https://api.sagemaker.eu-west-1.amazonaws.com",
        "services": False,
    }


def test_descriptions_of_ones_own_are_read(tmp_path: Path) -> None:
    """Who names a folder in AWS_DATA_PATH gets what is in it."""
    folder = tmp_path / "toys" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text("{}")

    assert read_descriptions(AWS_DATA_PATH=str(tmp_path))["services"] is True
