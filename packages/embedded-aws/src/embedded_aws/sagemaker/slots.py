"""How many training jobs may run at once."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Slots:
    """Let as many jobs run as there are cores; more would slow each other down."""

    def __init__(self, count: int) -> None:
        self.free = count
        self.changed = threading.Condition()

    @contextmanager
    def one(self, given_up: Callable[[], bool]) -> Iterator[None]:
        """Hold a slot; a job that has given up need not wait for one."""
        with self.changed:
            self.changed.wait_for(lambda: self.free > 0 or given_up())
            self.free -= 1
        try:
            yield
        finally:
            with self.changed:
                self.free += 1
                self.changed.notify_all()

    def wake(self) -> None:
        """Let waiting jobs see that they have given up."""
        with self.changed:
            self.changed.notify_all()


slots = Slots(os.cpu_count() or 1)
