"""What can be wrong with a model's features.py, found without running it."""

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from notebook_inputs import cell_source

from runner.notebook.ipynb import is_code, read_cells
from runner.spec.models import FEATURES

TRANSFORM = "transform"
SIGNATURE = "def transform(raw: pd.DataFrame) -> pd.DataFrame:"
IMPORT = "from features import transform"
# What write_splits has to be given.
HANDED_ON = ("raw", "transform")


def find_wrong_features(root: Path, model: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with features.py, and with how prepare uses it.

    Returns:
        The file, and a message with the remedy.
    """
    folder = root / "models" / model
    if not (folder / FEATURES).is_file():
        return
    file = f"models/{model}/{FEATURES}"
    try:
        tree = ast.parse((folder / FEATURES).read_bytes())
    except (SyntaxError, ValueError) as error:
        yield file, f"{error}; no Python can run it"
        return
    if wrong := _wrong_function(tree):
        yield file, wrong
    here = {path.stem for path in folder.iterdir()}
    for name in _imports(tree):
        if name not in here and _is_of_repository(root, name):
            remedy = f"copy what it needs of it into models/{model}"
            yield file, f"imports {name}, which is not at the endpoint; {remedy}"
    for stage, wrong_use in (
        ("prepare", _wrong_prepare),
        ("train-register", _wrong_train),
    ):
        path = folder / f"{stage}.ipynb"
        if path.is_file() and (wrong := wrong_use(list(_nodes(path)))):
            yield f"models/{model}/{path.name}", wrong


def bound_names(node: ast.AST) -> set[str]:
    """Return the names that a node of a syntax tree binds."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return {node.id}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.arg):
        return {node.arg}
    if isinstance(node, ast.alias):
        return {(node.asname or node.name).partition(".")[0]}
    return set()


def _wrong_function(tree: ast.Module) -> str:
    """Say what is wrong with the function; "" if nothing is."""
    if not any(TRANSFORM in bound_names(node) for node in _nodes_of_module(tree)):
        return f"has no function {TRANSFORM}; add `{SIGNATURE}`"
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == TRANSFORM:
            return f"{TRANSFORM} is async; write `{SIGNATURE}`"
        if isinstance(node, ast.FunctionDef) and node.name == TRANSFORM:
            return _wrong_arguments(node.args)
    return ""


def _nodes_of_module(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes outside of functions and classes, whose names are their own."""
    ahead: list[ast.AST] = [*tree.body]
    while ahead:
        node = ahead.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            ahead += ast.iter_child_nodes(node)


def _wrong_arguments(arguments: ast.arguments) -> str:
    given = [*arguments.posonlyargs, *arguments.args]
    needed = len(given) - len(arguments.defaults)
    optional = len(arguments.kwonlyargs) == sum(map(bool, arguments.kw_defaults))
    if optional and needed <= 1 and (given or arguments.vararg):
        return ""
    return f"{TRANSFORM} has to take one table; write `{SIGNATURE}`"


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yield the first part of each module that is imported, once."""
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= dict.fromkeys(one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module.partition(".")[0]] = None
    yield from names


def _is_of_repository(root: Path, name: str) -> bool:
    if name in sys.stdlib_module_names:
        return False
    places = [root, *root.glob("packages/*/src")]
    return any(
        (one / name).is_dir() or (one / f"{name}.py").is_file() for one in places
    )


def _wrong_prepare(nodes: Sequence[ast.AST]) -> str:
    """Say what is wrong with how prepare uses the function; "" if nothing is."""
    if not any(map(_imports_features, nodes)):
        return f"does not import {FEATURES}, which the endpoint runs; `{IMPORT}`"
    for name in HANDED_ON:
        if _lacks(nodes, "write_splits", name):
            return (
                f"write_splits is not given {name}=, so the endpoint would not run "
                f"{FEATURES}; write_splits(..., raw=raw, transform=transform)"
            )
    return ""


def _wrong_train(nodes: Sequence[ast.AST]) -> str:
    if _lacks(nodes, "run_training", "prepared"):
        return (
            f"run_training is not given prepared=, so {FEATURES} would not be at the "
            "endpoint; run_training(..., prepared=prepared)"
        )
    return ""


def _nodes(notebook: Path) -> Iterator[ast.AST]:
    for cell in read_cells(notebook):
        if is_code(cell):
            # What cannot be parsed is a magic, or an error that is told elsewhere.
            with suppress(SyntaxError):
                yield from ast.walk(ast.parse(cell_source(cell)))


def _lacks(nodes: Sequence[ast.AST], function: str, keyword: str) -> bool:
    """Return whether a function is called, and never with a keyword."""
    calls = [n for n in nodes if isinstance(n, ast.Call) and _called(n) == function]
    named = {one.arg for call in calls for one in call.keywords}
    return bool(calls) and named.isdisjoint({keyword, None})


def _imports_features(node: ast.AST) -> bool:
    module = FEATURES.removesuffix(".py")
    if isinstance(node, ast.ImportFrom):
        return node.module == module and not node.level
    return isinstance(node, ast.Import) and module in [one.name for one in node.names]


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
