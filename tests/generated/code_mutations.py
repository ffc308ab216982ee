"""Edits of modules and notebooks."""

import json
import random
from collections.abc import Iterator
from typing import Any

from generated.edits import (
    NOBODY,
    Mutation,
    content_edit,
    modules_of,
    notebook_edit,
    notebooks_of,
    pick,
    with_cells,
)
from generated.needs import PACKAGES
from generated.repositories import (
    STAGES,
    Edits,
    File,
    Generated,
    code_cell,
    text_cell,
)


def edit_module(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change a constant, or only a comment: what is stored is what counts."""
    for path in pick(chance, modules_of(made), 5):
        old = made.files[path].data
        constant = f"CONSTANT = {made.code[path].constant}".encode()
        for what, new in (
            ("change the constant of", old.replace(constant, constant + b"1")),
            ("add a comment to", b"# Why.\n" + old),
        ):
            yield content_edit(made, f"{what} {path}", {path: File(new)}, path)


def edit_unused_module(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change a module that only type checkers or tests read."""
    for path in ("features/typing_only.py", "tests/test_dates.py"):
        edits = {path: File(made.files[path].data + b"MORE = 1\n")}
        yield content_edit(made, f"change {path}", edits)


def rename_module(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Move a module away, so that its users fail."""
    for path in pick(chance, modules_of(made, inits=False), 2):
        edits: Edits = {path: None, f"docs/{path}": made.files[path]}
        yield content_edit(made, f"rename {path}", edits, path)


def delete_module(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Delete a module or an __init__.py."""
    for path in pick(chance, modules_of(made), 2):
        yield content_edit(made, f"delete {path}", {path: None}, path)


def make_package(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Turn a module into a package of the same name and code."""
    for path in pick(chance, modules_of(made, inits=False), 2):
        init = path.replace(".py", "/__init__.py")
        edits: Edits = {path: None, init: made.files[path]}
        yield content_edit(made, f"make {path} a package", edits, path)


def shadow_by_package(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Add a package beside a module of the same name: the package wins."""
    for path in pick(chance, modules_of(made, inits=False), 2):
        init = path.replace(".py", "/__init__.py")
        edits: Edits = {init: File(b"VALUE = 5\n")}
        yield content_edit(made, f"shadow {path} by {init}", edits, path, shown=init)


def shadow_by_folder(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Add a folder without modules beside a module of the same name: nothing wins."""
    for path in pick(chance, modules_of(made, inits=False), 1):
        new = path.replace(".py", "/table.csv")
        yield content_edit(made, f"put {new} beside {path}", {new: File(b"1\n")}, new)


def name_package(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Give a package without __init__.py one."""
    path = "shared/__init__.py"
    yield Mutation(
        name=f"add {path}",
        edits={path: File(b"NAME = 'shared'\n")},
        trained=_importers(made, "shared/") | made.unfollowed,
        shown=path,
    )


def add_module(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Add a module that nobody imports, or that a fallback stands in for."""
    for path in ("features/novel.py", "novel.py", "features/text/novel.py"):
        yield content_edit(made, f"add {path}", {path: File(b"VALUE = 1\n")}, path)
    path = "features/fast.py"
    yield content_edit(
        made, f"add {path}", {path: File(b"VALUE = 1\n")}, path, shown=path
    )


def shadow_installed(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Add a top-level module with the name of an installed one, which wins."""
    for module in chance.sample([one for _, one in PACKAGES.values()], 2):
        path = chance.choice((f"{module}.py", f"{module}/__init__.py"))
        yield content_edit(made, f"add {path}", {path: File(b"VALUE = 1\n")}, path)


def edit_deeper(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Let a module import something more."""
    for path in pick(chance, modules_of(made), 2):
        text = made.files[path].data + b"import assets.nothing_like_it as more\n"
        yield content_edit(made, f"import more in {path}", {path: File(text)}, path)


def stop_following(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Add code that cannot be followed: from now on everything counts."""
    for path in pick(chance, modules_of(made), 1):
        text = made.files[path].data + b"exec('MORE = 1')\n"
        yield content_edit(made, f"call exec in {path}", {path: File(text)}, path)
    model = chance.choice(made.models)
    path = made.stages[model]["prepare"]
    line = chance.choice(
        ("%run other.py", "!ls", "__import__('a' + 'b')", "%%bash\nls")
    )
    edits = with_cells(made, path, lambda cells: [*cells, code_cell(line)])
    yield notebook_edit(made, f"add {line!r} to {path}", edits, path)


def edit_notebook(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change the code of a notebook."""
    for path in pick(chance, notebooks_of(made), 3):
        edits = with_cells(made, path, lambda cells: [*cells, code_cell("MORE = 1")])
        yield notebook_edit(made, f"add a code cell to {path}", edits, path)
    for path in pick(chance, notebooks_of(made), 1):
        edits = with_cells(made, path, lambda cells: cells[::-1])
        yield notebook_edit(made, f"turn the cells of {path} round", edits, path)
    for path in pick(chance, notebooks_of(made), 1):
        edits = with_cells(made, path, _tag_last)
        yield notebook_edit(made, f"tag a cell of {path}", edits, path)


def edit_what_does_not_run(
    made: Generated, chance: random.Random
) -> Iterator[Mutation]:
    """Change a notebook in what no run executes."""
    for path in pick(chance, notebooks_of(made), 3):
        for what, change in (
            ("a text cell", lambda cells: [*cells, text_cell("More to read.")]),
            ("outputs", _add_outputs),
            ("metadata", _add_metadata),
            ("an empty cell", lambda cells: [*cells, code_cell("  \n")]),
        ):
            edits = with_cells(made, path, change)
            yield content_edit(
                made, f"add {what} to {path}", edits, either=made.unfollowed
            )
    for path in pick(chance, notebooks_of(made), 1):
        notebook = json.loads(made.files[path].data)
        notebook["metadata"] = {"kernelspec": {"name": "other", "display_name": "O"}}
        edits = {path: File(json.dumps(notebook, indent=2).encode())}
        yield content_edit(
            made, f"change the kernel of {path}", edits, either=made.unfollowed
        )


def _tag_last(cells: list[Any]) -> list[Any]:
    cells[-1]["metadata"]["tags"] = ["results", "slow"]
    return cells


def _add_outputs(cells: list[Any]) -> list[Any]:
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            output = {"output_type": "stream", "name": "stdout", "text": "import z\n"}
            cell["outputs"] = [output]
    return cells


def _add_metadata(cells: list[Any]) -> list[Any]:
    for number, cell in enumerate(cells):
        cell["id"] = f"id{number}"
        cell["metadata"]["collapsed"] = True
    return cells


def shadow_notebook(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Add a notebook that comes before the one that a stage used."""
    for stage in STAGES[1:]:
        for model in pick(chance, made.models, 2):
            old = made.stages[model][stage]
            new = f"models/{model}/{stage}.ipynb"
            if old != new:
                one = frozenset({model})
                trained = stage != "deploy"
                yield Mutation(
                    name=f"add {new} before {old}",
                    edits={new: made.files[old]},
                    trained=(one if trained else NOBODY) | made.unfollowed,
                    served=NOBODY if trained else one - made.unfollowed,
                    shown=new,
                )
        task = chance.choice(sorted(set(made.tasks.values())))
        old, new = f"notebooks/{stage}.ipynb", f"notebooks/{task}/{stage}.ipynb"
        if new not in made.files:
            users = frozenset(
                model
                for model in made.models
                if made.tasks[model] == task and made.stages[model][stage] == old
            )
            trained = stage != "deploy"
            yield Mutation(
                name=f"add {new} before {old}",
                edits={new: made.files[old]},
                trained=(users if trained else NOBODY) | made.unfollowed,
                served=NOBODY if trained else users - made.unfollowed,
                shown=new,
            )


def delete_notebook(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Delete a notebook: another one comes in its place, or none."""
    for path in pick(chance, notebooks_of(made), 2):
        yield notebook_edit(made, f"delete {path}", {path: None}, path)


def _importers(made: Generated, folder: str) -> frozenset[str]:
    """Return the models that import a module of a folder by its own name."""
    return frozenset(
        model
        for model in made.models
        if any(
            to.startswith(folder)
            for path in made.needs_of(model)
            if path in made.code
            for need in made.code[path].needs
            if "calendar_days.py" not in need.to
            for to in need.to
        )
    )


CODE_MUTATIONS = (
    edit_module,
    edit_unused_module,
    rename_module,
    delete_module,
    make_package,
    shadow_by_package,
    shadow_by_folder,
    name_package,
    add_module,
    shadow_installed,
    edit_deeper,
    stop_following,
    edit_notebook,
    edit_what_does_not_run,
    shadow_notebook,
    delete_notebook,
)
