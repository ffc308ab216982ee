"""The process that kernels are forked from: `python -m forked_kernels.server FD`.

The descriptor is a socket whose other end is the owner's. Over it come the imports to
preload and, each with a socket of its own, the kernels to start; `request` describes
the messages. A fork becomes a kernel; the exit code of one that ended is kept until the
owner closes its socket. When the owner is gone, so are the kernels and this process.
"""

import atexit
import builtins
import contextlib
import gc
import io
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from forked_kernels.request import Launch, Request, answer, receive

if TYPE_CHECKING:  # imported where a notebook does
    from botocore.loaders import Loader

THREADS = Path("/proc/self/task")
DESCRIPTORS = Path("/proc/self/fd")
STANDARD = 3  # input, output, error
CONTROL_SECONDS = 5
# Descriptions of AWS that are read ahead: those of the services that ML notebooks call.
SERVICES = ("s3", "sagemaker")
DESCRIPTIONS = ("service-2", "endpoint-rule-set-1")


def main(arguments: Sequence[str]) -> None:
    """Serve on a socket; a fork goes on as a kernel."""
    # What `-m` puts there is no place that kernels import from.
    del sys.path[0]
    quick_exit = QuickExit()
    # A kernel reads whose child it is while its modules are imported: ours.
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    before = dict(os.environ)
    gc.disable()
    server = Server(control=socket.socket(fileno=int(arguments[0])))
    gc.freeze()
    request = server.serve()
    if request:
        # Some modules set variables while they are imported.
        changed = dict(os.environ.items() - before.items())
        set_up(request.launch, request.streams, changed)
        with quick_exit:
            become_kernel(request.launch)


@dataclass
class Server:
    """What is imported, which requests wait for imports, and the running kernels."""

    control: socket.socket
    ahead: deque[tuple[str, list[str]]] = field(default_factory=deque)
    errors: dict[int, str] = field(default_factory=dict)  # by the import's number
    done: int = 0
    unfit: str = ""
    waiting: list[Request] = field(default_factory=list)
    running: dict[int, int] = field(default_factory=dict)  # handle: process id
    base: int = 0  # so many of the imports are those of any kernel, cold ones too
    kernel_modules: frozenset[str] = frozenset()

    def serve(self) -> Request | None:
        """Serve until the owner is gone; in a fork, return what it is to be."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            self.selector = selector
            while self.listen(0 if self.ahead and not self.unfit else None):
                if self.ahead and not self.unfit:
                    self.import_next()
                if forked := self.start_kernels():
                    return forked
        for pid in self.running.values():
            end_group(pid)
        return None

    def listen(self, timeout: float | None) -> bool:
        """Take what has come; tell whether the owner is still there."""
        for key, _ in self.selector.select(timeout):
            if key.fd != self.control.fileno():
                self.release(key.fd)
            elif not self.receive():
                return False
        return True

    def receive(self) -> bool:
        """Take one of the owner's messages."""
        message, descriptors = receive(self.control)
        if "preload" in message:
            self.ahead.extend(message["preload"])
            self.base = message["base"]
        elif message:
            self.waiting.append(Request.of(message, descriptors))
        return bool(message)

    def import_next(self) -> None:
        """Import one module, and note what it led to."""
        module, names = self.ahead.popleft()
        # What every kernel is made of has to be there before one can be asked for.
        preloaded = preload(module, names, asking=self.done >= self.base)
        if preloaded.error:
            self.errors[self.done] = preloaded.error
        self.unfit = self.unfit or preloaded.unfit
        self.done += 1
        if self.done <= self.base:
            self.kernel_modules = frozenset(sys.modules)

    def start_kernels(self) -> Request | None:
        """Start the kernels whose imports are there; in a fork, return at once."""
        ready = [one for one in self.waiting if self.unfit or one.needs <= self.done]
        for request in ready:
            self.waiting.remove(request)
            if refusal := self.refusal(request):
                answer(request.handle, {"cold": refusal})
                os.close(request.handle)
            elif self.fork(request) == 0:
                return request
            request.close()
        return None

    def refusal(self, request: Request) -> str:
        """Return why a kernel has to start cold, or nothing."""
        failed = [why for number, why in self.errors.items() if number < request.needs]
        foreign = request.own & (set(sys.modules) - self.kernel_modules)
        if self.unfit or failed:
            return self.unfit or failed[0]
        if foreign:
            return f"{min(foreign)} is another module for other notebooks"
        return ""

    def fork(self, request: Request) -> int:
        """Fork a kernel, which answers with its process id once it leads its group."""
        pid = fork()
        if pid:
            self.running[request.handle] = pid
            self.selector.register(request.handle, selectors.EVENT_READ)
        else:
            # `set_up` closes it, and the number will be another file's.
            self.control.detach()
            os.setsid()
            answer(request.handle, {"pid": os.getpid()})
        return pid

    def release(self, handle: int) -> None:
        """Let go of a kernel that the owner is done with."""
        end_group(self.running.pop(handle))
        self.selector.unregister(handle)
        os.close(handle)


