"""Widgets are shown as they last stood."""

from typing import Any

from bs4 import BeautifulSoup
from notebook_page.display import WIDGET, Display
from notebook_page.markdown import Texts
from notebook_page.widgets import STATE


def model(kind: str, **state: Any) -> dict[str, Any]:
    """Make a widget's state."""
    return {"model_name": f"{kind}Model", "state": state}


def shown(**models: dict[str, Any]) -> BeautifulSoup:
    """Render the widget `w` of these models."""
    notebook = {"metadata": {"widgets": {STATE: {"state": models}}}, "cells": []}
    data = {WIDGET: {"model_id": "w"}, "text/plain": "HBox(children=())"}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    html = Display(Texts(), notebook).render(output)
    return BeautifulSoup(html, features="html.parser")


def test_a_progress_bar_has_its_last_text() -> None:
    """What tqdm displays at first is stale when the loop has ended."""
    soup = shown(
        w=model("HBox", children=["IPY_MODEL_a", "IPY_MODEL_b", "IPY_MODEL_c"]),
        a=model("HTML", value="epochs:\u2007100%"),
        b=model("FloatProgress", value=25.0, min=5.0, max=25.0, bar_style="success"),
        c=model("HTML", value=" 20/20 [00:01&lt;00:00, 20.0it/s]"),
    )

    assert soup.progress.attrs == {"class": ["success"], "value": "20.0", "max": "20.0"}
    assert "epochs: 100%" in soup.text
    assert "20/20 [00:01<00:00, 20.0it/s]" in soup.text
    assert "HBox" not in soup.text


def test_controls_say_their_values() -> None:
    """With their labels; one that is not known is named."""
    names = ("slider", "range", "choice", "many", "text", "box", "button", "map")
    soup = shown(
        w=model("VBox", children=[f"IPY_MODEL_{name}" for name in names]),
        slider=model("IntSlider", description="depth", value=7),
        range=model("FloatRangeSlider", description="eta", value=[0.1, 0.3]),
        choice=model("Dropdown", description="on", _options_labels=["a", "b"], index=1),
        many=model("SelectMultiple", _options_labels=["a", "b", "c"], index=[0, 2]),
        text=model("Text", description="name", value="<b>ada</b>"),
        box=model("Checkbox", description="log", value=True),
        button=model("Button", description="Run"),
        map=model("Map", layout="IPY_MODEL_none"),
    )
    said = [one.get_text(" ", strip=True) for one in soup("label")]

    assert said == ["depth 7", "eta 0.1 - 0.3", "on b", "name <b>ada</b>", "log", "Run"]
    assert "a, c" in soup.text
    assert "checked" in soup.input.attrs
    assert "not shown: a widget of the kind Map" in soup.text


def test_what_a_widget_holds_is_shown() -> None:
    """Outputs, tabs with their titles, pictures; nothing that is hidden."""
    printed = {"output_type": "stream", "name": "stdout", "text": "inside"}
    picture = model("Image", format="png")
    picture["buffers"] = [{"encoding": "base64", "path": ["value"], "data": "iVBORw0="}]
    soup = shown(
        w=model("Tab", children=["IPY_MODEL_o", "IPY_MODEL_i"], titles=["one", "two"]),
        o=model("Output", outputs=[printed, "odd"]),
        i=model("VBox", children=["IPY_MODEL_p", "IPY_MODEL_h"]),
        p=picture,
        h=model("Label", value="hidden", layout="IPY_MODEL_l"),
        l=model("Layout", display="none"),
    )

    assert soup.get_text(" ", strip=True) == "one inside two"
    assert soup.img["src"] == "data:image/png;base64,iVBORw0="


def test_a_widget_without_a_state_is_its_text() -> None:
    """And the note says why; a state that is none, or that holds itself, too."""
    for state in ({}, {"w": None}, {"w": {"state": 5}}, {"w": model("HBox", layout=5)}):
        soup = shown(**state)
        assert "HBox(children=())" in soup.text or soup.div.text == ""

    itself = {"output_type": "display_data", "data": {WIDGET: {"model_id": "w"}}}
    for holding in (
        model("VBox", children=["IPY_MODEL_w"]),
        model("Output", outputs=[itself | {"metadata": {}}]),
    ):
        assert shown(w=holding).text == ""


def test_a_widget_runs_nothing() -> None:
    """Whatever its state says."""
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'>"
    kinds = ("HTML", "Label", "Text", "Button", "FloatProgress", "Image", "Odd")
    models = {
        kind: model(
            kind, value=hostile, description=hostile, bar_style=hostile, format=hostile
        )
        for kind in kinds
    }
    models["Image"]["buffers"] = [{"data": hostile}]
    soup = shown(
        w=model("Box", children=[f"IPY_MODEL_{one}" for one in kinds]), **models
    )

    assert soup("script") == []
    assert not any(name.startswith("on") for one in soup(True) for name in one.attrs)
