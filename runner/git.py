"""The only caller of git: bounded in time, its refusals in one line with a remedy."""

import os
import shlex
import subprocess
from pathlib import Path

from runner.errors import CallError

LIMIT_SECONDS = 60


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder; what it refuses is for the caller to judge."""
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments],
            # What it says is read here, so it says it in one language.
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise CallError("git: command not found; install it") from error
    except subprocess.TimeoutExpired as error:
        raise CallError(
            f"git {arguments[0]}: no answer in {LIMIT_SECONDS} seconds in {root}; "
            "look whether its disk answers, and run the same command again"
        ) from error


def output(root: Path, *arguments: str) -> bytes:
    """Run git in a folder, and insist on an answer."""
    answer = git(root, *arguments)
    if answer.returncode:
        raise CallError(_refusal(root, " ".join(arguments), answer.stderr))
    return answer.stdout


def line(root: Path, *arguments: str) -> str:
    """Read one line of git's; a folder without git, or without an answer, has none."""
    if not is_repository(root):
        return ""
    return git(root, *arguments).stdout.decode("utf-8", "replace").strip()


def is_repository(root: Path) -> bool:
    """Tell whether a folder is one of a git repository."""
    return any((one / ".git").exists() for one in (root, *root.parents))


def _refusal(root: Path, command: str, said: bytes) -> str:
    """Say what git refuses, and what to do where that is known."""
    text = said.decode("utf-8", "replace").strip()
    for sign, remedy in (
        ("not a git repository", "run this in a clone of one"),
        (
            "dubious ownership",
            f"its files are another user's: if you trust it, call "
            f"`git config --global --add safe.directory {shlex.quote(str(root))}`",
        ),
    ):
        if sign in text:
            return f"{root}: {sign}; {remedy}"
    return f"{root}: git {command}: {(text or 'failed').splitlines()[-1]}"