def end_group(pid: int) -> None:
    """Kill a kernel with all that it started, and collect it."""
    for kill in (os.killpg, os.kill):  # it may not lead its group yet
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


# Importing in a process that is to be forked, which must stay fit for it: a fork has
# only the thread that forked, so locks that others held stay locked in it, and sockets
# would be shared. A module that starts a thread, opens a socket or makes an AWS client
# while it is imported makes this process unfit, and kernels start cold.


@dataclass(frozen=True, kw_only=True)
class Preloaded:
    """What an import led to: an error, or something that no fork may inherit."""

    error: str = ""
    unfit: str = ""


class ShellWantedError(BaseException):
    """Ends an import that uses the kernel's shell, whatever it catches."""


class Attempt:
    """Run a block and note the error that ends it: an import may raise anything."""

    error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self.error = error
        return isinstance(error, Exception | SystemExit | ShellWantedError)


def preload(module: str, names: Sequence[str], *, asking: bool) -> Preloaded:
    """Import as `from module import names` does, and look at what that left.

    A module that uses the kernel's shell while it is imported, as Matplotlib's inline
    backend does, is left to the kernels, with the packages whose import it is part of.
    """
    before, known = open_descriptors(), frozenset(sys.modules)
    shell = unborn_shell() if asking else contextlib.nullcontext()
    with Attempt() as attempt, shell as unborn:
        # Some packages import what they hold only when it is asked for by name.
        __import__(module, fromlist=list(names))
        if module == "boto3":
            share_descriptions()
    error = attempt.error
    if isinstance(error, ShellWantedError):
        forget(error, known)
        error = None
    # Where nothing ran, nothing is left.
    left = what_is_left(before) if len(sys.modules) > len(known) or error else ""
    if unborn is not None and keeps(unborn, sys.modules.keys() - known):
        left = "keeps the shell"
    # What is there stays: kernels share its memory as long as nobody looks through it.
    gc.freeze()
    return Preloaded(
        error=f"import {module}: {type(error).__name__}: {error}" if error else "",
        unfit=f"import {module} {left}" if left else "",
    )


class Unborn:
    """What is not there before there is a kernel: using it ends the import."""

    def __getattr__(self, name: str) -> NoReturn:
        raise ShellWantedError


class ZMQInteractiveShell(Unborn):
    """Says what every kernel's shell says of itself: that it is a kernel's."""

    kernel = Unborn()
    config = MappingProxyType({"IPKernelApp": Unborn()})


ZMQInteractiveShell.__module__ = "ipykernel.zmqshell"


class InlineBackend:
    """Ends the import of Matplotlib's inline backend, which connects it to the shell.

    It would tell pyplot of itself before it is connected.
    """

    NAME = "matplotlib_inline.backend_inline"

    @classmethod
    def find_spec(cls, name: str, *_: object) -> None:
        if name == cls.NAME:
            raise ShellWantedError


@contextlib.contextmanager
def unborn_shell() -> Iterator[ZMQInteractiveShell]:
    """Let modules see that they are imported in a kernel, which has no shell yet."""
    kind = sys.modules["IPython.core.interactiveshell"].InteractiveShell
    shell = ZMQInteractiveShell()

    def get_ipython(*_: object) -> ZMQInteractiveShell:
        return shell

    # IPython's `get_ipython` calls the first two; in cells it is a builtin.
    kind.initialized, kind.instance = staticmethod(lambda: True), get_ipython
    vars(builtins)["get_ipython"] = get_ipython
    sys.meta_path.insert(0, InlineBackend)
    try:
        yield shell
    finally:
        sys.meta_path.remove(InlineBackend)
        del kind.initialized, kind.instance, vars(builtins)["get_ipython"]


def keeps(shell: ZMQInteractiveShell, modules: Iterable[str]) -> bool:
    """Return whether a module has kept the shell under a name of its own."""
    held = [getattr(sys.modules.get(one), "__dict__", {}) for one in modules]
    return any(value is shell for names in held for value in [*names.values()])


