"""Make the cells of executed notebooks."""

from typing import Any

Cell = dict[str, Any]


def code(source: str, *outputs: dict[str, Any], **metadata: Any) -> Cell:
    """Make a cell that ran, and took 3.4 s."""
    return {
        "cell_type": "code",
        "execution_count": 1,
        "metadata": {"papermill": {"duration": 3.4}, **metadata},
        "outputs": list(outputs),
        "source": source,
    }


def unrun(source: str) -> Cell:
    """Make a cell that did not run."""
    return {**code(source), "execution_count": None, "metadata": {}}


def markdown(source: str, **metadata: Any) -> Cell:
    """Make a Markdown cell."""
    return {"cell_type": "markdown", "metadata": metadata, "source": source}


def shows(data: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Make an output that displays data by MIME type."""
    return {"output_type": "display_data", "metadata": metadata, "data": data}


def prints(shown: str, stream: str = "stdout") -> dict[str, Any]:
    """Make an output that was printed."""
    return {"output_type": "stream", "name": stream, "text": shown}


def notebook(*cells: Cell, **metadata: Any) -> dict[str, Any]:
    """Make a notebook of these cells."""
    return {
        "cells": list(cells),
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 4,
    }
