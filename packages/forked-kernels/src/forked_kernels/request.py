"""What the runner asks the process that kernels are forked from, and is told."""

import contextlib
import json
import os
import selectors
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

LONGEST_MESSAGE = 1 << 20
DESCRIPTORS = 4  # of one message: a kernel's socket, input, output and error


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A command that starts a kernel, with what Popen is told besides."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A kernel to start, once what it imports is there."""

    launch: Launch
    needs: int  # so many of the imports
    own: frozenset[str]  # modules that the notebook finds in the repository
    handle: int
    streams: tuple[int, ...]

    @classmethod
    def of(cls, message: Mapping[str, Any], descriptors: Sequence[int]) -> Self:
        """Read a request from a message and the open files that came with it."""
        handle, *streams = descriptors
        return cls(
            launch=Launch(**message["launch"]),
            needs=message["needs"],
            own=frozenset(message["own"]),
            handle=handle,
            streams=tuple(streams),
        )

    def close(self) -> None:
        """Close the kernel's files, which it has by now."""
        for stream in self.streams:
            os.close(stream)


def send(
    control: socket.socket, message: Mapping[str, Any], descriptors: Sequence[int]
) -> None:
    """Send a message with open files."""
    socket.send_fds(control, [json.dumps(message).encode()], descriptors)


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Receive a message with open files; it is empty when the other end is closed."""
    try:
        text, descriptors, _, _ = socket.recv_fds(control, LONGEST_MESSAGE, DESCRIPTORS)
    except ConnectionResetError:
        return {}, []
    return json.loads(text or b"{}"), descriptors


def is_answered(handle: socket.socket, seconds: float) -> bool:
    """Wait a while for a message; `select` would refuse the 1,024th open file."""
    with selectors.PollSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def tell(handle: int, message: Mapping[str, Any]) -> None:
    """Tell the runner something of one kernel, if it still listens."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        os.write(handle, json.dumps(message).encode())


def end_group(pid: int) -> None:
    """Kill a kernel with all that it started, and collect it."""
    for kill in (os.killpg, os.kill):  # it may not lead its group yet
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
