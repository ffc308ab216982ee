"""What code of this repository reads: modules it imports, files that it names.

Nothing is executed: the syntax tree says what is imported, wherever the statement
stands. Code that imports or runs something under a name it computes cannot be
followed.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

# IPython's magics that run the Python code of their cell or line, or none.
PLAIN_MAGICS = frozenset(
    """
    autoreload capture config debug time timeit load_ext matplotlib precision prun
    pylab reload_ext who whos xmode
    """.split()  # noqa: SIM905, a list of names reads better unquoted
)
MAGIC = re.compile(r"^(\s*)(%{1,2}|!{1,2}|\?)\s*(\w*)(.*)$")
ASSIGNED_MAGIC = re.compile(r"^(\s*)([\w, ]+=\s*)(%|!)(.*)$")
# Calls that run or import what a text says.
DYNAMIC_NAMES = frozenset({"exec", "eval", "__import__", "compile", "execfile"})
DYNAMIC_CALLS = frozenset(
    {
        "importlib.import_module",
        "importlib.reload",
        "importlib.util.spec_from_file_location",
        "import_module",
        "runpy.run_path",
        "runpy.run_module",
        "imp.load_source",
        "sys.path.append",
        "sys.path.insert",
        "sys.path.extend",
        "site.addsitedir",
    }
)
# How a text must look to name a file.
FILE_NAME = re.compile(r"[^\n\r*?<>|:\"]{1,200}")


class Import(NamedTuple):
    """One imported module: its absolute name, or relative to a package."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What some code reads.

    Attributes:
        imports: in the order in which they stand.
        files: texts that may name a file of the repository.
        unfollowed: why the code cannot be followed; empty if it can.
    """

    imports: tuple[Import, ...] = ()
    files: tuple[str, ...] = ()
    unfollowed: tuple[str, ...] = ()


@lru_cache(maxsize=8192)
def read_code(source: str) -> Reads:
    """Return what a module reads."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return Reads(unfollowed=("is no Python that can be parsed",))
    return _collect(tree)


@lru_cache(maxsize=8192)
def read_cells(cells: tuple[str, ...]) -> Reads:
    """Return what the code cells of a notebook read, magics included."""
    lines: list[str] = []
    unfollowed: list[str] = []
    for cell in cells:
        lines += _without_magics(cell.splitlines(), unfollowed)
    found = read_code("\n".join(lines) + "\n")
    if unfollowed:
        found = Reads(
            imports=found.imports,
            files=found.files,
            unfollowed=tuple(dict.fromkeys([*unfollowed, *found.unfollowed])),
        )
    return found


def _without_magics(lines: Sequence[str], unfollowed: list[str]) -> Iterator[str]:
    """Replace IPython's own lines by Python, and note what they run."""
    for line in lines:
        match = MAGIC.match(line)
        if match and _is_magic(match):
            indent, sign, name, rest = match.groups()
            if sign in ("!", "!!") or (sign != "?" and name not in PLAIN_MAGICS):
                unfollowed.append(f"runs {line.strip()[:60]}")
            if sign == "%%" and name not in PLAIN_MAGICS:
                return
            timed = name in ("time", "timeit", "prun") and sign == "%"
            yield f"{indent}{rest.strip() if timed and rest.strip() else 'pass'}"
        elif match := ASSIGNED_MAGIC.match(line):
            unfollowed.append(f"runs {line.strip()[:60]}")
            yield f"{match[1]}{match[2]}None"
        elif line.rstrip().endswith("?") and "#" not in line:
            yield f"{line[: len(line) - len(line.lstrip())]}pass"
        else:
            yield line


def _is_magic(match: re.Match[str]) -> bool:
    """Tell a magic from a line that continues an expression with the modulo sign."""
    return not match[4].startswith(("=", "("))


def _collect(tree: ast.AST) -> Reads:
    """Collect what a syntax tree reads."""
    imports: list[Import] = []
    files: list[str] = []
    unfollowed: list[str] = []
    ahead: list[ast.AST] = [tree]
    while ahead:
        node = ahead.pop()
        kind = type(node)
        if kind is ast.Constant:
            value = node.value  # type: ignore[attr-defined]
            if type(value) is str and FILE_NAME.fullmatch(value):
                files.append(value)
            continue
        if kind in _LEAVES:
            continue
        if kind is ast.Import:
            imports += [Import(one.name) for one in node.names]  # type: ignore[attr-defined]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            imports.append(Import(node.module or "", names, node.level))
        elif isinstance(node, ast.Call):
            _note_call(node, imports, unfollowed)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            # What is imported for type checkers only is not executed.
            ahead += node.orelse
            continue
        ahead += reversed(list(ast.iter_child_nodes(node)))
    return Reads(
        imports=tuple(dict.fromkeys(imports)),
        files=tuple(dict.fromkeys(files)),
        unfollowed=tuple(dict.fromkeys(unfollowed)),
    )


_LEAVES = (ast.Load, ast.Store, ast.Name, ast.Pass)


def _is_type_checking(test: ast.expr) -> bool:
    return _dotted(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _note_call(node: ast.Call, imports: list[Import], unfollowed: list[str]) -> None:
    """Note a call that imports or runs what a text says."""
    called = _dotted(node.func)
    if called.startswith("get_ipython."):
        unfollowed.append(f"calls {called}()")
    if called not in DYNAMIC_NAMES and called not in DYNAMIC_CALLS:
        return
    first = node.args[0] if node.args else None
    if (
        called.endswith(("import_module", "__import__"))
        and isinstance(first, ast.Constant)
        and isinstance(first.value, str)
        and not first.value.startswith(".")
    ):
        imports.append(Import(first.value))
        return
    unfollowed.append(f"calls {called}()")


def _dotted(node: ast.expr) -> str:
    """Return a dotted name as text; "" for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        inner = _dotted(node.func)
        return inner if inner == "get_ipython" else ""
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def star_names(init: bytes) -> Iterable[str]:
    """Return the names that a star stands for, if a package's __all__ lists them."""
    try:
        body = ast.parse(init).body
    except (SyntaxError, ValueError):
        return ()
    for node in body:
        if isinstance(node, ast.Assign) and any(
            isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets
        ):
            try:
                return tuple(map(str, ast.literal_eval(node.value)))
            except (ValueError, TypeError):
                return ()
    return ()
