"""Each output is shown in its best form, or what is missing is said in its place."""

from typing import Any

import pytest
from bs4 import BeautifulSoup
from notebook_page.display import Display
from notebook_page.markdown import Texts

PNG = "iVBORw0KGgo="
PLOTLY_HTML = (
    '<div><script src="https://cdn.plot.ly/plotly-3.1.0.min.js"></script>'
    '<div id="5c" class="plotly-graph-div" style="height:525px; width:100%;"></div>'
    '<script>Plotly.newPlot("5c", [{"y": [1, 2]}], {})</script></div>'
)
ALTAIR_HTML = (
    "<style>#altair-viz-1.vega-embed { width: 100%; }</style>"
    '<div id="altair-viz-1"></div><script>vegaEmbed("#altair-viz-1", {})</script>'
)
BOKEH_HTML = '<div id="d9" data-root-id="p1008" style="display: contents;"></div>'
SPECIFICATION = {"mark": "bar", "data": {"values": []}}


def rendered(*bundles: dict[str, Any], **metadata: Any) -> BeautifulSoup:
    """Render a cell that displays these."""
    outputs = [
        {"output_type": "display_data", "data": one, "metadata": metadata}
        for one in bundles
    ]
    display = Display(Texts(), {"metadata": {}, "cells": []})
    html = "".join(display.cell(outputs, "How good is it?"))
    return BeautifulSoup(html, features="html.parser")


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "bmp"])
def test_pictures_are_shown_at_their_size(kind: str) -> None:
    """A figure for a fine screen has twice as many dots as it is wide."""
    mime = f"image/{kind}"
    soup = rendered(
        {mime: PNG, "text/plain": "<Figure>"}, **{mime: {"width": 362, "height": 218}}
    )

    assert soup.img.attrs == {
        "alt": "How good is it?",
        "src": f"data:{mime};base64,{PNG}",
        "width": "362",
        "height": "218",
    }
    assert soup.text == ""


@pytest.mark.parametrize("size", [{"width": "9'9"}, {"width": -1}, 5, {"width": 1e9}])
def test_a_size_that_is_none_is_passed_over(size: Any) -> None:
    """The picture has one of its own."""
    soup = rendered({"image/png": PNG}, **{"image/png": size})

    assert "width" not in soup.img.attrs


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            {"application/vnd.plotly.v1+json": SPECIFICATION},
            "Plotly figure; fig.show('p",
        ),
        ({"text/html": PLOTLY_HTML}, "an interactive Plotly figure"),
        ({"text/html": ALTAIR_HTML, "text/plain": "alt.Chart(...)"}, "Altair chart"),
        ({"application/vnd.vegalite.v5+json": SPECIFICATION}, "Altair chart"),
        ({"application/vnd.vegalite.v6.json": "{}", "text/plain": "x"}, "Altair chart"),
        ({"text/html": BOKEH_HTML}, "an interactive Bokeh figure; Image("),
        ({"application/vnd.bokehjs_exec.v0+json": ""}, "Bokeh figure"),
        ({"application/javascript": "go()", "text/plain": "<JS>"}, "run no scripts"),
        ({"application/vnd.jupyter.widget-view+json": {}}, "state was not kept"),
        ({"application/pdf": "JVBERi0="}, "application/pdf"),
        ({"application/x-odd": "x", "text/plain": "odd"}, "application/x-odd"),
        ({"text/html": "<div></div>", "text/plain": "Odd()"}, "HTML without content"),
        ({"text/html": "<script>x()</script>"}, "what its script would show"),
        ({"image/png": "no base64!", "text/plain": "<Figure>"}, "cannot be read"),
        ({}, "an output without content"),
    ],
)
def test_what_is_not_shown_is_said(data: dict[str, Any], said: str) -> None:
    """With how to archive it, below the text that there is."""
    soup = rendered(data)

    assert said in soup.select_one(".not-shown").text
    if "text/plain" in data:
        assert soup.pre.text == data["text/plain"]


@pytest.mark.parametrize(
    "picture", [{"image/png": PNG}, {"image/svg+xml": "<svg></svg>"}]
)
def test_a_picture_beside_an_interactive_form_is_enough(
    picture: dict[str, str],
) -> None:
    """So remedies can say: display a picture, too."""
    data = {"application/vnd.plotly.v1+json": SPECIFICATION, "text/html": PLOTLY_HTML}
    soup = rendered({**data, **picture})

    assert soup.img is not None
    assert soup.select(".not-shown") == []


def test_a_note_stands_once_in_a_cell() -> None:
    """Plotly's library is an output before its figure; prints may repeat."""
    soup = rendered({"text/html": PLOTLY_HTML}, {"text/html": PLOTLY_HTML})
    same = rendered({"text/plain": "5"}, {"text/plain": "5"})

    assert len(soup.select(".not-shown")) == 1
    assert [one.text for one in same("pre")] == ["5", "5"]


def test_html_that_shows_something_without_its_script_says_so() -> None:
    """scikit-learn's diagram lacks nothing without its own."""
    report = rendered({"text/html": "<b>Report</b><script>sort()</script>"})
    estimator = '<div class="sk-top-container sk-global">LogisticRegression</div>'
    diagram = rendered({"text/html": f"{estimator}<script>copy()</script>"})

    assert report.b.text == "Report"
    assert "what its script would show" in report.select_one(".not-shown").text
    assert diagram.select(".not-shown") == []
    assert "light" in diagram.select_one(".sk-global")["class"]


def test_a_styled_table_keeps_its_style_to_itself() -> None:
    """As pandas writes it: gradients, bars, bold, by the ids of the cells."""
    styled = (
        '<style type="text/css">#T_1 th { color: red; }\n#T_1_row0_col0 {\n'
        "  background-color: #440154;\n  font-weight: bold;\n  width: 10em;\n"
        "  background: linear-gradient(90deg, #d65f5f 50.0%, transparent 50.0%);\n}\n"
        '</style><table id="T_1"><tr><td id="T_1_row0_col0">1</td></tr></table>'
    )
    soup = rendered({"text/html": styled}, {"text/html": styled})
    boxes = soup.select("div.html")

    for box in boxes:
        sheet = box.style.text
        assert f"#{box['id']} #{box.td['id']} {{" in sheet
        assert "linear-gradient(90deg, #d65f5f 50.0%, transparent 50.0%)" in sheet
    assert boxes[0]["id"] != boxes[1]["id"]


@pytest.mark.parametrize("kind", ["video/mp4", "audio/wav"])
def test_sounds_and_films_can_be_played(kind: str) -> None:
    """Those that the page holds itself."""
    player = rendered({kind: "AAAAAAAA"}).find(kind.partition("/")[0])

    assert player["src"] == f"data:{kind};base64,AAAAAAAA"
    assert "controls" in player.attrs


def test_latex_is_a_formula() -> None:
    """As SymPy displays one."""
    data = {"text/latex": r"$\displaystyle x^{2}$", "text/plain": "x**2"}

    assert rendered(data).select_one("math msup") is not None
