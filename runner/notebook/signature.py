"""A notebook's signature: its parameters cell, and the tags of all cells.

The parameters cell holds one parameter a line: `name: type = default  # help`. The
types are str, int, float, bool, list, dict, list[T], dict[str, T] and X | None.
"""

import ast
import io
import math
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import NoneType
from typing import Any

from notebook_inputs import cell_source
from pydantic import TypeAdapter, ValidationError
from secret_scrubber import looks_secret

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


@cache
def annotated_type(annotation: str) -> Any:
    """Return the type of an annotation; None if it is not supported."""
    try:
        return _type_of(ast.parse(annotation, mode="eval").body)
    except SyntaxError:
        return None


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
    if annotated_type(annotation) is None:
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
    return TypeAdapter(annotated_type(annotation))
