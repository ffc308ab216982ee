"""Find what a notebook imports by reading its code, without running any of it.

Modules that are not installed, the project's own, are read too, down to the imports
inside of functions: they are quick to import but import heavy ones. Only what is
installed is worth importing ahead.
"""

import ast
import importlib.util
import json
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

# Folders of what is installed, of any interpreter.
INSTALLED = frozenset({"site-packages", "dist-packages"})


class Statement(NamedTuple):
    """One import: `import module`, or `from module import name, ...`."""

    module: str
    names: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """Return the first part of the module's name."""
        return self.module.partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class Imports:
    """What a notebook imports: installed modules, and names of the project's own."""

    statements: tuple[Statement, ...]
    own: frozenset[str] = frozenset()


class _Definition(NamedTuple):
    """A function or class of the project, whose body counts once it is mentioned."""

    tree: ast.AST
    package: str


class _Module(NamedTuple):
    """A parsed module: what runs when it is imported, and its functions and classes."""

    top_level: ast.Module
    definitions: tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, ...]


class _Mentions(NamedTuple):
    """What code mentions: names, attributes as (name before the dot, name), aliases."""

    names: frozenset[str]
    attributes: frozenset[tuple[str, str]]
    aliases: frozenset[str]


def notebook_imports(notebook: Path, path: Sequence[str] | None = None) -> Imports:
    """Return what a notebook imports, itself and through the project's own modules.

    `path` is where another interpreter finds modules beside Python's own. Raises
    OSError or ValueError where the file is not a notebook of format 4.
    """
    search = None if path is None else tuple(path)
    reader = _Reader(folder=notebook.resolve().parent, path=search)
    for source in code_cells(notebook):
        reader.read(parse(source), package="")
    reader.follow_calls()
    statements = tuple(dict.fromkeys(reader.statements))
    return Imports(statements=statements, own=frozenset(reader.own))


def code_cells(notebook: Path) -> list[str]:
    """Return the source of each code cell."""
    content = json.loads(notebook.read_text(encoding="utf-8-sig"))
    try:
        cells = [one for one in content["cells"] if one["cell_type"] == "code"]
        # A source is a text or a list of lines.
        return ["".join(cell["source"]) for cell in cells]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{notebook}: not a notebook of format 4") from error


@dataclass
class _Reader:
    """Collects imports from the code of one notebook and of what it imports."""

    folder: Path
    path: tuple[str, ...] | None = None  # of another interpreter
    statements: list[Statement] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    _files: set[Path] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)
    _attributes: set[tuple[str, str]] = field(default_factory=set)
    _modules: set[str] = field(default_factory=set)
    _definitions: dict[str, list[_Definition]] = field(default_factory=dict)

    def read(self, tree: ast.AST, package: str) -> None:
        """Collect what code imports and mentions."""
        found = mentions_in(tree)
        self._names |= found.names
        self._attributes |= found.attributes
        self._modules |= found.aliases
        for statement in imported(tree, package):
            location = self._find(statement.package)
            if location is None:
                continue
            if is_installed(location):
                self.statements.append(statement)
                continue
            self.own.add(statement.package)
            self._modules |= {*statement.module.split("."), *statement.names}
            for path in files_of(location.parent, statement):
                self._read_module(path, location.parent)

    def follow_calls(self) -> None:
        """Read the project's functions that are mentioned, until none is new."""
        while names := self._mentioned() & self._definitions.keys():
            for name in sorted(names):
                for definition in self._definitions.pop(name):
                    self.read(definition.tree, definition.package)

    def _mentioned(self) -> set[str]:
        """Return the names that the code mentions, by themselves or as `module.name`.

        An attribute of anything else is no function of a module: `"a b".split()`.
        """
        inside = {name for place, name in self._attributes if place in self._modules}
        return self._names | inside

    def _read_module(self, path: Path, root: Path) -> None:
        """Read what a module does when it is imported; keep its functions for later."""
        if path in self._files:
            return
        self._files.add(path)
        package = ".".join(path.relative_to(root).with_suffix("").parts[:-1])
        module = parse_module(path.read_bytes())
        for node in module.definitions:
            known = self._definitions.setdefault(node.name, [])
            known.append(_Definition(node, package))
        self.read(module.top_level, package)

    def _find(self, package: str) -> Path | None:
        """Find a package as a kernel in the notebook's folder would."""
        for near in (self.folder / f"{package}.py", self.folder / package):
            if near.exists():
                return near
        if self.path is not None:
            return find_elsewhere(package, self.path)
        return find_on_path(package, tuple(sys.path))


