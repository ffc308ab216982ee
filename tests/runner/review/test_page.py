"""The page as a whole: what is on it, and that it is nothing but text and pictures."""

import json
import re

import pytest
import reviews
from bs4 import BeautifulSoup
from reviews import HOSTILE, full

from runner.review.page import write_overview, write_page
from runner.review.verdict import SIGNS


@pytest.fixture
def page(folder):
    """Build the page and take it apart."""

    def build():
        path = write_page(folder, "toy")
        return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")

    return build


def test_everything_a_reviewer_asks_for_is_there(folder, page):
    """The verdicts first, the lineage last."""
    full(folder)
    soup = page()

    headings = [one.get_text() for one in soup.find_all("h2")]
    assert headings == [
        "Gates",
        "Against the live model",
        "Figures",
        "What changed",
        "Training data",
        "Training time and cost",
        "Lineage",
    ]
    said = " ".join(soup.get_text().split())
    assert "✓ Can be approved" in said
    assert "Both scored on the same 50 test rows of this run." in said
    assert "The live model was trained on other data" in said
    assert "1 of 1 columns moved" in said
    assert (
        "2 min 5 s on 1 \N{MULTIPLICATION SIGN} ml.m5.large, 1 min 40 s of them billed"
        in said
    )
    assert "python -m runner approve toy --version 2" in said


def test_it_leads_to_the_executed_notebooks(folder, page):
    """By links that hold wherever the folder is."""
    full(folder)
    links = [one["href"] for one in page().select("nav a")]

    assert links == ["prepare.html", "train-register.html"]


def test_it_leads_to_where_it_is_approved(folder, page):
    """In CircleCI, where the run knows its workflow."""
    full(folder)
    workflow = "7a1c8f2e-0000-4000-8000-1234567890ab"
    reviews.write(folder / "source.json", reviews.source() | {"workflow": workflow})
    link = page().select_one("nav a.main")

    assert link.get_text() == "Approve in CircleCI: review-toy"
    assert link["href"] == f"https://app.circleci.com/pipelines/workflows/{workflow}"


def test_it_needs_nothing_but_itself(folder, page):
    """It opens offline, out of an e-mail."""
    full(folder)
    soup = page()

    assert soup.find_all(["script", "iframe", "object", "form"]) == []
    assert all(one["src"].startswith("data:image/") for one in soup.find_all("img"))
    assert [one["href"] for one in soup.find_all("link")] == ["data:,"]
    policy = soup.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_hostile_text_is_text(folder, page):
    """Wherever it comes from: data, branch, commit, code, settings, notebook."""
    full(folder, HOSTILE)
    soup = page()

    assert soup.find_all("script") == []
    assert [one for one in soup.find_all(True) if "onerror" in one.attrs] == []
    assert soup.get_text().count(HOSTILE) >= 12
    assert "49" not in soup.find("title").get_text()


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//x"])
def test_a_link_leads_to_the_web_or_nowhere(folder, page, address):
    """A pull request's address is only a text."""
    full(folder)
    reviews.write(folder / "source.json", reviews.source() | {"pull_request": address})
    soup = page()

    assert address in soup.get_text()
    assert all(address not in one["href"] for one in soup.find_all("a"))


def test_a_failed_notebook_leads_to_its_cell(folder, page):
    """With the error on top."""
    reviews.leave(folder, "prepare", status="failed", error="KeyError: 'sex'")
    soup = page()

    assert soup.select_one("header .error").get_text() == "KeyError: 'sex'"
    assert soup.select_one("nav a.main")["href"] == "prepare.html#failed"


def test_a_run_that_left_nothing_has_a_page(folder, page):
    """AWS may refuse before the first notebook."""
    assert "Cannot be approved: nothing ran" in page().get_text()


def test_a_comparison_that_is_out_of_date_says_so(folder, page):
    """A version may be reused after another one went live."""
    full(folder)
    assert "Since then" not in page().get_text()
    reviews.write(folder / "baseline.json", {"version": 3})

    assert "Since then version 3 went live." in page().get_text()


def test_what_was_reused_is_said_at_the_top(folder, page):
    """A reviewer does not take an old notebook for a new one."""
    full(folder)
    record = json.loads((folder / "prepare.json").read_text())
    reused = {"reused": "reused from run r0: same code, same raw data"}
    reviews.write(folder / "prepare.json", record | reused)

    said = page().header.get_text(" ", strip=True)
    assert "prepare was not run again: reused from run r0: same code" in said
    assert "train-register was not run again" not in said


def test_evidence_older_than_the_page_is_no_error(folder, page):
    """Whatever it lacks, is not shown."""
    full(folder)
    reviews.write(folder / "baseline.json", {"version": 1})
    reviews.write(folder / "source.json", {})
    said = page().get_text()

    assert "Live version 1 left no record of its source" in said


def test_one_page_leads_to_all_models(folder):
    """Each with its answer; a model without a page is left out."""
    full(folder)
    write_page(folder, "toy")
    path = write_overview(folder.parent, ["toy", "lost"])
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")

    assert [one["href"] for one in soup.select("a")] == ["toy/index.html"]
    assert f"{SIGNS['good']} Can be approved" in soup.get_text()
    assert re.search(r"1 model\b", soup.get_text())


def test_a_first_version_says_what_was(folder, page):
    """It may be live by the time that somebody reads the page."""
    reviews.trained(folder, reviews.evaluation(2.0))
    soup = page()
    said = " ".join(soup.get_text().split())

    assert "On 50 test rows. Nothing was live before this run." in said
    assert "Nothing was live before this run, so all of it is new." in said
    assert "Nothing is live" not in said
    dash = SIGNS["idle"]
    relative = soup.select_one("tr.not-compared .verdict")
    assert relative.get_text() == f"{dash} not compared"
    assert soup.select_one("tr.passed .verdict").get_text() == "✓ passed"


def test_a_version_that_was_live_is_not_compared_with_itself(folder, page):
    """As after `--stage deploy` of what is deployed, or when it is reused."""
    full(folder)
    baseline = json.loads((folder / "baseline.json").read_text())
    reviews.write(folder / "baseline.json", baseline | {"version": 2})
    said = " ".join(page().get_text().split())

    assert "Nothing: this version was live before this run already." in said
    assert "Since then this one went live." in said
    assert "compared with" not in said
    assert "columns moved" not in said
    assert "The live version took" not in said


def test_what_was_live_is_called_so_once_another_is(folder, page):
    """The page of a deployment is read after it."""
    full(folder)
    reviews.leave(folder, "deploy", results={"endpoint": "toy", "version": 2})
    said = " ".join(page().get_text(" ").split())

    assert "Against what was live" in said
    assert "this one version 1 difference" in said
    assert "Settings version 1 this one" in said
    assert "Version 1 was trained on other rows" in said
    assert "ive version 1" not in said


def test_a_commit_with_changes_says_so(folder, page):
    """In short, too: nobody finds what was run in git."""
    commit = "c0ffee" * 6 + "-dirty"
    reviews.trained(folder, reviews.evaluation(2.0), commit=commit)

    assert "c0ffeec-dirty" in page().select_one(".facts").get_text()


def test_a_live_version_that_cannot_be_read_is_not_none(folder, page):
    """Nobody claims that all of it is new."""
    reviews.trained(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"reason": "AWS: AccessDenied"})
    said = page().get_text()

    assert "What was live could not be read: AWS: AccessDenied." in said
    assert "Nothing was live" not in said
