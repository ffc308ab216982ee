"""The model registry."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from embedded_account import refusal

DATA = "s3://bucket/model.tar.gz"


@pytest.fixture
def registry(account):
    """Give SageMaker's client under the name that fits here."""
    return account.sagemaker


def versions(registry, **arguments):
    """List the versions of a page."""
    summaries = registry.list_model_packages(**arguments)["ModelPackageSummaryList"]
    return [each["ModelPackageVersion"] for each in summaries]


def test_versions_count_up_and_have_arns_like_real_ones(account, registry, name):
    """Each package of a group is its next version, pending unless said otherwise."""
    first = account.package(name, DATA, "PendingManualApproval")
    second = account.package(name, DATA)
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{name}"
    assert [first, second] == [f"{arn}/1", f"{arn}/2"]
    described = registry.describe_model_package(ModelPackageName=first)
    assert described["ModelPackageGroupName"] == name
    assert described["ModelPackageStatus"] == "Completed"
    assert described["ModelApprovalStatus"] == "PendingManualApproval"


def test_versions_are_pending_by_default(registry, name):
    """A version registered without a status waits for approval."""
    registry.create_model_package_group(ModelPackageGroupName=name)
    arn = registry.create_model_package(ModelPackageGroupName=name)["ModelPackageArn"]
    status = registry.describe_model_package(ModelPackageName=arn)[
        "ModelApprovalStatus"
    ]
    assert status == "PendingManualApproval"


def test_version_numbers_are_never_used_again(account, registry, name):
    """Deleting the newest version does not free its number."""
    account.package(name, DATA)
    registry.delete_model_package(ModelPackageName=account.package(name, DATA))
    assert account.package(name, DATA).endswith("/3")
    assert versions(registry, ModelPackageGroupName=name) == [1, 3]


def test_versions_registered_at_once_get_numbers_of_their_own(account, name):
    """Callers who register at the same time never get the same version."""
    account.package(name, DATA)
    with ThreadPoolExecutor(8) as callers:
        arns = list(callers.map(lambda _: account.package(name, DATA), range(24)))
    assert {int(arn.rpartition("/")[2]) for arn in arns} == set(range(2, 26))


def test_a_call_that_is_repeated_with_its_token_registers_once(registry, name):
    """A client whose answer was lost calls again, and gets the first's answer."""
    registry.create_model_package_group(ModelPackageGroupName=name)
    request = {"ModelPackageGroupName": name, "ClientToken": f"{name}-token"}

    first, again = (registry.create_model_package(**request) for _ in range(2))

    assert first["ModelPackageArn"] == again["ModelPackageArn"]
    assert versions(registry, ModelPackageGroupName=name) == [1]


