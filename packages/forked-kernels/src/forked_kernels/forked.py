"""What a fork does to be the kernel that a command would have started."""

import atexit
import contextlib
import gc
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType

from forked_kernels.preload import open_descriptors
from forked_kernels.request import Launch

STANDARD = 3  # input, output, error


class Ending:
    """Ends this process once all that Python promises at its exit is done.

    Taking apart every module that was imported would take longer than most cells.
    """

    def __init__(self) -> None:
        self.code = 0
        # What is registered first is called last.
        atexit.register(self.leave)

    def __enter__(self) -> None:
        """Note from here on how the process ends."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            code = error.code if isinstance(error, SystemExit) else 1
            self.code = code if isinstance(code, int) else int(code is not None)

    def leave(self) -> None:
        """End now."""
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
        os._exit(self.code)


def settle(launch: Launch, streams: Sequence[int], changed: Mapping[str, str]) -> None:
    """Leave the server behind: files, folder, environment and signals."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for number in open_descriptors():
        if number >= STANDARD:
            os.close(number)
    os.chdir(launch.folder)
    os.environ.clear()
    os.environ.update(launch.environment)
    os.environ.update(changed)
    # The kernel ends itself when its parent is gone, which is the server.
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _draw_anew()
    gc.enable()


def become_kernel(launch: Launch) -> None:
    """Do what `python -m ipykernel_launcher` does, in this process."""
    for name in [one for one in sys.modules if one.partition(".")[0] == "runner"]:
        del sys.modules[name]
    sys.orig_argv[1:] = ["-m", "ipykernel_launcher", *launch.arguments]
    sys.argv[1:] = launch.arguments
    # `-m` puts the folder there, and the launcher takes it away again.
    sys.path.insert(0, launch.folder)
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


def _draw_anew() -> None:
    """Seed NumPy's global generator; Python's own is seeded anew by every fork."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
