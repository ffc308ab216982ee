"""Secrets by the form that their issuers give them, as detect-secrets knows it."""

import re
from collections.abc import Iterable, Iterator
from functools import cache

LEFT_OUT = frozenset(
    {
        "IPPublicDetector",  # an address is no secret
        "ArtifactoryDetector",  # takes English words for keys
        "OpenAIDetector",  # slow on long texts; the scrubber's own pattern is wider
    }
)
SHORTEST = 8
# Pictures: nothing that these patterns look for is written like that.
BLOB = re.compile(r"[A-Za-z0-9+/=\n]{1000,}")


def detected(text: str) -> Iterator[str]:
    """Give each secret in a text, as it stands there."""
    for piece in BLOB.split(text):
        for pattern in _patterns():
            for match in pattern.finditer(piece):
                # A group holds the secret alone, or only the kind of token.
                longest = max(
                    (one or "" for one in match.groups()), key=len, default=""
                )
                yield longest if len(longest) >= SHORTEST else match[0]


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Collect the patterns of every detector that works by patterns."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.plugins.base import RegexBasedDetector

    kinds: Iterable[type] = get_mapping_from_secret_type_to_class().values()
    return tuple(
        pattern
        for kind in kinds
        if issubclass(kind, RegexBasedDetector) and kind.__name__ not in LEFT_OUT
        for pattern in kind().denylist
    )
