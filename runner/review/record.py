"""The review of a run as one JSON object: `review.json`, from which its page is made.

review.schema.json beside this module describes every key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runner.review.drift import Drift
from runner.review.evidence import Evidence
from runner.review.findings import findings
from runner.review.rows import GateRow, MetricRow, gate_rows, metric_rows
from runner.review.verdict import Headline, Tone, headline

REVIEW = "review.json"
SCHEMA = Path(__file__).with_name("review.schema.json")
VERDICTS: Mapping[Tone, str] = {
    "good": "can-be-approved",
    "mind": "look-closer",
    "bad": "cannot-be-approved",
    "idle": "nothing-to-approve",
}


@dataclass(frozen=True, kw_only=True)
class LineageRow:
    """One line of the lineage; a link only if a browser may follow it."""

    name: str
    value: str
    link: str = ""


def review(evidence: Evidence, lineage: list[LineageRow]) -> dict[str, Any]:
    """Return what a reviewer reads of a run, as plain JSON values."""
    head = headline(evidence)
    live = evidence.live_score
    return {
        "model": evidence.model,
        "version": evidence.version,
        "live_version": evidence.live_version,
        "verdict": VERDICTS[head.tone],
        "tone": head.tone,
        "headline": head.title,
        "because": head.because,
        "reasons": list(_reasons(head)),
        "decision": _decision(evidence),
        "open": head.open,
        "failed_stage": head.failed_stage,
        "error": head.error,
        "test_rows": int(evidence.evaluation.get("test_rows") or 0),
        "compared_rows": int(live.get("rows") or 0),
        "left_out_rows": int(live.get("left_out") or 0),
        "gates": [_plain(one) for one in gate_rows(evidence)],
        "comparison": [_plain(one) for one in metric_rows(evidence)],
        **findings(evidence),
        "drift": [_drift(one) for one in evidence.drift],
        "card": {
            "name": str(evidence.card.get("name") or ""),
            "gaps": [str(one) for one in evidence.card.get("gaps") or ()],
        },
        "lineage": {one.name: one.value for one in lineage},
    }


def decision_commands(model: str, version: int, target: str = "") -> dict[str, str]:
    """Return the commands that approve and reject a version in a terminal.

    Args:
        target: where they are to work; "" for the default.
    """
    command = f"python -m runner approve {model} --version {version}"
    command += f" --target {target}" * bool(target)
    return {"approve": command, "reject": f'{command} --reject --reason "…"'}


def _reasons(head: Headline) -> Iterator[str]:
    """Yield why the verdict is not simply good, each in a sentence."""
    yield from (f"{one}." for one in head.concerns)
    if head.tone == "bad" and head.because:
        yield head.because
    if head.tone in ("mind", "bad") and head.error and head.error != head.because:
        yield head.error


def _decision(evidence: Evidence) -> str:
    known = evidence.decision or evidence.results("train-register")
    return str(known.get("approval_status") or "")


def _drift(one: Drift) -> dict[str, Any]:
    return {
        "column": one.column,
        "answer": one.word,
        "population_stability_index": one.index,
        "distance": one.distance,
        "p_value": one.p_value,
        "importance": one.importance,
        # That of numbers that stand for classes says nothing.
        "mean": None if one.classes else one.after.get("mean"),
        "live_mean": None if one.classes else one.before.get("mean"),
        "missing": one.after.get("missing"),
        "live_missing": one.before.get("missing"),
        "shares": [list(pair) for pair in one.bars],
    }


def _plain(row: GateRow | MetricRow) -> dict[str, Any]:
    """Return a row as JSON has it, where an interval is a list."""
    values = asdict(row).items()
    return {key: list(one) if isinstance(one, tuple) else one for key, one in values}
