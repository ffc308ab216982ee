"""The values that a notebook is executed with."""

from pathlib import Path
from typing import Any

import pytest
import toys

from runner.errors import SignatureError
from runner.notebook.parameters import (
    check_overrides,
    parse_assignment,
    parse_literal,
    parse_value,
    resolve,
)
from runner.notebook.signature import Signature, read_signature

RESULTS = toys.code("JSON({})", "results")
TRAIN = """\
train: str  # the training rows
rows: int = 3
share: float = 0.5
version: str = "1.0"
hyperparameters: dict = {"eta": 0.1, "num_round": 5}
endpoint: dict = {"serverless": {"memory_mb": 1024}}
tags: list[str] = []
"""


@pytest.fixture
def train(tmp_path: Path) -> Signature:
    """The signature of a training notebook."""
    return read_signature(toys.write(tmp_path / "train.ipynb", *toys.takes(TRAIN)))


@pytest.fixture
def deploy(tmp_path: Path) -> Signature:
    """The signature of another notebook of the same run."""
    cells = toys.takes("instance_count: int = 1")
    return read_signature(toys.write(tmp_path / "deploy.ipynb", *cells))


def refusal(signature: Signature, overrides: dict[str, Any]) -> str:
    """Return why these overrides are refused."""
    with pytest.raises(SignatureError) as caught:
        check_overrides([signature], overrides, values={})
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("1.10", "str", "1.10"),
        ("true", "str", "true"),
        ("7", "int", 7),
        ("-7", "int", -7),
        ("010", "int", 10),
        ("1e-3", "float", 0.001),
        (".5", "float", 0.5),
        ("true", "bool", True),
        ("False", "bool", False),
        ("null", "int | None", None),
        ("7", "int | None", 7),
        ("7", "str | None", "7"),
        ("7", "int | str", 7),
        ("a", "int | str | None", "a"),
        ("true", "bool | int", True),
        ("[1.10]", "list[str] | None", ["1.10"]),
        ("1_000", "str | int", "1_000"),
        ("none", "str | None", None),
        ("[1, 2]", "list[int]", [1, 2]),
        ("[1.10, a]", "list[str]", ["1.10", "a"]),
        ("{a: 1e-3}", "dict", {"a": 0.001}),
        ("{version: 1.10}", "dict[str, str]", {"version": "1.10"}),
        ('{"a": {"b": "1"}}', "dict", {"a": {"b": "1"}}),
        ("[2026-01-01, 1:30, yes]", "list", ["2026-01-01", "1:30", "yes"]),
    ],
)
def test_a_text_is_read_as_its_type_requires(
    text: str, annotation: str, value: object
) -> None:
    """A str stays as it is, and YAML 1.1's dates, octals and `yes` are not read."""
    read = parse_value(text, annotation)

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "annotation"),
    [
        *(("abc", "int"), ("1.5", "int"), ("1.0", "int"), ("true", "int")),
        *(("yes", "bool"), ("1", "bool"), ("[1", "list"), ("", "int")),
        *(("nan", "float"), ("1e", "float"), ("[a, 1]", "list[int]")),
    ],
)
def test_a_text_that_is_not_of_the_type_stays_a_text(
    text: str, annotation: str
) -> None:
    """The check that follows shows it."""
    assert parse_value(text, annotation) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1", 0.1), ("3", 3), ("reg:squarederror", "reg:squarederror"), ("'3'", "3")],
)
def test_a_literal_has_the_type_it_looks_like(text: str, value: object) -> None:
    """A key of a dict of hyperparameters has no annotation."""
    assert parse_literal(text) == value


def test_an_override_wins_over_a_value_and_a_value_over_a_default(
    train: Signature,
) -> None:
    """The values come from model.yaml and from earlier stages."""
    values = {"train": "s3://a/train", "rows": 4, "share": 0.6}
    resolved = resolve(train, values, {"rows": "5"})

    assert (resolved["train"], resolved["rows"]) == ("s3://a/train", 5)
    assert (resolved["share"], resolved["version"]) == (0.6, "1.0")


def test_a_notebook_gets_only_the_parameters_that_it_has(train: Signature) -> None:
    """They are in the order of its parameters cell."""
    values = resolve(train, {"train": "x", "stranger": 1}, {"instance_count": "2"})

    assert list(values) == list(train.parameters)


def test_a_missing_value_is_an_error(train: Signature) -> None:
    """The parameter has no default."""
    with pytest.raises(
        SignatureError, match=r"train has no value; give `-p train=...`"
    ):
        resolve(train, {}, {})


def test_a_result_of_another_type_is_an_error(train: Signature) -> None:
    """What an earlier notebook returned is checked too."""
    with pytest.raises(SignatureError, match=r"train\.ipynb: rows: 'many'; give"):
        resolve(train, {"train": "x", "rows": "many"}, {})


def test_values_are_copies(train: Signature) -> None:
    """Changing a dict in one run does not change it for the next."""
    resolve(train, {"train": "x"}, {"hyperparameters.eta": "0.9"})

    assert train.parameters["hyperparameters"].default["eta"] == 0.1