def test_approval_keeps_everything_else(account, registry, name):
    """Approving changes the status, and neither metadata nor metrics."""
    metrics = {
        "ModelQuality": {
            "Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/m.json"}
        }
    }
    arn = account.package(
        name,
        DATA,
        "PendingManualApproval",
        CustomerMetadataProperties={"fingerprint": "abc"},
        ModelMetrics=metrics,
        ModelPackageDescription="From a test.",
    )
    registry.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="Good."
    )
    described = registry.describe_model_package(ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "Good."
    assert described["CustomerMetadataProperties"] == {"fingerprint": "abc"}
    assert described["ModelMetrics"] == metrics
    assert described["ModelPackageDescription"] == "From a test."
    assert described["LastModifiedTime"] >= described["CreationTime"]


def test_metadata_is_merged_and_removed_by_key(account, registry, name):
    """Updating metadata adds keys, and removes those that are named."""
    arn = account.package(name, DATA, CustomerMetadataProperties={"a": "1", "b": "2"})
    registry.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"c": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    described = registry.describe_model_package(ModelPackageName=arn)
    assert described["CustomerMetadataProperties"] == {"b": "2", "c": "3"}


def test_inference_specifications_are_replaced_and_added(account, registry, name):
    """UpdateModelPackage changes what is served, whatever the approval status."""
    arn = account.package(name, DATA)
    other = {"Image": "image", "ModelDataUrl": "s3://bucket/other.tar.gz"}
    for number in ("one", "two"):
        more = [{"Name": number, "Containers": [other]}]
        registry.update_model_package(
            ModelPackageArn=arn,
            InferenceSpecification={"Containers": [other]},
            AdditionalInferenceSpecificationsToAdd=more,
        )

    described = registry.describe_model_package(ModelPackageName=arn)
    assert described["InferenceSpecification"]["Containers"] == [other]
    added = described["AdditionalInferenceSpecifications"]
    assert [one["Name"] for one in added] == ["one", "two"]
    assert described["ModelApprovalStatus"] == "Approved"


def test_lists_pages_of_one_group_by_status(account, registry, name):
    """Lists are filtered by group and status, and paged."""
    for number in range(12):
        account.package(name, DATA, "Approved" if number % 2 else "Rejected")
    account.package(f"{name}-v2", DATA)
    page = registry.list_model_packages(ModelPackageGroupName=name)
    assert len(page["ModelPackageSummaryList"]) == 10
    paginator = registry.get_paginator("list_model_packages")
    pages = paginator.paginate(
        ModelPackageGroupName=name,
        ModelApprovalStatus="Approved",
        SortOrder="Descending",
        PaginationConfig={"PageSize": 4},
    )
    found = [p["ModelPackageVersion"] for p in pages.search("ModelPackageSummaryList")]
    assert found == [12, 10, 8, 6, 4, 2]
    assert versions(registry, ModelPackageGroupName="none") == []


def test_group_can_be_deleted_when_it_is_empty(account, registry, name):
    """A group with versions stays, an empty one goes."""
    arn = account.package(name, DATA)
    code, message = refusal(
        registry.delete_model_package_group, ModelPackageGroupName=name
    )
    assert code == "ConflictException"
    assert "still contains" in message
    registry.delete_model_package(ModelPackageName=arn)
    registry.delete_model_package_group(ModelPackageGroupName=name)
    code, message = refusal(
        registry.describe_model_package_group, ModelPackageGroupName=name
    )
    assert message.endswith(f"model-package-group/{name} does not exist.")


def test_refuses_what_does_not_exist_or_already_does(account, registry, name):
    """Missing groups and packages, and duplicate groups, are refused."""
    arn = account.package(name, DATA)
    create = registry.create_model_package_group
    assert "already exists" in refusal(create, ModelPackageGroupName=name)[1]
    missing = arn.replace("/1", "/7")
    describe = registry.describe_model_package
    refused = refusal(describe, ModelPackageName=missing)
    assert refused == ("ValidationException", f"ModelPackage {missing} does not exist.")
    add = registry.create_model_package
    assert "does not exist" in refusal(add, ModelPackageGroupName="none")[1]
    assert refusal(add, ModelPackageDescription="x")[1] == "Missing ARN."


def test_packages_without_versions_are_apart(registry, name):
    """A package with a name of its own has no version, and a list of its own."""
    registry.create_model_package(
        ModelPackageName=name, Tags=[{"Key": "a", "Value": "b"}]
    )
    found = registry.list_model_packages(NameContains=name)["ModelPackageSummaryList"]
    assert [each["ModelPackageName"] for each in found] == [name]
    add = registry.create_model_package
    assert "already exists" in refusal(add, ModelPackageName=name)[1]


def test_groups_are_listed_with_their_tags(registry, name):
    """Groups are found by name; tags are added, replaced and removed."""
    made = registry.create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": "a", "Value": "1"}]
    )
    arn = made["ModelPackageGroupArn"]
    found = registry.list_model_package_groups(NameContains=name)
    (group,) = found["ModelPackageGroupSummaryList"]
    assert group["ModelPackageGroupArn"] == arn
    registry.add_tags(
        ResourceArn=arn, Tags=[{"Key": k, "Value": "2"} for k in ("a", "b")]
    )
    registry.delete_tags(ResourceArn=arn, TagKeys=["b"])
    assert registry.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "2"}]
