"""Edits of a generated repository: of every kind some, chosen by chance."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from generated.repositories import (
    EVERYTHING,
    EXECUTABLE,
    LINK,
    PACKAGES,
    STAGES,
    SUBMODULE,
    TASKS,
    Edits,
    File,
    Generated,
    code_cell,
    render_lock,
    text_cell,
)

Cells = list[dict[str, Any]]
# Files that a model's folder may get.
OWN_FILES = """
new.csv .hidden deep/er/x.json pandas.py features/__init__.py json.py README.md
README.rst readme_rows.py ReadMe.py README/x.csv README.md.csv queries/README.md README
readme.md deploy.csv
""".split()  # noqa: SIM905, a list of names reads better unquoted
# Files that belong to no model, and modules that may come before others.
OTHER_FILES = """
docs/more.md models/README.md tests/test_more.py .circleci/config.yml novel.py json.py
features/novel.py features/fast.py features/text/novel.py shared/__init__.py pandas.py
pandas/__init__.py yaml/more.csv packages/toolbox/src/common.py packages/new/src/x.py
notebooks/common.py notebooks/binary/shared/__init__.py assets/novel.csv stock/more.csv
""".split()  # noqa: SIM905, a list of names reads better unquoted
SETTINGS = (
    ("owner: ml-team", "owner: someone-else"),
    ("Generated.", "Written by a person."),
    ("approval: manual", "approval: pre-approved"),
    ("name: ", "# A comment.\nname: "),
    ("ml.m5.large", "ml.m5.xlarge"),
    ("num_round: 5", "num_round: 6"),
    ("max: 2.5", "max: 2.6"),
    ("data: ", "data: s3://bucket/"),
    ("training:\n", "training:\n  spot: true\n"),
    *((f"task: {one}\n", f"task: {other}\n") for one, other in (TASKS, TASKS[::-1])),
)
LINKS = """
../../assets/unused.csv ../../docs ../../nothing/there.csv ../../../elsewhere.csv
round.csv .. . ../../features ../../stock ../../stock/parts.csv
""".split()  # noqa: SIM905, a list of names reads better unquoted


class Mutation(NamedTuple):
    """One edit, and what it does."""

    name: str
    edits: Edits


def mutations(made: Generated) -> Iterator[Mutation]:
    """Yield mutations of a repository, some of every kind."""
    chance = random.Random(made.seed)
    for make in (_modules, _notebooks, _models, _others, _links, _pins):
        yield from make(made, chance)


def _modules(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Edit, move, delete and shadow modules."""
    files = made.files.items()
    paths = sorted(p for p, one in files if p.endswith(".py") and one.mode != LINK)
    for path in chance.sample(paths, min(8, len(paths))):
        old = made.files[path].data
        yield Mutation(f"edit {path}", {path: File(old + b"MORE = 1\n")})
        yield Mutation(f"comment on {path}", {path: File(b"# Why.\n" + old)})
    for path in chance.sample(paths, 5):
        old = made.files[path].data
        package = path.replace(".py", "/__init__.py")
        table = path.replace(".py", "/table.csv")
        crlf = old.replace(b"\n", b"\r\n")
        broken = old + b"def (\n"
        hidden = old + f"exec('Y = 1')  {EVERYTHING}\n".encode()
        more = old + b"import yaml\nimport shared.utils\n"
        yield Mutation(f"delete {path}", {path: None})
        yield Mutation(f"move {path}", {path: None, f"docs/{path}": File(old)})
        yield Mutation(f"make {path} a package", {path: None, package: File(old)})
        yield Mutation(f"shadow {path} by {package}", {package: File(b"VALUE = 5\n")})
        yield Mutation(f"put {table} beside {path}", {table: File(b"1\n")})
        yield Mutation(f"end lines of {path} in CRLF", {path: File(crlf)})
        yield Mutation(f"make {path} executable", {path: File(old, EXECUTABLE)})
        yield Mutation(f"break {path}", {path: File(broken)})
        yield Mutation(f"call exec in {path}", {path: File(hidden)})
        yield Mutation(f"import more in {path}", {path: File(more)})


