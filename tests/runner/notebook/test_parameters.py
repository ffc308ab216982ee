"""Giving a notebook's parameters their values."""

from pathlib import Path
from typing import Any

import pytest
import toys

from runner.errors import SignatureError
from runner.notebook.parameters import (
    Signature,
    check_overrides,
    parse_assignment,
    read_signature,
    resolve,
)
from runner.spec.models import load_spec, notebook_values

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


def refusal(signature: Signature, given: dict[str, Any]) -> str:
    with pytest.raises(SignatureError) as caught:
        check_overrides([signature], given)
    return str(caught.value)


def test_given_wins_over_offered_over_default(train: Signature) -> None:
    """The user knows best, then the spec and the earlier stages, then the notebook."""
    offered = {"train": "s3://a/train", "rows": 4, "share": 0.6}
    values = resolve(train, offered, {"rows": "5"})

    assert (values["train"], values["rows"]) == ("s3://a/train", 5)
    assert (values["share"], values["version"]) == (0.6, "1.0")


def test_only_what_the_notebook_names_reaches_it(train: Signature) -> None:
    """In the order of its parameters cell."""
    values = resolve(train, {"train": "x", "stranger": 1}, {"instance_count": "2"})

    assert list(values) == list(train.parameters)


def test_a_value_nobody_gives_is_an_error(train: Signature) -> None:
    """A parameter without default must come from somewhere."""
    with pytest.raises(
        SignatureError, match=r"train has no value; give `-p train=...`"
    ):
        resolve(train, {}, {})


def test_an_ill_typed_offer_is_an_error(train: Signature) -> None:
    """Also what an earlier notebook returned is checked."""
    with pytest.raises(SignatureError, match=r"train\.ipynb: rows: 'many'; give"):
        resolve(train, {"train": "x", "rows": "many"}, {})


def test_values_are_copies(train: Signature) -> None:
    """What one run changes in a dict is not seen by the next."""
    resolve(train, {"train": "x"}, {"hyperparameters.eta": "0.9"})

    assert train.parameters["hyperparameters"].default["eta"] == 0.1


def test_text_is_read_by_the_declared_type(train: Signature) -> None:
    """A version stays a text, a number becomes one."""
    given = {"train": "x", "version": "1.10", "share": "1e-3", "tags": "[a, 1.10]"}
    values = resolve(train, {}, given)

    assert (values["version"], values["share"]) == ("1.10", 0.001)
    assert values["tags"] == ["a", "1.10"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"rows": "many"}, "rows: 'many'; give a whole number"),
        ({"rows": "1.5"}, "rows: '1.5'; give a whole number"),
        ({"rows": True}, "rows: true; give a whole number"),
        ({"share": "nan"}, "share: 'nan'; give a number"),
        ({"share": float("nan")}, "share: nan; give a number"),
        ({"tags": "a"}, "tags: 'a'; give a value of type list[str]"),
        (
            {"hyperparameters": "5"},
            "hyperparameters: '5'; give keys and values, as {key: 1}",
        ),
    ],
)
def test_an_ill_typed_value_is_an_error(
    train: Signature, given: dict[str, Any], problem: str
) -> None:
    """Notebook, parameter, type and value are named."""
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
    """Papermill would only warn."""
    said = refusal(train, {name: "1"})

    assert said == (
        f"{name}: no such parameter in {train.notebook}; did you mean {nearest!r}?"
    )


def test_a_parameter_of_a_stage_that_is_left_out_names_the_stage(
    train: Signature, deploy: Signature
) -> None:
    """It is no misspelling: the remedy is another call."""
    with pytest.raises(SignatureError) as caught:
        check_overrides(
            [deploy],
            {"hyperparameters.eta": "0.1"},
            elsewhere=lambda: {"train-register": train},
        )

    assert str(caught.value) == (
        f"hyperparameters.eta: only {train.notebook} has it, which this run leaves "
        "out; add `--stage train-register`"
    )


def test_what_is_given_comes_back_read(train: Signature, deploy: Signature) -> None:
    """One key of a dict with the others that are offered."""
    given = {"hyperparameters.eta": "0.3", "instance_count": "2"}
    offered = {"hyperparameters": {"eta": 0.2, "num_round": 50}}

    assert check_overrides([train, deploy], given, offered=offered) == {
        "hyperparameters": {"eta": 0.3, "num_round": 50},
        "instance_count": 2,
    }


