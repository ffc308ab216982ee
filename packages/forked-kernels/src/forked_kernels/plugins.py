"""Plugins that import ahead what notebooks import: a Jupyter server's and pytest's.

A Jupyter server loads the first wherever this package is installed, and it acts where
JUPYTER_DEFAULT_PROVISIONER_NAME is forked-provisioner. The second is for nbval:
`pytest -p forked_kernels.plugins --nbval-lax NOTEBOOK...`.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.provisioning.factory import KernelProvisionerFactory

from forked_kernels.provisioner import NAME, ForkedProvisioner, is_forking, warm_up

if TYPE_CHECKING:  # a Jupyter server needs no pytest
    import pytest

LOCAL = "local-provisioner"  # Jupyter's own, its default
MOST_NOTEBOOKS = 200
MOST_FOLDERS = 2000

reasons: list[str] = []  # why kernels of this pytest session started cold


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Import what the notebooks below the server's root folder import."""
    name = KernelProvisionerFactory.instance(parent=app).default_provisioner_name
    if is_forking(name):
        notebooks = islice(notebooks_below(Path(app.root_dir)), MOST_NOTEBOOKS)
        warm_up(notebooks, lambda why: app.log.warning(f"kernels start cold: {why}"))
    else:
        remedy = f"JUPYTER_DEFAULT_PROVISIONER_NAME={NAME} lets them be forked"
        app.log.info(f"kernels start cold: {name} starts them; {remedy}")


def notebooks_below(root: Path) -> Iterator[Path]:
    """List notebooks below a folder, the nearest first, from so many folders at most.

    Hidden folders, virtual environments and links to folders are passed over.
    """
    folders = deque([str(root)])
    looked_into = 0
    while folders and looked_into < MOST_FOLDERS:
        looked_into += 1
        with suppress(OSError), os.scandir(folders.popleft()) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.name.startswith("."):
                    continue
                path = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    if not (path / "pyvenv.cfg").exists():
                        folders.append(entry.path)
                elif path.suffix == ".ipynb":
                    yield path


def pytest_collection_finish(session: "pytest.Session") -> None:
    """Import what the collected notebooks import, in their order."""
    paths = dict.fromkeys(item.path for item in session.items)
    notebooks = [path for path in paths if path.suffix == ".ipynb"]
    if notebooks and not session.config.option.collectonly:
        factory = KernelProvisionerFactory.instance()
        if factory.default_provisioner_name == LOCAL:
            factory.default_provisioner_name = NAME
        reasons.clear()
        warm_up(notebooks, reasons.append)


def pytest_runtest_setup(item: "pytest.Item") -> None:
    """Name the notebook whose kernel is started next, as a Jupyter server does."""
    os.environ["JPY_SESSION_NAME"] = str(item.path)


def pytest_sessionfinish() -> None:
    """End the process that kernels were forked from."""
    if ForkedProvisioner.kernels:
        ForkedProvisioner.kernels.close()
        ForkedProvisioner.kernels = None


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Report why kernels started cold: what is printed before, pytest captures."""
    for reason in reasons:
        terminalreporter.write_line(f"kernels start cold: {reason}")
