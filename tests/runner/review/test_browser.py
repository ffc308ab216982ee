"""The pages as a browser shows them: nothing runs, nothing is fetched, all is readable.

They are those of the pictures in docs/, and one made of nothing but hostile text.
"""

from urllib.parse import unquote, urlparse

import pytest
from browsers import NONE, find_browser, opened
from pictures import Story, tell
from reviews import HOSTILE, write_run

from runner.review.page import write_overview, write_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason=NONE),
]
SIZES = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
CASES = {
    "first": ("✓ Can be approved", "First version"),
    "better": ("✓ Can be approved", "better than live version 1"),
    "worse": ("✗ Cannot be approved: a gate failed", "Version 1 stays live"),
    "failed": ("✗ Cannot be approved: prepare failed", "Version 1 stays live"),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory, embedded_aws):
    """The pages of a first version, a better one, a worse one and a failed run."""
    scratch = tmp_path_factory.mktemp("story")
    kept = scratch / "pages"
    kept.mkdir()
    tell(Story(scratch / "clone", kept, embedded_aws.environment))
    return kept


@pytest.fixture(scope="module")
def browser():
    """A browser without a window."""
    with opened(find_browser()) as browser:
        yield browser


@pytest.fixture
def visit(browser):
    """Open a file, and insist that the browser has nothing to complain about."""
    complaints = []
    contexts = []

    def open_page(path, size="desktop"):
        contexts.append(browser.new_context(viewport=SIZES[size]))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(fetched(request.url)))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert list(filter(None, complaints)) == []


def fetched(url):
    """Give the address of what does not lie in the page or beside it."""
    return "" if url.startswith(("file:", "data:")) else url


def visible(page, text):
    """Tell whether a text is seen without scrolling."""
    box = page.get_by_text(text, exact=False).first.bounding_box()
    return box is not None and box["y"] + box["height"] <= page.viewport_size["height"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_the_answer_is_seen_without_scrolling(pages, visit, case, size):
    """And why, and the way to the notebook."""
    page = visit(pages / case / "index.html", size)

    assert page.locator("h1").inner_text() == CASES[case][0]
    for text in CASES[case]:
        assert visible(page, text)
    assert visible(page, "Show the failed cell" if "✗" in CASES[case][0] else "prepare")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", ["first", "better", "worse"])
def test_every_gate_is_seen_without_scrolling(pages, visit, case, size):
    """On a phone too."""
    page = visit(pages / case / "index.html", size)
    verdicts = page.locator("td.verdict")

    assert verdicts.count() == 2
    for one in verdicts.all():
        box = one.bounding_box()
        assert box["y"] + box["height"] <= SIZES[size]["height"]
        assert box["x"] + box["width"] <= SIZES[size]["width"]


@pytest.mark.parametrize("case", CASES)
def test_a_phone_scrolls_in_one_direction(pages, visit, case):
    """Wide tables and code scroll by themselves."""
    page = visit(pages / case / "index.html", "phone")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("case", CASES)
def test_every_link_leads_somewhere(pages, visit, case):
    """To a file beside the page, and to the failed cell in it."""
    page = visit(pages / case / "index.html")
    links = [one.get_attribute("href") for one in page.locator("a").all()]

    assert links
    for link in links:
        page.goto((pages / case / "index.html").as_uri())
        page.locator(f'a[href="{link}"]').first.click()
        page.wait_for_load_state()
        name, _, anchor = link.partition("#")
        assert unquote(urlparse(page.url).path).endswith(f"/{case}/{name}")
        assert page.locator("h1").count() >= 1
        if anchor:
            assert page.locator(f"#{anchor}").count() == 1
            assert page.locator(f"#{anchor}").is_visible()


def test_every_figure_is_a_picture(pages, visit):
    """That the browser could read."""
    page = visit(pages / "better" / "index.html")
    widths = page.evaluate("[...document.images].map(one => one.naturalWidth)")

    assert len(widths) == 4
    assert min(widths) > 300


def test_the_style_is_the_one_that_the_policy_allows(pages, visit):
    """Its hash is in the page; any other style is refused."""
    page = visit(pages / "better" / "index.html")
    colour = page.evaluate("getComputedStyle(document.querySelector('h1')).color")

    assert colour == "rgb(20, 108, 58)"


def test_hostile_text_does_nothing(folder, visit):
    """Not in the page, and not in the list of pages."""
    write_run(folder, HOSTILE)
    path = write_page(folder, "toy")
    overview = write_overview(folder.parent, ["toy"])
    for one in (path, overview):
        page = visit(one)
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        assert page.locator("script").count() == 0


INJECTED = {
    "script": "<script>document.title = 'ran'</script>",
    "handler": "<img src=x onerror=\"document.title = 'ran'\">",
    "style": "<style>h1 { display: none }</style>",
    "frame": "<iframe src='data:text/html,<script>parent.document.title=1</script>'>",
    "picture": "<img src='https://example.com/seen.png'>",
    "link": "<link rel=stylesheet href='https://example.com/style.css'>",
    "object": "<object data='https://example.com/evil'></object>",
}


@pytest.mark.parametrize("kind", INJECTED)
def test_the_policy_stops_what_slips_through(folder, browser, kind):
    """Even a hole in the page's escaping would run, load and restyle nothing."""
    write_run(folder)
    path = write_page(folder, "toy")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("<main>", f"<main>{INJECTED[kind]}"))
    refusals, requests = [], []
    page = browser.new_page()
    page.on("console", lambda message: refusals.append(message.text))
    page.on("requestfinished", lambda request: requests.append(fetched(request.url)))
    page.goto(path.as_uri())

    assert "ran" not in page.title()
    assert page.locator("h1").is_visible()
    assert any("Content Security Policy" in one for one in refusals)
    assert list(filter(None, requests)) == []
    page.close()
