"""Secrets, replaced in everything that a run writes.

Found are the values of environment variables with secret names, in many encodings, and
whatever has the form of a known kind of secret.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, unquote

MASK = "[scrubbed]"
MIN_SECRET = 8  # characters; a shorter value is rather a word than a secret
# Texts up to this length are scrubbed once and remembered.
MAX_REMEMBERED = 200
CACHE_SIZE = 10_000
WORDS = frozenset(
    """
    token password passwords passwd pwd passphrase secret secrets credential credentials
    apikey pat bearer
    """.split()  # noqa: SIM905, a list of words reads better unquoted
)
PAIRS = frozenset(("api", "access", "private", "secret", "signing", "encryption"))


class Form(NamedTuple):
    """The form of one kind of secret, and words that any text with one contains."""

    signs: tuple[str, ...]  # in lower case; a text without any of them has no secret
    pattern: re.Pattern[str]

    def may_be_in(self, folded: str) -> bool:
        """Return quickly whether a case-folded text is worth searching."""
        return any(sign in folded for sign in self.signs)


# What group 1 matches is kept, so that the reader sees what was there.
FORMS = [
    Form(tuple(signs.split()), re.compile(pattern))
    for signs, pattern in (
        ("akia asia", r"()(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        # AWS secret keys are 40 characters; forty hexadecimal ones are a git commit.
        ("secret", r"(?i:(secret.{0,3}access.{0,3}key\W{1,8}))[A-Za-z0-9/+=]{40}\b"),
        (
            MASK,
            r"(\[scrubbed\][^A-Za-z0-9/+]{1,20})(?![0-9a-f]{40}\b)[A-Za-z0-9/+]{40}\b",
        ),
        ("ghp_ gho_ ghu_ ghs_ ghr_", r"()\bgh[pousr]_[A-Za-z0-9]{20,}"),
        ("github_pat_", r"()\bgithub_pat_[A-Za-z0-9_]{20,}"),
        ("ccipat_ cciprj_", r"()\bCCI(?:PAT|PRJ)_[A-Za-z0-9_]{20,}"),
        ("glpat-", r"()\bglpat-[A-Za-z0-9_-]{20,}"),
        ("xox", r"()\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
        ("hf_ npm_", r"()\b(?:hf|npm)_[A-Za-z0-9]{30,}"),
        ("sk-", r"()\bsk-[A-Za-z0-9_-]{20,}"),
        ("eyj", r"()\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
        (
            "-----begin",
            (
                r"()-----BEGIN [A-Z ]*PRIVATE KEY-----"
                r"[\s\S]*?(?:-----END [A-Z ]*KEY-----|\Z)"
            ),
        ),
        (
            "authorization",
            (
                r"(?i:(authorization['\"]?\s*[:=]\s*['\"]?"
                r"(?:basic|bearer|token)\s+))[^\s'\",<>]+"
            ),
        ),
        ("signature", r"(Signature\s*=\s*)[0-9a-f]{64}"),
        (
            "x-amz- signature awsaccesskeyid sig=",
            (
                r"(?i:([?&;](?:x-amz-signature|x-amz-security-token|x-amz-credential"
                r"|signature|awsaccesskeyid|sig)=))[^&\s'\"<>]+"
            ),
        ),
        ("://", r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"<>]*:)[^\s/@'\"<>]+(?=@)"),
        (
            "passw key secret token",
            (
                r"(?i:(\b(?:password|passwd|api_?key|secret|auth_?token|access_?token)"
                r"\b['\"]?\s*[:=]\s*['\"]))[^\s'\"]{6,}"
            ),
        ),
    )
]
EXCLUDED_DETECTORS = frozenset(
    {
        "IPPublicDetector",  # an address is no secret
        "ArtifactoryDetector",  # takes English words for keys
        "OpenAIDetector",  # slow on long texts; the scrubber's own pattern is wider
    }
)
# Images and other base64: no secret that detect-secrets looks for is that long.
BLOB = re.compile(r"[A-Za-z0-9+/=\n]{1000,}")
QUOTED = re.compile(r"(?:(?<=[\s\"'<>])|^)[^\s\"'<>%]*(?:%[0-9A-Fa-f]{2}[^\s\"'<>%]*)+")
ENCODED = re.compile(r"(?:[A-Za-z0-9+/_-]{60,}\n)*[A-Za-z0-9+/_-]{16,}={0,2}")


def looks_secret(name: str) -> bool:
    """Return whether the name of a variable says that its value is a secret."""
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    keys = pairwise(words)
    return not WORDS.isdisjoint(words) or any(
        first in PAIRS and second in ("key", "keys") for first, second in keys
    )


@dataclass(frozen=True)
class Scrubber:
    """Replaces known secret values and whatever has the form of a secret by a mask."""

    values: frozenset[str] = frozenset()

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> "Scrubber":
        """Take the values of the environment's variables with secret names."""
        found = [value for name, value in environment.items() if looks_secret(name)]
        lines = [line.strip() for value in found for line in value.splitlines()]
        return _knowing(
            frozenset(one for one in (*found, *lines) if len(one) >= MIN_SECRET)
        )

    def text(self, text: str) -> str:
        """Scrub one text, and what it holds as base64 or URL-quoted."""
        # Short texts repeat: every cell of a notebook has the same keys.
        return (self._remembered if len(text) < MAX_REMEMBERED else self._scrubbed)(
            text
        )

    def _scrubbed(self, text: str) -> str:
        for known in self._known:
            text = known.sub(MASK, text)
        folded = _folded(text)
        for form in FORMS:
            if form.may_be_in(folded):
                text = form.pattern.sub(rf"\g<1>{MASK}", text)
                folded = _folded(text)
        for secret in sorted(set(_detect(text)), key=len, reverse=True):
            text = text.replace(secret, MASK)
        if "%" in text:
            text = QUOTED.sub(self._quoted, text)
        return ENCODED.sub(self._encoded, text)

    def tree(self, value: Any) -> Any:
        """Scrub every text in a JSON value, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.tree(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(one) for one in value]
        return value

    @cached_property
    def _remembered(self) -> Callable[[str], str]:
        return lru_cache(CACHE_SIZE)(self._scrubbed)

    @cached_property
    def _known(self) -> list[re.Pattern[str]]:
        spelled = {form for value in self.values for form in _spellings(value)}
        # The longest first, so that no part of one stays behind.
        words = sorted(spelled, key=len, reverse=True)
        return [re.compile("|".join(map(re.escape, words)))] if words else []

    def _quoted(self, found: re.Match[str]) -> str:
        """Scrub a part of a URL that holds a secret once it is unquoted."""
        return MASK if self._has_secret(unquote(found[0])) else found[0]

    def _encoded(self, found: re.Match[str]) -> str:
        """Scrub base64 whose decoded bytes hold a secret."""
        raw = _decoded(found[0])
        # Latin-1 gives every byte a character, so that images can be searched too.
        if raw is None or not self._has_secret(raw.decode("latin-1")):
            return found[0]
        return MASK

    def _has_secret(self, text: str) -> bool:
        folded = _folded(text)
        forms = [one.pattern for one in FORMS if one.may_be_in(folded)]
        if any(pattern.search(text) for pattern in (*self._known, *forms)):
            return True
        return text.isascii() and any(_detect(text))


def _folded(text: str) -> str:
    """Fold a text's case as `re` does, for which a dotless i is an i too."""
    return text.casefold().replace("ı", "i").replace("i\u0307", "i")  # noqa: RUF001


