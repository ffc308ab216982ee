"""An executed notebook becomes one HTML file that loads nothing and runs nothing."""

from pathlib import Path
from typing import Any

import pytest
import toys
from bs4 import BeautifulSoup

from runner.notebook import ipynb
from runner.notebook.html import render

RECORD: dict[str, Any] = {
    "model": "toy",
    "stage": "train-register",
    "status": "succeeded",
    "run_id": "20261123053633-a1b2c3",
    "started": "2026-11-23T05:36:33+00:00",
    "seconds": 12.34,
    "notebook": "notebooks/train-register.ipynb",
    "parameters": {"seed": 7, "hyperparameters": {"eta": 0.1, "max_depth": 5}},
    "results": {"package": "arn:aws:x", "columns": ["Int'l Plan", "ü"]},
}
PNG = "iVBORw0KGgo="  # how every PNG begins


def shows(**data: Any) -> dict[str, Any]:
    """Make an output that displays these MIME types."""
    return {"output_type": "display_data", "metadata": {}, "data": data}


def mime(kind: str, content: Any) -> dict[str, Any]:
    return shows(**{kind: content})


def ran(source: str, *outputs: dict[str, Any], tags: tuple[str, ...] = ()) -> toys.Cell:
    """Make a cell that ran."""
    cell = toys.code(source, *tags, outputs=list(outputs), execution_count=1)
    cell["metadata"]["papermill"] = {"duration": 3.4}
    return cell


def page(tmp_path: Path, *cells: toys.Cell, **record: Any) -> BeautifulSoup:
    """Render these cells."""
    notebook = ipynb.read(toys.write(tmp_path / "toy.ipynb", *cells))
    html = render(notebook, {**RECORD, **record})
    return BeautifulSoup(html, features="html.parser")


def test_the_title_names_model_and_stage(tmp_path: Path) -> None:
    """A browser's tab shows it."""
    assert page(tmp_path).title.text == "toy · train-register"


def test_the_run_is_described_on_top(tmp_path: Path) -> None:
    """Status, run, time, results and parameters stand before the notebook."""
    header = page(tmp_path).header.get_text(" ", strip=True)

    assert header.startswith("toy · train-register succeeded")
    assert "run 20261123053633-a1b2c3 2026-11-23 05:36:33 UTC 12.3 s" in header
    assert 'columns ["Int\'l Plan", "ü"]' in header
    assert "seed 7 hyperparameters eta 0.1 max_depth 5" in header


def test_code_is_folded_and_outputs_are_not(tmp_path: Path) -> None:
    """A reviewer reads results, and opens code on demand."""
    printed = {"output_type": "stream", "name": "stdout", "text": "rows: 4177"}
    soup = page(tmp_path, ran("a = 1\nprint(a)", printed))
    section = soup.select_one("section.code")

    assert section.details.get_text(" ", strip=True).startswith("In [1] 2 lines · 3 s")
    assert "open" not in section.details.attrs
    assert "rows: 4177" not in section.details.text
    assert "rows: 4177" in section.text


