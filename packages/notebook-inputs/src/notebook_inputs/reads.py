"""What code reads: modules that it imports, files that it names.

Code that imports or runs something under a name that it computes cannot be followed.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from notebook_inputs.git import InputsError
from notebook_inputs.magics import LOOKS_LIKE_MAGIC, is_escaped, without_magics
from notebook_inputs.syntax import (
    BUILTINS,
    DISTINCT,
    HARMLESS,
    RUNNERS,
    WHOLE,
    Collected,
    Command,
    Commands,
    Import,
    last_name,
    last_part,
    parse,
    walk,
)

# What is looked at closely where it stands alone, and after a dot.
ALONE = BUILTINS | DISTINCT
AFTER_DOT = DISTINCT | {name.rpartition(".")[2] for name in RUNNERS}
# What an IPython shell is found by, and what it runs.
SHELLS = frozenset({"InteractiveShell", "get_ipython"})
SHELL_RUNS = frozenset(
    """
    ev ex getoutput magic run_ast_nodes run_cell run_cell_async run_cell_magic run_code
    run_line_magic safe_execfile safe_execfile_ipy safe_run_module system system_piped
    system_raw
    """.split()  # noqa: SIM905
)
Cell = dict[str, Any]

FORMAT = 4
NO_PYTHON = "is no Python that can be parsed, so that it imports nothing"
# What Python compiles, but cannot show as a syntax tree.
TOO_DEEP = (RecursionError, MemoryError)
DEEP = "is nested too deeply to be read"
# How a text must look to name a file; what is computed in it is a star.
FILE_NAME = re.compile(r"[^\n\r<>|:\"]*[^\W_][^\n\r<>|:\"]*")
COMPUTED = re.compile(r"\{[^{}]*\}|%[-+ #0-9.]*[dfgirs]")
MAX_NAME = 200
LISTS = frozenset({"glob", "iglob", "iterdir", "listdir", "rglob", "scandir", "walk"})
# What finds the data of a package.
RESOURCES = frozenset(
    """
    __path__ files get_data open_binary open_text read_binary
    resource_filename resource_stream resource_string
    """.split()  # noqa: SIM905
)


class NotebookError(InputsError):
    """Report a file that is not a notebook of format 4."""


@dataclass(frozen=True, kw_only=True)
class Reads:
    """What some code reads.

    Attributes:
        imports: in the order in which they stand.
        files: texts that may name a file of the repository; what code computes in
            them is a star.
        unfollowed: why the code cannot be followed; empty if it can.
        notes: what is wrong with the code otherwise.
    """

    imports: tuple[Import, ...] = ()
    files: tuple[str, ...] = ()
    unfollowed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def tops(self) -> frozenset[str]:
        """Return the top-level names that are imported."""
        absolute = (one for one in self.imports if not one.level)
        return frozenset(one.module.partition(".")[0] for one in absolute)


@lru_cache(maxsize=8192)
def read_code(source: bytes, harmless: Commands = HARMLESS) -> Reads:
    """Return what a module reads.

    Args:
        harmless: beginnings of commands that run no code of the repository.
    """
    try:
        tree = parse(source)
        if tree is None:
            return Reads(notes=(NO_PYTHON,))
        return _reads(_collect(tree, _scope((), (), frozenset(), harmless)))
    except TOO_DEEP:
        return Reads(unfollowed=(DEEP,))


@lru_cache(maxsize=8192)
def read_notebook(content: bytes, where: str, harmless: Commands = HARMLESS) -> Reads:
    """Return what the code cells of a notebook file read.

    Args:
        where: names the file in an error.

    Raises:
        NotebookError: it is not a notebook of format 4.
    """
    return read_cells(_code_of(content, where), harmless)


@lru_cache(maxsize=8192)
def read_cells(cells: tuple[str, ...], harmless: Commands = HARMLESS) -> Reads:
    """Return what the code cells of a notebook read, magics included."""
    try:
        return _read_cells(cells, harmless)
    except TOO_DEEP:
        return Reads(unfollowed=(DEEP,))


def parse_cells(content: bytes | str, where: str) -> list[Cell]:
    """Return the cells of a notebook file's content.

    Args:
        where: names the file in an error.

    Raises:
        NotebookError: it is not a notebook of format 4.
    """
    try:
        # Some editors begin a file with a byte order mark.
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        notebook = json.loads(text)
        cells: list[Cell] = notebook["cells"]
        if notebook.get("nbformat", FORMAT) == FORMAT and all(map(_is_cell, cells)):
            return cells
    except UnicodeDecodeError as error:
        raise NotebookError(f"{where}: not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise NotebookError(
            f"{where}:{error.lineno}: not JSON ({error.msg}); a merge conflict?"
        ) from error
    except (AttributeError, KeyError, TypeError, RecursionError):
        pass
    raise NotebookError(
        f"{where}: not a notebook of format 4; save it anew in JupyterLab"
    )


def cell_source(cell: Mapping[str, Any]) -> str:
    """Return a cell's source, which a file may hold as a list of lines."""
    return "".join(cell["source"]).replace("\r\n", "\n")


def _is_cell(cell: Cell) -> bool:
    """Return whether a cell is what it should be; a malformed one may raise, too.

    Tags that are one text would be searched for a tag as for a part of it.
    """
    tags = cell.get("metadata", {}).get("tags", [])
    return (
        isinstance(cell["cell_type"], str)
        and isinstance(cell_source(cell), str)
        and isinstance(tags, list)
        and all(isinstance(tag, str) for tag in tags)
    )


def _code_of(content: bytes, where: str) -> tuple[str, ...]:
    """Return the sources of the cells with code of a notebook file."""
    cells = [one for one in parse_cells(content, where) if one["cell_type"] == "code"]
    return tuple(text for text in map(cell_source, cells) if text.strip())


