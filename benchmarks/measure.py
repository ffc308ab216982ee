"""Running commands and keeping what they took."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

LIMIT_SECONDS = 600
# `python -m benchmarks --quick` measures everything once, to see that it can be done.
QUICK = "--quick" in sys.argv


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one process took, with all that it waited for."""

    seconds: float
    stdout: bytes


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Run a command that must succeed."""
    began = time.perf_counter()
    with subprocess.Popen(
        [str(one) for one in command],
        cwd=cwd,
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        said, errors = process.communicate(timeout=LIMIT_SECONDS)
    seconds = time.perf_counter() - began
    if process.returncode:
        last = b"\n".join([*said.splitlines()[-10:], *errors.splitlines()[-10:]])
        raise RuntimeError(f"{command} failed:\n{last.decode(errors='replace')}")
    return Run(seconds=seconds, stdout=said)


@dataclass(frozen=True)
class Sample:
    """The same thing measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Give the value in the middle."""
        return median(self.values)

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{number(self.median)}"
        low, high = number(min(self.values)), number(max(self.values))
        return f"{number(self.median)} ({low} to {high})"


def number(value: float) -> str:
    """Write a number with three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")


def repeat(times: int, measured: Callable[[], float]) -> Sample:
    """Measure several times."""
    return Sample(tuple(measured() for _ in range(1 if QUICK else times)))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a Markdown table."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, one)) + " |" for one in lines)