def forget(error: ShellWantedError, known: AbstractSet[str]) -> None:
    """Forget the packages whose import was ended, as if it had never begun."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [one.f_globals for one in frames if one.f_code.co_name == "<module>"]
    names = {str(one.get("__name__")).split(".")[0] for one in modules}
    for name in sys.modules.keys() - known:
        if name.split(".")[0] in names:
            del sys.modules[name]


def share_descriptions() -> None:
    """Let all sessions of this process and of its forks read AWS with one loader.

    The descriptions are megabytes of JSON, which each of boto3's sessions would read
    for itself before it makes its first client.
    """
    import botocore.session

    make = botocore.session.create_loader
    shared = make()
    shared.load_data_with_path("endpoints")
    for service in SERVICES:
        for kind in DESCRIPTIONS:
            shared.load_service_model(service, kind)

    def create_loader(search_path_string: str | None = None) -> "Loader":
        """Return the shared loader, unless a user has descriptions of their own."""
        return make(search_path_string) if search_path_string else shared

    botocore.session.create_loader = create_loader


def open_descriptors() -> frozenset[int]:
    """List the open files, except the one that lists them."""
    return frozenset(int(one.name) for one in DESCRIPTORS.iterdir() if one.exists())


def fork() -> int:
    """Fork without Python's warning of threads, which are looked for here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def what_is_left(before: frozenset[int]) -> str:
    """Return what an import left that makes this process unfit to be forked."""
    if threading.active_count() > 1 or has_threads_after_fork():
        return "starts a thread"
    if found := socket_or_client():
        return f"makes a {found}"
    return "leaves a file open" if open_descriptors() - before else ""


def has_threads_after_fork() -> bool:
    """Look for threads besides this one that no handler ends before a fork.

    OpenBLAS has threads as soon as it is loaded, ends them before each fork and starts
    others when there is something to compute, in parent and child.
    """
    if len(list(THREADS.iterdir())) == 1:
        return False
    pid = fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return len(list(THREADS.iterdir())) > 1


def socket_or_client() -> str:
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


# From here on in a fork: it becomes the kernel that a command would have started.


def set_up(launch: Launch, streams: Sequence[int], changed: Mapping[str, str]) -> None:
    """Leave the server behind: files, folder, environment, signals, random numbers."""
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
    draw_anew()
    gc.enable()


def draw_anew() -> None:
    """Draw what each process draws for itself; Python's generator did it by itself."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.current_process().authkey = os.urandom(32)


def become_kernel(launch: Launch) -> None:
    """Do what `python -m ipykernel_launcher` does, in this process."""
    for name in [one for one in sys.modules if one.split(".")[0] == "forked_kernels"]:
        del sys.modules[name]
    sys.orig_argv[1:] = ["-m", "ipykernel_launcher", *launch.arguments]
    sys.argv[1:] = launch.arguments
    # `-m` puts the folder there, and the launcher takes it away again.
    sys.path.insert(0, launch.folder)
    try:
        runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
    finally:
        stop_control_thread()


def stop_control_thread() -> None:
    """Let ipykernel's control thread finish its last request.

    ipykernel closes the thread's sockets first, from the main thread. A fork, in which
    everything is fast, would abort in one of twenty cases, or wait until it is killed.
    """
    kind = sys.modules["ipykernel.control"].ControlThread
    for thread in threading.enumerate():
        if isinstance(thread, kind):
            thread.stop()
            thread.join(CONTROL_SECONDS)


class QuickExit:
    """Ends this process once all that Python promises at its exit is done.

    Taking apart every module that was imported would take longer than most cells.
    """

    def __init__(self) -> None:
        self.code, self.pid = 0, os.getpid()
        # What is registered first is called last.
        atexit.register(self.leave)

    def __enter__(self) -> None:
        """Note from here on how this process ends."""
        self.pid = os.getpid()

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
        """End now, when files that are still open are whole; forks end as they do."""
        if os.getpid() == self.pid:
            finish_files()
            os._exit(self.code)


def finish_files() -> None:
    """Write what open files hold back, and delete temporary ones.

    What was there before the fork is frozen, and has no open files.
    """
    gc.collect()
    for one in gc.get_objects():
        with contextlib.suppress(OSError, ValueError):
            if issubclass(type(one), tempfile._TemporaryFileWrapper):
                one.close()
            elif type(one) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
                one.flush()
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
