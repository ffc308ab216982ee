"""What a notebook needs: modules, the files that code names, and pins."""

import json
from collections.abc import Mapping

import pytest
from memory import MemoryTree
from notebook_inputs import Graph, Inputs

NOTEBOOK = "models/churn/prepare.ipynb"
FEATURES = {"features/__init__.py": "", "features/dates.py": "V = 1"}
READER = "features/reader.py"


def notebook(code: str) -> str:
    cell = {"cell_type": "code", "source": code, "metadata": {}, "outputs": []}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4})


def reach(files: Mapping[str, str | bytes], code: str) -> Inputs:
    tree = MemoryTree({NOTEBOOK: notebook(code), **files})
    return Graph(tree, sources=["packages/*/src"]).inputs(NOTEBOOK)


# Files of a repository by name, code of a notebook, and the modules that it executes.
MODULES = [
    # A package wins over a module, both over a folder; the nearer place over both.
    ("a.py a/__init__.py", "import a", "a/__init__.py"),
    ("a.py a/x.csv", "import a", "a.py"),
    ("models/churn/a.py a.py", "import a", "models/churn/a.py"),
    ("models/churn/a/x.csv a.py", "import a", "a.py"),
    (
        "models/churn/a/x.csv a/__init__.py a/b.py",
        "from a import b",
        "a/__init__.py a/b.py",
    ),
    ("packages/p/src/a.py a.py", "import a", "packages/p/src/a.py"),
    # Folders without an __init__.py are parts of one package, wherever they are.
    ("models/churn/a/x.py a/b.py", "import a.b", "a/b.py"),
    (
        "a/c.py packages/p/src/a/b.py",
        "from a import b, c",
        "a/c.py packages/p/src/a/b.py",
    ),
    ("a/b.py packages/p/src/a/c.py", "import a.b", "a/b.py packages/p/src/a/c.py"),
    # The standard library and installed packages come first, unless they are here.
    ("json.py models/churn/json.py", "import json", ""),
    ("asyncore2.py", "import asyncore2", "asyncore2.py"),
    ("pandas.py pandas/__init__.py", "import pandas", ""),
    ("models/churn/pandas/x.csv", "import pandas", ""),
    ("models/churn/pandas.py", "import pandas", "models/churn/pandas.py"),
    # Compiled modules.
    (
        "a/__init__.py a/f.cpython-311-darwin.so",
        "import a.f",
        "a/__init__.py a/f.cpython-311-darwin.so",
    ),
    ("f.abi3.so f.py", "import f", "f.abi3.so f.py"),
    ("a/__init__.cp311-win_amd64.pyd", "import a", "a/__init__.cp311-win_amd64.pyd"),
    # Names that a star stands for.
    ("a/__init__.py a/b.py", "from a import *", "a/__init__.py"),
    ("models/fraud/a.py", "from models.fraud import a", "models/fraud/a.py"),
    ("models/fraud/a.py", "import a", ""),
]
CODE = {
    "a/b.py": "from . import c",
    "pandas.py": "import nothing",
}


@pytest.mark.parametrize(("names", "code", "modules"), MODULES)
def test_modules_are_found_where_a_kernel_finds_them(
    names: str, code: str, modules: str
) -> None:
    """Standard library, notebook's folder, installed, packages/*/src, repository."""
    files = {name: CODE.get(name, "") for name in names.split()}
    found = reach({**files, "requirements.txt": "pandas==2.0\n"}, code)

    assert sorted(found.modules) == modules.split()


STARS = [
    ("__all__ = ['dates']", True),
    ("__all__: list[str] = ['dates']", True),
    ("__all__ = []\n__all__ += ['dates']", True),
    ("NAMES = ['dates']\n__all__ = [*NAMES]", True),
    ("if True:\n    __all__ = ['dates']", True),
    ("__all__ = ['rates']", False),
    ("", False),
]


