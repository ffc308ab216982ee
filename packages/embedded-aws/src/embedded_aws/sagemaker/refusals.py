"""Requests whose parameters would be ignored are refused; the table of all parameters.

`python -m embedded_aws.sagemaker.refusals` prints the table as Markdown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from moto.core.utils import get_service_model
from moto.sagemaker.exceptions import ValidationError

from embedded_aws.sagemaker.parameters import (
    ACTIONS,
    IMPLEMENTED,
    PRETENDED,
    REASONS,
    RECORDED,
    REFUSED,
    STORED,
)

RUNTIME = "InvokeEndpoint"
WRITES = ("Create", "Update")
HEADER = """\
# Parameters of the embedded AWS

What becomes of every parameter of every action of SageMaker that is served.
`python -m embedded_aws.sagemaker.refusals` prints this file, and a test compares it.

* implemented: it does what it does on AWS, or is checked as there.
* stored: it is kept and described, and has no effect here, where there are no
  instances, networks, keys or prices.
* refused: a request that gives it, and not empty, `false` or 0, gets an error that
  names it.

A parameter stands for all that is below it and has no line of its own.
Actions that are not listed are refused.
"""


@dataclass(frozen=True)
class Rules:
    """Hold what becomes of the parameters of one action.

    Attributes:
        treatments: by path, or path=value.
        inner: the paths below which there are others.
        default: of what is not named.
    """

    treatments: Mapping[str, str]
    inner: frozenset[str]
    default: str = REFUSED


@cache
def rules_of(action: str) -> Rules:
    """Return the rules of an action; raise NotImplementedError for one without."""
    if action in RECORDED:
        default = STORED if action.startswith(WRITES) else IMPLEMENTED
        refused = dict.fromkeys(RECORDED[action].split(), REFUSED)
        return Rules(refused, frozenset(), default)
    if action not in ACTIONS:
        reason = next((why for what, why in PRETENDED.items() if what in action), "")
        raise NotImplementedError(f"{action} has not been implemented: {reason}")
    treatments = {
        path: treatment
        for treatment, paths in ACTIONS[action].items()
        for path in paths.split()
    }
    inner = {prefix for path in treatments for prefix in _prefixes(path)}
    return Rules(treatments, frozenset(inner))


def _prefixes(path: str) -> Iterable[str]:
    name, equals, _ = path.partition("=")
    names = list(accumulate(name.split("."), lambda a, b: f"{a}.{b}"))
    return names if equals else names[:-1]


def refuse(action: str, parameters: Mapping[str, Any]) -> None:
    """Raise an error that names every parameter of a request that would be ignored.

    Raises:
        ValidationError: there are some.
        NotImplementedError: nothing implements the action.
    """
    if text := refusal(action, parameters):
        raise ValidationError(text)


def refusal(action: str, parameters: Mapping[str, Any]) -> str:
    """Return in one sentence what of a request would be ignored, or nothing."""
    rules = rules_of(action)
    found = dict.fromkeys(_refused(parameters, "", rules.default, rules))
    if not found:
        return ""
    return f"The embedded AWS does not implement {'; '.join(map(_explained, found))}."


def _refused(
    values: Mapping[str, Any], path: str, inherited: str, rules: Rules
) -> Iterator[str]:
    """Yield the paths of the parameters that are refused and given."""
    for name, value in values.items():
        place = f"{path}.{name}" if path else name
        single = f"{place}={value}" if isinstance(value, str) else ""
        if single in rules.treatments:
            place = single
        treatment = rules.treatments.get(place, inherited)
        if place in rules.inner:
            items: Sequence[Any] = value if isinstance(value, list) else [value]
            for item in items:
                if isinstance(item, Mapping):
                    yield from _refused(item, place, treatment, rules)
                elif treatment == REFUSED and is_given(item):
                    yield f"{place}={item}"
        elif treatment == REFUSED and is_given(value):
            yield place


def is_given(value: Any) -> bool:
    """Return whether a value asks for something: not if it is empty, false or 0."""
    if isinstance(value, Mapping):
        return any(map(is_given, value.values()))
    if isinstance(value, list):
        return any(map(is_given, value))
    return bool(value)


def _explained(path: str) -> str:
    reason = reason_of(path)
    return f"{path}: {reason}" if reason else path


def reason_of(path: str) -> str:
    """Return why a parameter is refused, or nothing where its name says it."""
    place, equals, value = path.partition("=")
    return REASONS.get(place.rpartition(".")[2] + equals + value, "")


def served_actions() -> list[str]:
    """Return the names of all actions that are answered."""
    return [*ACTIONS, *RECORDED]


def input_of(action: str) -> Shape | None:
    """Return the shape of an action's input."""
    service = "sagemaker-runtime" if action == RUNTIME else "sagemaker"
    shape: Shape | None = get_service_model(service).operation_model(action).input_shape
    return shape


def rows(action: str) -> list[tuple[str, str]]:
    """Return each parameter of an action, or value of one, with its treatment."""
    rules, shape = rules_of(action), input_of(action)
    return list(_rows(shape, "", rules.default, rules)) if shape else []


def _rows(
    shape: Shape, path: str, inherited: str, rules: Rules
) -> Iterator[tuple[str, str]]:
    if isinstance(shape, ListShape):
        yield from _rows(shape.member, path, inherited, rules)
    elif isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            place = f"{path}.{name}" if path else name
            treatment = rules.treatments.get(place, inherited)
            if place in rules.inner:
                yield from _rows(member, place, treatment, rules)
            else:
                yield place, treatment
    else:
        for value in getattr(shape, "enum", ()):
            single = f"{path}={value}"
            yield single, rules.treatments.get(single, inherited)


def table() -> str:
    """Return the table of all parameters as Markdown."""
    parts = [HEADER]
    for action in sorted(served_actions()):
        parts.append(f"## {action}")
        lines = ["| parameter | becomes | why |", "|---|---|---|"]
        for path, treatment in rows(action):
            reason = reason_of(path) if treatment == REFUSED else ""
            lines.append(f"| `{path}` | {treatment} | {reason} |")
        parts.append("\n".join(lines))
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    print(table(), end="")
