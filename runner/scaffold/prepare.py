"""What is written of a new model: templates, filled in with what its table holds.

In the notebook text leads and code follows; what was decided about a column stands in
its cells, for a person to change.
"""

import json
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lifecycle.registration.model_card import TO_FILL_IN
from lifecycle.tabular.csv_format import CsvFormat
from runner.notebook import ipynb
from runner.scaffold.columns import COMMON, MAX_CATEGORIES, Column
from runner.scaffold.label import Label
from runner.spec.folders import RESERVED

TEMPLATES = Path(__file__).parent / "templates"
# The beginning of a cell in a template of a notebook: its kind, its id, and whether it
# only shows something.
CELL = re.compile(r"^%% (code|markdown) (\S+)( shows)?\n", re.MULTILINE)
# Cells that have a tag, which is their id.
TAGGED = ("parameters", "results")
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
# Longer lists of columns are found by what they hold instead.
MAX_NAMES = 20
# As ruff sets it.
LINE = 88
TASK_WORDS = {
    "regression": "a number",
    "binary": "yes or no",
    "multiclass": "one of several classes",
}
# What kinds of columns are called in the model card, if not by themselves.
KINDS = {"marked number": "number", "flag": "yes or no"}
# What the parts of a date are called in the table.
PARTS = {
    "year": "year",
    "month": "month",
    "day_of_week": "weekday",
    "hour": "hour",
}


