"""A package knows its content, its lineage and its metrics."""

import pytest
from embedded_aws.process import EmbeddedAWS
from list_packages import make_package, new_name

from lifecycle.aws import client
from lifecycle.errors import RegistryError
from lifecycle.registry import _properties, describe, list_packages, package_table


def test_a_package_comes_back_as_it_was_registered(aws: EmbeddedAWS):
    """Fingerprint, lineage and metrics survive the registry."""
    package = make_package(new_name(), ci_url="https://app.circleci.com/p/1")

    assert describe(package.arn) == package
    assert package.fingerprint == "f" * 64
    assert package.metrics == {"rmse": 0.5}
    assert package.metadata["ci_url"] == "https://app.circleci.com/p/1"
    assert not any(key.startswith("metric.") for key in package.metadata)


def test_a_package_that_is_not_there_is_an_error(aws: EmbeddedAWS):
    """One that was deleted since is named by its ARN."""
    package = make_package(new_name())
    client("sagemaker").delete_model_package(ModelPackageName=package.arn)

    with pytest.raises(RegistryError, match=f"{package.arn}: no such package"):
        describe(package.arn)


def test_packages_come_newest_first(aws: EmbeddedAWS):
    """The version counts, and only this model's."""
    model = new_name()
    for _ in range(3):
        make_package(model)
    make_package(f"{model}-v2")

    assert [one.version for one in list_packages(model)] == [3, 2, 1]


def test_packages_are_filtered_by_status(aws: EmbeddedAWS):
    """What is not approved is not listed where only the approved are asked for."""
    model = new_name()
    make_package(model)
    make_package(model, approved=False)

    assert [one.version for one in list_packages(model, status="Approved")] == [1]


def test_a_model_that_was_never_registered_has_no_packages(aws: EmbeddedAWS):
    """The first run of a model is an ordinary case."""
    assert list(list_packages(new_name())) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plain", "plain"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("https://x/y?z=1&b", "https://x/y-z=1-b"),
        ("x" * 300, "x" * 256),
    ],
)
def test_a_property_is_made_acceptable(given, kept):
    """SageMaker refuses odd characters and long values, so they never reach it."""
    assert _properties({}, {"key": given}) == {"key": kept}


def test_a_property_s_name_is_made_acceptable_too():
    """A notebook may name a metric as it likes."""
    kept = _properties({"f1 (macro)": 0.5}, {})

    assert kept == {"metric.f1 -macro-": "0.5"}


def test_empty_properties_are_left_out():
    """SageMaker refuses empty values too."""
    assert _properties({"rmse": 1.25}, {"commit": ""}) == {"metric.rmse": "1.25"}


def test_packages_are_shown_as_a_table(aws: EmbeddedAWS):
    """A person reads version, content, status and origin in one line each."""
    head, line = package_table([make_package(new_name())]).splitlines()

    assert head.split() == ["version", "fingerprint", "status", "commit", "CI"]
    assert line.split() == ["1", "f" * 12, "Approved", "c0ffeec", "-"]
