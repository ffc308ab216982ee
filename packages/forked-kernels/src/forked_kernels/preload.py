"""Importing modules in a process that is to be forked, which must stay fit for it.

A fork has only the thread that forked: locks that others held stay locked in it, and
sockets would be shared. So a module that starts a thread, opens a socket or makes an
AWS client while it is imported makes this process unfit, and kernels start cold.
"""

import gc
import os
import socket
import sys
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from forked_kernels.descriptions import share

TASKS = Path("/proc/self/task")
DESCRIPTORS = Path("/proc/self/fd")


class Attempt:
    """Run a block and note the error that ends it: an import may raise anything."""

    error: BaseException | None = None

    def __enter__(self) -> "Attempt":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self.error = error
        return isinstance(error, Exception | SystemExit)


@dataclass(frozen=True, kw_only=True)
class Preloaded:
    """What an import led to: an error, or what no fork may inherit."""

    error: str = ""
    unfit: str = ""


def preload(module: str, names: Sequence[str]) -> Preloaded:
    """Import as `from module import names` does, and look at what that left."""
    before, known = open_descriptors(), len(sys.modules)
    with Attempt() as attempt:
        # Some packages import what they hold only when it is asked for by name.
        __import__(module, fromlist=list(names))
        if module == "boto3":
            share()
    # Where nothing ran, nothing is left.
    left = _left(before) if len(sys.modules) > known or attempt.error else ""
    # What is there stays: kernels share its memory as long as nobody looks through it.
    gc.freeze()
    error = attempt.error
    return Preloaded(
        error=f"import {module}: {type(error).__name__}: {error}" if error else "",
        unfit=f"import {module} {left}" if left else "",
    )


def fork() -> int:
    """Fork without Python's word on threads, which are looked for here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def open_descriptors() -> frozenset[int]:
    """List the open files, but the one that lists them."""
    return frozenset(int(one.name) for one in DESCRIPTORS.iterdir() if one.exists())


def _left(before: frozenset[int]) -> str:
    """Say what an import left that makes this process unfit to be forked."""
    if threading.active_count() > 1 or _has_threads_after_fork():
        return "starts a thread"
    if found := _made():
        return f"makes a {found}"
    return "leaves a file open" if open_descriptors() - before else ""


def _has_threads_after_fork() -> bool:
    """Look for threads besides this one that no handler ends before a fork.

    OpenBLAS has threads as soon as it is loaded, ends them before each fork and starts
    others when there is something to compute, in parent and child.
    """
    if len(list(TASKS.iterdir())) == 1:
        return False
    pid = fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return len(list(TASKS.iterdir())) > 1


def _made() -> str:
    """Name a socket or an AWS client that exists since the last look."""
    kinds: list[type] = [socket.socket]
    botocore = sys.modules.get("botocore.client")
    if botocore is not None:
        kinds.append(botocore.BaseClient)
    for one in gc.get_objects():
        # Not isinstance: it asks proxies what they stand for.
        if issubclass(type(one), tuple(kinds)):
            return type(one).__name__
    return ""
