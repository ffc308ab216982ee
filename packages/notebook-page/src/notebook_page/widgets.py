"""Jupyter's widgets as they last stood, read from the state that nbclient keeps.

What a widget says is shown; nothing of it can be moved.
"""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from notebook_page.markdown import Formulas
from notebook_page.sanitize import not_shown

STATE = "application/vnd.jupyter.widget-state+json"
MODEL = "IPY_MODEL_"
# How deep widgets may lie in each other, and so whether one lies in itself.
DEEPEST = 20
BOXES = {"Box": "column", "VBox": "column", "HBox": "row", "GridBox": "row"}
TITLED = ("Accordion", "Stack", "Tab")
BLANKS = str.maketrans({"\u2007": " ", "\u200b": None})


@dataclass(frozen=True)
class Widgets:
    """The widgets of one notebook.

    Attributes:
        states: by model id.
        show_html: makes HTML harmless.
        show_output: renders an output that a widget holds.
    """

    states: Mapping[str, Any]
    formulas: Formulas
    show_html: Callable[[str], str]
    show_output: Callable[[Mapping[str, Any]], str]

    def render(self, model: str) -> str:
        """Render a widget; "" if its state was not kept."""
        return (
            f'<div class="widget">{shown}</div>' if (shown := self._show(model)) else ""
        )

    def _show(self, reference: object, depth: int = 0) -> str:
        kind, state, buffers = self._read(reference)
        if not kind or depth > DEEPEST or self._is_hidden(state):
            return ""
        inner = (self._show(one, depth + 1) for one in _list(state.get("children")))
        if kind in BOXES:
            return f'<div class="{BOXES[kind]}">{"".join(inner)}</div>'
        if kind in TITLED:
            titles = chain(_titles(state), repeat(""))
            shown = zip(inner, titles, strict=False)
            return "".join(f"<p><b>{_text(title)}</b></p>{one}" for one, title in shown)
        if kind == "Output":
            found = filter(_is_output, _list(state.get("outputs")))
            return f"<div>{''.join(map(self.show_output, found))}</div>"
        said = self._said(kind, state, buffers)
        label = _text(state.get("description"))
        return f"<label>{label} {said}</label>" if label else said

    def _read(self, reference: object) -> tuple[str, Mapping[str, Any], list[Any]]:
        """Return a widget's kind, state and binary data; no kind if there is none."""
        held = self.states.get(str(reference).removeprefix(MODEL))
        state = held.get("state") if isinstance(held, Mapping) else None
        if held is None or not isinstance(state, Mapping):
            return "", {}, []
        kind = str(held.get("model_name") or state.get("_model_name"))
        return kind.removesuffix("Model"), state, _list(held.get("buffers"))

    def _is_hidden(self, state: Mapping[str, Any]) -> bool:
        _, style, _ = self._read(state.get("layout"))
        hides = {"display": "none", "visibility": "hidden"}
        return any(style.get(name) == value for name, value in hides.items())

    def _said(self, kind: str, state: Mapping[str, Any], buffers: list[Any]) -> str:
        """Render what a widget without others in it says."""
        value = state.get("value")
        if kind in ("HTML", "HTMLMath"):
            return self.show_html(str(value).translate(BLANKS))
        if kind == "Label":
            return self.formulas.latex(str(value).translate(BLANKS))
        if kind in ("FloatProgress", "IntProgress"):
            return _progress(state)
        if kind == "Button":
            return '<span class="button"></span>'
        if kind == "Image" and buffers and isinstance(buffers[0], Mapping):
            content, form = buffers[0].get("data"), state.get("format")
            address = html.escape(f"data:image/{form};base64,{content}")
            return f'<img alt="" src="{address}">'
        if isinstance(value, bool):
            return f'<input type="checkbox" disabled{" checked" * value}>'
        text = ", ".join(_selected(state)) if "_options_labels" in state else value
        if isinstance(text, list):
            text = " - ".join(map(str, text))
        if isinstance(text, str | int | float):
            return f"<kbd>{_text(text)}</kbd>"
        return not_shown(f"a widget of the kind {kind}")


def states_of(notebook: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the state of each widget of a notebook, by its model's id."""
    kept = notebook.get("metadata", {}).get("widgets")
    document = kept.get(STATE) if isinstance(kept, Mapping) else None
    states = document.get("state") if isinstance(document, Mapping) else None
    return states if isinstance(states, Mapping) else {}


def _titles(state: Mapping[str, Any]) -> list[Any]:
    by_place = state.get("_titles")
    if isinstance(by_place, Mapping):
        return [by_place[one] for one in sorted(by_place)]
    return _list(state.get("titles"))


def _selected(state: Mapping[str, Any]) -> list[str]:
    labels, index = _list(state["_options_labels"]), state.get("index")
    places = index if isinstance(index, list) else [index]
    known = [one for one in places if isinstance(one, int) and one < len(labels)]
    return [str(labels[one]) for one in known]


def _progress(state: Mapping[str, Any]) -> str:
    given = [state.get(name) for name in ("value", "min", "max")]
    value, low, high = (one if isinstance(one, int | float) else 0 for one in given)
    style = html.escape(str(state.get("bar_style") or ""))
    numbers = f'value="{value - low}" max="{high - low}"'
    return f'<progress class="{style}" {numbers}></progress>'


def _is_output(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("output_type"), str)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return html.escape("" if value is None else str(value).translate(BLANKS))
