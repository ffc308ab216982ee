"""The keys of model.yaml, and the message for each value that is wrong."""

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from runner.spec.schema import ModelSpec, Section, _required, list_errors

VPC = {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}
GOOD: dict[str, Any] = {
    "name": "toy",
    "task": "regression",
    "data": "s3://bucket/toy.csv",
    "training": {"hyperparameters": {"num_round": 5}},
    "gates": {"rmse": {"max": 2.5}},
    "endpoint": {"instance_type": "ml.m5.large"},
}


def changed(key: str, value: Any) -> dict[str, Any]:
    """Return the good one with one dotted key changed."""
    data = copy.deepcopy(GOOD)
    inner = data
    *parents, last = key.split(".")
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = value
    return data


def refusal(data: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        ModelSpec.model_validate(data)
    keys, message = list_errors(caught.value)[0]
    return f"{'.'.join(keys)}: {message}"


def test_an_omitted_key_has_a_default() -> None:
    """The shortest model.yaml holds only what no default can know."""
    spec = ModelSpec.model_validate(GOOD)

    assert spec.training.image.version == "3.2-0"
    assert spec.training.max_runtime_seconds == 3600
    assert (spec.training.instance_count, spec.training.spot) == (1, False)
    assert (spec.approval, spec.owner) == ("manual", "")


@pytest.mark.parametrize("key", ["name", "task", "data", "training", "gates"])
def test_a_required_key_that_is_missing_is_named(key: str) -> None:
    """The message says what it may hold."""
    data = {name: value for name, value in GOOD.items() if name != key}

    assert refusal(data).startswith(f"{key}: missing; give ")


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("trainig", "training"),
        ("gate", "gates"),
        ("training.instancetype", "instance_type"),
        ("training.image.versoin", "version"),
        ("gates.rmse.maximum", "max"),
        ("endpoint.serverles", "serverless"),
        ("endpoint.canary.percentage", "percent"),
        ("endpoint.data_capture.procent", "percent"),
        ("endpoint.kms", "kms_key"),
    ],
)
def test_an_unknown_key_is_an_error_with_the_nearest(key: str, nearest: str) -> None:
    """A misspelt key is found at every depth."""
    assert (
        refusal(changed(key, "x")) == f"{key}: unknown key; did you mean {nearest!r}?"
    )


def test_a_misspelt_key_is_reported_before_the_missing_one() -> None:
    """Of the two errors that one misspelling makes, the helpful one is shown."""
    data = changed("task", "binary")
    data["tsak"] = data.pop("task")

    assert refusal(data) == "tsak: unknown key; did you mean 'task'?"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("task", "clustering"),
        ("data", "./toy.csv"),
        ("data", "s3://bucket"),
        ("approval", "yes"),
        ("training.instance_type", "m5.large"),
        ("training.instance_type", "ml.m5.larg"),
        ("training.instance_type", "ml.m5large"),
        ("training.image.version", "3.9-0"),
        ("training.hyperparameters.eta", 7),
        ("training.instance_type", "ml.m5.large; rm -rf"),
        ("training.instance_count", 0),
        ("training.instance_count", "1"),
        ("training.instance_count", True),
        ("training.spot", "no"),
        ("training.max_runtime_seconds", 0),
        ("training.max_runtime_seconds", 2_419_201),
        ("training.image.framework", "pytorch"),
        ("training.image.version", 3.2),
        ("training.image.version", ""),
        ("training.hyperparameters", [5]),
        ("training.hyperparameters.eta", [0.1]),
        ("gates.rmse.max", float("nan")),
        ("gates.rmse.worse_than_live", -0.1),
        ("endpoint.instance_count", 0),
        ("endpoint.serverless", {"memory_mb": 1000}),
        ("endpoint.canary", {"alarms": []}),
        ("endpoint.canary", {"alarms": ["5xx"], "percent": 51}),
        ("endpoint.canary", {"percent": 10}),
        ("endpoint.data_capture", {"percent": 101}),
        ("endpoint.data_capture", {"s3_uri": "/tmp/captured"}),
        ("endpoint.kms_key", "my key"),
        ("endpoint.vpc", {"subnets": ["subnet-1"]}),
        ("endpoint.vpc", {"subnets": ["1"], "security_groups": ["sg-1"]}),
    ],
)
def test_a_wrong_value_is_an_error_with_its_key(key: str, value: Any) -> None:
    """Nothing is coerced, and every limit is SageMaker's own."""
    assert refusal(changed(key, value)).startswith(key)


