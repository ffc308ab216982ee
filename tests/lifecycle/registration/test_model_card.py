"""A model's card: what is read from its README, and what SageMaker gets of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from model_packages import make_package

from lifecycle.approval import reject
from lifecycle.aws import client
from lifecycle.gates import evaluate_gates
from lifecycle.registration.card_registration import follow_approval, register_card
from lifecycle.registration.model_card import (
    Facts,
    card_content,
    find_gaps,
    read_card,
    status_of,
)

ROOT = Path(__file__).parents[3]
TEXT = """\
# Model card: toy

Says how old an [abalone](https://example.com/abalone) is.

## Intended use

For stocks. Not for single animals.

## Data

Public.

## Limits

Old animals.

## Risk

Low: a wrong age harms nobody.
"""
FACTS = Facts(
    model="toy",
    version=3,
    description="Age of an abalone.",
    owner="ml-team",
    task="regression",
    image="1.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0",
    model_data="s3://bucket/model.tar.gz",
    training_job_arn="arn:aws:sagemaker:eu-west-1:1:training-job/toy-job",
    metrics={"rmse": 2.2, "odd": float("nan")},
    intervals={"rmse": [2.0, 2.4]},
    verdicts=evaluate_gates({"rmse": 2.2}, {"rmse": {"max": 2.5}}),
    hyperparameters={"eta": 0.2, "objective": "reg:squarederror"},
    training_data=["s3://bucket/train"],
    test_data="s3://bucket/test",
    test_rows=663,
    compared="rmse: better",
    details={"digest": "d" * 64, "ci_url": ""},
)


def test_a_card_has_what_the_readme_says_and_what_was_measured():
    """Purpose, use, limits and risk; metrics with interval and gate."""
    content = card_content(read_card(TEXT), FACTS)

    uses, overview = content["intended_uses"], content["model_overview"]
    assert uses["purpose_of_model"] == "Says how old an abalone is."
    assert uses["intended_uses"] == "For stocks. Not for single animals."
    assert uses["factors_affecting_model_efficiency"] == "Old animals."
    assert uses["risk_rating"] == "Low"
    assert (overview["model_name"], overview["model_version"]) == ("toy", 3)
    (evaluation,) = content["evaluation_details"]
    assert evaluation["metric_groups"][0]["metric_data"] == [
        {
            "name": "rmse",
            "type": "number",
            "value": 2.2,
            "notes": "95 % confidence interval 2.00 to 2.40. gate max 2.5: passed",
        }
    ]
    assert content["additional_information"]["custom_details"] == {"digest": "d" * 64}


@pytest.mark.parametrize(
    ("text", "gaps"),
    [
        (TEXT, []),
        ("", ["there is no README.md"]),
        (
            TEXT.replace("Public.", "").replace("Old", "*To fill in:* old"),
            [
                "the section “Data” is missing or empty",
                "the section “Limits” is still to be filled in",
            ],
        ),
    ],
)
def test_it_is_said_what_a_card_lacks(text: str, gaps: list[str]):
    """Sections that a reviewer needs, and places that are still to be filled in."""
    assert find_gaps(text) == gaps


@pytest.mark.parametrize("model", ["abalone", "churn"])
def test_the_cards_of_the_sample_models_are_complete(model: str):
    """They are what a new card is copied from."""
    path = ROOT / "models" / model / "README.md"

    assert find_gaps(path.read_text(encoding="utf-8")) == []


def describe(name: str) -> dict[str, Any]:
    """Describe a card as SageMaker has it."""
    return dict(client("sagemaker").describe_model_card(ModelCardName=name))


def test_what_is_too_long_or_missing_is_registered_all_the_same(aws, model):
    """SageMaker refuses texts beyond its limits, so they are cut between words."""
    long = read_card(TEXT.replace("Public.", "many rows " * 500) + "x" * 5000)
    bare = replace(
        FACTS, owner="", image="", hyperparameters={"a" * 400: "b" * 400, "c": ""}
    )
    for number, card in enumerate((long, read_card("")), 1):
        content = card_content(card, replace(bare, model=model, version=number))
        name = register_card(model, number, content, status_of("", ["a gap"]))

        shown = describe(name)
        assert shown["ModelCardStatus"] == "Draft"
        assert json.loads(shown["Content"]) == content


def test_the_status_of_a_card_follows_the_approval(aws, model):
    """It waits with its version; registering it again changes nothing."""
    first, second = make_package(model, approved=False), make_package(model)
    content = card_content(read_card(TEXT), FACTS)
    statuses = []
    for package in (first, second):
        waiting = status_of("PendingManualApproval", [])
        name = register_card(model, package.version, content, waiting)
        register_card(model, package.version, content, waiting)
        shown = describe(name)
        statuses.append((shown["ModelCardStatus"], shown["ModelCardVersion"]))
    follow_approval(reject(model, version=1, reason="It is slow"))
    follow_approval(second)
    statuses += [describe(f"{model}-{n}")["ModelCardStatus"] for n in (1, 2)]

    waits = ("PendingReview", 1)
    assert statuses == [waits, waits, "Archived", "Approved"]


def test_a_version_without_a_card_can_be_decided(aws, model):
    """Versions of earlier releases have none."""
    assert follow_approval(make_package(model)) is None
