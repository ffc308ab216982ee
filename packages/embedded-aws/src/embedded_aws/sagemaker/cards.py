"""Model cards: their versions, and the schema that AWS checks their content by."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.sagemaker.exceptions import (
    ConflictException,
    ResourceNotFound,
    ValidationError,
)

from embedded_aws.sagemaker.resources import Collection, Resource, Values, page

ARCHIVED = "Archived"


@dataclass(kw_only=True)
class ModelCard(Resource):
    """Keep one card with its versions, oldest first.

    Each version has the content and the status that an update left, and its time.
    """

    versions: list[Values] = field(default_factory=list)

    def describe(self) -> Values:
        """Answer DescribeModelCard with the newest version."""
        return self.describe_version(len(self.versions))

    def describe_version(self, number: int) -> Values:
        """Answer DescribeModelCard with one version."""
        if not 0 < number <= len(self.versions):
            text = f"Model card {self.arn} version {number} does not exist."
            raise ResourceNotFound(text)
        version = self.versions[number - 1]
        return self.summary() | {
            "ModelCardVersion": number,
            "Content": version["content"],
            "ModelCardStatus": version["status"],
            "SecurityConfig": self.request.get("SecurityConfig"),
            "LastModifiedTime": version["time"],
            "CreatedBy": {},
            "LastModifiedBy": {},
        }

    def summary(self) -> Values:
        """Return the card's entry in the answer of ListModelCards."""
        return {
            "ModelCardArn": self.arn,
            "ModelCardName": self.name,
            "ModelCardStatus": self.status,
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
        }

    def add_version(self, content: str, status: str) -> None:
        """Add the version that a call makes."""
        self.touch()
        self.status = status
        time: datetime = self.last_modified_time
        self.versions.append({"content": content, "status": status, "time": time})


class ModelCards(Collection[ModelCard]):
    """Keep all cards of a region."""

    made_of = ModelCard
    kind = "model-card"
    words = "model card"
    summaries = "ModelCardSummaries"

    def find(self, name: str) -> ModelCard:
        """Return a card by name or ARN, or raise AWS's error."""
        name = name.rpartition("/")[2]
        if name not in self.resources:
            raise ResourceNotFound(f"Model card {self.arn(name)} does not exist.")
        return self.resources[name]

    def create(self, request: Values) -> Values:
        """Answer CreateModelCard."""
        name = request["ModelCardName"]
        if name in self.resources:
            raise ConflictException(f"Model card {self.arn(name)} already exists.")
        check_content(request["Content"])
        kept = {key: one for key, one in request.items() if key == "SecurityConfig"}
        tags = list(request.get("Tags", []))
        card = ModelCard(name=name, arn=self.arn(name), request=kept, tags=tags)
        card.add_version(request["Content"], request["ModelCardStatus"])
        self.add(card)
        return {"ModelCardArn": card.arn}

    def update(self, request: Values) -> Values:
        """Answer UpdateModelCard, which changes either the content or the status."""
        card = self.find(request["ModelCardName"])
        content, status = request.get("Content"), request.get("ModelCardStatus")
        if (content is None) == (status is None):
            raise ValidationError(
                "You cannot update both model card content and model card status in a "
                "single call, and have to update one of them."
            )
        newest = card.versions[-1]
        if content is not None:
            if newest["status"] == ARCHIVED:
                raise ConflictException("Model Card is in Archived state.")
            check_content(content)
        card.add_version(content or newest["content"], status or newest["status"])
        self.save(card)
        return {"ModelCardArn": card.arn}

    def describe(self, request: Values) -> Values:
        """Answer DescribeModelCard."""
        card = self.find(request["ModelCardName"])
        number = request.get("ModelCardVersion") or len(card.versions)
        described = card.describe_version(number)
        if request.get("IncludedData") == "MetadataOnly":
            described["Content"] = "{}"
        return described

    def listed(self, request: Values) -> Iterable[ModelCard]:
        """Return the cards of the status that a request asks for."""
        wanted = request.get("ModelCardStatus")
        return [c for c in self.resources.values() if wanted in (None, c.status)]

    def list_versions(self, request: Values) -> Values:
        """Answer ListModelCardVersions."""
        card = self.find(request["ModelCardName"])
        wanted = request.get("ModelCardStatus")
        versions = [
            Resource(
                name=card.name,
                arn=f"{card.arn}/{number}",
                request={"ModelCardVersion": number},
                creation_time=card.creation_time,
                last_modified_time=version["time"],
                status=version["status"],
            )
            for number, version in enumerate(card.versions, 1)
            if wanted in (None, version["status"])
        ]
        # The one key to sort by is the version, with which the ARN ends.
        found, token = page(versions, request | {"SortBy": "Name"})
        summaries = [
            one.describe()
            | {
                "ModelCardArn": card.arn,
                "ModelCardName": card.name,
                "ModelCardStatus": one.status,
            }
            for one in found
        ]
        return {"ModelCardVersionSummaryList": summaries, "NextToken": token}


