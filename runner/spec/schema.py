"""The keys of model.yaml, what each may hold, and the message for what it may not.

A field's description ends the error message of a wrong value: "give <description>".
"""

import re
from types import NoneType
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from lifecycle.errors import did_you_mean, yaml_repr
from lifecycle.serving.refusals import has_local_storage
from runner.spec.hyperparameters import (
    find_unknown_version,
    find_wrong_hyperparameter,
)

# An S3 URI, or a file or folder below the model's raw data.
DATA = re.compile(
    r"s3://[a-z0-9.-]+/.+|(?![./~\s])(?!.*(?:/\.|//))[^\\:*?\"<>|\x00-\x1f]+"
)
IMAGE_URI = r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[^:@\s]+:[^:@\s]+$"
# Of a script: no path leads out of the model's folder.
SOURCE = r"^([A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*\.(py|sh)$"
DEFAULT_VERSIONS = {"xgboost": "3.2-0", "sklearn": "1.9-0"}
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]


def _refuse_number(value: object) -> object:
    """Refuse YAML's `version: 3.20`, which would become the number 3.2."""
    if isinstance(value, int | float):
        raise ValueError(f"write it in quotes, YAML reads {value} as a number")
    return value


def _refuse_local_path(value: object) -> object:
    """Refuse a path of this machine, which no other machine could read."""
    if isinstance(value, str) and not DATA.fullmatch(value):
        if re.match(r"s3:", value):
            raise ValueError("write s3://bucket/key")
        raise ValueError(
            "notebooks read from S3; `runner upload MODEL FILE` puts a file there, "
            "and `data:` is its name alone, as churn.csv; or give its S3 URI"
        )
    return value


Subnet = Annotated[str, Field(pattern=r"^subnet-[0-9a-z-]+$", max_length=32)]
SecurityGroup = Annotated[str, Field(pattern=r"^sg-[0-9a-z-]+$", max_length=32)]
AlarmName = Annotated[str, Field(pattern=r"\S", max_length=255)]
# What a model predicts: a number, one of two classes, or one of several.
Task = Literal["regression", "binary", "multiclass"]
Column = Annotated[str, Field(min_length=1)]
Version = Annotated[str, BeforeValidator(_refuse_number), Field(min_length=1)]
InstanceType = Annotated[
    str,
    Field(pattern=r"^ml\.[a-z][a-z0-9-]*\.(\d*x?large|medium|small|micro|metal)$"),
]

AN_INSTANCE_TYPE = "an instance type, as ml.m5.large"
A_COUNT = "a whole number, at least 1"
A_BOUND = "a number"
A_COST = "what such a row costs, as 5"


# As many as any objective takes.
ANY_CLASSES = 2
# The type of the errors of `_key_error`.
NESTED_KEY = "nested_key"


