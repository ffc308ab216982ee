"""What one syntax tree says: what it imports, names, composes and calls.

Nothing is executed, and it does not matter where in the code a statement stands.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from notebook_inputs.magics import code_of_magic

# Calls that import what a literal says; under any other name they cannot be followed.
IMPORTERS = frozenset(
    {"importlib.import_module", "importlib.__import__", "builtins.__import__"}
)
# Functions that run or import what they are given, or change where imports look, by
# the last part of their module's name.
RUNNERS = frozenset(
    """
    builtins.__import__ builtins.compile builtins.eval builtins.exec builtins.execfile
    asyncio.create_subprocess_exec asyncio.create_subprocess_shell code.interact
    contextlib.chdir importlib.__import__ importlib.import_module os.chdir os.execl
    os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe os.fchdir
    os.popen os.posix_spawn os.posix_spawnp os.spawnl os.spawnle os.spawnlp
    os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe os.system pkgutil.get_loader
    pkgutil.find_loader pkgutil.resolve_name pkgutil.walk_packages pydoc.importfile
    pydoc.locate pydoc.safeimport site.addsitedir subprocess.Popen subprocess.call
    subprocess.check_call subprocess.check_output subprocess.getoutput
    subprocess.getstatusoutput subprocess.run sys.meta_path sys.path sys.path_hooks
    util.LazyLoader
    """.split()  # noqa: SIM905, a list of names reads better unquoted
)
# The same, for names that nothing else has.
DISTINCT = frozenset(
    """
    ExtensionFileLoader InteractiveConsole InteractiveInterpreter SourceFileLoader
    SourcelessFileLoader __builtins__ addsitedir exec_module import_module load_module
    load_source module_from_spec run_module run_path spec_from_file_location
    spec_from_loader zipimporter
    """.split()  # noqa: SIM905
)
BUILTINS = frozenset({"__import__", "compile", "eval", "exec", "execfile"})
# Modules that have those functions; of the first ones no other use is common.
WHOLE = frozenset({"builtins", "importlib", "pkgutil", "pydoc", "runpy", "subprocess"})
WATCHED = WHOLE | frozenset(
    """
    IPython asyncio code contextlib imp os site sys typing typing_extensions zipimport
    """.split()  # noqa: SIM905
)
# Calls that compose a path, or are given one, and those that list a folder.
PATHS = frozenset(
    """
    Path PurePath PurePosixPath join joinpath listdir rglob scandir walk
    """.split()  # noqa: SIM905
)
# Beginnings of commands that run no code of the repository: up to three words, which
# begin with a program, or with "sys.executable".
Commands = frozenset[tuple[str, ...]]
HARMLESS: Commands = frozenset({("git",)})


class Import(NamedTuple):
    """One imported module: its absolute name, or relative to a package."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


# A name, and the name before its dot; None if it stands alone.
Dotted = tuple[str | None, str]


class Command(NamedTuple):
    """The beginning of a list: its first words, and the name that it begins with."""

    words: tuple[object, ...]
    program: Dotted


@dataclass
class Collected:
    """What was found so far; dictionaries keep the order in which it stands.

    Attributes:
        aliases: by name the watched module or function that it was imported as.
        names: names that stand alone.
        attributes: names after a dot, each with the name before the dot.
        lists: by name the list that it is set to; None if it is set otherwise, too.
        checking: the names of typing.TYPE_CHECKING.
    """

    imports: list[Import] = field(default_factory=list)
    texts: dict[str, None] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    attributes: dict[tuple[str, str], None] = field(default_factory=dict)
    lists: dict[str, Command | None] = field(default_factory=dict)
    unfollowed: list[str] = field(default_factory=list)
    checking: set[str] = field(default_factory=set)
    harmless: Commands = HARMLESS

    def qualified(self, dotted: "Dotted") -> str:
        """Return the module and the name that an expression means; "" if none."""
        module, name = dotted
        if module is None:
            return name and self.aliases.get(name, f"builtins.{name}")
        return f"{last_part(self.aliases.get(module, module))}.{name}"

    def add(self, other: "Collected") -> None:
        """Add what the next cell reads."""
        self.imports += other.imports
        self.texts |= other.texts
        self.names |= other.names
        self.attributes |= other.attributes
        self.unfollowed += other.unfollowed


