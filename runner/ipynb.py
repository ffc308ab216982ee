"""Read, write and look at notebook files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

Notebook = Any  # nbformat ships no types


def read(path: Path) -> Notebook:
    """Read a notebook, in the newest format."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def loads(content: bytes) -> Notebook:
    """Read the content of a notebook file, in the newest format."""
    return nbformat.reads(content, as_version=4)  # type: ignore[no-untyped-call]


def write(notebook: Notebook, path: Path) -> None:
    """Write a notebook."""
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def dumps(notebook: Notebook) -> str:
    """Give the text of a notebook file."""
    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def from_dict(content: Mapping[str, Any]) -> Notebook:
    """Make a notebook of plain dicts and lists."""
    return nbformat.from_dict(content)  # type: ignore[no-untyped-call]


def is_code(cell: Mapping[str, Any]) -> bool:
    """Tell whether a cell holds code to run."""
    return bool(cell["cell_type"] == "code" and cell["source"].strip())


def code_indices(notebook: Notebook) -> list[int]:
    """List where the cells with code stand."""
    return [index for index, cell in enumerate(notebook.cells) if is_code(cell)]


def heading(notebook: Notebook, index: int) -> str:
    """Find the heading that a cell stands under."""
    for cell in reversed(notebook.cells[:index]):
        if cell["cell_type"] == "markdown":
            lines = re.findall(r"^#+ +(.+)$", cell["source"], re.MULTILINE)
            if lines:
                return str(lines[-1]).strip()
    return ""


def add_error(notebook: Notebook, index: int, name: str, message: str) -> None:
    """Show in a cell what ended it, where the kernel itself could not say it."""
    output = nbformat.v4.new_output(  # type: ignore[no-untyped-call]
        "error", ename=name, evalue=message, traceback=[f"{name}: {message}"]
    )
    cell = notebook.cells[index]
    cell.outputs.append(output)
    cell.metadata.papermill["status"] = "failed"
    notebook.metadata.papermill["exception"] = True


def text_cell(text: str) -> Any:
    """Make a cell of Markdown."""
    return nbformat.v4.new_markdown_cell(text)  # type: ignore[no-untyped-call]
