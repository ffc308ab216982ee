"""The review page as one HTML file that loads nothing and runs nothing."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup

from runner.artifacts import write_whole
from runner.commit import short
from runner.review.answer import answer
from runner.review.changes import changes
from runner.review.cost import cost
from runner.review.drift import drift
from runner.review.evidence import Evidence, read_evidence, read_notebook
from runner.review.figures import figures
from runner.review.lineage import lineage, workflow_link
from runner.review.metrics import gates, metrics
from runner.review.text import SIGNS, day, duration, number, price
from runner.stages import STAGES

TEMPLATES = Path(__file__).parents[1] / "templates" / "review"
PAGE = "index.html"


def write_page(folder: Path, model: str) -> Path:
    """Write a run's review page beside its notebooks."""
    path = folder / PAGE
    write_whole(path, render(read_evidence(folder, model)))
    return path


def write_overview(build: Path, models: Sequence[str]) -> Path:
    """Write one page that leads to those of all models."""
    entries = [
        (model, answer(read_evidence(build / model, model)))
        for model in models
        if (build / model / PAGE).is_file()
    ]
    build.mkdir(parents=True, exist_ok=True)
    path = build / PAGE
    write_whole(path, _rendered("overview.html.j2", entries=entries))
    return path


def render(evidence: Evidence) -> str:
    """Render the page of one run."""
    stage = "train-register" if evidence.results("train-register") else ""
    shown = stage or next(reversed(list(evidence.records)), "")
    notebook = read_notebook(evidence.folder, shown) if shown else None
    before = evidence.former.get("data-summary") or {}
    return _rendered(
        "page.html.j2",
        evidence=evidence,
        answer=answer(evidence),
        gates=gates(evidence),
        metrics=metrics(evidence),
        figures=figures(notebook) if notebook else [],
        changes=changes(evidence),
        drift=drift(before, evidence.summary) if before and evidence.summary else [],
        cost=cost(
            evidence.evaluation.get("job") or {}, evidence.parameters("train-register")
        ),
        cost_before=cost(
            (evidence.former.get("evaluation") or {}).get("job") or {},
            (evidence.former.get("parameters") or {}).get("train-register") or {},
        ),
        lineage=lineage(evidence),
        workflow=workflow_link(evidence),
        notebooks=[
            one for one in STAGES if (evidence.folder / f"{one}.html").is_file()
        ],
    )


def _rendered(template: str, **values: Any) -> str:
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _environment().get_template(template)
    # The style is the only thing that a browser is allowed to take from the page.
    return page.render(style=Markup(style), style_hash=digest, signs=SIGNS, **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        # Evidence may be older than this template.
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "duration": duration,
        "day": day,
        "price": price,
        "short": short,
    }
    return environment
