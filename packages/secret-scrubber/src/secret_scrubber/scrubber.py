"""Replaces secrets in texts and JSON by a mask, and leaves everything else as it is."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

from secret_scrubber import assignments
from secret_scrubber.forms import OWN, forms_in
from secret_scrubber.names import looks_secret, secrets_of
from secret_scrubber.spellings import Known, encoded, plain

MASK = "[scrubbed]"
# A shorter value is rather a word than a secret, unless it has letters and digits.
MIN_SECRET, MIN_MIXED = 8, 6
# Texts up to this length are scrubbed once and remembered.
MAX_REMEMBERED = 200
CACHE_SIZE = 10_000
# How often encoded text may be encoded again.
DEEPEST = 3
# Images and other base64: no secret has a form that is so long.
BLOB = re.compile(r"(?<![A-Za-z0-9+/=\n])[A-Za-z0-9+/=\n]{2000,}")
PRINTABLE = re.compile(rb"[\x20-\x7e\t\r\n]{12,}")
BEGIN_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
END_KEY = re.compile(r"-----END [A-Z0-9 ]{0,40}KEY(?: BLOCK)?-----")
# What is between the two, which a text with neither end nor beginning may lack.
KEY_TEXT = re.compile(r"[A-Za-z0-9+/=\s\\\"',:.<>|&;()-]*")
# A line of it is long, begins as keys do, or looks random; a word does not.
KEY_LINES = re.compile(
    r"(?:(?:\\++[rn]|[\s\"'>|,])*+(?:[A-Za-z0-9+/=]{40,}+|(?:MI|b3Bl)[A-Za-z0-9+/=]*+"
    r"|(?=[A-Za-z0-9+/]*\d)(?=[a-z0-9+/]*[A-Z])(?=[A-Z0-9+/]*[a-z])[A-Za-z0-9+/=]{4,}+"
    r"|[A-Za-z0-9+/]{2,}+={1,2}))*"
)
LONGEST_KEY = 20_000
ACCESS_KEY_ID = OWN[0].pattern
# Forty hexadecimal characters are a git commit.
SECRET_KEY = re.compile(
    r"(?<![A-Za-z0-9/+=])(?![0-9a-f]{40}\b)(?=[^\s]*[A-Z])(?=[^\s]*[a-z])"
    r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
)
# How far behind the id of an access key its secret is looked for.
NEAR = 300

Spans = Iterable[tuple[int, int]]


@dataclass(frozen=True)
class Scrubber:
    """Replaces known values, and whatever has the form of a secret.

    Attributes:
        values: that are known to be secret.
    """

    values: frozenset[str] = frozenset()

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> "Scrubber":
        """Take the values of the environment's variables with secret names."""
        return _knowing(frozenset(filter(_is_secret, secrets_of(environment))))

    def text(self, text: str) -> str:
        """Scrub one text, and what it holds in an encoding."""
        # Short texts repeat: every cell of a notebook has the same keys.
        is_short = len(text) < MAX_REMEMBERED
        return (self._remembered if is_short else self._scrubbed)(text)

    def tree(self, value: Any) -> Any:
        """Scrub every text in a JSON value, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): MASK if _is_held(key, one) else self.tree(one)
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.tree(one) for one in value]
        return value

    @cached_property
    def _remembered(self) -> Callable[[str], str]:
        return lru_cache(CACHE_SIZE)(self._scrubbed)

    @cached_property
    def _known(self) -> Known:
        return Known(self.values)

    def _scrubbed(self, text: str) -> str:
        parts, at = [], 0
        for start, end in _joined(self._spans(text)):
            parts += [text[at:start], MASK]
            at = end
        return "".join([*parts, text[at:]])

    def _spans(self, text: str, depth: int = 0) -> Iterator[tuple[int, int]]:
        """Yield where secrets begin and end, in any order."""
        found = [*self._known.spans(text), *_formed(text, has_names=not depth)]
        if (other := plain(text)) != text:
            taken = _joined(found)
            found += (one for one in _spelled(text, other) if _is_free(one, taken))
        yield from found
        if depth < DEEPEST:
            for start, end, content in encoded(text):
                if self._is_secret(content, depth + 1):
                    yield start, end

    def _is_secret(self, content: bytes, depth: int) -> bool:
        """Return whether decoded bytes hold a secret."""
        if self._known.is_in(content):
            return True
        if not content.isascii():
            # An image, say: texts in it are longer than what is there by chance.
            content = b"\n".join(PRINTABLE.findall(content))
        text = content.decode("ascii")
        return bool(text) and any(True for _ in self._spans(text, depth))


@cache
def _knowing(values: frozenset[str]) -> Scrubber:
    """Return the same scrubber for the same values, because it caches."""
    return Scrubber(values)


def _is_secret(value: str) -> bool:
    is_mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return len(value) >= (MIN_MIXED if is_mixed else MIN_SECRET)


def _is_held(key: object, value: object) -> bool:
    """Return whether a dict's value is a secret by the name of its key."""
    if not isinstance(value, str) or not value or not looks_secret(str(key)):
        return False
    return assignments.may_be_secret(str(key), value)


