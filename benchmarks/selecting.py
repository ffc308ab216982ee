"""Selecting what a change affects among many models, beside one grep per pair."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import repeat, run, table
from benchmarks.repository import change, git, many, model

COUNTS = (10, 100, 1_000, 10_000)
CHANGED = (1, 100)
ORB_FILES = 24
ORB_PAIRS = 2_400  # as many greps are run, of more the cost is reckoned from these


def report(scratch: Path) -> str:
    """Measure both verbs as whole processes, and write it down."""
    rows = []
    for count in COUNTS:
        root = many(_folder(scratch / f"models-{count}"), count)
        rows += [_row(root, count, one) for one in CHANGED if one <= count]
    header = ["models", "changed", "`select` s", "`ci-config` s", "together s"]
    return "\n\n".join(
        [
            "## Selecting models and writing CircleCI's config",
            (
                "Whole processes, with peak memory and the config's size. The orb "
                "column is one `grep` process per model and changed file, "
                f"{ORB_FILES} files, which is what `circleci/path-filtering` spends."
            ),
            table([*header, "MB", "config bytes", "orb s"], rows),
        ]
    )


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _row(root: Path, count: int, changed: int) -> list[object]:
    base = change(root, changed)
    runner = [sys.executable, "-m", "runner"]
    select = [*runner, "select", "--base", base, "--json"]
    config = [*runner, "ci-config", "--base", base, "--branch", "feature"]
    times = 5 if count < COUNTS[-1] else 2
    selected = repeat(times, lambda: run(select, cwd=root).seconds)
    configured = repeat(times, lambda: run(config, cwd=root).seconds)
    peak, size = _memory(config, root), len(run(config, cwd=root).stdout)
    together = f"{selected.median + configured.median:.2f}"
    orb = f"{_orb(count):.2f}"
    git(root, "reset", "--quiet", "--hard", base)
    return [count, changed, selected, configured, together, f"{peak:.0f}", size, orb]


def _memory(command: list[str], root: Path) -> float:
    """Measure a command's peak memory, in a process that has no other children."""
    script = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    said = run([sys.executable, "-c", script, *command], cwd=root).stdout
    return int(said) / 1024


def _orb(count: int) -> float:
    """Run one grep per model and file, or as many as are needed to know their cost."""
    pairs = count * ORB_FILES
    measured = min(pairs, ORB_PAIRS)
    script = (
        'for index in $(seq "$1"); do '
        'printf %s "models/$2/model.yaml" | grep -Eq "^models/$3/.*$"; done; true'
    )
    began = time.perf_counter()
    subprocess.run(
        ["bash", "-c", script, "bash", str(measured), model(0), model(1)], check=True
    )
    return (time.perf_counter() - began) * pairs / measured
