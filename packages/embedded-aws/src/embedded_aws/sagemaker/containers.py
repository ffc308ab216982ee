"""Processes in the place of containers: their environment, their /opt/ml, their end."""

import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from embedded_aws import account
from embedded_aws.images import ImageEnvironment

ML = "/opt/ml"
# What AWS gives a stopped job to save its work in.
GRACE_SECONDS = 120.0
# Variables of this machine that a container has, too: the ways out and the caches.
PASSED_ON = (
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TZ",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)
# As the Dockerfiles of the images set them.
OF_IMAGES = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "UTF-8",
    "PYTHONUNBUFFERED": "1",
    # Threads that spin while they wait would slow down everything else here.
    "OMP_WAIT_POLICY": "PASSIVE",
}
LAYER_CONFIG = "pyvenv.cfg"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Shows $1 as /opt/ml. Where that does not exist, a new /opt is made in $2, of what is
# in the old one and of it. $3 takes the place of /etc/hosts, $4 is the host's name.
MOUNT = """
if [ ! -d /opt/ml ]; then
    mount -t tmpfs tmpfs "$2" || exit 125
    for each in /opt/* /opt/.[!.]*; do
        new="$2/${each##*/}"
        if [ -L "$each" ]; then cp -P "$each" "$new"
        elif [ -d "$each" ]; then mkdir "$new" && mount --rbind "$each" "$new"
        elif [ -e "$each" ]; then : >"$new" && mount --bind "$each" "$new"
        fi || exit 125
    done
    mkdir "$2/ml" && mount --rbind "$2" /opt || exit 125
fi
mount --bind "$1" /opt/ml || exit 125
if [ -n "$3" ] && [ -e /etc/hosts ]; then mount --bind "$3" /etc/hosts || exit 125; fi
hostname "$4" 2>/dev/null
cd "$5" || exit 125
shift 5
exec "$@"
"""
PROBE_SECONDS = 10
# How often it is noticed that a container has ended whose pipe is still held, and how
# long what it has written is read then.
POLL_SECONDS = 0.2
LAST_SECONDS = 2.0
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Host:
    """Hold one host of a job, or of an endpoint: its name, its number, its folders.

    `folder` has `ml`, which is its /opt/ml, and what the host needs beside it.
    """

    name: str
    folder: Path
    hosts: Sequence[str] = ("algo-1",)

    @property
    def ml(self) -> Path:
        """Return the folder that is the host's /opt/ml."""
        return self.folder / "ml"

    @property
    def number(self) -> int:
        """Return the position among all hosts, from 0."""
        return self.hosts.index(self.name)


@dataclass(frozen=True, kw_only=True)
class Command:
    """Hold what a container runs, and with which variables."""

    words: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    passed_files: Sequence[int] = field(default=())

    def on(self, host: Host) -> "Command":
        """Return the command that runs this one where the host's folder is /opt/ml.

        Without mount namespaces it is the same one with every /opt/ml replaced.
        """
        if not can_mount():
            return self._rewritten(str(host.ml))
        hosts = host.folder / "hosts"
        # All of 127.0.0.0/8 is this machine, so that each host has an address.
        lines = [f"127.0.0.{n} {name}\n" for n, name in enumerate(host.hosts, 1)]
        hosts.write_text("127.0.0.1 localhost\n" + "".join(lines))
        stage = host.folder / "opt"
        stage.mkdir(exist_ok=True)
        places = (host.ml, stage, hosts, host.name, self._visible_folder(host))
        mounted = [*unshare(), "sh", "-c", MOUNT, "sh", *map(str, places)]
        return replace(self, words=[*mounted, *self.words], folder=host.folder)

    def _visible_folder(self, host: Host) -> str:
        """Return the folder to start in as the host sees it."""
        inside = self.folder.is_relative_to(host.ml)
        return str(ML / self.folder.relative_to(host.ml) if inside else self.folder)

    def _rewritten(self, ml: str) -> "Command":
        words = [word.replace(ML, ml) for word in self.words]
        environment = {k: v.replace(ML, ml) for k, v in self.environment.items()}
        return replace(self, words=words, environment=environment)


def unshare() -> list[str]:
    """Return the command whose own command has mounts and a host name of its own."""
    return ["unshare", "--user", "--map-root-user", "--mount", "--uts"]


@cache
def can_mount() -> bool:
    """Return whether a process of this machine can have an /opt/ml of its own."""
    if shutil.which("unshare") is None or not Path("/opt").is_dir():
        return False
    with TemporaryDirectory(prefix="probe-") as folder:
        ml, stage = Path(folder, "ml"), Path(folder, "opt")
        for each in (ml, stage):
            each.mkdir()
        places = map(str, (ml, stage, "", "algo-1", "/"))
        command = [*unshare(), "sh", "-c", MOUNT, "sh", *places, "test", "-w", ML]
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, timeout=PROBE_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def make_layer(image: ImageEnvironment, folder: Path) -> Path:
    """Make an environment on top of an image's, and return its folder of programs.

    What a script installs goes there: the image's own environment never changes.
    """
    programs = folder / "bin"
    if (folder / LAYER_CONFIG).exists():
        return programs
    packages = folder / "lib" / f"python{image.version}" / "site-packages"
    for each in (programs, packages):
        each.mkdir(parents=True)
    # The packages' own .pth files count, as in the environment itself.
    lines = [f"import site; site.addsitedir({path!r})\n" for path in image.packages]
    (packages / "image.pth").write_text("".join(lines))
    for name in ("python", "python3", f"python{image.version}"):
        (programs / name).symlink_to(image.base)
    for name in ("pip", "pip3"):
        pip = programs / name
        pip.write_text(f'#!/bin/sh\nexec "{programs}/python" -m pip "$@"\n')
        pip.chmod(0o755)
    home = Path(image.base).parent
    (folder / LAYER_CONFIG).write_text(
        f"home = {home}\ninclude-system-site-packages = false\n"
    )
    return programs


