"""Hyperparameters of a training job, parsed and refused in the image's words."""

from collections.abc import Iterator, Mapping
from typing import Any

from sagemaker_xgboost.exceptions import AlgorithmError, UserError
from sagemaker_xgboost.hyperparameters import (
    ALIASES,
    DEPENDENCIES,
    REQUIRED,
    RULES,
    Dependency,
    HyperparameterError,
    Values,
)


def validate_hyperparameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parse the hyperparameters of a training job, which SageMaker passes as texts.

    Aliases are replaced by the names they stand for; no default is filled in.
    Raises UserError for what the image refuses, and for some malformed values what the
    image's own code raises: AlgorithmError, KeyError, SyntaxError or NameError.
    """
    named = {ALIASES.get(name, name): value for name, value in given.items()}
    if REQUIRED not in named:
        raise UserError(f"Missing required hyperparameter: {REQUIRED}")
    parsed = {name: parse(name, value) for name, value in named.items()}
    for name, value in parsed.items():
        validate_range(name, value)
    return validate_dependencies(parsed)


def parse(name: str, value: Any) -> Any:
    """Parse the text of one hyperparameter."""
    if name not in RULES:
        raise UserError(f"Extraneous hyperparameter found: {name}")
    try:
        return RULES[name].parse(value)
    except ValueError as error:
        raise UserError(
            f"Hyperparameter {name}: could not parse value", caused_by=error
        ) from error


def validate_range(name: str, value: Any) -> None:
    """Check that a parsed value is in range."""
    try:
        RULES[name].validate(name, value)
    except HyperparameterError as error:
        raise UserError(str(error)) from None
    except TypeError as error:
        raise AlgorithmError(
            f"Hyperparameter {name}: unexpected failure when validating {value}",
            caused_by=error,
        ) from error


def validate_dependencies(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Check each hyperparameter after those that it depends on, and keep that order."""
    done: dict[str, Any] = {}
    for name in sort_by_dependency(parsed):
        if dependency := DEPENDENCIES.get(name):
            others = {other: done[other] for other in dependency.names if other in done}
            validate_dependency(dependency, parsed[name], others)
        done[name] = parsed[name]
    return done


def validate_dependency(dependency: Dependency, value: Any, others: Values) -> None:
    """Check that a value fits the other hyperparameters."""
    try:
        dependency.check(value, others)
    except HyperparameterError as error:
        raise UserError(str(error)) from None


def sort_by_dependency(parsed: Mapping[str, Any]) -> Iterator[str]:
    """Name every hyperparameter once, those that others depend on before them."""
    named: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in named or name not in parsed:
            return
        named.add(name)
        if dependency := DEPENDENCIES.get(name):
            for other in dependency.names:
                yield from visit(other)
        yield name

    for name in parsed:
        yield from visit(name)
