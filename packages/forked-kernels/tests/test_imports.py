"""What a notebook imports is read from its code, and from the project's modules."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from forked_kernels.imports import Imports, Statement, notebook_imports

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


def test_the_projects_modules_are_read_but_not_listed(find: Find) -> None:
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


@pytest.mark.parametrize(
    ("cell", "counts"),
    [
        ("import ours.module\nours.module.called()", True),
        ("from ours import module as other\nother.called()", True),
        ("from ours import module\n'a b'.called()", False),
        ("from ours import module\ntext = ''\ntext.called()", False),
        ("from ours import module\nmodule.beside.text().called()", False),
    ],
)
def test_a_method_of_that_name_is_no_mention(
    find: Find, cell: str, counts: bool
) -> None:
    """A text's `split` is not the function `split` of a module of the project."""
    assert ("zipfile" in modules(find(cell))) is counts


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


def test_a_module_that_cannot_be_parsed_is_left_to_the_notebook(
    find: Find, tmp_path: Path
) -> None:
    """Its kernel will say what is wrong."""
    (tmp_path / "ours" / "beside.py").write_bytes(b"import \xff")

    assert modules(find("import ours.beside")) == []


@pytest.mark.parametrize(
    "content",
    ["<<<<<<< HEAD", "[]", "{}", '{"cells": 1}', '{"cells": [{"cell_type": "code"}]}'],
)
def test_what_is_no_notebook_is_refused(content: str, tmp_path: Path) -> None:
    """The caller passes it over or reports it."""
    path = tmp_path / "broken.ipynb"
    path.write_text(content)

    with pytest.raises(ValueError, match=r"not a notebook of format 4|Expecting value"):
        notebook_imports(path)


def test_a_source_may_be_a_list_of_lines(tmp_path: Path) -> None:
    """As Jupyter writes it."""
    path = tmp_path / "lines.ipynb"
    cell = {"cell_type": "code", "source": ["import \\\n", "    json\n"]}
    path.write_text(json.dumps({"cells": [cell]}))

    assert modules(notebook_imports(path)) == ["json"]


def test_what_another_interpreter_has_is_found_by_its_path(
    find: Find, tmp_path: Path
) -> None:
    """Installed packages of its own are listed, those of this one are not."""
    site = tmp_path / "other" / "lib" / "site-packages"
    (site / "theirs").mkdir(parents=True)
    (site / "theirs" / "__init__.py").write_text("")
    find("import numpy, theirs, json", "from ours import beside")
    notebook = tmp_path / "models" / "notebook.ipynb"

    found = notebook_imports(notebook, [str(site), str(tmp_path)])
    assert modules(found) == ["theirs", "json", "csv"]
    assert found.own == {"ours"}
