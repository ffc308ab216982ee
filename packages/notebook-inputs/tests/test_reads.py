"""What code reads, told from its text: imports, names of files, what hides both."""

import json

import pytest
from notebook_inputs.reads import (
    NotebookError,
    read_cells,
    read_code,
    read_notebook,
    star_names,
)
from notebook_inputs.syntax import Import

DATES = Import("features.dates")
# Code that cannot be followed: it runs or imports what it computes, or looks elsewhere.
UNFOLLOWED = [
    "exec('x = 1')",
    "run = exec",
    "import builtins\nbuiltins.eval(text)",
    "import builtins as b\nb.exec(text)",
    "from builtins import exec as run\nrun(text)",
    "getattr(__builtins__, 'ex' + 'ec')(text)",
    "import os\ngetattr(os, 'system')('ls')",
    "import os\ngetattr(os, name)('ls')",
    "list(map(__import__, names))",
    "__import__('features.' + name)",
    "import importlib\nimportlib.import_module(f'features.{name}')",
    "import importlib as il\nil.import_module(name)",
    "from importlib import import_module as load\nload(name)",
    "load = importlib.import_module",
    "import importlib\ntools = importlib",
    "from features.common import importlib\nimportlib.import_module(name)",
    "import importlib\nimportlib.import_module('.dates', package)",
    "import importlib.util\nimportlib.util.spec_from_file_location('x', path)",
    "from importlib.util import spec_from_file_location as spec\nspec('x', path)",
    "from importlib.machinery import SourceFileLoader\nSourceFileLoader('x', path)",
    "import runpy\nrunpy.run_path(path)",
    "from runpy import run_module as run\nrun('features.dates')",
    "import sys\nsys.path.insert(0, '../../assets')",
    "import sys\nsys.path += ['../../assets']",
    "import sys\nsys.path[:0] = ['../../assets']",
    "from sys import path as places\nplaces.append('../../assets')",
    "import site\nsite.addsitedir('../../assets')",
    "import os\nos.chdir('../../assets')",
    "import pydoc\npydoc.locate('features.dates')",
    "import pkgutil\npkgutil.resolve_name('features.dates:VALUE')",
    "import os\nos.system('python x.py')",
    "import subprocess\nsubprocess.run(['python', 'x.py'])",
    "import subprocess as sp\nsp.check_call(command)",
    "from subprocess import Popen\nPopen('ls', shell=True)",
    "import subprocess\nsubprocess.run(['git', 'x; python y.py'], shell=True)",
    "get_ipython().run_line_magic('run', 'x.py')",
    "ip = get_ipython()\nip.run_cell(text)",
    "from IPython import get_ipython as ip\nip().system('ls')",
]
# Code as it is common in data science, which hides nothing.
FOLLOWED = [
    "import re\nre.compile('a')",
    "from re import compile\ncompile('a')",
    "import pandas as pd\npd.eval('a + b')\ntable.eval('c = a + b')",
    "model.eval()\nmodel.compile(loss='mse')\ncursor.exec('select 1')",
    "import os\nos.path.join('a', 'b')\nos.environ['A'] = 'b'\nos.getcwd()",
    "from os import path\npath.exists('x')",
    "import sys\nsys.exit(0)\nsys.version_info\ngetattr(sys, 'frozen', False)",
    "import importlib.resources as r\nr.files('features')",
    "from importlib.metadata import version\nversion('pandas')",
    "import importlib\nimportlib.reload(dates)",
    "import subprocess\nsubprocess.run(['git', 'rev-parse', 'HEAD'])",
    "get_ipython().run_line_magic('matplotlib', 'inline')",
    "shell = get_ipython()\nprint(shell.__class__.__name__)",
    "pool.run(step)\nmodel.call(x)\nspec.loader\nutil.find(x)",
]
# Code, and what it imports.
IMPORTS = [
    ("import features.dates as d", [DATES]),
    ("def f():\n    import features.dates", [DATES]),
    ("f = lambda: __import__('features.dates')", [DATES]),
    (
        "__import__('features', fromlist=['dates'])",
        [Import("features", ("dates",))],
    ),
    (
        "import importlib as il\nil.import_module('features.dates')",
        [Import("importlib"), DATES],
    ),
    (
        "from importlib import import_module as load\nload('features.dates')",
        [Import("importlib", ("import_module",)), DATES],
    ),
    ("importlib.import_module('.dates', 'features')", [DATES]),
    ("importlib.import_module('..dates', package='features.text')", [DATES]),
    ("importlib.import_module('.dates', __package__)", [Import("dates", (), 1)]),
    ("importlib.util.find_spec('features.dates')", [DATES]),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a", ["typing"]),
    ("from typing import TYPE_CHECKING as T\nif T:\n    import a", ["typing"]),
    ("import typing as t\nif t.TYPE_CHECKING:\n    import a", ["typing"]),
    ("if TYPE_CHECKING:\n    import a", ["a"]),
    ("from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import a", ["a"]),
    (
        "from typing import TYPE_CHECKING\nTYPE_CHECKING = 1\n"
        "if TYPE_CHECKING:\n    import a",
        ["a"],
    ),
    ("import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import a", ["a"]),
]
# Code, and texts that may name files.
FILES = [
    ("open('../../assets/table.csv')", "../../assets/table.csv"),
    ("os.path.join('..', 'assets', name)", "../assets/*"),
    ("Path('..') / '..' / 'assets'", "../../assets"),
    ("Path(__file__).parent / 'tables' / 'codes.csv'", "*/tables/codes.csv"),
    ("f'{HERE}/rates.csv'", "*/rates.csv"),
    ("'../../{}/table.csv'.format(name)", "../../*/table.csv"),
    ("'../../assets/%s.csv' % name", "../../assets/*.csv"),
    ("'../../assets/' + name + '.csv'", "../../assets/*.csv"),
    ("folder.rglob('*.csv')", "**/*.csv"),
    ("[one for one in Path(__file__).parent.iterdir()]", "./*"),
    ("Path('assets')", "./assets"),
]
# Cells, with what makes that everything counts, and what is only said.
CELLS = [
    ("%matplotlib inline\nimport a", "", ""),
    ("%%time\nimport a", "", ""),
    ("%timeit -n 3 import a", "", ""),
    ("%%timeit import a\npass", "", ""),
    ("x = %time 3\nimport a", "", ""),
    ("%load_ext a", "", ""),
    ("%reload_ext a", "", ""),
    ("import a\na?", "", ""),
    ("sql = '''\n%run x.py\n!ls\n'''\nimport a", "", ""),
    ("x = (3\n% 2)\nimport a", "", ""),
    ("import a\n%run x.py", "runs %run x.py", ""),
    ("import a\n!python x.py", "runs !python x.py", ""),
    ("import a\nx.y = !ls", "runs x.y = !ls", ""),
    ("import a\n%%bash\nls", "runs %%bash", ""),
    ("import a\n%load_ext $name", "runs %load_ext $name", ""),
    ("run x.py", "has a cell that cannot be parsed: run x.py", ""),
    ("/exec a", "has a cell that cannot be parsed: /exec a", ""),
    ("x = (", "", "has a cell that no Python can parse: x = ("),
]


