"""Generated repositories of models, modules, packages, data, links and submodules.

All code is executed when a notebook is: what it needs can be observed. A module
computes a number from everything that it needs.
"""

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

FILE, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"
STAGES = ("prepare", "train-register", "deploy")
TASKS = ("regression", "binary")
# By package its module, and the packages that it needs.
PACKAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "numpy": ("numpy", ()),
    "six": ("six", ()),
    "python-dateutil": ("dateutil", ("six",)),
    "pandas": ("pandas", ("numpy", "python-dateutil")),
    "scikit-learn": ("sklearn", ("numpy",)),
    "xgboost-cpu": ("xgboost", ("numpy",)),
    "pyyaml": ("yaml", ()),
    "idna": ("idna", ()),
}
# Modules, each of which may import those before it.
MODULES = """
common.py packages/toolbox/src/toolbox/__init__.py packages/toolbox/src/toolbox/scale.py
shared/dates.py shared/utils.py features/dates.py features/utils.py features/encode.py
features/text/__init__.py features/text/tokens.py lifecycle/data.py
""".split()  # noqa: SIM905, a list of names reads better unquoted
INITS = ("features/__init__.py", "lifecycle/__init__.py")
# How Python imports a module, and an expression over what it defines.
IMPORTS = (
    ("import {dotted}", "{dotted}.VALUE"),
    ("import {dotted} as {alias}", "{alias}.VALUE"),
    ("from {dotted} import VALUE as {alias}", "{alias}"),
    ("from {dotted} import *", "{unique}"),
    ("x = 1; import {dotted} as {alias}", "{alias}.VALUE"),
    ("def {alias}():\n    import {dotted}\n    return {dotted}.VALUE", "{alias}()"),
    ("class {alias}:\n    from {dotted} import VALUE", "{alias}.VALUE"),
    ("{alias} = __import__('{dotted}', fromlist=['VALUE'])", "{alias}.VALUE"),
    ("import importlib as il\n{alias} = il.import_module('{dotted}')", "{alias}.VALUE"),
    (
        "from importlib import import_module as load\n{alias} = load('{dotted}')",
        "{alias}.VALUE",
    ),
    ("try:\n    import {dotted} as {alias}\nfinally:\n    pass", "{alias}.VALUE"),
    ("if True:\n    for _ in 'x':\n        import {dotted}", "{dotted}.VALUE"),
)
IMPORTS_FROM = (
    ("from {parent} import {stem}", "{stem}.VALUE"),
    ("from {parent} import (\n    {stem} as {alias},\n)", "{alias}.VALUE"),
    ("from {parent} \\\n    import {stem} as {alias}", "{alias}.VALUE"),
)
IMPORTS_BESIDE = (
    ("from . import {stem} as {alias}", "{alias}.VALUE"),
    ("from .{stem} import VALUE as {alias}", "{alias}"),
    ("from .{stem} import *", "{unique}"),
)
IMPORTS_ABOVE = (
    ("from .. import {stem} as {alias}", "{alias}.VALUE"),
    ("from ..{stem} import VALUE as {alias}", "{alias}"),
)
PACKAGE_IMPORTS = (
    ("import {0}", "{0}.VALUE"),
    ("import {0}.core as {0}_core", "{0}_core.VALUE"),
    ("try:\n    import {0}\nexcept ImportError:\n    {0} = None", "{0}.VALUE"),
)
# How code reads a number from a file, as an expression.
READS_BESIDE = (
    "int(Path(__file__).with_name('rates.csv').read_text())",
    "int(open(os.path.join(os.path.dirname(__file__), 'rates.csv')).read())",
    "int(open(f'{os.path.dirname(__file__)}/rates.csv').read())",
    "int(pkgutil.get_data('features', 'rates.csv'))",
    "int((Path(__file__).parents[1] / 'stock' / 'parts.csv').read_text())",
    "int((Path(__file__).parent / 'tables/codes.csv').read_text())",
    "int((resources.files('features') / 'tables' / 'codes.csv').read_text())",
    "sum(int(p.read_text()) for p in sorted(Path(__file__).parent.glob('*.csv')))",
    "int((Path(__file__).parents[1] / 'assets' / 'table.csv').read_text())",
)
# Of a name in pieces, the whole folder counts, which is more than is read.
READS = (
    "int(open('{up}assets/table.csv').read())",
    "int(open(os.path.join('{up}', 'assets', 'table.csv')).read())",
    "int((Path('{up}') / 'assets' / 'more' / 'parts.csv').read_text())",
    "sum(int(open(p).read()) for p in sorted(glob.glob('{up}assets/*.csv')))",
    "int(open('{up}features/%s.csv' % 'rates').read())",
)
READING = "import glob, os, pkgutil\nfrom importlib import resources\n"
READING += "from pathlib import Path"
# Code of few notebooks; a mark says what counts that an execution does not show.
EVERYTHING, ALL_PINS = "# everything counts", "# all pins count"
RARE = (
    ("from vendor import units", "units.VALUE"),
    ("from bridge import dates as bridged", "bridged.VALUE"),
    ("import calendar_days", "calendar_days.VALUE"),
    (
        "try:\n    from features import fast\n"
        "except ImportError:\n    from features import fallback as fast",
        "fast.VALUE",
    ),
    (f"try:\n    import cudf  {ALL_PINS}\nexcept ImportError:\n    cudf = None", "0"),
    (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from features import typing_only",
        "0",
    ),
    (f"exec('X = 1')  {EVERYTHING}", "X"),
    (f"import sys\nsys.path.append('../../assets')  {EVERYTHING}", "0"),
    (
        "import importlib\n"
        f"loaded = importlib.import_module('shared' + '.dates')  {EVERYTHING}",
        "loaded.VALUE",
    ),
)


