"""What is imported is required, at run time and for development, and pinned once."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
# What `make runtime` installs of them.
(LINE,) = re.findall(r"\.venv/runtime: PACKAGES := .*", MAKEFILE)
RUN_TIME = re.findall(r"packages/([\w-]+)", LINE)
# Stubs, which only type checkers import.
TYPES = re.compile(r"mypy_boto3_\w+|_typeshed")


def code(path: Path) -> str:
    """Return the source of a module, or of a notebook's code cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    cells = json.loads(text)["cells"]
    return "\n".join(
        "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"
    )


@cache
def modules(path: Path) -> set[str]:
    """Return the top-level modules that a file imports, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@cache
def tracked() -> list[Path]:
    """List the modules and notebooks that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(
        [*command, "*.py", "*.ipynb"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [
        path for name in found.stdout.splitlines() if (path := ROOT / name).exists()
    ]


def imported(folders: Iterable[str]) -> dict[str, str]:
    """Name the third-party modules that folders import, each with one such file."""
    roots = [ROOT, ROOT / "tests", *ROOT.glob("packages/*/src")]
    roots += ROOT.glob("packages/*/tests")
    own = {path.stem for root in roots for path in root.iterdir()}
    own |= {path.stem for path in (ROOT / "tests").rglob("*.py")}
    found = {
        module: str(path.relative_to(ROOT))
        for path in tracked()
        if any(path.is_relative_to(ROOT / folder) for folder in folders)
        for module in modules(path)
    }
    return {
        module: path
        for module, path in found.items()
        if module not in sys.stdlib_module_names | own and not TYPES.fullmatch(module)
    }


def plain(name: str) -> str:
    """Write a distribution's name the one way."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(lines: Iterable[str]) -> set[str]:
    """List the distributions that requirements name."""
    matches = [re.match(r"[\w.-]+", line) for line in lines]
    return {plain(match[0]) for match in matches if match}


def text_of(file: str) -> str:
    """Read a file of the repository."""
    return (ROOT / file).read_text(encoding="utf-8")


def lines(*files: str) -> list[str]:
    """Return the requirements of files, without comments."""
    text = "\n".join(map(text_of, files))
    return [line for line in text.splitlines() if re.match(r"\w", line)]


@cache
def installed() -> Mapping[str, list[str]]:
    """Name by module the distributions that it is in."""
    return packages_distributions()


def missing(folders: Iterable[str], required: set[str]) -> list[str]:
    """List what folders import and nothing requires."""
    distributions = installed()
    # A namespace package is in several distributions, one of them named like it.
    return [
        f"{path} imports {module}"
        for module, path in sorted(imported(folders).items())
        if required.isdisjoint(map(plain, [module, *distributions.get(module, [])]))
    ]


def test_what_runs_is_required_at_run_time() -> None:
    """Each package that notebooks, lifecycle and runner import has its own line.

    Of the models only the samples: others may bring modules and requirements along.
    """
    folders = ["runner", "lifecycle", "notebooks", "models/abalone", "models/churn"]
    assert missing(folders, names(lines("requirements.in")) | names(RUN_TIME)) == []


def test_what_develops_is_required() -> None:
    """So has each that tests, benchmarks and the other packages import."""
    required = names(lines("requirements.in", "requirements-dev.in"))

    assert missing(["tests", "benchmarks", "packages"], required) == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_depends_on_what_it_imports(package: Path) -> None:
    """It can be installed on its own, its extras being what it can do without."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    stated = names(chain(project["dependencies"], *extras))

    assert missing([str((package / "src").relative_to(ROOT))], stated) == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_what_a_package_depends_on_is_required(package: Path) -> None:
    """`make` installs it without its dependencies, which have lines here instead."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    files = ["requirements.in", "requirements-dev.in"]
    required = names(lines(*files[: 1 if package.name in RUN_TIME else 2]))

    assert names(project["dependencies"]) - required <= {path.name for path in PACKAGES}


def test_every_list_of_packages_names_all_of_them() -> None:
    """No file of make, CircleCI or the tools can read another one's list."""
    every, run_time = {path.name for path in PACKAGES}, set(RUN_TIME)
    assert {"sagemaker-xgboost", "forked-kernels"} < run_time < every
    (installed,) = re.findall(r".* --editable .*", text_of(".circleci/jobs.yml"))
    assert set(re.findall(r"--editable packages/([\w-]+)", installed)) == run_time
    files = (".circleci/config.yml", ".circleci/jobs.yml", ".circleci/rollback.yml")
    paths = re.findall(r"PYTHONPATH: .*", "".join(map(text_of, files)))
    found = [set(re.findall(r"packages/([\w-]+)/src", path)) for path in paths]
    # Where nothing is installed, no kernel runs.
    assert found == [run_time - {"forked-kernels"}] * 4
    tools = tomllib.loads(text_of("pyproject.toml"))["tool"]
    assert set(tools["mypy"]["mypy_path"]) == {f"packages/{one}/src" for one in every}
    tests = set(tools["pytest"]["ini_options"]["pythonpath"]) - {"tests"}
    assert tests == {f"packages/{one}/tests" for one in every}
    modules = {name.replace("-", "_") for name in every}
    assert set(tools["importlinter"]["root_packages"]) >= modules
    for contract in tools["importlinter"]["contracts"]:
        if "embedded_aws" in (
            listed := contract.get("layers", []) + contract.get("ancestors", [])
        ):
            assert set(re.findall(r"\w+", " ".join(listed))) >= modules


def test_everything_required_is_pinned_once() -> None:
    """Both files are compiled, to exact versions that agree."""
    run_time, development = lines("requirements.txt"), lines("requirements-dev.txt")

    assert names(lines("requirements.in")) <= names(run_time)
    assert names(lines("requirements-dev.in")) <= names(run_time + development)
    assert [line for line in run_time + development if "==" not in line] == []
    shared = names(run_time) & names(development)
    repeated = [line for line in development if names([line]) & shared]
    pins = {line.partition(" ;")[0] for line in run_time}
    assert [line for line in repeated if line.partition(" ;")[0] not in pins] == []


def test_what_is_installed_is_complete() -> None:
    """Nothing that a pinned package needs has been left out of both files."""
    found = subprocess.run(
        ["uv", "pip", "check", "--python", sys.executable],
        executable=Path(sys.executable).with_name("uv"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert found.returncode == 0, found.stderr
