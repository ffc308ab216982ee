"""Environments of models: made by uv from a lock, once for all clones of a user.

The packages are in the user's cache, in a folder that is named by what it was made from
and is there only when it is complete. A clone has a virtual environment of a few files,
which finds those packages and then the modules of the clone: no path of a clone is in
what clones share.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import IO

from runner.errors import FileError, RequirementsError, StoppedError

CACHE_VARIABLE = "RUNNER_ENVIRONMENTS"
# In the clone, and ignored by git: the virtual environments themselves.
CLONE_FOLDER = ".environments"
# What is not used for so long is removed when another one is made.
UNUSED_DAYS = 30
# uv downloads what its cache does not have.
UV_SECONDS = 3600
POLL_SECONDS = 0.1
# Where this repository's own modules are, beside its folder itself.
SOURCES = "packages/*/src"
# The clone whose runner this is.
HOME = Path(__file__).resolve().parents[2]
# What a person's notebooks load, as those of .venv do; `runner run` loads no extension.
EXTENSION = 'c.IPKernelApp.extensions = ["runner.cli.desk"]\n'

Say = Callable[[str], object]
Stopped = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A virtual environment of this clone.

    Attributes:
        lock: what it was made from.
        python: its interpreter.
        path: the folders in which it finds modules that are not Python's own.
    """

    lock: Path
    python: Path
    path: tuple[str, ...]

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return an environment in which `python` is this one's."""
        known = environment.get("PATH", os.defpath)
        return {**environment, "PATH": f"{self.python.parent}{os.pathsep}{known}"}


def cache_folder() -> Path:
    """Return where the packages of all environments are."""
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "model-runner" / "environments"


def is_made(lock: Path) -> bool:
    """Return whether the packages of a lock are there."""
    return _packages_of(lock).is_dir()


def clone_folder(root: Path, name: str, lock: Path) -> Path:
    """Return where the virtual environment of a model is, or will be."""
    return root / CLONE_FOLDER / f"{name}-{_packages_of(lock).name}"


def make_environment(
    root: Path,
    name: str,
    lock: Path,
    say: Say,
    stopped: Stopped = lambda: False,
) -> Environment:
    """Return the environment of a lock; make it unless it is there.

    Args:
        root: the repository, whose modules it finds.
        name: of the model, by which its folder in the clone is known.
        say: is told what takes time.
        stopped: is asked now and then whether to give up.

    Raises:
        RequirementsError: uv is not there, or cannot install the lock.
        FileError: a folder cannot be written.
        StoppedError: it was told to stop.
    """
    packages = _packages_of(lock)
    try:
        if not packages.is_dir():
            _make_packages(packages, name, lock, say, stopped)
        # Remembers that it is used.
        os.utime(packages)
        return _in_clone(root, name, lock, packages)
    except OSError as error:
        raise FileError.of(error, packages) from error


def run_uv(
    *arguments: str | Path,
    cwd: Path | None = None,
    stdin: str = "",
    stopped: Stopped = lambda: False,
    keep_open: Sequence[int] = (),
) -> None:
    """Run uv to its end.

    Args:
        keep_open: files that stay open as long as uv runs, whatever becomes of us.

    Raises:
        RequirementsError: uv is not there, or fails; the message is its reason.
        StoppedError: it was told to stop.
    """
    beside = sysconfig.get_path("scripts")
    uv = shutil.which("uv", path=beside) or shutil.which("uv")
    if uv is None:
        raise RequirementsError("uv is not installed; run `make setup`, or install it")
    dropped = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    variables = {k: v for k, v in os.environ.items() if k not in dropped}
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        process = subprocess.Popen(
            [uv, *map(str, arguments)],
            cwd=cwd,
            env=variables,
            stdin=given,
            stdout=told,
            stderr=told,
            pass_fds=keep_open,
        )
        deadline = time.monotonic() + UV_SECONDS
        while process.poll() is None:
            if stopped() or time.monotonic() > deadline:
                process.kill()
                process.wait()
                if stopped():
                    raise StoppedError("told to stop, while uv ran")
                raise RequirementsError(f"uv: not done in {UV_SECONDS} s")
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
        told.seek(0)
        if process.returncode:
            raise RequirementsError(_reason(told.read().decode(errors="replace")))


def _reason(text: str) -> str:
    """Return in one line why uv failed, without its hints."""
    kept = re.split(r"\n\s*hint:", text)[0]
    line = " ".join(kept.split()).removeprefix("error: ")
    return line.replace(" cause: ", ": ") or "uv failed, and says nothing"


