"""The folder and the subprocesses that the embedded AWS leaves no trace of."""

import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

lock = threading.Lock()
folders: list[Path] = []
processes: set[subprocess.Popen[bytes]] = set()


def use(folder: Path) -> None:
    """Keep temporary files in this folder from now on."""
    folders[:] = [folder]


def scratch(prefix: str) -> Path:
    """Make a new temporary folder."""
    parent = folders[-1] if folders else None
    return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=parent))


def started(process: subprocess.Popen[bytes]) -> None:
    """Remember a subprocess that leads a process group of its own."""
    with lock:
        processes.add(process)


def finished(process: subprocess.Popen[bytes]) -> None:
    """Forget a subprocess that has ended."""
    with lock:
        processes.discard(process)


def send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a subprocess and its children, unless they have ended."""
    if process.poll() is None:
        os.killpg(process.pid, number)


def clear() -> None:
    """Kill every subprocess that is still there."""
    with lock:
        for process in processes:
            send(process, signal.SIGKILL)
