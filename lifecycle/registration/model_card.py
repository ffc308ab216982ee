"""A model's card: what its README says of it, and the same in AWS's schema.

The sections of `models/<name>/README.md` become those of a SageMaker model card, and
what a run has measured is added. The schema is at
docs.aws.amazon.com/sagemaker/latest/dg/model-cards.html#model-cards-json-schema.
Imports nothing heavy: `runner check` and the review page read cards with it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lifecycle.gates import GateVerdict
from lifecycle.statistics.comparison import format_interval, format_number

Status = Literal["Draft", "PendingReview", "Approved", "Archived"]

# The file in the model's folder, and how what is missing in it is marked.
CARD = "README.md"
TO_FILL_IN = "*To fill in:*"
# Without these nobody can tell what a model is for.
NEEDED = ("Intended use", "Data", "Limits")
RISKS = ("High", "Medium", "Low")
HEADING = re.compile(r"^##\s+(.+?)\s*#*\s*$", re.MULTILINE)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
# The longest texts and lists that AWS's schema allows.
LONG, MEDIUM, SHORT = 2048, 1024, 255
MOST_HYPERPARAMETERS = 100
TASKS = {
    "regression": "Regression",
    "binary": "Binary classification",
    "multiclass": "Multiclass classification",
}
STATUS: Mapping[str, Status] = {"Approved": "Approved", "Rejected": "Archived"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """A model card as its README says it.

    Attributes:
        opening: the text between the title and the first section.
        sections: by heading, in Markdown.
    """

    opening: str
    sections: Mapping[str, str]

    @property
    def risk(self) -> str:
        """Return the risk rating, the first word of the section `Risk`."""
        first = self.sections.get("Risk", "").partition(" ")[0].strip(".,:*")
        return first if first in RISKS else "Unknown"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a run knows of a version that its README does not say.

    Attributes:
        verdicts: of the gates.
        intervals: of the metrics, 95 %.
        hyperparameters: as they were given.
        training_data: S3 URIs of the training and validation rows; `test_data`: of the
            test rows.
        details: what identifies the version, by name.
    """

    model: str
    version: int
    description: str
    owner: str
    task: str
    image: str
    model_data: str
    training_job_arn: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]]
    verdicts: Sequence[GateVerdict]
    hyperparameters: Mapping[str, Any]
    training_data: Sequence[str]
    test_data: str
    test_rows: int
    compared: str
    details: Mapping[str, str]


def card_name(model: str, version: int) -> str:
    """Name the SageMaker model card of a version."""
    return f"{model}-{version}"


def read_card(text: str) -> Card:
    """Read a README in Markdown."""
    parts = HEADING.split(text)
    opening = re.sub(r"^#\s.*$", "", parts[0], count=1, flags=re.MULTILINE)
    named = zip(parts[1::2], parts[2::2], strict=True)
    return Card(
        opening=opening.strip(), sections={name: body.strip() for name, body in named}
    )


def find_gaps(text: str) -> list[str]:
    """Say what a card lacks: sections that are missing, empty or still to be filled in.

    Args:
        text: the README; "" if there is none.
    """
    if not text.strip():
        return [f"there is no {CARD}"]
    card = read_card(text)
    found = [
        f"the section “{name}” is missing or empty"
        for name in NEEDED
        if not card.sections.get(name)
    ]
    parts = {"opening": card.opening} | {
        f"section “{name}”": body for name, body in card.sections.items()
    }
    return found + [
        f"the {name} is still to be filled in"
        for name, body in parts.items()
        if TO_FILL_IN in body
    ]


def status_of(approval_status: str, gaps: Sequence[str]) -> Status:
    """Return the status of a card, which follows the approval of its version."""
    waiting: Status = "Draft" if gaps else "PendingReview"
    return STATUS.get(approval_status, waiting)


def card_content(card: Card, facts: Facts) -> dict[str, Any]:
    """Return the content of a SageMaker model card, in AWS's schema.

    What is longer than the schema allows is cut; numbers that are not finite, which
    JSON does not have, are left out.
    """
    images = {"container_image": [_fit(facts.image, MEDIUM)]} if facts.image else {}
    sections = card.sections
    training = {
        "training_arn": facts.training_job_arn,
        "training_datasets": list(facts.training_data),
        "training_environment": images,
        "user_provided_hyper_parameters": [
            {"name": _fit(name, SHORT), "value": _fit(str(value), SHORT)}
            for name, value in facts.hyperparameters.items()
            if str(value)
        ][:MOST_HYPERPARAMETERS],
    }
    content = {
        "model_overview": {
            "model_name": facts.model,
            "model_version": facts.version,
            "model_description": _fit(facts.description or card.opening, MEDIUM),
            "model_owner": _fit(facts.owner, MEDIUM),
            "problem_type": TASKS.get(facts.task, facts.task),
            "algorithm_type": "XGBoost" if "xgboost" in facts.image else "",
            "model_artifact": [_fit(facts.model_data, MEDIUM)],
            "inference_environment": images,
        },
        "intended_uses": {
            "purpose_of_model": _fit(card.opening or facts.description, LONG),
            "intended_uses": _fit(sections.get("Intended use", ""), LONG),
            "factors_affecting_model_efficiency": _fit(
                sections.get("Limits", ""), LONG
            ),
            "risk_rating": card.risk,
            "explanations_for_risk_rating": _fit(sections.get("Risk", ""), LONG),
        },
        "training_details": {
            "training_observations": _fit(sections.get("Data", ""), MEDIUM),
            "training_job_details": training,
        },
        "evaluation_details": [_evaluation(facts)],
        "additional_information": {
            "custom_details": {
                name: _fit(value, MEDIUM) for name, value in facts.details.items()
            },
        },
    }
    filled: dict[str, Any] = _without_empty(content)
    return filled


def _evaluation(facts: Facts) -> dict[str, Any]:
    """Return the metrics on the test rows, each with its interval and its gates."""
    rows = f"{facts.test_rows:,} test rows. " if facts.test_rows else ""
    compared = f"Compared with the live version: {facts.compared}" * bool(
        facts.compared
    )
    data = [
        {
            "name": _fit(name, SHORT),
            "type": "number",
            "value": value,
            "notes": _fit(". ".join(_notes(name, facts)), MEDIUM),
        }
        for name, value in facts.metrics.items()
        if abs(value) < float("inf")
    ]
    return {
        "name": "test rows",
        "evaluation_observation": _fit(f"{rows}{compared}", LONG),
        "datasets": [_fit(facts.test_data, MEDIUM)] if facts.test_data else [],
        "metric_groups": [{"name": "metrics", "metric_data": data}],
    }


def _notes(metric: str, facts: Facts) -> Iterator[str]:
    if interval := facts.intervals.get(metric):
        yield f"95 % confidence interval {format_interval(interval)}"
    for one in facts.verdicts:
        if one.metric == metric:
            bound = "" if one.bound is None else f" {format_number(one.bound)}"
            yield f"gate {one.rule}{bound}: {one.verdict}"


def _fit(text: str, most: int) -> str:
    """Return a text without the targets of its links, cut between words to a length."""
    plain = LINK.sub(r"\1", text).strip()
    if len(plain) <= most:
        return plain
    cut = plain[: most - 1]
    return (cut.rsplit(maxsplit=1)[0] if " " in cut else cut) + "…"


def _without_empty(value: Any) -> Any:
    """Leave out what is empty, which AWS's schema has no use for."""
    if isinstance(value, dict):
        kept = {name: _without_empty(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one not in ("", {}, [])}
    if isinstance(value, list):
        return [_without_empty(one) for one in value]
    return value
