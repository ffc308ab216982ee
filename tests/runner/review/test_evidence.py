"""The figures that matter, out of an executed notebook."""

import base64

import pytest
import reviews
import toys

from runner.notebook import ipynb
from runner.review.evidence import figures


def notebook(*cells):
    return ipynb.from_dict({"cells": cells, "metadata": {}, "nbformat": 4})


def plot(heading, content=reviews.PIXEL, *tags, kind="image/png"):
    data = {"output_type": "display_data", "metadata": {}, "data": {kind: content}}
    return [toys.text(f"## {heading}"), toys.code("plot()", *tags, outputs=[data])]


def test_tagged_figures_are_taken():
    """In their order, with the heading they stand under."""
    cells = [*plot("One"), *plot("Two", reviews.PIXEL, "review")]

    assert [one.heading for one in figures(notebook(*cells))] == ["Two"]


def test_without_a_tag_all_figures_are_taken():
    """A notebook need not know of the page."""
    cells = [*plot("One"), *plot("Two")]

    assert [one.heading for one in figures(notebook(*cells))] == ["One", "Two"]


@pytest.mark.parametrize(
    "content",
    [
        '"><script>alert(1)</script>',
        base64.b64encode(b"<svg onload=alert(1)>").decode(),
        "not base64",
        "",
    ],
)
def test_what_only_says_to_be_a_picture_is_left_out(content):
    """Its first bytes tell."""
    assert figures(notebook(*plot("One", content))) == []


def test_a_drawing_is_not_a_picture():
    """SVG may hold scripts, so it stays in the notebook's own page."""
    svg = "<svg xmlns='http://www.w3.org/2000/svg'/>"

    assert figures(notebook(*plot("One", svg, kind="image/svg+xml"))) == []
