"""A known value in whatever spelling, and the bytes behind encoded text.

`Known` finds a value that is escaped for JSON, HTML, Python, a shell or a URL, that is
wrapped over lines or has a terminal's colours inside. `encoded` reads what is encoded.
"""

import base64
import binascii
import bz2
import codecs
import html
import json
import lzma
import re
import string
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from urllib.parse import quote, quote_plus, unquote

ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z_])")
ESCAPE = re.compile(
    r"(?<!\\)\\++(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|([0-3][0-7]{2}))"
)
PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# What stands between the parts of a wrapped text, and is no part of it.
BETWEEN = string.whitespace + "\"'`\\|│┃"
GAPS = dict.fromkeys(map(ord, BETWEEN))
BACKSLASHES = r"(?:\\++(?=[ux0-7]))?"  # of a first character that is escaped
# Without gaps, a shorter value would be found in other words.
LEAST = 8
# Base64 over several lines; hexadecimal digits, also apart; base32; numbers of bytes.
BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{60,}\r?\n[ \t]*)*[A-Za-z0-9+/_-]{11,}={0,2}")
HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:0x)?[0-9A-Fa-f]{16,}(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])(?:(?:0x)?[0-9A-Fa-f]{2}[ :,-]{1,2}){7,}(?:0x)?[0-9A-Fa-f]{2}\b"
    r"|(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{4} ){3,}[0-9A-Fa-f]{2,4}\b"
)
BASE32 = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z2-7]{13,}|[a-z2-7]{13,})={0,6}(?![a-z0-9=])"
)
BYTES = re.compile(r"(?<![\d.])(?:\d{2,3},\s*){7,}\d{2,3}(?![\d.])")
# So much of what is compressed is read.
MOST_BYTES = 4_000_000


def plain(text: str) -> str:
    """Return a text without colours, entities, escapes and percent signs."""
    if "\x1b" in text:
        text = ANSI.sub("", text)
    if "&" in text:
        text = html.unescape(text)
    if "\\" in text:
        text = ESCAPE.sub(_unescaped, text)
    if "%" in text:
        text = PERCENT.sub(lambda found: unquote(found[0]), text)
    return text


def _unescaped(found: re.Match[str]) -> str:
    point = int(found[4], 8) if found[4] else int(found[1] or found[2] or found[3], 16)
    # Half a character, and what is none, stay as they are.
    is_known = point < 0xD800 or 0xDFFF < point <= 0x10FFFF
    return chr(point) if is_known else found[0]


