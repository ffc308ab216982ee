"""What may not leave: secrets are replaced in everything a run writes out."""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, unquote

from runner.detectors import detected

MASK = "[scrubbed]"
SHORTEST = 8  # a shorter value is rather a word than a secret
LONG = 200
REMEMBERED = 10_000
WORDS = frozenset(
    """
    token password passwords passwd pwd passphrase secret secrets credential credentials
    apikey pat bearer
    """.split()  # noqa: SIM905, a list of words reads better unquoted
)
PAIRS = frozenset(("api", "access", "private", "secret", "signing", "encryption"))


class Form(NamedTuple):
    """How secrets of one kind look, and what any text with one of them says."""

    signs: tuple[str, ...]  # in lower case; one of them is there, or no secret is
    pattern: re.Pattern[str]

    def may_be_in(self, folded: str) -> bool:
        """Tell quickly whether a text, its case folded, is worth searching."""
        return any(sign in folded for sign in self.signs)


# Each keeps what group 1 holds, so that the reader sees what was there.
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
            r"()-----BEGIN [A-Z ]*PRIVATE KEY-----"
            r"[\s\S]*?(?:-----END [A-Z ]*KEY-----|\Z)",
        ),
        (
            "authorization",
            r"(?i:(authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer|token)\s+))"
            r"[^\s'\",<>]+",
        ),
        ("signature", r"(Signature\s*=\s*)[0-9a-f]{64}"),
        (
            "x-amz- signature awsaccesskeyid sig=",
            r"(?i:([?&;](?:x-amz-signature|x-amz-security-token|x-amz-credential"
            r"|signature|awsaccesskeyid|sig)=))[^&\s'\"<>]+",
        ),
        ("://", r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"<>]*:)[^\s/@'\"<>]+(?=@)"),
        (
            "passw key secret token",
            r"(?i:(\b(?:password|passwd|api_?key|secret|auth_?token|access_?token)\b"
            r"['\"]?\s*[:=]\s*['\"]))[^\s'\"]{6,}",
        ),
    )
]
QUOTED = re.compile(r"(?:(?<=[\s\"'<>])|^)[^\s\"'<>%]*(?:%[0-9A-Fa-f]{2}[^\s\"'<>%]*)+")
ENCODED = re.compile(r"(?:[A-Za-z0-9+/_-]{60,}\n)*[A-Za-z0-9+/_-]{16,}={0,2}")


def looks_secret(name: str) -> bool:
    """Tell from a variable's name that its value is a secret."""
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    keys = pairwise(words)
    return not WORDS.isdisjoint(words) or any(
        first in PAIRS and second in ("key", "keys") for first, second in keys
    )


@dataclass(frozen=True)
class Scrubber:
    """Replaces known secret values, and whatever has the form of a secret."""

    values: frozenset[str] = frozenset()

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> "Scrubber":
        """Learn the secrets from the environment's secret-looking variables."""
        found = [value for name, value in environment.items() if looks_secret(name)]
        lines = [line.strip() for value in found for line in value.splitlines()]
        return _knowing(
            frozenset(one for one in (*found, *lines) if len(one) >= SHORTEST)
        )

    def text(self, text: str) -> str:
        """Scrub one text, also what stands in it as base64."""
        # The same words come again and again: every cell of a notebook has them.
        return (self._remembered if len(text) < LONG else self._scrubbed)(text)

    def _scrubbed(self, text: str) -> str:
        for known in self._known:
            text = known.sub(MASK, text)
        folded = _folded(text)
        for form in FORMS:
            if form.may_be_in(folded):
                text = form.pattern.sub(rf"\g<1>{MASK}", text)
                folded = _folded(text)
        for secret in sorted(set(detected(text)), key=len, reverse=True):
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
        return lru_cache(REMEMBERED)(self._scrubbed)

    @cached_property
    def _known(self) -> list[re.Pattern[str]]:
        spelled = {form for value in self.values for form in _spellings(value)}
        # The longest first, so that no part of one stays behind.
        words = sorted(spelled, key=len, reverse=True)
        return [re.compile("|".join(map(re.escape, words)))] if words else []

    def _quoted(self, found: re.Match[str]) -> str:
        """Scrub a part of a URL that says a secret once it is unquoted."""
        return MASK if self._has_secret(unquote(found[0])) else found[0]

    def _encoded(self, found: re.Match[str]) -> str:
        """Scrub base64 that decodes to something with a secret in it."""
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
        return text.isascii() and any(detected(text))


def _folded(text: str) -> str:
    """Fold a text's case as patterns do, to which a dotless i is an i too."""
    return text.casefold().replace("ı", "i").replace("i\u0307", "i")  # noqa: RUF001


@cache
def _knowing(values: frozenset[str]) -> Scrubber:
    """Make a scrubber once: it remembers."""
    return Scrubber(values)


def _spellings(value: str) -> Iterable[str]:
    """List how a value may be escaped in JSON, HTML, Python and URLs."""
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