@dataclass(frozen=True, kw_only=True)
class Scaffold:
    """All that is known of a new model before its files are written.

    Attributes:
        file: what the table's file is called in the bucket.
        time: the column by which rows are split; "" if a hash of each row decides.
        salt: of that hash.
        text: columns that stay text.
        raw: whether the endpoint takes raw records, and features.py encodes them.
    """

    model: str
    file: str
    label: Label
    columns: Sequence[Column] = ()
    written: CsvFormat = field(default_factory=CsvFormat)
    rows: int = 0
    time: str = ""
    salt: str = "1"
    text: Sequence[str] = ()
    raw: bool = False

    def of(self, *kinds: str) -> list[Column]:
        """Return the columns of some kinds."""
        return [one for one in self.columns if one.kind in kinds]

    def names(self, *kinds: str) -> list[str]:
        """Return the names of the columns of some kinds."""
        return [one.name for one in self.of(*kinds)]

    @property
    def title(self) -> str:
        """Return the model's name as words."""
        return self.model.replace("-", " ").capitalize()

    @property
    def written_words(self) -> str:
        """Say how the file is written; "" if as CSV files usually are."""
        said = self.written.arguments().items()
        return ", ".join(f"{name} {value!r}" for name, value in said)

    @property
    def read_arguments(self) -> str:
        """Return the arguments of `read_table` that say how the file is read."""
        given: dict[str, Any] = dict(self.written.arguments())
        given |= {"text": self.text} if self.text else {}
        said = (f"{name}={quote(value)}" for name, value in given.items())
        return ", ".join(["model=model", *said])

    @property
    def groups(self) -> dict[str, list[str]]:
        """Return the features by the name of the list that holds theirs."""
        groups = {
            "NUMBERS": self.names("number", "marked number"),
            "FLAGS": self.names("flag"),
            "CATEGORIES": self.names("category"),
            "DATES": self.names("date"),
        }
        return {name: names for name, names in groups.items() if names}

    @property
    def is_wide(self) -> bool:
        """Return whether the lists of columns are too long for one cell."""
        groups = self.groups.items()
        lines = [
            1 if len(f"{name} = {quote(names)}") <= LINE else len(names) + 2
            for name, names in groups
        ]
        return sum(lines) > MAX_NAMES or any(len(one) > MAX_NAMES for _, one in groups)

    @property
    def widest(self) -> str:
        """Return the name of the longest list of columns."""
        return max(self.groups, key=lambda name: len(self.groups[name]))

    @property
    def listed(self) -> dict[str, list[str]]:
        """Return what the notebook of a wide table lists: all but the widest group."""
        left_out = self.names("left out")
        listed = {"LEFT_OUT": left_out} if left_out else {}
        return listed | {k: v for k, v in self.groups.items() if k != self.widest}

    @property
    def has_gaps(self) -> bool:
        """Return whether a cell of a feature is missing."""
        return any(one.missing for one in self.columns if one.kind != "left out")

    @property
    def answers(self) -> dict[str, Any]:
        """Return by flag the value that becomes 1."""
        return {one.name: one.one for one in self.of("flag")}

    @property
    def when(self) -> str:
        """Return the code of the times that rows are split by."""
        column = next(one for one in self.columns if one.name == self.time)
        is_date = column.kind == "date"
        return column.parsed("clean") if is_date else f"clean[{quote(self.time)}]"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of the notebook.

    Attributes:
        shows: it only shows something, so the table does not depend on it.
    """

    id: str
    text: str
    is_code: bool
    shows: bool


def notebook_cells(template: str, new: Scaffold) -> list[Cell]:
    """Return the cells of a notebook in their order."""
    _, *parts = CELL.split(fill_in(template, new))
    quadruples = zip(*[iter(parts)] * 4, strict=True)
    return [
        Cell(id=name, text=text.strip("\n"), is_code=kind == "code", shows=bool(shows))
        for kind, name, shows, text in quadruples
    ]


def notebook_text(cells: Sequence[Cell]) -> str:
    """Return the text of a notebook file, as Jupyter and ruff write it."""
    v4: Any = nbformat.v4
    made = [
        (v4.new_code_cell if one.is_code else v4.new_markdown_cell)(
            one.text,
            id=one.id,
            metadata={"tags": [one.id]} if one.id in TAGGED else {},
        )
        for one in cells
    ]
    content = ipynb.dumps(v4.new_notebook(cells=made, metadata=METADATA))
    return formatted("prepare.ipynb", content)


def formatted(name: str, text: str) -> str:
    """Return code as ruff sets it; as it is where ruff is not installed."""
    ruff = shutil.which("ruff", path=sysconfig.get_path("scripts"))
    if ruff is None:
        return text
    command = [ruff, "format", "--stdin-filename", name, "-"]
    answer = subprocess.run(
        command, input=text, capture_output=True, encoding="utf-8", check=False
    )
    return text if answer.returncode else answer.stdout


def fill_in(template: str, new: Scaffold, **values: Any) -> str:
    """Return the text of a template, filled in for a model."""
    text = _templates().get_template(f"{template}.j2").render(new=new, **values)
    return text.rstrip("\n") + "\n"


def quote(value: object) -> str:
    """Return a value as Python code, quoted as ruff does."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(quote, value))}]"
    if isinstance(value, Mapping):
        items = (f"{quote(key)}: {quote(one)}" for key, one in value.items())
        return f"{{{', '.join(items)}}}"
    if not isinstance(value, str):
        return repr(value)
    body = "".join(one if one in "\"'" else repr(one)[1:-1] for one in value)
    if body.count('"') > body.count("'"):
        return "'" + body.replace("'", "\\'") + "'"
    return '"' + body.replace('"', '\\"') + '"'


def name_in_text(name: str) -> str:
    """Return a column's name as code in Markdown, also within tables."""
    fence = "``" if "`" in name else "`"
    pad = " " * (len(fence) - 1)
    return f"{fence}{pad}{name}{pad}{fence}".replace("|", "\\|")


def as_yaml(text: str) -> str:
    """Return a text as YAML, in quotes where it needs some."""
    plain = re.fullmatch(r"[A-Za-z]([\w .,/()-]*[\w.,/()-])?", text)
    is_plain = plain and text.lower() not in RESERVED
    return text if is_plain else json.dumps(text, ensure_ascii=False)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701, Python, YAML and Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "COMMON": COMMON,
        "KINDS": KINDS,
        "MAX_CATEGORIES": MAX_CATEGORIES,
        "MAX_NAMES": MAX_NAMES,
        "PARTS": PARTS,
        "TASK_WORDS": TASK_WORDS,
        "TO_FILL_IN": TO_FILL_IN,
    }
    environment.filters |= {
        "thousands": "{:,}".format,
        "in_text": name_in_text,
        "quote": quote,
        "yaml": as_yaml,
    }
    return environment
