"""The lock of a model's folder in build/: one run at a time in each clone."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TextIO

from lifecycle.errors import CallError
from runner.errors import StoppedError
from runner.pipeline.plan import Plan

# How often a run looks whether another one of its model has ended.
POLL_SECONDS = 0.2


@contextmanager
def locked(
    plan: Plan,
    limit: float,
    cancelled: threading.Event,
    say: Callable[[str], None],
) -> Iterator[None]:
    """Wait until no other run of this model uses its folder in build/, and lock it.

    The lock ends with the process that holds it, however that ends.

    Args:
        limit: seconds to wait.

    Raises:
        CallError: the other run still goes on.
        StoppedError: this run was stopped meanwhile.
    """
    path = plan.folder.with_name(f".{plan.model}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    with path.open("a+", encoding="utf-8") as file:
        started, holder = time.monotonic(), ""
        while not _is_locked(file):
            if not holder:
                file.seek(0)
                holder = file.read() or "another run"
                say(f"waits for the end of {holder}, in this clone")
            if cancelled.wait(POLL_SECONDS):
                raise StoppedError(f"told to stop, while it waited for {holder}")
            if time.monotonic() - started > limit:
                raise CallError(
                    f"{plan.model}: {holder}, is still running in this clone after "
                    f"{limit:g} s; end it, or work in another clone"
                )
        file.truncate(0)
        file.write(f"run {plan.run_id}, process {os.getpid()}, since {since}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _is_locked(file: TextIO) -> bool:
    """Lock a file, if no other open file has the lock."""
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