def check_content(text: str) -> None:
    """Check a card's content as AWS does, or raise its error, in words of our own."""
    # Few processes ever see a card.
    from jsonschema import Draft7Validator

    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValidationError(
            f"The content of the model card is not JSON: {error}"
        ) from error
    for broken in Draft7Validator(SCHEMA).iter_errors(content):
        place = "/".join(map(str, broken.absolute_path))
        raise ValidationError(
            "The content of the model card does not follow the model card JSON schema: "
            f"#/{place}: {broken.message[:300]}"
        )


def _text(most: int) -> Values:
    return {"type": "string", "maxLength": most}


def _name(most: int) -> Values:
    # AWS has a pattern here, which refuses an empty text and a longer one.
    return {"type": "string", "minLength": 1, "maxLength": most}


def _list(items: Values, most: int) -> Values:
    return {"type": "array", "items": items, "maxItems": most}


def _object(*required: str, **properties: Any) -> Values:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _map(values: Values) -> Values:
    return {"type": "object", "additionalProperties": values}


def _metric(kinds: list[str], value: Values, x_axis: Values, y_axis: Values) -> Values:
    return _object(
        "name",
        "type",
        "value",
        name=_name(255),
        notes=_text(1024),
        type={"enum": kinds},
        value=value,
        x_axis_name=x_axis,
        y_axis_name=y_axis,
    )


NUMBER = {"type": "number"}
IMAGES = _object(container_image=_list(_text(1024), 15))
AXIS, AXES = _text(63), {"type": "array", "items": _text(63)}
TRAINING_METRIC = _object(
    "name", "value", name=_name(255), notes=_text(1024), value=NUMBER
)
HYPERPARAMETER = _object("name", "value", name=_name(255), value=_name(255))
METRIC = {
    "anyOf": [
        _metric(
            ["number", "string", "boolean"],
            {"anyOf": [NUMBER, _text(63), {"type": "boolean"}]},
            AXIS,
            AXIS,
        ),
        _metric(["linear_graph"], {"type": "array", "minItems": 1}, AXIS, AXIS),
        _metric(["bar_chart"], {"type": "array", "minItems": 1}, AXES, AXIS),
        _metric(["matrix"], {"type": "array", "minItems": 1}, AXES, AXES),
    ]
}
# docs.aws.amazon.com/sagemaker/latest/dg/model-cards.html#model-cards-json-schema,
# as far as it is public: the section on model packages is not checked.
SCHEMA = _object(
    model_overview=_object(
        model_description=_text(1024),
        model_owner=_text(1024),
        model_creator=_text(1024),
        problem_type={"type": "string"},
        algorithm_type=_text(1024),
        model_id=_text(1024),
        model_name=_text(1024),
        model_version={"type": "number", "minimum": 1},
        model_artifact=_list(_text(1024), 15),
        inference_environment=IMAGES,
    ),
    model_package_details={"type": "object"},
    intended_uses=_object(
        purpose_of_model=_text(2048),
        intended_uses=_text(2048),
        factors_affecting_model_efficiency=_text(2048),
        risk_rating={"enum": ["High", "Medium", "Low", "Unknown"]},
        explanations_for_risk_rating=_text(2048),
    ),
    business_details=_object(
        business_problem=_text(2048),
        business_stakeholders=_text(2048),
        line_of_business=_text(2048),
    ),
    training_details=_object(
        objective_function=_object(
            function=_object(
                function={"enum": ["Maximize", "Minimize"]},
                facet=_text(63),
                condition=_text(63),
            ),
            notes=_text(1024),
        ),
        training_observations=_text(1024),
        training_job_details=_object(
            training_arn=_text(1024),
            training_datasets=_list(_text(1024), 15),
            training_environment=IMAGES,
            training_metrics=_list(TRAINING_METRIC, 50),
            user_provided_training_metrics=_list(TRAINING_METRIC, 50),
            hyper_parameters=_list(HYPERPARAMETER, 100),
            user_provided_hyper_parameters=_list(HYPERPARAMETER, 100),
        ),
    ),
    evaluation_details={
        "type": "array",
        "items": _object(
            "name",
            name=_name(63),
            evaluation_observation=_text(2096),
            evaluation_job_arn=_text(256),
            datasets=_list(_text(1024), 10),
            metadata=_map(_text(1024)),
            metric_groups={
                "type": "array",
                "items": _object(
                    "name",
                    "metric_data",
                    name=_name(63),
                    metric_data={"type": "array", "items": METRIC},
                ),
            },
        ),
    },
    additional_information=_object(
        ethical_considerations=_text(2048),
        caveats_and_recommendations=_text(2048),
        custom_details=_map(_text(1024)),
    ),
)
