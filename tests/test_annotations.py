"""The types a notebook parameter may have, and what fits them."""

from typing import Any

import pytest

from runner.notebook.parameters import (
    has_type,
    in_words,
    is_json,
    is_supported,
    parse_literal,
    parse_value,
)


@pytest.mark.parametrize(
    "annotation",
    [
        *("str", "int", "float", "bool", "list", "dict", "list[str]"),
        *("dict[str, float]", "int | None", "dict[str, list[float | None]]"),
    ],
)
def test_plain_types_are_supported(annotation: str) -> None:
    """Those that JSON can hold."""
    assert is_supported(annotation)


@pytest.mark.parametrize(
    "annotation",
    [
        *("set", "Path", "tuple", "dict[int, str]", "list[Path]", "pd.DataFrame"),
        *("'int'", "Optional[int]", "list[int", "1", "int + str", "dict[str]"),
    ],
)
def test_others_are_not(annotation: str) -> None:
    """Those that JSON cannot hold, and those that are spelt otherwise."""
    assert not is_supported(annotation)


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
    ],
)
def test_another_does_not_fit(value: object, annotation: str) -> None:
    """A bool is no int, a text is no list, and None only fits where it is named."""
    assert not has_type(value, annotation)


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
        ("none", "str | None", None),
        ("[1, 2]", "list[int]", [1, 2]),
        ("[1.10, a]", "list[str]", ["1.10", "a"]),
        ("{a: 1e-3}", "dict", {"a": 0.001}),
        ("{version: 1.10}", "dict[str, str]", {"version": "1.10"}),
        ('{"a": {"b": "1"}}', "dict", {"a": {"b": "1"}}),
        ("[2026-01-01, 1:30, yes]", "list", ["2026-01-01", "1:30", "yes"]),
    ],
)
def test_text_is_read_as_the_type_says(
    text: str, annotation: str, value: object
) -> None:
    """A str stays the text it is, and YAML 1.1's surprises stay out."""
    read = parse_value(text, annotation)

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "annotation"),
    [("abc", "int"), ("1.5", "int"), ("yes", "bool"), ("[1", "list"), ("", "int")],
)
def test_text_that_is_not_the_type_stays_text(text: str, annotation: str) -> None:
    """So that the check that follows can show it."""
    assert parse_value(text, annotation) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1", 0.1), ("3", 3), ("reg:squarederror", "reg:squarederror"), ("'3'", "3")],
)
def test_a_literal_has_the_type_it_looks_like(text: str, value: object) -> None:
    """Where no type is declared, as in a dict of hyperparameters."""
    assert parse_literal(text) == value


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
def test_plain_json_is_told_apart(value: Any, plain: bool) -> None:
    """What JSON cannot hold cannot be a parameter, as the run's record is JSON."""
    assert is_json(value) is plain


@pytest.mark.parametrize(
    ("annotation", "said"),
    [("int", "a whole number"), ("list[int]", "a value of type list[int]")],
)
def test_a_type_has_a_plain_word(annotation: str, said: str) -> None:
    """For whoever writes no Python; only what is nested is said in it."""
    assert in_words(annotation) == said
