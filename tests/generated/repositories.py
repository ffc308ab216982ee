"""Generated repositories of models, modules, packages, links and submodules.

A repository is written from a description that knows what every piece of code needs,
so nothing here parses code: the description itself says which models an edit changes.
"""

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from generated.needs import (
    ALL_PINS,
    EVERYTHING,
    NESTED_READS,
    PACKAGES,
    RARE,
    UNFOLLOWABLE,
    Code,
    Need,
    dotted_name,
    unique_name,
    write_import,
    write_notebook_read,
    write_package_import,
    write_read,
)

FILE, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"
STAGES = ("prepare", "train-register", "deploy")
NAMES = ("abalone", "churn", "fraud", "wine-2", "x")
TASKS = ("regression", "binary")
# By folder the data file that its modules may read.
BESIDE = {"features": "rates.csv", "shared": "days.txt"}
# The commits of a submodule: the first one, new code, and a new document only.
VERSIONS = ((1, "one"), (2, "two"), (1, "two"))


class File(NamedTuple):
    """What is at a path: content, the target of a link, or a submodule's commit."""

    data: bytes
    mode: str = FILE


# By path; None: nothing is there any more.
Files = dict[str, File]
Edits = dict[str, File | None]


class Generated:
    """A repository, written from what its code needs.

    Attributes:
        code: modules and notebooks by path.
        files: everything by path.
        stages: by model the notebook of each stage.
        submodules: by path the files of each commit of a submodule, the first one
            checked out.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.code: dict[str, Code] = {}
        self.files: Files = {}
        self.models = sorted(self.chance.sample(NAMES, self.chance.randint(3, 4)))
        self.tasks = {name: self.chance.choice(TASKS) for name in self.models}
        self.stages: dict[str, dict[str, str]] = {}
        self.submodules: dict[str, list[Files]] = {}
        self._write_files()
        self._write_modules()
        self._write_models()
        self._render()

    def needs_of(self, model: str) -> set[str]:
        """Return everything that the training of a model needs, directly or not."""
        ahead = [self.stages[model][stage] for stage in STAGES[:2]]
        found = {*ahead}
        for one in ahead:
            for need in self.code[one].needs if one in self.code else ():
                new = [to for to in need.to if to not in found]
                found.update(new)
                ahead += new
        return found

    def users(self, *things: str) -> frozenset[str]:
        """Return the models whose training needs one of some things."""
        wanted = set(things)
        return frozenset(m for m in self.models if wanted & self.needs_of(m))

    @property
    def unfollowed(self) -> frozenset[str]:
        """Return the models with code that cannot be followed."""
        return self.users(EVERYTHING)

    def pin_users(self, package: str) -> frozenset[str]:
        """Return the models that a pinned package determines."""
        users = {m for m in self.models if package in self.pins_of(m)}
        return frozenset(users) | self.users(EVERYTHING, ALL_PINS)

    def pins_of(self, model: str) -> set[str]:
        """Return the packages that a model's code imports, and those they need."""
        needs = self.needs_of(model)
        ahead = [one[4:] for one in needs if one.startswith("pin:")]
        for package in ahead:
            ahead += [one for one in PACKAGES[package][0] if one not in ahead]
        return set(ahead)

    def _write_files(self) -> None:
        """Write what is not code: data, documents, links, submodules."""
        put = self._put
        for path in ("README.md", "docs/guide.md", "features/README.md"):
            put(path, f"# About {path}\n")
        put("requirements.in", "pandas\nscikit-learn\n")
        put("requirements-dev.txt", "ruff==0.14.1\npytest==9.0.1\n    # via nbval\n")
        put(".gitignore", "build/\n*.tmp\n")
        put("tests/test_dates.py", "from features import dates\n\nassert dates.VALUE\n")
        put("assets/table.csv", "3\n")
        put("assets/unused.csv", "4\n")
        put("stock/parts.csv", "5\n")
        put("features/rates.csv", "6\n")
        put("features/notes.txt", "nobody reads this\n")
        put("features/tables/codes.csv", "7\n")
        put("shared/days.txt", "8\n")
        self._link("assets/more", "../stock")
        self._link("bridge", "features")
        self._link("calendar_days.py", "shared/dates.py")
        needs = []
        if self.chance.random() < 0.5:
            needs.append(Need("import common", "common.VALUE", ("common.py",)))
        self.code["vendor/units.py"] = Code("vendor/units.py", 0, needs)
        code = "\n".join(need.code for need in needs)
        self.submodules["vendor"] = [
            {
                "units.py": File(f"{code}\nVALUE = {n}\n".encode()),
                "scales.csv": File(f"{n + 1}\n".encode()),
                "CHANGES.md": File(text.encode()),
            }
            for n, text in VERSIONS
        ]

    def _write_modules(self) -> None:
        """Write the modules, each after those that it may import."""
        chance = self.chance
        low = ["common.py", "packages/toolbox/src/toolbox/__init__.py"]
        low += ["packages/toolbox/src/toolbox/scale.py", "shared/dates.py"]
        middle = [*low, "shared/rates.py", "shared/utils.py"]
        own = [f"features/{name}.py" for name in ("dates", "utils", "encode", "typed")]
        own += ["features/text/__init__.py", "features/text/tokens.py"]
        for path in middle:
            self._module(path, middle[: middle.index(path)])
        init = self._module("features/__init__.py", [])
        for path in own:
            earlier = own[: own.index(path)]
            self._module(path, [*middle, *(one for one in earlier if "__" not in one)])
        self._module("features/fallback.py", middle)
        exported = chance.choice(own[:3])
        if chance.random() < 0.6:
            line = f"from {dotted_name(exported)} import VALUE as EXPORTED"
            init.needs.append(Need(line, "EXPORTED", (exported,)))
        self._module("lifecycle/__init__.py", [])
        self._module("lifecycle/data.py", low)
        self.shared = [*middle, *own, "lifecycle/data.py", "features/fallback.py"]

    def _module(self, path: str, allowed: Sequence[str]) -> Code:
        """Write one module that imports some of the allowed ones."""
        made = Code(path, self.chance.randint(10, 99))
        self.code[path] = made
        count = min(len(allowed), self.chance.choice((0, 1, 1, 2)))
        for target in self.chance.sample(list(allowed), count):
            made.needs.append(self._import(target, path))
        if self.chance.random() < 0.3:
            made.needs.append(write_package_import(self.chance))
        folder = path.rpartition("/")[0]
        # A link leads to shared/dates.py, beside which there is no data.
        readable = folder in BESIDE and path != "shared/dates.py"
        if readable and self.chance.random() < 0.6:
            made.needs += write_read(self.chance, f"{folder}/{BESIDE[folder]}")
        if folder == "features" and self.chance.random() < 0.3:
            nested = "features/tables/codes.csv"
            made.needs += write_read(self.chance, nested, NESTED_READS)
        return made

    def _import(self, target: str, user: str) -> Need:
        """Write an import of a module."""
        inits = [path for path in self.code if path.endswith("/__init__.py")]
        return write_import(self.chance, target, user, inits)

    def _write_models(self) -> None:
        """Write the notebooks that models share, and each model's own."""
        shared = ["notebooks/train-register.ipynb", "notebooks/deploy.ipynb"]
        for task in TASKS:
            if self.chance.random() < 0.6:
                shared.append(f"notebooks/{task}/train-register.ipynb")
            if self.chance.random() < 0.3:
                shared.append(f"notebooks/{task}/deploy.ipynb")
        if self.chance.random() < 0.3:
            self._module("notebooks/binary/nearby.py", self.shared[:3])
        for path in shared:
            self._notebook(path, "")
        for model in self.models:
            self._write_model(model)

    def _write_model(self, model: str) -> None:
        """Write a model's folder, with or without modules, links and submodules."""
        chance, folder = self.chance, f"models/{model}"
        self._put(f"{folder}/README.md", f"# {model}\n")
        self._put(f"{folder}/model.yaml", self._settings(model))
        self._put(f"{folder}/weights.csv", "9\n")
        self._put(f"{folder}/queries/rows.sql", "select 1\n")
        if chance.random() < 0.5:
            self._module(f"{folder}/helper.py", self.shared)
        if chance.random() < 0.25:
            self._link(f"{folder}/assets", "../../assets")
        if chance.random() < 0.25:
            self._link(f"{folder}/table.csv", "../../assets/table.csv")
        if chance.random() < 0.2:
            self._link(f"{folder}/scales.csv", "../../vendor/scales.csv")
        if chance.random() < 0.2:
            self._link(f"{folder}/lost.csv", "../../build/lost.csv")
        if chance.random() < 0.2:
            # A folder without modules, named as a package is.
            name = chance.choice(("features", "xgboost", "shared"))
            self._put(f"{folder}/{name}/settings.csv", "1\n")
        if chance.random() < 0.25:
            self.submodules[f"{folder}/lib"] = [
                {
                    "blocks.py": File(f"VALUE = {n}\n".encode()),
                    "notes.md": File(text.encode()),
                }
                for n, text in VERSIONS
            ]
        for stage in STAGES:
            if stage == "prepare" or chance.random() < 0.3:
                self._notebook(f"{folder}/{stage}.ipynb", model)
        if chance.random() < 0.3:
            self._notebook(f"{folder}/explore.ipynb", model)
        self.stages[model] = {
            stage: self.find(model, stage, self.tasks[model]) for stage in STAGES
        }

    def find(self, model: str, stage: str, task: str) -> str:
        """Return the notebook of a stage: own, of the task, or shared by all."""
        places = (f"models/{model}", f"notebooks/{task}", "notebooks")
        paths = (f"{place}/{stage}.ipynb" for place in places)
        return next(path for path in paths if path in self.code)

    def _notebook(self, path: str, model: str) -> None:
        """Write a notebook that imports modules and packages, and reads files."""
        chance = self.chance
        made = Code(path, chance.randint(10, 99))
        self.code[path] = made
        for target in chance.sample(self.shared, chance.choice((1, 2, 2, 3))):
            made.needs.append(self._import(target, path))
        if chance.random() < 0.7:
            made.needs.append(write_package_import(self.chance))
        if chance.random() < 0.5:
            made.needs += write_notebook_read("assets/table.csv", path)
        folder = path.rpartition("/")[0]
        if f"{folder}/helper.py" in self.code:
            made.needs.append(
                Need("import helper", "helper.VALUE", (f"{folder}/helper.py",))
            )
        if f"{folder}/nearby.py" in self.code:
            made.needs.append(
                Need("import nearby", "nearby.VALUE", (f"{folder}/nearby.py",))
            )
        if f"{folder}/lib" in self.submodules:
            paths = (f"{folder}/lib", f"{folder}/lib/blocks.py")
            made.needs.append(Need("from lib import blocks", "blocks.VALUE", paths))
        if model and chance.random() < 0.2:
            other = next(one for one in self.models if one != model)
            made.needs += write_notebook_read(f"models/{other}/weights.csv", path)
        made.needs += chance.sample(RARE, chance.choice((0, 0, 1, 1, 2)))
        if chance.random() < 0.05:
            made.needs.append(chance.choice(UNFOLLOWABLE))

    def _settings(self, model: str) -> str:
        return (
            f"name: {model}\ndescription: Made by a generator.\nowner: ml-team\n"
            f"task: {self.tasks[model]}\ndata: {model}.csv\napproval: manual\n"
            "training:\n  hyperparameters: {num_round: 5, eta: 0.2}\n"
            "gates: {rmse: {max: 2.5}}\nendpoint: {instance_type: ml.m5.large}\n"
        )

    def _put(self, path: str, text: str) -> None:
        self.files[path] = File(text.encode())

    def _link(self, path: str, target: str) -> None:
        self.files[path] = File(target.encode(), LINK)

    def _render(self) -> None:
        """Write all code and the lock, and put the submodules' files beside them."""
        for path, code in self.code.items():
            if path.startswith("vendor/"):
                continue
            text = render_module(code)
            if path.endswith(".ipynb"):
                text = self._render_notebook(code)
            self._put(path, text)
        self._put("features/typing_only.py", "VALUE = 1\n")
        self._put("requirements.txt", render_lock(versions()))

    def _render_notebook(self, code: Code) -> str:
        """Write a notebook as JupyterLab does, or on one line as other tools do."""
        compact = self.seed % 4 == 3
        cells = notebook_cells(code)
        if not compact:
            for cell in cells:
                cell["source"] = cell["source"].splitlines(keepends=True)
        return render_notebook(cells, indent=None if compact else 1)


