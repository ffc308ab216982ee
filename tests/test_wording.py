"""What is wrong with a `model.yaml`, in plain words."""

from typing import Any

import pytest
from test_schema import GOOD, changed, refusal

from runner.spec.schema import ModelSpec, Section, _required


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("task", "clustering", "'clustering'; give regression or binary"),
        (
            "data",
            "toy.csv",
            "'toy.csv'; give where the raw data is, as s3://bucket/key",
        ),
        ("data", None, "empty; give where the raw data is, as s3://bucket/key"),
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
        ("endpoint", {}, "{}; give instance_type or serverless"),
        ("endpoint.canary", {"alarms": [5]}, "5; give the names of 1 to 10 CloudWatch"),
    ],
)
def test_key_value_and_remedy_stand_in_one_line(
    key: str, value: Any, said: str
) -> None:
    """What is there, and what may be there instead."""
    line = refusal(changed(key, value))

    assert line.partition(": ")[2].startswith(said)
    assert line.startswith(key)
    assert "\n" not in line


@pytest.mark.parametrize("key", ["gates.image", "gates.training"])
def test_a_metric_may_be_called_like_a_section(key: str) -> None:
    """The place in the file counts, not the word."""
    said = refusal(changed(f"{key}.maximum", 1))

    assert said == f"{key}.maximum: unknown key; did you mean 'max'?"


def test_a_long_value_is_cut() -> None:
    """The line can still be read."""
    assert len(refusal(changed("task", "x" * 5000))) < 200


def test_a_value_that_holds_itself_is_shown() -> None:
    """YAML can say that too."""
    value: list[Any] = []
    value.append(value)

    assert refusal(changed("task", value)).startswith("task: [[")


def test_every_key_says_what_it_may_be() -> None:
    """Else a message would end in nothing."""
    sections: list[type[Section]] = [ModelSpec]
    for section in sections:
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"
            kind = _required(field.annotation)
            if isinstance(kind, type) and issubclass(kind, Section):
                sections.append(kind)

    assert len(sections) > 5
    assert set(GOOD) <= set(ModelSpec.model_fields)
