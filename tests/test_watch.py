"""Watching a kernel, so that it can be ended; test_notebook.py does it for real."""

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from runner.notebook.execute import KernelSupervisor, watching


def watch(**more: Any) -> KernelSupervisor:
    settings = {"time_limit": 60, "cell_timeout": None, "on_cell": None}
    return KernelSupervisor(cancelled=threading.Event(), **(settings | more))


def sleeper() -> subprocess.Popen[bytes]:
    """A process in a group of its own, as a kernel is, with a child."""
    script = "import subprocess; subprocess.run(['sleep', '60'])"
    return subprocess.Popen([sys.executable, "-c", script], start_new_session=True)


def test_what_a_notebook_started_ends_with_it() -> None:
    """Also when the notebook itself went well."""
    process = sleeper()
    with watching(watch(kernel_group=process.pid)):
        assert process.poll() is None

    assert process.wait(timeout=5) == -signal.SIGKILL


def test_the_time_limit_ends_the_kernel() -> None:
    """While the notebook still runs."""
    process = sleeper()
    this = watch(kernel_group=process.pid, time_limit=0.2)
    with watching(this):
        assert process.wait(timeout=5) == -signal.SIGKILL

    assert this.out_of_time
    assert not this.told_to_stop


def test_a_kernel_that_is_gone_is_no_obstacle() -> None:
    """Its group may have ended by itself."""
    process = sleeper()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=5)
    this = watch(kernel_group=process.pid)
    this.end_kernel()

    assert this.kernel_group == process.pid


def test_signals_wait_until_the_kernel_has_ended() -> None:
    """And are the caller's again afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    this = watch()
    with watching(this):
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + 5
        while not this.told_to_stop and time.monotonic() < deadline:
            time.sleep(0.01)

    assert this.signal == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_ignored_signal_stays_ignored() -> None:
    """Whoever started the runner with nohup meant it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with watching(watch()):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_signals_alone() -> None:
    """Only the main thread may handle them; the caller tells the others to stop."""
    seen: list[object] = []

    def run() -> None:
        with watching(watch()):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=5)

    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_an_error_inside_is_not_swallowed() -> None:
    """The thread that looks on ends all the same."""
    with pytest.raises(ZeroDivisionError), watching(watch()):
        raise ZeroDivisionError

    assert "watch" not in {thread.name for thread in threading.enumerate()}
