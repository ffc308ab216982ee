"""Expressions, the text between `<<` and `>>`, and logic statements.

Expressions follow CircleCI's published grammar and test cases (CircleCI-Public/expr):
a name whose value is absent is undefined, which compares as undefined, which is false.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Value = Any  # a string, an integer, a boolean, a pattern, or None: undefined
Values = Mapping[str, Value]
Node = Callable[[Values], Value]

INTERPOLATION = re.compile(r"(?<!\\)<<((?:(?!>>).)*)>>", re.DOTALL)


class ExpressionError(Exception):
    """Text that is not an expression, or one that cannot be evaluated."""


@dataclass(frozen=True)
class Token:
    """A word of an expression, and its position in the text."""

    kind: str
    text: str
    position: int


WORDS = {"and", "or", "not", "true", "false"}
INFIX = {"starts-with", "contains", "matches"}
TOKENS = re.compile(
    r"""\s*(?:
    (?P<number>\d+) |
    (?P<string>"(?:\\.|[^"\\])*") |
    (?P<pattern>/(?:\\.|[^/\\])*/) |
    (?P<name>[A-Za-z][\w-]*\??(?:\.[\w-]+\??)*) |
    (?P<operator>==|!=|>=|<=|>|<|!|\(|\))
    )""",
    re.VERBOSE | re.ASCII,
)
MAX_NUMBER = 2**63 - 1
MAX_PATTERN = 256


def tokens(text: str) -> Iterator[Token]:
    """Split an expression into words."""
    position, end = 0, len(text.rstrip())
    while position < end:
        found = TOKENS.match(text, position)
        if not found or not found.lastgroup:
            raise ExpressionError(f"unexpected {text[position:].lstrip()[:1]!r}")
        word, kind = found[found.lastgroup], found.lastgroup
        lower = word.lower()
        if kind == "name" and lower in WORDS and word in (lower, word.upper()):
            kind, word = "word", lower
        yield Token(kind, "not" if word == "!" else word, found.start(found.lastgroup))
        position = found.end()
    yield Token("end", "", end)


def parse(text: str) -> Node:
    """Parse an expression into a function of the values of its names.

    ExpressionError: the text is not an expression, or goes on after its end.
    """
    parser = _Parser(list(tokens(text)))
    node = parser.either()
    if parser.now.kind != "end":
        raise ExpressionError(f"unexpected {parser.now.text!r} after the expression")
    return node


def evaluate(text: str, values: Values) -> bool:
    """Tell whether an expression is true; undefined is not.

    ExpressionError: a name has no value, or an operator takes other operands.
    """
    return bool(parse(text)(values))


def names(text: str) -> list[str]:
    """List the names that an expression uses."""
    found = list(tokens(text))
    return [t.text for t in found if t.kind == "name" and t.text not in INFIX]


class _Parser:
    """One method per level of precedence, weakest first."""

    def __init__(self, words: list[Token]) -> None:
        self.words = words

    @property
    def now(self) -> Token:
        return self.words[0]

    def take(self, *texts: str) -> str | None:
        """Take the next word if it is one of these, and not a quoted one."""
        if self.now.kind in ("word", "operator", "name") and self.now.text in texts:
            return self.words.pop(0).text
        return None

    def either(self) -> Node:
        node = self.both()
        while self.take("or"):
            node = _or(node, self.both())
        return node

    def both(self) -> Node:
        node = self.equality()
        while self.take("and"):
            node = _and(node, self.equality())
        return node

    def equality(self) -> Node:
        node = self.comparison()
        while operator := self.take("==", "!=", *INFIX):
            node = _binary(operator, node, self.comparison())
        return node

    def comparison(self) -> Node:
        node = self.unary()
        while operator := self.take(">=", ">", "<=", "<"):
            node = _binary(operator, node, self.unary())
        return node

    def unary(self) -> Node:
        if self.take("not"):
            node = self.unary()
            return lambda values: not node(values)
        return self.primary()

    def primary(self) -> Node:
        if self.take("("):
            node = self.either()
            if not self.take(")"):
                raise ExpressionError(f"expected ) before {self.now.text!r}")
            return node
        token = self.words.pop(0)
        if token.kind == "name":
            return lambda values: _lookup(token.text, values)
        value = _literal(token)
        return lambda values: value


def _literal(token: Token) -> Value:
    if token.kind == "word" and token.text in ("true", "false"):
        return token.text == "true"
    if token.kind == "number" and int(token.text) <= MAX_NUMBER:
        return int(token.text)
    if token.kind == "string":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1])
    if token.kind == "pattern" and len(token.text) - 2 <= MAX_PATTERN:
        return pattern(token.text[1:-1])
    raise ExpressionError(f"expected an expression, not {token.text!r}")


def pattern(text: str) -> re.Pattern[str]:
    """Compile a regular expression.

    ExpressionError: it is none.
    """
    try:
        return re.compile(text)
    except re.error as error:
        raise ExpressionError(f"/{text}/: {error}") from error


def _lookup(name: str, values: Values) -> Value:
    if name not in values:
        raise ExpressionError(f"unknown {name!r}")
    return values[name]


def _or(left: Node, right: Node) -> Node:
    return lambda values: left(values) or right(values)


def _and(left: Node, right: Node) -> Node:
    return lambda values: left(values) and right(values)


def _binary(operator: str, left: Node, right: Node) -> Node:
    def node(values: Values) -> Value:
        a, b = left(values), right(values)
        if a is None or b is None:
            return None
        return _apply(operator, a, b)

    return node


def _apply(operator: str, a: Value, b: Value) -> bool:
    if operator in ("==", "!="):
        # Values of different types are never equal, not even true and 1.
        return (type(a) is type(b) and a == b) == (operator == "==")
    if operator == "matches":
        if not isinstance(a, str) or not isinstance(b, re.Pattern):
            raise ExpressionError("matches takes a string and a /pattern/")
        return b.fullmatch(a) is not None
    if operator in INFIX:
        if not isinstance(a, str) or not isinstance(b, str):
            raise ExpressionError(f"{operator} takes strings")
        return a.startswith(b) if operator == "starts-with" else b in a
    if type(a) is not int or type(b) is not int:
        raise ExpressionError(f"{operator} takes numbers")
    return {">": a > b, ">=": a >= b, "<": a < b, "<=": a <= b}[operator]


def fill(node: Any, values: Values) -> Any:
    """Replace every `<< expression >>` below a node by its value.

    Text that is one interpolation becomes the value itself, of its own type. What a
    value holds is not read again. A name without a value is undefined.
    """
    if isinstance(node, dict):
        return {key: fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [fill(value, values) for value in node]
    if not isinstance(node, str):
        return copy.copy(node)
    if whole := INTERPOLATION.fullmatch(node.strip()):
        return _value(whole[1].strip(), values)
    text = INTERPOLATION.sub(
        lambda found: shown(_value(found[1].strip(), values)), node
    )
    return text.replace(r"\<<", "<<")


def _value(expression: str, values: Values) -> Value:
    # A parameter's name need not be of the grammar.
    if expression in values:
        return values[expression]
    return parse(expression)(dict.fromkeys(names(expression)) | dict(values))


def shown(value: Value) -> str:
    """Write a value into a text: true, false, and `<nil>` where it is undefined."""
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def condition_holds(condition: Any, values: Values) -> bool:
    """Evaluate what `when` or `unless` of a workflow, or `filters` of a job, says.

    condition: an expression, or a logic statement; anything else is true or false
    """
    if isinstance(condition, str) and not INTERPOLATION.fullmatch(condition.strip()):
        return evaluate(condition, values)
    return logic_holds(condition, values)


def logic_holds(statement: Any, values: Values) -> bool:
    """Evaluate a logic statement: text in it is true unless it is empty."""
    if not isinstance(statement, dict):
        return bool(fill(statement, values))
    if len(statement) != 1:
        raise ExpressionError(f"one of and, or, not, equal, matches: {statement}")
    name, given = next(iter(statement.items()))
    if name == "and":
        return all(logic_holds(one, values) for one in given)
    if name == "or":
        return any(logic_holds(one, values) for one in given)
    if name == "not":
        return not logic_holds(given, values)
    if name == "equal":
        return len({str(fill(one, values)) for one in given}) == 1
    if name == "matches":
        text, value = fill(given["pattern"], values), fill(given["value"], values)
        return value is not None and bool(pattern(str(text)).fullmatch(str(value)))
    raise ExpressionError(f"{name!r} is no logic statement")
