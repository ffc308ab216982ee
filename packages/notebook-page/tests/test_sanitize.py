"""HTML of a notebook is shown as far as it is harmless, and what is not is named."""

import base64
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from notebook_page.sanitize import clean, file_picture

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def test_tables_text_and_forms_of_text_are_kept() -> None:
    """The sheet of a pandas table is scoped to its box."""
    row = '<tr><th scope="row">a</th><td>1</td></tr>'
    style = "<style scoped>.dataframe tbody tr th { vertical-align: top; }</style>"
    found = clean(f'{style}<table border="1" class="dataframe">{row}</table>', "o")

    assert found.html == (f'<table class="dataframe"><tbody>{row}</tbody></table>')
    assert found.sheet == "#o .dataframe tbody tr th { vertical-align: top }"
    assert found.missing == []


def test_links_and_colours_are_kept() -> None:
    """A reader may follow a link, and a styled table keeps its colours."""
    text = '<a href="https://example.com">x</a><span style="color: red;">y</span>'

    assert clean(text, "o").html == text


def test_ids_are_those_of_the_output() -> None:
    """Two outputs may have the same ones, and a page has its own."""
    found = clean(
        '<a href="#failed" id="failed">x</a><label for="failed">y</label>', "o"
    )

    assert found.html == (
        '<a href="#o-failed" id="o-failed">x</a><label for="o-failed">y</label>'
    )


def test_a_drawing_becomes_a_picture() -> None:
    """With its own style, with what it shares with others, and without its script."""
    text = (
        '<svg><symbol id="s"><circle r="3"></circle></symbol></svg>'
        '<svg viewBox="0 0 9 9" width="90" onload="x()"><style>g { fill: red }</style>'
        "<linearGradient></linearGradient><script>x()</script>"
        '<use xlink:href="#s"></use></svg>'
    )
    soup = BeautifulSoup(clean(text, "o").html, features="html.parser")
    _, picture = soup("img")
    kind, _, content = str(picture["src"]).partition(",")
    drawn = base64.b64decode(content).decode()

    assert kind == "data:image/svg+xml;base64"
    assert picture["width"] == "90"
    assert 'viewBox="0 0 9 9"' in drawn
    assert "<linearGradient>" in drawn
    assert "g { fill: red }" in drawn
    assert "circle" in drawn
    assert "script" not in drawn


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            '<iframe src="https://example.com/r"></iframe>',
            "a frame with https://example",
        ),
        ('<iframe src="figures/f.html"></iframe>', "a frame with f.html"),
        ('<embed src="https://example.com/x.pdf">', "https://example.com/x.pdf"),
        ('<object data="report.pdf"></object>', "an object, report.pdf"),
        ('<video src="https://example.com/v.mp4"></video>', "the film https://example"),
        ('<audio><source src="a.ogg"></audio>', "the sound a.ogg"),
        ('<img src="https://example.com/x.png" alt="ROC">', "the picture “ROC” https"),
        ('<img src="//example.com/x.png">', "the picture x.png"),
        ('<img src="data:text/html,x">', "the picture"),
    ],
)
def test_what_would_be_loaded_is_named_in_its_place(text: str, shown: str) -> None:
    """With a link where a reader can follow one."""
    soup = BeautifulSoup(clean(f"<p>a {text} b</p>", "o").html, features="html.parser")

    assert f"a not shown: {shown}" in soup.p.text
    assert ("https" in text) == bool(soup("a"))
    assert soup.select("[src]") == []


def test_what_a_page_holds_itself_is_shown() -> None:
    """Pictures, films, sounds, the content of a frame, switches."""
    film = '<video controls=""><source src="data:video/mp4;base64,AA"></video>'
    frame = (
        "<iframe srcdoc='&lt;h3&gt;Inside&lt;/h3&gt;&lt;script&gt;x()&lt;/script&gt;'>"
    )
    box = '<input type="checkbox" checked=""><input value="typed"><input type="radio">'
    found = clean(f'{film}<img src="{PIXEL}" alt="x">{frame}</iframe>{box}', "o")

    assert film in found.html
    assert f'src="{PIXEL}"' in found.html
    assert "<h3>Inside</h3>" in found.html
    assert found.html.count("<input") == 1
    assert "typed" in found.html
    assert found.missing == ["the script of a frame"]


def test_the_first_picture_of_an_animation_is_shown() -> None:
    """Matplotlib's player has its pictures in a script."""
    script = 'frames[0] = "data:image/png;base64,iVBO\\\nRw0KGgo=\\\n"'
    found = clean(f'<img id="p"><script>{script}</script>', "o")

    assert 'src="data:image/png;base64,iVBORw0KGgo="' in found.html


@pytest.mark.parametrize(
    ("text", "is_empty"),
    [
        ("<div id='x'></div><script>draw()</script>", True),
        ("<style>p { color: red }</style>", True),
        ("<canvas></canvas>", True),
        ("&nbsp; <p> </p>", True),
        ("<p>x</p>", False),
        (f"<img src='{PIXEL}'>", False),
        ("<progress value=1></progress>", False),
        ("<iframe src='https://example.com'></iframe>", False),
    ],
)
def test_html_that_nothing_is_left_of_is_empty(text: str, is_empty: bool) -> None:
    """Then another form of the output is shown."""
    assert clean(text, "o").is_empty == is_empty


def test_a_huge_style_sheet_is_named() -> None:
    """To read it would take longer than the notebook."""
    found = clean(f"<style>{'p { color: red }' * 40_000}</style>x", "o")

    assert found.missing == ["its style sheet of 640 kB"]
    assert found.sheet == ""


def test_html_that_is_nested_too_deep_is_named() -> None:
    """Reading it would take minutes; so does a browser not show it as it is meant."""
    assert clean("<div>" * 100_000, "o").missing == ["HTML that is nested too deep"]
    assert clean("<div><p>x<br></div>" * 5000, "o").missing == []


@pytest.mark.parametrize("tag", ["script", "style", "svg", "iframe", "img", "div"])
def test_elements_that_are_never_closed_are_read_once(tag: str) -> None:
    """However many there are."""
    for text in (f"<{tag} " * 2000, f"<{tag} " * 2000 + ">", f"<{tag}>" * 500):
        assert len(clean(text, "o").html) < 50_000


def test_a_picture_file_is_read_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing else is."""
    folder = tmp_path / "clone" / "notebooks"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder.parent)
    for path in (folder / "a b.png", folder / ".env", tmp_path / "out.png"):
        path.write_bytes(b"content")
    (folder / "link.png").symlink_to(tmp_path / "out.png")

    assert file_picture("a%20b.png", Path("notebooks")).startswith("data:image/png;")
    odd = ("//[x.png", "x%00.png", f"{'x' * 300}.png")
    for other in (".env", "../../out.png", "link.png", "gone.png", str(tmp_path), *odd):
        assert file_picture(other, Path("notebooks")) == ""
