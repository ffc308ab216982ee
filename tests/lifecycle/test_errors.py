"""The errors of lifecycle are a tree with exit codes, and suggest what was meant."""

import re

import pytest

from lifecycle import errors
from lifecycle.errors import (
    LifecycleError,
    did_you_mean,
    list_names,
    printable,
    yaml_repr,
)


def drawn() -> list[tuple[int, str, str | None]]:
    """Read depth, name and exit code from the drawing in the module's docstring."""
    lines = (errors.__doc__ or "").splitlines()
    found = [re.match(r"([│├└─ ]*)(\w+Error)\s+(\d)?", line) for line in lines]
    return [(len(m[1]) // 4, m[2], m[3]) for m in found if m]


def defined() -> dict[str, type[LifecycleError]]:
    """Return the error classes of the module by name."""
    return {
        name: one
        for name, one in vars(errors).items()
        if isinstance(one, type) and issubclass(one, LifecycleError)
    }


def test_the_drawing_names_every_error() -> None:
    """The tree in the module's docstring is complete."""
    assert sorted(name for _, name, _ in drawn()) == sorted(defined())


def test_the_drawing_shows_the_base_classes() -> None:
    """The base of an error is the nearest one above it that is drawn further left."""
    bases: list[str] = []
    for depth, name, _ in drawn():
        bases[depth:] = [name]
        if depth:
            assert defined()[name].__bases__ == (defined()[bases[depth - 1]],)


@pytest.mark.parametrize(("depth", "name", "code"), [one for one in drawn() if one[2]])
def test_the_drawing_shows_the_exit_codes(depth: int, name: str, code: str) -> None:
    """The number beside an error is its exit code."""
    assert defined()[name].exit_code == int(code)


@pytest.mark.parametrize("error", [errors.ConfigurationError, errors.GateError])
def test_a_wrong_call_exits_with_2(error: type[LifecycleError]) -> None:
    """So does a wrong call of click's."""
    assert error("wrong").exit_code == 2


def test_the_nearest_word_is_suggested() -> None:
    """A typing error is recognised."""
    known = ["learning_rate", "max_depth"]

    assert did_you_mean("lerning_rate", known) == "did you mean 'learning_rate'?"


def test_the_beginning_of_a_word_is_recognised() -> None:
    """It is near, however short it is."""
    stages = ["prepare", "train-register", "deploy"]

    assert did_you_mean("train", stages) == "did you mean 'train-register'?"


@pytest.mark.parametrize("word", ["auc", "foo", "plan"])
def test_a_word_that_is_hardly_alike_is_not_suggested(word: str) -> None:
    """All known words are listed instead."""
    known = ["mae", "rmse", "package", "model"]

    assert did_you_mean(word, known) == "known: mae, model, package, rmse"


def test_there_may_be_nothing_to_suggest() -> None:
    """Then the message says so."""
    assert did_you_mean("x", []) == "known: none"
    assert did_you_mean("", ["b", "a"]) == "known: a, b"


def test_of_many_names_some_are_listed() -> None:
    """The rest is counted."""
    assert list_names(["a", 2, "c"], most=2) == "a, 2 and 1 more"
    assert list_names(["a", 2], most=2) == "a, 2"
    assert list_names([]) == ""


def test_a_text_of_others_commands_no_terminal() -> None:
    """A long one is cut where that is asked for."""
    assert printable("red \x1b[31m\n" + "x" * 200) == "red  [31m " + "x" * 200
    assert printable("four", most=3) == "fou..."
    assert printable("four", most=4) == "four"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "empty"),
        (True, "true"),
        ("a b", "'a b'"),
        (2.5, "2.5"),
        ([1], "[1]"),
        ("x" * 500, f"'{'x' * 47}...{'x' * 48}'"),
    ],
)
def test_a_value_is_shown_as_in_yaml(value: object, shown: str) -> None:
    """On one line of limited length."""
    assert yaml_repr(value) == shown