@pytest.mark.parametrize("code", UNFOLLOWED)
def test_code_that_runs_what_it_computes_cannot_be_followed(code: str) -> None:
    """Whatever the function is called in the code."""
    assert read_code(code.encode()).unfollowed
    assert read_cells((code,)).unfollowed


@pytest.mark.parametrize("code", FOLLOWED)
def test_usual_code_can_be_followed(code: str) -> None:
    """A method may have the name of a function that runs code."""
    assert read_code(code.encode()).unfollowed == ()


@pytest.mark.parametrize(("code", "imports"), IMPORTS)
def test_imports_are_found_in_every_form(code: str, imports: list[object]) -> None:
    """What only type checkers import is not executed."""
    found = read_code(code.encode())
    if all(isinstance(one, Import) for one in imports):
        assert list(found.imports) == imports
    else:
        assert found.imports[-1].module == imports[-1]
    assert found.unfollowed == ()


@pytest.mark.parametrize(("code", "text"), FILES)
def test_texts_that_name_files_are_found(code: str, text: str) -> None:
    """What is computed in them is a star."""
    assert text in read_code(code.encode()).files


@pytest.mark.parametrize("text", ["'''A sentence.'''", "x = 'a: b'", "x = 'a\\nb'"])
def test_texts_that_name_no_file_are_left_out(text: str) -> None:
    """Docstrings, sentences, addresses."""
    assert read_code(text.encode()).files == ()


@pytest.mark.parametrize(("cell", "unfollowed", "note"), CELLS)
def test_cells_are_read_as_ipython_reads_them(
    cell: str, unfollowed: str, note: str
) -> None:
    """Its own lines run Python code, or something that cannot be followed."""
    found = read_cells(("x = 1", cell))

    assert found.unfollowed == ((unfollowed,) if unfollowed else ())
    assert found.notes == ((note,) if note else ())
    if not unfollowed and not note:
        assert found.imports == (Import("a"),)


