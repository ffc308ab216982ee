"""Model cards: versions, statuses, and the schema of their content."""

import json

import pytest
from embedded_account import refusal

CONTENT = {
    "model_overview": {"model_name": "m", "model_version": 1},
    "intended_uses": {"purpose_of_model": "tests", "risk_rating": "Low"},
    "evaluation_details": [
        {
            "name": "test rows",
            "metric_groups": [
                {
                    "name": "metrics",
                    "metric_data": [{"name": "auc", "type": "number", "value": 0.9}],
                }
            ],
        }
    ],
}


@pytest.fixture
def sagemaker(account):
    """Give SageMaker's client."""
    return account.sagemaker


@pytest.fixture
def card(sagemaker, name):
    """Create a card that waits for a review, and give its name."""
    sagemaker.create_model_card(
        ModelCardName=name,
        Content=json.dumps(CONTENT),
        ModelCardStatus="PendingReview",
        Tags=[{"Key": "owner", "Value": name}],
    )
    return name


def test_an_update_makes_a_new_version(sagemaker, card):
    """It has the new status, and the content of before."""
    sagemaker.update_model_card(ModelCardName=card, ModelCardStatus="Approved")

    newest = sagemaker.describe_model_card(ModelCardName=card)
    first = sagemaker.describe_model_card(ModelCardName=card, ModelCardVersion=1)
    assert (newest["ModelCardVersion"], newest["ModelCardStatus"]) == (2, "Approved")
    assert json.loads(newest["Content"]) == json.loads(first["Content"]) == CONTENT
    assert first["ModelCardStatus"] == "PendingReview"
    listed = sagemaker.list_model_card_versions(ModelCardName=card)
    versions = [v["ModelCardVersion"] for v in listed["ModelCardVersionSummaryList"]]
    assert versions == [2, 1]
    cards = sagemaker.list_model_cards(NameContains=card, ModelCardStatus="Approved")
    assert [one["ModelCardName"] for one in cards["ModelCardSummaries"]] == [card]


def test_what_aws_refuses_is_refused(sagemaker, card):
    """Names that are taken, cards that are not there, two changes in one call."""
    text = json.dumps(CONTENT)
    new = {"Content": text, "ModelCardStatus": "Draft"}
    create, update = sagemaker.create_model_card, sagemaker.update_model_card

    assert refusal(create, ModelCardName=card, **new)[0] == "ConflictException"
    assert "single call" in refusal(update, ModelCardName=card, **new)[1]
    missing = f"{card}-2"
    for call in (sagemaker.describe_model_card, sagemaker.delete_model_card):
        assert refusal(call, ModelCardName=missing)[0] == "ResourceNotFound"
    update(ModelCardName=card, ModelCardStatus="Archived")
    assert refusal(update, ModelCardName=card, Content=text)[0] == "ConflictException"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", "is not JSON"),
        (json.dumps({"purpose": "x"}), "'purpose' was unexpected"),
        (
            json.dumps({"intended_uses": {"risk_rating": "None"}}),
            "#/intended_uses/risk",
        ),
        (
            json.dumps({"model_overview": {"model_version": 0}}),
            "#/model_overview/model_",
        ),
        (json.dumps({"evaluation_details": [{}]}), "'name' is a required property"),
        (
            json.dumps({"intended_uses": {"purpose_of_model": "x" * 2049}}),
            "#/intended_uses/purpose_of_model",
        ),
    ],
)
def test_content_that_breaks_the_schema_is_refused(sagemaker, name, content, message):
    """The error names the place."""
    code, text = refusal(
        sagemaker.create_model_card,
        ModelCardName=name,
        Content=content,
        ModelCardStatus="Draft",
    )

    assert code == "ValidationException"
    assert message in text


def test_a_card_is_listed_by_its_tags_until_it_is_deleted(client, sagemaker, card):
    """Moto's own cards end every call of GetResources in an error."""
    tagging = client("resourcegroupstaggingapi")
    wanted = [{"Key": "owner", "Values": [card]}]

    found = tagging.get_resources(TagFilters=wanted)["ResourceTagMappingList"]
    sagemaker.delete_model_card(ModelCardName=card)
    left = tagging.get_resources(TagFilters=wanted)["ResourceTagMappingList"]

    assert [one["ResourceARN"].rpartition(":")[2] for one in found] == [
        f"model-card/{card}"
    ]
    assert left == []


def test_cards_are_found_by_search(client, name):
    """As everything else that Search can look for."""
    sagemaker = client("sagemaker")
    sagemaker.create_model_card(
        ModelCardName=name, Content="{}", ModelCardStatus="Draft"
    )
    rule = {"Name": "ModelCardName", "Operator": "Equals", "Value": name}
    found = sagemaker.search(
        Resource="ModelCard", SearchExpression={"Filters": [rule]}
    )["Results"]
    assert [each["ModelCard"]["ModelCardName"] for each in found] == [name]
