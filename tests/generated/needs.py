"""What code of generated repositories needs, in the forms in which Python says it."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

# By package the packages that it needs, and the module that it installs.
PACKAGES = {
    "click": ((), "click"),
    "idna": ((), "idna"),
    "joblib": ((), "joblib"),
    "lightgbm": (("numpy", "scipy"), "lightgbm"),
    "numpy": ((), "numpy"),
    "pandas": (("numpy", "python-dateutil"), "pandas"),
    "python-dateutil": (("six",), "dateutil"),
    "pyyaml": ((), "yaml"),
    "requests": (("idna", "urllib3"), "requests"),
    "scikit-learn": (("joblib", "numpy", "scipy"), "sklearn"),
    "scipy": (("numpy",), "scipy"),
    "six": ((), "six"),
    "urllib3": ((), "urllib3"),
    "xgboost-cpu": (("numpy", "scipy"), "xgboost"),
}
NEVER_IMPORTED = ("idna", "lightgbm", "six")
# What code needs besides files and "pin:<package>".
EVERYTHING = "everything"
ALL_PINS = "all pins"
TOOLBOX = "packages/toolbox/src/"


class Need(NamedTuple):
    """One thing that code needs, as it is written, and the files that it means.

    Attributes:
        code: the statements.
        value: an expression over what they import or read.
        to: paths, "pin:<package>", EVERYTHING or ALL_PINS.
    """

    code: str
    value: str = "0"
    to: tuple[str, ...] = ()


@dataclass
class Code:
    """A module, or the code of a notebook."""

    path: str
    constant: int
    needs: list[Need] = field(default_factory=list)


# How Python imports a module, and an expression over what it defines.
IMPORTS = (
    ("import {dotted}", "{dotted}.VALUE"),
    ("import {dotted} as {alias}", "{alias}.VALUE"),
    ("from {dotted} import VALUE as {alias}", "{alias}"),
    ("from {dotted} import *", "{unique}"),
    ("x = 1; import {dotted} as {alias}", "{alias}.VALUE"),
    ("def {alias}():\n    import {dotted}\n    return {dotted}.VALUE", "{alias}()"),
    ("def {alias}():\n    import {dotted}\n    return {dotted}.VALUE", "0"),
    ("class {alias}:\n    from {dotted} import VALUE", "{alias}.VALUE"),
    ("{alias} = [__import__('{dotted}'), 5]", "{alias}[1]"),
    (
        'import importlib\n{alias} = importlib.import_module("{dotted}")',
        "{alias}.VALUE",
    ),
    (
        "from importlib import import_module\n{alias} = import_module('{dotted}')",
        "{alias}.VALUE",
    ),
    (
        "import importlib as tools\n{alias} = tools.import_module('{dotted}')",
        "{alias}.VALUE",
    ),
    (
        "from importlib import import_module as load\n{alias} = load('{dotted}')",
        "{alias}.VALUE",
    ),
    ("try:\n    import {dotted} as {alias}\nfinally:\n    pass", "{alias}.VALUE"),
    ("if True:\n    for _ in 'x':\n        import {dotted}", "{dotted}.VALUE"),
)
IMPORTS_FROM_PACKAGE = (
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
    ("from {0} import VALUE as {0}_value", "{0}_value"),
    ("import {0}.core as {0}_core", "{0}_core.VALUE"),
    ("try:\n    import {0}\nexcept ImportError:\n    {0} = None", "{0}.VALUE"),
)
# How a module reads a file beside it, and one in a folder beside it.
READS = (
    "Path(__file__).with_name('{name}').read_text()",
    "(Path(__file__).parent / '{name}').read_text()",
    "open(os.path.join(os.path.dirname(__file__), '{name}')).read()",
    "open(os.path.dirname(__file__) + '/{name}').read()",
    "open(f'{{os.path.dirname(__file__)}}/{name}').read()",
    "pkgutil.get_data(__package__, '{name}')",
)
NESTED_READS = (
    "(Path(__file__).parent / '{folder}/{name}').read_text()",
    "(Path(__file__).parent / '{folder}' / '{name}').read_text()",
    "open(os.path.join(os.path.dirname(__file__), '{folder}', '{name}')).read()",
)
# Code that runs or imports under a name that it computes.
UNFOLLOWABLE = (
    Need("exec('X = 1')", to=(EVERYTHING,)),
    Need(
        "import importlib\nloaded = importlib.import_module('shared' + '.dates')",
        "loaded.VALUE",
        (EVERYTHING,),
    ),
    Need("%run ../../common.py", to=(EVERYTHING,)),
    Need("import sys\nsys.path.insert(0, '../../assets')", to=(EVERYTHING,)),
)
# What few notebooks need: links, submodules, fallbacks, and what never runs.
RARE = (
    Need("from vendor import units", "units.VALUE", ("vendor", "vendor/units.py")),
    Need("import vendor.units", "vendor.units.VALUE", ("vendor", "vendor/units.py")),
    Need(
        "from bridge import dates as bridged",
        "bridged.VALUE",
        ("bridge", "features/__init__.py", "features/dates.py"),
    ),
    Need(
        "import calendar_days",
        "calendar_days.VALUE",
        ("calendar_days.py", "shared/dates.py"),
    ),
    Need(
        "try:\n    from features import fast\n"
        "except ImportError:\n    from features import fallback as fast",
        "fast.VALUE",
        ("features/__init__.py", "features/fast.py", "features/fallback.py"),
    ),
    Need("try:\n    import cudf\nexcept ImportError:\n    cudf = None", to=(ALL_PINS,)),
    Need(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from features import typing_only"
    ),
    Need("import typing\nif typing.TYPE_CHECKING:\n    import features.typing_only"),
)


def write_import(
    chance: random.Random, target: str, user: str, inits: Iterable[str]
) -> Need:
    """Write an import of a module in one of the forms that its user may take.

    Args:
        inits: the __init__.py of all packages.
    """
    dotted = dotted_name(target)
    parent, _, stem = dotted.rpartition(".")
    folder = dotted_name(user.rpartition("/")[0])
    forms: Sequence[tuple[str, str]] = IMPORTS
    if parent:
        forms = (*forms, *IMPORTS_FROM_PACKAGE)
    if user.endswith(".py") and parent and chance.random() < 0.5:
        if folder == parent:
            forms = IMPORTS_BESIDE
        elif folder.rpartition(".")[0] == parent:
            forms = IMPORTS_ABOVE
    code, value = chance.choice(forms)
    words = {
        "dotted": dotted,
        "parent": parent,
        "stem": stem,
        "alias": f"m{chance.randint(100, 999)}",
        "unique": unique_name(target),
    }
    executed = [init for init in inits if f"{dotted}.".startswith(_prefix(init))]
    to = tuple(dict.fromkeys([*sorted(executed), target]))
    return Need(code.format(**words), value.format(**words), to)


def write_package_import(chance: random.Random) -> Need:
    """Write an import of a pinned package."""
    package = chance.choice([one for one in PACKAGES if one not in NEVER_IMPORTED])
    module = PACKAGES[package][1]
    code, value = chance.choice(PACKAGE_IMPORTS)
    return Need(code.format(module), value.format(module), (f"pin:{package}",))


def write_read(
    chance: random.Random, path: str, forms: Sequence[str] = READS
) -> list[Need]:
    """Write how a module reads a number from a file beside it, or below."""
    *_, folder, name = path.split("/")
    code = chance.choice(forms).format(folder=folder, name=name)
    imports = "import os\nimport pkgutil\nfrom pathlib import Path"
    return [Need(imports), Need("", f"int({code})", (path,))]


def write_notebook_read(path: str, user: str) -> list[Need]:
    """Write how a notebook reads a number from a file anywhere."""
    up = "../" * user.count("/")
    text = f"Path('{up}{path}').read_text()"
    return [Need("from pathlib import Path"), Need("", f"int({text})", (path,))]


def dotted_name(path: str) -> str:
    """Return the dotted name under which Python imports a module's file."""
    path = path.removeprefix(TOOLBOX).removesuffix(".py")
    return path.removesuffix("/__init__").replace("/", ".")


def unique_name(path: str) -> str:
    """Return a name that only one module defines."""
    return "VALUE_OF_" + "".join(c if c.isalnum() else "_" for c in path).upper()


def _prefix(init: str) -> str:
    return f"{dotted_name(init)}."
