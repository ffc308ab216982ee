"""The review page as one HTML file that loads nothing and runs nothing.

It is made of `review.json`, which is written beside it, and of the run's figures, code
changes and summaries.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader, TemplateError
from markupsafe import Markup

from lifecycle.statistics.comparison import class_of, format_interval, format_within
from runner import STAGES
from runner.errors import MALFORMED
from runner.git import short_commit
from runner.notebook import ipynb
from runner.notebook.archive import linked, write_json, write_whole
from runner.review.changes import NOT_SETTINGS, changes
from runner.review.evidence import Evidence, read_evidence
from runner.review.record import REVIEW, LineageRow, decision_commands, review
from runner.review.verdict import SIGNS

TEMPLATES = Path(__file__).parent / "templates"
PAGE = "index.html"
CARD_PAGE = "model-card.html"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What GitHub's Markdown would read as markup, a mention or a link.
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~@&:])")
WORKFLOWS = "https://app.circleci.com/pipelines/workflows"


def write_page(
    folder: Path, model: str, notebooks: Mapping[str, ipynb.Notebook] | None = None
) -> Path:
    """Write a run's review and its page beside its notebooks, and return its path.

    Args:
        notebooks: by stage those that are in memory already.
    """
    path = folder / PAGE
    evidence = read_evidence(folder, model, notebooks)
    rows = lineage(evidence)
    record = review(evidence, rows)
    page = _render_page(evidence, record, rows)
    write_json(folder / REVIEW, record)
    if evidence.card_text:
        write_whole(folder / CARD_PAGE, _render_card(evidence))
    write_whole(path, page)
    return path


def read_review(folder: Path) -> dict[str, Any]:
    """Read the review that `write_page` left."""
    found: dict[str, Any] = json.loads((folder / REVIEW).read_text(encoding="utf-8"))
    return found


def write_overview(build: Path, models: Sequence[str]) -> Path:
    """Write a page that links to the pages of several models, and return its path."""
    entries = [
        (model, _overview_entry(build / model))
        for model in models
        if (build / model / PAGE).is_file()
    ]
    build.mkdir(parents=True, exist_ok=True)
    path = build / PAGE
    write_whole(path, render("overview.html.j2", entries=entries))
    return path


def _render_page(
    evidence: Evidence, record: Mapping[str, Any], rows: Sequence[LineageRow]
) -> str:
    workflow = workflow_link(evidence)
    return render(
        "page.html.j2",
        evidence=evidence,
        review=record,
        figures=evidence.figures(),
        changes=changes(evidence),
        lineage=rows,
        workflow=workflow,
        decide=decision_commands(
            evidence.model, evidence.version or 0, "aws" if workflow else ""
        ),
        parameters=_parameters(evidence),
        units=_units(evidence, record),
        card=CARD_PAGE if evidence.card_text else "",
        notebooks=[
            one for one in STAGES if (evidence.folder / f"{one}.html").is_file()
        ],
    )


def _render_card(evidence: Evidence) -> str:
    """Render the model's README as a page like those of its notebooks."""
    # Takes a while to import, which a page without a card should not.
    from notebook_page.page import Header, render

    folder = PurePosixPath("models", evidence.model)
    run = {name: evidence.run_fact(name) for name in ("ci_url", "commit")}
    version = f"model card, version {evidence.version}" * bool(evidence.version)
    cell = {"cell_type": "markdown", "metadata": {}, "source": evidence.card_text}
    return render(
        {"cells": [cell]},
        Header(title=evidence.model, subtitle=version or "model card"),
        folder=Path(folder),
        link=lambda address: linked(address, folder, run),
    )


def _parameters(evidence: Evidence) -> dict[str, Any]:
    """Return what the stages were given that a person may set, the first value each."""
    found: dict[str, Any] = {}
    for stage in evidence.records:
        found = {**evidence.parameters(stage), **found}
    return {name: one for name, one in found.items() if name not in NOT_SETTINGS}


