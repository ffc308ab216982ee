"""What a machine can check of the notebooks' style."""

import ast
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runner.notebook.ipynb import cell_source
from runner.notebook.parameters import read_signature

ROOT = Path(__file__).parents[2]
# The template's own. A team's models are theirs: `ruff` and nbval look at them.
NOTEBOOKS = (
    "models/abalone/prepare.ipynb",
    "models/churn/prepare.ipynb",
    "models/churn/train-register.ipynb",
    "notebooks/binary/train-register.ipynb",
    "notebooks/deploy.ipynb",
    "notebooks/regression/train-register.ipynb",
)
PARAMETER = re.compile(r"\w+: [^=]+( = [^=]+)?  # [^=]+|}  # .+")
FORBIDDEN = ("pip install", "sys.path", "os.chdir", "nest_asyncio", "input(")

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


@pytest.fixture
def code(cells: list[Cell]) -> list[str]:
    """The sources of its code cells."""
    return [cell_source(cell) for cell in cells if cell["cell_type"] == "code"]


def is_definition(text: str) -> bool:
    """Tell a cell that only defines functions."""
    return all(isinstance(one, ast.FunctionDef) for one in ast.parse(text).body)


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


def test_it_begins_with_its_title(cells: list[Cell]) -> None:
    """And with lines on what goes in, what comes out and what to decide."""
    lines = cell_source(cells[0]).strip().splitlines()

    assert cells[0]["cell_type"] == "markdown"
    assert re.fullmatch(r"# \S.+", lines[0])
    assert len([line for line in lines[1:] if line.strip()]) >= 3


def test_headings_make_an_argument(cells: list[Cell]) -> None:
    """One title, three to seven headings, none of them called `Step 3`."""
    markdown = [cell_source(one) for one in cells if one["cell_type"] == "markdown"]
    headings = re.findall(r"^(#+) +(.+)$", "\n".join(markdown), re.MULTILINE)
    levels = [len(marks) for marks, _ in headings]

    assert levels.count(1) == 1
    assert 3 <= levels.count(2) <= 7
    assert not [
        text for _, text in headings if re.match(r"(step )?\d", text, re.IGNORECASE)
    ]


def test_the_second_cell_holds_the_parameters(cells: list[Cell]) -> None:
    """One a line, `name: type = default  # help`; a long dict as ruff folds it."""
    text = cell_source(cells[1])
    lines = text.splitlines()
    folded = [one for one in ast.parse(text).body if one.end_lineno != one.lineno]
    inside = {n for one in folded for n in range(one.lineno, one.end_lineno or 0)}
    rest = [line for n, line in enumerate(lines, 1) if n not in inside]

    assert cells[1]["metadata"]["tags"] == ["parameters"]
    assert [line for line in rest if not PARAMETER.fullmatch(line)] == []


def test_every_parameter_is_explained(path: Path) -> None:
    """Whoever overrides one reads its help first."""
    parameters = read_signature(path).parameters.values()

    assert [one.name for one in parameters if not one.help] == []


def test_the_defaults_run_as_they_stand(path: Path) -> None:
    """In Jupyter nobody gives a value."""
    parameters = read_signature(path).parameters.values()

    assert [one.name for one in parameters if one.required] == []


def test_the_third_cell_holds_all_imports(cells: list[Cell], code: list[str]) -> None:
    """So that a missing package fails in second one."""
    imports = (ast.Import, ast.ImportFrom)
    importing = [
        text
        for text in code
        if any(isinstance(node, imports) for node in ast.walk(ast.parse(text)))
    ]

    assert importing == [cell_source(cells[2])]


def test_the_last_cell_is_one_json(cells: list[Cell]) -> None:
    """Tagged `results`: what the next stage gets."""
    last = ast.parse(cell_source(cells[-1])).body[-1]

    assert cells[-1]["metadata"]["tags"] == ["results"]
    assert isinstance(last, ast.Expr)
    assert isinstance(last.value, ast.Call)
    assert ast.unparse(last.value.func) == "JSON"
    assert len(last.value.args) == 1


def test_a_cell_is_one_idea(code: list[str]) -> None:
    """At most 25 lines and one figure; a long import or dict counts as one line."""
    lists, cells = code[:2], code[2:]

    assert [text for text in lists if len(ast.parse(text).body) > 25] == []
    assert [text for text in cells if len(text.splitlines()) > 25] == []
    assert [text for text in code if text.count("plt.subplots(") > 1] == []


def test_text_comes_before_code(cells: list[Cell]) -> None:
    """A sentence leads into each cell; a function may stand before its use."""
    for before, cell in pairwise(cells[2:]):
        if cell["cell_type"] == "code":
            defines = before["cell_type"] == "code" and is_definition(
                cell_source(before)
            )
            assert before["cell_type"] == "markdown" or defines, cell_source(cell)


def test_it_leaves_the_machine_alone(code: list[str]) -> None:
    """No installing, no changing of folders or paths, no magic."""
    for text in code:
        assert not re.search(r"^\s*[%!]", text, re.MULTILINE), text
        assert [word for word in FORBIDDEN if word in text] == []


def test_new_things_have_new_names(code: list[str]) -> None:
    """`raw`, `clean`, `train`; never `df2`."""
    assert re.findall(r"\bdf\d+\b", "\n".join(code)) == []
