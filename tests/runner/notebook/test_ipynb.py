"""Notebook files are read, written and looked at."""

import json
from pathlib import Path
from typing import Any

import pytest
import toys
from notebook_inputs import cell_source

from runner.errors import SignatureError
from runner.notebook import ipynb


@pytest.fixture
def notebook(tmp_path: Path) -> ipynb.Notebook:
    """A notebook with code and text in turn."""
    return ipynb.read(
        toys.write(
            tmp_path / "toy.ipynb",
            toys.code("a = 1"),
            toys.text("# Title\n\nno heading\n\n## First  "),
            toys.code(" \n"),
            toys.text("Just text, #1"),
            toys.code("b = 2"),
        )
    )


def test_a_notebook_that_is_written_is_read_as_it_was(
    tmp_path: Path, notebook: ipynb.Notebook
) -> None:
    """Its text is parsed from a file and from memory."""
    text = ipynb.dumps(notebook)
    (tmp_path / "again.ipynb").write_text(text)

    assert ipynb.read(tmp_path / "again.ipynb") == notebook
    assert ipynb.loads(text.encode()) == notebook


def test_plain_dicts_become_a_notebook(notebook: ipynb.Notebook) -> None:
    """Scrubbing makes such dicts."""
    plain = {"cells": [dict(notebook.cells[0])], "metadata": {}}

    assert ipynb.from_dict(plain).cells[0].source == "a = 1"


def test_only_cells_with_code_count(notebook: ipynb.Notebook) -> None:
    """A blank cell does not run."""
    assert ipynb.code_indices(notebook) == [0, 4]


@pytest.mark.parametrize(("index", "heading"), [(0, ""), (2, "First"), (4, "First")])
def test_a_cell_stands_under_the_last_heading_above(
    notebook: ipynb.Notebook, index: int, heading: str
) -> None:
    """The heading may be of any level, and in any cell above."""
    assert ipynb.heading(notebook, index) == heading


def test_an_error_can_be_added_to_a_cell(notebook: ipynb.Notebook) -> None:
    """The cell then fails in the notebook's metadata as well."""
    ipynb.add_error(notebook, 4, "TimeLimitError", "took too long")

    (output,) = notebook.cells[4].outputs
    assert (output.ename, output.evalue) == ("TimeLimitError", "took too long")
    assert notebook.cells[4].metadata.papermill["status"] == "failed"
    assert notebook.metadata.papermill["exception"] is True


def test_code_cells_are_read_without_blank_and_markdown_cells(tmp_path: Path) -> None:
    """The source may be a list of lines, and its lines may end as Windows ends them."""
    lines = {**toys.code(""), "source": ["a = 1\r\n", "b = 2"]}
    cells = [toys.text("# Title"), lines, toys.code(" \n"), toys.code("c", "results")]
    found = ipynb.read_code_cells(toys.write(tmp_path / "toy.ipynb", *cells))

    assert [cell_source(cell) for cell in found] == ["a = 1\nb = 2", "c"]
    assert [ipynb.cell_tags(cell) for cell in found] == [[], ["results"]]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "toy.ipynb:1: not JSON (Expecting value); a merge conflict?"),
        ('{"cells": [\n<<<<<<< HEAD\n', "toy.ipynb:2: not JSON"),
        ("[]", "toy.ipynb: not a notebook of format 4; save it anew in JupyterLab"),
        ('{"worksheets": []}', "toy.ipynb: not a notebook of format 4"),
        ('{"cells": [{"cell_type": "code"}]}', "toy.ipynb: not a notebook of format 4"),
        (
            '{"cells": [{"cell_type": "code", "source": 1}]}',
            "toy.ipynb: not a notebook of format 4",
        ),
        (
            '{"cells": [{"cell_type": "code", "source": "1", "metadata": null}]}',
            "toy.ipynb: not a notebook of format 4",
        ),
        (
            '{"nbformat": 3, "cells": [], "worksheets": []}',
            "toy.ipynb: not a notebook of format 4",
        ),
        (b"\xff\xfe", "toy.ipynb: not UTF-8 at byte 0"),
    ],
)
def test_a_file_that_is_not_a_notebook_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | bytes,
    problem: str,
) -> None:
    """The message is one line with the place, relative to the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "toy.ipynb"
    path.write_bytes(content.encode() if isinstance(content, str) else content)

    with pytest.raises(SignatureError) as caught:
        ipynb.read_code_cells(path)

    assert str(caught.value).startswith(problem)


def test_a_notebook_without_cells_has_no_code_cells(tmp_path: Path) -> None:
    """It is a notebook all the same."""
    path = tmp_path / "toy.ipynb"
    path.write_text(json.dumps({"cells": []}))

    assert ipynb.read_code_cells(path) == []


def test_a_missing_notebook_is_refused(tmp_path: Path) -> None:
    """It may have been removed after it was found."""
    with pytest.raises(SignatureError, match=r"toy\.ipynb: No such file"):
        ipynb.read_code_cells(tmp_path / "toy.ipynb")


def test_a_file_that_is_no_notebook_has_one_kind_of_error() -> None:
    """The library has several."""
    cell = '{"cell_type": "code", "source": 5}'
    content = f'{{"nbformat": 4, "nbformat_minor": 5, "cells": [{cell}]}}'

    with pytest.raises(ValueError, match="missing an expected key"):
        ipynb.loads(content)


@pytest.mark.parametrize(
    ("metadata", "error", "other"),
    [
        ({}, "", ""),
        ({"kernelspec": {"name": "python3", "display_name": "Python 3"}}, "", ""),
        (
            {
                "kernelspec": {"name": "python3", "display_name": ".venv (3.12.3)"},
                "language_info": {"name": "python"},
            },
            "",
            "",
        ),
        (
            {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}},
            "is written for the kernel 'R' (R), and every stage runs in Python; choose",
            "R",
        ),
        ({"kernelspec": {"name": "julia-1.10"}}, "'julia-1.10' (julia-1.10)", None),
        ({"language_info": {"name": "scala"}}, "'scala' (scala)", None),
        (
            {
                "kernelspec": {
                    "name": "conda-env-ml-py",
                    "display_name": "Python [conda env:ml]",
                    "language": "python",
                }
            },
            "",
            "Python [conda env:ml]",
        ),
        ({"kernelspec": {"name": "conda_python3"}}, "", "conda_python3"),
        ({"kernelspec": "python3", "language_info": 5}, "", ""),
        ([], "", ""),
    ],
)
def test_a_notebook_of_another_language_is_refused_of_another_environment_named(
    metadata: Any, error: str, other: str | None
) -> None:
    """A stage runs in this repository's Python, whatever it was saved with."""
    text = json.dumps({"cells": [], "metadata": metadata})
    found = [str(one) for one in ipynb.find_other_language(text, "a.ipynb")]

    assert bool(found) is bool(error)
    assert error in "".join(found)
    if other is not None:
        assert ipynb.other_environment(text) == other
