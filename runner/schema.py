"""What `model.yaml` may say, key by key."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from runner.errors import did_you_mean
from runner.hyperparameters.definitions import NAMES

Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1)]


def _not_a_number(value: object) -> object:
    """Keep YAML's `version: 3.20` from becoming the number 3.2."""
    if isinstance(value, int | float):
        raise ValueError(f"write it in quotes, YAML reads {value} as a number")
    return value


AlarmName = Annotated[str, Field(pattern=r"\S", max_length=255)]
Version = Annotated[str, BeforeValidator(_not_a_number), Field(min_length=1)]


class Section(BaseModel):
    """A part of `model.yaml`; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Image(Section):
    """The built-in training and serving image."""

    framework: Literal["xgboost"] = "xgboost"
    version: Version = "3.2-0"


class Training(Section):
    """The training job."""

    image: Image = Image()
    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9.-]+$")] = "ml.m5.large"
    instance_count: Positive = 1
    spot: bool = False
    max_runtime_seconds: Annotated[int, Field(ge=1, le=2_419_200)] = 3600
    hyperparameters: dict[str, str | int | float | bool]

    @field_validator("hyperparameters")
    @classmethod
    def _known(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Find a misspelt hyperparameter here rather than in a paid training job."""
        for name in given:
            if name not in NAMES:
                raise ValueError(f"unknown: {name!r}; {did_you_mean(name, NAMES)}")
        if "num_round" not in given:
            raise ValueError("num_round is missing, the only one without a default")
        return given


class Gate(Section):
    """The bounds of one metric, absolute and relative to the live model."""

    min: Number | None = None
    max: Number | None = None
    worse_than_live: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        """Tell from the bound whether more of this metric is better."""
        if (self.min is None) == (self.max is None):
            raise ValueError("give either min (more is better) or max (less is better)")
        return self


class Serverless(Section):
    """An endpoint that scales to zero."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 2048
    max_concurrency: Annotated[int, Field(ge=1, le=200)] = 5


class Canary(Section):
    """How an update lets a part of the instances go first, and what calls it back."""

    percent: Annotated[int, Field(ge=1, le=50)] = 10
    wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    alarms: Annotated[list[AlarmName], Field(min_length=1, max_length=10)]


class Endpoint(Section):
    """The endpoint: instances, or serverless."""

    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9.-]+$")] | None = None
    instance_count: Positive | None = None
    serverless: Serverless | None = None
    canary: Canary | None = None

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

    name: str
    description: str = ""
    owner: str = ""
    task: Literal["regression", "binary"]
    data: Annotated[str, Field(pattern=r"^s3://[a-z0-9.-]+/.+$")]
    approval: Literal["manual", "pre-approved"] = "manual"
    training: Training
    gates: dict[str, Gate]
    endpoint: Endpoint


def explain(error: ValidationError) -> str:
    """Say the first thing that is wrong: its key, the rule, and the nearest key."""
    found = error.errors(include_url=False)
    # A misspelt key is also a missing one; the misspelling is the better news.
    found.sort(key=lambda one: one["type"] != "extra_forbidden")
    first = found[0]
    key = ".".join(str(part) for part in first["loc"])
    return f"{key}: {_explained(first)}"


def _explained(error: Any) -> str:
    """Say what pydantic found, with the nearest key where one is unknown."""
    if error["type"] == "missing":
        return "missing"
    if error["type"] == "extra_forbidden":
        parents, key = error["loc"][:-1], str(error["loc"][-1])
        return f"unknown key; {did_you_mean(key, _keys_at(parents))}"
    return str(error["msg"]).removeprefix("Value error, ")


def _keys_at(parents: tuple[str | int, ...]) -> list[str]:
    """List the keys that the section at this place knows."""
    sections: dict[str, type[Section]] = {
        "": ModelSpec,
        "training": Training,
        "image": Image,
        "gates": Gate,
        "endpoint": Endpoint,
        "serverless": Serverless,
        "canary": Canary,
    }
    named = [str(part) for part in parents if str(part) in sections]
    return list(sections[named[-1] if named else ""].model_fields)