@pytest.mark.parametrize(("init", "counts"), STARS)
def test_a_star_imports_what_the_package_lists(init: str, counts: bool) -> None:
    """All of it, if the list is computed."""
    files = {**FEATURES, "features/__init__.py": init}

    assert ("features/dates.py" in reach(files, "from features import *").modules) == (
        counts
    )


# Code in a module features/reader.py, and a file that it reads.
READS = [
    ("open(os.path.join(HERE, 'rates.csv'))", "features/rates.csv"),
    (
        "(Path(__file__).parent / 'tables' / 'codes.csv').read_text()",
        "features/tables/codes.csv",
    ),
    (
        "(Path(__file__).parents[1] / 'assets' / 'table.csv').read_text()",
        "assets/table.csv",
    ),
    ("open(os.path.join('..', '..', 'assets', 'table.csv'))", "assets/table.csv"),
    ("open('../../assets/table.csv')", "assets/table.csv"),
    ("open('../fraud/weights.csv')", "models/fraud/weights.csv"),
    ("open(f'{HERE}/tables/codes.csv')", "features/tables/codes.csv"),
    ("open('../../{}/table.csv'.format('assets'))", "assets/table.csv"),
    ("open('../../assets/%s.csv' % name)", "assets/table.csv"),
    ("open('../../assets/' + name + '.csv')", "assets/table.csv"),
    ("list(Path(__file__).parent.glob('*.csv'))", "features/rates.csv"),
    ("list(Path(__file__).parent.iterdir())", "features/rates.csv"),
    ("list(Path(__file__).parent.rglob('*.csv'))", "features/tables/codes.csv"),
    ("glob.glob('../../assets/*.csv')", "assets/table.csv"),
    ("glob.glob('../../assets/**/*.csv')", "assets/table.csv"),
    ("os.listdir('../../assets')", "assets/table.csv"),
    ("Path('..', '..', 'assets').iterdir()", "assets/table.csv"),
    ("pandas.read_parquet(os.path.join('..', '..', 'assets'))", "assets/table.csv"),
    (
        "importlib.resources.files('features').joinpath('rates.csv')",
        "features/rates.csv",
    ),
    (
        "importlib.resources.files('features.tables') / 'codes.csv'",
        "features/tables/codes.csv",
    ),
    ("pkgutil.get_data('features', 'rates.csv')", "features/rates.csv"),
    ("import tools\nopen(Path(tools.__file__).parent / 'x.csv')", "tools/x.csv"),
    ("open('../../assets/linked/parts.csv')", "assets/linked/parts.csv"),
    ("open('../../vendor/scales.csv')", "vendor"),
]
DATA = [
    "features/rates.csv",
    "features/tables/codes.csv",
    "assets/table.csv",
    "models/fraud/weights.csv",
    "stock/parts.csv",
    "tools/x.csv",
]
LINKS = {"assets/linked": "-> ../stock", "vendor": "@"}


@pytest.mark.parametrize(("code", "file"), READS)
def test_a_file_counts_that_code_names(code: str, file: str) -> None:
    """Whole or in pieces, from the code's folder or from the notebook's."""
    files = {**FEATURES, READER: code, **dict.fromkeys(DATA, "1"), **LINKS}
    found = reach(files, "from features import reader")

    assert found.files[file] == (READER, NOTEBOOK)


@pytest.mark.parametrize(
    "code",
    [
        "print(f'{number} of {total}/{rest}')",
        "table.plot(marker='*', label='assets')",
        "table['rates'] / table['table']",
        "'text/csv', 'a/b', 'features', '*', '.', '..', '/', ''",
        "open(f'{HERE}/nothing.csv')",
        "'''Reads rates.csv.'''",
    ],
)
def test_texts_that_name_nothing_count_for_nothing(code: str) -> None:
    """Most texts are words."""
    files = {**FEATURES, READER: code, **dict.fromkeys(DATA, "1"), **LINKS}

    assert reach(files, "from features import reader").files == {}


