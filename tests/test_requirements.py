"""What the project says it is built from."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Stubs, which only type checkers import.
TYPES = re.compile(r"mypy_boto3_\w+|_typeshed")


def imported():
    """Name the third-party packages that the runner imports."""
    found = set()
    for path in (ROOT / "runner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    found -= set(sys.stdlib_module_names) | {"runner"}
    return sorted(one for one in found if not TYPES.fullmatch(one))


def named(file):
    """List the distributions that a requirements file names."""
    lines = (ROOT / file).read_text().splitlines()
    names = [re.match(r"[\w.-]+", line) for line in lines]
    return {plain(name[0]) for name in names if name}


def plain(name):
    """Write a distribution's name the one way."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("package", imported())
def test_what_is_imported_is_required(package):
    """Each package that the runner imports has a line of its own."""
    # A namespace package is in several distributions, one of them named like it.
    found = [package, *packages_distributions()[package]]
    distributions = {plain(one) for one in found}

    assert distributions & named("requirements.in")


def test_everything_required_is_pinned():
    """requirements.txt is compiled from all of requirements.in, to exact versions."""
    text = (ROOT / "requirements.txt").read_text()
    lines = [one for one in text.splitlines() if one and not one.startswith((" ", "#"))]

    assert named("requirements.in") <= named("requirements.txt")
    assert [one for one in lines if "==" not in one] == []