def test_outputs_of_every_kind_are_shown(tmp_path: Path) -> None:
    """Tables, figures, Markdown, JSON and text have each their best form."""
    result = mime("application/json", {"rmse": 2.1})
    soup = page(
        tmp_path,
        toys.text("## The candidate is better"),
        ran("plot", shows(**{"image/png": PNG, "text/plain": "<Figure>"})),
        ran("table", mime("text/html", "<table><tr><td>1</td></tr></table>")),
        ran("markdown", mime("text/markdown", "**bold**")),
        ran("svg", mime("image/svg+xml", "<svg onload='x()'></svg>")),
        ran(
            "results", {**result, "output_type": "execute_result", "execution_count": 1}
        ),
        ran(
            "warn",
            {"output_type": "stream", "name": "stderr", "text": "mind \x1b[31mx"},
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


def test_the_failed_cell_is_marked_and_linked(tmp_path: Path) -> None:
    """The link is at the top, and the cell is unfolded."""
    error = {"output_type": "error", "ename": "ValueError", "evalue": "no rows"}
    soup = page(
        tmp_path,
        ran("a = 1"),
        toys.text("An exception at <a href='#papermill-error-cell'>In [2]</a>")
        | {"metadata": {"tags": ["papermill-error-cell-tag"]}},
        ran("raise", error | {"traceback": ["\x1b[31mValueError\x1b[0m: no rows"]}),
        toys.code("never"),
        status="failed",
        results=None,
        error="toy.ipynb: In [2]: ValueError: no rows",
    )

    assert soup.select_one("header .error").text.startswith("toy.ipynb: In [2]: Value")
    assert soup.select_one("header .error a")["href"] == "#failed"
    assert "ValueError: no rows" in soup.select_one("#failed .traceback").text
    assert "open" in soup.select_one("#failed details").attrs
    assert "papermill-error-cell" not in str(soup)
    assert "did not run" in soup.select("section.code")[2].summary.text


def test_a_failure_without_a_failed_cell_has_no_link(tmp_path: Path) -> None:
    """A notebook that lacks results fails after its last cell."""
    soup = page(tmp_path, ran("a"), status="failed", error="the results lack package")

    assert soup.select("header .error a") == []


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    """The file opens offline; the policy lets the browser load nothing."""
    soup = page(
        tmp_path,
        toys.text("# Math $x^2$ ![pixel](https://example.com/pixel.png)"),
        ran("a", mime("text/html", '<img src="https://example.com/x.png">')),
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
def test_hostile_html_is_inert(tmp_path: Path, hostile: str) -> None:
    """It is in an output, in Markdown, in an error and in a parameter."""
    soup = page(
        tmp_path,
        toys.text(hostile),
        ran("a", mime("text/html", hostile), mime("text/markdown", hostile)),
        ran("b", mime("application/javascript", hostile), mime("text/latex", hostile)),
        ran("c", {"output_type": "stream", "name": "stdout", "text": hostile}),
        error=hostile,
        parameters={hostile: hostile, "a": [hostile], "b": {hostile: hostile}},
        notebook=hostile,
        model=hostile,
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
    """A run may end before its first cell."""
    paths = list((Path(__file__).parent / "toys").glob("*.ipynb"))
    pages = [render(ipynb.read(path), RECORD) for path in paths]

    assert len(pages) > 5
    for path, page in zip(paths, pages, strict=True):
        title = ipynb.read(path).cells[0].source.splitlines()[0]
        assert title.removeprefix("# ") in page


def test_attached_pictures_are_shown_and_missing_ones_named(tmp_path: Path) -> None:
    """Outputs have no attachments."""
    text = toys.text("![gone](attachment:a.png) ![there](attachment:b.png)")
    text["attachments"] = {"b.png": {"image/png": PNG}}
    output = mime("text/markdown", "![lost](attachment:a.png)")
    soup = page(tmp_path, text, ran("a", output))

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
    tmp_path: Path, data: dict[str, Any], shown: str
) -> None:
    """A notebook of another tool may hold anything."""
    cells = [ran("a"), ran("b")]
    notebook = ipynb.read(toys.write(tmp_path / "toy.ipynb", *cells))
    notebook.cells[0].outputs = [ipynb.from_dict(shows(**data))]
    soup = BeautifulSoup(render(notebook, RECORD), features="html.parser")

    assert shown in soup.main.text


def test_metadata_hides_no_code(tmp_path: Path) -> None:
    """nbconvert's templates would leave it out."""
    hidden = ran("assert True")
    hidden["metadata"] |= {
        "transient": {"remove_source": True},
        "jupyter": {"source_hidden": True},
        "tags": ["remove-cell", "remove_input", "papermill-error-cell-tag"],
    }
    text = toys.text("Read this")
    text["metadata"] = {"transient": {"remove_source": True}}
    soup = page(tmp_path, hidden, text)

    assert "assert True" in soup.main.text
    assert "Read this" in soup.main.text


@pytest.mark.parametrize(
    ("link", "leads", "in_ci"),
    [
        ("prepare.ipynb#Rows", "prepare.html#Rows", "prepare.html#Rows"),
        ("../data/a%20b.csv", "../../data/a%20b.csv", "blob/abcdef1/data/a%20b.csv"),
        ("notes.md", "../../notebooks/notes.md", "blob/abcdef1/notebooks/notes.md"),
        ("../../other/x.csv", None, None),
        ("/etc/passwd", None, None),
        ("file:///etc/passwd", None, None),
        ("javascript:alert(1)", None, None),
    ],
)
def test_relative_links_lead_to_the_repository(
    tmp_path: Path, link: str, leads: str | None, in_ci: str | None
) -> None:
    """To another stage's page, to the clone, or in CircleCI to GitHub."""
    text = toys.text(f"[x]({link})")
    build = "https://circleci.com/gh/org/repo/7"
    here = page(tmp_path, text).main.a
    there = page(tmp_path, text, ci_url=build, commit="abcdef1").main.a

    assert here.get("href") == leads
    assert (there.get("href") or "").endswith(in_ci or "")
    assert "blob" not in (in_ci or "") or "github.com/org/repo/" in there["href"]


def test_a_picture_beside_the_notebook_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page holds it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "plan.png").write_bytes(b"content")
    soup = page(tmp_path, toys.text("![The plan](plan.png)"))

    assert soup.main.img["src"] == "data:image/png;base64,Y29udGVudA=="


def test_text_that_cannot_be_shown_is_named(tmp_path: Path) -> None:
    """A cell without a word would look as if it were empty."""
    soup = page(tmp_path, toys.text("<div>" * 1000))

    assert soup.main.text.strip() == "not shown: HTML that is nested too deep"
