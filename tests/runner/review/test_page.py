"""The review page: what is on it, and that it loads nothing and runs nothing."""

import json
import re

import jsonschema
import notebook_page.page
import pytest
import reviews
import toys
from bs4 import BeautifulSoup
from reviews import HOSTILE, write_run

from runner.review.page import (
    TEMPLATES,
    day,
    duration,
    lineage,
    number,
    read_review,
    workflow_link,
    write_overview,
    write_page,
)
from runner.review.record import SCHEMA
from runner.review.verdict import SIGNS


@pytest.fixture
def page(folder):
    """Write the page and parse it."""

    def build():
        path = write_page(folder, "toy")
        return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")

    return build


def test_sections_stand_in_the_order_of_a_review(folder, page):
    """The gates first, the lineage last."""
    write_run(folder)
    soup = page()

    headings = [one.get_text() for one in soup.find_all("h2")]
    assert headings == [
        "Gates",
        "Against the live model",
        "By text",
        "Threshold and costs",
        "A closer look",
        "Figures",
        "What changed",
        "Training data",
        "Lineage",
    ]
    said = " ".join(soup.get_text(" ").split())
    assert "✓ Can be approved" in said
    assert "Both predicted the same 50 test rows of this run." in said
    assert "The data has changed since version 1: 70 training rows, before 60." in said
    assert "1 of 1 columns have drifted" in said
    assert "training time 2 min 5 s on 1 x ml.m5.large, 1 min 40 s billed" in said
    assert "python -m runner approve toy --version 2" in said


def test_it_offers_to_reject_beside_to_approve(folder, page):
    """As long as nobody has decided; with the commands that do it."""
    write_run(folder)
    commands = [one.get_text() for one in page().select("header .decide code")]
    reviews.write(folder / "package.json", {"approval_status": "Approved"})

    approve = "python -m runner approve toy --version 2"
    assert commands == [approve, f'{approve} --reject --reason "…"']
    assert page().select("header .decide") == []


def test_a_rejected_version_says_who_rejected_it_and_why(folder, page):
    """Below the headline."""
    write_run(folder)
    words = "Rejected by Ada, 2026-11-23 05:36 UTC: it calls too many"
    decided = {"approval_status": "Rejected", "approval_description": words}
    reviews.write(folder / "package.json", decided)
    soup = page()

    assert soup.h1.get_text() == "✗ Rejected"
    assert soup.select_one("header .because").get_text() == words


def test_parameters_are_folded_below_the_title(folder, page):
    """They are there for whoever asks, and push nothing down."""
    write_run(folder)
    record = json.loads((folder / "train-register.json").read_text())
    given = {"hyperparameters": {"eta": 0.2}, "run": {"prepare": {}}, "spot": False}
    reviews.write(folder / "train-register.json", record | {"parameters": given})
    folded = page().select_one("header + details")

    assert "open" not in folded.attrs
    said = " ".join(folded.get_text(" ").split())
    assert "hyperparameters eta 0.2 spot False" in said
    assert "prepare" not in said


def test_every_header_of_a_table_says_what_it_is_of(folder, page):
    """Of a column or of a row, for those who hear the table; and it can be scrolled."""
    write_run(folder)
    soup = page()

    assert soup.find_all("th")
    assert {one.get("scope") for one in soup.find_all("th")} == {"col", "row"}
    regions = soup.select("div.scroll[role=region][tabindex='0'][aria-label]")
    assert len(regions) == len(soup.find_all("table"))


def test_a_figure_is_told_and_explained(folder, page):
    """By what it says of itself, and by the text below it."""
    cells = reviews.output_cells(reviews.evaluation(2.0))
    words = "Learning curve. train: 3 at 1, 1 at 9."
    cells[1]["outputs"][0]["data"]["text/plain"] = words
    explained = toys.text("A *rising* end asks for [fewer](#x) rounds.\n\nNext:")
    reviews.write_training(
        folder, reviews.evaluation(2.0), cells=[*cells[:2], explained, *cells[2:]]
    )
    figure = page().figure

    assert figure.img["alt"] == words
    assert figure.figcaption.get_text() == (
        "How good it is A rising end asks for fewer rounds."
    )


CARD = "# Model card\n\nFor *tests*. See [the settings](model.yaml).\n"


