"""RecordIO files of protobuf records, written out byte by byte."""

import struct

import numpy as np
import pytest
from sagemaker_xgboost.container.recordio import (
    read_frames,
    read_records,
    write_bytes,
    write_frame,
    write_record,
    write_varint,
)
from sagemaker_xgboost.container.rows import stack_records

FEATURES, LABEL = 1, 2
FLOAT32, FLOAT64, INT32 = 2, 3, 7


def tensor(kind: int, values: bytes, keys: bytes = b"", shape: bytes = b"") -> bytes:
    """Write a tensor of this kind from its packed parts."""
    parts = [(1, values), (2, keys), (3, shape)]
    content = b"".join(write_bytes(number, part) for number, part in parts if part)
    return write_bytes(kind, content)


def entry(field: int, value: bytes, name: bytes = b"values") -> bytes:
    """Write one entry of a record's features or labels."""
    return write_bytes(field, write_bytes(1, name) + write_bytes(2, value))


def packed(form: str, *values: float) -> bytes:
    """Pack numbers one after the other."""
    return struct.pack(f"<{len(values)}{form}", *values)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (FLOAT32, packed("f", 1.5, -2)),
        (FLOAT64, packed("d", 1.5, -2)),
        (INT32, write_varint(3) + write_varint(2**64 - 2)),
    ],
)
def test_dense_records_of_every_number_type(kind, values):
    """Rows are stacked, labels follow them."""
    label = entry(LABEL, tensor(FLOAT32, packed("f", 7)))
    record = write_frame(entry(FEATURES, tensor(kind, values)) + label)
    features, labels = stack_records(read_records(record + record))
    first = 3 if kind == INT32 else 1.5
    assert features.tolist() == [[first, -2], [first, -2]]
    assert labels.tolist() == [7, 7]


def test_sparse_records_have_keys_and_a_width():
    """What has no key is missing; the width may be larger than any key."""
    sparse = tensor(FLOAT32, packed("f", 5, 6), bytes([0, 2]), write_varint(300))
    features, labels = stack_records(read_records(write_frame(entry(FEATURES, sparse))))
    assert features.shape == (1, 300)
    assert dict(zip(features.indices, features.data, strict=True)) == {0: 5, 2: 6}
    assert labels is None


def test_other_features_are_ignored():
    """Only what is called `values` is read."""
    other = entry(FEATURES, tensor(FLOAT32, packed("f", 9)), b"other")
    values = entry(FEATURES, tensor(FLOAT32, packed("f", 1)))
    features, _ = stack_records(read_records(write_frame(other + values)))
    assert features.tolist() == [[1]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "No records found in RecordIO-Protobuf data"),
        (b"12345678", "Invalid RecordIO magic at offset 0"),
        (struct.pack("<II", 0xCED7230A, 9) + b"x", "Truncated record at offset 8"),
        (write_frame(b"\xff\xff\xff\xff"), "Error parsing message"),
        (write_frame(b"\x0f"), "Error parsing message"),
        (write_frame(b"\x0a\x05x"), "Error parsing message"),
    ],
)
def test_what_is_no_record_is_refused(body, message):
    """Neither the frame nor the message may be anything else."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        stack_records(read_records(body))


def test_records_are_written_as_they_are_read():
    """Labels become tensors of 32-bit floats in a frame padded to four bytes."""
    frame = write_frame(write_record({"values": [0.25, 0.75]}))
    [record] = read_records(frame)
    assert len(frame) % 4 == 0
    assert record.features is None
    np.testing.assert_array_equal(record.label.values, [0.25, 0.75])


def test_a_long_message_is_framed_whole():
    """Lengths above 127 take more than one byte."""
    message = write_record({"scores": [0.5] * 100})
    assert list(read_frames(write_frame(message))) == [message]
