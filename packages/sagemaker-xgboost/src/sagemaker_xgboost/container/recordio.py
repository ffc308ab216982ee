"""RecordIO files of protobuf records, as SageMaker's algorithms exchange them."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MAGIC = 0xCED7230A

FEATURES, LABEL = 1, 2
KEY, VALUE = 1, 2
VALUES, KEYS, SHAPE = 1, 2, 3
TENSORS: Mapping[int, Any] = {2: np.float32, 3: np.float64, 7: np.int32}

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Tensor:
    """The numbers of one record under one name; with keys it is sparse."""

    values: "np.ndarray[Any, Any]"
    keys: "np.ndarray[Any, Any]"
    width: int | None


@dataclass(frozen=True)
class Record:
    """One row: its features and its labels."""

    features: Tensor | None
    label: Tensor | None


def read_records(body: bytes) -> Iterator[Record]:
    """Read every record of a RecordIO file."""
    for frame in read_frames(body):
        fields = list(read_fields(frame))
        yield Record(find_values(fields, FEATURES), find_values(fields, LABEL))


def read_frames(body: bytes) -> Iterator[bytes]:
    """Cut a RecordIO file into the messages that it holds."""
    offset = 0
    while offset + 8 <= len(body):
        magic, length = struct.unpack_from("<II", body, offset)
        if magic != MAGIC:
            raise ValueError(f"Invalid RecordIO magic at offset {offset}")
        offset += 8
        padded = -(-length // 4) * 4
        if offset + padded > len(body):
            raise ValueError(f"Truncated record at offset {offset}")
        yield body[offset : offset + length]
        offset += padded


def write_frame(message: bytes) -> bytes:
    """Frame one message, padded to four bytes."""
    padding = b"\0" * (-len(message) % 4)
    return struct.pack("<II", MAGIC, len(message)) + message + padding


def write_record(labels: Mapping[str, Sequence[float]]) -> bytes:
    """Write a record whose labels are tensors of 32-bit floats."""
    entries = []
    for name, values in labels.items():
        packed = np.asarray(values, dtype="<f4").tobytes()
        tensor = write_bytes(VALUES, packed) if packed else b""
        value = write_bytes(2, tensor)
        entry = write_bytes(KEY, name.encode()) + write_bytes(VALUE, value)
        entries.append(write_bytes(LABEL, entry))
    return b"".join(entries)


def write_bytes(number: int, content: bytes) -> bytes:
    """Write one field of a protobuf message."""
    return write_varint(number << 3 | LENGTH) + write_varint(len(content)) + content


def write_varint(value: int) -> bytes:
    """Write a number in groups of seven bits, the lowest first."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def read_varint(message: bytes, offset: int) -> tuple[int, int]:
    """Read a number written in groups of seven bits, and the offset after it."""
    value = shift = 0
    while True:
        if offset >= len(message) or shift > 63:
            raise ValueError("Error parsing message")
        group = message[offset]
        value |= (group & 0x7F) << shift
        offset, shift = offset + 1, shift + 7
        if group < 0x80:
            return value, offset


def read_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Read the fields of a protobuf message, each as its number and its bytes."""
    offset = 0
    while offset < len(message):
        tag, offset = read_varint(message, offset)
        kind = tag & 7
        if kind == LENGTH:
            size, offset = read_varint(message, offset)
        elif kind == VARINT:
            size = read_varint(message, offset)[1] - offset
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise ValueError("Error parsing message")
        if offset + size > len(message):
            raise ValueError("Error parsing message")
        yield tag >> 3, message[offset : offset + size]
        offset += size


def find_values(fields: Sequence[tuple[int, bytes]], number: int) -> Tensor | None:
    """Find the tensor that a record keeps under the name `values`."""
    found = None
    for field, entry in fields:
        parts = dict(read_fields(entry)) if field == number else {}
        if parts.get(KEY) == b"values":
            found = read_tensor(parts.get(VALUE, b""))
    return found


def read_tensor(value: bytes) -> Tensor | None:
    """Read the tensor of a value; of any other kind there is none."""
    for number, content in read_fields(value):
        if number in TENSORS:
            dtype = TENSORS[number]
            fields = list(read_fields(content))
            shape = read_integers(fields, SHAPE)
            return Tensor(
                values=read_numbers(fields, dtype),
                keys=np.asarray(read_integers(fields, KEYS), dtype=np.int64),
                width=shape[0] if shape else None,
            )
    return None


def read_numbers(
    fields: Sequence[tuple[int, bytes]], dtype: Any
) -> "np.ndarray[Any, Any]":
    """Read the numbers of a tensor."""
    if dtype is np.int32:
        # Negative numbers are written as 64-bit ones.
        whole = np.asarray(read_integers(fields, VALUES), dtype=np.uint64)
        return whole.astype(np.int64).astype(np.int32)
    packed = b"".join(content for number, content in fields if number == VALUES)
    return np.frombuffer(packed, dtype=np.dtype(dtype).newbyteorder("<")).astype(dtype)


def read_integers(fields: Sequence[tuple[int, bytes]], number: int) -> list[int]:
    """Read whole numbers, packed or one by one."""
    found = []
    for field, content in fields:
        offset = 0
        while field == number and offset < len(content):
            value, offset = read_varint(content, offset)
            found.append(value)
    return found
