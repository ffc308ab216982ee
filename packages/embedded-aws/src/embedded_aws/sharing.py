"""One embedded AWS for all commands of a folder: found if it runs, else started.

Three locks in the folder say what goes on, and the system releases them with whoever
held them, however that ended: the server holds `serving`, each command that uses it
holds `using` with others, and whoever looks for the server, or starts it, `starting`.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Self
from urllib.error import URLError
from urllib.request import Request

from embedded_aws.account import TOKEN_HEADER
from embedded_aws.process import (
    ENDING_SECONDS,
    HOST,
    LOG,
    NAME,
    STARTS,
    EmbeddedAWSError,
    PortError,
    RunningAWS,
    check_port,
    ended_by_itself,
    open_directly,
    popen,
    tail,
    wait_until_ready,
)
from embedded_aws.state import DATABASE, OBJECTS

SERVING, USING, STARTING = "serving.lock", "using.lock", "starting.lock"
LOCKS = (SERVING, USING, STARTING)
ADDRESS = "server.json"
TEMPORARY = "tmp"
PATH = "/_embedded/server"
IDLE_MINUTES = 10.0
POLL_SECONDS = 0.05
# The servers that this process started, with their folders: they go on without it.
started: list[tuple[Path, subprocess.Popen[bytes]]] = []


class InUseError(EmbeddedAWSError):
    """Report that another command uses the embedded AWS of a folder."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Say where the server of a folder is, in a file that only its user can read."""

    pid: int
    port: int
    token: str

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read what the last server of a folder wrote."""
        try:
            return cls(**json.loads((folder / ADDRESS).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """Write the file at once, so that nobody reads a part of it."""
        new = folder / f"{ADDRESS}.new"
        new.touch(mode=0o600)
        new.write_text(json.dumps(vars(self)))
        new.replace(folder / ADDRESS)

    @property
    def url(self) -> str:
        """Return the server's URL."""
        return f"http://{HOST}:{self.port}"

    def answers(self) -> bool:
        """Return whether what listens there is the server that wrote this."""
        call = Request(f"{self.url}{PATH}", headers={TOKEN_HEADER: self.token})
        try:
            with open_directly(call) as response:
                return bool(response.status == HTTPStatus.NO_CONTENT)
        except (URLError, OSError):
            return False


@dataclass(frozen=True, kw_only=True)
class SharedAWS(RunningAWS):
    """Hold the embedded AWS of a folder, which other commands use, too."""

    pid: int

    def is_running(self) -> bool:
        """Return whether it still runs."""
        return is_held(self.folder / SERVING)

    def ending(self) -> str:
        """Return in one line how the server ended, as far as this process knows."""
        codes = (_code(each) for _, each in started if each.pid == self.pid)
        code = next(codes, None)
        if code is None:
            return f"{NAME} has ended; {tail(self.log)}"
        if code == 0:
            return f"{NAME} was stopped by another command"
        return ended_by_itself(code, self.log)


@contextmanager
def share(folder: Path, port: int = 0, timeout: float = 60) -> Iterator[SharedAWS]:
    """Use the embedded AWS of a folder in a block; start it if it does not run.

    It ends when nobody has used it for IDLE_MINUTES, and keeps its state in the folder.

    Args:
        port: where to start it; 0 for where it was last, or a free port. What runs
            elsewhere and is not used by anybody is started again here.
        timeout: seconds until it has to be ready.

    Raises:
        PortError: it cannot listen on the port, or is used already at another one.
        EmbeddedAWSError: the folder or the server cannot be used.
    """
    folder = folder.absolute()
    prepare(folder)
    address = Address.read(folder)
    if port and address and address.port != port:
        stop_if_unused(folder)
    with lock(folder / USING, timeout, shared=True):
        with lock(folder / STARTING, timeout):
            found = find(folder, timeout) or _start(folder, port, timeout)
        if port and found.url != f"http://{HOST}:{port}":
            raise PortError(
                f"--port {port}: {NAME} of {folder} runs already, at {found.url}; "
                "stop it first, or leave the port out"
            )
        yield found


def find(folder: Path, timeout: float = 60) -> SharedAWS | None:
    """Return the running server of a folder, or None.

    Raises:
        EmbeddedAWSError: it runs, but does not answer in time.
    """
    deadline = time.monotonic() + timeout
    while is_held(folder / SERVING):
        address = Address.read(folder)
        if address and address.answers():
            return SharedAWS(
                url=address.url,
                folder=folder,
                token=address.token,
                pid=address.pid,
                is_new=False,
            )
        if time.monotonic() > deadline:
            who = f"process {address.pid}" if address else "its process"
            raise EmbeddedAWSError(
                f"{NAME} of {folder} does not answer; end {who}, and try again"
            )
        time.sleep(POLL_SECONDS)
    return None


