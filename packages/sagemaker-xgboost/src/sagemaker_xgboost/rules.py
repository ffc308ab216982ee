"""What a hyperparameter's text may be: how it is parsed, which values it may have."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class HyperparameterError(ValueError):
    """Refuse a hyperparameter, in the words of the image."""


class Range(Protocol):
    """The values that a hyperparameter may have."""

    def __contains__(self, value: Any) -> bool: ...


@dataclass(frozen=True)
class Interval:
    """All numbers between two bounds; a missing bound is infinite."""

    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: Any) -> bool:
        # Asked the other way round, so that NaN is in every interval.
        too_low = self.low is not None and (
            value <= self.low if self.open_low else value < self.low
        )
        too_high = self.high is not None and (
            value >= self.high if self.open_high else value > self.high
        )
        return not (too_low or too_high)

    def __str__(self) -> str:
        """Write the interval as mathematicians do."""
        left = "(" if self.open_low or self.low is None else "["
        right = ")" if self.open_high or self.high is None else "]"
        low = "-inf" if self.low is None else self.low
        high = "+inf" if self.high is None else self.high
        return f"{left}{low}, {high}{right}"


Check = Callable[[str, Any, Range], None]


@dataclass(frozen=True)
class Rule:
    """How one hyperparameter is parsed, and what it may be."""

    parse: Callable[[Any], Any]
    range: Range
    check: Check

    def validate(self, name: str, value: Any) -> None:
        """Refuse a value that is out of range."""
        self.check(name, value, self.range)


def integer(interval: Interval) -> Rule:
    """Take a whole number."""
    return Rule(int, interval, check_value)


def continuous(interval: Interval) -> Rule:
    """Take a number."""
    return Rule(float, interval, check_value)


def one_of(*values: str) -> Rule:
    """Take one of several words."""
    return Rule(str, list(values), check_value)


def words(known: Range) -> Rule:
    """Take words separated by commas, and by nothing else."""
    return Rule(lambda text: text.split(","), known, check_items)


def numbers(known: Sequence[int]) -> Rule:
    """Take a tuple of numbers, written as Python writes it."""
    return Rule(parse_expression, list(known), check_items)


def nested_lists(interval: Interval) -> Rule:
    """Take a list of lists of numbers."""
    return Rule(ast.literal_eval, interval, check_nested)


def parse_expression(text: str) -> Any:
    """Read a Python literal, with the errors that evaluating it would raise."""
    tree = compile(text.lstrip(" \t"), "<string>", "eval", ast.PyCF_ONLY_AST)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            raise NameError(f"name {node.id!r} is not defined")
    return ast.literal_eval(tree)


def check_value(name: str, value: Any, known: Range) -> None:
    """Refuse a value that is out of range."""
    if value not in known:
        raise HyperparameterError(f"Hyperparameter {name}: {value} is not in {known}")


def check_items(name: str, value: Any, known: Range) -> None:
    """Refuse a list of which one item is out of range."""
    # All are looked at before the first is refused: an item may raise its own error.
    if any([item not in known for item in value]):
        raise HyperparameterError(
            f"Hyperparameter {name}: value {value} not in range {known}"
        )


def check_nested(name: str, value: Any, known: Range) -> None:
    """Refuse lists of which one item is out of range."""
    if any([item not in known for items in value for item in items]):
        raise HyperparameterError(
            f"Hyperparameter {name}: value {value} not in range {known}"
        )
