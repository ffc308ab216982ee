"""The review in a pull request."""

import reviews

from runner.review.pull_request import comment, escape_markdown
from runner.review.verdict import headline

URL = "https://output.circle-artifacts.com/page"


def test_it_has_the_answer_the_metrics_and_the_way_to_the_page(folder, read):
    """All that a person wants to see before opening it."""
    reviews.trained(folder, reviews.evaluation(2.0, live=2.5))
    text = comment(read(), headline(read()), URL)

    minus = "\N{MINUS SIGN}"
    assert text.startswith("### ✓ toy version 2: Can be approved\n")
    assert "| rmse | at most 2.5 | 2 | passed |" in text
    assert f"| rmse | 2 | 2.5 | {minus}0.5 better |" in text
    assert text.endswith(f"**[Open the review page]({URL})**")


def test_a_failed_notebook_has_no_metrics(folder, read):
    """But the gates that nobody judged."""
    reviews.leave(folder, "prepare", status="failed", error="KeyError")
    text = comment(read(), headline(read()), URL)

    assert text.startswith("### ✗ toy: Cannot be approved\\: prepare failed\n")
    assert "difference" not in text


def test_markdown_in_a_name_is_text():
    """No mention, link, image, table cell or tag comes out of it."""
    hostile = "@team ![x](https://evil) | <img src=x> `code`\n# heading"
    escaped = escape_markdown(hostile)

    assert "\n" not in escaped
    for mark in "@[]()|<>`#!":
        assert escaped.count(mark) == escaped.count(f"\\{mark}")