class File(NamedTuple):
    """What is at a path: content, the target of a link, or a submodule's commit."""

    data: bytes
    mode: str = FILE


# By path; None: nothing is there any more. A submodule's commit is its number.
Files = dict[str, File]
Edits = dict[str, File | None]


class Generated:
    """A repository by its files.

    Attributes:
        submodules: by path the files of each commit, the first one checked out.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.files: Files = {}
        self.submodules: dict[str, list[Files]] = {}
        self.compact = seed % 4 == 3
        self.tasks = {
            name: self.chance.choice(TASKS)
            for name in sorted(self.chance.sample(("abalone", "churn", "x-2", "z"), 3))
        }
        self._write_data()
        self._write_modules()
        for path in self._shared_notebooks():
            self._put(path, self._notebook(path))
        for model, task in self.tasks.items():
            self._write_model(model, task)

    def _put(self, path: str, text: str, mode: str = FILE) -> None:
        self.files[path] = File(text.encode(), mode)

    def _write_data(self) -> None:
        """Write what is not code: data, documents, links, a submodule."""
        put = self._put
        for path in ("README.md", "docs/guide.md", "tests/test_dates.py"):
            put(path, "# About this\n")
        put(".gitignore", "build/\n*.tmp\n")
        put("requirements.txt", render_lock())
        put("requirements-dev.txt", "ruff==0.14.1\n")
        numbers = "assets/table assets/unused stock/parts features/rates"
        for number, path in enumerate([*numbers.split(), "features/tables/codes"]):
            put(f"{path}.csv", f"{number + 3}\n")
        put("features/notes.txt", "no code reads this\n")
        put("assets/more", "../stock", LINK)
        put("bridge", "features", LINK)
        put("calendar_days.py", "shared/dates.py", LINK)
        self.submodules["vendor"] = [
            {
                "units.py": File(f"import common\nVALUE = {number}\n".encode()),
                "CHANGES.md": File(text.encode()),
            }
            for number, text in ((1, "one"), (2, "two"), (1, "two"))
        ]

    def _write_modules(self) -> None:
        """Write the modules, each after those that it may import."""
        for number, path in enumerate(MODULES):
            self._module(path, MODULES[:number])
        for path in INITS:
            self._put(path, "VALUE = 0\n")
        self._put("features/fallback.py", "VALUE = 1\n")
        self._put("features/typing_only.py", "VALUE = 1\n")

    def _module(self, path: str, allowed: Sequence[str]) -> None:
        """Write one module that imports some of the allowed ones."""
        chance = self.chance
        count = min(len(allowed), chance.choice((0, 1, 1, 2)))
        needs = [self._import(one, path) for one in chance.sample(allowed, count)]
        if chance.random() < 0.3:
            needs.append(self._package_import())
        if path.startswith("features/") and path.count("/") == 1:
            needs += [(READING, chance.choice(READS_BESIDE))] * (chance.random() < 0.6)
        code, values = self._compose(needs)
        unique = f"{_unique(path)} = VALUE\n"
        self._put(path, "\n".join([*code, f"VALUE = {values}", unique]))

    def _compose(self, needs: Iterable[tuple[str, str]]) -> tuple[list[str], str]:
        listed = list(needs)
        constant = str(self.chance.randint(10, 99))
        return [code for code, _ in listed], " + ".join(
            [constant, *(v for _, v in listed)]
        )

    def _import(self, target: str, user: str) -> tuple[str, str]:
        """Write an import of a module in one of the forms that its user may take."""
        dotted = target.removeprefix("packages/toolbox/src/").removesuffix(".py")
        dotted = dotted.removesuffix("/__init__").replace("/", ".")
        parent, _, stem = dotted.rpartition(".")
        folder = user.rpartition("/")[0].replace("/", ".")
        forms = (*IMPORTS, *IMPORTS_FROM) if parent else IMPORTS
        if user.endswith(".py") and parent and self.chance.random() < 0.5:
            if folder == parent:
                forms = IMPORTS_BESIDE
            elif folder.rpartition(".")[0] == parent:
                forms = IMPORTS_ABOVE
        code, value = self.chance.choice(forms)
        words = {"dotted": dotted, "parent": parent, "stem": stem}
        words |= {
            "alias": f"m{self.chance.randint(100, 999)}",
            "unique": _unique(target),
        }
        return code.format(**words), value.format(**words)

    def _package_import(self) -> tuple[str, str]:
        module = PACKAGES[self.chance.choice(sorted(PACKAGES)[2:])][0]
        code, value = self.chance.choice(PACKAGE_IMPORTS)
        return code.format(module), value.format(module)

    def _shared_notebooks(self) -> list[str]:
        """Choose which notebooks models share."""
        tasks = [
            f"notebooks/{task}/{stage}.ipynb"
            for task in TASKS
            for stage in STAGES[1:]
            if self.chance.random() < 0.4
        ]
        return ["notebooks/train-register.ipynb", "notebooks/deploy.ipynb", *tasks]

    def _write_model(self, model: str, task: str) -> None:
        """Write a model's folder, with or without modules, links and submodules."""
        folder, chance = f"models/{model}", self.chance
        self._put(f"{folder}/README.md", f"# {model}\n")
        self._put(
            f"{folder}/model.yaml",
            f"name: {model}\ndescription: Generated.\nowner: ml-team\ntask: {task}\n"
            f"data: {model}.csv\napproval: manual\ngates: {{rmse: {{max: 2.5}}}}\n"
            "training:\n  hyperparameters: {num_round: 5}\n"
            "endpoint: {instance_type: ml.m5.large}\n",
        )
        self._put(f"{folder}/weights.csv", "9\n")
        self._put(f"{folder}/queries/rows.sql", "select 1\n")
        if chance.random() < 0.5:
            self._module(f"{folder}/helper.py", MODULES)
        for name, target in (
            ("assets", "../../assets"),
            ("table.csv", "../../assets/table.csv"),
            ("changes.md", "../../vendor/CHANGES.md"),
            ("lost.csv", "../../build/lost.csv"),
            ("here", "."),
        ):
            if chance.random() < 0.2:
                self._put(f"{folder}/{name}", target, LINK)
        if chance.random() < 0.3:
            # A folder without modules, named as a package is.
            name = chance.choice(("features", "xgboost", "shared"))
            self._put(f"{folder}/{name}/settings.csv", "1\n")
        if chance.random() < 0.25:
            self.submodules[f"{folder}/lib"] = [
                {"blocks.py": File(f"VALUE = {number}\n".encode())} for number in (1, 2)
            ]
        for stage in STAGES:
            if stage == "prepare" or chance.random() < 0.3:
                path = f"{folder}/{stage}.ipynb"
                self._put(path, self._notebook(path))

    def _notebook(self, path: str) -> str:
        """Write a notebook that imports modules and packages, and reads files."""
        chance, folder = self.chance, path.rpartition("/")[0]
        count = chance.choice((1, 2, 2, 3))
        needs = [self._import(one, path) for one in chance.sample(MODULES, count)]
        if chance.random() < 0.6:
            needs.append(self._package_import())
        if chance.random() < 0.5:
            up = "../" * path.count("/")
            needs.append((READING, chance.choice(READS).replace("{up}", up)))
        if f"{folder}/helper.py" in self.files:
            needs.append(("import helper", "helper.VALUE"))
        if f"{folder}/lib" in self.submodules:
            needs.append(("from lib import blocks", "blocks.VALUE"))
        needs += chance.sample(RARE, chance.choice((0, 0, 1)))
        code, values = self._compose(needs)
        cells = [code_cell('model: str = "any"', "parameters"), text_cell("# Title")]
        cells += [code_cell(one) for one in code]
        cells += [code_cell(f"VALUE = {values}"), code_cell("print(VALUE)", "results")]
        return render_notebook(cells, None if self.compact else 1)


