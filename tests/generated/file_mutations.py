"""Edits of models' folders, data, documents, links, pins and submodules."""

import random
from collections.abc import Iterator

from generated.edits import (
    NOBODY,
    Mutation,
    content_edit,
    folder_edit,
    linked_to,
    modules_of,
    notebooks_of,
    pick,
    with_cells,
)
from generated.needs import ALL_PINS, EVERYTHING, PACKAGES
from generated.repositories import (
    EXECUTABLE,
    LINK,
    SUBMODULE,
    Edits,
    File,
    Generated,
    code_cell,
    render_lock,
    text_cell,
    versions,
)


def edit_settings(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change a key of model.yaml."""
    for old, new, what in (
        ("owner: ml-team", "owner: someone-else", "either"),
        ("Made by a generator.", "Written by a person.", "either"),
        ("approval: manual", "approval: pre-approved", "either"),
        ("name: ", "# A comment.\nname: ", "either"),
        ("ml.m5.large", "ml.m5.xlarge", "served"),
        ("num_round: 5", "num_round: 6", "trained"),
        ("rmse: {max: 2.5}", "rmse: {max: 2.6}", "trained"),
        ("data: ", "data: s3://bucket/", "trained"),
        ("training:\n", "training:\n  spot: true\n", "trained"),
    ):
        model = chance.choice(made.models)
        path = f"models/{model}/model.yaml"
        text = made.files[path].data.decode().replace(old, new)
        one = frozenset({model})
        own = one & made.unfollowed
        yield Mutation(
            name=f"change {old!r} of {model} to {new!r}",
            edits={path: File(text.encode())},
            trained=(one if what == "trained" else NOBODY) | (made.unfollowed - own),
            served=one - own if what == "served" else NOBODY,
            either=own if what != "trained" else NOBODY,
            shown="model.yaml",
        )
    model = chance.choice(made.models)
    path = f"models/{model}/model.yaml"
    task = "binary" if made.tasks[model] == "regression" else "regression"
    text = made.files[path].data.decode()
    text = text.replace(f"task: {made.tasks[model]}", f"task: {task}")
    yield folder_edit(made, f"change the task of {model}", {path: File(text.encode())})


def edit_readme(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change a README, or a file that is only named like one."""
    model = chance.choice(made.models)
    for name in ("README.md", "README.rst", "README.txt"):
        path = f"models/{model}/{name}"
        edits: Edits = {path: File(b"Read this, too.\n")}
        either = made.unfollowed & {model}
        yield content_edit(made, f"write {path}", edits, either=either)
    for name in (
        "readme_rows.py",
        "ReadMe.py",
        "README/x.csv",
        "README.md.csv",
        "queries/README.md",
        "README",
        "readme.md",
    ):
        path = f"models/{model}/{name}"
        yield folder_edit(made, f"add {path}", {path: File(b"1\n")})


def edit_folder(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change, add, move and delete files of a model's folder."""
    model = chance.choice(made.models)
    folder = f"models/{model}"
    weights, rows = f"{folder}/weights.csv", f"{folder}/queries/rows.sql"
    changed = File(made.files[weights].data + b"1\n")
    yield folder_edit(made, f"change {weights}", {weights: changed})
    yield folder_edit(made, f"delete {rows}", {rows: None})
    moved: Edits = {rows: None, f"{folder}/rows.sql": made.files[rows]}
    yield folder_edit(made, f"move {rows}", moved)
    for name in ("new.csv", ".hidden", "na\u00efve.csv", "a b.csv", "deep/er/x.json"):
        path = f"{folder}/{name}"
        yield folder_edit(made, f"add {path}", {path: File(b"1\n")})
    path = f"{folder}/pandas.py"
    yield folder_edit(made, f"add {path}", {path: File(b"VALUE = 1\n")})
    path = f"{folder}/features/__init__.py"
    yield folder_edit(made, f"add {path}", {path: File(b"VALUE = 1\n")})
    explore = f"{folder}/explore.ipynb"
    if explore in made.files:
        edits = with_cells(made, explore, lambda cells: [*cells, code_cell("A = 1")])
        yield folder_edit(made, f"add a code cell to {explore}", edits)
        edits = with_cells(made, explore, lambda cells: [*cells, text_cell("More.")])
        yield content_edit(
            made, f"add a text cell to {explore}", edits, either=made.unfollowed
        )
    one, other = made.models[:2]
    from_path, to_path = f"models/{one}/weights.csv", f"models/{other}/copied.csv"
    yield Mutation(
        name=f"move {from_path} to {to_path}",
        edits={from_path: None, to_path: made.files[from_path]},
        trained=frozenset({one, other}) | made.unfollowed,
        shown=".csv",
    )


def edit_models(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Add, rename and delete a model."""
    model = chance.choice(made.models)
    folder = f"models/{model}/"
    files = {path: one for path, one in made.files.items() if path.startswith(folder)}
    if any(path.startswith(folder) for path in made.submodules):
        return
    gone: Edits = dict.fromkeys(files)
    rest = made.unfollowed - {model}
    yield Mutation(name=f"delete {model}", edits=gone, trained=rest, deleted=(model,))
    there: Edits = {
        path.replace(folder, "models/leavers/"): one for path, one in files.items()
    }
    new = frozenset({"leavers"})
    yield Mutation(
        name=f"copy {model} as leavers", edits=there, trained=made.unfollowed | new
    )
    yield Mutation(
        name=f"rename {model} to leavers",
        edits={**gone, **there},
        trained=rest | new,
        deleted=(model,),
    )


def edit_data(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change a data file that code reads, or that none does."""
    for path in (
        "assets/table.csv",
        "assets/unused.csv",
        "stock/parts.csv",
        "features/rates.csv",
        "features/notes.txt",
        "features/tables/codes.csv",
        "shared/days.txt",
    ):
        edits: Edits = {path: File(made.files[path].data.replace(b"\n", b"1\n"))}
        yield content_edit(made, f"change {path}", edits, path, shown=path)


def edit_documents(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change what belongs to no model."""
    for path in ("README.md", "docs/guide.md", "features/README.md", ".gitignore"):
        edits: Edits = {path: File(made.files[path].data + b"# more\n")}
        yield content_edit(made, f"change {path}", edits)
    for path in ("models/README.md", "tests/test_more.py", ".circleci/config.yml"):
        yield content_edit(made, f"add {path}", {path: File(b"1\n")})


def edit_modes(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Set an executable bit: no content changes."""
    for path in pick(chance, [*modules_of(made), *notebooks_of(made)], 2):
        edits: Edits = {path: File(made.files[path].data, EXECUTABLE)}
        yield Mutation(name=f"make {path} executable", edits=edits)


def edit_line_endings(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Commit a file with other line endings."""
    for path in pick(chance, modules_of(made), 2):
        edits: Edits = {path: File(made.files[path].data.replace(b"\n", b"\r\n"))}
        yield content_edit(made, f"end the lines of {path} in CRLF", edits, path)
    for path in pick(chance, notebooks_of(made), 2):
        data = made.files[path].data.replace(b"\\n", b"\\r\\n")
        edits = {path: File(data.replace(b"\n", b"\r\n"))}
        yield content_edit(
            made, f"end the lines of {path} in CRLF", edits, either=made.unfollowed
        )


def edit_links(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Retarget links, replace them, and change what they lead to."""
    links = [path for path, one in made.files.items() if one.mode == LINK]
    for path in pick(chance, links, 3):
        target = made.files[path].data.decode()
        up = "../" * path.count("/")
        new = f"{up}stock" if "." not in path else f"{up}stock/parts.csv"
        users = _link_users(made, path) | made.unfollowed
        if new != target:
            yield Mutation(
                name=f"link {path} to {new}",
                edits={path: File(new.encode(), LINK)},
                trained=users,
            )
        yield Mutation(name=f"delete {path}", edits={path: None}, trained=users)
    for path in links:
        if path.endswith("table.csv"):
            same = made.files["assets/table.csv"]
            yield Mutation(
                name=f"replace {path} by what it leads to",
                edits={path: same},
                either=made.unfollowed,
            )
    model = chance.choice(made.models)
    for name, target in (
        ("new.csv", "../../assets/unused.csv"),
        ("new", "../../docs"),
        ("nowhere.csv", "../../nothing/there.csv"),
        ("outside.csv", "../../../elsewhere.csv"),
        ("round.csv", "round.csv"),
        ("above", ".."),
        ("here", "."),
    ):
        path = f"models/{model}/{name}"
        edits: Edits = {path: File(target.encode(), LINK)}
        yield folder_edit(made, f"link {path} to {target}", edits)


def _link_users(made: Generated, link: str) -> frozenset[str]:
    """Return the models whose content goes through a link."""
    users = made.users(link)
    if link.startswith("models/"):
        users |= {link.split("/")[1]}
    if link.startswith("assets/"):
        users |= linked_to(made, "assets")
    return users


def edit_pins(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Change the version of a package, its dependencies, or only the comments."""
    path, pins = "requirements.txt", versions()
    for package in chance.sample(sorted(PACKAGES), 5):
        text = render_lock({**pins, package: "9.9.9"})
        yield Mutation(
            name=f"pin {package} 9.9.9",
            edits={path: File(text.encode())},
            trained=made.pin_users(package),
            shown="9.9.9",
        )
    everyone = made.users(EVERYTHING, ALL_PINS)
    text = render_lock({**pins, "novel": "1.0"})
    yield Mutation(
        name="pin a package that nobody imports",
        edits={path: File(text.encode())},
        trained=everyone,
    )
    package = chance.choice(sorted(PACKAGES))
    text = render_lock({**pins, "novel": "1.0"}, {"novel": package})
    yield Mutation(
        name=f"pin a package that {package} needs",
        edits={path: File(text.encode())},
        trained=made.pin_users(package),
        shown="novel",
    )
    text = "# Written by uv.\n" + render_lock(pins)
    yield content_edit(made, "add a comment to the lock", {path: File(text.encode())})
    tools = made.files["requirements-dev.txt"].data.replace(b"0.14.1", b"0.15.0")
    yield content_edit(made, "pin another ruff", {"requirements-dev.txt": File(tools)})
    names = made.files["requirements.in"].data + b"# more\n"
    yield content_edit(made, "edit requirements.in", {"requirements.in": File(names)})


def bump_submodules(made: Generated, chance: random.Random) -> Iterator[Mutation]:
    """Bump a submodule in its code, or only in a document."""
    for path in made.submodules:
        users = made.users(path)
        if path.startswith("models/"):
            users |= {path.split("/")[1]}
        users |= linked_to(made, f"{path}/scales.csv")
        for number, what in ((1, "new code"), (2, "a new document")):
            documents_only = number == 2 and path == "vendor"
            yield Mutation(
                name=f"bump {path} to {what}",
                edits={path: File(str(number).encode(), SUBMODULE)},
                trained=made.unfollowed | (NOBODY if documents_only else users),
                shown=path,
            )


FILE_MUTATIONS = (
    edit_settings,
    edit_readme,
    edit_folder,
    edit_models,
    edit_data,
    edit_documents,
    edit_modes,
    edit_line_endings,
    edit_links,
    edit_pins,
    bump_submodules,
)
