"""What a machine can check of the notebooks' style."""

import json
from pathlib import Path
from typing import Any

import pytest

from runner.notebook.signature import read_signature
from runner.spec.style import find_style_hints

ROOT = Path(__file__).parents[2]
# The template's own. A team's models are theirs: `ruff` and nbval look at them.
NOTEBOOKS = (
    "models/abalone/prepare.ipynb",
    "models/churn/prepare.ipynb",
    "notebooks/binary/train-register.ipynb",
    "notebooks/deploy.ipynb",
    "notebooks/multiclass/train-register.ipynb",
    "notebooks/regression/train-register.ipynb",
)

Cell = dict[str, Any]


@pytest.fixture(params=NOTEBOOKS)
def path(request: pytest.FixtureRequest) -> Path:
    """Each notebook in turn; the samples' may have been removed."""
    found: Path = ROOT / request.param
    if request.param.startswith("models/") and not found.parent.is_dir():
        pytest.skip(f"{found.parent.name} was removed")
    return found


@pytest.fixture
def cells(path: Path) -> list[Cell]:
    """Its cells."""
    found: list[Cell] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def test_the_runner_can_read_it(path: Path) -> None:
    """Parameters and results are where the runner looks for them."""
    assert read_signature(path).parameters


def test_git_holds_no_outputs(cells: list[Cell]) -> None:
    """The executed notebook is the artifact."""
    for cell in cells:
        assert cell["cell_type"] in ("code", "markdown")
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert set(cell["metadata"]) <= {"tags"}


def test_anybody_can_execute_it(path: Path) -> None:
    """The kernel is called `python3` everywhere, and nothing else is remembered."""
    notebook = json.loads(path.read_text(encoding="utf-8"))

    assert notebook["nbformat"] == 4
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}


def test_every_parameter_is_explained(path: Path) -> None:
    """Whoever overrides one reads its help first."""
    parameters = read_signature(path).parameters.values()

    assert [one.name for one in parameters if not one.help] == []


def test_the_defaults_run_as_they_stand(path: Path) -> None:
    """In Jupyter nobody gives a value."""
    parameters = read_signature(path).parameters.values()

    assert [one.name for one in parameters if one.required] == []


def test_it_keeps_to_the_style_of_contributing(cells: list[Cell]) -> None:
    """What `runner check` hints at, in the notebooks of a team, is the rule here."""
    assert find_style_hints(cells) == []
