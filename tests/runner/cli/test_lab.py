"""JupyterLab's kernels run in the environment of the model whose notebook is opened."""

import ast
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forked_kernels.provisioner import ForkedProvisioner, is_forking
from jupyter_client.manager import start_new_kernel
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from locks import KERNEL, ask, lock_or_skip, pinned, wheel

from runner.cli.desk import MODEL_VARIABLE, Desk
from runner.cli.lab import ModelProvisioner, model_of

NAME = "model-provisioner"
LIMIT_SECONDS = 120
CELL = 'model: str = "toy"  # whose'


@pytest.fixture(scope="module")
def root(
    tmp_path_factory: pytest.TempPathFactory, toy_repository: Path
) -> Iterator[Path]:
    """A clone whose model `toy` has a package beside what a kernel needs."""
    root = tmp_path_factory.mktemp("lab") / "clone"
    shutil.copytree(toy_repository, root)
    packages = root.with_name("index")
    wheel(packages, "flavour", "1.0")
    (root / "requirements.txt").write_text("\n".join(pinned(*KERNEL)))
    ask(root, "toy", KERNEL, ["flavour"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_FIND_LINKS", str(packages))
        lock_or_skip(root, "toy")
        yield root


@pytest.fixture(autouse=True)
def provisioner(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Jupyter uses the provisioner that `make lab` names, and no server is left."""
    factory = KernelProvisionerFactory.instance()
    monkeypatch.setattr(factory, "default_provisioner_name", NAME)
    yield
    for one in ModelProvisioner.servers.values():
        if one:
            one.close()
    ModelProvisioner.servers.clear()


@pytest.fixture
def told(root: Path) -> Callable[[str], list[str]]:
    """Open a notebook as JupyterLab does; return what its kernel says of itself."""

    def open_one(path: str) -> list[str]:
        variables = os.environ | {"JPY_SESSION_NAME": path}
        folder = (root / path).parent
        manager, client = start_new_kernel(LIMIT_SECONDS, cwd=folder, env=variables)
        asked = "[sys.prefix, open(f'/proc/{os.getppid()}/cmdline').read()]"
        try:
            reply = client.execute_interactive(
                "import os, sys",
                user_expressions={"answer": asked},
                timeout=LIMIT_SECONDS,
                output_hook=lambda _: None,
            )
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        shown = reply["content"]["user_expressions"]["answer"]["data"]["text/plain"]
        answer: list[str] = ast.literal_eval(shown)
        return answer

    return open_one


def test_a_models_notebook_is_opened_in_its_environment(
    root: Path, told: Callable[[str], list[str]]
) -> None:
    """It is made for the first one, and kernels are forked in it."""
    prefix, parent = told("models/toy/prepare.ipynb")

    assert Path(prefix).parent == root / ".environments"
    assert Path(prefix).name.startswith("toy-")
    if sys.platform == "linux":
        assert "forked_kernels.server" in parent
        assert [Path(one).parents[1] for one in ModelProvisioner.servers] == [
            Path(prefix)
        ]


def test_a_shared_notebook_is_opened_in_that_of_the_chosen_model(
    root: Path, told: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a choice it is that of all models."""
    assert told("notebooks/deploy.ipynb")[0] == sys.prefix
    monkeypatch.setenv(MODEL_VARIABLE, "toy")
    assert Path(told("notebooks/deploy.ipynb")[0]).parent == root / ".environments"


@pytest.mark.parametrize(
    ("folder", "model"),
    [
        ("models/toy", "toy"),
        ("models/toy/deeper", "toy"),
        ("models", ""),
        ("notebooks", "chosen"),
        ("notebooks/binary", "chosen"),
        (".", ""),
        ("..", ""),
    ],
)
def test_whose_notebooks_are_in_a_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch, folder: str, model: str
) -> None:
    """A model's own, or shared ones of the model that was chosen."""
    monkeypatch.setenv(MODEL_VARIABLE, "chosen")

    assert model_of((root / folder).resolve()) == model


def test_the_provisioner_is_one_that_forks() -> None:
    """So the Jupyter server imports ahead what notebooks import."""
    assert issubclass(ModelProvisioner, ForkedProvisioner)
    assert is_forking(NAME) and not is_forking("local-provisioner")


@pytest.mark.parametrize("place", ["models/toy", "notebooks"])
def test_another_kernel_is_refused_at_the_parameters_cell(
    root: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """VS Code starts kernels by itself: the error names the interpreter to choose."""
    monkeypatch.setenv(MODEL_VARIABLE, "toy")
    monkeypatch.chdir(root / place)

    text = ast.unparse(Desk().visit(ast.parse(CELL)))
    assert "models/toy has an environment of its own" in text
    assert "runner environment toy" in text


def test_a_kernel_of_another_models_environment_is_refused(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has packages that this model is not run with."""
    monkeypatch.chdir(repo / "models" / "toy")
    monkeypatch.setattr(sys, "prefix", str(repo / ".environments" / "other-0123"))

    text = ast.unparse(Desk().visit(ast.parse(CELL)))
    assert "no environment of its own, and this is other-0123" in text
