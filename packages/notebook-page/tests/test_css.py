"""CSS of a notebook changes how its output looks, and nothing else."""

import pytest
from notebook_page.css import clean_style, scope_sheet


@pytest.mark.parametrize(
    "harmless",
    [
        "color: red;",
        "background: linear-gradient(90deg, #d65f5f 50.0%, transparent 50.0%);",
        "font-weight: bold;",
        "width: calc(100% - 2em);",
        "--space: 3px;",
        "border: 1px solid rgba(0, 0, 0, .3) !important;",
    ],
)
def test_how_something_looks_is_kept(harmless: str) -> None:
    """Gradients, bars, fonts, sizes, borders, variables."""
    assert clean_style(harmless) == harmless


@pytest.mark.parametrize(
    "hostile",
    [
        "background: url(https://example.com)",
        "background: URL('https://example.com')",
        "background: u\\72l(https://example.com)",
        "background: image-set('https://example.com/x.png' 1x)",
        "background: -webkit-image-set('https://example.com/x.png' 1x)",
        "background: src('https://example.com')",
        "background: cross-fade(url(https://example.com), red)",
        "list-style: disc url(https://example.com)",
        "cursor: url(https://example.com), auto",
        "--later: url(https://example.com)",
        "--later: min(1px, url(https://example.com))",
        "width: expression(alert(1))",
        "behavior: url(x.htc)",
        "-moz-binding: url(x.xml)",
        "animation: x 1s",
        "position: fixed",
        "position: var(--fixed)",
        "color: red; } body { color: blue",
    ],
)
def test_what_loads_or_runs_is_dropped(hostile: str) -> None:
    """Also where it is spelled in another way, and in a box."""
    for boxed in (False, True):
        written = clean_style(hostile, boxed=boxed)
        assert "(" not in written
        assert "fixed" not in written
        assert "}" not in written
        assert "animation" not in written


@pytest.mark.parametrize(
    "placed",
    [
        "position: absolute;",
        "margin-top: -40px;",
        "transform: scale(99);",
        "margin: calc(0px - 40px);",
        "top: 0;",
        "z-index: 9;",
    ],
)
def test_only_a_box_lets_something_lie_elsewhere(placed: str) -> None:
    """It could cover what the page says."""
    assert clean_style(placed) == ""
    assert clean_style(placed, boxed=True) == placed


def test_a_margin_is_kept_everywhere() -> None:
    """It covers nothing."""
    assert clean_style("margin: 0 auto 2em;") == "margin: 0 auto 2em;"


@pytest.mark.parametrize(
    ("sheet", "scoped"),
    [
        ("td { color: red }", "#box td { color: red }"),
        ("#T_1, .a > b { color: red }", "#box #box-T_1, #box .a > b { color: red }"),
        (":root { --a: 1px; color: red }", "#box { --a: 1px }"),
        ("p:not(#x) { color: red }", "#box p:not(#box-x) { color: red }"),
        ("p { color: red; top: 0; x: y }", "#box p { color: red; top: 0 }"),
    ],
)
def test_a_sheet_applies_to_its_own_output(sheet: str, scoped: str) -> None:
    """Ids are the output's own, too."""
    assert scope_sheet(sheet, "box") == scoped


@pytest.mark.parametrize(
    "sheet",
    [
        "+ p { color: red }",
        "~ * { display: none }",
        "> p { color: red }",
        "& + p { color: red }",
        "p, + p { color: red }",
        "p { & + q { color: red } }",
        "@import 'https://example.com/x.css';",
        "@font-face { font-family: x; src: url(https://example.com) }",
        "@media print { p { color: red } }",
        "p { background: url(https://example.com) }",
        "p",
        "",
    ],
)
def test_a_rule_for_something_else_is_dropped(sheet: str) -> None:
    """What lies beside the output, and what is loaded."""
    assert scope_sheet(sheet, "box") == ""


def test_a_sheet_cannot_end_itself() -> None:
    """Markup in a text of it stays a text."""
    written = scope_sheet("p::after { content: '</style><script>' }", "box")

    assert "<" not in written
    assert "script" in written
