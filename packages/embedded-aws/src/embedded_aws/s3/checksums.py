"""Checksums of contents: computed as S3 does, and compared with what a client sent."""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from moto.s3.exceptions import S3ClientError

from embedded_aws.files import Content, StoredFile

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
# The polynomials, least significant bit first, of those that Python has not.
POLYNOMIALS = {"CRC32C": (0x82F63B78, 32), "CRC64NVME": (0x9A6C9329AC4BC9B5, 64)}
# So many parts of a content are read side by side.
LANES = 4096
HASHED = re.compile(r"[0-9a-f]{64}")
NOT_HASHED = ("UNSIGNED-PAYLOAD", "STREAMING-")


class BadDigestError(S3ClientError):
    """Report content that is not what its checksum says."""

    code = "BadDigest"


class InvalidDigestError(S3ClientError):
    """Report a checksum that is none."""

    code = "InvalidDigest"


class HashMismatchError(S3ClientError):
    """Report content that is not what was signed."""

    code = "XAmzContentSHA256Mismatch"


def check_content(
    headers: Mapping[str, str],
    stored: StoredFile,
    sha256: str,
    content: Iterable[bytes],
) -> None:
    """Raise S3's error for content that is not what its headers say.

    Args:
        headers: of the request, and those that follow its body, by small name.
        sha256: of the content, where `signed_hash` needs one.
    """
    if (given := headers.get("content-md5")) is not None:
        if len(_decoded(given)) != 16:
            raise InvalidDigestError("The Content-MD5 you specified is not valid.")
        if _decoded(given).hex() != stored.md5:
            raise BadDigestError(
                "The Content-MD5 you specified did not match what we received."
            )
    if signed_hash(headers) not in ("", sha256):
        raise HashMismatchError(
            "The provided 'x-amz-content-sha256' header does not match what was "
            "computed."
        )
    for algorithm in ALGORITHMS:
        given = headers.get(f"x-amz-checksum-{algorithm.lower()}")
        if given is not None and _decoded(given) != checksum(content, algorithm):
            raise BadDigestError(
                f"The {algorithm} you specified did not match the calculated checksum."
            )


def check_body(headers: Mapping[str, str], body: bytes) -> None:
    """Raise S3's error for a document that is not what its headers say."""
    if body:
        stored = StoredFile(
            name="",
            size=len(body),
            md5=hashlib.md5(body, usedforsecurity=False).hexdigest(),
        )
        check_content(headers, stored, hashlib.sha256(body).hexdigest(), [body])


def signed_hash(headers: Mapping[str, str]) -> str:
    """Return the SHA-256 that a content was signed with, or nothing."""
    given = headers.get("x-amz-content-sha256", "")
    if not given or given.startswith(NOT_HASHED):
        return ""
    if not HASHED.fullmatch(given):
        raise InvalidDigestError(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
            "or a valid sha256 value."
        )
    return given


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def checksum(chunks: Iterable[bytes], algorithm: str) -> bytes:
    """Compute a checksum of S3's, for instance `SHA256`, or raise S3's error."""
    if algorithm in ("SHA1", "SHA256"):
        digest = hashlib.new(algorithm, usedforsecurity=False)
        for chunk in chunks:
            digest.update(chunk)
        return digest.digest()
    if algorithm == "CRC32":
        total = 0
        for chunk in chunks:
            total = zlib.crc32(chunk, total)
        return total.to_bytes(4, "big")
    if algorithm not in POLYNOMIALS:
        known = ", ".join(ALGORITHMS)
        raise S3ClientError(
            "InvalidRequest",
            f"Checksum algorithm {algorithm[:20]!r} is not one of {known}.",
        )
    polynomial, bits = POLYNOMIALS[algorithm]
    return _cyclic(chunks, polynomial, bits).to_bytes(bits // 8, "big")


def checksum_of(
    body: bytes | Content, algorithm: str, encode_base64: bool = True
) -> bytes:
    """Compute a checksum as moto does, of what need not be in memory."""
    chunks = [body] if isinstance(body, bytes) else body
    total = checksum(chunks, algorithm.upper())
    return base64.b64encode(total) if encode_base64 else total


def _cyclic(chunks: Iterable[bytes], polynomial: int, bits: int) -> int:
    """Compute a cyclic redundancy check, of many parts of each chunk side by side.

    Bytes are taken one after the other, which in Python takes a second for 7 MB.
    numpy takes a byte of each part at once; what the parts give is then joined.
    """
    ones = (1 << bits) - 1
    total = ones
    for chunk in chunks:
        length = len(chunk) // LANES
        if length:
            parts = _parts(chunk[: length * LANES], length, polynomial)
            for part in parts:
                total = _shift(total, _zeros(polynomial, bits, length)) ^ part
        for byte in chunk[length * LANES :]:
            total = _table(polynomial)[(total ^ byte) & 0xFF] ^ (total >> 8)
    return total ^ ones


def _parts(chunk: bytes, length: int, polynomial: int) -> list[int]:
    """Return the check of each of so many parts of a chunk."""
    # Other algorithms need it not, and it takes longer to import than they do.
    import numpy as np

    table: np.ndarray[Any, Any] = np.array(_table(polynomial), dtype=np.uint64)
    columns = np.frombuffer(chunk, np.uint8).reshape(LANES, length).T.copy()
    found = np.zeros(LANES, dtype=np.uint64)
    for column in columns:
        found = table[(found ^ column) & np.uint64(0xFF)] ^ (found >> np.uint64(8))
    return [int(each) for each in found]


@cache
def _table(polynomial: int) -> list[int]:
    """Return what each value of a byte adds."""
    table = list(range(256))
    for _ in range(8):
        table = [(value >> 1) ^ (polynomial if value & 1 else 0) for value in table]
    return table


@cache
def _zeros(polynomial: int, bits: int, length: int) -> tuple[tuple[int, ...], ...]:
    """Return, for each byte of a check, what its values become after so many zeros."""
    table = _table(polynomial)
    tables = []
    for place in range(bits // 8):
        single = []
        for bit in range(8):
            value = 1 << (8 * place + bit)
            for _ in range(length):
                value = table[value & 0xFF] ^ (value >> 8)
            single.append(value)
        values = [0] * 256
        for byte in range(1, 256):
            low = byte & -byte
            values[byte] = values[byte ^ low] ^ single[low.bit_length() - 1]
        tables.append(tuple(values))
    return tuple(tables)


def _shift(total: int, zeros: tuple[tuple[int, ...], ...]) -> int:
    """Return what a check becomes after so many zeros."""
    result = 0
    for place, table in enumerate(zeros):
        result ^= table[(total >> (8 * place)) & 0xFF]
    return result