@pytest.mark.parametrize(
    "instance_type",
    ["ml.t3.medium", "ml.c6gn.16xlarge", "ml.p6-b200.48xlarge", "ml.g4dn.xlarge"],
)
def test_an_instance_type_is_checked_by_its_form_only(instance_type: str) -> None:
    """AWS has new ones every year, so there is no list of them."""
    spec = ModelSpec.model_validate(changed("training.instance_type", instance_type))

    assert spec.training.instance_type == instance_type


def test_hyperparameters_of_a_newer_image_are_not_checked(monkeypatch) -> None:
    """An SDK that knows a newer image can be used before this project knows it."""
    monkeypatch.setattr(
        "runner.spec.hyperparameters._sdk_versions", lambda _: frozenset({"3.9-0"})
    )
    data = changed("training.image.version", "3.9-0")
    data["training"]["hyperparameters"]["brand_new"] = 1

    assert ModelSpec.model_validate(data).training.hyperparameters["brand_new"] == 1


def test_a_version_that_yaml_reads_as_a_number_must_be_quoted() -> None:
    """YAML would read 3.20 as 3.2."""
    said = refusal(changed("training.image.version", 3.2))

    assert said.endswith("write it in quotes, YAML reads 3.2 as a number")


@pytest.mark.parametrize("name", ["lerning_rate", "Eta"])
def test_a_misspelt_hyperparameter_is_an_error(name: str) -> None:
    """It is found before the training job that would fail by it."""
    said = refusal(changed(f"training.hyperparameters.{name}", 1))

    assert said.startswith(
        f"training.hyperparameters.{name}: unknown hyperparameter; did you mean"
    )


def test_num_round_is_required() -> None:
    """The container has no default for it."""
    said = refusal(changed("training.hyperparameters", {}))

    assert said == (
        "training.hyperparameters.num_round: missing; give a whole number, at least 1"
    )


URI = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:7"


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({}, "xgboost:3.2-0"),
        ({"framework": "sklearn"}, "sklearn:1.9-0"),
        ({"framework": "sklearn", "version": "1.2-1"}, "sklearn:1.2-1"),
        ({"uri": URI}, URI),
    ],
)
def test_a_script_has_an_image_and_any_hyperparameters(
    image: dict[str, str], name: str
) -> None:
    """They are the script's own arguments, so XGBoost's rules are not theirs."""
    data = changed("training", {"source": "src/train.py", "image": image})
    data["training"]["hyperparameters"] = {"depth": 3}

    training = ModelSpec.model_validate(data).training

    assert training.source == "src/train.py"
    assert training.image.short_name == name


@pytest.mark.parametrize(
    ("training", "said"),
    [
        (
            {"image": {"framework": "sklearn"}},
            "training.source: missing; sklearn trains a script, give it as train.py",
        ),
        ({"image": {"uri": URI}}, f"training.source: missing; {URI} trains a script"),
        (
            {"source": "../train.py"},
            "training.source: '../train.py'; give a script of the model's folder",
        ),
        ({"source": "train.R"}, "training.source: 'train.R'; give a script of the"),
        (
            {"source": "train.py", "image": {"uri": URI, "version": "3.2-0"}},
            "training.image: {'uri': ",
        ),
        (
            {"source": "train.py", "image": {"framework": "sklearn", "version": "9"}},
            "training.image.version: '9'; give 0.20.0, 0.23-1, ",
        ),
    ],
)
def test_a_script_and_its_image_fit_together(
    training: dict[str, Any], said: str
) -> None:
    """What is wrong is told before a job is paid."""
    assert refusal(changed("training", training)).startswith(said)


@pytest.mark.parametrize("bounds", [{}, {"min": 1.0, "max": 2.0}])
def test_a_gate_has_one_direction(bounds: dict[str, float]) -> None:
    """The bound says whether more or less is better."""
    assert "either min (more is better) or max" in refusal(
        changed("gates.rmse", bounds)
    )


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({}, "give instance_type or serverless"),
        ({"instance_type": "ml.m5.large", "serverless": {}}, "not both"),
        ({"instance_count": 2, "serverless": {}}, "not both"),
        ({"serverless": {}, "canary": {"alarms": ["5xx"]}}, "canary needs instances"),
        ({"serverless": {}, "data_capture": {}}, "data_capture needs instances"),
        ({"serverless": {}, "vpc": VPC}, "vpc needs instances"),
        ({"instance_type": "ml.m5.large", "canary": {"alarms": ["5xx"]}}, "2 or more"),
        ({"instance_type": "ml.g4dn.xlarge", "kms_key": "k"}, "takes none for ml.g4dn"),
    ],
)
def test_an_endpoint_is_of_one_kind(endpoint: dict[str, Any], said: str) -> None:
    """It has instances, or it is serverless."""
    assert said in refusal(changed("endpoint", endpoint))


