"""A trained model is registered once, with what it was measured by."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from embedded_aws.process import EmbeddedAWS
from list_packages import IMAGE, make_package, new_name

from lifecycle.aws import client
from lifecycle.registry import Package, create_package, list_packages
from lifecycle.s3 import read_json

LINEAGE = {"run_id": "r1", "training_job": "job-1", "fingerprint": "a" * 64}


def test_a_package_waits_for_approval(aws: EmbeddedAWS):
    """Nothing is approved by being registered."""
    package = make_package(new_name(), approved=False)

    assert package.approval_status == "PendingManualApproval"


def test_a_group_belongs_to_its_model(aws: EmbeddedAWS):
    """The group is created with the first package, and says whose it is."""
    model = new_name()
    make_package(model)

    assert tags(model)["owner"] == model


def test_a_description_of_many_lines_is_registered_as_one(aws: EmbeddedAWS):
    """SageMaker refuses a newline, and more than 1,024 characters."""
    package = create_package(
        new_name(),
        image=IMAGE,
        model_data="s3://bucket/model.tar.gz",
        metrics={},
        metadata=LINEAGE,
        description="folded:\n" + "long\n" * 500,
    )

    said = client("sagemaker").describe_model_package(ModelPackageName=package.arn)
    assert said["ModelPackageDescription"].startswith("folded: long long")
    assert "\n" not in said["ModelPackageDescription"]


def again(first: Package, **other: str) -> Package:
    """Register what a package was made of, or what differs from it in some way."""
    return create_package(
        first.model,
        image=IMAGE,
        model_data=first.model_data,
        metrics={},
        metadata={**first.metadata, **other},
    )


def tags(model: str) -> dict[str, str]:
    """Read what the group says of its newest package."""
    group = client("sagemaker").describe_model_package_group(
        ModelPackageGroupName=model
    )
    answer = client("sagemaker").list_tags(ResourceArn=group["ModelPackageGroupArn"])
    return {one["Key"]: one["Value"] for one in answer["Tags"]}


def test_registering_again_finds_the_same_package(aws: EmbeddedAWS):
    """A run that lost the answer, or ended after it, does not register twice."""
    first = make_package(new_name())

    assert again(first) == first
    assert len(list(list_packages(first.model))) == 1


def test_it_is_found_among_later_ones(aws: EmbeddedAWS):
    """And the group goes on to tell of the newest."""
    first = make_package(new_name())
    second = make_package(first.model)

    assert again(first) == first
    assert [one.version for one in list_packages(first.model)] == [2, 1]
    assert tags(first.model)["version"] == "2"
    assert tags(first.model)["run_id"] == second.run_id


def test_what_was_not_told_to_the_group_is_told_now(aws: EmbeddedAWS):
    """The notebook may have ended between the two calls."""
    first = make_package(new_name())
    group = client("sagemaker").describe_model_package_group(
        ModelPackageGroupName=first.model
    )
    client("sagemaker").delete_tags(
        ResourceArn=group["ModelPackageGroupArn"], TagKeys=["version", "run_id"]
    )

    again(first)

    assert tags(first.model)["version"] == "1"
    assert tags(first.model)["run_id"] == first.run_id


@pytest.mark.parametrize("key", ["run_id", "training_job", "fingerprint"])
def test_another_run_job_or_content_is_another_package(aws: EmbeddedAWS, key: str):
    """Each of them is what somebody approves."""
    first = make_package(new_name())

    second = again(first, **{key: "e" * 64})

    assert second.version == 2
    assert second.metadata[key] == "e" * 64


def test_metrics_are_kept_beside_the_package(aws: EmbeddedAWS):
    """SageMaker shows the metrics from a file among the run's evidence."""
    package = make_package(new_name())

    answer = client("sagemaker").describe_model_package(ModelPackageName=package.arn)
    statistics = answer["ModelMetrics"]["ModelQuality"]["Statistics"]

    assert f"/{package.run_id}/evidence/" in statistics["S3Uri"]
    assert read_json(statistics["S3Uri"]) == {"rmse": 0.5}


@pytest.mark.parametrize("status", ["Approved", "PendingManualApproval"])
def test_the_status_is_the_one_asked_for(aws: EmbeddedAWS, status):
    """A team that gates on the merge alone registers straight as approved."""
    model = new_name()
    uri = make_package(new_name()).model_data

    package = create_package(
        model,
        image=IMAGE,
        model_data=uri,
        metrics={"rmse": 1.0},
        metadata=LINEAGE,
        approval_status=status,
    )

    assert package.approval_status == status


def test_first_runs_may_register_at_once(aws: EmbeddedAWS):
    """Who comes second to create the group uses it all the same."""
    model = new_name()
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: make_package(model), range(4)))

    assert sorted(one.version for one in made) == [1, 2, 3, 4]
