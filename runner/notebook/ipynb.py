"""Notebook files: the code cells of a source notebook, and executed notebooks.

nbformat is imported only where a whole notebook is read: what CircleCI's setup job
does with source notebooks works without it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import notebook_inputs
from notebook_inputs import cell_source

from runner.errors import SignatureError, display_path

Notebook = Any  # nbformat ships no types
Cell = dict[str, Any]

FORMAT = 4
PYTHON_KERNEL = re.compile(r"py|conda|venv|virtualenv", re.IGNORECASE)
# What Papermill and nbclient do with a cell that has one of these tags.
UNSAFE_TAGS = {
    "injected-parameters": "Papermill would replace it, because it is an executed "
    "notebook; put the source notebook in its place",
    "papermill-error-cell-tag": "Papermill would drop it; remove the tag",
    "raises-exception": "its error would not end the notebook; remove the tag, and "
    "catch the exception in the cell",
    "skip-execution": "it would not run; remove the tag",
}


def read_cells(notebook: Path) -> list[Cell]:
    """Read all cells of a notebook file.

    Raises:
        SignatureError: it is not a notebook of format 4.
    """
    return parse_cells(read_text(notebook), display_path(notebook))


def read_code_cells(notebook: Path) -> list[Cell]:
    """Read the code cells of a notebook file, without empty ones.

    Raises:
        SignatureError: it is not a notebook of format 4.
    """
    return code_cells(read_cells(notebook))


def parse_code_cells(content: bytes, where: Path | str) -> list[Cell]:
    """Return the cells with code of a notebook file's content.

    Args:
        where: names the file in an error.

    Raises:
        SignatureError: it is not a notebook of format 4.
    """
    return code_cells(parse_cells(content, where))


def read_text(notebook: Path) -> str:
    """Read the text of a notebook file, without a byte order mark.

    Raises:
        SignatureError: it cannot be read, or is not UTF-8.
    """
    where = display_path(notebook)
    try:
        content = notebook.read_bytes()
    except OSError as error:
        raise SignatureError(f"{where}: {error.strerror}") from error
    try:
        # Some editors begin a file with a byte order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SignatureError(f"{where}: not UTF-8 at byte {error.start}") from error


def parse_cells(text: str | bytes, where: Path | str) -> list[Cell]:
    """Parse all cells from the content of a notebook file.

    Raises:
        SignatureError: it is not a notebook of format 4.
    """
    try:
        return notebook_inputs.parse_cells(text, str(where))
    except notebook_inputs.NotebookError as error:
        raise SignatureError(str(error)) from error


def code_cells(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells that hold code to run."""
    return [cell for cell in cells if is_code(cell)]


def find_unsafe_tags(
    cells: Sequence[Cell], where: Path | str
) -> Iterator[SignatureError]:
    """Find tags that keep a cell from being run, or its error from counting."""
    for index, cell in enumerate(cells):
        for tag, effect in UNSAFE_TAGS.items():
            if tag in cell_tags(cell):
                place = source_place(cells, index)
                yield SignatureError(f"{where}: {place} is tagged {tag!r}: {effect}")


def find_other_language(text: str, where: Path | str) -> Iterator[SignatureError]:
    """Find that a notebook was written for a kernel of another language than Python."""
    spec, language = _kernel(text)
    if language.lower() not in {"", "python", "ipython"}:
        name = spec.get("display_name") or spec.get("name") or language
        yield SignatureError(
            f"{where}: is written for the kernel {name!r} ({language}), and every "
            "stage runs in Python; choose a Python kernel in JupyterLab, and save it"
        )


def other_environment(text: str) -> str:
    """Name the kernel that a notebook was last used with; "" for JupyterLab's own.

    It may be one of another environment, a conda environment for instance.
    """
    spec, _ = _kernel(text)
    name, shown = str(spec.get("name", "")), str(spec.get("display_name", ""))
    is_own = name in {"", "python", "python3"} and "conda" not in shown.lower()
    return "" if is_own else shown or name


def _kernel(text: str) -> tuple[dict[str, Any], str]:
    """Return the kernelspec of a notebook, and its language as far as that is known."""
    metadata = json.loads(text).get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    spec, info = known.get("kernelspec"), known.get("language_info")
    spec = spec if isinstance(spec, dict) else {}
    name = info.get("name") if isinstance(info, dict) else None
    named = str(spec.get("name") or "")
    # Only a kernel of Python says nothing and has a name with it.
    guess = "" if not named or PYTHON_KERNEL.search(named) else named
    return spec, str(spec.get("language") or name or guess)


def cell_tags(cell: Mapping[str, Any]) -> list[str]:
    """Return a cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))


def source_place(cells: Sequence[Mapping[str, Any]], index: int) -> str:
    """Name a cell of a source notebook by its number and the heading above it."""
    if not is_code(cells[index]):
        return f"cell {index + 1}"
    number = sum(is_code(cell) for cell in cells[: index + 1])
    return f"code cell {number}{_under(cells, index)}"


def executed_place(notebook: Notebook, index: int | None) -> str:
    """Name a cell of an executed notebook as Jupyter numbers it."""
    if index is None:
        return "before the first cell"
    number = code_indices(notebook).index(index) + 1
    return f"In [{number}]{_under(notebook.cells, index)}"


def read(path: Path) -> Notebook:
    """Read a whole notebook file, in the newest format."""
    return loads(read_text(path))


def loads(content: str | bytes) -> Notebook:
    """Parse the content of a notebook file, in the newest format.

    Raises:
        ValueError: it is not a notebook; other errors where it is no JSON object.
    """
    import nbformat

    try:
        return nbformat.reads(content, as_version=FORMAT)  # type: ignore[no-untyped-call]
    except nbformat.ValidationError as error:
        raise ValueError(error.message) from error


def dumps(notebook: Notebook) -> str:
    """Return the text of a notebook file."""
    import nbformat

    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def from_dict(content: Mapping[str, Any]) -> Notebook:
    """Make a notebook from plain dicts and lists."""
    import nbformat

    return nbformat.from_dict(content)  # type: ignore[no-untyped-call]


def markdown_cell(text: str, id: str) -> Any:
    """Make a Markdown cell; its id is given, so that the same text is the same file."""
    import nbformat

    return nbformat.v4.new_markdown_cell(text, id=id)  # type: ignore[no-untyped-call]


def is_code(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell holds code to run."""
    return bool(cell["cell_type"] == "code" and cell_source(cell).strip())


def code_indices(notebook: Notebook) -> list[int]:
    """Return the positions of the cells with code."""
    return [index for index, cell in enumerate(notebook.cells) if is_code(cell)]


def heading(notebook: Notebook, index: int) -> str:
    """Return the heading that a cell stands under; "" if there is none."""
    return _heading(notebook.cells, index)


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


def _heading(cells: Sequence[Mapping[str, Any]], index: int) -> str:
    for cell in reversed(cells[:index]):
        if cell["cell_type"] == "markdown":
            lines = re.findall(r"^#+ +(.+)$", cell_source(cell), re.MULTILINE)
            if lines:
                return str(lines[-1]).strip()
    return ""


def _under(cells: Sequence[Mapping[str, Any]], index: int) -> str:
    heading = _heading(cells, index)
    return f" under {heading!r}" if heading else ""
