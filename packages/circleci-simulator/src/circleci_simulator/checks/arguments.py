"""Parameters and what is given for them, expressions, and the text in `<< >>`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from circleci_simulator.config import (
    DEPRECATED_VALUES,
    PIPELINE_VALUES,
    PULL_REQUEST_VALUES,
    Config,
    fits,
    texts,
)
from circleci_simulator.expressions import (
    INTERPOLATION,
    ExpressionError,
    names,
    parse,
)

Declared = Mapping[str, Mapping[str, Any]]

# The documentation asks for lower case; CircleCI accepts, and uses, both.
NAME = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
PIPELINE_TYPES = {"string", "boolean", "integer", "enum"}
TYPES = PIPELINE_TYPES | {"executor", "steps", "env_var_name"}
SAFE_TYPES = {"boolean", "integer", "enum", "executor"}
PARAMETER_KEYS = {"type", "default", "description", "enum"}
# Nobody types these, so they may stand in a command.
SAFE_VALUES = frozenset(
    {"pipeline.id", "pipeline.number", "pipeline.git.revision", "pipeline.project.slug"}
)
MAX_NAME, MAX_VALUE, MAX_PARAMETERS = 128, 512, 100


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest known name, after a semicolon; nothing if none is near."""
    close = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown_keys(place: str, given: Any, known: set[str]) -> Iterator[str]:
    """Report keys that CircleCI does not know here."""
    for key in given if isinstance(given, dict) else ():
        if key not in known:
            yield f"{place}: unknown key {key!r}{did_you_mean(str(key), known)}"


def check_declarations(place: str, declared: Any) -> Iterator[str]:
    """Report what is wrong with the parameters that something declares."""
    for name, one in declared.items() if isinstance(declared, dict) else ():
        here = f"{place}.parameters.{name}"
        if not NAME.fullmatch(str(name)) or len(str(name)) > MAX_NAME:
            yield f"{here}: bad parameter name"
        types = PIPELINE_TYPES if place == "pipeline" else TYPES
        if not isinstance(one, dict) or one.get("type") not in types:
            yield f"{here}: unknown type"
            continue
        yield from unknown_keys(here, one, PARAMETER_KEYS)
        if one["type"] == "enum" and not one.get("enum"):
            yield f"{here}: an enum without values"
        if "default" in one and not fits(one, one["default"]):
            yield f"{here}: default {one['default']!r} does not fit its type"


def check_pipeline_parameters(config: Config) -> Iterator[str]:
    """Report what CircleCI does not allow of pipeline parameters."""
    declared = config.section("parameters")
    yield from check_declarations("pipeline", declared)
    if len(declared) > MAX_PARAMETERS:
        yield f"parameters: more than {MAX_PARAMETERS}"
    for name, one in declared.items():
        if isinstance(one, dict) and "default" not in one:
            yield f"parameters.{name}: a pipeline parameter needs a default"
        if isinstance(one, dict) and len(str(one.get("default", ""))) > MAX_VALUE:
            yield f"parameters.{name}: longer than {MAX_VALUE} characters"


def check_arguments(place: str, declared: Any, given: Any) -> Iterator[str]:
    """Report what is wrong with the arguments of a job, a command or an executor."""
    if not isinstance(given, dict | None):
        yield f"{place}: arguments must be a mapping, not {given!r}"
        return
    given = given or {}
    declared = {name: one or {} for name, one in (declared or {}).items()}
    for name, value in given.items():
        if name not in declared:
            yield f"{place}: unknown argument {name!r}"
        elif not fits(declared[name], value):
            yield f"{place}: argument {name!r}: {value!r} does not fit"
    for name, one in declared.items():
        if "default" not in one and name not in given:
            yield f"{place}: missing argument {name!r}"


def check_interpolations(
    config: Config, place: str, node: Any, declared: Declared
) -> Iterator[str]:
    """Report what is wrong between `<<` and `>>`, and free text in commands."""
    for path, text in texts(node):
        if text.count("<<") > len(INTERPOLATION.findall(text)) + text.count(r"\<<"):
            yield f"{place}: {text!r} has a << without its >>"
        for inside in INTERPOLATION.findall(text):
            yield from check_expression(config, place, inside.strip(), declared)
            if path and path[-1] in ("command", "run"):
                yield from _check_command(config, place, inside.strip(), declared)


def check_expression(
    config: Config, place: str, text: str, declared: Declared | None = None
) -> Iterator[str]:
    """Report what is wrong with an expression: its syntax, and every name in it."""
    if "<<" in text or ">>" in text:
        yield f"{place}: {text!r} mixes << >> into an expression"
        return
    try:
        parse(text)
    except ExpressionError as error:
        yield f"{place}: {text!r} is not an expression: {error}"
        return
    for name in names(text):
        if problem := _problem_with_name(config, name, declared or {}):
            yield f"{place}: {problem}"


def _problem_with_name(config: Config, name: str, declared: Declared) -> str:
    """Say what is wrong with a name; nothing where it is right."""
    if name.startswith("pipeline.parameters."):
        short = name.removeprefix("pipeline.parameters.")
        known = short in config.section("parameters")
        return "" if known else f"undeclared pipeline parameter {short!r}"
    if name.startswith("parameters."):
        short = name.removeprefix("parameters.")
        return "" if short in declared else f"undeclared parameter {short!r}"
    if name.startswith("matrix."):
        return ""
    if name in DEPRECATED_VALUES:
        return f"deprecated pipeline value {name!r}; use {DEPRECATED_VALUES[name]}"
    values = PIPELINE_VALUES | PULL_REQUEST_VALUES
    if name in values:
        return ""
    return f"unknown value {name!r}{did_you_mean(name, values)}"


def _check_command(
    config: Config, place: str, expression: str, declared: Declared
) -> Iterator[str]:
    """Report values in a command that somebody can type freely."""
    try:
        used = names(expression)
    except ExpressionError:
        return
    for name in used:
        root, _, short = name.rpartition("parameters.")
        scope = config.section("parameters") if root == "pipeline." else declared
        kind = (scope.get(short) or {}).get("type") if short != name else None
        if kind not in SAFE_TYPES and name not in SAFE_VALUES:
            yield f"{place}: free text {name!r} in a command; use environment:"