def test_a_module_counts_itself_where_no_python_can_read_it() -> None:
    """It imports nothing then; it is said."""
    files = {**FEATURES, "features/bad.py": "def ("}
    found = reach(files, "from features import bad")

    assert [*found.modules] == ["features/__init__.py", "features/bad.py"]
    assert found.unfollowed == ""
    assert found.notes == [
        "features/bad.py is no Python that can be parsed, so that it imports nothing"
    ]


def test_a_submodule_that_is_not_checked_out_counts_by_its_commit() -> None:
    """With a note that says how to get its files."""
    found = reach({"vendor": "@"}, "from vendor import units")

    assert [*found.modules] == ["vendor"]
    assert "vendor is a submodule that is not checked out" in found.notes[0]


def test_a_link_out_of_the_repository_counts_itself() -> None:
    """What it leads to is not here."""
    assert [*reach({"tools": "-> /opt/tools"}, "import tools.x").modules] == ["tools"]


def test_the_notebook_s_folder_counts_for_each_model_on_its_own() -> None:
    """A shared module imports another model's helper from another model's notebook."""
    files = {
        "features/__init__.py": "import helper",
        "models/churn/helper.py": "",
        "models/fraud/helper.py": "",
        "models/fraud/prepare.ipynb": notebook("import features"),
    }
    graph = Graph(MemoryTree({NOTEBOOK: notebook("import features"), **files}))
    for model in ("churn", "fraud"):
        found = graph.inputs(f"models/{model}/prepare.ipynb").modules
        assert [*found] == ["features/__init__.py", f"models/{model}/helper.py"]


LOCKS = [
    (
        {"requirements.txt": "-r locks/run.txt\n", "locks/run.txt": "pandas==2.0\n"},
        "2.0",
    ),
    (
        {
            "requirements.txt": "pandas\n-c locks/c.txt\n",
            "locks/c.txt": "pandas==2.0\n",
        },
        "2.0",
    ),
    ({"requirements.txt": "-r requirements.txt\npandas==2.0\n"}, "2.0"),
    ({"requirements.txt": "-> locks/run.txt", "locks/run.txt": "pandas==2.0\n"}, "2.0"),
    (
        {"requirements.txt": "pandas @ git+https://example.com/p@aaa\n"},
        "@git+https://example.com/p@aaa",
    ),
    (
        {
            "requirements.txt": "./wheels/pandas-2.0-any.whl\n",
            "wheels/pandas-2.0-any.whl": "1",
        },
        "@./wheels/pandas-2.0-any.whl=1",
    ),
    (
        {"requirements.txt": "pandas @ file:wheels/p.whl\n", "wheels/p.whl": "1"},
        "@wheels/p.whl=1",
    ),
]


@pytest.mark.parametrize(("files", "version"), LOCKS)
def test_pins_are_read_where_pip_reads_them(
    files: Mapping[str, str], version: str
) -> None:
    """In files that the lock includes, and in wheels of the repository."""
    assert Graph(MemoryTree(files)).lock.pins == {"pandas": version}


def test_code_that_runs_elsewhere_counts_by_itself() -> None:
    """What it imports is on the other machine, and is not followed."""
    handler = "import importlib, nowhere\nimportlib.import_module(nowhere.name)"
    files = {"pack.py": "SENT = 'handler.py'", "handler.py": handler}
    tree = MemoryTree({NOTEBOOK: notebook("import pack"), **files})
    followed = Graph(tree).inputs(NOTEBOOK)
    counted = Graph(tree, elsewhere={"handler.py"}).inputs(NOTEBOOK)
    assert (bool(followed.unfollowed), bool(followed.unknown)) == (True, True)
    assert (counted.unfollowed, counted.unknown) == ("", "")
    assert set(counted.modules) == {"pack.py", "handler.py"}
