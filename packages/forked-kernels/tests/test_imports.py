"""What a notebook imports is read from its code, and from the repository's."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from forked_kernels.code import Statement
from forked_kernels.imports import (
    KERNEL,
    Imports,
    notebook_imports,
    preload_order,
)

MODULE = """
import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

from . import beside

def called():
    import zipfile
    return indirectly()

def indirectly():
    from xml.dom import minidom

def never():
    import tarfile

class Shape:
    def area(self):
        import decimal
"""
Find = Callable[..., Imports]


@pytest.fixture
def find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Find:
    """Find what the cells of a notebook beside the package `ours` import."""
    package = tmp_path / "ours"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "module.py").write_text(MODULE)
    (package / "beside.py").write_text("import csv")
    monkeypatch.syspath_prepend(tmp_path)
    notebook = tmp_path / "models" / "notebook.ipynb"
    notebook.parent.mkdir()

    def read(*cells: str) -> Imports:
        content = [{"cell_type": "code", "source": one} for one in cells]
        notebook.write_text(json.dumps({"cells": content}))
        return notebook_imports(notebook)

    return read


def modules(found: Imports) -> list[str]:
    return [statement.module for statement in found.statements]


def test_every_cell_is_read(find: Find) -> None:
    """In their order, and names too: a package may import only what is asked for."""
    found = find("import json", "x = 1\nfrom email import message, policy")

    assert found.statements == (
        Statement("json"),
        Statement("email", ("message", "policy")),
    )


def test_the_repositorys_modules_are_read_but_not_listed(find: Find) -> None:
    """They are quick to import, and what they import is not."""
    found = find("from ours.module import Other")

    assert modules(found) == ["html", "typing", "csv"]
    assert found.own == {"ours"}


def test_functions_count_when_they_are_mentioned(find: Find) -> None:
    """What a function imports is needed by those who call it, however indirectly."""
    assert "zipfile" not in modules(find("import ours.module"))

    found = modules(find("from ours import module", "module.called()"))

    assert {"zipfile", "xml.dom"} <= set(found)
    assert {"tarfile", "decimal", "sqlite3"}.isdisjoint(found)


def test_classes_count_as_a_whole(find: Find) -> None:
    """Nobody knows which of their methods are called."""
    assert "decimal" in modules(find("from ours.module import Shape", "Shape()"))


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\nimport json",
        "import json\n!ls",
        "if True:\n    import json\n    %time 1",
    ],
)
def test_magics_are_passed_over(find: Find, cell: str) -> None:
    """They are not Python, but what stands around them is."""
    assert modules(find(cell)) == ["json"]


@pytest.mark.parametrize(
    "cell", ["import nowhere.to_be_found", "from __main__ import x", "this is no code"]
)
def test_what_cannot_be_found_is_left_to_the_notebook(find: Find, cell: str) -> None:
    """Its kernel will say what is wrong."""
    assert find(cell).statements == ()


def test_a_file_beside_the_notebook_comes_first(find: Find, tmp_path: Path) -> None:
    """As in the kernel, whose working directory is the notebook's."""
    (tmp_path / "models" / "yaml.py").write_text("import bisect")

    found = find("import yaml")

    assert modules(found) == ["bisect"]
    assert found.own == {"yaml"}


def test_modules_that_import_each_other_are_read_once(
    find: Find, tmp_path: Path
) -> None:
    """A circle ends."""
    (tmp_path / "ours" / "beside.py").write_text("from ours import module\nimport csv")

    assert "csv" in modules(find("import ours.beside"))


def test_the_first_notebook_comes_first() -> None:
    """Every kernel begins with Jupyter's, and nothing is imported twice."""
    first = Imports(statements=(Statement("a"), Statement("b")), own=frozenset())
    then = Imports(statements=(Statement("b"), Statement("c")), own=frozenset())

    order = preload_order([first, then])

    assert [one.module for one in order] == [*KERNEL, "a", "b", "c"]
