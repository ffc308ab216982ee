"""The sizes that keep the code readable, and what it never does."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path.relative_to(ROOT) for path in (ROOT / "runner").rglob("*.py"))
TREES = {path: ast.parse((ROOT / path).read_text()) for path in MODULES}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, int]]:
    """List every function with its lines, from `def` to its last statement."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{path}:{node.lineno} {node.name}", lines


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_is_one_idea(path: Path) -> None:
    """At most 200 lines."""
    assert len((ROOT / path).read_text().splitlines()) <= 200


def test_most_functions_are_short() -> None:
    """Half of them have at most 10 lines, nine of ten at most 30."""
    lines = [count for _, count in functions()]

    assert statistics.median(lines) <= 10
    assert statistics.quantiles(lines, n=10)[-1] <= 30


def test_no_function_is_long() -> None:
    """At most 50 lines, whatever it does."""
    assert [name for name, count in functions() if count > 50] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_errors_are_caught_by_name(path: Path) -> None:
    """Whoever catches everything hides what nobody thought of.

    `except BaseException` is for tidying up, so it raises again.
    """
    for node in ast.walk(TREES[path]):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = ast.unparse(node.type) if node.type else "everything"
        again = any(isinstance(one, ast.Raise) for one in ast.walk(node))
        assert caught not in ("everything", "Exception"), f"line {node.lineno}"
        assert caught != "BaseException" or again, f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_module_says_what_it_is(path: Path) -> None:
    """Its docstring begins with one sentence."""
    said = (ast.get_docstring(TREES[path]) or "").split("\n\n")[0]

    assert said.endswith((".", "?"))


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_loop_waits_for_ever(path: Path) -> None:
    """A `while True` must have a way out inside it."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.While) and ast.unparse(node.test) in ("True", "1"):
            ways_out = (ast.Return, ast.Break, ast.Raise)
            assert any(isinstance(one, ways_out) for one in ast.walk(node))
