"""The errors of lifecycle are the tree that their module draws."""

import re

import pytest

from lifecycle import errors
from lifecycle.errors import LifecycleError, did_you_mean, yaml_repr


def drawn() -> list[tuple[int, str, str | None]]:
    """Return depth, name and exit code of each error in the drawing."""
    lines = (errors.__doc__ or "").splitlines()
    found = [re.match(r"([│├└─ ]*)(\w+Error)\s+(\d)?", line) for line in lines]
    return [(len(m[1]) // 4, m[2], m[3]) for m in found if m]


def defined() -> dict[str, type[LifecycleError]]:
    return {
        name: one
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, LifecycleError)
    }


def test_the_drawing_names_every_error() -> None:
    """None is missing, and none is made up."""
    assert sorted(name for _, name, _ in drawn()) == sorted(defined())


def test_the_drawing_shows_the_parent_of_each_error() -> None:
    """It is the nearest error above that is drawn further left."""
    parents: list[str] = []
    for depth, name, _ in drawn():
        parents[depth:] = [name]
        if depth:
            assert defined()[name].__bases__ == (defined()[parents[depth - 1]],)


@pytest.mark.parametrize(("depth", "name", "code"), [one for one in drawn() if one[2]])
def test_the_drawing_shows_the_exit_codes(depth: int, name: str, code: str) -> None:
    """The number beside an error is its exit code."""
    assert defined()[name].exit_code == int(code)


def test_the_nearest_word_is_suggested() -> None:
    """It is the word with the typing error corrected."""
    known = ["learning_rate", "max_depth"]

    assert did_you_mean("lerning_rate", known) == "did you mean 'learning_rate'?"


def test_a_word_that_a_name_begins_with_is_completed() -> None:
    """It may be much shorter than the name."""
    stages = ["prepare", "train-register", "deploy"]

    assert did_you_mean("train", stages) == "did you mean 'train-register'?"


@pytest.mark.parametrize("word", ["auc", "foo", "plan"])
def test_a_word_that_is_only_a_little_alike_is_not_suggested(word: str) -> None:
    """All known words are listed instead."""
    known = ["mae", "rmse", "package", "model"]

    assert did_you_mean(word, known) == "known: mae, model, package, rmse"


def test_no_known_words_are_listed_as_none() -> None:
    """The list may be empty."""
    assert did_you_mean("x", []) == "known: none"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "empty"), (True, "true"), ("a b", "'a b'"), (2.5, "2.5"), ([1], "[1]")],
)
def test_a_value_is_shown_as_yaml_writes_it(value: object, shown: str) -> None:
    """Its reader wrote YAML."""
    assert yaml_repr(value) == shown


def test_a_long_value_is_shown_on_one_short_line() -> None:
    """The message stays readable."""
    shown = yaml_repr("a\n" * 1000)

    assert "\n" not in shown
    assert len(shown) <= 100
