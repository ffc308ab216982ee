"""Requests in JSON, checked against the model of their service before it sees them.

The checks of an operation are compiled once, when it is first called.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

from botocore.model import (
    ListShape,
    MapShape,
    Shape,
    StringShape,
    StructureShape,
)
from botocore.utils import parse_timestamp
from moto.core.parse import QueryParser
from moto.core.utils import get_service_model

from embedded_aws.errors import ErrorAnswer

# By the name that a service signs with: its name in botocore, and the code of its error
# for a value that breaks a constraint.
JSON_SERVICES = {
    "sagemaker": ("sagemaker", "ValidationException"),
    "logs": ("logs", "InvalidParameterException"),
    "tagging": ("resourcegroupstaggingapi", "InvalidParameterException"),
    "monitoring": ("cloudwatch", "ValidationError"),
    "ecr": ("ecr", "InvalidParameterException"),
}
# Java's classes of characters, as Python spells them inside brackets.
JAVA_CLASSES = re.compile(r"\\p\{([LMNPSZ])\}")
PYTHON_CLASSES = {
    "L": r"\w",
    "M": "\u0300-\u036f",
    "N": r"\d",
    "P": r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u205e",
    "S": r"$+<->^`|~\u00a2-\u00b4\u20a0-\u2bff\U0001f000-\U0001faff",
    "Z": " \u00a0",
}
# Patterns that can take for ever to match, and what matches the same at once.
QUICK_PATTERNS = {
    r"[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?": r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?",
    r"https://([.\-_a-zA-Z0-9]+/?){3,1016}": (
        r"https://[.\-_a-zA-Z0-9](?:/?[.\-_a-zA-Z0-9]){2,}/?"
    ),
    r"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$": (r"[a-z0-9*]+(?:[._\-/][a-z0-9*]+)*"),
}
BITS = {"integer": 32, "long": 64}
# Seconds since 1970 that are a date from the year 1 to the year 9999, in every zone.
FIRST_SECOND, LAST_SECOND = -62_000_000_000, 253_000_000_000
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
# Of a value that is quoted in an error.
MAX_QUOTED_CHARACTERS = 300

# Yields what is wrong with a value at a path, one broken constraint after the other.
Check = Callable[[Any, str], Iterator[str]]


class SerializationError(Exception):
    """Report a value that cannot be converted to the type of its member."""


def check_request(service: str, target: str, body: bytes) -> ErrorAnswer | None:
    """Return AWS's error for a JSON request that breaks the model of its service.

    Types come first, as on AWS, where a request is read before it is checked. What AWS
    would ignore, a member that the model does not have, is an error here.

    Args:
        service: the name that the request is signed for, of JSON_SERVICES.
        target: its header X-Amz-Target, for instance `SageMaker.ListModels`.
    """
    name, code = JSON_SERVICES[service]
    prefix, _, operation = target.rpartition(".")
    model = get_service_model(name)
    named = prefix == model.metadata["targetPrefix"]
    if not named or operation not in model.operation_names:
        text = f"The embedded AWS has no operation {target[:200]} in {service}."
        return ErrorAnswer(code="UnknownOperationException", message=text)
    try:
        found = list(check_of(name, operation)(parse(body), ""))
    except SerializationError as error:
        return ErrorAnswer(code="SerializationException", message=str(error))
    if not found:
        return None
    return ErrorAnswer(code=code, message=validation_message(found))


def check_form(
    service: str, action: str, values: Mapping[str, Sequence[str]]
) -> ErrorAnswer | None:
    """Return AWS's error for a form that breaks the model of its service.

    Args:
        service: its name in botocore.
        values: the fields of the form.
    """
    operation = get_service_model(service).operation_model(action)
    fields = {name: first for name, (first, *_) in values.items()}
    # A moment becomes the number that JSON would have.
    parser = QueryParser(operation, timestamp_parser=_seconds)
    try:
        given = parser.parse(cast("Any", {"values": fields}))
        found = list(check_of(service, action)(given, ""))
    except (SerializationError, ValueError, OverflowError) as error:
        return ErrorAnswer(code="MalformedInput", message=str(error))
    if not found:
        return None
    return ErrorAnswer(code="ValidationError", message=validation_message(found))


def _seconds(text: str) -> float:
    return parse_timestamp(text).timestamp()


def parse(body: bytes) -> Any:
    """Read JSON, of which an empty body is an empty object; raise SerializationError.

    Neither NaN nor half of a surrogate pair is JSON, though Python reads both.
    """
    try:
        text = body.decode()
        values = json.loads(text, parse_constant=_refuse_constant) if text else {}
        if "\\u" in text:
            json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise SerializationError(f"The request is not valid JSON: {error}") from error
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


@cache
def check_of(service: str, operation: str) -> Check:
    """Return the check of an operation's input.

    Args:
        service: its name in botocore.
    """
    shape = get_service_model(service).operation_model(operation).input_shape
    return _no_input if shape is None else _compile(shape, {})


def _no_input(value: Any, path: str) -> Iterator[str]:
    _require(value, dict, "structure")
    return iter(())


def _compile(shape: Shape, known: dict[str, Check]) -> Check:
    """Return the check of a shape, which may contain itself."""
    if shape.name in known:
        # Looked up when it is called: it is not complete yet.
        return lambda value, path: known[shape.name](value, path)  # noqa: PLW0108
    known[shape.name] = lambda value, path: iter(())
    check: Check
    if isinstance(shape, StructureShape):
        check = _structure_check(shape, known)
    elif isinstance(shape, ListShape):
        check = _list_check(shape, known)
    elif isinstance(shape, MapShape):
        check = _map_check(shape, known)
    elif isinstance(shape, StringShape):
        check = _string_check(shape)
    elif shape.type_name in ("integer", "long", "float", "double"):
        check = _number_check(shape)
    else:
        check = {
            "boolean": _check_boolean,
            "timestamp": _check_timestamp,
            "blob": _check_blob,
        }[shape.type_name]
    known[shape.name] = check
    return check


def _structure_check(shape: StructureShape, known: dict[str, Check]) -> Check:
    if shape.is_document_type:
        return lambda value, path: iter(())
    required = frozenset(shape.required_members)
    members = {
        member.serialization.get("name", name): (_lower(name), _compile(member, known))
        for name, member in shape.members.items()
    }
    names = {shape.members[n].serialization.get("name", n): n for n in shape.members}

    def check(value: Any, path: str) -> Iterator[str]:
        _require(value, dict, "structure")
        given = {name: member for name, member in value.items() if member is not None}
        for name, own in names.items():
            if own in required and name not in given:
                yield _broken(None, _join(path, members[name][0]), NOT_NULL)
        for name, member in given.items():
            if name in members:
                lower, check_member = members[name]
                yield from check_member(member, _join(path, lower))
            else:
                where = f"'{path}'" if path else "the request"
                yield f"Unknown member {_quoted(name)} of {where}"
        if shape.is_tagged_union and len(given) != 1:
            yield _broken(value, path, "Member must have exactly one member")

    return check


def _list_check(shape: ListShape, known: dict[str, Check]) -> Check:
    check_item, bounds = _compile(shape.member, known), _bounds(shape, "length")

    def check(value: Any, path: str) -> Iterator[str]:
        _require(value, list, "list")
        yield from bounds(value, len(value), path)
        for number, item in enumerate(value, 1):
            place = f"{path}.{number}.member"
            if item is None:
                yield _broken(None, place, NOT_NULL)
            else:
                yield from check_item(item, place)

    return check


def _map_check(shape: MapShape, known: dict[str, Check]) -> Check:
    check_key, check_item = _compile(shape.key, known), _compile(shape.value, known)
    bounds = _bounds(shape, "length")

    def check(value: Any, path: str) -> Iterator[str]:
        _require(value, dict, "map")
        yield from bounds(value, len(value), path)
        for key, item in value.items():
            yield from check_key(key, path)
            if "\0" in key:
                yield _broken(key, path, "Member must not contain a null character")
            if item is None:
                yield _broken(None, f"{path}.{key}.member", NOT_NULL)
            else:
                yield from check_item(item, f"{path}.{key}.member")

    return check


def _string_check(shape: StringShape) -> Check:
    bounds, pattern = _bounds(shape, "length"), shape.metadata.get("pattern")
    rule = f"Member must satisfy regular expression pattern: {pattern}"
    allowed = ", ".join(shape.enum)

    def check(value: Any, path: str) -> Iterator[str]:
        _require(value, str, "String")
        broken = list(bounds(value, len(value), path))
        yield from broken
        if shape.enum and value not in shape.enum:
            text = f"Member must satisfy enum value set: [{allowed}]"
            yield _broken(value, path, text)
        # A text that is too long for its pattern could take for ever to match.
        if pattern and not broken:
            compiled = compile_pattern(pattern)
            if compiled and not compiled.fullmatch(value):
                yield _broken(value, path, rule)

    return check


def _number_check(shape: Shape) -> Check:
    bounds, kind = _bounds(shape, "value"), shape.type_name.capitalize()
    bits = BITS.get(shape.type_name)

    def check(value: Any, path: str) -> Iterator[str]:
        if bits:
            _require(value, int, kind)
            if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
                raise SerializationError(f"{_quoted(value)} is out of range for {kind}")
        else:
            _require(value, float, kind)
            if not _is_finite(value):
                raise SerializationError(f"{_quoted(value)} is out of range for {kind}")
        yield from bounds(value, value, path)

    return check


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _check_boolean(value: Any, path: str) -> Iterator[str]:
    _require(value, bool, "Boolean")
    return iter(())


def _check_timestamp(value: Any, path: str) -> Iterator[str]:
    _require(value, float, "milliseconds since epoch")
    if not _is_finite(value) or not FIRST_SECOND < value < LAST_SECOND:
        raise SerializationError(f"{_quoted(value)} is out of range for Timestamp")
    return iter(())


def _check_blob(value: Any, path: str) -> Iterator[str]:
    _require(value, str, "Blob")
    if not BASE64.fullmatch(value):
        raise SerializationError(f"{_quoted(value)} is no base64")
    return iter(())


def _require(value: Any, kind: type, name: str) -> None:
    """Raise AWS's error unless a value of JSON has a type; every number is a float."""
    fits = isinstance(value, (int, float) if kind is float else kind)
    if fits and (kind is bool or not isinstance(value, bool)):
        return
    if isinstance(value, (list, dict)):
        start = "list" if isinstance(value, list) else "structure or map"
        raise SerializationError(f"Start of {start} found where not expected.")
    tokens = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
    booleans = {True: "TRUE_VALUE", False: "FALSE_VALUE"}
    given = booleans[value] if isinstance(value, bool) else tokens.get(type(value))
    expected = {"structure": "a structure", "list": "a list", "map": "a map"}
    if name in expected:
        raise SerializationError(f"{given or 'NULL_VALUE'} is not {expected[name]}")
    article = "an" if name[0] in "IO" else "a"
    words = name if name.startswith("milli") else f"{article} {name}"
    raise SerializationError(f"{given or 'NULL_VALUE'} can not be converted to {words}")


