"""Endpoints: what their actions refuse, and how they get into service, or back."""

import io
import json
import tarfile
import threading
import time

import pytest
import xgboost
from botocore.exceptions import ClientError
from embedded_account import invalid, until
from embedded_aws.account import DEFAULT_BUCKET
from embedded_aws.faults import Fault

PING = (
    "The primary container for production variant AllTraffic did not pass the ping "
    "health check. Please check CloudWatch logs for this endpoint."
)
ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint"


@pytest.fixture
def data(trained):
    """Give the URI of a model that loads."""
    return trained["ModelArtifacts"]["S3ModelArtifacts"]


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
    assert invalid(create, EndpointName=name, EndpointConfigName=name) == (
        f'Cannot create already existing endpoint "{ARN}/{name}".'
    )
    for call in (create, update):
        target = "other" if call == create else name
        message = invalid(call, EndpointName=target, EndpointConfigName="none")
        assert message.startswith("Could not find endpoint configuration ")


def test_a_refused_deployment_changes_nothing(account, name, data):
    """A configuration whose model is gone makes no endpoint, and updates none."""
    account.live(name, data)
    config = account.config(f"{name}-2", account.model(f"{name}-2", data))
    account.sagemaker.delete_model(ModelName=config)
    for call in ("create_endpoint", "update_endpoint"):
        target = name if call == "update_endpoint" else config
        action = getattr(account.sagemaker, call)
        message = invalid(action, EndpointName=target, EndpointConfigName=config)
        assert message.startswith("Could not find model ")
    assert account.describe(name)["EndpointStatus"] == "InService"
    assert invalid(account.describe, config).startswith("Could not find endpoint ")


