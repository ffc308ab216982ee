"""CONTRIBUTING's style of notebooks, as far as a machine can tell: hints, no errors."""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from notebook_inputs import cell_source

from runner.notebook.ipynb import Cell, cell_tags, is_code, source_place

# The place of a cell, and what could be better there.
Hint = tuple[str, str]

MAX_LINES = 25
MAX_HEADINGS = 7
INTRODUCTION = 3
PARAMETER = re.compile(r"\w+: [^=]+( = [^=]+)?  # [^=]+|}  # .+")
LEAVE_ALONE = ("pip install", "sys.path", "os.chdir", "nest_asyncio", "input(")


def find_style_hints(cells: Sequence[Cell]) -> list[Hint]:
    """Return where a notebook is not as CONTRIBUTING asks.

    Cells that no Python can parse are passed over.
    """
    return [hint for rule in RULES for hint in rule(cells)]


def _title(cells: Sequence[Cell]) -> Iterator[Hint]:
    lines = cell_source(cells[0]).strip().splitlines() if cells else []
    if not lines or not re.match(r"# \S", lines[0]):
        yield "cell 1", "begin with a Markdown cell: `# Title`, what goes in, comes out"
    elif len([line for line in lines[1:] if line.strip()]) < INTRODUCTION:
        yield (
            "cell 1",
            "say below the title what goes in, what comes out, what to decide",
        )


def _headings(cells: Sequence[Cell]) -> Iterator[Hint]:
    markdown = [cell_source(one) for one in cells if one["cell_type"] == "markdown"]
    found = re.findall(r"^(#+) +(.+)$", "\n".join(markdown), re.MULTILINE)
    levels = [len(marks) for marks, _ in found]
    if levels.count(1) > 1:
        yield (
            "",
            f"has {levels.count(1)} titles; keep one `#`, and make the others `##`",
        )
    if not INTRODUCTION <= levels.count(2) <= MAX_HEADINGS:
        yield (
            "",
            (
                f"has {levels.count(2) or 'no'} headings `##`; ask in {INTRODUCTION} "
                f"to {MAX_HEADINGS} of them what each section answers"
            ),
        )
    for _, text in found:
        if re.match(r"(step )?\d", text, re.IGNORECASE):
            yield "", f"the heading {text!r} counts; ask what the section answers"


def _parameters(cells: Sequence[Cell]) -> Iterator[Hint]:
    places = [at for at, one in enumerate(cells) if "parameters" in cell_tags(one)]
    if len(places) != 1 or not (tree := _parse(cells[places[0]])):
        return
    if places[0] != 1:
        yield "parameters cell", "make it the second cell, after the title"
    lines = cell_source(cells[places[0]]).splitlines()
    folded = [one for one in tree.body if one.end_lineno != one.lineno]
    inside = {n for one in folded for n in range(one.lineno, one.end_lineno or 0)}
    for number, line in enumerate(lines, 1):
        if number not in inside and line.strip() and not PARAMETER.fullmatch(line):
            place = f"parameters cell, line {number}"
            yield place, "write `name: type = default  # help` on one line"


def _imports(cells: Sequence[Cell]) -> Iterator[Hint]:
    code = [at for at, one in enumerate(cells) if is_code(one)]
    for at in code:
        tree = _parse(cells[at])
        nodes = ast.walk(tree) if tree else ()
        if at != 2 and any(
            isinstance(one, ast.Import | ast.ImportFrom) for one in nodes
        ):
            where = source_place(cells, at)
            yield (
                where,
                "import in the third cell, so that a missing package fails first",
            )


def _cells(cells: Sequence[Cell]) -> Iterator[Hint]:
    code = [at for at, one in enumerate(cells) if is_code(one)]
    for at in code[2:]:
        text = cell_source(cells[at])
        if (count := len(text.splitlines())) > MAX_LINES:
            message = f"has {count} lines; keep to one idea and {MAX_LINES} lines"
            yield source_place(cells, at), message
        if text.count("plt.subplots(") > 1:
            yield source_place(cells, at), "draws two figures; give each a cell"


def _leads(cells: Sequence[Cell]) -> Iterator[Hint]:
    for at, (before, cell) in enumerate(pairwise(cells), 1):
        is_led = before["cell_type"] == "markdown" or _only_defines(before)
        if at > 2 and is_code(cell) and not is_led:
            yield source_place(cells, at), "lead into it with a sentence"


def _results(cells: Sequence[Cell]) -> Iterator[Hint]:
    tree = _parse(cells[-1]) if cells and is_code(cells[-1]) else None
    last = tree.body[-1] if tree and tree.body else None
    call = last.value if isinstance(last, ast.Expr) else None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != "JSON":
        yield "results cell", "end the last cell in JSON({...})"


def _machine(cells: Sequence[Cell]) -> Iterator[Hint]:
    for at, cell in enumerate(cells):
        text = cell_source(cell) if is_code(cell) else ""
        found = [word for word in LEAVE_ALONE if word in text]
        if re.search(r"^\s*[%!]", text, re.MULTILINE):
            found.append("a magic")
        if found:
            yield source_place(cells, at), f"uses {found[0]}; leave the machine alone"


def _names(cells: Sequence[Cell]) -> Iterator[Hint]:
    for at, cell in enumerate(cells):
        text = cell_source(cell) if is_code(cell) else ""
        if found := re.search(r"\bdf\d+\b", text):
            yield source_place(cells, at), f"{found[0]}: name it by what it holds"


def _only_defines(cell: Cell) -> bool:
    """Return whether a cell only defines functions, which are used in the next."""
    tree = _parse(cell) if is_code(cell) else None
    return tree is not None and all(
        isinstance(one, ast.FunctionDef) for one in tree.body
    )


def _parse(cell: Cell) -> ast.Module | None:
    try:
        return ast.parse(cell_source(cell))
    except SyntaxError:
        return None


RULES: tuple[Callable[[Sequence[Cell]], Iterator[Hint]], ...] = (
    _title,
    _headings,
    _parameters,
    _imports,
    _cells,
    _leads,
    _results,
    _machine,
    _names,
)
