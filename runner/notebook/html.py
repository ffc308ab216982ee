"""An executed notebook as one HTML file that loads nothing and runs nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert.filters import Highlight2HTML
from pygments.formatters import HtmlFormatter

from runner import STAGES
from runner.notebook import ipynb
from runner.notebook.display import Display, note
from runner.notebook.markdown import Texts
from runner.notebook.sanitize import file_picture

TEMPLATES = Path(__file__).parent / "templates"
ERROR_TAG = "papermill-error-cell-tag"
# Where CircleCI's address of a build names the repository on GitHub.
REPOSITORY = re.compile(
    r"https://(?:app\.)?circleci\.com/(?:gh|github)/([\w.-]+/[\w.-]+)/"
)
COMMIT = re.compile(r"[0-9a-f]{7,40}")
# From build/<model>/, where pages lie, to the repository.
REPOSITORY_FOLDER = "../.."


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell as the template writes it; all its HTML is harmless."""

    kind: str
    content: str
    number: int = 0
    state: str = ""
    note: str = ""
    outputs: list[Markup] = field(default_factory=list)


def render(notebook: ipynb.Notebook, record: Mapping[str, Any]) -> str:
    """Render an executed notebook below the record of its run.

    Raises:
        ValueError: a cell or an output is not what the format allows; other errors of
            MALFORMED where it is nothing like it.
    """
    folder = PurePosixPath(str(record["notebook"])).parent
    texts = Texts(
        link=lambda address: _link(address, folder, record),
        picture=lambda address: file_picture(address, Path(folder)),
    )
    page = _template().render(
        record=record,
        facts=_facts(record),
        cells=list(_cells(notebook, texts)),
        style=_style(),
    )
    return texts.lead(page)


def _cells(notebook: ipynb.Notebook, texts: Texts) -> Iterator[Cell]:
    """Render the cells, each with what is said of it."""
    number, display = 0, Display(texts, notebook)
    for index, cell in enumerate(notebook.cells):
        kind, source = cell["cell_type"], ipynb.cell_source(cell)
        if ipynb.is_code(cell):
            number += 1
            state = _state(cell)
            shown = display.cell(cell["outputs"], ipynb.heading(notebook, index))
            yield Cell(
                kind=kind,
                content=_harmless(_highlight()(source, metadata=cell["metadata"])),
                number=number,
                state=state,
                note=_summary(cell, state),
                outputs=list(map(_harmless, shown)),
            )
        elif kind == "raw":
            yield Cell(kind=kind, content=source)
        # Papermill's own mark of a failed cell: the template has a better one.
        elif kind == "markdown" and ERROR_TAG not in ipynb.cell_tags(cell):
            text = texts.render(source, cell.get("attachments"))
            content = text.html + note(text.missing)
            yield Cell(kind=kind, content=_harmless(content))


def _harmless(html: str) -> Markup:
    """Mark HTML that was made harmless, or made of escaped text."""
    return Markup(html)  # noqa: S704


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain_json"] = _plain_json
    return environment.get_template("executed.html.j2")


@cache
def _highlight() -> Highlight2HTML:
    return Highlight2HTML(pygments_lexer="ipython3")  # type: ignore[no-untyped-call]


@cache
def _style() -> Markup:
    ours = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    code = HtmlFormatter(style="default").get_style_defs(".highlight")
    return _harmless(f"{ours}\n{code}")


def _link(address: str, folder: PurePosixPath, record: Mapping[str, Any]) -> str:
    """Return where a link that is relative to the notebook leads from its page."""
    path, _, anchor = unquote(address).partition("#")
    if "\\" in path or ":" in path or path.startswith("/"):
        return ""
    stage = PurePosixPath(path)
    fragment = f"#{quote(anchor)}" if anchor else ""
    if stage.suffix == ".ipynb" and stage.stem in STAGES:
        return f"{stage.stem}.html{fragment}"
    inside = normpath(folder / path)
    if inside.startswith(("..", "/")):
        return ""
    known = REPOSITORY.match(str(record.get("ci_url") or ""))
    commit = COMMIT.match(str(record.get("commit") or ""))
    if known and commit:
        root = f"https://github.com/{known[1]}/blob/{commit[0]}"
    else:
        root = REPOSITORY_FOLDER
    return f"{root}/{quote(inside)}{fragment}"


def _state(cell: Mapping[str, Any]) -> str:
    failed = any(output["output_type"] == "error" for output in cell["outputs"])
    if failed:
        return "failed"
    return "unrun" if cell["execution_count"] is None else "ran"


def _summary(cell: Mapping[str, Any], state: str) -> str:
    """Say what folding hides, and how long it took."""
    if state == "unrun":
        return "did not run"
    lines = len(cell["source"].splitlines())
    said = [f"{lines} lines" if lines > 1 else "1 line"]
    seconds = cell["metadata"].get("papermill", {}).get("duration")
    if seconds and seconds >= 1:
        said.append(f"{seconds:.0f} s")
    return " · ".join([*said, *(["failed"] if state == "failed" else [])])


def _facts(record: Mapping[str, Any]) -> list[str]:
    return [
        f"run {record['run_id']}",
        f"{record['started']}".replace("T", " ").replace("+00:00", " UTC"),
        f"{record['seconds']:.1f} s",
        str(record["notebook"]),
    ]


def _plain_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