@cache
def parse_module(source: bytes) -> _Module:
    """Parse a module, which several notebooks may import, once."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        body = []
    kept: list[ast.stmt] = []
    definitions = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            definitions.append(node)
        else:
            kept.append(node)
    return _Module(ast.Module(body=kept, type_ignores=[]), tuple(definitions))


def parse(code: str) -> ast.Module:
    """Parse code without IPython's magics; return nothing where it is not Python."""
    plain = [line for line in code.splitlines() if line.lstrip()[:1] not in ("%", "!")]
    for text in (code, "\n".join(plain)):
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError):  # ValueError: null bytes
            continue
    return ast.Module(body=[], type_ignores=[])


@cache
def mentions_in(tree: ast.AST) -> _Mentions:
    """Return what code mentions; all notebooks share the trees of modules."""
    names, attributes, aliases = set(), set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name():
                names.add(node.id)
            case ast.Attribute(value=ast.Name(id=place) | ast.Attribute(attr=place)):
                attributes.add((place, node.attr))
            case ast.alias(asname=str(name)):
                aliases.add(name)
    return _Mentions(frozenset(names), frozenset(attributes), frozenset(aliases))


@cache
def imported(tree: ast.AST, package: str) -> tuple[Statement, ...]:
    """List imports in their order, except those that only a type checker runs."""
    return tuple(_imported(tree, package))


def _imported(tree: ast.AST, package: str) -> Iterator[Statement]:
    """Find imports, also inside of functions and conditions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (Statement(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(one.name for one in node.names if one.name != "*")
            yield Statement(_absolute(node, package), names)
        else:
            yield from _imported(node, package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Name the module that a relative import means."""
    if not node.level:
        return node.module or ""
    above = package.split(".")
    parts = above[: len(above) - node.level + 1]
    return ".".join([*parts, *filter(None, [node.module])])


@cache
def is_installed(path: Path) -> bool:
    """Tell Python's and installed modules from the project's own.

    The environment may lie inside the project's folder, and the project's package may
    be installed from where it is, as editable.
    """
    if path.name in {"built-in", "frozen"} or not path.exists():
        return True
    if not INSTALLED.isdisjoint(path.parts):
        return True
    return any(path.resolve().is_relative_to(one) for one in _installation_folders())


@cache
def _installation_folders() -> tuple[Path, ...]:
    """List the folders that hold Python and what is installed with it."""
    paths = (sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    return tuple(Path(one).resolve() for one in (*paths, sys.prefix, sys.base_prefix))


@cache
def find_on_path(package: str, path: tuple[str, ...]) -> Path | None:
    """Find a package on the module search path, which is part of the cache's key."""
    spec = (
        importlib.util.find_spec(package) if package not in ("", "__main__") else None
    )
    if spec is None:
        return None
    return location_of(spec)


@cache
def find_elsewhere(package: str, path: tuple[str, ...]) -> Path | None:
    """Find a package as another interpreter does, by its module search path."""
    if package in sys.stdlib_module_names:
        return Path("built-in")
    spec = PathFinder.find_spec(package, path) if package else None
    return location_of(spec) if spec else None


def location_of(spec: ModuleSpec) -> Path:
    """Return the folder of a package, or the file of a module."""
    places = spec.submodule_search_locations
    return Path(next(iter(places)) if places else spec.origin or spec.name)


def files_of(folder: Path, statement: Statement) -> Iterator[Path]:
    """List the project's files that an import runs."""
    parts = statement.module.split(".")
    stems = [folder.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    stems += [stems[-1] / name for name in statement.names]
    for stem in stems:
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                yield path
