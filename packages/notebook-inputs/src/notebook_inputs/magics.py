"""IPython's own lines in a notebook's cell: what Python code they run.

Some run none, some run the code that they are given, some import an extension. Of all
others (shells, other languages, files) nobody can tell from here what they read.
"""

import re
from collections.abc import Iterator, Sequence

# IPython's magics that run the Python code of their cell or line, or none.
PLAIN_MAGICS = frozenset(
    """
    autoreload capture config debug matplotlib precision prun pylab time timeit who
    whos xmode
    """.split()  # noqa: SIM905
)
TIMED_MAGICS = frozenset({"prun", "time", "timeit"})
EXTENSION_MAGICS = frozenset({"load_ext", "reload_ext"})
# Extensions that are IPython's own.
OWN_EXTENSIONS = frozenset({"autoreload", "storemagic"})
# What a line that no Python can read means to IPython without a percent sign.
AUTOMAGICS = frozenset(
    "cd load_ext popd pushd reload_ext rerun run sx system".split()  # noqa: SIM905
)
MAGIC = re.compile(r"^(\s*)(%{1,2}|!{1,2}|\?)\s*(\w*)(.*)$")
ASSIGNED_MAGIC = re.compile(r"^(\s*)([^#=]*[^#=!<>]=\s*)(%|!)\s*(\w*)(.*)$")
OPTIONS = re.compile(r"^\s*(-\w+(\s*\d+)?\s+)*")
EXTENSION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
LOOKS_LIKE_MAGIC = re.compile(r"^\s*[%!?]|=\s*[%!]|\?\s*$", re.MULTILINE)
ESCAPED = re.compile(r"^\s*[%!?,;/]|\?\s*$", re.MULTILINE)


def without_magics(lines: Sequence[str], unfollowed: list[str]) -> Iterator[str]:
    """Replace IPython's own lines by Python, and note what they run."""
    for line in lines:
        if match := MAGIC.match(line):
            indent, sign, name, rest = match.groups()
            code = code_of_magic(name, rest) if sign.startswith("%") else None
            if code is None and sign != "?":
                unfollowed.append(f"runs {line.strip()[:60]}")
                if sign == "%%":
                    return
            yield f"{indent}{code or 'pass'}"
        elif match := ASSIGNED_MAGIC.match(line):
            indent, target, sign, name, rest = match.groups()
            code = code_of_magic(name, rest) if sign == "%" else None
            if code is None:
                unfollowed.append(f"runs {line.strip()[:60]}")
            yield f"{indent}{target}{code if code and code != 'pass' else 'None'}"
        elif line.rstrip().endswith("?") and "#" not in line:
            yield f"{line[: len(line) - len(line.lstrip())]}pass"
        else:
            yield line


def code_of_magic(name: str, rest: str) -> str | None:
    """Return the Python code that a magic runs; None if it cannot be followed."""
    if name in TIMED_MAGICS:
        return OPTIONS.sub("", rest) or "pass"
    if name in EXTENSION_MAGICS:
        extension = rest.strip()
        if extension in OWN_EXTENSIONS:
            return "pass"
        return f"import {extension}" if EXTENSION.fullmatch(extension) else None
    return "pass" if name in PLAIN_MAGICS else None


def is_escaped(cell: str) -> bool:
    """Return whether IPython may understand a cell that Python does not."""
    if ESCAPED.search(cell):
        return True
    words = (line.split(maxsplit=1)[:1] for line in cell.splitlines())
    return any(word[0] in AUTOMAGICS for word in words if word)
