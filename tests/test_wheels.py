"""The wheels hold what the folders hold."""

import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
PROJECTS = [
    ROOT,
    *sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml")),
]


def importable(project: Path) -> list[Path]:
    """List the folders of a project that can be imported once it is installed."""
    if project != ROOT:
        return [path.parent for path in project.glob("src/*/__init__.py")]
    return [path for name in ("runner", "lifecycle") if (path := ROOT / name).is_dir()]


def files(folder: Path) -> set[str]:
    """List the files of a folder, as an import finds them, that git would store."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(
        command, cwd=folder, capture_output=True, timeout=60, check=True
    )
    paths = [Path(name) for name in found.stdout.decode().split("\0") if name]
    return {str(folder.name / path) for path in paths if (folder / path).exists()}


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_a_wheel_holds_every_module_and_template(project: Path, tmp_path: Path) -> None:
    """And nothing else, such as tests; built without asking the network."""
    options = ["--no-build-isolation", "--offline", "--python", sys.executable]
    built = subprocess.run(
        ["uv", "build", "--wheel", *options, "--out-dir", tmp_path, project],
        executable=Path(sys.executable).with_name("uv"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr

    (wheel,) = tmp_path.glob("*.whl")
    # What it says about itself, and what it puts outside of Python, stand beside.
    beside = re.compile(r"[^/]+\.(dist-info|data)/")
    held = {name for name in ZipFile(wheel).namelist() if not beside.match(name)}
    assert held == set().union(*map(files, importable(project)))