class Section(BaseModel):
    """A section of model.yaml; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Image(Section):
    """The training and serving image: SageMaker's own by framework, or any by URI."""

    framework: Literal["xgboost", "sklearn"] = Field(
        default="xgboost", description="xgboost or sklearn"
    )
    version: Version = Field(
        default="3.2-0", description="a version in quotes, as '3.2-0'"
    )
    uri: Annotated[str, Field(pattern=IMAGE_URI)] | None = Field(
        default=None,
        description="an image in ECR, as "
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:7",
    )

    @property
    def short_name(self) -> str:
        """Return how `embedded-aws pull` names the image."""
        return self.uri or f"{self.framework}:{self.version}"

    @field_validator("version")
    @classmethod
    def _check_version(cls, version: str, info: ValidationInfo) -> str:
        """Refuse an unknown version before the notebook asks for it."""
        framework = str(info.data.get("framework", "xgboost"))
        if unknown := find_unknown_version(version, framework):
            raise ValueError(unknown)
        return version

    @model_validator(mode="before")
    @classmethod
    def _fill_in_version(cls, data: Any) -> Any:
        """Take the newest version that this project knows of a framework."""
        if not isinstance(data, dict) or {"version", "uri"} & data.keys():
            return data
        framework = data.get("framework")
        newest = DEFAULT_VERSIONS.get(str(framework))
        return data | {"version": newest} if newest else data

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Require either a URI or a framework."""
        if self.uri and self.model_fields_set - {"uri"}:
            raise ValueError("give uri, or framework and version, not both")
        return self


class Training(Section):
    """The training job."""

    image: Image = Field(default=Image(), description="an image, as {version: '3.2-0'}")
    source: Annotated[str, Field(pattern=SOURCE)] | None = Field(
        default=None,
        description="a script of the model's folder, as train.py",
    )
    instance_type: InstanceType = Field(
        default="ml.m5.large", description=AN_INSTANCE_TYPE
    )
    instance_count: Positive = Field(default=1, description=A_COUNT)
    spot: bool = Field(default=False, description="true or false")
    max_runtime_seconds: Annotated[int, Field(ge=1, le=2_419_200)] = Field(
        default=3600, description="a whole number from 1 to 2419200, which is 28 days"
    )
    hyperparameters: dict[str, str | int | float | bool] = Field(
        default={},
        description="XGBoost's names and a value each, as {num_round: 50, eta: 0.2}",
    )

    @model_validator(mode="after")
    def _check_hyperparameters(self) -> Self:
        """Refuse a wrong hyperparameter here rather than in a paid training job."""
        given = self.hyperparameters
        if self.source:
            return self
        if self.image.uri or self.image.framework != "xgboost":
            shown = self.image.uri or self.image.framework
            message = f"missing; {shown} trains a script, give it as train.py"
            raise _missing_key("source", message)
        # The classes that `prepare` names give it, where the task is multiclass.
        known = given if "num_class" in given else given | {"num_class": ANY_CLASSES}
        if wrong := find_wrong_hyperparameter(known, self.image.version):
            raise _key_error("hyperparameters", *wrong)
        if "num_round" not in given:
            message = "missing; give a whole number, at least 1"
            raise _key_error("hyperparameters", "num_round", message)
        return self


def _missing_key(key: str, message: str) -> PydanticCustomError:
    """Return the error of a key of a section that another key asks for."""
    return PydanticCustomError(
        NESTED_KEY, "{message}", {"at": [key], "message": message}
    )


def _key_error(section: str, key: str, message: str) -> PydanticCustomError:
    """Return the error of a key in a dict, which pydantic does not look into."""
    return PydanticCustomError(
        NESTED_KEY, "{message}", {"at": [section, key], "message": message}
    )


class Gate(Section):
    """The bounds of one metric, absolute and relative to the live model."""

    min: Number | None = Field(default=None, description=A_BOUND)
    max: Number | None = Field(default=None, description=A_BOUND)
    worse_than_live: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None, description="the share that may be lost, as 0.05"
    )

    @model_validator(mode="after")
    def _check_direction(self) -> Self:
        """Require one bound, which says whether higher is better."""
        if (self.min is None) == (self.max is None):
            raise ValueError("give either min (more is better) or max (less is better)")
        return self


class Costs(Section):
    """What a row costs, by what was decided and what was true."""

    true_positive: Number = Field(default=0.0, description=A_COST)
    false_positive: Number = Field(default=0.0, description=A_COST)
    false_negative: Number = Field(default=0.0, description=A_COST)
    true_negative: Number = Field(default=0.0, description=A_COST)
    unit: str = Field(default="", description="a text, as $")

    @model_validator(mode="after")
    def _check_decision(self) -> Self:
        """Refuse costs with which deciding one way is always the cheapest."""
        positive = self.true_positive < self.false_negative
        if not positive or self.true_negative >= self.false_positive:
            raise ValueError(
                "nothing to decide; false_negative must cost more than true_positive, "
                "and false_positive more than true_negative"
            )
        return self


class Serverless(Section):
    """An endpoint that scales to zero."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = Field(
        default=2048, description="1024, 2048, 3072, 4096, 5120 or 6144"
    )
    max_concurrency: Annotated[int, Field(ge=1, le=200)] = Field(
        default=5, description="a whole number from 1 to 200"
    )


class Canary(Section):
    """A canary update: a share of the instances goes first, alarms roll it back."""

    percent: Annotated[int, Field(ge=1, le=50)] = Field(
        default=10, description="a whole number from 1 to 50"
    )
    wait_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=300, description="a whole number from 0 to 3600"
    )
    alarms: Annotated[list[AlarmName], Field(min_length=1, max_length=10)] = Field(
        description="the names of 1 to 10 CloudWatch alarms, as [churn-5xx]"
    )


class DataCapture(Section):
    """What of requests and answers SageMaker keeps in S3."""

    percent: Annotated[int, Field(ge=0, le=100)] = Field(
        default=100, description="a whole number from 0, which is none, to 100"
    )
    s3_uri: Annotated[str, Field(pattern=r"^s3://[a-z0-9.-]+(/\S*)?$")] | None = Field(
        default=None, description="where to, as s3://bucket/prefix"
    )


class Vpc(Section):
    """The network that the containers run in."""

    subnets: Annotated[list[Subnet], Field(min_length=1, max_length=16)] = Field(
        description="1 to 16 ids, as [subnet-0a1b]"
    )
    security_groups: Annotated[
        list[SecurityGroup], Field(min_length=1, max_length=5)
    ] = Field(description="1 to 5 ids, as [sg-0a1b]")


