"""The error tree is what its drawing says, and gives the right exit codes."""

import re

import pytest

from runner import errors


def drawn() -> list[tuple[int, str, str | None]]:
    """Read depth, name and exit code from the drawing."""
    lines = (errors.__doc__ or "").splitlines()
    found = [re.match(r"([│├└─ ]*)(\w+Error)\s+(\d)?", line) for line in lines]
    return [(len(m[1]) // 4, m[2], m[3]) for m in found if m]


def defined() -> dict[str, type[errors.RunnerError]]:
    return {
        name: one
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, errors.RunnerError)
    }


def test_the_drawing_names_every_error() -> None:
    """No class is missing from the tree on top of the module, and none is made up."""
    assert sorted(name for _, name, _ in drawn()) == sorted(defined())


def test_the_drawing_shows_who_inherits_from_whom() -> None:
    """Each error's parent is the nearest one above it that is drawn further left."""
    parents: list[str] = []
    for depth, name, _ in drawn():
        parents[depth:] = [name]
        if depth:
            assert defined()[name].__bases__ == (defined()[parents[depth - 1]],)


@pytest.mark.parametrize(("depth", "name", "code"), [one for one in drawn() if one[2]])
def test_the_drawing_shows_the_exit_codes(depth: int, name: str, code: str) -> None:
    """The number beside an error is its exit code."""
    assert defined()[name].exit_code == int(code)


@pytest.mark.parametrize("error", [errors.SpecError, errors.SignatureError])
def test_a_wrong_call_exits_with_2(error: type[errors.RunnerError]) -> None:
    """A spec or a notebook that is wrong is the caller's mistake, as click's are."""
    assert error("wrong").exit_code == 2


def test_a_notebook_error_says_where_the_notebook_is_kept() -> None:
    """What is left of a failed notebook can be found."""
    assert errors.CellError("failed").path is None


def test_the_nearest_word_is_suggested() -> None:
    """A slip of the finger is recognised."""
    known = ["learning_rate", "max_depth"]

    assert errors.did_you_mean("lerning_rate", known) == "did you mean 'learning_rate'?"


def test_a_beginning_is_recognised() -> None:
    """Half a name is meant for the whole."""
    stages = ["prepare", "train-register", "deploy"]

    assert errors.did_you_mean("train", stages) == "did you mean 'train-register'?"


@pytest.mark.parametrize("word", ["auc", "foo", "plan"])
def test_what_is_only_a_little_alike_is_not_suggested(word: str) -> None:
    """Nonsense helps nobody."""
    known = ["mae", "rmse", "package", "model"]

    assert errors.did_you_mean(word, known).startswith("known: ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "empty"), (True, "true"), ("a b", "'a b'"), (2.5, "2.5"), ([1], "[1]")],
)
def test_a_value_is_shown_as_yaml_has_it(value: object, shown: str) -> None:
    """Who reads it wrote YAML."""
    assert errors.as_written(value) == shown


def test_all_words_are_listed_where_none_is_near() -> None:
    """A wild guess learns what there is."""
    assert errors.did_you_mean("x", ["b", "a"]) == "known: a, b"
    assert errors.did_you_mean("x", []) == "known: none"
