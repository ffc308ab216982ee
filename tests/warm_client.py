"""What the program of `warm_python` does: have a process forked, and end as it ends."""

import json
import os
import resource
import signal
import socket
import sys
from contextlib import suppress

DESCRIPTORS = "/proc/self/fd"
PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
# With any other variable of Python's own, a process starts cold.
TAKEN_OVER = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONNOUSERSITE",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
)


def main(python: str, server: str, modules: list[str]) -> None:
    """Run a module warm, or replace this process by a Python that does not.

    Args:
        python: the path of the real Python.
        server: the socket of the process that forks.
        modules: those that are run warm.
    """
    program, *arguments = sys.argv
    own = [name for name in os.environ if name.startswith("PYTHON")]
    warm = arguments[:1] == ["-m"] and arguments[1:2] and arguments[1] in modules
    if not warm or not set(own) <= set(TAKEN_OVER):
        os.execv(python, [python, *arguments])
    listed = os.listdir(DESCRIPTORS)  # noqa: PTH208, pathlib is slow to import
    descriptors = sorted(filter(_is_inherited, map(int, listed)))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(server)
    request = {
        "executable": program,
        "arguments": arguments,
        "descriptors": descriptors,
        "folder": os.getcwd(),  # noqa: PTH109
        "environment": dict(os.environ),
        "umask": _umask(),
        "limits": [
            (number, resource.getrlimit(number))
            for name, number in vars(resource).items()
            if name.startswith("RLIMIT_")
        ],
    }
    socket.send_fds(connection, [json.dumps(request).encode()], descriptors)
    pid = json.loads(connection.recv(4096))["pid"]
    for number in PASSED_ON:
        signal.signal(number, lambda number, _: _pass_on(pid, number))
    # Whoever reads from the fork is to see the end of its output.
    for one in descriptors:
        os.close(one)
    answer = connection.recv(4096)
    code = json.loads(answer)["code"] if answer else 70
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _pass_on(pid: int, number: int) -> None:
    # That it has ended is about to be told.
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_inherited(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


def _umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before
