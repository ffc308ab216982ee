"""Whatever starts a kernel in this process, it is warm where it can be."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import toys
from forked_kernels import warm as module
from forked_kernels.jupyter import JupyterProvisioner, warm_kernels
from jupyter_client.manager import KernelManager, start_new_kernel
from jupyter_client.provisioning.factory import KernelProvisionerFactory

Ask = Callable[[str], Any]
Started = AbstractContextManager[tuple[KernelManager, Ask]]
PARENT = "__import__('os').getppid()"


@pytest.fixture(autouse=True)
def own_factory() -> Iterator[None]:
    """Leave Jupyter as it was."""
    yield
    KernelProvisionerFactory.clear_instance()


@pytest.fixture
def said() -> list[str]:
    """What was said of cold kernels."""
    return []


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook that imports a module which takes its time."""
    library = tmp_path / "library"
    library.mkdir()
    (library / "preloaded.py").write_text("import time; time.sleep(0.5)")
    monkeypatch.setenv("PYTHONPATH", str(library))
    monkeypatch.syspath_prepend(library)
    # As if it were installed: the repository's own modules are not preloaded.
    monkeypatch.setattr("forked_kernels.imports.is_own", lambda path: False)
    path = tmp_path / "notebooks" / "known.ipynb"
    return toys.write(path, toys.code("import preloaded"))


@contextmanager
def kernel(folder: Path, **more: Any) -> Iterator[tuple[KernelManager, Ask]]:
    """Start a kernel as nbval and many others do, and give a way to ask it."""
    manager, client = start_new_kernel(cwd=str(folder), **more)

    def ask(expression: str) -> Any:
        """Evaluate an expression whose value is a number or a truth."""
        client.wait_for_ready(timeout=30)
        given = {"answer": expression}
        reply = client.execute_interactive(
            "", user_expressions=given, timeout=30, output_hook=lambda _: None
        )
        answer = reply["content"]["user_expressions"]["answer"]
        if answer["status"] == "error":
            return answer["ename"]
        return json.loads(answer["data"]["text/plain"].lower())

    try:
        yield manager, ask
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def server() -> int:
    """Name the process that kernels are forked from."""
    return JupyterProvisioner.kernels.process.pid


def test_kernels_are_warm_meanwhile(notebook: Path, said: list[str]) -> None:
    """Each is a process of its own, and they are cold again afterwards."""
    with warm_kernels([notebook], said.append):
        process = JupyterProvisioner.kernels.process
        with kernel(notebook.parent) as (_, one), kernel(notebook.parent) as (_, two):
            assert one(PARENT) == two(PARENT) == server()
            assert one("__import__('os').getpid()") != two("__import__('os').getpid()")
    assert process.returncode == 0
    with kernel(notebook.parent) as (_, ask):
        assert ask(PARENT) == os.getpid()
    assert said == []


def test_a_kernel_is_restarted_as_another_process(
    notebook: Path, said: list[str]
) -> None:
    """What was set is gone, and the new one is as warm."""
    with (
        warm_kernels([notebook], said.append),
        kernel(notebook.parent) as (manager, ask),
    ):
        before = ask("__import__('os').getpid()")
        ask("globals().update(left=1) or 1")
        assert ask("left") == 1

        manager.restart_kernel(now=True)

        assert ask("left") == "NameError"
        assert ask("__import__('os').getpid()") != before
        assert ask(PARENT) == server()
    assert said == []


def test_a_notebook_that_is_known_has_its_imports(
    notebook: Path, said: list[str]
) -> None:
    """A Jupyter server says which it is, by name or with its folders."""
    there = "'preloaded' in __import__('sys').modules"
    with warm_kernels([notebook], said.append):
        for name in (str(notebook), "folder/known.ipynb"):
            env = os.environ | {"JPY_SESSION_NAME": name}
            with kernel(notebook.parent, env=env) as (_, ask):
                assert ask(there) is True
                assert ask(PARENT) == server()


def test_what_lies_beside_a_new_notebook_is_its_own(
    notebook: Path, said: list[str]
) -> None:
    """A notebook that is new, in a folder with a module that others know another of."""
    folder = notebook.parent.with_name("models")
    folder.mkdir()
    with warm_kernels([notebook], said.append):
        env = os.environ | {"JPY_SESSION_NAME": str(notebook)}
        with kernel(notebook.parent, env=env) as (_, ask):
            assert ask(PARENT) == server()
        with kernel(folder) as (_, ask):
            assert ask(PARENT) == server()
        (folder / "preloaded.py").write_text("mine = True")
        with kernel(folder) as (_, ask):
            assert ask(PARENT) == os.getpid()
    assert said == ["preloaded is another module for other notebooks"]


def test_a_module_that_fails_leaves_new_notebooks_warm(
    notebook: Path, said: list[str], tmp_path: Path
) -> None:
    """It is not one of theirs yet; the notebook that needs it starts cold."""
    (tmp_path / "library" / "preloaded.py").write_text("raise OSError('no')")
    with warm_kernels([notebook], said.append):
        with kernel(notebook.parent) as (_, ask):
            assert ask(PARENT) == server()
        env = os.environ | {"JPY_SESSION_NAME": str(notebook)}
        with kernel(notebook.parent, env=env) as (_, ask):
            assert ask(PARENT) == os.getpid()
    assert said == ["import preloaded: OSError: no"]


def test_a_notebook_that_cannot_be_read_is_passed_over(
    notebook: Path, said: list[str]
) -> None:
    """Somebody opens Jupyter to mend it."""
    broken = notebook.with_name("broken.ipynb")
    broken.write_text("<<<<<<< HEAD")

    with warm_kernels([broken, notebook], said.append):
        assert list(JupyterProvisioner.kernels.imports) == [notebook]


def test_a_provisioner_that_was_asked_for_stays(
    notebook: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody runs kernels elsewhere."""
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "remote-provisioner")

    with warm_kernels([notebook], said.append):
        factory = KernelProvisionerFactory.instance()
        assert factory.default_provisioner_name == "remote-provisioner"
    assert said == ["remote-provisioner starts them, as was asked for"]


def test_where_nothing_can_be_forked_kernels_are_cold(
    notebook: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a word."""
    monkeypatch.setattr(module, "CAN_FORK", False)

    with (
        warm_kernels([notebook], said.append),
        kernel(notebook.parent) as (_, ask),
    ):
        assert ask(PARENT) == os.getpid()
    assert said == [f"{sys.platform} forks no kernels"]