def image_variables(image: ImageEnvironment | None, host: Host) -> dict[str, str]:
    """Return the variables that every container of an image has on a host."""
    passed = {
        key: value
        for key, value in os.environ.items()
        if key in PASSED_ON or key.startswith(("PIP_", "UV_"))
    }
    path = SYSTEM_PATH if image is not None else os.environ.get("PATH", SYSTEM_PATH)
    if image is not None:
        programs = make_layer(image, host.folder / "python")
        path = f"{programs}:{Path(image.python).parent}:{path}"
    return passed | OF_IMAGES | aws_variables() | {"PATH": path, "HOSTNAME": host.name}


# Where the server answers, for the scripts that it runs.
endpoint: list[str] = []


def aws_variables() -> dict[str, str]:
    """Return the variables that send a script's AWS clients to this server."""
    if not endpoint:
        return {}
    # Without the token: a script may not inject faults.
    given = account.environment(endpoint[-1], token="")
    return {k: v for k, v in given.items() if k.upper().startswith(("AWS_", "NO_"))}


# Every container that runs, for the server to kill at its own end.
containers: set["Container"] = set()
containers_lock = threading.Lock()


class Container:
    """Run a command in a process group of its own."""

    def __init__(self, command: Command, grace_seconds: float = GRACE_SECONDS) -> None:
        self.grace_seconds = grace_seconds
        self.process = subprocess.Popen(
            command.words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=command.environment,
            cwd=command.folder,
            pass_fds=command.passed_files,
            # It leads a process group, so that its children can be killed with it.
            start_new_session=True,
        )
        with containers_lock:
            containers.add(self)

    def run(self, log: Callable[[list[str]], None]) -> int:
        """Log the lines of output as they come, and return the exit code.

        What the command has left running ends with it, as in a container.
        """
        assert self.process.stdout is not None
        with self.process.stdout as output:
            rest = b""
            for chunk in self._chunks(output.fileno()):
                *lines, rest = (rest + chunk).split(b"\n")
                if lines:
                    log([_decode(line) for line in lines])
            if rest:
                log([_decode(rest)])
        code = self.process.wait()
        with containers_lock:
            containers.discard(self)
        return code

    def _chunks(self, descriptor: int) -> Iterator[bytes]:
        """Yield what is written, until nothing can write any more."""
        last = float("inf")
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while time.monotonic() < last:
                if selector.select(POLL_SECONDS):
                    chunk = os.read(descriptor, CHUNK_BYTES)
                    if not chunk:
                        return
                    yield chunk
                if last == float("inf") and self.process.poll() is not None:
                    _signal(-self.process.pid, signal.SIGKILL)
                    # Something that has left the process group may hold the pipe.
                    last = time.monotonic() + LAST_SECONDS

    def interrupt(self) -> None:
        """Terminate the container, and kill it if it does not end in time.

        SIGTERM goes to the processes that handle it: the shells and drivers above a
        script would end at once, and with them what it prints while it saves its work.
        """
        for process in handlers_of_sigterm(self.process.pid) or [-self.process.pid]:
            self.send(signal.SIGTERM, process)
        timer = threading.Timer(self.grace_seconds, self.send, [signal.SIGKILL])
        timer.daemon = True
        timer.start()

    def send(self, number: signal.Signals, process: int = 0) -> None:
        """Signal a process, or with its number negated its group, unless it has ended.

        Args:
            process: 0 for all processes of the container.
        """
        if self.process.poll() is None:
            _signal(process or -self.process.pid, number)


def _signal(process: int, number: signal.Signals) -> None:
    """Signal a process, or with its number negated its group, if there is one."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return


def _decode(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")


def handlers_of_sigterm(group: int) -> list[int]:
    """Return the processes of a group that handle SIGTERM, where /proc tells them."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        process = int(status.parent.name)
        try:
            if os.getpgid(process) != group:
                continue
            fields = dict(
                line.partition(":")[::2] for line in status.read_text().splitlines()
            )
        except (OSError, ValueError):
            # It has ended meanwhile.
            continue
        if int(fields.get("SigCgt", "0"), 16) >> (signal.SIGTERM - 1) & 1:
            found.append(process)
    return found


def kill_containers() -> None:
    """Kill every container that runs, with its children."""
    with containers_lock:
        for container in containers:
            container.send(signal.SIGKILL)