@pytest.mark.parametrize("name", ["threshold", "trees", "foo"])
def test_a_name_that_is_a_little_alike_is_not_suggested(
    train: Signature, name: str
) -> None:
    """Nonsense helps nobody."""
    assert "did you mean" not in refusal(train, {name: "1"})


def test_all_names_are_listed_where_none_is_near(deploy: Signature) -> None:
    """A wild guess learns what there is."""
    assert refusal(deploy, {"x": "1"}).endswith("known: instance_count")


def test_a_name_that_one_notebook_knows_is_fine(
    train: Signature, deploy: Signature
) -> None:
    """A run has several notebooks and one `-p` for all."""
    check_overrides([train, deploy], {"instance_count": "2", "rows": "4"})


def test_a_secret_is_refused_before_all_else(train: Signature) -> None:
    """Its value is not shown."""
    said = refusal(train, {"github_token": "hunter2"})

    assert said.startswith("github_token: looks like a secret")
    assert "hunter2" not in said


def test_one_key_of_a_dict_can_be_given(train: Signature) -> None:
    """The others stay as they were offered."""
    offered = {"train": "x", "hyperparameters": {"eta": 0.2, "num_round": 50}}
    values = resolve(train, offered, {"hyperparameters.eta": "0.3"})

    assert values["hyperparameters"] == {"eta": 0.3, "num_round": 50}
    assert offered["hyperparameters"] == {"eta": 0.2, "num_round": 50}


def test_a_key_deep_in_a_dict_can_be_given(train: Signature) -> None:
    """And several keys of one dict."""
    given = {"endpoint.serverless.memory_mb": "2048", "endpoint.a.b": "c"}
    values = resolve(train, {"train": "x"}, given)

    assert values["endpoint"] == {"serverless": {"memory_mb": 2048}, "a": {"b": "c"}}


def test_a_whole_dict_can_be_given(train: Signature) -> None:
    """As YAML writes it in one line."""
    values = resolve(train, {"train": "x"}, {"hyperparameters": "{num_round: 9}"})

    assert values["hyperparameters"] == {"num_round": 9}


@pytest.mark.parametrize("name", ["rows.a", "hyperparameters.eta.x.y"])
def test_what_is_no_dict_has_no_keys(train: Signature, name: str) -> None:
    """The error says where the path ends."""
    with pytest.raises(SignatureError, match="has no keys below"):
        resolve(train, {"train": "x"}, {name: "1"})


def test_an_assignment_is_taken_apart() -> None:
    """Only the first equals sign counts, and the value stays text."""
    assert parse_assignment("a=b=c ") == ("a", "b=c ")
    assert parse_assignment("hyperparameters.eta=0.10") == (
        "hyperparameters.eta",
        "0.10",
    )


@pytest.mark.parametrize("text", ["a", "=1", "a b=1", "a..b=1", "1a=2", "a;b=1", ""])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    """The form is shown; the value is not."""
    with pytest.raises(SignatureError, match="write NAME=VALUE"):
        parse_assignment(text)


def test_the_spec_offers_what_notebooks_may_name(repo: Path) -> None:
    """As flat names, with the words of model.yaml."""
    assert notebook_values(load_spec(repo, "toy")) == {
        "model": "toy",
        "description": "",
        "task": "regression",
        "data": "s3://bucket/toy.csv",
        "approval": "manual",
        "image_framework": "xgboost",
        "image_version": "3.2-0",
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "spot": False,
        "max_runtime_seconds": 3600,
        "hyperparameters": {"num_round": 5},
        "gates": {"rmse": {"max": 2.5}},
        "endpoint": {"instance_type": "ml.m5.large"},
    }


def test_the_toy_models_notebooks_take_what_is_offered(repo: Path) -> None:
    """From the spec to the last notebook, by name."""
    offered = notebook_values(load_spec(repo, "toy")) | {"run_id": "r1", "version": 3}
    deploy = read_signature(repo / "notebooks/deploy.ipynb")

    assert resolve(deploy, offered, {}) == {
        "model": "toy",
        "package": "",
        "version": 3,
        "endpoint": {"instance_type": "ml.m5.large"},
    }
