"""Values that stand beside a secret's name: in code, logs, JSON, HTML, URLs, options.

    export PGPASSWORD=x        "client_secret": "x"        password: x
    x-api-key: x               Server=h;Pwd={x};           ?user=a&token=x
    <Password>x</Password>     tool --api-key x

Code that names no value itself is kept: `password = getpass()`, `token=token`,
`api_key: str`, `f"password={password}"`.
"""

import re
from collections.abc import Iterator

from secret_scrubber.names import FOLDERS, looks_secret

# Any text with a secret's name has one of these.
SIGNS = ("pass", "pwd", "secret", "cred", "token", "key", "dsn", "bearer", "jwt", "pat")
QUOTE = r"(?:\\*[\"'`]|&(?:quot|apos|\#0?3[49]|\#x2[27]);)"
# The end of a name, and what follows: what begins it is read backwards.
ASSIGNMENT = re.compile(
    rf"""
    (?:pass|pwd|secret|cred|token|key|dsn|bearer|jwt|pat)[\w.-]{{0,30}}
    (?P<quoted>{QUOTE}?)
    (?P<sign>
      \s?:\s?[A-Za-z_][\w.\[\]|\ ]{{0,40}}?\s?=(?!=)    # an annotation before it
      | \s*</t[hd]>\s*<t[hd][^<>]{{0,200}}>             # two cells of a table
      | [ ]{{0,4}}(?:=>|:=|=(?!=)|:(?:[ ]|(?![:/])))
      | [ ]{{1,3}}(?=[^\s=:-])                          # --password x
    )
    [ \t]{{0,4}} (?:[rbuf]{{1,2}}(?=["'])|\w{{0,20}}\((?=["']))?
    (?:
      (?P<open>{QUOTE}) (?P<text>(?:(?!(?P=open))[^\n]){{1,2000}})
      | \{{ (?P<braced>[^{{}}\n"']+) \}}
      | (?:(?:basic|bearer)\s+)? (?P<bare>[^\s"'`<>,;&|)\]}}]+)
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
ELEMENT = re.compile(
    r"(?:<|&lt;)([\w:.-]{3,60})(?:>|&gt;)([^<>&\n]{1,5000})(?:</|&lt;/)\1(?:>|&gt;)"
)
BEFORE = re.compile(r"[A-Za-z0-9_.-]{0,80}\Z")
# The folder of a file, whose name is no name of a value: `/etc/passwd: is a file`.
FOLDER = re.compile(r"(?<![\w/])[~.]{0,2}/(?:[\w.@+-]+/)*\Z")
SENTENCE = re.compile(r"[A-Za-z']+ [A-Za-z]")
# What stands for a value, or for none.
NO_VALUE = re.compile(
    r"""
    [$%<{(\[*.:=-].*  | \W+ | \[?scrubbed\]?
    | none | null | true | false | nan | undefined | str | int | bool | bytes | string
    | (?:str|bytes)\s*\|.* | optional\[.* | os\.environ.* | f?\{.*
    """,
    re.IGNORECASE | re.VERBOSE,
)
# A name, maybe of an attribute, that is called or looked into.
CODE = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*[(\[].*|self\.\w+.*")
IDENTIFIER = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)*")
NUMBER = re.compile(r"[+-]?[\d_]+(?:[.,]\d+)*(?:e[+-]?\d+)?", re.IGNORECASE)
# In an ARN or a path, `secret:churn/database`; in a sentence, `secrets: what they are`.
PLAIN_NAMES = frozenset(("secret", "secrets", "credentials"))
PASSWORD = re.compile(r"pass|pwd", re.IGNORECASE)


def assigned(text: str) -> Iterator[tuple[int, int]]:
    """Yield where values of secret names begin and end."""
    for element in ELEMENT.finditer(text):
        if looks_secret(element[1]) and may_be_secret(element[1], element[2]):
            yield element.span(2)
    at = 0
    while found := ASSIGNMENT.search(text, at):
        name = _name(text, found)
        group = next(one for one in ("text", "braced", "bare") if found[one])
        if looks_secret(name) and _is_value(name, group, found):
            yield found.span(group)
            at = found.end(group)
        else:
            # Another name may begin in what would be the value.
            at = found.end("sign")


def may_be_secret(name: str, value: str) -> bool:
    """Return whether a value may be the secret of a secret's name, and no other thing.

    A count of tokens and a version are none; a password may consist of digits.
    """
    if NO_VALUE.fullmatch(value) or (name.lower() in FOLDERS and value[0] in "/~"):
        return False
    if NUMBER.fullmatch(value):
        return bool(PASSWORD.search(name)) and value.isdigit() and len(value) > 3
    return True


def _name(text: str, found: re.Match[str]) -> str:
    """Return the whole name, which begins before the match."""
    start, end = found.start(), found.start("quoted")
    before = BEFORE.search(text, max(0, start - 80), start)
    return (before[0] if before else "") + text[start:end]


def _is_value(name: str, group: str, found: re.Match[str]) -> bool:
    value, sign = found[group], found["sign"]
    is_path = sign == ":" and group == "bare" and name.lower() in PLAIN_NAMES
    is_sentence = name.lower() in ("secrets", "credentials") and value.isalpha()
    if (
        is_path
        or (is_sentence and group == "bare")
        or (group == "bare" and ":" in sign and _is_said_of_a_file(name, found))
        or (sign.isspace() and not name.startswith("--"))
    ):
        return False
    if group == "braced":
        # ODBC's braces, not those of an f-string.
        return name.lower() in FOLDERS and not looks_secret(value)
    if not may_be_secret(name, value):
        return False
    if value.isdigit() and not (group == "text" or "=" in sign):
        return False
    if group != "bare":
        return True
    if CODE.fullmatch(value) or looks_secret(value.rpartition(".")[2]):
        return False
    if IDENTIFIER.fullmatch(value):
        # A variable: JSON would quote a value, and shells have no space there.
        return not found["quoted"] and " = " not in f"{sign} "
    return True


def _is_said_of_a_file(name: str, found: re.Match[str]) -> bool:
    """Return whether the name is a file's, and words follow in place of a value."""
    text, start = found.string, found.start("quoted") - len(name)
    return bool(
        SENTENCE.match(text, found.start("bare"))
        and FOLDER.search(text, max(0, start - 200), start)
    )