def test_the_model_card_is_a_page_beside_it(folder, page):
    """With the name of the card in SageMaker, and what the card lacks."""
    write_run(folder)
    gaps = ["the section “Limits” is missing or empty"]
    reviews.write(
        folder / "model-card.json", {"text": CARD, "gaps": gaps, "name": "toy-2"}
    )
    soup = page()
    card = BeautifulSoup((folder / "model-card.html").read_text(), "html.parser")

    assert [one["href"] for one in soup.select("nav a")][-1] == "model-card.html"
    assert soup.select("nav a")[-1].get_text() == "model card (incomplete)"
    said = " ".join(soup.get_text(" ").split())
    assert "in SageMaker the model card toy-2" in said
    assert "Incomplete: the section “Limits” is missing or empty." in said
    assert card.em.get_text() == "tests"
    assert card.a["href"].endswith("models/toy/model.yaml")
    assert read_review(folder)["card"] == {"name": "toy-2", "gaps": gaps}


def test_a_model_without_a_card_says_so(folder, page):
    """And where it is to be written."""
    write_run(folder)
    reviews.write(folder / "model-card.json", {"text": "", "gaps": ["there is none"]})

    said = " ".join(page().get_text().split())
    assert "This model has no card. Write one: models/toy/README.md." in said


def luminance(colour):
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    digits = colour.lstrip("#")
    wide = digits if len(digits) == 6 else "".join(2 * one for one in digits)
    parts = [int(wide[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4
        for one in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """Return the contrast of two colours, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


STYLES = (TEMPLATES, notebook_page.page.TEMPLATES)
BEHIND = ("back", "paper", "tint", "added", "removed")


@pytest.mark.parametrize("folder", STYLES, ids=["review", "notebook"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_every_background(folder, scheme):
    """With a contrast of 4.5 to 1, by day and by night."""
    style = (folder / "style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{([^}]*)\}", style)[:2]
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", light))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#\w+)", dark))
    behind = [name for name in colours if name.endswith(BEHIND)]
    pairs = [
        (text, back)
        for text in ("ink", "soft", "link")
        for back in behind
        if text in colours and (text == "ink" or back not in ("added", "removed"))
    ]
    tones = [name for name in ("good", "mind", "bad") if name in colours]
    pairs += [
        (tone, back)
        for tone in tones
        for back in ("back", "paper", f"{tone}-tint")
        if back in colours
    ]
    pairs += [("on-tone", tone) for tone in tones]

    low = {
        pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in pairs
    }
    assert {pair: one for pair, one in low.items() if one < 4.5} == {}


def test_it_leads_to_the_executed_notebooks(folder, page):
    """By relative links, which work wherever the folder is."""
    write_run(folder)
    links = [one["href"] for one in page().select("nav a")]

    assert links == ["prepare.html", "train-register.html"]


def test_it_leads_to_the_approval(folder, page):
    """In CircleCI, if the run knows its workflow."""
    write_run(folder)
    workflow = "7a1c8f2e-0000-4000-8000-1234567890ab"
    reviews.write(folder / "source.json", reviews.source() | {"workflow": workflow})
    link = page().select_one("nav a.main")

    assert link.get_text() == "Approve in CircleCI: review-toy"
    assert link["href"] == f"https://app.circleci.com/pipelines/workflows/{workflow}"


def test_it_needs_nothing_but_itself(folder, page):
    """It can be opened offline, for instance from an e-mail."""
    write_run(folder)
    soup = page()

    assert soup.find_all(["script", "iframe", "object", "form"]) == []
    assert all(one["src"].startswith("data:image/") for one in soup.find_all("img"))
    assert [one["href"] for one in soup.find_all("link")] == ["data:,"]
    policy = soup.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_hostile_text_is_text(folder, page):
    """In the data, the branch, the commit, the code, the settings and the notebook."""
    write_run(folder, HOSTILE)
    soup = page()

    assert soup.find_all("script") == []
    assert [one for one in soup.find_all(True) if "onerror" in one.attrs] == []
    assert soup.get_text().count(HOSTILE) >= 12
    assert "49" not in soup.find("title").get_text()


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//x"])
def test_a_link_leads_to_the_web_or_nowhere(folder, page, address):
    """An address that is not https is shown as text."""
    write_run(folder)
    reviews.write(folder / "source.json", reviews.source() | {"pull_request": address})
    soup = page()

    assert address in soup.get_text()
    assert all(address not in one["href"] for one in soup.find_all("a"))


def test_a_failed_notebook_leads_to_its_cell(folder, page):
    """The error stands above the link."""
    reviews.write_stage(folder, "prepare", status="failed", error="KeyError: 'sex'")
    soup = page()

    assert soup.select_one("header .error").get_text() == "KeyError: 'sex'"
    assert soup.select_one("nav a.main")["href"] == "prepare.html#failed"


def test_a_run_that_left_nothing_has_a_page(folder, page):
    """AWS may refuse a call before the first notebook."""
    assert "Cannot be approved: nothing ran" in page().get_text()


def test_a_comparison_that_is_out_of_date_says_so(folder, page):
    """A version may be reused after another one went live."""
    write_run(folder)
    assert "Since then" not in page().get_text()
    reviews.write(folder / "baseline.json", {"version": 3})

    assert "Since then version 3 went live." in page().get_text()


def test_a_reused_stage_is_named_at_the_top(folder, page):
    """So that an old notebook is not taken for a new one."""
    write_run(folder)
    record = json.loads((folder / "prepare.json").read_text())
    reused = {"reused": "reused from run r0: same code, same raw data"}
    reviews.write(folder / "prepare.json", record | reused)

    said = page().header.get_text(" ", strip=True)
    assert "prepare was not run again: reused from run r0: same code" in said
    assert "train-register was not run again" not in said


def test_evidence_older_than_the_page_is_no_error(folder, page):
    """What it lacks is not shown."""
    write_run(folder)
    reviews.write(folder / "baseline.json", {"version": 1})
    reviews.write(folder / "source.json", {})
    said = page().get_text()

    assert "Live version 1 left no record of its source" in said


def test_one_page_leads_to_all_models(folder):
    """Each with its headline; a model without a page is left out."""
    write_run(folder)
    write_page(folder, "toy")
    path = write_overview(folder.parent, ["toy", "lost"])
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")

    assert [one["href"] for one in soup.select("a")] == ["toy/index.html"]
    assert f"{SIGNS['good']} Can be approved" in soup.get_text()
    assert re.search(r"1 model\b", soup.get_text())


def test_a_page_that_has_lost_its_review_is_named(folder):
    """It has no headline that could be shown."""
    write_run(folder)
    write_page(folder, "toy")
    (folder / "review.json").unlink()

    assert "left cannot be read" in write_overview(folder.parent, ["toy"]).read_text()


def test_a_first_version_says_that_nothing_was_live(folder, page):
    """In the past tense: it may be live itself when the page is read."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    soup = page()
    said = " ".join(soup.get_text().split())

    assert "On 50 test rows. Nothing was live before this run." in said
    assert "Nothing was live before this run, so all of it is new." in said
    assert "Nothing is live" not in said
    dash = SIGNS["idle"]
    relative = soup.select_one("tr.nothing-live .verdict")
    assert relative.get_text() == f"{dash} nothing live"
    assert soup.select_one("tr.passed .verdict").get_text() == "✓ passed"


def test_what_to_look_at_stands_below_an_amber_headline(folder, page):
    """Before everything else."""
    reviews.write_training(folder, reviews.evaluation(2.25, live=2.2, margin=0.1))
    soup = page()

    (reason,) = soup.select("header .reasons li")
    assert reason.get_text().startswith("Undecided: rmse 2.25 is 2.3 % better to 6.8 %")
    assert soup.select_one("tr.undecided .verdict").get_text() == "! undecided"
    difference = soup.select_one("td.no-detectable-difference").get_text(" ")
    minus = "\N{MINUS SIGN}"
    assert difference == f"+0.05 {minus}0.05 to 0.15 no detectable difference"


def test_rows_that_the_live_model_knows_are_told(folder, page):
    """The comparison is on fewer rows than the metrics."""
    evaluated = reviews.evaluation(2.0, live=2.2)
    object.__setattr__(evaluated.live, "left_out", 12)
    reviews.write_training(folder, evaluated)

    said = " ".join(page().get_text(" ").split())
    assert "50 test rows of this run; 12 others are left out, because the live" in said


def leave_nothing(folder):
    """Leave a folder without any stage."""


def write_deployment(folder, **source):
    """Leave what a run leaves that has deployed."""
    reviews.write_stage(folder, "deploy", results={"endpoint": "toy", "version": 2})
    reviews.write(folder / "source.json", reviews.source() | source)


RUNS = {
    "whole": write_run,
    "first": lambda folder: reviews.write_training(folder, reviews.evaluation(2.0)),
    "undecided": lambda folder: reviews.write_training(
        folder, reviews.evaluation(2.25, live=2.2, margin=0.1)
    ),
    "not comparable": lambda folder: reviews.write_training(
        folder, reviews.evaluation(2.0, reason="it is lost")
    ),
    "no number": lambda folder: reviews.write_training(
        folder, reviews.evaluation(float("nan"), live=2.0)
    ),
    "failed": lambda folder: reviews.write_stage(
        folder, "prepare", status="failed", error="KeyError: 'sex'"
    ),
    "prepared": lambda folder: reviews.write_stage(folder, "prepare", results={}),
    "nothing ran": leave_nothing,
    "deployed": write_deployment,
    "deployed, then failed": lambda folder: write_deployment(folder, error="no disk"),
    "not deployed": lambda folder: reviews.write_stage(
        folder, "deploy", status="failed", error="EndpointError: no quota"
    ),
}
VERDICTS = {
    "whole": "can-be-approved",
    "first": "can-be-approved",
    "undecided": "look-closer",
    "not comparable": "look-closer",
    "no number": "cannot-be-approved",
    "failed": "cannot-be-approved",
    "prepared": "nothing-to-approve",
    "nothing ran": "cannot-be-approved",
    "deployed": "can-be-approved",
    "deployed, then failed": "look-closer",
    "not deployed": "cannot-be-approved",
}


LOOKED_AT = ("look-closer", "cannot-be-approved")


@pytest.mark.parametrize("run", RUNS)
def test_every_run_leaves_a_review_in_json(folder, run):
    """As the schema beside the code describes it; the page is made of it."""
    RUNS[run](folder)

    page = write_page(folder, "toy").read_text(encoding="utf-8")
    review = read_review(folder)

    jsonschema.validate(review, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert review["verdict"] == VERDICTS[run]
    assert bool(review["reasons"]) is (review["verdict"] in LOOKED_AT)
    assert review["headline"] in page
    if run == "whole":
        gate, relative = review["gates"]
        assert (gate["metric"], gate["bound"], gate["value"]) == ("rmse", 2.5, 2.0)
        assert (gate["interval"], gate["verdict"]) == ([1.9, 2.1], "passed")
        assert (relative["verdict"], relative["bound"]) == ("passed", 2.31)
        first = review["comparison"][0]
        assert (first["candidate"], first["live"]) == (2.0, 2.2)
        assert first["answer"] == "better"
        assert first["difference"] == pytest.approx(-0.2)
        assert review["drift"][0]["answer"] == "strong drift"
        assert review["lineage"]["training job"] == "toy-job"


def test_a_version_that_was_live_is_not_compared_with_itself(folder, page):
    """For instance if it is deployed again, or reused."""
    write_run(folder)
    baseline = json.loads((folder / "baseline.json").read_text())
    reviews.write(folder / "baseline.json", baseline | {"version": 2})
    said = " ".join(page().get_text().split())

    assert "Nothing: this version was already live before this run." in said
    assert "Since then this one went live." in said
    assert "compared with" not in said
    assert "have drifted" not in said


def test_after_a_deployment_the_former_version_is_not_called_live(folder, page):
    """The page of a deployment is read after it."""
    write_run(folder)
    reviews.write_stage(folder, "deploy", results={"endpoint": "toy", "version": 2})
    said = " ".join(page().get_text(" ").split())

    assert "Against what was live" in said
    assert "this version version 1 difference" in said
    assert "Settings version 1 this version" in said
    assert "Version 1 was trained on other rows" in said
    assert "ive version 1" not in said


def test_uncommitted_changes_are_marked(folder, page):
    """The short form of the commit keeps the mark, too."""
    commit = "c0ffee" * 6 + "-dirty"
    reviews.write_training(folder, reviews.evaluation(2.0), commit=commit)

    assert "c0ffeec-dirty" in page().select_one(".facts").get_text()


def test_a_live_version_that_cannot_be_read_is_not_missing(folder, page):
    """The page gives the reason, and does not claim that all of it is new."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    reviews.write(folder / "baseline.json", {"reason": "AWS: AccessDenied"})
    said = page().get_text()

    assert "The live version could not be read: AWS: AccessDenied." in said
    assert "Nothing was live" not in said


def test_the_lineage_identifies_a_run(folder, read):
    """What is not known is left out."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    reviews.write(folder / "source.json", reviews.source() | {"evidence": "s3://b/e"})
    facts = {one.name: one.value for one in lineage(read())}

    assert facts == {
        "commit": f"{'c0ffee' * 6} Try deeper trees",
        "branch": "deeper",
        "run": "20261123053633-a1b2c3",
        "package": "arn:aws:p/toy/2",
        "approval at registration": "PendingManualApproval",
        "fingerprint": "f" * 64,
        "training job": "toy-job",
        "training time": "2 min 5 s on 1 x ml.m5.large, 1 min 40 s billed",
        "evidence": "s3://b/e",
    }


def test_the_lineage_has_the_approval_of_now_once_it_is_known(folder, read):
    """That of the registration would contradict it."""
    reviews.write_training(folder, reviews.evaluation(2.0))
    decided = {"approval_status": "Approved", "approval_description": "Approved by Ada"}
    reviews.write(folder / "package.json", decided)
    facts = {one.name: one.value for one in lineage(read())}

    assert (facts["approval"], facts["decision"]) == ("Approved", "Approved by Ada")
    assert "approval at registration" not in facts


def test_a_run_without_stages_has_a_commit(folder, read, page):
    """A refused deploy says why, and of which commit."""
    known = {"commit": "c0ffee" * 6, "stages": ["deploy"], "error": "it stays"}
    reviews.write(folder / "source.json", reviews.source() | known)
    facts = {one.name: one.value for one in lineage(read())}

    assert facts["commit"].startswith("c0ffee" * 6)
    text = page().get_text()
    assert "Not deployed: the deploy was refused" in text
    assert "it stays" in text
    assert "not registered" not in text


def test_a_training_job_is_known_before_its_package(folder, read):
    """From the evaluation, if a gate ended the run."""
    cells = reviews.output_cells(reviews.evaluation(3.0))
    parameters = {"instance_type": "ml.m5.xlarge", "instance_count": 3}
    ended = {"status": "failed", "cells": cells, "error": "x", "parameters": parameters}
    reviews.write_stage(folder, "train-register", **ended)
    facts = {one.name: one.value for one in lineage(read())}

    assert facts["training job"] == "toy-job"
    assert facts["training time"].startswith("2 min 5 s on 3 x ml.m5.xlarge, ")


def test_training_time_needs_no_instance_type(folder, read):
    """A notebook need not have it as a parameter."""
    reviews.write_training(folder, reviews.evaluation(2.0), parameters={})
    facts = {one.name: one.value for one in lineage(read())}

    assert facts["training time"] == "2 min 5 s, 1 min 40 s billed"


@pytest.mark.parametrize("workflow", ["../../evil", "", "7a1c8f2e"])
def test_a_workflow_without_a_uuid_has_no_link(folder, read, workflow):
    """Only an id as CircleCI makes them becomes a part of an address."""
    reviews.write(folder / "source.json", reviews.source() | {"workflow": workflow})

    assert workflow_link(read()) == ""


def test_numbers_and_durations_are_short():
    """Four digits, and at most two units."""
    minus = "\N{MINUS SIGN}"
    assert [duration(s) for s in (5, 125, 7260)] == ["5 s", "2 min 5 s", "2 h 1 min"]
    assert number(0.123456) == "0.1235"
    assert number(-0.5, signed=True) == f"{minus}0.5"
    assert number(0.5, signed=True) == "+0.5"
    assert number(None) == number("many") == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-23T08:29:59.123+00:00", "2026-11-23 08:29 UTC"),
        ("2026-11-23T10:29:00+02:00", "2026-11-23 08:29 UTC"),
        ("2026-11-23T08:29:00", "2026-11-23 08:29 UTC"),
        ("soon", "soon"),
    ],
)
def test_a_time_is_shown_to_the_minute_in_utc(text, shown):
    """In whichever time zone it is; any other text stays as it is."""
    assert day(text) == shown
