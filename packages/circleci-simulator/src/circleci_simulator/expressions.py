"""CircleCI's boolean expressions, as their published grammar and test cases say.

A name whose value is absent is undefined: it compares as undefined, which is false.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Value = str | int | bool | re.Pattern[str] | None
Environment = Mapping[str, Value]
Node = Callable[[Environment], Value]


class ExpressionError(Exception):
    """Refuse an expression."""


@dataclass(frozen=True)
class Token:
    """A word of an expression, and where it stands."""

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
        if (
            kind == "name"
            and word.lower() in WORDS
            and word
            in (
                word.lower(),
                word.upper(),
            )
        ):
            kind, word = "word", word.lower()
        yield Token(kind, "not" if word == "!" else word, found.start(found.lastgroup))
        position = found.end()
    yield Token("end", "", end)


def parse(text: str) -> Node:
    """Read an expression; what is left over at its end is an error."""
    parser = _Parser(list(tokens(text)))
    node = parser.either()
    if parser.now.kind != "end":
        raise ExpressionError(f"unexpected {parser.now.text!r} after the expression")
    return node


def evaluate(text: str, environment: Environment) -> bool:
    """Tell whether an expression holds; undefined does not."""
    return bool(parse(text)(environment))


def names(text: str) -> list[str]:
    """List the names that an expression refers to."""
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
            return lambda environment: not node(environment)
        return self.primary()

    def primary(self) -> Node:
        if self.take("("):
            node = self.either()
            if not self.take(")"):
                raise ExpressionError(f"expected ) before {self.now.text!r}")
            return node
        token = self.words.pop(0)
        if token.kind == "name":
            return lambda environment: _lookup(token.text, environment)
        value = _literal(token)
        return lambda environment: value


def _literal(token: Token) -> Value:
    if token.kind == "word" and token.text in ("true", "false"):
        return token.text == "true"
    if token.kind == "number" and int(token.text) <= MAX_NUMBER:
        return int(token.text)
    if token.kind == "string":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1])
    if token.kind == "pattern" and len(token.text) - 2 <= MAX_PATTERN:
        try:
            return re.compile(token.text[1:-1])
        except re.error as error:
            raise ExpressionError(f"{token.text}: {error}") from error
    raise ExpressionError(f"expected an expression, not {token.text!r}")


def _lookup(name: str, environment: Environment) -> Value:
    if name not in environment:
        raise ExpressionError(f"unknown {name!r}")
    return environment[name]


def _or(left: Node, right: Node) -> Node:
    return lambda environment: left(environment) or right(environment)


def _and(left: Node, right: Node) -> Node:
    return lambda environment: left(environment) and right(environment)


def _binary(operator: str, left: Node, right: Node) -> Node:
    def node(environment: Environment) -> Value:
        a, b = left(environment), right(environment)
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
