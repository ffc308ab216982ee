"""The messages between the process that kernels are forked from and its owner.

The owner sends imports to preload, and for each kernel a request with open files: the
kernel's own socket, input, output and error. Over the kernel's socket comes the answer,
its process id or why it has to start cold; closing it ends the kernel.
"""

import contextlib
import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

LONGEST_MESSAGE = 1 << 20
DESCRIPTORS = 4  # of one message: a kernel's socket, input, output and error


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a kernel is started: the launcher's arguments, folder and environment."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A kernel to start, once as many imports are done as it needs."""

    launch: Launch
    needs: int
    own: frozenset[str]  # modules of the notebook's own that it may import
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
        """Close input, output and error, which the kernel has by now."""
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


def answer(handle: int, message: Mapping[str, Any]) -> None:
    """Answer a kernel's request, if the owner still listens."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        os.write(handle, json.dumps(message).encode())
