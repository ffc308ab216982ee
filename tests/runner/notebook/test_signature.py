"""A notebook's signature: its parameters cell, and the tags of all cells."""

from pathlib import Path
from typing import Any

import pytest
import toys

from runner.errors import SignatureError
from runner.notebook.signature import (
    Parameter,
    has_type,
    is_json,
    read_signature,
)

RESULTS = toys.code("JSON({})", "results")


def cell_refusal(path: Path, *cells: toys.Cell) -> str:
    """Return why a notebook with these cells is refused."""
    with pytest.raises(SignatureError) as caught:
        read_signature(toys.write(path / "toy.ipynb", *cells))
    return str(caught.value)


def test_every_parameter_is_read(tmp_path: Path) -> None:
    """Each has its name, type, default and help, in the notebook's order."""
    lines = """
    # The name of the model.
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
    """`name: type` alone means that its value must be given."""
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
    """The message says which cell to tag."""
    cells = [
        cell for cell in toys.takes("a: int = 1") if cell["metadata"]["tags"] != [tag]
    ]
    said = cell_refusal(tmp_path, *cells, toys.code("b = 2"))

    assert said.startswith(f"{tmp_path}/toy.ipynb: no cells tagged {tag!r}; tag the ")


@pytest.mark.parametrize("tag", ["parameters", "results"])
def test_two_such_cells_are_refused(tmp_path: Path, tag: str) -> None:
    """Papermill would silently take the first."""
    said = cell_refusal(tmp_path, *toys.takes("a: int = 1"), toys.code("b = 2", tag))

    assert f"2 cells tagged {tag!r}" in said


def test_a_notebook_without_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the file relative to the current folder."""
    monkeypatch.chdir(tmp_path)

    assert cell_refusal(tmp_path) == "toy.ipynb: has no code cells"


def test_the_parameters_cell_must_be_the_first_one(tmp_path: Path) -> None:
    """Code above it would run without the parameters."""
    said = cell_refusal(tmp_path, toys.code("b = 2"), *toys.takes("a: int = 1"))

    assert said.endswith("the 'parameters' cell must be the first code cell")


def test_the_results_cell_must_be_the_last_one(tmp_path: Path) -> None:
    """Code below it would not be part of the results."""
    said = cell_refusal(tmp_path, *toys.takes("a: int = 1"), toys.code("b = 2"))

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
def test_a_line_that_is_not_a_parameter_is_refused(
    tmp_path: Path, line: str, problem: str
) -> None:
    """The message names file, line and remedy."""
    said = cell_refusal(tmp_path, *toys.takes(f"first: int = 1\n{line}"))

    assert said.startswith(f"{tmp_path}/toy.ipynb: parameters cell, line 2: {problem}")


def test_a_line_that_ipython_takes_for_a_magic_is_refused(tmp_path: Path) -> None:
    """A cell of that line alone would end in "File `':'` not found"."""
    assert "reads a cell of this line alone as the magic %run" in cell_refusal(
        tmp_path, *toys.takes("run: dict = {}")
    )
    read_signature(toys.write(tmp_path / "a.ipynb", *toys.takes("# a\nrun: dict = {}")))


@pytest.mark.parametrize(
    "name",
    ["api_key", "github_token", "PASSWORD", "db_passwd", "aws_secret_access_key"],
)
def test_a_parameter_with_the_name_of_a_secret_is_refused(
    tmp_path: Path, name: str
) -> None:
    """Its value would be kept in the executed notebook."""
    said = cell_refusal(tmp_path, *toys.takes(f'{name}: str = ""'))

    assert f"{name} looks like a secret" in said
    assert "read it from the environment" in said


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "key", "monkey", "author"])
def test_a_name_that_only_resembles_a_secret_is_accepted(
    tmp_path: Path, name: str
) -> None:
    """Whole words are compared."""
    notebook = toys.write(tmp_path / "toy.ipynb", *toys.takes(f"{name}: int = 1"))

    assert list(read_signature(notebook).parameters) == [name]


@pytest.mark.parametrize(
    ("tag", "effect"),
    [
        ("injected-parameters", "Papermill would replace it, because it is an execut"),
        ("papermill-error-cell-tag", "Papermill would drop it; remove the tag"),
        ("raises-exception", "its error would not end the notebook; remove the tag"),
        ("skip-execution", "it would not run; remove the tag"),
    ],
)
def test_a_tag_that_keeps_a_cell_from_counting_is_refused(
    tmp_path: Path, tag: str, effect: str
) -> None:
    """Before a kernel starts; the message names the cell by number and heading."""
    first, last = toys.takes("a: int = 1")
    gate = toys.code("assert False", "review", tag)
    said = cell_refusal(tmp_path, first, toys.text("# Gates"), gate, last)

    assert f"code cell 2 under 'Gates' is tagged {tag!r}: {effect}" in said


