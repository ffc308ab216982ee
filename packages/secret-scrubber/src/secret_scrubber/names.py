"""Names whose values are secrets: of variables, keys of dicts, options, headers.

A name is split into words (`dbPassword`, `DB_PASSWORD` and `db-password` are two words
each), and words that are written without a gap are known too (`DBPASSWORD`).
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

# Words that end so, in whatever name, hold a secret.
SECRET_ENDINGS = (
    "password",
    "passwords",
    "passwd",
    "passwort",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "credential",
    "credentials",
    "token",
    "pwd",
    "apikey",
)
SECRET_WORDS = frozenset(("bearer", "creds", "dsn", "jwt", "pat"))
# Words before `key` that make it one that is kept from others.
OF_KEYS = frozenset(
    """
    access account admin aes api app application auth bot client crypt database db
    decryption deploy encryption fernet functions gpg hmac host jwt licence license
    master pgp private root rsa secret server service session shared signing ssh storage
    subscription vault webhook
    """.split()  # noqa: SIM905, a list of words reads better unquoted
)
# And before `pass`.
OF_PASSES = frozenset(
    """
    admin database db ftp key login mail my mysql pg postgres redis root smtp ssh user
    """.split()  # noqa: SIM905
)
# What a name ends with that says something about a secret, or where it is.
ABOUT_SECRETS = frozenset(
    """
    age algorithm arn audience count counts dir directory enabled endpoint expiration
    expires expiry field file folder header issuer length limit manager max min name
    path policy prefix provider regex required rotation scope scopes size sock timeout
    ttl type version
    """.split()  # noqa: SIM905
)
# Words before `key` of keys that find something, and are no secrets.
FINDING_KEYS = frozenset(
    """
    bucket business cache cell column config context customer date dedup deduplication
    dict entity event feature file foreign group hash index item join json label lookup
    map merge message natural object order partition path primary public range record
    row route routing s sort surrogate table tag target time unique user value
    """.split()  # noqa: SIM905
)
NO_PASSES = (
    "askpass",
    "bypass",
    "compass",
    "encompass",
    "overpass",
    "surpass",
    "trespass",
)
WORD = re.compile(r"[a-z]+")
# A name of a shell's, not a password.
FOLDERS = frozenset(("pwd", "oldpwd"))
PASSWORD_IN_URL = re.compile(r"://[^\s/:@'\"<>]*:([^\s/@'\"<>]+)@")
SCHEME = re.compile(r"(?:basic|bearer|token)\s+(\S{12,})", re.IGNORECASE)


def looks_secret(name: str) -> bool:
    """Return whether a name says that its value is a secret.

    `db_password`, `APITOKEN` and `sshKey` do; `max_tokens`, `token_count`, `sort_key`
    and `public_key` do not.
    """
    words = _words(name)
    if not words or words[-1] in ABOUT_SECRETS:
        return False
    return any(_is_secret(word) for word in words) or any(
        (first in OF_KEYS and second in ("key", "keys"))
        or (first in OF_PASSES and second == "pass")
        for first, second in pairwise(words)
    )


def holds_secret(variable: str) -> bool:
    """Return whether a variable of the environment holds a secret, by its name.

    Beside the names of `looks_secret` these are keys and passes of any kind: where a
    value is masked in vain, little is lost.
    """
    words = _words(variable)
    if not words or words[-1] in ABOUT_SECRETS or variable.lower() in FOLDERS:
        return False
    if looks_secret(variable):
        return True
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in ("key", "keys"):
        return bool(before) and before not in FINDING_KEYS
    if last.endswith("key") and last.removesuffix("key") in OF_KEYS:
        return True
    if last in ("auth", "cookie", "pass", "signature"):
        return bool(before)
    is_pass = last.endswith("pass") and last not in NO_PASSES
    return is_pass or "webhook" in words


def secrets_of(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the secret values of an environment, whole, by line and by part.

    The password of a URL is one, whatever the variable is called.
    """
    for name, value in environment.items():
        yield from PASSWORD_IN_URL.findall(value)
        if holds_secret(name):
            yield value
            yield from (line.strip() for line in value.splitlines())
            yield from SCHEME.findall(value)


def _words(name: str) -> list[str]:
    """Return the words of a name in lower case."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return WORD.findall(apart.lower())


def _is_secret(word: str) -> bool:
    if word in SECRET_WORDS or word.endswith(SECRET_ENDINGS):
        return True
    return word.endswith("key") and word.removesuffix("key") in OF_KEYS
