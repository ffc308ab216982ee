"""What a cell is and displays, in whatever form a tool wrote it."""

from typing import Any

import pytest
from notebook_page.cells import heading_above, valid_data


@pytest.mark.parametrize(("index", "heading"), [(0, ""), (2, "First"), (4, "First")])
def test_a_cell_stands_under_the_last_heading_above(index: int, heading: str) -> None:
    """The heading may be of any level, and in any cell above."""
    texts = ["a = 1", "# Title\n\n## First", "b = 2", "no heading", "c = 3"]
    kinds = ["code", "markdown", "code", "markdown", "code"]
    cells = [
        {"cell_type": kind, "source": text}
        for kind, text in zip(kinds, texts, strict=True)
    ]

    assert heading_above(cells, index) == heading


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"text/plain": "a"}, {"text/plain": "a"}),
        ({"text/html": ["<b>", "</b>"]}, {"text/html": "<b></b>"}),
        ("no mapping", {"text/plain": "no mapping"}),
        (None, {"text/plain": ""}),
        ({"text/plain": 5}, {"text/plain": "5"}),
        ({"image/png": 5}, {"text/plain": "image/png is no text: 5"}),
        ({"text/html": None, "text/plain": "a"}, {"text/plain": "a"}),
        ({"application/json": 5}, {"application/json": 5}),
        ({"application/a+json": None}, {"application/a+json": None}),
        ({}, {}),
        ({"application/vnd.x.json": {"a": 1}}, {"application/vnd.x.json": '{"a": 1}'}),
    ],
)
def test_what_is_displayed_is_text_or_json(data: Any, expected: Any) -> None:
    """Anything else is shown as text."""
    assert valid_data(data) == expected
