"""What notebooks import, read from their code without running any of it.

Modules of the repository are read too, down to imports inside of functions: they are
quick to import but bring heavy ones. Only what lies outside is worth preloading.
"""

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from forked_kernels.code import Statement, imported, mentioned, module, parsed
from runner.signature import code_cells, source

# What every kernel is made of, whatever its notebook imports.
KERNEL = ("ipykernel.kernelapp", "ipykernel.debugger", "IPython.core.pylabtools")


@dataclass(frozen=True, kw_only=True)
class Imports:
    """What a notebook imports from outside, and the repository's own modules."""

    statements: tuple[Statement, ...]
    own: frozenset[str]


def notebook_imports(notebook: Path) -> Imports:
    """Find what a notebook imports, itself and by what it calls in the repository."""
    found = _Found(folder=notebook.resolve().parent)
    for cell in code_cells(notebook):
        found.read(parsed(source(cell)), package="")
    found.follow_calls()
    statements = tuple(dict.fromkeys(found.statements))
    return Imports(statements=statements, own=frozenset(found.own))


def preload_order(notebooks: Sequence[Imports]) -> tuple[Statement, ...]:
    """Order all imports so that the first notebook's kernel can start first."""
    theirs = [one for each in notebooks for one in each.statements]
    return tuple(dict.fromkeys([*map(Statement, KERNEL), *theirs]))


class _Definition(NamedTuple):
    """A function or a class of the repository, which runs when it is mentioned."""

    tree: ast.AST
    package: str


@dataclass
class _Found:
    """What has been found so far, from one notebook on."""

    folder: Path
    statements: list[Statement] = field(default_factory=list)
    own: set[str] = field(default_factory=set)
    _seen: set[Path] = field(default_factory=set)
    _mentioned: set[str] = field(default_factory=set)
    _definitions: dict[str, list[_Definition]] = field(default_factory=dict)

    def read(self, tree: ast.AST, package: str) -> None:
        """Note what code imports and mentions."""
        self._mentioned |= mentioned(tree)
        for statement in imported(tree, package):
            base = self._where(statement.top)
            if base is None:
                continue
            if not is_own(base):
                self.statements.append(statement)
                continue
            self.own.add(statement.top)
            for path in _files(base.parent, statement):
                self._read_module(path, base.parent)

    def follow_calls(self) -> None:
        """Read the repository's functions that are mentioned, until no new one is."""
        while names := self._mentioned & self._definitions.keys():
            for name in sorted(names):
                for definition in self._definitions.pop(name):
                    self.read(definition.tree, definition.package)

    def _read_module(self, path: Path, base: Path) -> None:
        """Read what a module does when it is imported, and put the rest by."""
        if path in self._seen:
            return
        self._seen.add(path)
        place = path.relative_to(base).with_suffix("").parts[:-1]
        package = ".".join(place)
        tree = module(path)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                known = self._definitions.setdefault(node.name, [])
                known.append(_Definition(node, package))
        kept = [one for one in tree.body if not hasattr(one, "decorator_list")]
        self.read(ast.Module(body=kept, type_ignores=[]), package)

    def _where(self, top: str) -> Path | None:
        """Find a package as a kernel in the notebook's folder would."""
        for near in (self.folder / f"{top}.py", self.folder / top):
            if near.exists():
                return near
        return installed_at(top, tuple(sys.path))


@cache
def is_own(path: Path) -> bool:
    """Tell the repository's modules from what is installed beside them.

    The environment may lie inside the repository, and the repository's package may be
    installed from where it is.
    """
    resolved = path.resolve()
    builtin = path.name in {"built-in", "frozen"} or not path.exists()
    return not builtin and not any(resolved.is_relative_to(one) for one in installed())


@cache
def installed() -> tuple[Path, ...]:
    """List the folders that hold Python and what is installed with it."""
    paths = (sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
    return tuple(Path(one).resolve() for one in (*paths, sys.prefix, sys.base_prefix))


@cache
def installed_at(top: str, path: tuple[str, ...]) -> Path | None:
    """Find a package on the path as any kernel would."""
    spec = importlib.util.find_spec(top) if top not in ("", "__main__") else None
    if spec is None:
        return None
    places = spec.submodule_search_locations
    return Path(next(iter(places)) if places else spec.origin or top)


def _files(base: Path, statement: Statement) -> Iterable[Path]:
    """List the files that an import of the repository's own runs."""
    parts = statement.module.split(".")
    stems = [base.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    stems += [stems[-1] / name for name in statement.names]
    for stem in stems:
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                yield path
