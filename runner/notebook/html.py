"""An executed notebook as one HTML file that loads nothing and runs nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import bleach
from bleach.css_sanitizer import CSSSanitizer
from bs4 import BeautifulSoup
from jinja2 import TemplateError, pass_context
from jinja2.runtime import Context
from nbconvert import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import InvalidNotebook
from nbformat import ValidationError
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from runner.notebook import ipynb

TEMPLATES = Path(__file__).parent / "templates"
# The first of these that an output has is shown; nothing that runs is among them.
SHOWN = [
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/html",
    "text/markdown",
    "text/latex",
    "application/json",
    "text/plain",
]
TAGS = frozenset(
    """
    a abbr b blockquote br caption code col colgroup dd del details div dl dt em
    figcaption figure h1 h2 h3 h4 h5 h6 hr i img kbd li mark ol p pre s small span
    strong sub summary sup table tbody td tfoot th thead tr u ul
    """.split()  # noqa: SIM905, a page of names reads better unquoted
)
# Their text goes with them, where of other tags only the tag does.
ACTIVE_TAGS = ["script", "style", "template", "iframe", "object", "svg"]
ACTIVE = re.compile(f"<(?:{'|'.join(ACTIVE_TAGS)})", re.IGNORECASE)
RENDERING = Lock()
ERROR_TAG = "papermill-error-cell-tag"
ATTACHMENT = re.compile(r"attachment:([^\s)>\"']*)")
LINKS = ("http://", "https://", "mailto:", "#")
ATTRIBUTES: dict[str, Any] = {
    "*": ["class", "style", "title"],
    "a": lambda _, name, value: name == "href" and value.startswith(LINKS),
    "img": lambda _, name, value: (
        name in ("alt", "height", "width")
        or (name == "src" and value.startswith("data:image/"))
    ),
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}


def render(notebook: ipynb.Notebook, record: Mapping[str, Any]) -> str:
    """Render an executed notebook below the record of its run.

    Raises:
        ValueError: a cell or an output is not what the format allows; other errors of
            MALFORMED where it is nothing like it.
    """
    cells = list(_cells(notebook))
    resources = {
        "record": record,
        "facts": _facts(record),
        "has_failed_cell": any(cell.get("state") == "failed" for cell in cells),
        "css": [
            (TEMPLATES / "executed" / "style.css").read_text(encoding="utf-8"),
            HtmlFormatter(style="default").get_style_defs(".highlight"),
        ],
    }
    content = ipynb.from_dict({**notebook, "cells": cells})
    # An exporter keeps what it knows of its notebook.
    with RENDERING:
        try:
            body, _ = _exporter().from_notebook_node(content, resources=resources)
        except (InvalidNotebook, TemplateError, ValidationError) as error:
            raise ValueError(str(error).splitlines()[0]) from error
    return str(body)


class Exporter(HTMLExporter):
    """Renders the template as it stands.

    HTML's own exporter would read the page again for what the template has said.
    """

    def from_notebook_node(  # type: ignore[override]
        self, nb: ipynb.Notebook, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Convert a notebook to HTML."""
        return TemplateExporter.from_notebook_node(self, nb, resources, **kw)

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        """Render Markdown; of an image that is not attached only its text is left."""
        try:
            return str(super().markdown2html(context, source))
        except InvalidNotebook:
            known = context.get("cell", {}).get("attachments", {})
            return str(super().markdown2html(context, _without_missing(source, known)))


@cache
def _exporter() -> Exporter:
    """Make the exporter once: its templates take longer to compile than to render."""
    priority = {"NbConvertBase": {"display_data_priority": SHOWN}}
    highlight = Highlight2HTML(pygments_lexer="ipython3")  # type: ignore[no-untyped-call]
    return Exporter(  # type: ignore[no-untyped-call]
        template_name="executed",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_anchor_links=True,
        optimistic_validation=True,
        config=Config(priority),
        filters={
            "inert": inert,
            "plain_json": _plain_json,
            "highlight_code": highlight,
        },
    )


def inert(html: str) -> str:
    """Keep the tables and text of HTML, and nothing that runs, loads or restyles."""
    if ACTIVE.search(html):
        soup = BeautifulSoup(html, features="html.parser")
        for element in soup(ACTIVE_TAGS):
            element.decompose()
        html = str(soup)
    cleaned: str = bleach.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        protocols=["http", "https", "mailto", "data"],
        strip=True,
        css_sanitizer=CSSSanitizer(allowed_css_properties=["color", "text-align"]),
    )
    return cleaned


def _cells(notebook: ipynb.Notebook) -> Iterator[dict[str, Any]]:
    """List the cells with what the template says of each."""
    number = 0
    for index, cell in enumerate(notebook.cells):
        if not ipynb.is_code(cell):
            # Papermill's own mark of a failed cell: the template has a better one.
            if ERROR_TAG not in ipynb.cell_tags(cell):
                yield {**cell, "metadata": {}}
            continue
        number += 1
        heading = ipynb.heading(notebook, index)
        state = _state(cell)
        seen = {"number": number, "heading": heading, "state": state}
        seen["outputs"] = [_showable(output) for output in cell.outputs]
        # Some metadata would let nbconvert hide a cell.
        yield {**cell, **seen, "note": _note(cell, state), "metadata": {}}


def _showable(output: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an output in forms that can be shown, or with the names of its own."""
    if "data" not in output:
        return output
    data = ipynb.valid_data(output["data"])
    if not any(kind in data for kind in SHOWN):
        data = {ipynb.PLAIN: f"not shown: {', '.join(data)}"}
    return {**output, "data": data}


def _state(cell: Mapping[str, Any]) -> str:
    failed = any(output["output_type"] == "error" for output in cell["outputs"])
    if failed:
        return "failed"
    return "unrun" if cell["execution_count"] is None else "ran"


def _note(cell: Mapping[str, Any], state: str) -> str:
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


def _without_missing(source: str, attachments: Mapping[str, Any]) -> str:
    """Lead the images elsewhere that are not attached to a cell."""

    def lead(found: re.Match[str]) -> str:
        return found[0] if found[1] in attachments else f"missing:{found[1]}"

    return ATTACHMENT.sub(lead, source)


def _plain_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)
