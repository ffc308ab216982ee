"""Expressions are read as CircleCI's own grammar and test cases have them."""

import pytest
from circleci_simulator.expressions import ExpressionError, evaluate, parse


@pytest.mark.parametrize(
    ("text", "environment", "value"),
    [
        ("1", {}, 1),
        ('"a \\" b"', {}, 'a " b'),
        ("true and 14", {}, 14),
        ("false and unknown", {}, False),
        ("true or unknown", {}, True),
        ("TRUE AND NOT FALSE", {}, True),
        ("!x", {"x": False}, True),
        ("1 == 1 and 2 != 3", {}, True),
        ("true == 1", {}, False),
        ("true != 1", {}, True),
        ("5 >= 5 and 5 > 4 and not (5 < 5)", {}, True),
        ('x starts-with "feat/"', {"x": "feat/a"}, True),
        ('x contains "at/"', {"x": "feat/a"}, True),
        ("x matches /fo+d/", {"x": "food"}, True),
        ("x matches /fo+/", {"x": "food"}, False),
        ("x matches /a\\/b/", {"x": "a/b"}, True),
        ("a == b", {"a": None, "b": None}, None),
        ("a != 1", {"a": None}, None),
        ("a > 1", {"a": None}, None),
        ("not a", {"a": None}, True),
        ("a or 12", {"a": None}, 12),
        ('"x" and a', {"a": None}, None),
        ("a or false", {"a": None}, False),
        ("(5 < 4 or not a) and 1 != 2", {"a": False}, True),
        ("a and b or c", {"a": True, "b": False, "c": "x"}, "x"),
        ("a or b and c", {"a": False, "b": True, "c": False}, False),
        ("not a and b", {"a": True, "b": False}, False),
        ("a.b-c_d == 1", {"a.b-c_d": 1}, True),
    ],
)
def test_value(text: str, environment: dict[str, object], value: object) -> None:
    """Operators short-circuit, keep undefined, and never mix types."""
    found = parse(text)(environment)  # type: ignore[arg-type]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "", "and", "a or", "!", "5 <", ">= 4", "(", "(1 > 2 3", "1 > 2) < 3",
        "a b", "a and b c", "a..b", ".a", "-a", "_a", "=", "a = b", "'a'", '"open',
        "/open", "/(?:/", "a && b", "${x}", "9223372036854775808", "<< a >>",
        "/" + "x" * 257 + "/",
    ],
)  # fmt: skip
def test_bad_syntax_is_refused(text: str) -> None:
    """What is not of the grammar is an error, also where it could be guessed."""
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["5 > true", '"a" > "b"', "5 starts-with 5", 'x matches "x"', "5 matches /x/"],
)
def test_wrong_operands_are_refused(text: str) -> None:
    """Comparisons take numbers, prefixes and patterns take strings."""
    with pytest.raises(ExpressionError):
        evaluate(text, {"x": "x"})


def test_an_unknown_name_is_refused() -> None:
    """A misspelt name is an error, and not simply false."""
    with pytest.raises(ExpressionError, match="unknown 'brnach'"):
        evaluate('brnach == "main"', {"branch": "main"})


def test_an_undefined_result_is_false() -> None:
    """An expression that cannot be told does not hold."""
    assert evaluate("a == 1", {"a": None}) is False
