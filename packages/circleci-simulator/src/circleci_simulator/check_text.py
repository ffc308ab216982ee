"""Everything between `<<` and `>>`, and every expression without them."""

import re
from collections.abc import Mapping
from typing import Any

from circleci_simulator.document import Config, texts
from circleci_simulator.expressions import ExpressionError, names, parse
from circleci_simulator.values import (
    DEPRECATED,
    HARMLESS,
    PIPELINE_VALUES,
    PULL_REQUEST,
)

INTERPOLATION = re.compile(r"(?<!\\)<<(.*?)>>", re.DOTALL)
SAFE_TYPES = {"boolean", "integer", "enum", "executor"}
Declared = Mapping[str, Mapping[str, Any]]


def check_interpolations(
    config: Config, place: str, node: Any, declared: Declared
) -> None:
    """Check what stands between `<<` and `>>`, and that no command takes free text."""
    for path, text in texts(node):
        if text.count("<<") > len(INTERPOLATION.findall(text)) + text.count(r"\<<"):
            config.report(place, f"{text!r} has a << without its >>")
        for inside in INTERPOLATION.findall(text):
            used = check_expression(config, place, inside.strip(), declared)
            if path and path[-1] in ("command", "run"):
                _check_command(config, place, used, declared)


def check_expression(
    config: Config, place: str, text: str, declared: Declared | None = None
) -> list[str]:
    """Check one expression: its syntax, and every name in it."""
    if "<<" in text or ">>" in text:
        config.report(place, f"{text!r} mixes << >> into an expression")
        return []
    try:
        parse(text)
    except ExpressionError as error:
        config.report(place, f"{text!r} is not an expression: {error}")
        return []
    for name in names(text):
        if problem := _unknown(config, name, declared or {}):
            config.report(place, problem)
    return names(text)


def _unknown(config: Config, name: str, declared: Declared) -> str:
    """Say what is wrong with a name, if anything is."""
    if name.startswith("pipeline.parameters."):
        short = name.removeprefix("pipeline.parameters.")
        known = short in config.section("parameters")
        return "" if known else f"undeclared pipeline parameter {short!r}"
    if name.startswith("parameters."):
        short = name.removeprefix("parameters.")
        return "" if short in declared else f"undeclared parameter {short!r}"
    if name.startswith("matrix."):
        return ""
    if DEPRECATED.fullmatch(name):
        return f"deprecated pipeline value {name!r}"
    if name in PIPELINE_VALUES or PULL_REQUEST.fullmatch(name):
        return ""
    return f"unknown value {name!r}"


def _check_command(
    config: Config, place: str, used: list[str], declared: Declared
) -> None:
    """Let only values that nobody types freely into a command."""
    for name in used:
        root, _, short = name.rpartition("parameters.")
        scope = config.section("parameters") if root == "pipeline." else declared
        kind = (scope.get(short) or {}).get("type") if short != name else None
        if kind not in SAFE_TYPES and name not in HARMLESS:
            config.report(place, f"free text {name!r} in a command; use environment:")
