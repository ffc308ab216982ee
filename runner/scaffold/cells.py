"""Cells of notebooks, and Python code set as ruff sets it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

# As ruff sets it.
LINE = 88


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of the notebook.

    Attributes:
        shows: it only shows something, so the table does not depend on it.
    """

    id: str
    text: str
    is_code: bool = False
    tag: str = ""
    shows: bool = False


def notebook(cells: Iterable[Cell]) -> dict[str, Any]:
    """Return a notebook file's content, as JupyterLab writes it."""
    return {
        "cells": [_as_json(one) for one in cells],
        "metadata": {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def dumps(content: dict[str, Any]) -> str:
    """Return a notebook's text, as Jupyter writes it."""
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def markdown(name: str, *lines: str) -> Cell:
    """Make a Markdown cell of some lines."""
    return Cell(id=name, text="\n".join(lines))


def code(name: str, *lines: str, tag: str = "", shows: bool = False) -> Cell:
    """Make a code cell of some lines."""
    text = "\n".join(lines)
    return Cell(id=name, text=text, is_code=True, tag=tag, shows=shows)


def quote(value: object) -> str:
    """Return a value as Python code, quoted as ruff does."""
    if not isinstance(value, str):
        return repr(value)
    body = "".join(one if one in "\"'" else repr(one)[1:-1] for one in value)
    doubles, singles = body.count('"'), body.count("'")
    if doubles > singles:
        return "'" + body.replace("'", "\\'") + "'"
    return '"' + body.replace('"', '\\"') + '"'


def name_in_text(name: str) -> str:
    """Return a column's name as code in Markdown, also within tables."""
    fence = "``" if "`" in name else "`"
    pad = " " * (len(fence) - 1)
    return f"{fence}{pad}{name}{pad}{fence}".replace("|", "\\|")


def assign_list(name: str, values: Sequence[object], operator: str = "=") -> str:
    """Assign a list, on one line or on one line a value, as ruff does."""
    items = [quote(one) for one in values]
    line = f"{name} {operator} [{', '.join(items)}]"
    if len(line) <= LINE:
        return line
    return "\n".join([f"{name} {operator} [", *(f"    {one}," for one in items), "]"])


def assign_dict(name: str, values: dict[str, Any]) -> str:
    """Assign a dict, on one line or on one line a key, as ruff does."""
    items = [f"{quote(key)}: {quote(one)}" for key, one in values.items()]
    line = f"{name} = {{{', '.join(items)}}}"
    if len(line) <= LINE:
        return line
    return "\n".join([f"{name} = {{", *(f"    {one}," for one in items), "}"])


def call(start: str, arguments: Sequence[str], indent: int = 0) -> str:
    """Call a function on as few lines as ruff does."""
    line = f"{start}({', '.join(arguments)})"
    if len(line) + indent <= LINE:
        return line
    inside = f"    {', '.join(arguments)}"
    if len(inside) + indent <= LINE:
        return f"{start}(\n{inside}\n)"
    lines = [f"    {one}," for one in arguments]
    return "\n".join([f"{start}(", *lines, ")"])


def _as_json(cell: Cell) -> dict[str, Any]:
    content: dict[str, Any] = {
        "cell_type": "code" if cell.is_code else "markdown",
        "id": cell.id,
        "metadata": {"tags": [cell.tag]} if cell.tag else {},
        "source": cell.text.splitlines(keepends=True),
    }
    if cell.is_code:
        content |= {"execution_count": None, "outputs": []}
    return content
