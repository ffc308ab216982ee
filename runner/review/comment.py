"""The review in a pull request: the answer, the metrics, and the way to the page."""

import re

from runner.review.answer import Answer
from runner.review.evidence import Evidence
from runner.review.metrics import gates, metrics
from runner.review.text import SIGNS, number

# What GitHub's Markdown would read as markup, a mention or a link.
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|<>~@&:])")


def comment(evidence: Evidence, answer: Answer, url: str) -> str:
    """Write the comment of one model in GitHub's Markdown."""
    name = plain(evidence.model)
    version = f" version {evidence.version}" if evidence.version else ""
    return "\n".join(
        [
            f"### {SIGNS[answer.tone]} {name}{version}: {plain(answer.title)}",
            "",
            plain(answer.because),
            "",
            *_gates(evidence),
            *_metrics(evidence),
            f"**[Open the review page]({url})**",
        ]
    )


def plain(text: str) -> str:
    """Keep a text from being anything but text."""
    return MARKUP.sub(r"\\\1", " ".join(text.split()))


def _gates(evidence: Evidence) -> list[str]:
    rows = [
        f"| {plain(one.metric)} | {plain(one.asks)} | {number(one.value)} "
        f"| {one.verdict} |"
        for one in gates(evidence)
    ]
    head = ["| gate | model.yaml asks | is | verdict |", "|---|---|--:|---|"]
    return [*head, *rows, ""] if rows else []


def _metrics(evidence: Evidence) -> list[str]:
    live = f"live, version {evidence.live_version}" if evidence.live_version else "live"
    rows = [
        f"| {plain(one.name)} | {number(one.candidate)} | {number(one.live)} "
        f"| {number(one.difference, signed=True)} {one.direction} |"
        for one in metrics(evidence)
    ]
    head = [f"| metric | this one | {live} | difference |", "|---|--:|--:|--:|"]
    return [*head, *rows, ""] if rows else []
