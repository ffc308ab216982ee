"""The values of a notebook's parameters: given, overridden, and checked."""

import copy
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from types import UnionType
from typing import Any, get_args, get_origin

import yaml
from pydantic import TypeAdapter, ValidationError
from sagemaker_xgboost.hyperparameters import NAMES
from secret_scrubber import looks_secret

from lifecycle.errors import did_you_mean, yaml_repr
from runner.errors import SignatureError, display_path
from runner.notebook.signature import (
    Parameter,
    Signature,
    annotated_type,
    has_type,
    is_json,
)

IN_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list, as [1, 2]",
    "dict": "keys and values, as {key: 1}",
}
YAML_WORDS = {"true": True, "false": False, "null": None, "none": None, "~": None}
# Higher than elsewhere: among that many hyperparameters one is always a little alike.
SIMILARITY = 0.7


def parse_assignment(text: str) -> tuple[str, str]:
    """Split `NAME=VALUE` of the command line; the signature says how to read VALUE."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not all(part.isidentifier() for part in name.split(".")):
        raise SignatureError(
            f"-p {name!r}: write NAME=VALUE, or NAME.KEY=VALUE for one key of a dict"
        )
    return name, value


def check_overrides(
    signatures: Iterable[Signature],
    overrides: Mapping[str, str],
    *,
    values: Mapping[str, Any],
    other_stages: Callable[[], Mapping[str, Signature]] = dict,
) -> dict[str, Any]:
    """Check the values of the command line before any kernel starts.

    Args:
        signatures: of the notebooks of the run; at least one must have each name.
        values: what the parameters are without the overrides.
        other_stages: returns the signatures of the stages that the run leaves out.

    Returns:
        The overridden parameters, as the notebooks will get them.
    """
    signatures = list(signatures)
    for name in overrides:
        if looks_secret(name):
            raise SignatureError(
                f"{name}: looks like a secret, and parameters are kept in the executed "
                "notebook; put it in the environment instead"
            )
        first = name.partition(".")[0]
        if not any(first in one.parameters for one in signatures):
            _refuse_left_out(other_stages(), name)
            raise _unknown_parameter(signatures, name)
    found: dict[str, Any] = {}
    for signature in signatures:
        found |= _override(signature, values, overrides)
    return found


def resolve(
    signature: Signature, values: Mapping[str, Any], overrides: Mapping[str, str]
) -> dict[str, Any]:
    """Return the value of each parameter: overridden, else given, else its default.

    Names that the notebook does not have are left out.

    Raises:
        SignatureError: a value is missing or of another type.
    """
    known = signature.parameters
    found = {one.name: one.default for one in known.values() if not one.required}
    found |= {name: value for name, value in values.items() if name in known}
    found |= _override(signature, found, overrides)
    for parameter in known.values():
        if parameter.name not in found:
            raise SignatureError(
                f"{display_path(signature.notebook)}: {parameter.name} has no value; "
                f"give `-p {parameter.name}=...`, or run the stage that returns it"
            )
        _check_value(signature, parameter, found[parameter.name])
    return {name: copy.deepcopy(found[name]) for name in known}


def parse_value(text: str, annotation: str) -> object:
    """Read a text of the command line as the annotated type.

    A `str` stays as it is; a text that cannot be read is returned as it is.
    """
    return _convert(text, annotated_type(annotation))


def parse_literal(text: str) -> object:
    """Read a text as YAML does, but without YAML 1.1's dates, octals and `on`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text
    return text if node is None else _from_yaml(node)


def _convert(text: str, kind: Any) -> object:
    if kind is str:
        return text
    arguments = get_args(kind)
    if isinstance(kind, UnionType):
        found = [_convert(text, side) for side in arguments]
        # Any text fits `str | None` and `int | str`: the narrower type wins.
        return next((one for one in found if not isinstance(one, str)), text)
    if get_origin(kind) in (list, dict) and arguments[-1] is str:
        # YAML would read 1.10 as a number.
        return _load_as_texts(text)
    value = parse_literal(text)
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return text
    return value


def _load_as_texts(text: str) -> object:
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return text


def _from_yaml(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {key.value: _from_yaml(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_from_yaml(one) for one in node.value]
    quoted = isinstance(node, yaml.ScalarNode) and node.style is not None
    return node.value if quoted else _from_yaml_scalar(str(node.value))


def _from_yaml_scalar(text: str) -> object:
    if text.lower() in YAML_WORDS:
        return YAML_WORDS[text.lower()]
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return float(text)
    return text


def _override(
    signature: Signature, values: Mapping[str, Any], overrides: Mapping[str, str]
) -> dict[str, Any]:
    """Return the overridden parameters; `hyperparameters.eta` is one key of a dict."""
    result: dict[str, Any] = {}
    for name, value in overrides.items():
        first, *keys = name.split(".")
        parameter = signature.parameters.get(first)
        if parameter is None:
            continue
        if keys:
            base = result.get(first, values.get(first)) or {}
            result[first] = _with_key(signature, parameter, base, keys, value)
        else:
            result[first] = parse_value(value, parameter.type)
        _check_value(signature, parameter, result[first])
    return result


def _with_key(
    signature: Signature,
    parameter: Parameter,
    base: object,
    keys: list[str],
    value: str,
) -> dict[str, Any]:
    """Return a copy of a dict with one key changed, however deep it is."""
    changed: Any = copy.deepcopy(base)
    inner: Any = changed
    for key in keys[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or not parameter.type.startswith("dict"):
        raise SignatureError(
            f"{display_path(signature.notebook)}: {parameter.name} has no keys below "
            f"{'.'.join([parameter.name, *keys[:-1]])!r}; it is {parameter.type}"
        )
    inner[keys[-1]] = parse_literal(value)
    return dict(changed)


def _check_value(signature: Signature, parameter: Parameter, value: object) -> None:
    if not is_json(value) or not has_type(value, parameter.type):
        wanted = IN_WORDS.get(parameter.type, f"a value of type {parameter.type}")
        raise SignatureError(
            f"{display_path(signature.notebook)}: {parameter.name}: "
            f"{yaml_repr(value)}; give {wanted}"
        )


def _refuse_left_out(other_stages: Mapping[str, Signature], name: str) -> None:
    """Name the stage that has a parameter which those of the run have not."""
    first = name.partition(".")[0]
    for stage, signature in other_stages.items():
        if first in signature.parameters:
            raise SignatureError(
                f"{name}: only {display_path(signature.notebook)} has it, which this "
                f"run leaves out; add `--stage {stage}`"
            )


def _unknown_parameter(signatures: list[Signature], name: str) -> SignatureError:
    """Name the nearest parameter, comparing what stands after the last dot."""
    names = {one for signature in signatures for one in signature.parameters}
    nearby = {one: one for one in names}
    if "hyperparameters" in names:
        nearby = {one: f"hyperparameters.{one}" for one in NAMES} | nearby
    last = name.rpartition(".")[2]
    near = difflib.get_close_matches(last, nearby, n=1, cutoff=SIMILARITY)
    hint = f"did you mean {nearby[near[0]]!r}?" if near else did_you_mean(name, names)
    where = ", ".join(str(display_path(one.notebook)) for one in signatures)
    return SignatureError(f"{name}: no such parameter in {where}; {hint}")
