"""Review pages in a browser: nothing runs, nothing is fetched, all can be read.

The pages are those of real runs of the template's notebooks, and one that is made of
hostile text only.
"""

import random
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
import toys
from browsers import NONE, find_browser, opened
from forked_kernels.client import WarmKernels
from forked_kernels.imports import notebook_imports
from model_packages import delete_endpoint, new_name
from repository import Repository
from reviews import HOSTILE, evaluation, write_run, write_training

from lifecycle import TRAINING_STAGES
from lifecycle.aws import run_uri
from lifecycle.s3 import write_bytes
from runner.pipeline.model_run import RunOptions
from runner.pipeline.release import approve
from runner.pipeline.run import run_model
from runner.review.page import write_overview, write_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_browser() is None, reason=NONE),
]
ROOT = Path(__file__).parents[3]
SIZES = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
# By run the headline of its page, and a part of the reason.
CASES = {
    "first": ("✓ Can be approved", "First version"),
    "better": ("✓ Can be approved", "better than live version 1"),
    "worse": ("✗ Cannot be approved: a gate failed", "Version 1 stays live"),
    "failed": ("✗ Cannot be approved: prepare failed", "Version 1 stays live"),
}
SPEC = """\
name: {name}
description: Predicts a number from two others.
task: regression
data: {data}
training:
  hyperparameters: {{objective: "reg:squarederror", num_round: {rounds}, eta: 0.3}}
gates: {{rmse: {{max: 0.9, worse_than_live: 0.05}}}}
endpoint: {{instance_type: ml.m5.large}}
"""
PREPARE = """\
from IPython.display import JSON

from lifecycle.data import read_table, split, write_splits

table = read_table(data, ["{label}", "width", "height"])
splits = split(table, salt="7", held_out=0.3)
written = write_splits(model, run, splits)"""


def write_model(repository: Repository, name: str, rounds: int, label: str) -> None:
    """Write the model, and commit it."""
    data = run_uri(name, "raw", "rows.csv")
    folder = repository.root / "models" / name
    parameters = (
        f'model: str = "{name}"  # the model\n'
        f'data: str = "{data}"  # the raw table\n'
        "run: dict = {}  # filled in by the runner"
    )
    toys.write(
        folder / "prepare.ipynb",
        toys.text("# Rows for training"),
        toys.code(parameters, "parameters"),
        toys.text("## Which rows are used?"),
        toys.code(PREPARE.format(label=label)),
        toys.code("JSON(written)", "results"),
    )
    spec = SPEC.format(name=name, data=data, rounds=rounds)
    (folder / "model.yaml").write_text(spec)
    repository.commit()


def upload_rows(name: str) -> None:
    """Put the raw rows where the model's `data:` says."""
    chance, lines = random.Random(1), ["y,width,height"]
    for _ in range(400):
        width, height = chance.uniform(0, 5), chance.uniform(0, 2)
        lines.append(f"{width + height + chance.gauss(0, 0.2):.3f},{width},{height}")
    write_bytes(run_uri(name, "raw", "rows.csv"), "\n".join(lines).encode())


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory,
    at_aws: Callable[[], AbstractContextManager[None]],
    kernels: WarmKernels | None,
) -> Iterator[Path]:
    """The pages of a first version, a better one, a worse one and a failed run."""
    scratch, name = tmp_path_factory.mktemp("pages"), new_name()
    repository = Repository(scratch / "clone")
    root = repository.root
    shutil.copytree(ROOT / "notebooks", root / "notebooks", dirs_exist_ok=True)
    options = RunOptions(kernels=lambda _: kernels, reuse=False)

    def train(case: str, rounds: int, label: str = "y") -> None:
        write_model(repository, name, rounds, label)
        run_model(root, name, stages=TRAINING_STAGES, options=options)
        shutil.copytree(root / "build" / name, scratch / case)

    if kernels is not None:
        shared = list((root / "notebooks").rglob("*.ipynb"))
        kernels.preload({path: notebook_imports(path) for path in shared})
    with at_aws():
        upload_rows(name)
        train("first", 8)
        approve(root, name, version=None, this_workflow=False)
        run_model(root, name, stages=("deploy",), options=options)
        train("better", 20)
        train("worse", 1)
        train("failed", 20, label="z")
        yield scratch
        delete_endpoint(name)


@pytest.fixture(scope="module")
def contexts():
    """One browser for all tests here, with a profile for each size of the window."""
    with opened(find_browser()) as browser:
        yield {size: browser.new_context(viewport=SIZES[size]) for size in SIZES}


@pytest.fixture(scope="module")
def tabs(contexts):
    """Open each file once in each size, and record what the browser complains about."""
    known = {}

    def find(path, size, purpose):
        if (path, size, purpose) not in known:
            page, complaints = contexts[size].new_page(), []
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("dialog", lambda one: complaints.append(one.message))
            page.on("request", lambda request: complaints.append(fetched(request.url)))
            page.goto(path.as_uri())
            known[path, size, purpose] = page, complaints
        return known[path, size, purpose]

    return find


@pytest.fixture
def visit(tabs):
    """Show a file, and check that the browser complains about nothing.

    Tests share a tab, unless one has a purpose of its own: to leave the page.
    """
    seen = []

    def show(path, size="desktop", purpose="look"):
        page, complaints = tabs(path, size, purpose)
        seen.append(complaints)
        return page

    yield show
    assert [one for complaints in seen for one in complaints if one] == []


def fetched(url):
    """Return an address if it is neither in the page nor beside it."""
    return "" if url.startswith(("file:", "data:")) else url


