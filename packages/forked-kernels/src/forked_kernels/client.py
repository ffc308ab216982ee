"""Start the process that kernels are forked from, and ask it for kernels."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from forked_kernels.imports import Imports, Statement
from forked_kernels.request import LONGEST_MESSAGE, send

# macOS offers fork too, but its system libraries have threads that it breaks.
CAN_FORK = sys.platform == "linux"
LAUNCHER = ["-m", "ipykernel_launcher"]
# Starts the process in an interpreter that need not have this package: it is found for
# as long as it is imported, and nothing else of the folder that it is in.
SERVE = (
    "import sys; sys.path.append(sys.argv[1]); import forked_kernels.server as server; "
    "sys.path.pop(); server.main(sys.argv[2:])"
)
# What every kernel imports, whatever its notebook does.
KERNEL_IMPORTS = (
    Statement("ipykernel.kernelapp"),
    Statement("ipykernel.debugger"),
    Statement("IPython.core.pylabtools"),
)
# pyarrow's allocator would start a thread of its own as soon as it is loaded. And
# matplotlib reads its backend while it is imported, which a kernel sets before.
IMPORT_ENVIRONMENT = {
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
# Variables that modules read when they are called. A kernel with any other variable
# changed starts cold: a module may have read it while it was imported.
READ_WHEN_CALLED = (
    "AWS_",
    "SAGEMAKER_",
    "JPY_",
    "CIRCLE",
    "NO_PROXY",
    "IPYTHONDIR",
    "PYTEST_CURRENT_TEST",
    "COLUMNS",
    "LINES",
)
IMPORT_SECONDS = 120
POLL_SECONDS = 0.1
EXIT_POLL_SECONDS = 0.02
EXIT_SECONDS = 5

Report = Callable[[str], None]


def begin(
    report: Report,
    environment: Mapping[str, str] | None = None,
    python: str | Path | None = None,
) -> "WarmKernels | None":
    """Start the process, which imports first what every kernel is made of.

    Returns None where kernels cannot be forked. `report` is told why kernels start
    cold, each reason once. `environment` is that of the kernels, and `python` their
    interpreter: the caller's own if not given. Another one needs ipykernel.
    """
    interpreter = str(python or sys.executable)
    serve = ["-m", "forked_kernels.server"]
    if interpreter != sys.executable:
        serve = ["-c", SERVE, str(Path(__file__).parents[1])]
    variables = dict(os.environ if environment is None else environment)
    if not CAN_FORK:
        report(f"{sys.platform} forks no kernels")
        return None
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    output = tempfile.TemporaryFile()  # noqa: SIM115, closed with the process
    with theirs:
        process = subprocess.Popen(
            [interpreter, *serve, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[theirs.fileno()],
            env=IMPORT_ENVIRONMENT | variables,
            # Ctrl-C is for the process that owns the kernels, which ends them itself.
            start_new_session=True,
        )
    kernels = WarmKernels(
        report=report,
        process=process,
        control=ours,
        output=output,
        baseline=Baseline(
            environment=variables,
            python=interpreter,
            packages=installed_packages(interpreter),
        ),
    )
    kernels.import_ahead(KERNEL_IMPORTS)
    return kernels


def start(
    notebooks: Mapping[Path, Imports],
    report: Report,
    environment: Mapping[str, str] | None = None,
    python: str | Path | None = None,
) -> "WarmKernels | None":
    """Start the process and import what these notebooks import; see `begin`."""
    kernels = begin(report, environment, python)
    if kernels:
        kernels.preload(notebooks)
    return kernels


def installed_packages(python: str = "") -> frozenset[str]:
    """Return the folder names of what is installed, which hold the versions.

    `python` is another interpreter: that of a virtual environment.
    """
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    if python and python != sys.executable:
        folders = {*Path(python).parents[1].glob("lib*/python*/site-packages")}
    return frozenset(path.name for one in folders for path in one.glob("*.dist-info"))


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What the process to fork from started with: the kernels have to have the same."""

    environment: Mapping[str, str]
    python: str
    packages: frozenset[str]

    def mismatch(self, command: Sequence[str], env: Mapping[str, str]) -> str:
        """Return why a fork would differ from what a command starts, or nothing."""
        python, *options = command
        if os.path.normpath(python) != os.path.normpath(self.python):
            which = "this Python" if self.python == sys.executable else self.python
            return f"the kernel is started by {python}, not by {which}"
        if options[: len(LAUNCHER)] != LAUNCHER:
            return f"the kernel is started with {options[0] if options else 'nothing'}"
        for name in sorted({*env, *self.environment}):
            same = env.get(name) == self.environment.get(name)
            if not same and not name.upper().startswith(READ_WHEN_CALLED):
                return f"the environment variable {name} was changed"
        changed = sorted(installed_packages(self.python) ^ self.packages)
        if changed:
            package = changed[0].removesuffix(".dist-info")
            return f"{package} was installed or removed; what is imported is older"
        return ""