def parse(source: str | bytes) -> ast.Module | None:
    """Parse code; None if it is no Python."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


# Fields of nodes without child nodes that matter, and by class the other ones.
_PLAIN_FIELDS = frozenset(
    """
    arg asname conversion ctx is_async kind name op ops rest simple type_comment
    type_ignores
    """.split()  # noqa: SIM905
)
_FIELDS: dict[type, tuple[str, ...]] = {}
# How deep composed texts are looked into.
MAX_DEPTH = 20


def walk(tree: ast.AST, found: Collected) -> None:
    """Note everything of a syntax tree that matters, in the order in which it stands.

    One loop that looks at exact types: it sees every node of every module.
    """
    ahead: list[Any] = [tree]
    names, attributes, texts = found.names, found.attributes, found.texts
    while ahead:
        node = ahead.pop()
        kind = type(node)
        if kind is ast.Name:
            names[node.id] = None
            if found.checking:
                _note_name(node, found)
            continue
        if kind is ast.Constant:
            if type(node.value) is str:
                texts[node.value] = None
            continue
        if kind is ast.Attribute:
            attributes[last_name(node.value), node.attr] = None
            if type(node.value) is not ast.Name:
                ahead.append(node.value)
            continue
        if kind in _NOTE:
            children = _NOTE[kind](node, found)
            if children is not None:
                ahead += children[::-1]
                continue
        ahead += _children(node, kind)


def _children(node: Any, kind: type) -> list[Any]:
    """Return the child nodes, the last one first."""
    fields = _FIELDS.get(kind)
    if fields is None:
        names = getattr(kind, "_fields", ())
        fields = tuple(one for one in reversed(names) if one not in _PLAIN_FIELDS)
        _FIELDS[kind] = fields
    found: list[Any] = []
    for name in fields:
        value = getattr(node, name, None)
        if type(value) is list:
            found += value[::-1]
        elif value is not None:
            found.append(value)
    return found


def _note_name(node: ast.Name, found: Collected) -> None:
    """Remember that TYPE_CHECKING is set to something else."""
    if isinstance(node.ctx, ast.Store):
        found.checking.discard(node.id)


def last_name(node: ast.AST) -> str:
    """Return the last name of a dotted expression; "" of any other."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _dotted(node: ast.AST) -> Dotted:
    """Return the name that an expression is; "" of anything else."""
    if isinstance(node, ast.Attribute):
        return last_name(node.value), node.attr
    return None, node.id if isinstance(node, ast.Name) else ""


def _note_import(node: ast.Import, found: Collected) -> Sequence[ast.AST]:
    for one in node.names:
        found.imports.append(Import(one.name))
        top = one.name.partition(".")[0]
        if top in WATCHED:
            found.aliases[one.asname or top] = one.name if one.asname else top
    return ()


def _note_import_from(node: ast.ImportFrom, found: Collected) -> Sequence[ast.AST]:
    module = node.module or ""
    names = tuple(alias.name for alias in node.names)
    found.imports.append(Import(module, names, node.level))
    watched = not node.level and module.partition(".")[0] in WATCHED
    for one in node.names:
        if watched or one.name in DISTINCT or one.name in BUILTINS:
            if one.name == "TYPE_CHECKING":
                found.checking.add(one.asname or one.name)
            last = module.rpartition(".")[2]
            found.aliases[one.asname or one.name] = f"{last}.{one.name}"
            if watched and one.name == "*":
                found.unfollowed.append(f"imports everything from {module}")
    return ()


def _note_if(node: ast.If, found: Collected) -> Sequence[ast.AST] | None:
    """Leave out what is imported for type checkers only: it is not executed."""
    test = node.test
    if isinstance(test, ast.Name) and test.id in found.checking:
        return node.orelse
    if isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING":
        module = found.aliases.get(last_name(test.value))
        if module in {"typing", "typing_extensions"}:
            return node.orelse
    return None


def _note_expression(node: ast.Expr, found: Collected) -> Sequence[ast.AST] | None:
    """Leave out docstrings."""
    return () if isinstance(node.value, ast.Constant) else None


def _note_assign(node: ast.Assign, found: Collected) -> None:
    """Remember the lists that are commands, and whether TYPE_CHECKING stays false."""
    for target in node.targets:
        if isinstance(target, ast.Name):
            command = None if target.id in found.lists else _command(node.value)
            found.lists[target.id] = command
        elif isinstance(target, ast.Attribute) and target.attr == "TYPE_CHECKING":
            found.aliases.pop(last_name(target.value), None)


def _note_call(node: ast.Call, found: Collected) -> Sequence[ast.AST] | None:
    """Note a call that imports or runs what a literal says, or that composes a path."""
    rest = [*node.args, *node.keywords]
    name = last_name(node.func)
    called = found.qualified(_dotted(node.func))
    if called in IMPORTERS or name == "import_module":
        return rest if _note_literal_import(node, found) else None
    if called == "util.find_spec":
        _note_literal_import(node, found)
    elif called.startswith("subprocess.") and called in RUNNERS:
        return rest if _is_harmless(node, found) else None
    elif name in {"run_line_magic", "run_cell_magic"}:
        return rest if _note_magic(node, found) else None
    elif called == "builtins.getattr" and len(node.args) > 1:
        _note_getattr(node.args[0], node.args[1], found)
    elif name in PATHS:
        _note_path(node, name, found)
    return None


