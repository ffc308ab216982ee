"""What `model.yaml` may say, key by key."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from runner.checking import find_wrong
from runner.images import find_unknown, has_known_rules

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]


def _not_a_number(value: object) -> object:
    """Keep YAML's `version: 3.20` from becoming the number 3.2."""
    if isinstance(value, int | float):
        raise ValueError(f"write it in quotes, YAML reads {value} as a number")
    return value


AlarmName = Annotated[str, Field(pattern=r"\S", max_length=255)]
Version = Annotated[str, BeforeValidator(_not_a_number), Field(min_length=1)]
InstanceType = Annotated[
    str,
    Field(pattern=r"^ml\.[a-z][a-z0-9-]*\.(\d*x?large|medium|small|micro|metal)$"),
]

AN_INSTANCE_TYPE = "an instance type, as ml.m5.large"
A_COUNT = "a whole number, at least 1"
A_BOUND = "a number"


class Section(BaseModel):
    """A part of `model.yaml`; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Image(Section):
    """The built-in training and serving image."""

    framework: Literal["xgboost"] = Field(default="xgboost", description="xgboost")
    version: Version = Field(
        default="3.2-0", description="a version in quotes, as '3.2-0'"
    )

    @field_validator("version")
    @classmethod
    def _known(cls, version: str) -> str:
        """Find a version that there is not before the notebook asks for it."""
        if unknown := find_unknown(version):
            raise ValueError(unknown)
        return version


class Training(Section):
    """The training job."""

    image: Image = Field(default=Image(), description="an image, as {version: '3.2-0'}")
    instance_type: InstanceType = Field(
        default="ml.m5.large", description=AN_INSTANCE_TYPE
    )
    instance_count: Positive = Field(default=1, description=A_COUNT)
    spot: bool = Field(default=False, description="true or false")
    max_runtime_seconds: Annotated[int, Field(ge=1, le=2_419_200)] = Field(
        default=3600, description="a whole number from 1 to 2419200, which is 28 days"
    )
    hyperparameters: dict[str, str | int | float | bool] = Field(
        description="XGBoost's names and a value each, as {num_round: 50, eta: 0.2}"
    )

    @model_validator(mode="after")
    def _trains(self) -> Self:
        """Find a wrong hyperparameter here rather than in a paid training job."""
        given = self.hyperparameters
        # What a newer image takes, only its own container knows.
        if has_known_rules(self.image.version) and (wrong := find_wrong(given)):
            raise _at("hyperparameters", *wrong)
        if "num_round" not in given:
            said = "missing; give a whole number, at least 1"
            raise _at("hyperparameters", "num_round", said)
        return self


def _at(section: str, key: str, said: str) -> PydanticCustomError:
    """Say what is wrong with a key further down than pydantic looks."""
    return PydanticCustomError(
        "further_down", "{said}", {"at": [section, key], "said": said}
    )


class Gate(Section):
    """The bounds of one metric, absolute and relative to the live model."""

    min: Number | None = Field(default=None, description=A_BOUND)
    max: Number | None = Field(default=None, description=A_BOUND)
    worse_than_live: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None, description="the share that may be lost, as 0.05"
    )

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        """Tell from the bound whether more of this metric is better."""
        if (self.min is None) == (self.max is None):
            raise ValueError("give either min (more is better) or max (less is better)")
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
    """How an update lets a part of the instances go first, and what calls it back."""

    percent: Annotated[int, Field(ge=1, le=50)] = Field(
        default=10, description="a whole number from 1 to 50"
    )
    wait_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=300, description="a whole number from 0 to 3600"
    )
    alarms: Annotated[list[AlarmName], Field(min_length=1, max_length=10)] = Field(
        description="the names of 1 to 10 CloudWatch alarms, as [churn-5xx]"
    )


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

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        """Refuse instances and serverless at once."""
        if self.serverless and (self.instance_type or self.instance_count):
            raise ValueError("give instance_type or serverless, not both")
        if not self.serverless and not self.instance_type:
            raise ValueError("give instance_type or serverless")
        if self.serverless and self.canary:
            raise ValueError("canary needs instances, SageMaker has none serverless")
        return self


class ModelSpec(Section):
    """One model, as its `model.yaml` describes it."""

    name: str = Field(description="the folder's name")
    description: str = Field(default="", description="a text")
    owner: str = Field(default="", description="a text")
    task: Literal["regression", "binary"] = Field(description="regression or binary")
    data: Annotated[str, Field(pattern=r"^s3://[a-z0-9.-]+/.+$")] = Field(
        description="where the raw data is, as s3://bucket/key"
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
    endpoint: Endpoint = Field(
        description="how to serve, as {instance_type: ml.m5.large}"
    )
