"""The checks that AWS makes of a request before it looks at anything else."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

# Java's classes of characters, as Python spells them inside brackets.
CLASSES = re.compile(r"\\p\{([LMNPSZ])\}")
PYTHON = {
    "L": r"\w",
    "M": "\u0300-\u036f",
    "N": r"\d",
    "P": r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u205e",
    "S": r"$+<->^`|~\u00a2-\u00b4\u20a0-\u2bff\U0001f000-\U0001faff",
    "Z": " \u00a0",
}


def problems(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Name every constraint of the service's model that a value breaks."""
    if isinstance(shape, StructureShape):
        yield from structure_problems(value, shape, path)
    elif isinstance(shape, ListShape):
        yield from bounds_problems(value, len(value), "length", shape, path)
        for number, item in enumerate(value, 1):
            yield from problems(item, shape.member, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        yield from map_problems(value, shape, path)
    elif isinstance(shape, StringShape):
        yield from string_problems(value, shape, path)
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from bounds_problems(value, value, "value", shape, path)


def structure_problems(
    value: Mapping[str, Any], shape: StructureShape, path: str
) -> Iterator[str]:
    """Check that what is required is there, and every member that is."""
    for name in shape.required_members:
        if value.get(name) is None:
            yield broken("null", join(path, name), "Member must not be null")
    for name, member in value.items():
        if name in shape.members and member is not None:
            yield from problems(member, shape.members[name], join(path, name))


def map_problems(value: Mapping[str, Any], shape: MapShape, path: str) -> Iterator[str]:
    """Check a map's size, keys and values."""
    yield from bounds_problems(value, len(value), "length", shape, path)
    for key, item in value.items():
        yield from problems(key, shape.key, path)
        yield from problems(item, shape.value, f"{path}.{key}.member")


def string_problems(value: str, shape: StringShape, path: str) -> Iterator[str]:
    """Check a string's length, enumeration and pattern."""
    yield from bounds_problems(value, len(value), "length", shape, path)
    if shape.enum and value not in shape.enum:
        allowed = ", ".join(shape.enum)
        yield broken(value, path, f"Member must satisfy enum value set: [{allowed}]")
    pattern = shape.metadata.get("pattern")
    compiled = compile_pattern(pattern) if pattern else None
    if compiled and not compiled.fullmatch(value):
        rule = f"Member must satisfy regular expression pattern: {pattern}"
        yield broken(value, path, rule)


def bounds_problems(
    value: Any, size: float, what: str, shape: Shape, path: str
) -> Iterator[str]:
    """Check a number, or a length, against its bounds."""
    subject = (
        "Member must have length" if what == "length" else "Member must have value"
    )
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield broken(value, path, f"{subject} greater than or equal to {low}")
    if high is not None and size > high:
        yield broken(value, path, f"{subject} less than or equal to {high}")


def _in_python(found: re.Match[str]) -> str:
    """Spell one of Java's character classes as Python does, none too strict."""
    return PYTHON.get(found[1], found[0])


@cache
def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """Compile a pattern, unless it is one of those that only Java can read."""
    try:
        return re.compile(CLASSES.sub(_in_python, pattern), re.DOTALL)
    except re.error:
        return None


def join(path: str, name: str) -> str:
    """Spell a member's path as AWS does: `outputDataConfig.s3OutputPath`."""
    member = name[0].lower() + name[1:]
    return f"{path}.{member}" if path else member


def broken(value: Any, path: str, rule: str) -> str:
    """Name one broken constraint."""
    quoted = value if value == "null" else f"'{value}'"
    return f"Value {quoted} at '{path}' failed to satisfy constraint: {rule}"


def message(found: list[str]) -> str:
    """Put all broken constraints into AWS's one sentence."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: {'; '.join(found)}"