class Endpoint(Section):
    """The endpoint: instances, or serverless."""

    instance_type: InstanceType | None = Field(
        default=None, description=AN_INSTANCE_TYPE
    )
    instance_count: Positive | None = Field(default=None, description=A_COUNT)
    serverless: Serverless | None = Field(
        default=None, description="its size, as {memory_mb: 2048, max_concurrency: 5}"
    )
    canary: Canary | None = Field(default=None, description="as {alarms: [churn-5xx]}")
    data_capture: DataCapture | None = Field(
        default=None, description="as {percent: 20}"
    )
    kms_key: (
        Annotated[str, Field(pattern=r"^[a-zA-Z0-9:/_-]+$", max_length=2048)] | None
    ) = Field(default=None, description="a KMS key's id, ARN or alias")
    vpc: Vpc | None = Field(
        default=None,
        description="as {subnets: [subnet-0a1b], security_groups: [sg-0c]}",
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        """Require either instances or serverless."""
        if self.serverless and (self.instance_type or self.instance_count):
            raise ValueError("give instance_type or serverless, not both")
        if not self.serverless and not self.instance_type:
            raise ValueError("give instance_type or serverless")
        for key in ("canary", "data_capture", "vpc"):
            if self.serverless and getattr(self, key):
                raise ValueError(
                    f"{key} needs instances, SageMaker has none serverless"
                )
        if self.canary and (self.instance_count or 1) < 2:
            raise ValueError(
                "canary needs instance_count: 2 or more, as at most half of the "
                "instances may have the new version first"
            )
        kind = self.instance_type or ""
        if self.kms_key and has_local_storage(kind):
            raise ValueError(
                f"kms_key: SageMaker takes none for {kind}, which encrypts its local "
                "storage by itself; choose another instance_type, or leave kms_key out"
            )
        return self


class ModelSpec(Section):
    """One model, as its `model.yaml` describes it."""

    name: str = Field(description="the folder's name")
    description: str = Field(default="", description="a text")
    owner: str = Field(default="", description="a text")
    task: Task = Field(description="regression, binary or multiclass")
    data: Annotated[str, BeforeValidator(_refuse_local_path)] = Field(
        description="a file put there by `runner upload`, as churn.csv, or its S3 URI"
    )
    label: Annotated[str, Field(min_length=1)] = Field(
        default="", description="the name of the column to predict"
    )
    approval: Literal["manual", "pre-approved"] = Field(
        default="manual", description="manual or pre-approved"
    )
    reuse: bool = Field(
        default=True, description="true, or false where notebooks read more than data"
    )
    training: Training = Field(
        description="how to train, as {hyperparameters: {num_round: 50}}"
    )
    gates: dict[str, Gate] = Field(
        description="bounds by metric, as {rmse: {max: 2.5}}"
    )
    slices: list[Column] = Field(
        default=[], description="columns to measure by, as [state, plan]"
    )
    decision: Costs | None = Field(
        default=None,
        description="what mistakes cost, as {false_positive: 5, false_negative: 100}",
    )
    endpoint: Endpoint = Field(
        description="how to serve, as {instance_type: ml.m5.large}"
    )


def list_errors(error: ValidationError) -> list[tuple[list[str], str]]:
    """Return the keys of each wrong value, and what is wrong with it."""
    found = error.errors(include_url=False)
    # A misspelt key is also reported as missing; the misspelling says more.
    found.sort(key=lambda one: one["type"] != "extra_forbidden")
    errors = []
    for one in found:
        at = one["ctx"]["at"] if one["type"] == NESTED_KEY else []
        keys, _, _ = _follow((*one["loc"], *at))
        errors.append((keys, _message(one)))
    return errors


def _message(error: Any) -> str:
    """Say what the value is and what it may be, or which known key is near."""
    *parents, last = error["loc"]
    if error["type"] == "extra_forbidden":
        _, section, _ = _follow(tuple(parents))
        return f"unknown key; {did_you_mean(str(last), section.model_fields)}"
    if error["type"] == NESTED_KEY:
        return str(error["msg"])
    _, _, allowed = _follow(error["loc"])
    if error["type"] == "missing":
        return f"missing; give {allowed}"
    remedy = f"give {allowed}"
    if error["type"] == "value_error":
        remedy = str(error["ctx"]["error"])
    return f"{yaml_repr(error['input'])}; {remedy}"


def _follow(place: tuple[str | int, ...]) -> tuple[list[str], Any, str]:
    """Follow the location of an error from ModelSpec down.

    Returns:
        The keys, the type they lead to, and its description. What pydantic adds to a
        location below a plain value is left out.
    """
    keys: list[str] = []
    here: Any = ModelSpec
    allowed = ""
    for part in place:
        if isinstance(here, type) and issubclass(here, Section):
            field = here.model_fields.get(str(part))
            here = _required(field.annotation) if field else None
            allowed = str(field.description) if field else ""
        elif get_origin(here) in (dict, list):
            here = get_args(here)[-1]
        else:
            break
        keys.append(str(part))
    return keys, here, allowed


def _required(annotation: Any) -> Any:
    """Return the type of an optional key without None."""
    kinds = get_args(annotation)
    return kinds[0] if NoneType in kinds else annotation
