"""What the embedded AWS is doing, which tells the server when it is idle."""

import threading
import time


class Activity:
    """Count the calls, jobs and deployments that go on, as a context of each."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.last = time.monotonic()

    def __enter__(self) -> None:
        with self.lock:
            self.count += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.count -= 1
            self.last = time.monotonic()

    def note(self) -> None:
        """Begin to count the idle seconds anew."""
        with self.lock:
            self.last = time.monotonic()

    def idle_seconds(self) -> float:
        """Return for how long nothing has gone on."""
        with self.lock:
            return 0.0 if self.count else time.monotonic() - self.last


activity = Activity()