def _joined(spans: Spans) -> list[tuple[int, int]]:
    """Return spans in their order, those that overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _formed(text: str, *, has_names: bool) -> Iterator[tuple[int, int]]:
    """Yield what has the form of a secret, or stands beside the name of one."""
    pieces = [(0, text)]
    if len(text) > 2000 and BLOB.search(text):
        ends = [0, *(place for one in BLOB.finditer(text) for place in one.span())]
        ends.append(len(text))
        pieces = [(a, text[a:b]) for a, b in zip(ends[::2], ends[1::2], strict=True)]
    for offset, piece in pieces:
        folded = _folded(piece)
        for form in forms_in(folded):
            yield from _moved(form.find(piece), offset)
        if has_names and any(sign in folded for sign in assignments.SIGNS):
            yield from _moved(assignments.assigned(piece), offset)
        if any(sign in folded for sign in OWN[0].signs):
            yield from _moved(_near_access_keys(piece), offset)
    if "-----BEGIN" in text:
        yield from _private_keys(text)


def _moved(spans: Spans, offset: int) -> Iterator[tuple[int, int]]:
    return ((start + offset, end + offset) for start, end in spans)


def _folded(text: str) -> str:
    """Fold a text's case as `re` does, for which a dotless i is an i too."""
    if text.isascii():
        return text.lower()
    return text.casefold().replace("ı", "i").replace("i\u0307", "i")  # noqa: RUF001


def _spelled(text: str, other: str) -> Iterator[tuple[int, int]]:
    """Yield what is a secret once colours, entities and escapes are undone."""
    spans = _joined(_formed(other, has_names=True))
    # A short one is found by what stands before it.
    found = {
        other[start if end - start >= MIN_SECRET else max(0, start - 12) : end]
        for start, end in spans
    }
    if found:
        yield from Known(frozenset(found)).spans(text)


def _is_free(span: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    """Return whether a span overlaps none of those that are taken, in their order."""
    before = bisect_left(taken, span[1], key=lambda one: one[0])
    return before == 0 or taken[before - 1][1] <= span[0]


def _near_access_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield the secrets of access keys whose ids stand shortly before."""
    for one in ACCESS_KEY_ID.finditer(text):
        if found := SECRET_KEY.search(text, one.end(), one.end() + NEAR):
            yield found.span()


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield private keys, which end with their last line where they lack an end."""
    for begin in BEGIN_KEY.finditer(text):
        start = begin.end()
        end = END_KEY.search(text, start, start + LONGEST_KEY)
        between = text[start : end.start()] if end else ""
        if end and "-----BEGIN" not in between and KEY_TEXT.fullmatch(between):
            yield begin.start(), end.end()
        elif lines := KEY_LINES.match(text, start):
            yield begin.start(), lines.end()