def _read_cells(cells: tuple[str, ...], harmless: Commands) -> Reads:
    start = scope = _scope((), (), frozenset(), harmless)
    read: list[_Cell] = []
    for cell in cells:
        read.append(_read_cell(cell, scope))
        scope = read[-1].scope
    is_plain = not any(LOOKS_LIKE_MAGIC.search(cell) for cell in cells)
    if is_plain and not all(one.is_python for one in read):
        # A statement may begin in one cell and end in the next.
        tree = parse("\n".join(cells))
        if tree:
            return _reads(_collect(tree, start))
    found = Collected(aliases=dict(scope.aliases))
    for one in read:
        found.add(one.found)
    unfollowed = [text for one in read for text in one.unfollowed]
    return _reads(found, unfollowed, [text for one in read for text in one.notes])


@dataclass(frozen=True, eq=False)
class _Scope:
    """What earlier cells define; equal ones are one object."""

    aliases: tuple[tuple[str, str], ...]
    lists: tuple[tuple[str, Command | None], ...]
    checking: frozenset[str]
    harmless: Commands


class _Cell(NamedTuple):
    """What one cell reads, and what it and earlier cells define for later ones."""

    found: Collected
    scope: _Scope
    is_python: bool
    unfollowed: tuple[str, ...]
    notes: tuple[str, ...]


_scope = lru_cache(maxsize=8192)(_Scope)


@lru_cache(maxsize=65536)
def _read_cell(cell: str, scope: _Scope) -> _Cell:
    """Return what a cell reads: notebooks that began as copies share most cells."""
    unfollowed: list[str] = []
    notes: list[str] = []
    python = parse(cell)
    tree = python or parse("\n".join(without_magics(cell.splitlines(), unfollowed)))
    if tree is None and is_escaped(cell):
        unfollowed.append(f"has a cell that cannot be parsed: {_first(cell)}")
    elif tree is None:
        notes.append(f"has a cell that no Python can parse: {_first(cell)}")
    found = _collect(tree or ast.Module([], []), scope)
    return _Cell(
        found,
        _scope(
            tuple(found.aliases.items()),
            tuple(found.lists.items()),
            frozenset(found.checking),
            found.harmless,
        ),
        python is not None,
        tuple(unfollowed),
        tuple(notes),
    )


def _first(cell: str) -> str:
    """Return the beginning of a cell."""
    return next(iter(cell.strip().splitlines()), "")[:60]


def _collect(tree: ast.Module, scope: _Scope) -> Collected:
    """Collect what a syntax tree reads, after code that has defined something."""
    found = Collected(
        aliases=dict(scope.aliases),
        lists=dict(scope.lists),
        checking=set(scope.checking),
        harmless=scope.harmless,
    )
    walk(tree, found)
    found.texts = dict.fromkeys(_file_texts(found.texts))
    return found


def _reads(
    found: Collected, unfollowed: Iterable[str] = (), notes: Iterable[str] = ()
) -> Reads:
    return Reads(
        imports=tuple(dict.fromkeys(found.imports)),
        files=tuple(_file_names(found)),
        unfollowed=tuple(dict.fromkeys([*unfollowed, *_unfollowed(found)])),
        notes=tuple(dict.fromkeys(notes)),
    )


def _file_texts(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts that may name files or folders."""
    for text in texts:
        plain = COMPUTED.sub("*", text) if "{" in text or "%" in text else text
        if len(plain) <= MAX_NAME and FILE_NAME.fullmatch(plain):
            yield plain


def _file_names(found: Collected) -> Iterator[str]:
    """Yield what may name files or folders, and what looks for them."""
    yield from found.texts
    attributes = {name for _, name in found.attributes}
    if "__file__" in found.names and attributes & LISTS:
        yield "./*"
    if "__file__" in attributes or (attributes | found.names.keys()) & RESOURCES:
        # Data is looked for beside the modules that are imported.
        for one in found.imports:
            yield from filter(None, (one.module, *one.names))


def _unfollowed(found: Collected) -> Iterator[str]:
    """Yield what runs or imports something under a name that it computes."""
    yield from found.unfollowed
    for name in found.names:
        if name not in found.aliases and name not in ALONE:
            continue
        called = found.aliases.get(name, "")
        if called in WHOLE:
            yield f"uses {called} under another name"
        if not called and name in BUILTINS:
            called = f"builtins.{name}"
        if called in RUNNERS or name in DISTINCT or last_part(called) in DISTINCT:
            yield _describe(called or name)
    for module, name in found.attributes:
        if module not in found.aliases and name not in AFTER_DOT:
            continue
        alias = found.aliases.get(module, module)
        called = alias if alias in RUNNERS else f"{last_part(alias)}.{name}"
        if called in RUNNERS or name in DISTINCT:
            yield _describe(called)
    shells = {*found.names, *map(last_part, found.aliases.values())} & SHELLS
    if shells or any(name in SHELLS for _, name in found.attributes):
        runs = (name for _, name in found.attributes if name in SHELL_RUNS)
        yield from (f"calls IPython's {name}()" for name in runs)


def _describe(called: str) -> str:
    """Say what code does that cannot be followed."""
    if called.startswith("sys."):
        return f"uses {called}"
    return f"calls {called.removeprefix('builtins.')}()"


def star_names(init: bytes) -> tuple[str, ...] | None:
    """Return the names that a star stands for; None if they are computed."""
    mentions = init.count(b"__all__")
    if not mentions:
        return ()
    tree = parse(init)
    for node in tree.body if tree else ():
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if mentions == 1 and [last_name(one) for one in targets] == ["__all__"]:
                try:
                    return tuple(map(str, ast.literal_eval(node.value)))
                except (ValueError, TypeError):
                    return None
    return None
