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

from runner.spec.trees import Tree

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


@dataclass(frozen=True, kw_only=True)
class Import:
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
    visitor = _Visitor()
    visitor.visit(tree)
    return Reads(
        imports=tuple(dict.fromkeys(visitor.imports)),
        files=tuple(dict.fromkeys(visitor.files)),
        unfollowed=tuple(dict.fromkeys(visitor.unfollowed)),
    )


@lru_cache(maxsize=8192)
def read_cells(cells: tuple[str, ...]) -> Reads:
    """Return what the code cells of a notebook read, magics included."""
    lines, unfollowed = [], []
    for cell in cells:
        for line in _without_magics(cell.splitlines(), unfollowed):
            lines.append(line)
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
    for number, line in enumerate(lines):
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


class _Visitor(ast.NodeVisitor):
    """Collects what a syntax tree reads."""

    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.files: list[str] = []
        self.unfollowed: list[str] = []

    def visit_If(self, node: ast.If) -> None:
        """Pass over what is imported for type checkers only."""
        test = ast.unparse(node.test)
        if test in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for one in node.orelse:
                self.visit(one)
            return
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.imports += [Import(module=alias.name) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = tuple(alias.name for alias in node.names)
        module = node.module or ""
        self.imports.append(Import(module=module, names=names, level=node.level))

    def visit_Call(self, node: ast.Call) -> None:
        called = _dotted(node.func)
        if called in DYNAMIC_NAMES or called in DYNAMIC_CALLS:
            self._note_dynamic(called, node)
        elif called.startswith("get_ipython."):
            self.unfollowed.append(f"calls {called}()")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and FILE_NAME.fullmatch(node.value):
            self.files.append(node.value)

    def _note_dynamic(self, called: str, node: ast.Call) -> None:
        first = node.args[0] if node.args else None
        literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
        if literal and called.endswith(("import_module", "__import__")):
            name = str(first.value)  # type: ignore[union-attr]
            if not name.startswith("."):
                self.imports.append(Import(module=name))
                return
        self.unfollowed.append(f"calls {called}()")


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


def module_files(tree: Tree, base: str, name: str) -> list[str]:
    """Return the files that importing a dotted name from a folder executes.

    Args:
        base: the folder on Python's path; "" is the repository.

    Returns:
        The packages' __init__.py and the module, as paths seen from the repository;
        empty if the first part of the name is not there.
    """
    found: list[str] = []
    folder = base
    for part in name.split("."):
        here = f"{folder}/{part}" if folder else part
        if tree.find(f"{here}/__init__.py") == "file":
            found.append(f"{here}/__init__.py")
        elif tree.find(f"{here}.py") == "file":
            found.append(f"{here}.py")
            break
        elif tree.find(here) != "folder":
            break
        folder = here
    return found


def is_importable(tree: Tree, base: str, top: str) -> bool:
    """Return whether a folder on Python's path has a module or package of a name."""
    here = f"{base}/{top}" if base else top
    return tree.find(f"{here}.py") == "file" or tree.find(here) == "folder"


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