@pytest.mark.parametrize("kind", ["ml.m5.large", "ml.inf2.xlarge", "ml.g5g.xlarge"])
def test_capture_key_and_vpc_go_with_instances(kind: str) -> None:
    """A key goes with those that have no local storage."""
    endpoint = {"instance_type": kind, "kms_key": "alias/a", "vpc": VPC}
    spec = ModelSpec.model_validate(
        changed("endpoint", endpoint | {"data_capture": {"percent": 20}})
    )

    assert spec.endpoint.model_dump(exclude_none=True) == endpoint | {
        "data_capture": {"percent": 20}
    }


def test_serverless_has_defaults() -> None:
    """`serverless: {}` is enough."""
    spec = ModelSpec.model_validate(changed("endpoint", {"serverless": {}}))

    assert spec.endpoint.serverless is not None
    assert spec.endpoint.serverless.memory_mb == 2048


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("task", "clustering", "'clustering'; give regression, binary or multiclass"),
        ("data", "/home/ada/toy.csv", "'/home/ada/toy.csv'; notebooks read from S3"),
        ("data", "../toy.csv", "'../toy.csv'; notebooks read from S3"),
        ("data", "C:\\toy.csv", "'C:\\\\toy.csv'; notebooks read from S3; `runner upl"),
        ("data", "s3://Toys/", "'s3://Toys/'; write s3://bucket/key"),
        ("data", None, "empty; give a file put there by `runner upload`, as churn.csv"),
        ("label", "", "''; give the name of the column to predict"),
        ("name", 5, "5; give the folder's name"),
        ("training", 5, "5; give how to train, as {hyperparameters: {num_round: 50}}"),
        ("training.spot", "no", "'no'; give true or false"),
        ("training.instance_count", True, "true; give a whole number, at least 1"),
        ("training.instance_type", "m5.large", "'m5.large'; give an instance type, as"),
        ("training.image.version", 3.2, "3.2; write it in quotes, YAML reads 3.2 as"),
        ("training.hyperparameters.eta", 7, "7; give a number from 0 to 1"),
        ("training.hyperparameters.eta", [0.1], "[0.1]; give XGBoost's names and a"),
        ("gates", [], "[]; give bounds by metric, as {rmse: {max: 2.5}}"),
        ("gates.rmse", 2.5, "2.5; give bounds by metric, as {rmse: {max: 2.5}}"),
        ("gates.rmse.max", "2.5", "'2.5'; give a number"),
        ("gates.rmse", {}, "{}; give either min (more is better) or max"),
        ("slices", "state", "'state'; give columns to measure by, as [state, plan]"),
        ("slices", [5], "5; give columns to measure by, as [state, plan]"),
        ("decision", 5, "5; give what mistakes cost, as {false_positive: 5, false_"),
        ("decision.false_positive", "5", "'5'; give what such a row costs, as 5"),
        ("decision", {"false_positive": 5}, "{'false_positive': 5}; nothing to decide"),
        ("endpoint", {}, "{}; give instance_type or serverless"),
        ("endpoint.canary", {"alarms": [5]}, "5; give the names of 1 to 10 CloudWatch"),
    ],
)
def test_key_value_and_remedy_stand_in_one_line(
    key: str, value: Any, said: str
) -> None:
    """The message shows what is there, and what may be there instead."""
    line = refusal(changed(key, value))

    assert line.partition(": ")[2].startswith(said)
    assert line.startswith(key)
    assert "\n" not in line


@pytest.mark.parametrize("key", ["gates.image", "gates.training"])
def test_a_metric_may_have_the_name_of_a_section(key: str) -> None:
    """The place in the file counts, not the word."""
    said = refusal(changed(f"{key}.maximum", 1))

    assert said == f"{key}.maximum: unknown key; did you mean 'max'?"


def test_a_long_value_is_cut() -> None:
    """The message stays readable."""
    assert len(refusal(changed("task", "x" * 5000))) < 200


def test_a_value_that_contains_itself_is_shown() -> None:
    """A YAML alias can make such a value."""
    value: list[Any] = []
    value.append(value)

    assert refusal(changed("task", value)).startswith("task: [[")


def test_every_key_has_a_description() -> None:
    """Messages end with it."""
    sections: list[type[Section]] = [ModelSpec]
    for section in sections:
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"
            kind = _required(field.annotation)
            if isinstance(kind, type) and issubclass(kind, Section):
                sections.append(kind)

    assert len(sections) > 5
    assert set(GOOD) <= set(ModelSpec.model_fields)
