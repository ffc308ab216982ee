"""Reading, writing and looking at notebook files."""

from pathlib import Path

import pytest
import toys

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


def test_what_is_written_is_read_again(
    tmp_path: Path, notebook: ipynb.Notebook
) -> None:
    """As a file and as text."""
    ipynb.write(notebook, tmp_path / "again.ipynb")

    assert ipynb.read(tmp_path / "again.ipynb") == notebook
    assert (tmp_path / "again.ipynb").read_text() == ipynb.dumps(notebook)


def test_plain_dicts_become_a_notebook(notebook: ipynb.Notebook) -> None:
    """As they come from scrubbing."""
    plain = {"cells": [dict(notebook.cells[0])], "metadata": {}}

    assert ipynb.from_dict(plain).cells[0].source == "a = 1"


def test_only_cells_with_code_count(notebook: ipynb.Notebook) -> None:
    """Blank ones do not run."""
    assert ipynb.code_indices(notebook) == [0, 4]


@pytest.mark.parametrize(("index", "heading"), [(0, ""), (2, "First"), (4, "First")])
def test_a_cell_stands_under_the_last_heading_above(
    notebook: ipynb.Notebook, index: int, heading: str
) -> None:
    """Of any level, in any cell above."""
    assert ipynb.heading(notebook, index) == heading


def test_an_error_can_be_added_to_a_cell(notebook: ipynb.Notebook) -> None:
    """So that whoever opens the notebook sees it where it happened."""
    for part in (notebook, notebook.cells[4]):
        part.metadata["papermill"] = {}
    ipynb.add_error(notebook, 4, "TimeLimitError", "took too long")

    (output,) = notebook.cells[4].outputs
    assert (output.ename, output.evalue) == ("TimeLimitError", "took too long")
    assert notebook.cells[4].metadata.papermill.status == "failed"
