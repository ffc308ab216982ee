"""Notebooks made of a few cells, and kernels for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from forked_kernels.provisioner import provision
from forked_kernels.warm import WarmKernels
from nbclient import NotebookClient

NUMBERS = Path("numbers.ipynb")  # a notebook that imports NumPy
Run = Callable[..., Any]
Start = Callable[..., WarmKernels]


def make(
    warm: WarmKernels | None, *cells: str, notebook: str = "", **more: Any
) -> tuple[NotebookClient, Any]:
    """Make a notebook and the client that is to execute it."""
    content = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(one) for one in cells]
    )
    client = NotebookClient(content, kernel_name="python3", **more)
    if warm:
        manager = client.create_kernel_manager()
        provision(manager, kernels=warm, notebook=Path(notebook) if notebook else None)
    return client, content
