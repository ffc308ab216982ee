"""Calls of git: bounded in time, and a refusal is one line with a remedy."""

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TIMEOUT_SECONDS = 60


class InputsError(Exception):
    """Report what cannot be read, in one line that says why."""


class GitError(InputsError):
    """Report a call that git refused or did not answer."""


# Waits for git's answer.
Answer = Callable[[], subprocess.CompletedProcess[bytes]]


def run_git(
    root: Path, *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; the caller looks at the exit code."""
    with start_git(root, *arguments, stdin=stdin) as answer:
        return answer()


@contextmanager
def start_git(root: Path, *arguments: str, stdin: bytes = b"") -> Iterator[Answer]:
    """Start git in a folder; it ends with the context, whether it has answered or not.

    Raises:
        GitError: there is no git, or, when it is waited for, no answer.
    """
    try:
        process = subprocess.Popen(
            ["git", "-C", str(root), *arguments],
            # Its messages are compared below, so they must be English.
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise GitError("git: command not found; install it") from error

    def answer() -> subprocess.CompletedProcess[bytes]:
        try:
            output, said = process.communicate(stdin or None, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise GitError(
                f"git {arguments[0]}: no answer in {TIMEOUT_SECONDS} seconds in "
                f"{root}; look whether its disk answers, and run the same command again"
            ) from error
        return subprocess.CompletedProcess(
            process.args, process.returncode, output, said
        )

    with process:
        try:
            yield answer
        finally:
            process.kill()


def git_output(root: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    """Return what git prints.

    Raises:
        GitError: git refuses.
    """
    return checked(root, run_git(root, *arguments, stdin=stdin))


def checked(root: Path, answer: subprocess.CompletedProcess[bytes]) -> bytes:
    """Return what git has printed in a folder.

    Raises:
        GitError: it refused.
    """
    if answer.returncode:
        # After `git -C root`.
        raise GitError(_refusal(root, " ".join(answer.args[3:]), answer.stderr))
    return answer.stdout


def is_repository(root: Path) -> bool:
    """Return whether a folder is in a git repository."""
    return any((one / ".git").exists() for one in (root, *root.parents))


def _refusal(root: Path, command: str, said: bytes) -> str:
    """Say what git refuses, and the remedy if it is known."""
    text = said.decode("utf-8", "replace").strip()
    for sign, remedy in (
        ("not a git repository", "run this in a clone of one"),
        (
            "dubious ownership",
            (
                "its files are another user's: if you trust it, call `git config "
                f"--global --add safe.directory {shlex.quote(str(root))}`"
            ),
        ),
    ):
        if sign in text:
            return f"{root}: {sign}; {remedy}"
    return f"{root}: git {command}: {(text or 'failed').splitlines()[-1]}"