def _units(evidence: Evidence, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the units of metrics that have one: the label's own, or of a cost."""
    label = str((evidence.prepared.get("columns") or [""])[0])
    is_regression = evidence.source.get("settings", {}).get("task") == "regression"
    found = dict.fromkeys(("rmse", "mae"), label) if is_regression else {}
    return found | {"cost": str((record["confusion"] or {}).get("unit") or "")}


def lineage(evidence: Evidence) -> list[LineageRow]:
    """Return what identifies a run and its outcome, as far as it is known."""
    return [row for row in _lineage_rows(evidence) if row.value]


def workflow_link(evidence: Evidence) -> str:
    """Return the address of the CircleCI workflow in which the version is approved."""
    workflow = str(evidence.source.get("workflow", ""))
    return f"{WORKFLOWS}/{workflow}" if UUID.fullmatch(workflow) else ""


def number(
    value: object, interval: Sequence[float] | None = None, *, signed: bool = False
) -> str:
    """Format a number with at most four significant digits; a dash if it is none.

    Args:
        interval: whose width says how many digits have a meaning.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "\N{EN DASH}"
    text = format_within(value, interval)
    text = f"+{text}" if signed and float(text) > 0 else text
    return text.replace("-", "\N{MINUS SIGN}")


def span(interval: Sequence[float] | None) -> str:
    """Format an interval; nothing if there is none."""
    return format_interval(interval).replace("-", "\N{MINUS SIGN}") if interval else ""


def count(value: object) -> str:
    """Format a number of rows, with commas between thousands."""
    return f"{value:,}" if isinstance(value, int) else number(value)


def duration(seconds: float) -> str:
    """Format a duration as hours and minutes, or minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def escape_markdown(text: str) -> str:
    """Return a text on one line, in which nothing is Markdown."""
    return MARKUP.sub(r"\\\1", " ".join(text.split()))


def day(text: str) -> str:
    """Format an ISO 8601 time to the minute, in UTC; other text stays as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{known.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _overview_entry(folder: Path) -> Mapping[str, Any]:
    try:
        return read_review(folder)
    except (*MALFORMED, OSError) as error:
        title = "Cannot be approved: what it left cannot be read"
        return {"tone": "bad", "headline": title, "because": str(error)}


def _lineage_rows(evidence: Evidence) -> Iterator[LineageRow]:
    source, registered = evidence.source, evidence.registered
    prepared, job = evidence.prepared, evidence.evaluation.get("job") or {}
    commit = f"{evidence.run_fact('commit')} {source.get('subject', '')}".strip()
    yield LineageRow(name="commit", value=commit)
    yield LineageRow(name="branch", value=str(source.get("branch", "")))
    yield _linked("pull request", str(source.get("pull_request", "")))
    yield LineageRow(name="run", value=evidence.run_fact("run_id"))
    yield _linked("CI job", evidence.run_fact("ci_url"))
    workflow = str(source.get("workflow", ""))
    yield LineageRow(name="CI workflow", value=workflow, link=workflow_link(evidence))
    yield LineageRow(name="package", value=str(registered.get("package") or ""))
    yield LineageRow(name="model card", value=str(evidence.card.get("name") or ""))
    if decided := evidence.decision:
        now, by = decided.get("approval_status"), decided.get("approval_description")
        yield LineageRow(name="approval", value=str(now or ""))
        yield LineageRow(name="decision", value=str(by or ""))
    else:
        first = str(registered.get("approval_status") or "")
        yield LineageRow(name="approval at registration", value=first)
    yield LineageRow(name="digest", value=str(registered.get("digest") or "")[:12])
    yield LineageRow(name="fingerprint", value=evidence.run_fact("fingerprint"))
    name = str(registered.get("training_job") or job.get("name", ""))
    yield LineageRow(name="training job", value=name)
    yield LineageRow(name="training time", value=_training_time(evidence))
    yield LineageRow(name="model data", value=str(registered.get("model_data") or ""))
    yield LineageRow(name="data sha256", value=str(prepared.get("data_sha256") or ""))
    yield LineageRow(name="training rows", value=str(prepared.get("train") or ""))
    yield LineageRow(name="evidence", value=str(source.get("evidence", "")))
    if before := evidence.previous.get("package"):
        version = evidence.previous.get("version")
        yield LineageRow(name="compared with", value=f"{before} (version {version})")


def _training_time(evidence: Evidence) -> str:
    """Say how long training took, on which instances, and what of it is billed."""
    job = evidence.evaluation.get("job")
    if not job:
        return ""
    given = evidence.parameters("train-register")
    count, kind = given.get("instance_count", 1), given.get("instance_type", "")
    instances = f" on {count} x {kind}" if kind else ""
    billed = duration(float(job["billable_seconds"]))
    return f"{duration(float(job['seconds']))}{instances}, {billed} billed"


def _linked(name: str, address: str) -> LineageRow:
    link = address if address.startswith("https://") else ""
    return LineageRow(name=name, value=address, link=link)


def render(template: str, **values: Any) -> str:
    """Return a template of this room, filled in.

    Raises:
        ValueError: the values are not what it needs.
    """
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _environment().get_template(template)
    try:
        # The page's Content-Security-Policy allows this style and nothing else.
        return page.render(
            style=Markup(style),  # noqa: S704, a file of ours
            style_hash=digest,
            signs=SIGNS,
            **values,
        )
    except TemplateError as error:
        raise ValueError(str(error)) from error


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
    environment.tests["of_class"] = lambda metric: bool(class_of(metric))
    environment.filters |= {
        "number": number,
        "span": span,
        "day": day,
        "count": count,
        "markdown": escape_markdown,
        "short": short_commit,
    }
    return environment