def test_an_override_is_read_as_its_type_requires(train: Signature) -> None:
    """A version stays a text, and a number becomes one."""
    given = {"train": "x", "version": "1.10", "share": "1e-3", "tags": "[a, 1.10]"}
    values = resolve(train, {}, given)

    assert (values["version"], values["share"]) == ("1.10", 0.001)
    assert values["tags"] == ["a", "1.10"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"rows": "many"}, "rows: 'many'; give a whole number"),
        ({"rows": "1.5"}, "rows: '1.5'; give a whole number"),
        ({"share": "nan"}, "share: 'nan'; give a number"),
        ({"tags": "a"}, "tags: 'a'; give a value of type list[str]"),
        (
            {"hyperparameters": "5"},
            "hyperparameters: '5'; give keys and values, as {key: 1}",
        ),
    ],
)
def test_an_override_of_another_type_is_an_error(
    train: Signature, given: dict[str, Any], problem: str
) -> None:
    """The message names the notebook, the parameter, the value and its type."""
    assert refusal(train, given) == f"{train.notebook}: {problem}"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("row", "rows"),
        ("lerning_rate", "hyperparameters.learning_rate"),
        ("eta", "hyperparameters.eta"),
        ("hyperparametres.eta", "hyperparameters.eta"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest(
    train: Signature, name: str, nearest: str
) -> None:
    """Papermill would only log a warning."""
    said = refusal(train, {name: "1"})

    assert said == (
        f"{name}: no such parameter in {train.notebook}; did you mean {nearest!r}?"
    )


def test_a_parameter_of_a_stage_that_is_left_out_is_an_error(
    train: Signature, deploy: Signature
) -> None:
    """The message names the stage to add."""
    with pytest.raises(SignatureError) as caught:
        check_overrides(
            [deploy],
            {"hyperparameters.eta": "0.1"},
            values={},
            other_stages=lambda: {"train-register": train},
        )

    assert str(caught.value) == (
        f"hyperparameters.eta: only {train.notebook} has it, which this run leaves "
        "out; add `--stage train-register`"
    )


def test_checked_overrides_are_returned_as_the_notebooks_get_them(
    train: Signature, deploy: Signature
) -> None:
    """A dict of which one key is overridden keeps its other keys."""
    overrides = {"hyperparameters.eta": "0.3", "instance_count": "2"}
    values = {"hyperparameters": {"eta": 0.2, "num_round": 50}}

    assert check_overrides([train, deploy], overrides, values=values) == {
        "hyperparameters": {"eta": 0.3, "num_round": 50},
        "instance_count": 2,
    }


@pytest.mark.parametrize("name", ["threshold", "trees", "foo"])
def test_a_name_that_is_only_a_little_alike_is_not_suggested(
    train: Signature, name: str
) -> None:
    """Among that many hyperparameters one is always a little alike."""
    assert "did you mean" not in refusal(train, {name: "1"})


def test_all_names_are_listed_if_none_is_near(deploy: Signature) -> None:
    """The message shows what there is."""
    assert refusal(deploy, {"x": "1"}).endswith("known: instance_count")


def test_a_name_that_one_notebook_has_is_accepted(
    train: Signature, deploy: Signature
) -> None:
    """A `-p` is for all notebooks of a run."""
    overrides = {"instance_count": "2", "rows": "4"}

    assert check_overrides([train, deploy], overrides, values={}) == {
        "instance_count": 2,
        "rows": 4,
    }


def test_an_override_with_the_name_of_a_secret_is_refused(train: Signature) -> None:
    """Its value is not shown."""
    said = refusal(train, {"github_token": "hunter2"})

    assert said.startswith("github_token: looks like a secret")
    assert "hunter2" not in said


def test_one_key_of_a_dict_can_be_overridden(train: Signature) -> None:
    """The other keys stay as they are."""
    values = {"train": "x", "hyperparameters": {"eta": 0.2, "num_round": 50}}
    resolved = resolve(train, values, {"hyperparameters.eta": "0.3"})

    assert resolved["hyperparameters"] == {"eta": 0.3, "num_round": 50}
    assert values["hyperparameters"] == {"eta": 0.2, "num_round": 50}


def test_a_key_deep_in_a_dict_can_be_overridden(train: Signature) -> None:
    """Several keys of one dict can be, too."""
    given = {"endpoint.serverless.memory_mb": "2048", "endpoint.a.b": "c"}
    values = resolve(train, {"train": "x"}, given)

    assert values["endpoint"] == {"serverless": {"memory_mb": 2048}, "a": {"b": "c"}}


def test_a_whole_dict_can_be_overridden(train: Signature) -> None:
    """It is written as YAML in one line."""
    values = resolve(train, {"train": "x"}, {"hyperparameters": "{num_round: 9}"})

    assert values["hyperparameters"] == {"num_round": 9}


@pytest.mark.parametrize("name", ["rows.a", "hyperparameters.eta.x.y"])
def test_a_value_that_is_not_a_dict_has_no_keys(train: Signature, name: str) -> None:
    """The message says where the path ends."""
    with pytest.raises(SignatureError, match="has no keys below"):
        resolve(train, {"train": "x"}, {name: "1"})


def test_an_assignment_is_split_at_its_first_equals_sign() -> None:
    """The value stays a text."""
    assert parse_assignment("a=b=c ") == ("a", "b=c ")
    assert parse_assignment("hyperparameters.eta=0.10") == (
        "hyperparameters.eta",
        "0.10",
    )


@pytest.mark.parametrize("text", ["a", "=1", "a b=1", "a..b=1", "1a=2", "a;b=1", ""])
def test_a_text_that_is_not_an_assignment_is_refused(text: str) -> None:
    """The message shows the form, but not the value."""
    with pytest.raises(SignatureError, match="write NAME=VALUE"):
        parse_assignment(text)
