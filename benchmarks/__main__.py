"""Measure everything and write it to benchmarks/README.md.

`python -m benchmarks serving --quick` measures one section once and writes nothing.
"""

import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    all_models,
    notebooks,
    parallel,
    seconds,
    selecting,
    serving,
)
from benchmarks.measure import QUICK
from benchmarks.repository import ROOT, copy

PAGE = Path(__file__).parent / "README.md"


def machine() -> str:
    """Describe what this was measured on."""
    cpu = platform.machine()
    if (path := Path("/proc/cpuinfo")).exists():
        names = [one for one in path.read_text().splitlines() if "model name" in one]
        cpu = names[0].partition(": ")[2] if names else cpu
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({cpu}), "
        f"{platform.system()}, Python {platform.python_version()}; "
        f"the machine's load before: {load:.1f}."
    )


def main() -> None:
    """Measure, from the six notebooks to the endpoint."""
    began = time.monotonic()
    # Bytecode is compiled at set-up; this lets our own modules have it too.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parts = [
        "# Benchmarks",
        (
            "`make bench` writes this page: medians, and in brackets "
            "the smallest and the largest value."
        ),
        machine(),
    ]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        root = copy(_folder(scratch / "repository"))
        sections = {
            "notebooks": lambda: notebooks.report(root, scratch),
            "seconds": lambda: seconds.report(root),
            "all_models": lambda: all_models.report(root),
            "parallel": lambda: parallel.report(root),
            "serving": lambda: serving.report(root),
            "selecting": lambda: selecting.report(scratch),
        }
        chosen = [one for one in sections if one in sys.argv[1:]] or list(sections)
        for section in chosen:
            parts.append(sections[section]())
            print(parts[-1], file=sys.stderr, flush=True)
    parts.append(f"All of it took {time.monotonic() - began:.0f} s.")
    if QUICK or len(chosen) < len(sections):
        return
    PAGE.write_text("\n\n".join(parts) + "\n")
    print(f"wrote {PAGE.relative_to(ROOT)}")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


if __name__ == "__main__":
    main()