@cache
def _knowing(values: frozenset[str]) -> Scrubber:
    """Return the same scrubber for the same values, because it caches."""
    return Scrubber(values)


def _spellings(value: str) -> Iterable[str]:
    """Yield how a value may be written in JSON, HTML, Python, URLs and base64."""
    yield from (value, html.escape(value), html.escape(value, quote=False))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (repr(value)[1:-1], quote(value, safe=""), quote_plus(value))
    yield value.encode().decode("latin-1")
    # Base64 spells a value in three ways, by where in the whole it begins.
    for offset in range(3):
        bits = base64.b64encode(b"\0" * offset + value.encode()).decode().rstrip("=")
        yield bits[(offset * 8 + 5) // 6 : -1]


def _decoded(text: str) -> bytes | None:
    plain = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return None


def _detect(text: str) -> Iterator[str]:
    """Yield each secret that detect-secrets finds in a text."""
    for piece in BLOB.split(text):
        for pattern in _detector_patterns():
            for match in pattern.finditer(piece):
                # A group holds the secret alone, or only the kind of token.
                longest = max(
                    (one or "" for one in match.groups()), key=len, default=""
                )
                yield longest if len(longest) >= MIN_SECRET else match[0]


@cache
def _detector_patterns() -> tuple[re.Pattern[str], ...]:
    """Return the patterns of all detectors of detect-secrets that work by patterns."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector

    kinds: Iterable[type] = get_mapping_from_secret_type_to_class().values()
    return tuple(
        pattern
        for kind in kinds
        if issubclass(kind, RegexBasedDetector)
        and kind.__name__ not in EXCLUDED_DETECTORS
        for pattern in kind().denylist
    )