def versions() -> dict[str, str]:
    """Return the first version of every package."""
    return {name: f"1.{index}.0" for index, name in enumerate(sorted(PACKAGES))}


def render_lock(pins: dict[str, str], more: dict[str, str] | None = None) -> str:
    """Write a requirements file as `uv pip compile` does.

    Args:
        more: by package another one that needs it, too.
    """
    lines = []
    for name, version in sorted(pins.items()):
        lines.append(f"{name}=={version}")
        parents = sorted(one for one in PACKAGES if name in PACKAGES[one][0])
        parents += [more[name]] if more and name in more else []
        if len(parents) == 1:
            lines.append(f"    # via {parents[0]}")
        else:
            parents = parents or ["-r requirements.in"]
            lines += ["    # via", *(f"    #   {parent}" for parent in parents)]
    return "\n".join([*lines, ""])


def render_module(code: Code) -> str:
    """Write a module that computes a value from everything that it needs."""
    lines = [f'"""Compute a value, by way of {len(code.needs)} needs."""', ""]
    lines += [need.code for need in code.needs]
    values = " + ".join(["CONSTANT", *(need.value for need in code.needs)])
    lines += [f"CONSTANT = {code.constant}", f"VALUE = {values}"]
    lines += [f"{unique_name(code.path)} = VALUE", ""]
    return "\n".join(line for line in lines if line or line == "")


def notebook_cells(code: Code) -> list[dict[str, Any]]:
    """Write the cells of a notebook whose result depends on what it needs."""
    values = " + ".join(["CONSTANT", *(need.value for need in code.needs)])
    return [
        text_cell("# What comes out?"),
        code_cell('model: str = "any"  # the model', "parameters"),
        *(code_cell(need.code) for need in code.needs if need.code),
        text_cell("The result:"),
        code_cell(f"CONSTANT = {code.constant}\nVALUE = {values}"),
        code_cell("print(VALUE)", "results"),
    ]


def code_cell(source: str, *tags: str) -> dict[str, Any]:
    """Write a code cell that has not run."""
    metadata = {"tags": list(tags)} if tags else {}
    rest = {"execution_count": None, "outputs": [], "metadata": metadata}
    return {"cell_type": "code", "source": source, **rest}


def text_cell(source: str) -> dict[str, Any]:
    """Write a text cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def render_notebook(cells: Iterable[dict[str, Any]], indent: int | None = 1) -> str:
    """Write a notebook file."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": list(cells), "metadata": {"kernelspec": kernel}}
    notebook |= {"nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=indent, ensure_ascii=False) + "\n"