def test_refuses_changes_while_another_is_in_progress(
    account, embedded, name, data, inject
):
    """An endpoint that is being created cannot be updated, reweighed or deleted."""
    fault = inject(Fault(kind="endpoint-stuck", name=name))
    account.endpoint(name, account.config(name, account.model(name, data)))
    api = account.sagemaker
    expected = f'Cannot update in-progress endpoint "{ARN}/{name}".'
    update = {"EndpointName": name, "EndpointConfigName": name}
    assert invalid(api.update_endpoint, **update) == expected
    assert invalid(api.delete_endpoint, EndpointName=name) == expected
    weights = [{"VariantName": "AllTraffic", "DesiredWeight": 2}]
    reweigh = {"EndpointName": name, "DesiredWeightsAndCapacities": weights}
    call = api.update_endpoint_weights_and_capacities
    assert invalid(call, **reweigh) == expected
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
    assert invalid(account.sagemaker.describe_endpoint, EndpointName=name) == (
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


@pytest.fixture
def live(account, name, data):
    """Create an endpoint in service."""
    assert account.live(name, data)["EndpointStatus"] == "InService"
    return name


def update(account, endpoint, model=None):
    """Update an endpoint to a new configuration, and give its name."""
    config = account.config(f"{endpoint}-new", model or endpoint)
    account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    return config


def put_model(account, name, content):
    """Create a model of any bytes."""
    account.put(f"models/{name}", content)
    return account.model(name, f"s3://{DEFAULT_BUCKET}/models/{name}")


def test_update_brings_the_new_configuration_into_service(account, live):
    """An updated endpoint serves the configuration that was asked for."""
    config = update(account, live)
    endpoint = account.settled(live)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == config
    assert account.invoke(live)


def test_old_variant_serves_while_the_update_goes_on(account, live, inject, embedded):
    """During an update the endpoint answers, and still has its old configuration."""
    fault = inject(Fault(kind="endpoint-stuck", name=live, operation="UpdateEndpoint"))
    config = update(account, live)
    endpoint = account.describe(live)
    assert endpoint["EndpointStatus"] == "Updating"
    assert endpoint["EndpointConfigName"] == live
    assert account.invoke(live)
    embedded.clear(fault)
    assert account.settled(live)["EndpointConfigName"] == config


def test_failed_update_rolls_back_and_says_why(account, live, inject):
    """When the new variant does not answer its ping, the old one stays."""
    inject(Fault(kind="ping-failure", name=live))
    update(account, live)
    endpoint = account.settled(live)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == live
    assert endpoint["FailureReason"] == PING
    assert account.invoke(live)


def test_rolling_back_can_take_its_time(account, live, inject, embedded):
    """While it rolls back, the endpoint serves and refuses another update."""
    inject(Fault(kind="ping-failure", name=live))
    held = inject(Fault(kind="endpoint-stuck", name=live, operation="RollingBack"))
    config = update(account, live)
    until(lambda: account.describe(live)["EndpointStatus"] == "RollingBack")
    assert account.invoke(live)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        account.sagemaker.update_endpoint(EndpointName=live, EndpointConfigName=config)
    embedded.clear(held)
    assert account.settled(live)["EndpointConfigName"] == live


def test_next_update_forgets_the_failure(account, live, inject):
    """After a rollback, a good update clears the reason."""
    inject(Fault(kind="ping-failure", name=live))
    config = update(account, live)
    account.settled(live)
    account.sagemaker.update_endpoint(EndpointName=live, EndpointConfigName=config)
    endpoint = account.settled(live)
    assert endpoint["EndpointConfigName"] == config
    assert "FailureReason" not in endpoint


def test_silent_rollback_looks_like_success(account, live, inject):
    """An update may end InService without a reason, on the old configuration."""
    inject(Fault(kind="silent-rollback", name=live))
    update(account, live)
    endpoint = account.settled(live)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == live
    assert "FailureReason" not in endpoint


def test_a_new_variant_can_predict_something_else(account, live, inject):
    """Every prediction is one too high, until another variant is in service."""
    before = float(account.invoke(live, "0.5,0.5"))
    inject(Fault(kind="wrong-predictions", name=live))
    update(account, live)
    account.settled(live)
    assert float(account.invoke(live, "0.5,0.5")) == pytest.approx(before + 1)


def test_endpoint_that_never_served_fails(account, name, data, inject):
    """When the first variant does not answer its ping, the endpoint is Failed."""
    inject(Fault(kind="ping-failure", name=name))
    endpoint = account.live(name, data)
    assert endpoint["EndpointStatus"] == "Failed"
    assert endpoint["FailureReason"] == PING
    with pytest.raises(ClientError, match="not found"):
        account.invoke(name)
    with pytest.raises(ClientError, match="in status Failed"):
        update(account, name)


def packed(file_name, content):
    """Pack one file as model data."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo(file_name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def unpacked(archive):
    """Read the model of model data."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.extractfile("xgboost-model").read()


def endpoint_log(account, name):
    """Read the log of the one container of an endpoint."""
    group = f"/aws/sagemaker/Endpoints/{name}"
    (stream,) = account.logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["logStreamName"].startswith("AllTraffic/i-")
    return account.log_lines(group, stream["logStreamName"])


def test_truncated_model_data_fails_the_endpoint(account, name, data):
    """An archive that cannot be unpacked is named with its URL."""
    bucket, _, key = data.removeprefix("s3://").partition("/")
    whole = account.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    model = put_model(account, name, whole[: len(whole) // 2])
    account.endpoint(name, account.config(name, model))
    reason = account.settled(name)["FailureReason"]
    assert reason.startswith("Failed to extract model data archive for container")
    assert f"models/{name}" in reason


def test_model_data_that_is_lost_fails_the_endpoint(account, name):
    """Model data that went away after CreateModel is named with its URL."""
    model = put_model(account, name, b"x")
    account.s3.delete_object(Bucket=DEFAULT_BUCKET, Key=f"models/{name}")
    account.endpoint(name, account.config(name, model))
    reason = account.settled(name)["FailureReason"]
    assert reason.startswith("Failed to download model data for container")


def test_file_that_is_no_model_fails_the_ping(account, name):
    """An archive with anything but models never answers a ping, and the log says so."""
    model = put_model(account, name, packed("README.md", b"hello"))
    account.endpoint(name, account.config(name, model))
    assert account.settled(name)["FailureReason"] == PING
    assert "README.md" in "".join(endpoint_log(account, name))


@pytest.mark.parametrize(
    ("crafted", "reason"),
    [
        (lambda model: model, "its nodes are no tree"),
        (lambda _: b'{"learner":' + b"[" * 100_000, "it is nested too deep"),
    ],
    ids=["children out of range", "nested deep"],
)
def test_a_crafted_model_fails_its_endpoint_alone(account, name, data, crafted, reason):
    """XGBoost would end the whole process; the other endpoints answer on."""
    account.live(f"{name}-other", data)
    booster = xgboost.Booster()
    bucket, _, key = data.removeprefix("s3://").partition("/")
    whole = account.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    booster.load_model(bytearray(unpacked(whole)))
    model = json.loads(booster.save_raw("json"))
    tree = model["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["left_children"][0] = 1_000_000
    content = packed("xgboost-model", crafted(json.dumps(model).encode()))
    account.endpoint(name, account.config(name, put_model(account, name, content)))
    assert account.settled(name)["FailureReason"] == PING
    assert reason in "".join(endpoint_log(account, name))
    assert float(account.invoke(f"{name}-other"))


def test_slow_endpoint_takes_longer(account, name, data, inject):
    """A slow endpoint stays in Creating as many seconds longer."""
    inject(Fault(kind="endpoint-slow", name=name, seconds=0.4))
    start = time.monotonic()
    assert account.live(name, data)["EndpointStatus"] == "InService"
    assert time.monotonic() - start > 0.4


def test_two_updates_at_once_do_not_mix(account, name, data):
    """Two endpoints updated at the same time end on their own configurations."""
    names = [f"{name}-a", f"{name}-b"]
    for each in names:
        account.live(each, data)
    threads = [threading.Thread(target=update, args=[account, each]) for each in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    found = [account.settled(each)["EndpointConfigName"] for each in names]
    assert found == [f"{each}-new" for each in names]


def test_of_two_updates_of_one_endpoint_the_second_is_refused(
    account, live, embedded, inject
):
    """An endpoint that is being updated refuses another update."""
    held = inject(Fault(kind="endpoint-stuck", name=live))
    config = update(account, live)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        account.sagemaker.update_endpoint(EndpointName=live, EndpointConfigName=live)
    embedded.clear(held)
    assert account.settled(live)["EndpointConfigName"] == config


def test_endpoint_outlives_its_model_and_configuration(account, live):
    """Deleting model and configuration leaves a running endpoint alone."""
    account.sagemaker.delete_endpoint_config(EndpointConfigName=live)
    account.sagemaker.delete_model(ModelName=live)
    assert account.invoke(live)
    assert account.describe(live)["EndpointConfigName"] == live