def _packages_of(lock: Path) -> Path:
    """Return the folder of a lock's packages: named by all that makes them differ."""
    about = (platform.python_version(), sysconfig.get_config_var("SOABI") or "")
    parts = [*about, sysconfig.get_platform(), *asked_lines(lock.read_text("utf-8"))]
    return cache_folder() / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def asked_lines(text: str) -> list[str]:
    """Return the lines of a requirements file or a lock without comments."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def _make_packages(
    packages: Path, name: str, lock: Path, say: Say, stopped: Stopped
) -> None:
    """Install a lock into a folder that gets its name when it is complete."""
    packages.parent.mkdir(parents=True, exist_ok=True)
    with _locked(packages.with_suffix(".lock"), name, say, stopped) as held:
        if packages.is_dir():
            return
        count = len(
            {line.partition("=")[0] for line in asked_lines(lock.read_text("utf-8"))}
        )
        some = f"{count} package{'s' * (count != 1)}"
        say(f"makes the environment of {name}: {some}")
        new = packages.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)

        def uv(*arguments: str | Path) -> None:
            run_uv(*arguments, cwd=lock.parent, stopped=stopped, keep_open=[held])

        base = getattr(sys, "_base_executable", None) or sys.executable
        install = ("pip", "sync", "--quiet", "--python", new / "bin" / "python")
        try:
            uv("venv", "--quiet", "--relocatable", "--python", base, new)
            try:
                # Asks no index whether it knows more than uv's cache.
                uv(*install, "--offline", lock)
            except RequirementsError:
                uv(*install, lock)
        except RequirementsError as error:
            shutil.rmtree(new, ignore_errors=True)
            raise RequirementsError(
                f"{_shown(lock)}: the environment of {name} cannot be made: {error}"
            ) from error
        _share_bytecode(new)
        new.rename(packages)
    _remove_unused(packages.parent)


def _share_bytecode(environment: Path) -> None:
    """Link what is compiled here already of files that an environment has, too.

    It would take the first kernel many seconds to compile them. uv links the files of
    its cache: those of another version are never the same, whatever their time and
    size, by which Python tells whether a file is the one that was compiled. The paths
    that are compiled in are put right by Python's import.
    """
    here = _site_folders(Path(sys.prefix))
    for site, ours in zip(_site_folders(environment), here, strict=True):
        for folder, _, names in os.walk(site):
            same = ours / Path(folder).relative_to(site)
            if (same / "__pycache__").is_dir():
                (Path(folder) / "__pycache__").mkdir(exist_ok=True)
                for name in names:
                    source = Path(folder, name)
                    # What is not here, or cannot be linked, is compiled when needed.
                    with suppress(OSError):
                        if source.suffix == ".py" and source.samefile(same / name):
                            compiled = Path(cache_from_source(source))
                            compiled.hardlink_to(cache_from_source(same / name))


def _remove_unused(cache: Path) -> None:
    """Remove what nobody has used for long; whoever needs it makes it again."""
    before = time.time() - UNUSED_DAYS * 24 * 3600
    for folder in cache.iterdir():
        if not folder.is_dir() or folder.stat().st_mtime > before:
            continue
        with suppress(BlockingIOError), folder.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # What is half removed has no name by which it would be found.
            gone = folder.with_suffix(".old")
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def _locked(path: Path, name: str, say: Say, stopped: Stopped) -> Iterator[int]:
    """Let one process at a time make an environment; a uv that is left holds on to it.

    Yields:
        The descriptor that holds the lock.
    """

    def on_wait() -> str:
        say(f"waits for the environment of {name}, which another run makes")
        return "an environment"

    with path.open("a") as file:
        if not lock_file(file, UV_SECONDS, stopped, on_wait):
            raise RequirementsError(
                f"{path}: still locked after {UV_SECONDS} s; end what makes the "
                f"environment of {name}"
            )
        yield file.fileno()


def lock_file(
    file: IO[str], seconds: float, stopped: Stopped, on_wait: Callable[[], str]
) -> bool:
    """Lock an open file, which ends with the process; wait while another one has it.

    Args:
        on_wait: called once, before it waits; names what it waits for.

    Returns:
        Whether it is locked: another process may have it longer than these seconds.

    Raises:
        StoppedError: it was told to stop.
    """
    deadline, waits_for = time.monotonic() + seconds, ""
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        waits_for = waits_for or on_wait()
        if stopped():
            raise StoppedError(f"told to stop, while it waited for {waits_for}")
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)


def _in_clone(root: Path, name: str, lock: Path, packages: Path) -> Environment:
    """Return the virtual environment of this clone that finds some packages."""
    installed = [*dict.fromkeys(map(str, _site_folders(packages)))]
    homes = dict.fromkeys((root.resolve(), HOME))
    own = [path for home in homes for path in (home, *sorted(home.glob(SOURCES)))]
    path = (*installed, *map(str, own))
    folder = clone_folder(root, name, lock)
    # As `site` reads it: packages with path files of their own, then folders.
    lines = [f"import site; site.addsitedir({one!r})" for one in installed]
    text = "".join(f"{one}\n" for one in [*lines, *map(str, own)])
    python = folder / "bin" / "python"
    listed = next(iter(_site_folders(folder))) / "runner.pth"
    if not (python.exists() and listed.is_file() and listed.read_text() == text):
        _write_clone(folder, text)
    return Environment(lock=lock, python=python.absolute(), path=path)


def _write_clone(folder: Path, lines: str) -> None:
    """Write a virtual environment; of several processes that do, the first one does."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    venv.create(new, symlinks=True)
    for script in (new / "bin").glob("[aA]ctivate*"):
        # It would name the folder that this one is not for long.
        script.unlink()
    (next(iter(_site_folders(new))) / "runner.pth").write_text(lines, encoding="utf-8")
    config = new / "etc" / "ipython" / "ipython_kernel_config.py"
    config.parent.mkdir(parents=True)
    config.write_text(EXTENSION, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        new.rename(folder)
    except OSError:
        shutil.rmtree(new)
        if not folder.is_dir():
            raise


def _site_folders(environment: Path) -> dict[Path, None]:
    """Return the folders of packages in a virtual environment."""
    at = {"base": str(environment), "platbase": str(environment)}
    found = (sysconfig.get_path(one, "venv", at) for one in ("purelib", "platlib"))
    return dict.fromkeys(map(Path, found))


def _shown(lock: Path) -> str:
    """Return a lock's path as the repository has it."""
    return "/".join(lock.parts[-3:])
