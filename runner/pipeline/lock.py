"""The lock of a model's folder in build/: one run at a time in each clone."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from lifecycle.errors import CallError
from runner.notebook.environments import lock_file
from runner.pipeline.plan import Plan


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
        file.seek(0)
        holder = file.read() or "another run"

        def on_wait() -> str:
            say(f"waits for the end of {holder}, in this clone")
            return holder

        if not lock_file(file, limit, cancelled.is_set, on_wait):
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
