"""Executed in each kernel before its first cell, in a namespace of its own.

The kernel keeps what it sends until it is read, exit() is an error, and a command that
fails is named.
"""

import subprocess
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import ipykernel.zmqshell
import IPython.core.interactiveshell
import IPython.utils.process
import zmq

EXIT = "exit()"
# Where IPython looks up how to run a command; what they import is no part of their API.
INTERACTIVESHELL: Any = IPython.core.interactiveshell
PROCESS: Any = IPython.utils.process
ZMQSHELL: Any = ipykernel.zmqshell


def keep_messages(kernel: Any) -> None:
    """Let the kernel wait until its output is read: by default what is late is lost."""
    thread = kernel.iopub_thread
    thread.schedule(lambda: thread.socket.setsockopt(zmq.XPUB_NODROP, 1))


def ask_exit() -> NoReturn:
    """End the cell, where IPython would run the rest of it and then end the kernel."""
    raise SystemExit(EXIT)


def say_exit_code(command: str, code: int | None) -> None:
    """Say what `!command` leaves to `_exit_code`, which nobody reads."""
    if code:
        sys.stderr.write(f"[!{command} ended with exit code {code}]\n")


def naming_failures(system: Callable[[str], int | None]) -> Callable[[str], Any]:
    """Let `!command` say that it failed."""

    def run(command: str) -> int | None:
        code = system(command)
        say_exit_code(command, code)
        return code

    return run


def getoutput(command: str) -> str:
    """Return what a command prints, for `lines = !command`."""
    codes = []

    def read(started: subprocess.Popen[bytes]) -> bytes:
        printed: bytes = started.communicate()[0]
        codes.append(started.returncode)
        return printed

    printed = PROCESS.process_handler(command, read, subprocess.STDOUT)
    say_exit_code(command, codes[0] if codes else None)
    return "" if printed is None else printed.decode(errors="replace")


shell: Any = IPython.get_ipython()
shell.ask_exit = ask_exit
keep_messages(shell.kernel)
ZMQSHELL.system = naming_failures(ZMQSHELL.system)
INTERACTIVESHELL.getoutput = getoutput
