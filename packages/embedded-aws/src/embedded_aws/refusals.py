"""What becomes of a parameter, as rules say: done, stored, or refused by its name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from moto.core.utils import get_service_model

IMPLEMENTED, STORED, REFUSED = "implemented", "stored", "refused"
TREATMENTS = (IMPLEMENTED, STORED, REFUSED)
# Of an action: what becomes of the parameters that its rules do not name.
OTHERS = "others"

# By treatment: paths of parameters, each with all that is below it and has no path of
# its own; `path=value` is one value of an enumeration. What no path names is refused,
# so that a newer client is not misled.
Rules = Mapping[str, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Service:
    """Hold what becomes of the parameters of each action of a service.

    Attributes:
        name: botocore's.
        actions: the rules of each.
        reasons: why a parameter is refused, by how its path ends.
        pretended: why actions are refused whose name has a word.
    """

    name: str
    title: str
    actions: Mapping[str, Rules]
    reasons: Mapping[str, str] = field(default_factory=dict)
    pretended: Mapping[str, str] = field(default_factory=dict)


def under(prefix: str, rules: Rules) -> dict[str, str]:
    """Return the rules of a structure as those of the parameter that holds it."""
    return {
        treatment: " ".join(f"{prefix}.{path}" for path in paths.split())
        for treatment, paths in rules.items()
    }


def joined(*several: Rules) -> dict[str, str]:
    """Return several rules as one."""
    return {
        treatment: " ".join(rules.get(treatment, "") for rules in several)
        for treatment in TREATMENTS
    }


def done(**actions: str) -> dict[str, Rules]:
    """Return the rules of actions of which nothing is stored without effect."""
    return {action: {IMPLEMENTED: paths} for action, paths in actions.items()}


@dataclass(frozen=True)
class Treatments:
    """Hold what becomes of the parameters of one action.

    Attributes:
        by_path: the treatment of each path, or path=value.
        inner: the paths below which there are others.
        default: of what is not named.
    """

    by_path: Mapping[str, str]
    inner: frozenset[str]
    default: str


@cache
def treatments_of(service: Service, action: str) -> Treatments:
    """Return the treatments of an action.

    Raises:
        NotImplementedError: the action is not served.
    """
    if action not in service.actions:
        why = (why for what, why in service.pretended.items() if what in action)
        reason = next(why, "the embedded AWS does not serve it")
        raise NotImplementedError(f"{action} has not been implemented: {reason}")
    rules = service.actions[action]
    by_path = {
        path: treatment
        for treatment, paths in rules.items()
        for path in paths.split()
        if treatment != OTHERS
    }
    inner = {prefix for path in by_path for prefix in _prefixes(path)}
    return Treatments(by_path, frozenset(inner), rules.get(OTHERS, REFUSED))


def _prefixes(path: str) -> Iterable[str]:
    name, equals, _ = path.partition("=")
    names = list(accumulate(name.split("."), lambda a, b: f"{a}.{b}"))
    return names if equals else names[:-1]


def refusal(service: Service, action: str, parameters: Mapping[str, Any]) -> str:
    """Return in one sentence what of a request would be ignored, or nothing.

    Raises:
        NotImplementedError: the action is not served.
    """
    rules = treatments_of(service, action)
    found = dict.fromkeys(_refused(parameters, "", rules.default, rules))
    if not found:
        return ""
    reasons = (_explained(service, path) for path in found)
    return f"The embedded AWS does not implement {'; '.join(reasons)}."


def _refused(
    values: Mapping[str, Any], path: str, inherited: str, rules: Treatments
) -> Iterator[str]:
    """Yield the paths of the parameters that are refused and given."""
    for name, value in values.items():
        place = f"{path}.{name}" if path else name
        treatment = rules.by_path.get(place, inherited)
        items: Sequence[Any] = value if isinstance(value, list) else [value]
        for item in items:
            single = f"{place}={item}" if isinstance(item, str) else place
            own = rules.by_path.get(single, treatment)
            if place in rules.inner and isinstance(item, Mapping):
                yield from _refused(item, place, treatment, rules)
            elif own == REFUSED and is_given(item):
                yield single if place in rules.inner else place


def is_given(value: Any) -> bool:
    """Return whether a value asks for something: not if it is empty, false or 0."""
    if isinstance(value, Mapping):
        return any(map(is_given, value.values()))
    if isinstance(value, list):
        return any(map(is_given, value))
    return bool(value)


def _explained(service: Service, path: str) -> str:
    reason = reason_of(service, path)
    return f"{path}: {reason}" if reason else path


def reason_of(service: Service, path: str) -> str:
    """Return why a parameter is refused, or nothing where its name says it."""
    place, equals, value = path.partition("=")
    name = place.rpartition(".")[2] + equals + value
    return service.reasons.get(name, "")


def input_of(service: Service, action: str) -> Shape | None:
    """Return the shape of an action's input."""
    model = get_service_model(service.name)
    shape: Shape | None = model.operation_model(action).input_shape
    return shape


def rows(service: Service, action: str) -> list[tuple[str, str]]:
    """Return each parameter of an action, or value of one, with its treatment."""
    rules, shape = treatments_of(service, action), input_of(service, action)
    if shape is None:
        return list(rules.by_path.items())
    return list(_rows(shape, "", rules.default, rules))


def _rows(
    shape: Shape, path: str, inherited: str, rules: Treatments
) -> Iterator[tuple[str, str]]:
    if isinstance(shape, ListShape):
        yield from _rows(shape.member, path, inherited, rules)
    elif isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            place = f"{path}.{name}" if path else name
            treatment = rules.by_path.get(place, inherited)
            if place in rules.inner:
                yield from _rows(member, place, treatment, rules)
            else:
                yield place, treatment
    else:
        for value in getattr(shape, "enum", ()):
            single = f"{path}={value}"
            yield single, rules.by_path.get(single, inherited)
