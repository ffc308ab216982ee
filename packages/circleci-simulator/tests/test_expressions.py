"""Expressions are read as CircleCI's grammar and test cases have them."""

from typing import Any

import pytest
from circleci_simulator import ExpressionError
from circleci_simulator.expressions import (
    condition_holds,
    evaluate,
    fill,
    logic_holds,
    parse,
)


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
def test_value(text: str, environment: dict[str, Any], value: Any) -> None:
    """Operators short-circuit, keep undefined, and never mix types."""
    found = parse(text)(environment)
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<< x >>", 3),
        (" << x >>\n", 3),
        ("<<x>><< x >>", "33"),
        ("a << x >> b", "a 3 b"),
        ("<< yes >> or << no >>", "true or false"),
        ('<< branch or "none" >>', "none"),
        ("<< branch >>", None),
        ("on << branch >>", "on <nil>"),
        ('<< x == 3 and "three" or "more" >>', "three"),
        (r"cat \<<END", "cat <<END"),
        ("<< 2x.y >>", "odd"),
        (["<< x >>", {"k": "<< yes >>", "n": 1}], [3, {"k": True, "n": 1}]),
    ],
)
def test_interpolations_are_filled_in(text: Any, value: Any) -> None:
    """Alone a value keeps its type, in a text it is written."""
    values = {"x": 3, "yes": True, "no": False, "branch": None, "2x.y": "odd"}
    assert fill(text, values) == value


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        ({"and": [True, "text", 1]}, True),
        ({"and": [True, ""]}, False),
        ({"or": ["", 0, None]}, False),
        ({"or": ["", "<< x >>"]}, True),
        ({"not": "<< x >>"}, False),
        ({"equal": [3, "<< x >>"]}, True),
        ({"equal": ["a", "<< x >>", "a"]}, False),
        ({"matches": {"pattern": "^ma.*$", "value": "<< b >>"}}, True),
        ({"matches": {"pattern": "ai", "value": "<< b >>"}}, False),
        ({"matches": {"pattern": ".*", "value": "<< none >>"}}, False),
        ({"not": {"or": [{"equal": [1, 2]}, False]}}, True),
        ("<< none >>", False),
        ("<< b >>", True),
    ],
)
def test_logic_statements_hold(statement: Any, holds: bool) -> None:
    """What is empty, false, 0 or undefined is not true."""
    assert logic_holds(statement, {"x": 3, "b": "main", "none": None}) is holds


@pytest.mark.parametrize("statement", [{"xor": [1, 2]}, {"and": [1], "or": [1]}, {}])
def test_other_logic_is_refused(statement: Any) -> None:
    """There are five statements, one at a time."""
    with pytest.raises(ExpressionError):
        logic_holds(statement, {})


def test_a_condition_is_an_expression_or_logic() -> None:
    """The text of a condition is evaluated, unlike text in a logic statement."""
    assert condition_holds('b == "main"', {"b": "main"})
    assert not condition_holds('b == "main"', {"b": "other"})
    assert condition_holds("<< b >>", {"b": "other"})
    assert condition_holds({"and": ['b == "main"']}, {"b": "other"})
    assert not condition_holds(False, {})
