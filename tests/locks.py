"""Requirements of models, and tiny packages for them that no index has."""

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from notebook_inputs.lock import normalize, parse_lock

from runner.errors import RequirementsError
from runner.notebook.environments import Environment, make_environment
from runner.spec.requirements import write_lock

ROOT = Path(__file__).parents[1]
# What a kernel of an environment is made of.
KERNEL = ("ipykernel", "ipython")


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """Write a package of one module, which knows its version."""
    about = f"{name}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {one}\n" for one in needs)
    files = {
        f"{name}.py": f"__version__ = {version!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\n"
        f"Version: {version}\n{needed}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as packed:
        for path, text in files.items():
            packed.writestr(path, text)
        listed = "".join(f"{path},,\n" for path in (*files, f"{about}/RECORD"))
        packed.writestr(f"{about}/RECORD", listed)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of packages that uv knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return folder


def pinned(*names: str) -> list[str]:
    """Return the pins of packages of this repository, and of all that they need."""
    text = (ROOT / "requirements.txt").read_text()
    found = {one for one, *_ in parse_lock(text).with_dependencies(frozenset(names))}
    lines = [line for line in text.splitlines() if re.match(r"\w", line)]
    return [line for line in lines if normalize(line.partition("==")[0]) in found]


def ask(root: Path, model: str, shared: Iterable[str], own: Iterable[str]) -> None:
    """Write what all models, and what one model asks for."""
    folder = root / "models" / model
    folder.mkdir(parents=True, exist_ok=True)
    (root / "requirements.in").write_text("".join(f"{one}\n" for one in shared))
    (folder / "requirements.in").write_text("".join(f"{one}\n" for one in own))


def skip_without_network(error: RequirementsError) -> None:
    """Skip the test if uv could not reach an index."""
    if re.search("Network connectivity|error sending request|dns", str(error)):
        pytest.skip(f"needs the network, or what it once gave: {error}")


def lock_or_skip(root: Path, model: str) -> Path:
    """Pin what a model asks for; skip the test where that takes a network."""
    try:
        return write_lock(root, model)
    except RequirementsError as error:
        skip_without_network(error)
        raise


def make_or_skip(root: Path, model: str) -> Environment:
    """Make the environment of a model; skip the test where that takes a network."""
    lock = lock_or_skip(root, model)
    try:
        return make_environment(root, model, lock, lambda _: None)
    except RequirementsError as error:
        skip_without_network(error)
        raise
