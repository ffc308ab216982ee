"""What a model requires beside all others: its requirements.in, and its own lock.

A model with models/<model>/requirements.in has an environment of its own, which its
lock, requirements.txt beside it, describes completely: what requirements.in of the
repository asks for, unless the model's asks for the same package, and what the model's
asks for. Without a requirements.in, a requirements.txt there is its script's.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from notebook_inputs import Tree
from notebook_inputs.lock import normalize, parse_lock

from runner.errors import RequirementsError, SpecError
from runner.notebook.environments import asked_lines, run_uv

LOCK = "requirements.txt"
ASKED = "requirements.in"
REMEDY = "run `make requirements`"
# The oldest Python that this project runs on.
OLDEST_PYTHON = "3.11"
# `lifecycle` and `runner` work with these and with later ones.
OLDEST: Mapping[str, str] = {"pandas": "2.2", "numpy": "1.26", "scikit-learn": "1.5"}
HEAD = "# Pinned by `make requirements`: what requirements.in here and above asks for."
DIGEST = re.compile(r"^# sha256 of both: ([0-9a-f]{64})$", re.MULTILINE)
NAME = re.compile(r"([A-Za-z0-9][\w.-]*)")
VERSION = re.compile(r"\d+(?:\.\d+)*")


def lock_of(tree: Tree, model: str) -> str:
    """Return the path of the lock that a model's kernels use.

    Raises:
        SpecError: it has a requirements.in, and no lock.
    """
    source, lock = (f"models/{model}/{name}" for name in (ASKED, LOCK))
    if tree.find(source) != "file":
        return LOCK
    if tree.find(lock) != "file":
        raise SpecError(f"{source}: not pinned, {LOCK} beside it is missing; {REMEDY}")
    return lock


def own_lock(root: Path, model: str) -> Path | None:
    """Return the lock of a model that has an environment of its own.

    Raises:
        SpecError: lock or requirements.in is missing, or one is not of the other.
    """
    for problem in lock_problems(root, model):
        raise SpecError(problem)
    source = root / "models" / model / ASKED
    return source.with_name(LOCK) if source.is_file() else None


def lock_problems(root: Path, model: str) -> Iterator[str]:
    """Yield what is wrong with a model's lock, each with its file and a remedy."""
    source = root / "models" / model / ASKED
    lock = source.with_name(LOCK)
    shown = f"models/{model}/{LOCK}"
    if not source.is_file():
        # Otherwise its kernels would have the packages of all, its script the lock's.
        if _read(lock).startswith(HEAD):
            yield f"{shown}: the lock of a missing {ASKED}; restore it, or delete this"
        return
    if not lock.is_file():
        yield f"models/{model}/{ASKED}: not pinned, {LOCK} is missing; {REMEDY}"
        return
    text = lock.read_text(encoding="utf-8", errors="replace")
    told = DIGEST.search(text)
    if told is None or told[1] != _digest(root, source):
        yield f"{shown}: not of what {ASKED} here and above asks for; {REMEDY}"
        return
    pins = parse_lock(text).pins
    needed = {*_asked(_read(root / ASKED)), *_asked(_read(source))}
    if missing := sorted(needed - pins.keys()):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield f"{shown}: lacks {missing[0]}{more}, which a run needs; {REMEDY}"
    for name, oldest in OLDEST.items():
        for found in pins.get(name, "").split(", "):
            if found and _is_older(found, oldest):
                yield (
                    f"{shown}: {name} {found} is older than {oldest}, the oldest that "
                    f"lifecycle works with; ask for {name}>={oldest} in {ASKED}, and "
                    f"{REMEDY}"
                )


def write_lock(root: Path, model: str, *, upgrade: bool = False) -> Path:
    """Pin what a model requires, on the pins that all models share where that can be.

    What is pinned stays: adding a package changes its own lines only.

    Args:
        upgrade: pin the newest of what only this model uses.

    Raises:
        RequirementsError: nothing fulfils all of it, or uv fails.
    """
    source = root / "models" / model / ASKED
    lock = source.with_name(LOCK)
    shared = _pin_lines(_read(root / LOCK))
    former = {} if upgrade else _pin_lines(_read(lock))
    wanted = shared | {name: one for name, one in former.items() if name not in shared}
    text = _compile(root, source, wanted)
    # A package that the shared pin does not fit has no newer version than it had.
    found = _pin_lines(text)
    moved = {
        name: former[name]
        for name, lines in found.items()
        if name in shared and name in former and former[name] != lines != shared[name]
    }
    if moved:
        text = _compile(root, source, found | moved)
    head = f"{HEAD}\n# sha256 of both: {_digest(root, source)}\n"
    new = lock.with_name(f".{LOCK}.new")
    new.write_text(head + text, encoding="utf-8")
    new.replace(lock)
    return lock


def _compile(root: Path, source: Path, pins: Mapping[str, Iterable[str]]) -> str:
    """Return the lock of a model's requirements; pins are kept where they can be."""
    asked = _asked(_read(source))
    shared = _asked(_read(root / ASKED))
    lines = [line for name, line in shared.items() if name not in asked]
    with tempfile.TemporaryDirectory(prefix="lock-") as folder:
        output = Path(folder, LOCK)
        kept = (line for each in pins.values() for line in each)
        output.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        try:
            run_uv(
                *("pip", "compile", "--quiet", "--universal", "--no-header"),
                *("--python-version", OLDEST_PYTHON, "--output-file", output),
                *("-", source.relative_to(root)),
                cwd=root,
                stdin="\n".join(lines),
            )
        except RequirementsError as error:
            shown = source.relative_to(root).as_posix()
            raise RequirementsError(f"{shown}: {error}") from error
        return output.read_text(encoding="utf-8")


def _digest(root: Path, source: Path) -> str:
    """Return the sha256 of what a model and all models ask for, without comments."""
    asked = [asked_lines(_read(root / ASKED)), asked_lines(_read(source))]
    text = "\n\n".join("\n".join(lines) for lines in asked)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _asked(text: str) -> dict[str, str]:
    """Return by package the line that asks for it."""
    matches = ((NAME.match(line), line) for line in asked_lines(text))
    return {normalize(match[1]): line for match, line in matches if match}


def _pin_lines(text: str) -> dict[str, list[str]]:
    """Return by package the lines of a lock that pin it, one for each condition."""
    found: dict[str, list[str]] = {}
    for line in asked_lines(text):
        if "==" in line and (match := NAME.match(line)):
            found.setdefault(normalize(match[1]), []).append(line)
    return found


def _is_older(version: str, oldest: str) -> bool:
    def numbers(text: str) -> list[int]:
        match = VERSION.match(text)
        return [int(one) for one in match[0].split(".")] if match else []

    return bool(numbers(version)) and numbers(version) < numbers(oldest)
