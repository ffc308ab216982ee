"""What a cell displays, in the best of its forms that an archived page can show.

Pages run nothing and load nothing. Where that takes the picture out of an output, its
text is shown with a note that says what is missing, and how it can be archived.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from nbconvert.filters import ansi2html

from notebook_page.cells import valid_data
from notebook_page.markdown import Texts
from notebook_page.sanitize import clean, drawing, not_shown
from notebook_page.widgets import Widgets, states_of

SVG = "image/svg+xml"
WIDGET = "application/vnd.jupyter.widget-view+json"
# The first of these that an output has and that leaves something to see is shown.
SHOWN = (
    SVG,
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/avif",
    "image/bmp",
    WIDGET,
    "video/mp4",
    "video/webm",
    "audio/wav",
    "audio/mpeg",
    "audio/ogg",
    "text/html",
    "text/markdown",
    "text/latex",
    "application/json",
    "text/plain",
)
NOTE = "<p>" + not_shown("").partition(">")[0]
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]{8,}")
# The headers of a table, of which nothing says yet what they are of.
TABLE_HEAD = re.compile(r"<thead\b.*?</thead>", re.DOTALL)
HEADER = re.compile(r"<th\b(?![^>]*\bscope=)")
SCRIPT = "what its script would show; archived pages run no scripts"
BOKEH = "an interactive Bokeh figure; `Image(export_png(figure))` displays a picture"
# By a word in its type or script, what would draw an output, and how to archive it.
LIBRARIES = {
    "plotly": "an interactive Plotly figure; `fig.show('png')` displays a picture, "
    "where kaleido is installed",
    "vega": "an interactive Altair chart; `alt.renderers.enable('png')` lets charts be "
    "displayed as pictures, where vl-convert-python is installed",
    "bokeh": BOKEH,
    "data-root-id": BOKEH,  # where its script would put the figure
    "leaflet": "an interactive map; save a picture of it, and display that",
    "jupyter.widget": "a widget whose state was not kept",
    "javascript": SCRIPT,
}
# Scripts without which it is as it should be: copying, light and dark.
DISPENSABLE = re.compile(r'class="[^"]*\bsk-(top-container|global)\b')


@dataclass
class Form:
    """One form of an output as HTML, and what of it is not there."""

    html: str = ""
    missing: list[str] = field(default_factory=list)


@dataclass
class Display:
    """Renders what the cells of one page display."""

    texts: Texts
    notebook: Mapping[str, Any]
    heading: str = ""  # above the cell
    description: str = ""  # of the output in words
    _scopes: Iterator[int] = field(default_factory=count)
    _open: list[str] = field(default_factory=list)  # widgets that are being rendered

    def cell(self, outputs: Sequence[Mapping[str, Any]], heading: str) -> list[str]:
        """Render the outputs of a cell, each note once."""
        self.heading = heading
        rendered = list(map(self.render, outputs))
        seen = [rendered[:index] for index in range(len(rendered))]
        return [
            one
            for one, before in zip(rendered, seen, strict=True)
            if one not in before or not one.startswith(NOTE)
        ]

    def render(self, output: Mapping[str, Any]) -> str:
        """Render one output."""
        if output["output_type"] == "stream":
            kind = ' class="stderr"' if output["name"] == "stderr" else ""
            return f"<pre{kind}>{_terminal(output['text'])}</pre>"
        if output["output_type"] == "error":
            return f'<pre class="traceback">{_terminal(_traceback(output))}</pre>'
        data = valid_data(output["data"])
        metadata = _mapping(output.get("metadata"))
        missing: list[str] = []
        self.description = _description(data)
        for kind in SHOWN:
            if kind not in data:
                continue
            form = self._form(kind, data[kind], _mapping(metadata.get(kind)))
            missing += form.missing
            if form.html:
                return form.html + note(_unseen(kind, data, missing))
        return note(_unseen("", data, missing) or ["an output without content"])

    def _form(self, kind: str, value: Any, metadata: Mapping[str, Any]) -> Form:
        """Render one form of an output."""
        if kind == "application/json":
            text = json.dumps(value, indent=2, ensure_ascii=False)
            return Form(f"<pre>{html.escape(text)}</pre>")
        if kind == WIDGET:
            return Form(self._widget(value))
        text = "".join(value)
        if kind == SVG:
            return Form(self._picture(drawing(text), metadata))
        family = kind.partition("/")[0]
        if family in ("audio", "image", "video"):
            if not BASE64.fullmatch(text):
                return Form(missing=[f"{kind} that cannot be read"])
            address = f"data:{kind};base64,{''.join(text.split())}"
            if family == "image":
                return Form(self._picture(address, metadata))
            return Form(f'<{family} controls src="{address}"></{family}>')
        return self._text(kind, text)

    def _text(self, kind: str, text: str) -> Form:
        if kind == "text/html":
            return self._html(text)
        if kind == "text/markdown":
            found = self.texts.render(text)
            return Form(f'<div class="scroll text">{found.html}</div>', found.missing)
        if kind == "text/latex":
            return Form(f'<div class="scroll">{self.texts.formulas.latex(text)}</div>')
        return Form(f"<pre>{_terminal(text)}</pre>")

    def _html(self, text: str) -> Form:
        """Render HTML in a box, which clips what is in it."""
        scope = f"output-{next(self._scopes)}"
        found = clean(text, scope, link=self.texts.link, picture=self.texts.picture)
        missing = list(found.missing)
        if found.scripts and not DISPENSABLE.search(found.html):
            missing.append(_named(found.scripts, SCRIPT))
        if found.is_empty:
            return Form(missing=missing or [_named(text, "HTML without content")])
        shown = self.texts.formulas.in_html(_with_scopes(found.html))
        sheet = f"<style>{found.sheet}</style>" if found.sheet else ""
        box = f'<div class="scroll html" id="{scope}">{sheet}{shown}</div>'
        return Form(box, missing)

    def _picture(self, address: str, metadata: Mapping[str, Any]) -> str:
        sizes = {name: metadata.get(name) for name in ("width", "height")}
        given = [
            f' {name}="{size:.0f}"'
            for name, size in sizes.items()
            if isinstance(size, int | float) and 0 < size < 1e5
        ]
        alt = html.escape(self.description or self.heading)
        return f'<img alt="{alt}" src="{address}"{"".join(given)}>'

    def _widget(self, view: object) -> str:
        model = str(view.get("model_id")) if isinstance(view, Mapping) else ""
        if model in self._open:
            # An output of it displays the widget itself, which is shown already.
            return "<div></div>"
        widgets = Widgets(
            states_of(self.notebook),
            self.texts.formulas,
            show_html=lambda text: self._html(text).html,
            show_output=self.render,
        )
        self._open.append(model)
        try:
            return widgets.render(model)
        finally:
            self._open.pop()


def _unseen(kind: str, data: Mapping[str, Any], missing: Sequence[str]) -> list[str]:
    """Name what an output has beside the form that is shown."""
    if kind not in ("", "text/plain"):
        return list(missing)
    unknown = [one for one in data if one not in SHOWN or one == WIDGET]
    return [*missing, *(_named(one, one) for one in unknown)]


def _named(text: str, otherwise: str) -> str:
    """Name what would draw an output, found by a word in its type or script."""
    folded = text.lower()
    return next((said for word, said in LIBRARIES.items() if word in folded), otherwise)


def note(missing: Sequence[str]) -> str:
    """Return HTML that says what is not shown; "" if nothing is missing."""
    said = list(dict.fromkeys(missing))
    if len(said) > 1 and SCRIPT in said:
        said.remove(SCRIPT)
    return f"<p>{not_shown('; '.join(said))}</p>" if said else ""


def _description(data: Mapping[str, Any]) -> str:
    """Return what an output says of itself; the name of an object in Python is none."""
    text = data.get("text/plain", "")
    joined = text if isinstance(text, str) else "".join(text)
    return "" if joined.startswith("<") else joined


def _with_scopes(text: str) -> str:
    """Say of each header of a table whether it is of a column or of a row."""

    def head(found: re.Match[str]) -> str:
        return HEADER.sub(r'<th scope="col"', found[0])

    return HEADER.sub(r'<th scope="row"', TABLE_HEAD.sub(head, text))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _terminal(text: str) -> str:
    """Return escaped text with the colours of a terminal."""
    return str(ansi2html(text))  # type: ignore[no-untyped-call]


def _traceback(output: Mapping[str, Any]) -> str:
    """Return the traceback of an error; its name and value if there is none."""
    lines = output.get("traceback") or [
        f"{output.get('ename')}: {output.get('evalue')}"
    ]
    return "\n".join(lines)
