"""Code that may name a file, found by git without reading all code.

What is imported or read is named by whoever imports or reads it, so a search for the
words that name a file finds all of its users, and some that are none.
"""

import os
import re
import subprocess
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from notebook_inputs.git import GitError, run_git, start_git
from notebook_inputs.magics import AUTOMAGICS
from notebook_inputs.reads import SHELLS
from notebook_inputs.repository import Revision
from notebook_inputs.syntax import BUILTINS, DISTINCT, RUNNERS, WHOLE

CODE = ("*.py", "*.ipynb")
# What may make code impossible to follow (`reads` decides). A notebook may be one line,
# with its line ends as `\n`.
_GENERIC = {"call", "interact", "locate", "path", "run"}
_RUNS = {name.rpartition(".")[2] for name in RUNNERS} | DISTINCT | SHELLS | WHOLE
_LINE = r'((^|[[,:])[[:space:]]*"|\\[nrt])[[:space:]]*'
UNFOLLOWED = "|".join(
    (
        rf"(^|\\[nt]|[^.[:alnum:]_])({'|'.join(sorted(BUILTINS))})([^[:alnum:]_]|$)",
        rf"({'|'.join(sorted(_RUNS - _GENERIC - BUILTINS))})([^[:alnum:]_]|$)",
        r"sys\.path|from sys|sys as|from code|import code",
        rf"{_LINE}[%!,;/]",
        rf"{_LINE}({'|'.join(sorted(AUTOMAGICS))})[[:space:]]+[^[:space:]=]",
        r"=[[:space:]]*[%!]",
    )
)
# How many words one search of git takes.
MAX_WORDS = 500


@contextmanager
def start_search(
    tree: Revision, words: Collection[str], *, unfollowed: bool = False
) -> Iterator[Callable[[], list[str]]]:
    """Search for the code that has one of some words, while the context goes on.

    Args:
        unfollowed: whether to look for code that may be impossible to follow, too.

    Yields:
        What waits for the paths.
    """
    first, *more = _patterns(words) or [""]
    first = "|".join(filter(None, (first, UNFOLLOWED if unfollowed else "")))
    if not first:
        yield list
        return
    submodules = ["--recurse-submodules"] if ".gitmodules" in tree.entries else []
    options = ("-l", "-z", "-E", "--no-color")

    def command(pattern: str) -> list[str]:
        return ["grep", *submodules, *options, "-e", pattern, tree.sha, "--", *CODE]

    with start_git(tree.root, *command(first)) as git:
        answers = (run_git(tree.root, *command(one)) for one in more)
        yield lambda: [path for one in (git(), *answers) for path in _found(tree, one)]


def has_word(tree: Revision, path: str, words: Iterable[str]) -> bool:
    """Return whether code has one of some words, as git finds it."""
    code = tree.read(path)
    for text in words:
        word = os.fsencode(text)
        if text.isidentifier():
            if word in code and _whole(word).search(code):
                return True
        elif any(line in code for line in word.split(b"\n")):
            return True
    return False


@lru_cache(maxsize=4096)
def _whole(word: bytes) -> re.Pattern[bytes]:
    escaped = re.escape(word)
    return re.compile(rb"(?<![0-9A-Za-z_])" + escaped + rb"(?![0-9A-Za-z_])")


def _patterns(words: Iterable[str]) -> list[str]:
    """Return extended regular expressions that find words, some at a time."""
    listed = sorted(words)
    return [
        "|".join(map(_pattern, listed[start : start + MAX_WORDS]))
        for start in range(0, len(listed), MAX_WORDS)
    ]


def _pattern(word: str) -> str:
    if not word.isidentifier():
        return _escape(word)
    return f"(^|[^[:alnum:]_]){_escape(word)}([^[:alnum:]_]|$)"


def _escape(word: str) -> str:
    """Escape a word for an extended regular expression."""
    return re.sub(r"([\\.^$*+?()\[\]{}|])", r"\\\1", word)


def _found(tree: Revision, answer: subprocess.CompletedProcess[bytes]) -> list[str]:
    """Return the paths that `git grep` lists."""
    if answer.returncode > 1:
        message = answer.stderr.decode(errors="replace").strip()
        raise GitError(f"git grep: {message or f'exit code {answer.returncode}'}")
    names = answer.stdout.decode(errors="surrogateescape").split("\0")
    return [name.removeprefix(f"{tree.sha}:") for name in names if name]