def stop(folder: Path, timeout: float = ENDING_SECONDS) -> bool:
    """End the server of a folder, and return whether there was one.

    Raises:
        EmbeddedAWSError: it does not answer in time, so that it is not known which
            process it is.
    """
    found = find(folder, timeout)
    if found:
        _end(found)
    # Those that this process started would stay zombies.
    for place, process in started:
        if place == folder.absolute():
            _code(process)
    return found is not None


def stop_if_unused(folder: Path) -> bool:
    """End the server of a folder unless a command uses it; return whether it ended."""
    try:
        with lock(folder / USING, 0):
            return stop(folder)
    except InUseError:
        return False


def reset(folder: Path) -> int:
    """End the server of a folder, remove what it keeps, and return the bytes of it.

    Raises:
        InUseError: another command uses it.
    """
    if not folder.exists():
        return 0
    prepare(folder)
    with lock(folder / USING, 0), lock(folder / STARTING, ENDING_SECONDS):
        stop(folder)
        kept = _kept(folder)
        size = sum(map(_size, kept))
        for path in kept:
            remove(path)
    return size


def remove(path: Path) -> None:
    """Remove a file, or a folder, which may be elsewhere and linked, if it is there."""
    shutil.rmtree(path.resolve(), ignore_errors=True)
    path.unlink(missing_ok=True)


def prepare(folder: Path) -> None:
    """Make the folder, which only its user can read.

    Raises:
        EmbeddedAWSError: it cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.geteuid():
            raise EmbeddedAWSError(
                f"{folder}: belongs to another user; choose another folder"
            )
        if any(folder.iterdir()) and not any(map(os.path.exists, _marks(folder))):
            raise EmbeddedAWSError(
                f"{folder}: has files of something else; choose an empty folder"
            )
        folder.chmod(0o700)
        for name in LOCKS:
            (folder / name).touch(mode=0o600)
    except FileExistsError as error:
        raise EmbeddedAWSError(
            f"{folder}: is a file, and has to be a folder; move it away"
        ) from error
    except OSError as error:
        raise EmbeddedAWSError(
            f"{folder}: {str(error.strerror).lower()}; make it a folder that can be "
            "written, or choose another"
        ) from error


@contextmanager
def lock(path: Path, timeout: float, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock in a block; wait for at most so many seconds.

    Raises:
        InUseError: others hold it.
        EmbeddedAWSError: it cannot be locked.
        FileNotFoundError: there is no such lock.
    """
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + timeout
    with _opened(path) as file:
        while not _locked(file, operation):
            if time.monotonic() >= deadline:
                folder = path.parent
                raise InUseError(f"{NAME} of {folder} is in use by another command")
            time.sleep(POLL_SECONDS)
        yield


def is_held(path: Path) -> bool:
    """Return whether anybody holds a lock alone."""
    try:
        with lock(path, 0, shared=True):
            return False
    except InUseError:
        return True
    except FileNotFoundError:
        return False


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(str(error)) from error
    except OSError as error:
        text = f"{path}: {str(error.strerror).lower()}; choose another folder"
        raise EmbeddedAWSError(text) from error


def _locked(file: IO[bytes], operation: int) -> bool:
    try:
        fcntl.flock(file, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise EmbeddedAWSError(
            f"{file.name}: cannot be locked, {str(error.strerror).lower()}; choose a "
            "folder on a disk of this machine"
        ) from error
    return True


def _start(folder: Path, port: int, timeout: float) -> SharedAWS:
    check_port(port)
    options = ("--idle-minutes", f"{IDLE_MINUTES:g}")
    try:
        with (folder / LOG).open("ab", buffering=0) as log:
            log.write(STARTS.encode())
            process = popen(port, folder, options, stdin=subprocess.DEVNULL, log=log)
    except OSError as error:
        raise EmbeddedAWSError(f"{folder / LOG}: {error.strerror}") from error
    started.append((folder, process))
    assert process.stdout is not None
    with process.stdout:
        try:
            url = wait_until_ready(process, folder / LOG, timeout)
        except EmbeddedAWSError:
            process.kill()
            process.wait(ENDING_SECONDS)
            raise
    address = Address.read(folder)
    token = address.token if address else ""
    return SharedAWS(url=url, folder=folder, token=token, pid=process.pid)


def _end(found: SharedAWS) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(found.pid, number)
        except ProcessLookupError:
            return
        if _wait_until_free(found.folder / SERVING, ENDING_SECONDS):
            return


def _code(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code of a process that ends; its locks are free before."""
    try:
        return process.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def _wait_until_free(path: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_held(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _marks(folder: Path) -> list[Path]:
    """Return the files of which one is in every folder that was used before."""
    return [folder / name for name in (*LOCKS, DATABASE, ADDRESS, LOG)]


def _kept(folder: Path) -> list[Path]:
    """Return what is ours in a folder; there may be files of others beside it."""
    database = [f"{DATABASE}{end}" for end in ("", "-wal", "-shm")]
    return [
        folder / name
        for name in (*database, OBJECTS, TEMPORARY, ADDRESS, f"{ADDRESS}.new", LOG)
    ]


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())
