"""An executed notebook becomes one HTML file that loads nothing and runs nothing."""

from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from executed import Cell, code, markdown, notebook, prints, shows, unrun
from notebook_page.page import Header, PageError, render

HEADER: dict[str, Any] = {
    "title": "toy",
    "subtitle": "train",
    "status": "succeeded",
    "facts": ["run 7", "2026-11-23 05:36:33 UTC", "12.3 s"],
    "tables": {
        "Results": {"package": "arn:aws:x", "columns": ["Int'l Plan", "ü"]},
        "Parameters": {"seed": 7, "hyperparameters": {"eta": 0.1, "max_depth": 5}},
    },
}
PNG = "iVBORw0KGgo="  # how every PNG begins


def page(*cells: Cell, **header: Any) -> BeautifulSoup:
    """Render these cells."""
    html = render(notebook(*cells), Header(**{**HEADER, **header}))
    return BeautifulSoup(html, features="html.parser")


def test_the_title_names_model_and_stage() -> None:
    """A browser's tab shows it."""
    assert page().title.text == "toy · train"


def test_the_run_is_described_on_top() -> None:
    """Status, facts and tables stand before the notebook."""
    header = page().header.get_text(" ", strip=True)

    assert header.startswith("toy · train succeeded")
    assert "run 7 2026-11-23 05:36:33 UTC 12.3 s" in header
    assert 'columns ["Int\'l Plan", "ü"]' in header
    assert "seed 7 hyperparameters eta 0.1 max_depth 5" in header


def test_code_is_folded_and_outputs_are_not() -> None:
    """A reviewer reads results, and opens code on demand."""
    soup = page(code("a = 1\nprint(a)", prints("rows: 4177")))
    section = soup.select_one("section.code")

    assert section.details.get_text(" ", strip=True).startswith("In [1] 2 lines · 3 s")
    assert "open" not in section.details.attrs
    assert "rows: 4177" not in section.details.text
    assert "rows: 4177" in section.text


def test_outputs_of_every_kind_are_shown() -> None:
    """Tables, figures, Markdown, JSON and text have each their best form."""
    result = shows({"application/json": {"rmse": 2.1}})
    soup = page(
        markdown("## The candidate is better"),
        code("plot", shows({"image/png": PNG, "text/plain": "<Figure>"})),
        code("table", shows({"text/html": "<table><tr><td>1</td></tr></table>"})),
        code("markdown", shows({"text/markdown": "**bold**"})),
        code("svg", shows({"image/svg+xml": "<svg onload='x()'></svg>"})),
        code(
            "results", {**result, "output_type": "execute_result", "execution_count": 1}
        ),
        code(
            "warn",
            prints("mind \x1b[31mx", "stderr"),
        ),
    )

    assert soup.img["src"] == f"data:image/png;base64,{PNG}"
    assert soup.img["alt"] == "The candidate is better"
    assert "<Figure>" not in soup.text
    assert soup.td.text == "1"
    assert soup.strong.find_next("strong").text == "bold"
    assert soup.select('img[src^="data:image/svg+xml;base64,"]')
    assert '"rmse": 2.1' in soup.text
    assert soup.select_one("pre.stderr").text == "mind x"


def test_the_failed_cell_is_marked_and_linked() -> None:
    """The link is at the top, and the cell is unfolded."""
    error = {"output_type": "error", "ename": "ValueError", "evalue": "no rows"}
    soup = page(
        code("a = 1"),
        markdown(
            "An exception at <a href='#papermill-error-cell'>In [2]</a>",
            tags=["papermill-error-cell-tag"],
        ),
        code("raise", error | {"traceback": ["\x1b[31mValueError\x1b[0m: no rows"]}),
        unrun("never"),
        status="failed",
        error="toy.ipynb: In [2]: ValueError: no rows",
    )

    assert soup.select_one("header .error").text.startswith("toy.ipynb: In [2]: Value")
    assert soup.select_one("header .error a")["href"] == "#failed"
    assert "ValueError: no rows" in soup.select_one("#failed .traceback").text
    assert "open" in soup.select_one("#failed details").attrs
    assert "papermill-error-cell" not in str(soup)
    assert "did not run" in soup.select("section.code")[2].summary.text


def test_a_failure_without_a_failed_cell_has_no_link() -> None:
    """A notebook that lacks results fails after its last cell."""
    soup = page(code("a"), status="failed", error="the results lack package")

    assert soup.select("header .error a") == []


