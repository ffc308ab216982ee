"""Reading a notebook's signature from its parameters cell."""

from pathlib import Path

import pytest
import toys

from runner.errors import SignatureError
from runner.notebook.ipynb import read_code_cells
from runner.notebook.parameters import Parameter, read_signature

RESULTS = toys.code("JSON({})", "results")


def refusal(path: Path, *cells: toys.Cell) -> str:
    """Say why a notebook with these cells is refused."""
    with pytest.raises(SignatureError) as caught:
        read_signature(toys.write(path / "toy.ipynb", *cells))
    return str(caught.value)


def test_every_parameter_is_read(tmp_path: Path) -> None:
    """Name, type, default and help, in the notebook's order."""
    lines = """
    # What the model is called.
    name: str = "a#b"  # the model's name
    rows: int = -5  # how many
    share: float | None = None
    hyperparameters: dict[str, float] = {"eta": 0.1}  # of the training job
    """
    source = "\n".join(line.strip() for line in lines.splitlines())
    notebook = toys.write(tmp_path / "toy.ipynb", *toys.takes(source))

    assert list(read_signature(notebook).parameters.values()) == [
        Parameter(name="name", type="str", default="a#b", help="the model's name"),
        Parameter(name="rows", type="int", default=-5, help="how many"),
        Parameter(name="share", type="float | None", default=None),
        Parameter(
            name="hyperparameters",
            type="dict[str, float]",
            default={"eta": 0.1},
            help="of the training job",
        ),
    ]


def test_a_parameter_without_default_is_required(tmp_path: Path) -> None:
    """`name: type` alone says that somebody must give it."""
    cells = toys.takes("train: str  # the training rows\r\nseed: int = 7")
    signature = read_signature(toys.write(tmp_path / "toy.ipynb", *cells))

    assert signature.parameters["train"].required
    assert signature.parameters["train"].help == "the training rows"
    assert not signature.parameters["seed"].required


def test_markdown_and_empty_cells_do_not_count(tmp_path: Path) -> None:
    """JupyterLab leaves an empty cell at the end."""
    first, last = toys.takes("a: int = 1")
    cells = [toys.text("# Toy"), first, toys.code("  \n"), last, toys.code("")]

    assert read_signature(toys.write(tmp_path / "toy.ipynb", *cells)).parameters


@pytest.mark.parametrize("tag", ["parameters", "results"])
def test_a_notebook_without_the_cell_is_refused(tmp_path: Path, tag: str) -> None:
    """The remedy says which cell to tag."""
    cells = [
        cell for cell in toys.takes("a: int = 1") if cell["metadata"]["tags"] != [tag]
    ]
    said = refusal(tmp_path, *cells, toys.code("b = 2"))

    assert said.startswith(f"{tmp_path}/toy.ipynb: no cells tagged {tag!r}; tag the ")


@pytest.mark.parametrize("tag", ["parameters", "results"])
def test_two_such_cells_are_refused(tmp_path: Path, tag: str) -> None:
    """Papermill would take the first in silence."""
    said = refusal(tmp_path, *toys.takes("a: int = 1"), toys.code("b = 2", tag))

    assert f"2 cells tagged {tag!r}" in said


def test_the_parameters_come_first(tmp_path: Path) -> None:
    """Code above them would run before them."""
    said = refusal(tmp_path, toys.code("b = 2"), *toys.takes("a: int = 1"))

    assert said.endswith("the 'parameters' cell must be the first code cell")


def test_the_results_come_last(tmp_path: Path) -> None:
    """Code below them would not be part of them."""
    said = refusal(tmp_path, *toys.takes("a: int = 1"), toys.code("b = 2"))

    assert said.endswith("the 'results' cell must be the last code cell")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a = 1", "a has no type; write `a: type =`"),
        ("import os", "only `name: type = default  # help` may stand here"),
        ("print(1)", "only `name: type"),
        ("a.b: int = 1", "only `name: type"),
        ("a: int = ", "invalid syntax"),
        ("a: Path = 'x'", "a: Path; use one of str, int, float"),
        ("a: str = os.environ['HOME']", "a: the default must be a literal, not code"),
        ("a: int = 1 + 1", "a: the default must be a literal, not code"),
        ("a: int = '1'", "a: '1' is no int"),
        ("a: int = True", "a: True is no int"),
        ("a: int = None", "a: None is no int"),
        ("a: list = (1, 2)", "a: (1, 2) is no list"),
        ("a: dict = {1: 2}", "a: {1: 2} is no dict"),
        ("a: float = 1e999", "a: inf is no float"),
        ("first: int = 1", "first stands twice"),
    ],
)
def test_a_line_that_is_no_parameter_is_refused(
    tmp_path: Path, line: str, problem: str
) -> None:
    """File, line and remedy are named."""
    said = refusal(tmp_path, *toys.takes(f"first: int = 1\n{line}"))

    assert said.startswith(f"{tmp_path}/toy.ipynb: parameters cell, line 2: {problem}")


@pytest.mark.parametrize(
    "name",
    ["api_key", "github_token", "PASSWORD", "db_passwd", "aws_secret_access_key"],
)
def test_a_secret_is_no_parameter(tmp_path: Path, name: str) -> None:
    """It would be kept in the executed notebook, twice."""
    said = refusal(tmp_path, *toys.takes(f'{name}: str = ""'))

    assert f"{name} looks like a secret" in said
    assert "read it from the environment" in said


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "key", "monkey", "author"])
def test_what_only_resembles_a_secret_passes(tmp_path: Path, name: str) -> None:
    """Whole words are compared."""
    notebook = toys.write(tmp_path / "toy.ipynb", *toys.takes(f"{name}: int = 1"))

    assert list(read_signature(notebook).parameters) == [name]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "toy.ipynb:1: not JSON"),
        ('{"cells": [\n<<<<<<< HEAD\n', "toy.ipynb:2: not JSON"),
        ("[]", "toy.ipynb: not a notebook of format 4"),
        ('{"worksheets": []}', "toy.ipynb: not a notebook of format 4"),
        ('{"cells": [{"cell_type": "code"}]}', "not a notebook of format 4"),
        (
            '{"cells": [{"cell_type": "code", "source": 1}]}',
            "not a notebook of format 4",
        ),
        (
            '{"cells": [{"cell_type": "code", "source": "1", "metadata": null}]}',
            "not a notebook of format 4",
        ),
        ('{"cells": []}', "toy.ipynb: has no code cells"),
        (b"\xff\xfe", "toy.ipynb: not UTF-8 at byte 0"),
    ],
)
def test_what_is_no_notebook_is_refused(
    tmp_path: Path, content: str | bytes, problem: str
) -> None:
    """In one line with the place."""
    path = tmp_path / "toy.ipynb"
    path.write_bytes(content.encode() if isinstance(content, str) else content)

    with pytest.raises(SignatureError, match=problem):
        read_signature(path)


def test_a_missing_notebook_is_refused(tmp_path: Path) -> None:
    """Also when it went away after it was found."""
    with pytest.raises(SignatureError, match="No such file"):
        read_code_cells(tmp_path / "toy.ipynb")


def test_an_executed_notebook_is_refused(tmp_path: Path) -> None:
    """It has its values already."""
    first, last = toys.takes("a: int = 1")
    said = refusal(tmp_path, first, toys.code("a = 2", "injected-parameters"), last)

    assert "it is an executed notebook" in said


def test_a_file_is_named_as_the_reader_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative to the current folder, where it is below that."""
    monkeypatch.chdir(tmp_path)

    assert refusal(tmp_path).startswith("toy.ipynb: ")
