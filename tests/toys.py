"""Make small notebooks."""

import json
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def code(source: str, *tags: str, **more: Any) -> Cell:
    """Make a code cell that has not run."""
    metadata = {"tags": list(tags)} if tags else {}
    cell = {"cell_type": "code", "execution_count": None, "outputs": []}
    return {**cell, "metadata": metadata, "source": source, **more}


def text(source: str) -> Cell:
    """Make a Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def takes(parameters: str) -> list[Cell]:
    """Make the cells of a notebook with just these parameters."""
    return [code(parameters, "parameters"), code("JSON({})", "results")]


def write(path: Path, *cells: Cell) -> Path:
    """Write a notebook."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook | {"nbformat": 4, "nbformat_minor": 4}))
    return path