def test_nothing_is_loaded_from_anywhere() -> None:
    """The file opens offline; the policy lets the browser load nothing."""
    soup = page(
        markdown("# Math $x^2$ ![pixel](https://example.com/pixel.png)"),
        code("a", shows({"text/html": '<img src="https://example.com/x.png">'})),
    )
    policy = soup.select_one('meta[http-equiv="Content-Security-Policy"]')["content"]

    assert policy.startswith("default-src 'none'; img-src data:;")
    assert soup.select("script, link, iframe, object, embed, base, form") == []
    assert [one["src"] for one in soup.select("[src]")] == []
    assert "url(" not in str(soup.style)
    assert "@import" not in str(soup.style)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<img src='data:image/png;base64,AA' onload=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<a href=' DATA:text/html,<script>alert(1)</script>'>x</a>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<svg><script>alert(1)</script></svg>",
        "<svg onload=alert(1)>",
        "<form action='https://example.com'><input name=alert(1)></form>",
        "<meta http-equiv=refresh content='0;url=https://example.com'>",
        "<style>body{background:url(https://example.com/alert(1))}</style>",
        "<div style='background:url(https://example.com/alert(1))'>x</div>",
        "<div style='position:fixed;inset:0'>alert(1 </div>",
        "<details ontoggle=alert(1) open>x</details>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    ],
)
def test_hostile_html_is_inert(hostile: str) -> None:
    """It is in an output, in Markdown, in an error and in a parameter."""
    soup = page(
        markdown(hostile),
        code("a", shows({"text/html": hostile}), shows({"text/markdown": hostile})),
        code("b", shows({"application/javascript": hostile})),
        code("b", shows({"text/latex": hostile})),
        code("c", prints(hostile)),
        error=hostile,
        tables={"Results": {hostile: hostile, "a": [hostile], "b": {hostile: hostile}}},
        facts=[hostile],
        title=hostile,
        status=hostile,
    )
    tags = {one.name for one in soup.find_all()}
    attributes = {name for one in soup.find_all() for name in one.attrs}
    styles = " ".join(one["style"] for one in soup.select("[style]"))

    assert tags.isdisjoint(
        {"script", "iframe", "svg", "form", "input", "math", "style"} - {"style"}
    )
    assert len(soup.select("style")) == 1
    assert len(soup.select("meta")) == 4
    assert not any(name.startswith("on") for name in attributes)
    assert all(one["href"].startswith(("#", "http")) for one in soup.select("a[href]"))
    assert "url" not in styles
    assert "position" not in styles


def test_a_notebook_that_never_ran_can_be_rendered() -> None:
    """A run may end before its first cell; and what is not known is left out."""
    html = render(notebook(markdown("# Title"), unrun("a = 1")), Header(title="toy"))
    soup = BeautifulSoup(html, features="html.parser")

    assert soup.title.text == "toy"
    assert soup.header.get_text(strip=True) == "toy"
    assert "did not run" in soup.main.text


def test_what_is_no_notebook_is_one_error() -> None:
    """It says where to look."""
    cell = code("a") | {"outputs": [{"output_type": "stream"}]}

    with pytest.raises(PageError, match="cannot be shown, 'name'; look at what its"):
        render(notebook(cell), Header(title="toy"))


def test_attached_pictures_are_shown_and_missing_ones_named() -> None:
    """Outputs have no attachments."""
    cell = markdown("![gone](attachment:a.png) ![there](attachment:b.png)")
    cell["attachments"] = {"b.png": {"image/png": PNG}}
    output = shows({"text/markdown": "![lost](attachment:a.png)"})
    soup = page(cell, code("a", output))

    assert [one["src"] for one in soup("img")] == [f"data:image/png;base64,{PNG}"]
    assert [one.text for one in soup.select(".not-shown")] == [
        "not shown: the picture “gone” a.png",
        "not shown: the picture “lost” a.png",
    ]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"text/plain": 5}, "5"),
        ({"text/html": None}, "text/html is no text: None"),
        ({"image/png": 7}, "image/png is no text: 7"),
        ({"video/mp4": "AAAA"}, "not shown: video/mp4"),
    ],
)
def test_an_output_that_cannot_be_shown_is_named(
    data: dict[str, Any], shown: str
) -> None:
    """A notebook of another tool may hold anything."""
    soup = page(code("a", shows(data)), code("b"))

    assert shown in soup.main.text


def test_metadata_hides_no_code() -> None:
    """nbconvert's templates would leave it out."""
    hidden = code("assert True")
    hidden["metadata"] |= {
        "transient": {"remove_source": True},
        "jupyter": {"source_hidden": True},
        "tags": ["remove-cell", "remove_input", "papermill-error-cell-tag"],
    }
    soup = page(hidden, markdown("Read this", transient={"remove_source": True}))

    assert "assert True" in soup.main.text
    assert "Read this" in soup.main.text


def test_relative_links_lead_where_the_caller_says() -> None:
    """And nowhere where that is not known."""
    cell, header = markdown("[x](data/a.csv) [y](gone.csv)"), Header(title="toy")
    known = {"data/a.csv": "https://example.com/a.csv"}
    html = render(notebook(cell), header, link=lambda one: known.get(one, ""))
    soup = BeautifulSoup(html, features="html.parser")

    assert [one["href"] for one in soup.main("a", href=True)] == [*known.values()]
    assert page(cell).main("a", href=True) == []


def test_a_picture_beside_the_notebook_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page holds it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "plan.png").write_bytes(b"content")
    cell, header = markdown("![The plan](plan.png)"), Header(title="toy")
    html = render(notebook(cell), header, folder=Path("notebooks"))
    soup = BeautifulSoup(html, features="html.parser")

    assert soup.main.img["src"] == "data:image/png;base64,Y29udGVudA=="


def test_text_that_cannot_be_shown_is_named() -> None:
    """A cell without a word would look as if it were empty."""
    soup = page(markdown("<div>" * 1000))

    assert soup.main.text.strip() == "not shown: HTML that is nested too deep"
