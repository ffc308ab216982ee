"""An executed notebook as one HTML file that loads nothing and runs nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert.filters import Highlight2HTML
from pygments.formatters import HtmlFormatter

from notebook_page.cells import heading_above, is_code, source_of, tags_of
from notebook_page.display import Display, note
from notebook_page.markdown import Texts
from notebook_page.sanitize import Address, file_picture, nowhere

TEMPLATES = Path(__file__).parent / "templates"
ERROR_TAG = "papermill-error-cell-tag"
# What a notebook raises that is not what the format allows.
MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class PageError(Exception):
    """Report a notebook that cannot be shown."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What stands above the notebook.

    Attributes:
        title: names the page, in bold and in the browser's tab.
        subtitle: follows the title.
        status: of the run; "succeeded" is green and "failed" is red.
        facts: about the run, in small print: when it began, how long it took.
        error: why it failed.
        tables: values by name, folded below a title each: results, parameters.
    """

    title: str
    subtitle: str = ""
    status: str = ""
    facts: Sequence[str] = ()
    error: str = ""
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell as the template writes it; all its HTML is harmless."""

    kind: str
    content: str
    number: int = 0
    state: str = ""
    note: str = ""
    outputs: list[Markup] = field(default_factory=list)


def render(
    notebook: Mapping[str, Any],
    header: Header,
    *,
    folder: Path = Path(),
    link: Address = nowhere,
) -> str:
    """Render an executed notebook as an HTML page.

    Args:
        notebook: as `nbformat.read` returns it, in format 4.
        folder: has the pictures that texts show by a relative address.
        link: returns where a relative link of a text leads; "" if nowhere.

    Raises:
        PageError: a cell or an output is not what the format allows.
    """
    texts = Texts(link=link, picture=lambda address: file_picture(address, folder))
    try:
        cells = list(_cells(notebook, texts))
        page = _template().render(header=header, cells=cells, style=_style())
    except MALFORMED as error:
        raise PageError(
            f"the notebook cannot be shown, {error}; look at what its cells display"
        ) from error
    return texts.lead(page)


def _cells(notebook: Mapping[str, Any], texts: Texts) -> Iterator[Cell]:
    """Render the cells, each with what is said of it."""
    number, display = 0, Display(texts, notebook)
    for index, cell in enumerate(notebook["cells"]):
        kind, source = cell["cell_type"], source_of(cell)
        if is_code(cell):
            number += 1
            state = _state(cell)
            heading = heading_above(notebook["cells"], index)
            shown = display.cell(cell["outputs"], heading)
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
        elif kind == "markdown" and ERROR_TAG not in tags_of(cell):
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
    return environment.get_template("page.html.j2")


@cache
def _highlight() -> Highlight2HTML:
    return Highlight2HTML(pygments_lexer="ipython3")  # type: ignore[no-untyped-call]


@cache
def _style() -> Markup:
    ours = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    code = HtmlFormatter(style="default").get_style_defs(".highlight")
    night = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{night}\n}}"
    return _harmless(f"{ours}\n{code}\n{dark}")


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


def _plain_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