NOT_NULL = "Member must not be null"


def _bounds(shape: Shape, what: str) -> Callable[[Any, float, str], Iterator[str]]:
    """Return the check of a number, or a length, against its bounds."""
    low, high = (shape.metadata.get(name) for name in ("min", "max"))
    subject = f"Member must have {what}"

    def check(value: Any, size: float, path: str) -> Iterator[str]:
        if low is not None and size < low:
            yield _broken(value, path, f"{subject} greater than or equal to {low}")
        if high is not None and size > high:
            yield _broken(value, path, f"{subject} less than or equal to {high}")

    return check


def _python_class(found: re.Match[str]) -> str:
    """Spell one of Java's character classes as Python does, a little wider."""
    return PYTHON_CLASSES.get(found[1], found[0])


@cache
def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """Compile a pattern, unless it is one of those that only Java can read."""
    try:
        quick = QUICK_PATTERNS.get(pattern, pattern)
        return re.compile(JAVA_CLASSES.sub(_python_class, quick), re.DOTALL)
    except re.error:
        return None


def _lower(name: str) -> str:
    """Spell a member as AWS does in a path: `outputDataConfig`."""
    return name[0].lower() + name[1:]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _quoted(value: Any) -> str:
    text = str(value)
    return f"'{text[:MAX_QUOTED_CHARACTERS]}'"


def _broken(value: Any, path: str, rule: str) -> str:
    """Name one broken constraint."""
    given = "null" if value is None else _quoted(value)
    return f"Value {given} at '{path}' failed to satisfy constraint: {rule}"


def validation_message(found: list[str]) -> str:
    """Put all broken constraints into AWS's one sentence."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: {'; '.join(found)}"
