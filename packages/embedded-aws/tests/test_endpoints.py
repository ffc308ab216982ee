"""What the actions on endpoints refuse, and what Describe shows."""

import pytest
from botocore.exceptions import ClientError
from embedded_aws.faults import Fault

ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint"


@pytest.fixture
def data(trained):
    """Give the URI of a model that loads."""
    return trained["ModelArtifacts"]["S3ModelArtifacts"]


def refusal(call, **arguments):
    """Give the message of a refused call."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return error["Message"]


def test_endpoint_in_service_shows_what_it_serves(account, name, data):
    """Describe shows configuration, variants, image and weights."""
    endpoint = account.live(name, data)
    assert endpoint["EndpointArn"] == f"{ARN}/{name}"
    assert endpoint["EndpointConfigName"] == name
    (variant,) = endpoint["ProductionVariants"]
    assert variant["VariantName"] == "AllTraffic"
    assert variant["CurrentInstanceCount"] == variant["DesiredInstanceCount"] == 1
    assert variant["CurrentWeight"] == 1.0
    (image,) = variant["DeployedImages"]
    assert image["SpecifiedImage"].endswith("sagemaker-xgboost:3.2-0")
    assert "sagemaker-xgboost@sha256:" in image["ResolvedImage"]
    assert "FailureReason" not in endpoint


def test_refuses_duplicates_and_missing_configurations(account, name, data):
    """Names are unique, and configurations must exist."""
    create = account.sagemaker.create_endpoint
    update = account.sagemaker.update_endpoint
    account.live(name, data)
    assert refusal(create, EndpointName=name, EndpointConfigName=name) == (
        f'Cannot create already existing endpoint "{ARN}/{name}".'
    )
    for call in (create, update):
        target = "other" if call == create else name
        message = refusal(call, EndpointName=target, EndpointConfigName="none")
        assert message.startswith("Could not find endpoint configuration ")


def test_refuses_changes_while_another_is_in_progress(
    account, embedded, name, data, inject
):
    """An endpoint that is being created cannot be updated, reweighed or deleted."""
    fault = inject(Fault(kind="endpoint-stuck", name=name))
    account.endpoint(name, account.config(name, account.model(name, data)))
    api = account.sagemaker
    expected = f'Cannot update in-progress endpoint "{ARN}/{name}".'
    update = {"EndpointName": name, "EndpointConfigName": name}
    assert refusal(api.update_endpoint, **update) == expected
    assert refusal(api.delete_endpoint, EndpointName=name) == expected
    weights = [{"VariantName": "AllTraffic", "DesiredWeight": 2}]
    reweigh = {"EndpointName": name, "DesiredWeightsAndCapacities": weights}
    call = api.update_endpoint_weights_and_capacities
    assert refusal(call, **reweigh) == expected
    found = account.describe(name)
    assert found["EndpointStatus"] == "Creating"
    assert found["PendingDeploymentSummary"]["EndpointConfigName"] == name
    embedded.clear(fault)
    assert account.settled(name)["EndpointStatus"] == "InService"


def reweigh(account, name):
    """Give the variant of an endpoint weight 3 and two instances."""
    changes = {"DesiredWeight": 3, "DesiredInstanceCount": 2}
    account.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic"} | changes],
    )


def test_weights_and_counts_can_be_changed(account, name, data):
    """A variant gets another weight and count without another configuration."""
    account.live(name, data)
    reweigh(account, name)
    (variant,) = account.settled(name)["ProductionVariants"]
    assert (variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (3.0, 2)


def test_update_can_retain_weights_and_counts(account, name, data):
    """RetainAllVariantProperties keeps what was changed, less what it excludes."""
    account.live(name, data)
    reweigh(account, name)
    account.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=account.config(f"{name}-2", name),
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    (variant,) = account.settled(name)["ProductionVariants"]
    assert (variant["CurrentWeight"], variant["CurrentInstanceCount"]) == (1.0, 2)


def test_deleted_endpoint_is_gone(account, name, data):
    """A deleted endpoint is no longer found; its waiter is content."""
    account.live(name, data)
    account.sagemaker.delete_endpoint(EndpointName=name)
    account.sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 1}
    )
    assert refusal(account.sagemaker.describe_endpoint, EndpointName=name) == (
        f'Could not find endpoint "{ARN}/{name}".'
    )


def test_tags_find_endpoints_in_one_query(account, client, name, data):
    """The tagging service finds endpoints by tag, page by page."""
    config = account.config(name, account.model(name, data))
    for number in range(3):
        tags = [{"Key": name, "Value": str(number)}]
        account.endpoint(f"{name}-{number}", config, Tags=tags)
        account.settled(f"{name}-{number}")
    pages = (
        client("resourcegroupstaggingapi")
        .get_paginator("get_resources")
        .paginate(
            ResourceTypeFilters=["sagemaker:endpoint"],
            TagFilters=[{"Key": name}],
            PaginationConfig={"PageSize": 2},
        )
    )
    found = {
        each["ResourceARN"]: each["Tags"][0]["Value"]
        for each in pages.search("ResourceTagMappingList")
    }
    assert found == {f"{ARN}/{name}-{number}": str(number) for number in range(3)}


def test_lists_endpoints_by_status(account, name, data):
    """ListEndpoints filters by name and status."""
    account.live(name, data)
    for status, count in (("InService", 1), ("Failed", 0)):
        listed = account.sagemaker.list_endpoints(
            NameContains=name, StatusEquals=status
        )
        assert len(listed["Endpoints"]) == count


def test_other_regions_are_other_worlds(client, name):
    """A resource of one region is not found in another."""
    client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    europe = client("sagemaker", "eu-west-1")
    made = europe.create_model_package_group(ModelPackageGroupName=name)
    assert ":eu-west-1:" in made["ModelPackageGroupArn"]
