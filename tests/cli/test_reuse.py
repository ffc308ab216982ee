"""What an earlier run left is shown as what it is."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import run_uri
from lifecycle.s3 import write_bytes
from packages import new_name
from runner import STAGES
from runner.notebook.html import render
from runner.pipeline.earlier import Reused, announced, reused, show
from runner.pipeline.plan import Plan, make_plan

RECORD: dict[str, Any] = {
    "model": "toy",
    "stage": "train-register",
    "status": "succeeded",
    "run_id": "20261123053633-a1b2c3",
    "notebook": "notebooks/train-register.ipynb",
    "started": "2026-01-01T00:00:00+00:00",
    "seconds": 1.0,
    "parameters": {},
    "results": {"version": 1, "approval_status": "of then"},
}


@pytest.fixture
def planned(repo: Path) -> Plan:
    """A run of a model."""
    made = make_plan(repo, "toy", STAGES, {})
    made.folder.mkdir(parents=True)
    return made


def notebook() -> bytes:
    """Make a notebook that ran."""
    cells = [nbformat.v4.new_code_cell("1 + 1\n2 + 2")]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()


def leave(model: str) -> bytes:
    """Leave a notebook and its page as a run's evidence."""
    prefix = run_uri(model, RECORD["run_id"], "evidence", "train-register")
    write_bytes(f"{prefix}.html", b"<header></header>")
    written = notebook()
    write_bytes(f"{prefix}.ipynb", written)
    return written


def test_its_evidence_says_at_the_top_that_it_was_reused(planned: Plan) -> None:
    """So that nobody takes an old notebook for a new one."""
    page = "<html><header><p>as it was</p></header></html>"
    ran, why = nbformat.reads(notebook(), as_version=4), "nothing changed"
    show(planned, Reused(record=RECORD, notebook=ran, page=page, why=why))

    shown = nbformat.read(planned.folder / "train-register.ipynb", as_version=4)
    record = json.loads((planned.folder / "train-register.json").read_text())
    shown_page = (planned.folder / "train-register.html").read_text()
    assert "No training job was started: nothing changed." in shown.cells[0].source
    assert shown.cells[1].source == "1 + 1\n2 + 2"
    assert record["reused"] == f"reused from run {RECORD['run_id']}: nothing changed"
    assert "No training job was started" in shown_page
    assert shown_page.index("No training job") < shown_page.index("as it was")


def test_what_has_changed_since_is_said_as_it_is_now(aws: EmbeddedAWS) -> None:
    """The rest of what the notebook returned still holds."""
    model = new_name()
    written = leave(model)
    found = reused(model, RECORD, "nothing changed", {"approval_status": "Approved"})

    assert found is not None
    assert found.notebook == nbformat.reads(written, as_version=4)
    assert found.results == {"version": 1, "approval_status": "Approved"}


@pytest.mark.parametrize("other", [{"status": "failed"}, {"reused": "of another run"}])
def test_only_a_notebook_that_ran_to_its_end_is_reused(
    aws: EmbeddedAWS, other: dict[str, str]
) -> None:
    """Neither one that failed nor one that was shown again itself."""
    model = new_name()
    leave(model)

    assert reused(model, RECORD | other, "nothing changed") is None


def test_the_sentence_stands_on_top_of_the_page_that_was_rendered() -> None:
    """As text, whatever it holds."""
    page = render(nbformat.reads(notebook(), as_version=4), RECORD)
    soup = BeautifulSoup(announced(page, "as <then>"), features="html.parser")

    assert soup.body.find("p").text == "as <then>"
