"""A trained model is registered once, with what it was measured by."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from packages import IMAGE, make_package, new_name

from runner.embedded.process import EmbeddedAWS
from runner.registration import register
from runner.registry import list_packages
from runner.session import client
from runner.storage import read_json

LINEAGE = {"run_id": "r1", "training_job": "job-1", "fingerprint": "a" * 64}


def test_a_package_waits_for_approval(aws: EmbeddedAWS):
    """Nothing is approved by being registered."""
    package = make_package(new_name(), approved=False)

    assert package.approval_status == "PendingManualApproval"


def test_a_group_belongs_to_its_model(aws: EmbeddedAWS):
    """The group is created with the first package, and says whose it is."""
    model = new_name()
    make_package(model)

    group = client("sagemaker").describe_model_package_group(
        ModelPackageGroupName=model
    )
    tags = client("sagemaker").list_tags(ResourceArn=group["ModelPackageGroupArn"])

    assert {"Key": "owner", "Value": model} in tags["Tags"]


def test_a_description_of_many_lines_is_registered_as_one(aws: EmbeddedAWS):
    """SageMaker refuses a newline, and more than 1,024 characters."""
    package = register(
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


def test_registering_again_finds_the_same_package(aws: EmbeddedAWS):
    """A run that lost the answer does not register twice."""
    model = new_name()
    first = make_package(model)

    again = register(
        model, image=IMAGE, model_data=first.model_data, metrics={}, metadata=LINEAGE
    )

    assert again == first
    assert len(list_packages(model)) == 1


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

    package = register(
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
