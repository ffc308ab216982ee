"""A notebook's parameters: its signature, and the values for them, checked.

The parameters cell holds one parameter a line: `name: type = default  # help`. The
types are str, int, float, bool, list, dict, list[T], dict[str, T] and X | None.
"""

import ast
import copy
import difflib
import io
import math
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import yaml
from notebook_inputs import cell_source
from pydantic import TypeAdapter, ValidationError
from sagemaker_xgboost.hyperparameters import NAMES
from secret_scrubber import looks_secret

from lifecycle.errors import did_you_mean, yaml_repr
from runner.errors import SignatureError, display_path
from runner.notebook.ipynb import (
    Cell,
    cell_tags,
    code_cells,
    find_other_language,
    find_unsafe_tags,
    other_environment,
    parse_cells,
    read_text,
)

PLAIN_TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list,
    "dict": dict,
}
SUPPORTED = "str, int, float, bool, list, dict, list[str], dict[str, float], int | None"
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

# Magics of IPython's that a cell of one line calls without a percent sign, and that a
# parameter may be called like.
LINE_MAGICS = frozenset(
    """
    alias config edit env history load macro page pip reset run save store time who
    """.split()  # noqa: SIM905, a list of names reads better unquoted
)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One line of the parameters cell."""

    name: str
    type: str
    default: Any = None
    help: str = ""
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The parameters of a notebook, in the order of its parameters cell.

    Attributes:
        text: that of the file, of which a run executes no later state.
        kernel: of another environment, which it was last used with.
    """

    notebook: Path
    parameters: dict[str, Parameter]
    text: str = ""
    kernel: str = ""


def read_signature(notebook: Path) -> Signature:
    """Read the parameters cell, and check the tags of all cells.

    Raises:
        SignatureError: a cell or a line of the parameters cell is not as required.
    """
    signature, errors = inspect_signature(notebook)
    if errors:
        raise errors[0]
    return signature


def inspect_signature(notebook: Path) -> tuple[Signature, list[SignatureError]]:
    """Read the parameters cell, and all that is wrong with it and with cells' tags.

    Raises:
        SignatureError: it is not a notebook of format 4.
    """
    where = display_path(notebook)
    text = read_text(notebook)
    every = parse_cells(text, where)
    errors = list(find_other_language(text, where))
    errors += find_unsafe_tags(every, where)
    parameters: dict[str, Parameter] = {}
    if cells := code_cells(every):
        errors += _find_wrong_tag(cells, "parameters", 0, where)
        errors += _find_wrong_tag(cells, "results", -1, where)
        if "parameters" in cell_tags(cells[0]):
            parameters = _read_parameters(cells[0], where, errors)
    else:
        errors.append(SignatureError(f"{where}: has no code cells"))
    signature = Signature(
        notebook=notebook,
        parameters=parameters,
        text=text,
        kernel=other_environment(text),
    )
    return signature, errors


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
    return _convert(text, _annotated_type(annotation))


def parse_literal(text: str) -> object:
    """Read a text as YAML does, but without YAML 1.1's dates, octals and `on`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return text
    return text if node is None else _from_yaml(node)


def has_type(value: object, annotation: str) -> bool:
    """Return whether a value has the annotated type; an int is fine for a float."""
    try:
        _adapter(annotation).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def is_json(value: object) -> bool:
    """Return whether a value consists of plain JSON values; NaN is none."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(v) for key, v in value.items())
    if isinstance(value, list):
        return all(is_json(one) for one in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


def _find_wrong_tag(
    cells: list[Cell], tag: str, place: int, where: Path
) -> Iterator[SignatureError]:
    """Check that one cell has this tag, and that it is the first or the last one."""
    which = "last" if place else "first"
    tagged = sum(tag in cell_tags(cell) for cell in cells)
    if tagged != 1:
        yield SignatureError(
            f"{where}: {tagged or 'no'} cells tagged {tag!r}; tag the {which} code cell"
            " with it, and no other"
        )
    elif tag not in cell_tags(cells[place]):
        yield SignatureError(f"{where}: the {tag!r} cell must be the {which} code cell")


def _read_parameters(
    cell: Cell, where: Path, errors: list[SignatureError]
) -> dict[str, Parameter]:
    """Read the parameters that can be read, and add what is wrong with the others."""
    text = cell_source(cell)
    try:
        statements = ast.parse(text).body
    except SyntaxError as error:
        place = f"{where}: parameters cell, line {error.lineno}"
        errors.append(SignatureError(f"{place}: {error.msg}"))
        return {}
    helps = dict(_comments(text))
    found: dict[str, Parameter] = {}
    for statement in statements:
        line = f"{where}: parameters cell, line {statement.lineno}"
        comment = helps.get(statement.end_lineno or 0, "")
        try:
            one = _read_parameter(statement, comment, line)
        except SignatureError as error:
            errors.append(error)
            continue
        if one.name in found:
            errors.append(SignatureError(f"{line}: {one.name} stands twice"))
        found[one.name] = one
        if one.name in LINE_MAGICS and len(text.strip().splitlines()) == 1:
            errors.append(
                SignatureError(
                    f"{line}: IPython reads a cell of this line alone as the magic "
                    f"%{one.name}; add a comment line above it"
                )
            )
    return found


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number and the comment of each line that has one."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#").strip()


def _read_parameter(statement: ast.stmt, comment: str, line: str) -> Parameter:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=node, value=value):
            pass
        case ast.Assign(targets=[ast.Name(id=name)]):
            raise SignatureError(f"{line}: {name} has no type; write `{name}: type =`")
        case _:
            raise SignatureError(
                f"{line}: only `name: type = default  # help` may stand here"
            )
    if looks_secret(name):
        raise SignatureError(
            f"{line}: {name} looks like a secret; parameters are kept in the executed "
            "notebook, so read it from the environment or from Secrets Manager instead"
        )
    annotation = ast.unparse(node)
    if _annotated_type(annotation) is None:
        raise SignatureError(f"{line}: {name}: {annotation}; use one of {SUPPORTED}")
    if value is None:
        return Parameter(name=name, type=annotation, help=comment, required=True)
    try:
        default = ast.literal_eval(value)
    except (ValueError, TypeError) as error:
        raise SignatureError(
            f"{line}: {name}: the default must be a literal, not code"
        ) from error
    if not is_json(default) or not has_type(default, annotation):
        raise SignatureError(f"{line}: {name}: {default!r} is no {annotation}")
    return Parameter(name=name, type=annotation, default=default, help=comment)


@cache
def _annotated_type(annotation: str) -> Any:
    """Return the type of an annotation; None if it is not supported."""
    try:
        return _type_of(ast.parse(annotation, mode="eval").body)
    except SyntaxError:
        return None


def _type_of(node: ast.expr) -> Any:
    match node:
        case ast.Name(id=name):
            return PLAIN_TYPES.get(name)
        case ast.Constant(value=None):
            return NoneType
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            sides = [_type_of(left), _type_of(right)]
            return None if None in sides else reduce(or_, sides)
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            inner = _type_of(item)
            return inner and list.__class_getitem__(inner)
        case ast.Subscript(
            value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), item])
        ):
            inner = _type_of(item)
            return inner and dict.__class_getitem__((str, inner))
    return None


@cache
def _adapter(annotation: str) -> TypeAdapter[Any]:
    return TypeAdapter(_annotated_type(annotation))


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
