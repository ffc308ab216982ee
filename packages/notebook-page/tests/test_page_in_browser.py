"""An archived notebook in a browser: it looks right, runs nothing, requests nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import NONE, find_browser, opened
from executed import Cell, code, markdown, notebook, shows
from notebook_page.page import Header, render
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(find_browser() is None, reason=NONE)
EVIL = "https://evil.example"
HEADER = Header(title="toy", subtitle="prepare", error="the gate failed")
COVER = "position:fixed;position:absolute;top:-9999px;left:-9999px;width:99999px;"
COVER += (
    "height:99999px;z-index:9999;background:white;margin:-9999px;transform:scale(9)"
)
HOSTILE = [
    f"<script>document.title = 'ran'; fetch('{EVIL}')</script>",
    "<img src=x onerror=\"document.title = 'ran'\">",
    f"<img src='{EVIL}/i.png' srcset='{EVIL}/s.png 2x'>",
    f"<picture><source srcset='{EVIL}/p.png'><img src='{EVIL}/p2.png'></picture>",
    f"<video src='{EVIL}/v.mp4' poster='{EVIL}/v.png' autoplay></video>",
    f"<audio><source src='{EVIL}/a.ogg'></audio>",
    f"<iframe src='{EVIL}/f'></iframe><object data='{EVIL}/o'></object>",
    "<iframe srcdoc=\"<script>parent.document.title = 'ran'</script>\"></iframe>",
    f"<embed src='{EVIL}/e'><link rel=stylesheet href='{EVIL}/l.css'>",
    f"<meta http-equiv=refresh content='0;url={EVIL}/m'><base href='{EVIL}/b/'>",
    f"<style>@import '{EVIL}/c.css'; * {{ background: url({EVIL}/u.png) }}</style>",
    f"<style>body, header, main {{ {COVER} }} p {{ {COVER} }}</style><p>x</p>",
    f"<style>+ section, ~ *, :root, html, * ~ * {{ {COVER} }}</style>",
    "<style>p::after { content: '</style><script>x()</script>' }</style>",
    f"<div style='{COVER}'>x</div><div style='background:url({EVIL}/d.png)'>x</div>",
    f"<div id=failed style='background: u\\72l({EVIL}/h.png)'>x</div>",
    f"<svg onload=\"document.title='ran'\"><image href='{EVIL}/g.png'/>"
    f"<style>@import '{EVIL}/k.css'</style><script>document.title='ran'</script>"
    f"<foreignObject><iframe src='{EVIL}/q'></iframe></foreignObject></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=\"document.title='ran'\">",
    "<svg></p><style><a id=\"</style><img src=x onerror=document.title='ran'>\">",
    "<noscript><p title=\"</noscript><img src=x onerror=document.title='ran'>\">",
    "<form action='https://evil.example'><button autofocus>x</button><input autofocus "
    "onfocus=\"document.title='ran'\"></form>",
    "<details open ontoggle=\"document.title='ran'\">x</details>",
    "<a href='javascript:document.title=1' id=x>x</a><a href='//evil.example'>y</a>",
    "</div></section></main></body><div style='position:fixed;inset:0'>x</div>",
    "$x_1 \\text{<img src=x onerror=x()>}$ $$</math><script>x()</script>_$$",
    "<b title='$x_1$ \">$x_1$'>$x_1$</b> $x_1 &lt;script&gt;x()&lt;/script&gt;$",
    "<!--><img src=x onerror=\"document.title='ran'\">-->",
    "<textarea></textarea><title></textarea><img src=x onerror=x()></title>",
]
STYLED = """<style>
#T_1_row0_col0 { background-color: rgb(68, 1, 84); color: rgb(241, 241, 241); }
#T_1_row0_col1 { width: 10em; background: linear-gradient(90deg, red 50%, blue 50%); }
</style><table id="T_1"><tr><td id="T_1_row0_col0">a</td><td id="T_1_row0_col1">b</td>
</tr></table>"""
ESTIMATOR = """<style>
#sk-1 { --line: rgb(1, 2, 3); } #sk-1 div.sk-text-repr-fallback { display: none; }
#sk-1 div.sk-container { display: inline-block !important; position: relative; }
#sk-1 div.sk-item { border: 1px dashed var(--line); }
#sk-1 .sk-toggleable__content { display: none; }
#sk-1 input:checked ~ .sk-toggleable__content { display: block; }
</style><div id="sk-1" class="sk-top-container"><div class="sk-text-repr-fallback">
Please rerun this cell</div><div class="sk-container" hidden><div class="sk-item">
<input id="sk-2" type="checkbox"><label for="sk-2">Pipeline</label>
<div class="sk-toggleable__content">its parameters</div></div></div></div>"""
DOTS = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
DOTS += "awAAAABJRU5ErkJggg=="


def displays(*bundles: dict[str, Any], **metadata: Any) -> Cell:
    """Make a cell that displays these."""
    return code("show()", *(shows(data, **metadata) for data in bundles))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened(find_browser()) as found:
        yield found


def visit(
    browser: Browser, folder: Path, width: int, *cells: Cell, **metadata: Any
) -> Page:
    """Open the archive of these cells; a request or a complaint fails the test."""
    path = folder / "toy.html"
    path.write_text(render(notebook(*cells, **metadata), HEADER), encoding="utf-8")
    page, noted = browser.new_page(viewport={"width": width, "height": 900}), []
    page.on("request", lambda one: noted.append(one.url))
    page.on("console", lambda one: noted.append(one.text))
    page.on("dialog", lambda one: noted.append(one.message))
    page.goto(path.as_uri())
    page.wait_for_load_state("networkidle")
    seen = [one for one in noted if not one.startswith(("file:", "data:"))]
    assert seen == []
    return page


def test_hostile_outputs_and_texts_do_nothing(browser: Browser, tmp_path: Path) -> None:
    """They run nothing, request nothing, and cover nothing of the page."""
    widgets = {
        "application/vnd.jupyter.widget-state+json": {
            "state": {"w": {"model_name": "HTMLModel", "state": {"value": HOSTILE[0]}}}
        }
    }
    cells = [displays({"text/html": one}, {"text/markdown": one}) for one in HOSTILE]
    cells += [displays({"image/svg+xml": HOSTILE[16], "text/latex": f"${HOSTILE[0]}$"})]
    cells += [displays({"application/vnd.jupyter.widget-view+json": {"model_id": "w"}})]
    cells += [markdown(one) for one in HOSTILE]
    cells += [markdown("last")]
    page = visit(browser, tmp_path, 1280, *cells, widgets=widgets)

    assert page.title() == "toy · prepare"
    assert page.locator("script, iframe, object, embed, link, base, form").count() == 0
    assert page.locator("body > *").count() == 2
    status = page.locator("header .error")
    box = status.bounding_box()
    assert box
    assert box["x"] > 0
    point = [box["x"] + 5, box["y"] + 5]
    found = page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).className", point
    )
    assert found == "error"
    last = page.get_by_text("last", exact=True)
    last.scroll_into_view_if_needed()
    box = last.bounding_box()
    assert box
    point = [box["x"] + 5, box["y"] + 5]
    found = page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).innerText", point
    )
    assert found == "last"
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_outputs_look_as_they_should(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    """Tables in colour, a diagram that opens, formulas, sizes, links in the page."""
    size = {"image/png": {"width": 300, "height": 100}}
    wide = "x" * 300
    page = visit(
        browser,
        tmp_path,
        width,
        markdown("[the end](#The-end)\n\n$$\\frac{a}{b}$$\n\n- [x] done"),
        displays({"text/html": STYLED}, {"text/html": ESTIMATOR}),
        displays({"image/png": DOTS}, **size),
        displays({"text/html": f"<table><td>{wide}</table>"}),
        markdown("\n\n".join(["&nbsp;"] * 60) + "\n\n# The end"),
    )
    style = "(one, name) => getComputedStyle(one)[name]"
    first, second = page.locator("td").all()[:2]

    assert first.evaluate(style, "backgroundColor") == "rgb(68, 1, 84)"
    assert "linear-gradient" in second.evaluate(style, "backgroundImage")
    assert not page.get_by_text("Please rerun").is_visible()
    assert page.get_by_text("Pipeline").is_visible()
    assert not page.get_by_text("its parameters").is_visible()
    page.get_by_text("Pipeline").click()
    assert page.get_by_text("its parameters").is_visible()
    assert page.locator("img").bounding_box()["width"] == 300
    fraction = page.locator("mfrac > *").all()
    assert fraction[0].bounding_box()["y"] < fraction[1].bounding_box()["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.get_by_role("link", name="the end").click()
    assert page.get_by_role("heading", name="The end").is_visible()
    assert page.evaluate("scrollY") > 0
    page.close()
