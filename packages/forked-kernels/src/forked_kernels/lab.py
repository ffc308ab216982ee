"""Warm kernels for JupyterLab, as an extension of its server.

`jupyter lab --ServerApp.jpserver_extensions=forked_kernels.lab=True` starts it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from forked_kernels.jupyter import start_for
from runner.errors import CallError
from runner.spec import find_root


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Say where the extension is."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Import meanwhile what the repository's notebooks import.

    The process that kernels are forked from ends when the server has ended.
    """

    def say(why: str) -> None:
        app.log.warning(f"kernels start cold: {why}")

    start_for(_notebooks(Path(app.root_dir)), say)


def _notebooks(folder: Path) -> Iterator[Path]:
    """List the repository's notebooks, or those of a folder that is none."""
    try:
        root = find_root(folder)
    except CallError:
        yield from sorted(folder.glob("*.ipynb"))
        return
    for pattern in ("models/*/*.ipynb", "notebooks/*.ipynb"):
        yield from sorted(root.glob(pattern))