@dataclass(frozen=True)
class Known:
    """Values that are known to be secrets."""

    values: frozenset[str]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where values begin and end in a text, however they are spelled."""
        for word in self._words:
            at = text.find(word)
            while at >= 0:
                yield at, at + len(word)
                at = text.find(word, at + 1)
        joined = plain(text).translate(GAPS)
        if joined == text:
            return
        for flat in self._flat:
            if flat in joined:
                yield from (one.span() for one in _anyhow(flat).finditer(text))

    def is_in(self, content: bytes) -> bool:
        """Return whether bytes hold a value as text in any usual encoding."""
        apart = content.replace(b"\0", b"")
        return any(one in content or one in apart for one in self._bytes)

    @cached_property
    def _words(self) -> list[str]:
        """The usual spellings; the longest first."""
        words = {one for value in self.values for one in _spellings(value)}
        return sorted(filter(None, words), key=len, reverse=True)

    @cached_property
    def _bytes(self) -> list[bytes]:
        return [
            value.encode(form, "surrogatepass")
            for value in self.values
            for form in ("utf-8", "utf-16-le", "utf-16-be")
        ]

    @cached_property
    def _flat(self) -> list[str]:
        found = (plain(value).translate(GAPS) for value in self.values)
        return [flat for flat in found if len(flat) >= LEAST]


def _spellings(value: str) -> Iterable[str]:
    """Yield how a value may be written in JSON, HTML, Python, URLs and base64."""
    yield from (value, value[::-1], html.escape(value), html.escape(value, quote=False))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (repr(value)[1:-1], quote(value, safe=""), quote_plus(value))
    content = value.encode("utf-8", "surrogatepass")
    yield content.decode("latin-1")
    yield from (content.hex(), content.hex().upper(), codecs.encode(value, "rot13"))
    yield from (unicodedata.normalize(form, value) for form in ("NFC", "NFD"))
    yield base64.b85encode(content).decode()
    yield base64.a85encode(content).decode()
    # Base64 spells a value in three ways, by where in the whole it begins; base32 in
    # five.
    for offset in range(3):
        bits = base64.b64encode(b"\0" * offset + content).decode().rstrip("=")
        yield bits[(offset * 8 + 5) // 6 : -1]
    for offset in range(5):
        bits = base64.b32encode(b"\0" * offset + content).decode().rstrip("=")
        yield bits[(offset * 8 + 4) // 5 : -1]


def _anyhow(flat: str) -> re.Pattern[str]:
    """Return a pattern of a value with gaps, and with any character escaped."""
    return re.compile(BACKSLASHES + _gap().join(map(_character, flat)))


@cache
def _gap() -> str:
    """Return a pattern of what may stand between two characters.

    It has one way to match a text: with two, a long text would take for ever.
    """
    points = list(map(ord, BETWEEN))
    codes = "|".join(f"u{one:04x}|x{one:02x}|{one:03o}" for one in points)
    numbers = "|".join(f"#0*{one}(?!\\d)|#x0*{one:x}(?![\\da-f])" for one in points)
    bytes_ = "|".join(f"{one:02x}" for one in points if one < 0x80)
    return (
        rf"(?:{ANSI.pattern}|[\s\"'`|│┃]|\\++(?i:{codes})?|&(?i:quot|apos|{numbers});?"
        rf"|[%=](?i:{bytes_}))*+"
    )


def _character(one: str) -> str:
    """Return a pattern of a character, of which backslashes are a gap already."""
    point = ord(one)
    codes = f"u{point:04x}|x{point:02x}" + f"|{point:03o}" * (point < 0o400)
    percent = "".join(f"[%=]{byte:02x}" for byte in one.encode("utf-8", "replace"))
    named = re.escape(html.escape(one))
    return (
        rf"(?:{re.escape(one)}|(?<=\\)(?i:{codes})|(?i:{percent})"
        rf"|{named}|(?i:&#(?:0*{point}(?!\d)|x0*{point:x}(?![\da-f]));?))"
    )


def encoded(text: str) -> Iterator[tuple[int, int, bytes]]:
    """Yield where a text may be encoded bytes, and the bytes."""
    for pattern, decode in (
        (BASE64, _base64),
        (HEX, _hexadecimal),
        (BASE32, _base32),
        (BYTES, _numbers),
    ):
        for found in pattern.finditer(text):
            content = decode(found[0])
            if content:
                yield *found.span(), _unpacked(content)


def _base64(text: str) -> bytes:
    joined = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(joined + "=" * (-len(joined) % 4))
    except (binascii.Error, ValueError):
        return b""


def _hexadecimal(text: str) -> bytes:
    digits = re.sub(r"0x|[^0-9A-Fa-f]", "", text)
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def _base32(text: str) -> bytes:
    joined = text.upper().rstrip("=")
    try:
        return base64.b32decode(joined + "=" * (-len(joined) % 8))
    except (binascii.Error, ValueError):
        # A length that no bytes have: the last characters are of the next word.
        return b""


def _numbers(text: str) -> bytes:
    values = [int(one) for one in text.split(",")]
    return bytes(values) if max(values) < 256 else b""


def _unpacked(content: bytes) -> bytes:
    """Return bytes without compression, as far as they are whole."""
    try:
        if content[:2] == b"\x1f\x8b" or (content[:1] == b"\x78" and len(content) > 8):
            return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(
                content, MOST_BYTES
            )
        if content[:3] == b"BZh":
            return bz2.BZ2Decompressor().decompress(content, MOST_BYTES)
        if content[:6] == b"\xfd7zXZ\0":
            return lzma.LZMADecompressor().decompress(content, MOST_BYTES)
    except (zlib.error, OSError, lzma.LZMAError, EOFError):
        pass
    return content