def _note_literal_import(node: ast.Call, found: Collected) -> bool:
    """Note an import under a literal name; return False if the name is computed."""
    values = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
    given = {one.arg: one.value for one in node.keywords}
    if not values or not isinstance(values[0], str):
        return False
    module = values[0].lstrip(".")
    level = len(values[0]) - len(module)
    if level:
        package = given.get("package", node.args[1] if len(values) > 1 else None)
        if isinstance(package, ast.Constant) and isinstance(package.value, str):
            parts = package.value.split(".")
            above = parts[: len(parts) - level + 1]
            module, level = ".".join([*above, module]), 0
        elif last_name(package or node) not in {"__package__", "__name__"}:
            return False
    elif given.keys() - {"fromlist", "package", "name"} or len(values) > 4:
        return False
    names = given.get("fromlist", node.args[3] if len(values) > 3 else None)
    try:
        listed = tuple(map(str, ast.literal_eval(names))) if names else ()
    except (TypeError, ValueError):
        listed = ("*",)
    found.imports.append(Import(module, listed, level))
    return True


def _is_harmless(node: ast.Call, found: Collected) -> bool:
    """Return whether a program is started that runs no code of this repository."""
    given = node.args[0] if node.args else None
    if isinstance(given, ast.Name):
        command = found.lists.get(given.id)
    else:
        command = _command(given)
    if command is None or any(one.arg == "shell" for one in node.keywords):
        return False
    program = found.qualified(command.program)
    first = program if program == "sys.executable" else command.words[0]
    words = (first, *command.words[1:])
    return any(words[: len(one)] == one for one in found.harmless)


def _command(node: ast.AST | None) -> Command | None:
    """Return the beginning of a list; None of anything else, or if it is empty."""
    if not isinstance(node, ast.List) or not node.elts:
        return None
    words = (getattr(one, "value", None) for one in node.elts[:3])
    return Command(tuple(words), _dotted(node.elts[0]))


def _note_magic(node: ast.Call, found: Collected) -> bool:
    """Note a magic that code calls; return False if it cannot be followed."""
    words = [getattr(one, "value", None) for one in node.args]
    if not words or not all(isinstance(one, str) for one in words):
        return False
    name, line = str(words[0]), str(words[1]) if len(words) > 1 else ""
    code = code_of_magic(name, line)
    tree = parse("\n".join([code, *map(str, words[2:])])) if code else None
    if tree is None:
        return False
    walk(tree, found)
    return True


def _note_getattr(module: ast.expr, name: ast.expr, found: Collected) -> None:
    """Note which function of a watched module is looked up."""
    if not isinstance(module, ast.Name) or module.id not in found.aliases:
        return
    if isinstance(name, ast.Constant):
        found.attributes[module.id, str(name.value)] = None
    else:
        found.unfollowed.append(f"looks up a name of {module.id} that it computes")


def _note_path(node: ast.Call, name: str, found: Collected) -> None:
    """Note the path that a call is given, or composes, as one text."""
    if name == "rglob":
        found.texts.update((f"**/{_composed(one)}", None) for one in node.args)
        return
    start = node.func.value if isinstance(node.func, ast.Attribute) else None
    if name == "join" and isinstance(start, ast.Constant):
        return
    parts = [start, *node.args] if start and name == "joinpath" else node.args
    text = "/".join(_composed(one) for one in parts)
    found.texts[text if "/" in text else f"./{text}"] = None


def _note_composed(
    node: ast.BinOp | ast.JoinedStr, found: Collected
) -> Sequence[ast.AST] | None:
    """Note a text that code composes."""
    found.texts[_composed(node)] = None
    if isinstance(node, ast.JoinedStr):
        return None
    # Long sums are composed once, not once for each of their parts.
    leaves: list[ast.AST] = []
    ahead: ast.expr = node
    while isinstance(ahead, ast.BinOp):
        leaves.append(ahead.right)
        ahead = ahead.left
    return [ahead, *reversed(leaves)]


_NOTE: Mapping[type, Callable[[Any, Collected], Sequence[ast.AST] | None]] = {
    ast.Assign: _note_assign,
    ast.BinOp: _note_composed,
    ast.Call: _note_call,
    ast.Expr: _note_expression,
    ast.If: _note_if,
    ast.Import: _note_import,
    ast.ImportFrom: _note_import_from,
    ast.JoinedStr: _note_composed,
}


def _composed(node: ast.AST, depth: int = 0) -> str:
    """Return a text that code composes, with stars for what it computes."""
    parts: list[str] = []
    while isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Div):
            right = _composed(node.right, depth + 1) if depth < MAX_DEPTH else "*"
            parts += (right, "/" if isinstance(node.op, ast.Div) else "")
        node = node.left
    inside: Sequence[ast.AST] = ()
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        parts.append(node.value)
    elif isinstance(node, ast.JoinedStr):
        inside = node.values
    elif isinstance(node, ast.Call) and last_name(node.func) in PATHS:
        inside = node.args
    else:
        parts.append("*")
    if inside and depth < MAX_DEPTH:
        separator = "" if isinstance(node, ast.JoinedStr) else "/"
        parts.append(separator.join(_composed(one, depth + 1) for one in inside))
    return "".join(reversed(parts))


def last_part(dotted: str) -> str:
    """Return the last part of a dotted name."""
    return dotted.rpartition(".")[2]