def test_text_that_papermill_would_drop_is_refused(tmp_path: Path) -> None:
    """The archive would lack it."""
    first, last = toys.takes("a: int = 1")
    warning = toys.text("Not for people.")
    warning["metadata"] = {"tags": ["papermill-error-cell-tag"]}

    said = cell_refusal(tmp_path, first, warning, last)

    assert "cell 2 is tagged 'papermill-error-cell-tag'" in said


@pytest.mark.parametrize(
    "tags", ["papermill-error-cell-tag", {"skip-execution": 1}, [["a"]], 5, None]
)
def test_tags_are_a_list_of_words(tmp_path: Path, tags: Any) -> None:
    """Papermill would find a tag in a text that only contains it."""
    first, last = toys.takes("a: int = 1")
    cell = toys.code("assert False", metadata={"tags": tags})

    assert "not a notebook of format 4" in cell_refusal(tmp_path, first, cell, last)


def test_tags_that_change_nothing_are_accepted(tmp_path: Path) -> None:
    """Those of nbval and of Jupyter Book, for instance."""
    first, last = toys.takes("a: int = 1")
    cell = toys.code("b = 2", "nbval-skip", "hide-input", "remove-cell")
    notebook = toys.write(tmp_path / "toy.ipynb", first, cell, last)

    assert read_signature(notebook).text == notebook.read_text()


@pytest.mark.parametrize(
    "annotation",
    [
        *("str", "int", "float", "bool", "list", "dict", "list[str]"),
        *("dict[str, float]", "int | None", "dict[str, list[float | None]]"),
    ],
)
def test_a_type_that_json_can_hold_is_accepted(tmp_path: Path, annotation: str) -> None:
    """Types may be nested."""
    cells = toys.takes(f"a: {annotation}")
    signature = read_signature(toys.write(tmp_path / "toy.ipynb", *cells))

    assert signature.parameters["a"].type == annotation


@pytest.mark.parametrize(
    "annotation",
    [
        *("set", "Path", "tuple", "dict[int, str]", "list[Path]", "pd.DataFrame"),
        *("'int'", "Optional[int]", "1", "int + str", "dict[str]", "str | Path"),
        *("dict[str, int, int]", "list[int, str]", "True", "Any", "object"),
    ],
)
def test_any_other_type_is_refused(tmp_path: Path, annotation: str) -> None:
    """JSON cannot hold it, or it is spelt in another way."""
    said = cell_refusal(tmp_path, *toys.takes(f"a: {annotation}"))

    assert f": a: {annotation}; use one of str, int, float, bool" in said


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ("a", "str"),
        (1, "int"),
        (1, "float"),
        (1.5, "float"),
        (True, "bool"),
        (None, "int | None"),
        (2, "int | None"),
        ([], "list[int]"),
        (["a"], "list"),
        ({"a": 1}, "dict[str, float]"),
        ({"a": [1, None]}, "dict[str, list[int | None]]"),
        (10**30, "int"),
        (None, "None"),
        ("a", "int | str"),
        ([1, "a", True], "list[int | str | bool]"),
        ({"a": 1, "b": 2.5}, "dict[str, float]"),
    ],
)
def test_a_value_of_the_type_fits(value: object, annotation: str) -> None:
    """An int is fine for a float."""
    assert has_type(value, annotation)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, "str"),
        ("1", "int"),
        (1.0, "int"),
        (True, "int"),
        (True, "float"),
        (1, "bool"),
        (None, "str"),
        ("a", "list"),
        (["a", 1], "list[str]"),
        ({"a": "b"}, "dict[str, float]"),
        ([], "dict"),
        ("a", "int | None"),
        (True, "int | str"),
        (True, "float | None"),
        ([True], "list[int]"),
        ([1.0], "list[int]"),
        ({"a": True}, "dict[str, float]"),
        ((1, 2), "list"),
        ((1, 2), "list[int]"),
        (b"a", "str"),
        (1.0, "int | None"),
        ("[]", "list | dict"),
    ],
)
def test_a_value_of_another_type_does_not_fit(value: object, annotation: str) -> None:
    """Nothing is converted: a bool is not an int, and a text is not a list."""
    assert not has_type(value, annotation)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"a": [1, None, "b", True, 1.5]}, True),
        ({1: "a"}, False),
        ((1, 2), False),
        ({1, 2}, False),
        (float("nan"), False),
        ([float("inf")], False),
        (b"a", False),
    ],
)
def test_only_plain_json_is_json(value: Any, plain: bool) -> None:
    """The record of a run is JSON, so its parameters must be."""
    assert is_json(value) is plain
