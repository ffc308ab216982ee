"""Which modules a piece of Python imports, and which names it mentions."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Statement(NamedTuple):
    """One import: `import module`, or `from module import name, ...`."""

    module: str
    names: tuple[str, ...] = ()

    @property
    def top(self) -> str:
        """Name the package."""
        return self.module.partition(".")[0]


@cache
def module(path: Path) -> ast.Module:
    """Parse a module, which many notebooks may import, once."""
    return parsed(path.read_text(encoding="utf-8"))


def parsed(code: str) -> ast.Module:
    """Parse code; what only IPython understands is left out, or all of it."""
    plain = [line for line in code.splitlines() if line.lstrip()[:1] not in ("%", "!")]
    for text in (code, "\n".join(plain)):
        try:
            return ast.parse(text)
        except SyntaxError:
            continue
    return ast.Module(body=[], type_ignores=[])


def mentioned(tree: ast.AST) -> set[str]:
    """List the names that code mentions, whatever they stand for."""
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def imported(tree: ast.AST, package: str) -> Iterator[Statement]:
    """List imports in their order, but those that only a type checker runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (Statement(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, package)
            names = tuple(one.name for one in node.names if one.name != "*")
            yield Statement(module, names)
        else:
            yield from imported(node, package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Name the module that a relative import means."""
    if not node.level:
        return node.module or ""
    above = package.split(".")
    parts = above[: len(above) - node.level + 1]
    return ".".join([*parts, *filter(None, [node.module])])
