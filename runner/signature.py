"""A notebook's signature: what its parameters cell says."""

import ast
import io
import json
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.annotations import SUPPORTED, fits, is_json, is_supported
from runner.errors import SignatureError
from runner.scrub import looks_secret

Cell = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One line of the parameters cell: `name: type = default  # help`."""

    name: str
    type: str
    default: Any = None
    help: str = ""
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a notebook takes, in the order of its parameters cell."""

    notebook: Path
    parameters: dict[str, Parameter]


def read_signature(notebook: Path) -> Signature:
    """Read the parameters cell, and check that the results cell is there too."""
    where = shown(notebook)
    cells = code_cells(notebook)
    if not cells:
        raise SignatureError(f"{where}: has no code cells")
    _check_tag(cells, "parameters", 0, where)
    _check_tag(cells, "results", -1, where)
    if any("injected-parameters" in _tags(cell) for cell in cells):
        raise SignatureError(
            f"{where}: holds an injected-parameters cell, so it is an executed "
            "notebook; put the source notebook in its place"
        )
    return Signature(notebook=notebook, parameters=_parameters(cells[0], where))


def code_cells(notebook: Path) -> list[Cell]:
    """Read a notebook's code cells, those without code left out."""
    where = shown(notebook)
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        return [cell for cell in content["cells"] if _has_code(cell)]
    except json.JSONDecodeError as error:
        raise SignatureError(
            f"{where}:{error.lineno}: not JSON ({error.msg}); a merge conflict?"
        ) from error
    except UnicodeDecodeError as error:
        raise SignatureError(f"{where}: not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise SignatureError(f"{where}: {error.strerror}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise SignatureError(
            f"{where}: not a notebook of format 4; save it anew in JupyterLab"
        ) from error


def source(cell: Cell) -> str:
    """Join a cell's source, which a notebook may hold as a list of lines."""
    return "".join(cell["source"]).replace("\r\n", "\n")


def shown(path: Path) -> Path:
    """Name a file the way the reader sees it, from the current folder if below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _has_code(cell: Cell) -> bool:
    """Tell whether a cell holds code; a code cell that is malformed raises here."""
    if cell["cell_type"] != "code":
        return False
    text, _ = source(cell), _tags(cell)
    return bool(text.strip())


def _tags(cell: Cell) -> list[str]:
    return list(cell.get("metadata", {}).get("tags", []))


def _check_tag(cells: list[Cell], tag: str, place: int, where: Path) -> None:
    """Insist on exactly one cell with this tag, the first or last with code."""
    which = "last" if place else "first"
    tagged = sum(tag in _tags(cell) for cell in cells)
    if tagged != 1:
        raise SignatureError(
            f"{where}: {tagged or 'no'} cells tagged {tag!r}; tag the {which} code cell"
            " with it, and no other"
        )
    if tag not in _tags(cells[place]):
        raise SignatureError(f"{where}: the {tag!r} cell must be the {which} code cell")


def _parameters(cell: Cell, where: Path) -> dict[str, Parameter]:
    text = source(cell)
    try:
        statements = ast.parse(text).body
    except SyntaxError as error:
        raise SignatureError(
            f"{where}: parameters cell, line {error.lineno}: {error.msg}"
        ) from error
    helps = dict(_comments(text))
    found: dict[str, Parameter] = {}
    for statement in statements:
        line = f"{where}: parameters cell, line {statement.lineno}"
        one = _parameter(statement, helps.get(statement.end_lineno or 0, ""), line)
        if one.name in found:
            raise SignatureError(f"{line}: {one.name} stands twice")
        found[one.name] = one
    return found


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Find the comment of each line."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#").strip()


def _parameter(statement: ast.stmt, comment: str, line: str) -> Parameter:
    """Read one line of the parameters cell."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=value):
            pass
        case ast.Assign(targets=[ast.Name(id=name)]):
            raise SignatureError(f"{line}: {name} has no type; write `{name}: type =`")
        case _:
            raise SignatureError(
                f"{line}: only `name: type = default  # help` may stand here"
            )
    _check_name(name, line)
    annotation = ast.unparse(kind)
    if not is_supported(annotation):
        raise SignatureError(f"{line}: {name}: {annotation}; use one of {SUPPORTED}")
    if value is None:
        return Parameter(name=name, type=annotation, help=comment, required=True)
    default = _literal(value, name, annotation, line)
    return Parameter(name=name, type=annotation, default=default, help=comment)


def _check_name(name: str, line: str) -> None:
    if looks_secret(name):
        raise SignatureError(
            f"{line}: {name} looks like a secret; parameters are kept in the executed "
            "notebook, so read it from the environment or from Secrets Manager instead"
        )


def _literal(value: ast.expr, name: str, annotation: str, line: str) -> object:
    try:
        default = ast.literal_eval(value)
    except (ValueError, TypeError) as error:
        raise SignatureError(
            f"{line}: {name}: the default must be a literal, not code"
        ) from error
    if not is_json(default) or not fits(default, annotation):
        raise SignatureError(f"{line}: {name}: {default!r} is no {annotation}")
    return default
