"""UBJSON as XGBoost writes it, read within limits.

Arrays of numbers of one type become numpy's; they are views of the content, so that
none is larger than what is there.
"""

import struct
from typing import Any

import numpy as np

MAX_DEPTH = 32
# By marker the type of a number, as both struct and numpy spell it.
NUMBERS = {
    b"i": ">b",
    b"U": ">B",
    b"I": ">h",
    b"l": ">i",
    b"L": ">q",
    b"d": ">f",
    b"D": ">d",
}
CONSTANTS = {b"Z": None, b"T": True, b"F": False}


class UBJSONError(ValueError):
    """Report what is not UBJSON, or not as XGBoost writes it."""


def loads(content: bytes | bytearray) -> Any:
    """Read one value, and nothing after it."""
    reader = _Reader(content)
    value = reader.value(reader.take(1), 0)
    if reader.place != len(content):
        raise UBJSONError("something follows its end")
    return value


class _Reader:
    def __init__(self, content: bytes | bytearray) -> None:
        self.content = memoryview(content)
        self.place = 0

    def take(self, count: int) -> bytes:
        """Return so many of the next bytes."""
        end = self.place + count
        if count < 0 or end > len(self.content):
            raise UBJSONError("it ends too early")
        taken = self.content[self.place : end]
        self.place = end
        return bytes(taken)

    def value(self, marker: bytes, depth: int) -> Any:
        """Read what follows a marker."""
        if depth > MAX_DEPTH:
            raise UBJSONError("it is nested too deep")
        if marker == b"{":
            return self.object(depth)
        if marker == b"[":
            return self.array(depth)
        if marker == b"S":
            return self.text()
        if marker in CONSTANTS:
            return CONSTANTS[marker]
        return self.number(marker)

    def number(self, marker: bytes) -> int | float:
        if marker not in NUMBERS:
            raise UBJSONError(f"it has the marker {marker!r}")
        kind = NUMBERS[marker]
        number: int | float
        (number,) = struct.unpack(kind, self.take(struct.calcsize(kind)))
        return number

    def length(self) -> int:
        number = self.number(self.take(1))
        if not isinstance(number, int) or number < 0:
            raise UBJSONError("it has a length that is none")
        return number

    def text(self) -> str:
        try:
            return self.take(self.length()).decode()
        except UnicodeDecodeError as error:
            raise UBJSONError("it has a text that is not UTF-8") from error

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while bytes(self.content[self.place : self.place + 1]) != b"}":
            name = self.text()
            if name in found:
                raise UBJSONError(f"it has {name[:50]!r} twice")
            found[name] = self.value(self.take(1), depth + 1)
        self.place += 1
        return found

    def array(self, depth: int) -> Any:
        marker = self.take(1)
        if marker == b"$":
            return self.typed()
        if marker == b"#":
            # Each value takes a byte at least, so it ends where the content does.
            count = range(self.length())
            return [self.value(self.take(1), depth + 1) for _ in count]
        found = []
        while marker != b"]":
            found.append(self.value(marker, depth + 1))
            marker = self.take(1)
        return found

    def typed(self) -> Any:
        marker = self.take(1)
        if marker not in NUMBERS or self.take(1) != b"#":
            raise UBJSONError("it has an array of a type that is none of a number")
        count, kind = self.length(), np.dtype(NUMBERS[marker])
        if count * kind.itemsize > len(self.content) - self.place:
            raise UBJSONError("it ends too early")
        start, self.place = self.place, self.place + count * kind.itemsize
        return np.frombuffer(self.content, kind, count, start)