def _unique(path: str) -> str:
    """Return a name that only one module defines."""
    return "OF_" + "".join(c if c.isalnum() else "_" for c in path)


def render_lock(pins: dict[str, str] | None = None, needs: str = "") -> str:
    """Write a requirements file as `uv pip compile` does.

    Args:
        pins: versions other than the usual ones.
        needs: the package that needs the package `novel`.
    """
    versions = {name: f"1.{number}" for number, name in enumerate(sorted(PACKAGES))}
    lines = []
    for name, version in sorted((versions | (pins or {})).items()):
        lines.append(f"{name}=={version}")
        parents = [one for one in PACKAGES if name in PACKAGES[one][1]]
        parents += [needs] if needs and name == "novel" else []
        if len(parents) == 1:
            lines.append(f"    # via {parents[0]}")
        elif parents:
            lines += ["    # via", *(f"    #   {parent}" for parent in parents)]
    return "\n".join([*lines, ""])


def code_cell(source: str, *tags: str) -> dict[str, Any]:
    """Write a code cell that has not run."""
    metadata = {"tags": list(tags)} if tags else {}
    rest = {"execution_count": None, "outputs": [], "metadata": metadata}
    return {"cell_type": "code", "source": source, **rest}


def text_cell(source: str) -> dict[str, Any]:
    """Write a text cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def render_notebook(cells: Iterable[dict[str, Any]], indent: int | None = 1) -> str:
    """Write a notebook file as JupyterLab does, or on one line as other tools do."""
    listed = [
        one | {"source": one["source"].splitlines(keepends=True)} if indent else one
        for one in cells
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": listed, "metadata": {"kernelspec": kernel}, "nbformat": 4}
    text = json.dumps(notebook | {"nbformat_minor": 5}, indent=indent)
    return f"{text}\n"