def _notebooks(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Edit the code, the tags and the rest of notebooks, or put others before them."""
    paths = sorted(path for path in made.files if path.endswith(".ipynb"))
    changes: dict[str, Callable[[Cells], Cells]] = {
        "add code to": lambda cells: [*cells, code_cell("MORE = 1")],
        "run a file in": lambda cells: [*cells, code_cell(f"%run x.py  {EVERYTHING}")],
        "turn round": lambda cells: cells[::-1],
        "tag": lambda cells: [
            *cells[:-1],
            cells[-1] | {"metadata": {"tags": ["slow"]}},
        ],
        "write text in": lambda cells: [*cells, text_cell("More to read.")],
        "add an empty cell to": lambda cells: [*cells, code_cell("  \n")],
        "run": lambda cells: [
            {**one, "execution_count": 3, "id": "i", "metadata": one["metadata"]}
            for one in cells
        ],
    }
    for what, change in changes.items():
        for path in chance.sample(paths, 2):
            notebook = json.loads(made.files[path].data)
            notebook["cells"] = change(notebook["cells"])
            text = json.dumps(notebook, indent=None if made.compact else 1)
            yield Mutation(f"{what} {path}", {path: File(text.encode())})
    for path in chance.sample(paths, 2):
        old = made.files[path].data
        crlf = old.replace(b"\\n", b"\\r\\n").replace(b"\n", b"\r\n")
        yield Mutation(f"end lines of {path} in CRLF", {path: File(crlf)})
        yield Mutation(f"delete {path}", {path: None})
    for path in chance.sample(paths, 3):
        model, stage = chance.choice(sorted(made.tasks)), chance.choice(STAGES)
        for new in (f"models/{model}/{stage}.ipynb", f"notebooks/{stage}.ipynb"):
            yield Mutation(f"copy {path} to {new}", {new: made.files[path]})


def _models(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Edit settings and files of models; add, rename and delete models."""
    models = sorted(made.tasks)
    for old, new in SETTINGS:
        path = f"models/{chance.choice(models)}/model.yaml"
        text = made.files[path].data.decode().replace(old, new)
        yield Mutation(f"set {new!r} in {path}", {path: File(text.encode())})
    folder = f"models/{chance.choice(models)}"
    for name in OWN_FILES:
        path = f"{folder}/{name}"
        yield Mutation(f"write {path}", {path: File(b"VALUE = 8\n")})
    for name in ("weights.csv", "queries/rows.sql"):
        path = f"models/{chance.choice(models)}/{name}"
        other = f"models/{chance.choice(models)}/moved.csv"
        yield Mutation(f"edit {path}", {path: File(b"10\n")})
        yield Mutation(f"move {path}", {path: None, other: made.files[path]})
    if not any(path.startswith(f"{folder}/") for path in made.submodules):
        paths = [path for path in made.files if path.startswith(f"{folder}/")]
        gone: Edits = dict.fromkeys(paths)
        there: Edits = {
            path.replace(folder, "models/leavers"): made.files[path] for path in paths
        }
        yield Mutation(f"delete {folder}", gone)
        yield Mutation(f"copy {folder}", there)
        yield Mutation(f"rename {folder}", {**gone, **there})


def _others(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Edit data and documents, and add files that no model has yet."""
    for path, one in sorted(made.files.items()):
        if path.endswith((".csv", ".txt", ".md", ".gitignore")) and one.mode != LINK:
            yield Mutation(f"edit {path}", {path: File(one.data.strip() + b"1\n")})
    for path in OTHER_FILES:
        yield Mutation(f"write {path}", {path: File(b"VALUE = 8\n")})
    for path, versions in made.submodules.items():
        for number in range(1, len(versions)):
            commit = File(str(number).encode(), SUBMODULE)
            yield Mutation(f"bump {path} to {number}", {path: commit})


def _links(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Add links, retarget them, and replace them by what they lead to."""
    links = sorted(path for path, one in made.files.items() if one.mode == LINK)
    for path in chance.sample(links, 3):
        target = "../stock" if "." not in path else "stock/parts.csv"
        target = "../../" * (path.count("/") > 1) + target
        yield Mutation(f"link {path} to {target}", {path: File(target.encode(), LINK)})
        yield Mutation(f"delete {path}", {path: None})
        if path.endswith("table.csv"):
            yield Mutation(f"replace {path}", {path: made.files["assets/table.csv"]})
    for target in LINKS:
        path = f"models/{chance.choice(sorted(made.tasks))}/new"
        path = f"{path}.csv" if target.endswith(".csv") else path
        yield Mutation(f"link {path} to {target}", {path: File(target.encode(), LINK)})


def _pins(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change versions, needs, and what of a lock does not matter."""
    package = chance.choice(sorted(PACKAGES))
    locks = {f"pin {one}": render_lock({one: "9.9"}) for one in PACKAGES}
    locks["pin a package that no code imports"] = render_lock({"novel": "1"})
    locks[f"let {package} need more"] = render_lock({"novel": "1"}, package)
    locks["write a comment in the lock"] = "# Compiled.\n" + render_lock()
    for what, text in locks.items():
        yield Mutation(what, {"requirements.txt": File(text.encode())})
    tools = File(b"ruff==0.15.0\n")
    yield Mutation("pin another tool", {"requirements-dev.txt": tools})