@pytest.mark.parametrize(
    "code",
    [
        b"\xef\xbb\xbfimport a",
        b"# coding: latin-1\n# \xe9\nimport a",
        b"x = 1\rimport a",
    ],
)
def test_modules_are_read_in_their_encoding(code: bytes) -> None:
    """With a byte order mark, a coding cookie, or other line ends."""
    assert read_code(code).imports == (Import("a"),)


@pytest.mark.parametrize("code", [b"def (", b"\xff", b"x = '\0'"])
def test_a_module_that_cannot_be_parsed_imports_nothing(code: bytes) -> None:
    """That is said; nothing else counts for it."""
    found = read_code(code)

    assert (found.imports, found.unfollowed) == ((), ())
    assert "no Python" in found.notes[0]


@pytest.mark.parametrize(
    ("init", "names"),
    [
        (b"", ()),
        (b"__all__ = ['a', 'b']", ("a", "b")),
        (b"__all__: list[str] = ['a']", ("a",)),
        (b"__all__ = ['a']\n__all__ += more", None),
        (b"__all__ = [*first, 'b']", None),
        (b"if x:\n    __all__ = ['a']", None),
        (b"from features.names import __all__", None),
    ],
)
def test_a_star_stands_for_the_names_that_a_package_lists(
    init: bytes, names: tuple[str, ...] | None
) -> None:
    """If it computes them, it can be all."""
    assert star_names(init) == names


def test_code_that_is_too_deep_for_a_syntax_tree_cannot_be_followed() -> None:
    """Python 3.13 reads four times as deep as those before it."""
    deep, flat = (" + ".join(["'a'"] * terms) for terms in (50_000, 500))

    assert read_code(f"x = {deep}".encode()).unfollowed
    assert read_code(f"x = {flat}".encode()).unfollowed == ()


@pytest.mark.parametrize(
    ("first", "unfollowed"),
    [
        ("import subprocess as s\ncommand = ['git', 'log']", ()),
        ("import subprocess as s\ncommand = ['make']", ("calls subprocess.run()",)),
        ("import models as s\ncommand = ['make']", ()),
    ],
)
def test_equal_cells_mean_what_the_cells_before_them_define(
    first: str, unfollowed: tuple[str, ...]
) -> None:
    """They are read once for each meaning."""
    assert read_cells((first, "s.run(command)")).unfollowed == unfollowed


def test_a_command_is_followed_if_it_is_called_harmless() -> None:
    """Its beginning is compared; the Python that runs has a name of its own."""
    code = (
        b"import subprocess, sys\ncommand = [sys.executable, '-m', 'tool', 'show']\n"
        b"subprocess.run(command, check=False)"
    )
    harmless = frozenset({("sys.executable", "-m", "tool")})

    assert read_code(code).unfollowed == ("calls subprocess.run()",)
    assert read_code(code, harmless).unfollowed == ()
    cells = tuple(code.decode().splitlines())
    assert read_cells(cells, harmless).unfollowed == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", r"a.ipynb:1: not JSON \(.*\); a merge conflict\?"),
        (b"\xff", "a.ipynb: not UTF-8 at byte 0"),
        (b"[]", "a.ipynb: not a notebook of format 4; save it anew in JupyterLab"),
        (b'{"cells": [], "nbformat": 3}', "a.ipynb: not a notebook of format 4"),
        (b'{"cells": [{"cell_type": "code", "source": 5}]}', "not a notebook"),
    ],
)
def test_what_is_no_notebook_is_an_error_that_names_it(
    content: bytes, said: str
) -> None:
    """With the line, and what to do."""
    with pytest.raises(NotebookError, match=said):
        read_notebook(content, "a.ipynb")


def test_cells_with_code_are_read() -> None:
    """Their source may be a text or a list of lines, after a byte order mark."""
    cells = [
        {"cell_type": "markdown", "source": "import text"},
        {"cell_type": "code", "source": ["import one\r\n", "import two"]},
        {"cell_type": "code", "source": "import three"},
    ]
    content = json.dumps({"cells": cells, "nbformat": 4}).encode("utf-8-sig")

    found = read_notebook(content, "a.ipynb")

    assert [one.module for one in found.imports] == ["one", "two", "three"]
