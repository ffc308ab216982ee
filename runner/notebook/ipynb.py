"""Notebook files: the code cells of a source notebook, and executed notebooks.

nbformat is imported only where a whole notebook is read: what CircleCI's setup job
does with source notebooks works without it.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.errors import SignatureError, display_path

Notebook = Any  # nbformat ships no types
Cell = dict[str, Any]


def read_code_cells(notebook: Path) -> list[Cell]:
    """Read the code cells of a notebook file, without empty ones.

    Raises:
        SignatureError: it is not a notebook of format 4.
    """
    where = display_path(notebook)
    try:
        return parse_code_cells(notebook.read_bytes(), where)
    except OSError as error:
        raise SignatureError(f"{where}: {error.strerror}") from error


def parse_code_cells(content: bytes, where: Path | str) -> list[Cell]:
    """Return the code cells of a notebook file's content, without empty ones.

    Args:
        where: names the file in an error.

    Raises:
        SignatureError: it is not a notebook of format 4.
    """
    try:
        # Some editors begin a file with a byte order mark.
        notebook = json.loads(content.decode("utf-8-sig"))
        return [cell for cell in notebook["cells"] if _has_code(cell)]
    except json.JSONDecodeError as error:
        raise SignatureError(
            f"{where}:{error.lineno}: not JSON ({error.msg}); a merge conflict?"
        ) from error
    except UnicodeDecodeError as error:
        raise SignatureError(f"{where}: not UTF-8 at byte {error.start}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise SignatureError(
            f"{where}: not a notebook of format 4; save it anew in JupyterLab"
        ) from error


def cell_source(cell: Mapping[str, Any]) -> str:
    """Return a cell's source, which a file may hold as a list of lines."""
    return "".join(cell["source"]).replace("\r\n", "\n")


def cell_tags(cell: Mapping[str, Any]) -> list[str]:
    """Return a cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))


def read(path: Path) -> Notebook:
    """Read a whole notebook file, in the newest format."""
    import nbformat

    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def loads(content: bytes) -> Notebook:
    """Parse the content of a notebook file, in the newest format."""
    import nbformat

    return nbformat.reads(content, as_version=4)  # type: ignore[no-untyped-call]


def dumps(notebook: Notebook) -> str:
    """Return the text of a notebook file."""
    import nbformat

    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def from_dict(content: Mapping[str, Any]) -> Notebook:
    """Make a notebook from plain dicts and lists."""
    import nbformat

    return nbformat.from_dict(content)  # type: ignore[no-untyped-call]


def markdown_cell(text: str) -> Any:
    """Make a Markdown cell."""
    import nbformat

    return nbformat.v4.new_markdown_cell(text)  # type: ignore[no-untyped-call]


def is_code(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell holds code to run."""
    return bool(cell["cell_type"] == "code" and cell["source"].strip())


def code_indices(notebook: Notebook) -> list[int]:
    """Return the positions of the cells with code."""
    return [index for index, cell in enumerate(notebook.cells) if is_code(cell)]


def heading(notebook: Notebook, index: int) -> str:
    """Return the heading that a cell stands under; "" if there is none."""
    for cell in reversed(notebook.cells[:index]):
        if cell["cell_type"] == "markdown":
            lines = re.findall(r"^#+ +(.+)$", cell["source"], re.MULTILINE)
            if lines:
                return str(lines[-1]).strip()
    return ""


def add_error(notebook: Notebook, index: int, name: str, message: str) -> None:
    """Add an error output to a cell whose kernel could not report it."""
    import nbformat

    output = nbformat.v4.new_output(  # type: ignore[no-untyped-call]
        "error", ename=name, evalue=message, traceback=[f"{name}: {message}"]
    )
    cell = notebook.cells[index]
    cell.outputs.append(output)
    cell.metadata.setdefault("papermill", {})["status"] = "failed"
    notebook.metadata.setdefault("papermill", {})["exception"] = True


def _has_code(cell: Cell) -> bool:
    """Return whether a cell holds code; a malformed code cell raises here."""
    if cell["cell_type"] != "code":
        return False
    text, _ = cell_source(cell), cell_tags(cell)
    return bool(text.strip())