@dataclass
class ForkedKernel:
    """A forked kernel, with the methods that Jupyter calls of `subprocess.Popen`."""

    pid: int
    handle: socket.socket
    returncode: int | None = None
    stdin: None = None
    stdout: None = None
    stderr: None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while the kernel runs."""
        if self.returncode is None:
            self.returncode = _exit_code(self.pid)
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        """Wait for the kernel's end and return its exit code."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("the kernel", timeout)
            time.sleep(EXIT_POLL_SECONDS)
        self.close()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel, unless it ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Kill what is left of the kernel, and let its process id go."""
        _hang_up(self.handle)


@dataclass
class WarmKernels:
    """The process that kernels are forked from; leaving its context ends it."""

    report: Report
    process: subprocess.Popen[bytes]
    control: socket.socket
    output: IO[bytes]
    baseline: Baseline
    imports: dict[Path, Imports] = field(default_factory=dict)
    _order: tuple[Statement, ...] = KERNEL_IMPORTS
    _reported: set[str] = field(default_factory=set)

    def preload(self, notebooks: Mapping[Path, Imports]) -> None:
        """Import what notebooks import, those of the first notebook first."""
        self.imports |= {path.resolve(): one for path, one in notebooks.items()}
        wanted = [one for each in notebooks.values() for one in each.statements]
        new = [one for one in dict.fromkeys(wanted) if one not in self._order]
        self._order += tuple(new)
        self.import_ahead(new)

    def import_ahead(self, statements: Sequence[Statement]) -> None:
        """Ask the process to import something before any kernel needs it."""
        # Where the process ended at once, the first kernel reports it.
        with contextlib.suppress(OSError):
            send(self.control, {"preload": statements, "base": len(KERNEL_IMPORTS)}, [])

    async def fork(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        streams: Sequence[int],
        notebook: Path | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> ForkedKernel | None:
        """Fork the kernel that a command would start in a folder.

        It waits for what its notebook imports, if that is one of those preloaded.
        Returns None if the kernel has to start cold, and reports why. `stopped` is
        asked now and then whether to give up.
        """
        reason = self.baseline.mismatch(command, env)
        if not reason:
            known = self.imports.get(notebook.resolve()) if notebook else None
            known = known or Imports(statements=())
            launch = {
                "arguments": list(command[1 + len(LAUNCHER) :]),
                "folder": str(cwd),
                "environment": dict(env),
            }
            # What a cell yet to be written imports is a module of its folder first.
            own = sorted({*known.own, *modules_in(cwd)})
            message = {"launch": launch, "needs": self._needs(known), "own": own}
            answer = await self._ask(message, streams, stopped)
            if isinstance(answer, ForkedKernel):
                return answer
            reason = answer
        if reason:
            self.report_cold(reason)
        return None

    def report_cold(self, reason: str) -> None:
        """Report once why kernels start cold."""
        if reason not in self._reported:
            self._reported.add(reason)
            self.report(reason)

    def close(self) -> None:
        """End the process, with any kernel that is left."""
        _hang_up(self.control)
        try:
            self.process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            # It is in the midst of an import.
            self.process.kill()
            self.process.wait(EXIT_SECONDS)
        self.output.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _needs(self, imports: Imports) -> int:
        """Count the imports, in their order, that the kernel has to wait for."""
        places = [self._order.index(one) for one in imports.statements]
        return max([len(KERNEL_IMPORTS) - 1, *places]) + 1

    async def _ask(
        self,
        message: Mapping[str, Any],
        streams: Sequence[int],
        stopped: Callable[[], bool],
    ) -> ForkedKernel | str:
        """Request a kernel; return it, or why there is none: nothing if stopped."""
        with contextlib.ExitStack() as stack:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            stack.callback(_hang_up, ours)
            with theirs:
                try:
                    send(self.control, message, [theirs.fileno(), *streams])
                except OSError as error:
                    unsent = f"no request can be sent: {error.strerror}"
                    return self._how_it_ended() or unsent
            answer = await _receive(ours, stopped)
            if answer is None:
                slow = "what it imports took too long to import"
                return "" if stopped() else slow
            if "pid" in answer:
                stack.pop_all()
                return ForkedKernel(pid=answer["pid"], handle=ours)
            refusal = str(answer.get("cold", ""))
            return refusal or self._how_it_ended() or "the fork ended at once"

    def _how_it_ended(self) -> str:
        """Return how the process ended, and its last words; nothing while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(POLL_SECONDS)
        code = self.process.poll()
        if code is None:
            return ""
        if code < 0:
            how = signal.Signals(-code).name
        else:
            self.output.seek(0)
            lines = self.output.read().decode(errors="replace").splitlines()
            how = f"exit code {code}: {lines[-1] if lines else 'nothing said'}"
        return f"the process to fork them from ended with {how}"


async def _receive(
    handle: socket.socket, stopped: Callable[[], bool]
) -> dict[str, Any] | None:
    """Wait for an answer: empty if the other end closed, None if there is none."""
    handle.setblocking(False)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + IMPORT_SECONDS
    readable = asyncio.Event()
    loop.add_reader(handle, readable.set)
    try:
        while not stopped() and loop.time() < deadline:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(readable.wait(), POLL_SECONDS)
            try:
                text = handle.recv(LONGEST_MESSAGE)
            except BlockingIOError:
                readable.clear()
            except ConnectionResetError:
                return {}
            else:
                return dict(json.loads(text or b"{}"))
        return None
    finally:
        loop.remove_reader(handle)


def modules_in(folder: Path) -> Iterator[str]:
    """Name the modules and packages that lie in a folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            yield path.stem


def _hang_up(handle: socket.socket) -> None:
    """Close a socket for the other end too, whoever was forked with a copy of it."""
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
    handle.close()


def _exit_code(pid: int) -> int | None:
    """Read the exit code of a process that its parent has not collected yet.

    The parent may be in the midst of an import, which takes seconds.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        # The parent is gone too, and ended its kernels when it went.
        return -signal.SIGKILL
    state, *_, code = status.rpartition(") ")[2].split()
    return os.waitstatus_to_exitcode(int(code)) if state in "ZX" else None
