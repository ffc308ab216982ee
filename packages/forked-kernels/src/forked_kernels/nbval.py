"""Warm kernels for nbval: `pytest -p forked_kernels.nbval --nbval-lax NOTEBOOK...`."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from forked_kernels.jupyter import JupyterProvisioner, warm_kernels

SAID = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Import what the collected notebooks import, in their order, while they run."""
    paths = dict.fromkeys(item.path for item in session.items)
    notebooks = [path for path in paths if path.suffix == ".ipynb"]
    said = session.config.stash.setdefault(SAID, [])
    with ExitStack() as stack:
        if notebooks and not session.config.option.collectonly:
            stack.enter_context(warm_kernels(notebooks, said.append))
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the notebook whose kernel is started next: nbval does not say it."""
    JupyterProvisioner.current = item.path


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say why kernels started cold, at the end: before it pytest keeps what is said."""
    for why in config.stash.get(SAID, []):
        terminalreporter.write_line(f"kernels start cold: {why}")