def is_visible(page, text):
    """Return whether a text is seen without scrolling."""
    box = page.get_by_text(text, exact=False).first.bounding_box()
    return box is not None and box["y"] + box["height"] <= page.viewport_size["height"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_the_headline_is_seen_without_scrolling(pages, visit, case, size):
    """With its reason, and the link to the notebook."""
    page = visit(pages / case / "index.html", size)

    assert page.locator("h1").inner_text() == CASES[case][0]
    link = "Show the failed cell" if "✗" in CASES[case][0] else "prepare"
    for text in (*CASES[case], link):
        assert is_visible(page, text)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", ["first", "better", "worse"])
def test_every_gate_is_seen_without_scrolling(pages, visit, case, size):
    """With its verdict, on a phone, too."""
    page = visit(pages / case / "index.html", size)
    verdicts = page.locator("td.verdict")

    assert verdicts.count() == 2
    for one in verdicts.all():
        box = one.bounding_box()
        assert box["y"] + box["height"] <= SIZES[size]["height"]
        assert box["x"] + box["width"] <= SIZES[size]["width"]


def test_a_gate_of_a_long_name_is_seen_on_a_phone(folder, visit):
    """The name is broken, rather than the verdict lost at the edge."""
    gates = {"mean_absolute_percentage_error": {"max": 9, "worse_than_live": 0.05}}
    evaluated = evaluation(gates=gates, mean_absolute_percentage_error=8.0)
    write_training(folder, evaluated, parameters={"gates": gates})
    page = visit(write_page(folder, "toy"), "phone")
    boxes = [one.bounding_box() for one in page.locator("td.verdict").all()]

    assert len(boxes) == 2
    assert max(one["x"] + one["width"] for one in boxes) <= SIZES["phone"]["width"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_a_page_scrolls_in_one_direction(pages, visit, case, size):
    """Wide tables and code scroll by themselves."""
    page = visit(pages / case / "index.html", size)
    width = page.evaluate("document.documentElement.scrollWidth")

    assert width <= SIZES[size]["width"]


@pytest.mark.parametrize("case", CASES)
def test_every_link_leads_somewhere(pages, visit, case):
    """To a notebook beside the page, and to the failed cell in it."""
    page = visit(pages / case / "index.html", purpose="follow links")
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


@pytest.mark.parametrize("case", CASES)
def test_a_page_is_printed_on_three_sheets_at_most(pages, visit, case):
    """Whoever prints it for a meeting wants no book."""
    printed = visit(pages / case / "index.html").pdf(format="A4")

    assert 1 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) <= 3


def test_a_page_is_dark_where_the_reader_wants_it(pages, contexts):
    """Text is light then, on a dark ground; figures stay on white."""
    page = contexts["desktop"].new_page()
    page.emulate_media(color_scheme="dark")
    page.goto((pages / "better" / "index.html").as_uri())
    look = "getComputedStyle(document.querySelector('{}')).{}"
    ground, ink, figure = (
        page.evaluate(look.format(*one))
        for one in (
            ("body", "backgroundColor"),
            ("body", "color"),
            ("figure img", "backgroundColor"),
        )
    )
    page.close()

    assert (ground, ink) == ("rgb(18, 23, 29)", "rgb(228, 232, 237)")
    assert figure == "rgb(255, 255, 255)"


def test_every_figure_is_shown(pages, visit):
    """The browser could read the images."""
    page = visit(pages / "better" / "index.html")
    widths = page.evaluate("[...document.images].map(one => one.naturalWidth)")

    assert len(widths) == 4
    assert min(widths) > 300


@pytest.mark.parametrize("size", SIZES)
def test_a_reviewer_finds_all_sections(pages, visit, size):
    """Of a version that is compared with a live one."""
    page = visit(pages / "better" / "index.html", size)

    assert [one.inner_text() for one in page.locator("h2").all()] == [
        "Gates",
        "Against the live model",
        "A closer look",
        "Figures",
        "What changed",
        "Training data",
        "Model card",
        "Lineage",
    ]
    changes = page.locator("table.changes").inner_text()
    assert "hyperparameters.num_round" in changes
    assert page.get_by_text("training time").is_visible()


def test_the_style_is_the_one_that_the_policy_allows(pages, visit):
    """The policy names its hash, and any other style is refused."""
    page = visit(pages / "better" / "index.html")
    colour = page.evaluate("getComputedStyle(document.querySelector('h1')).color")

    assert colour == "rgb(20, 108, 58)"


def test_hostile_text_does_nothing(folder, visit):
    """Neither on the page nor in the list of pages."""
    write_run(folder, HOSTILE)
    path = write_page(folder, "toy")
    overview = write_overview(folder.parent, ["toy"])
    for one in (path, overview):
        assert visit(one).locator("script").count() == 0


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
def test_the_policy_stops_what_is_not_escaped(folder, contexts, kind):
    """Markup that is not escaped runs, loads and restyles nothing."""
    write_run(folder)
    path = write_page(folder, "toy")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("<main>", f"<main>{INJECTED[kind]}"))
    refusals, requests = [], []
    page = contexts["desktop"].new_page()
    page.on("console", lambda message: refusals.append(message.text))
    page.on("requestfinished", lambda request: requests.append(fetched(request.url)))
    page.goto(path.as_uri())

    assert "ran" not in page.title()
    assert page.locator("h1").is_visible()
    assert any("Content Security Policy" in one for one in refusals)
    assert list(filter(None, requests)) == []
    page.close()
