"""What others have registered is passed over, and what they have set is kept."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS
from model_packages import ENDPOINT, IMAGE, ignore, make_package, once, serve

from lifecycle.approval import find_approved, find_newest
from lifecycle.aws import add_tags, bucket, client, read_tags
from lifecycle.deploy import roll_back
from lifecycle.endpoint import EndpointState, read_state, wait_until_settled
from lifecycle.errors import EndpointError
from lifecycle.next_step import next_step
from lifecycle.registration.packages import find_package, list_packages
from lifecycle.serving.endpoint_config import ensure_config
from lifecycle.status import read_status

MINE, OTHER = "f" * 64, "e" * 64
SERVERLESS = {"serverless": {"memory_mb": 2048, "max_concurrency": 5}}
CANARY = {"percent": 50, "wait_seconds": 0}
KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b"


def state_of(model: str) -> EndpointState:
    """Read the state of an endpoint that exists."""
    return read_state(model) or pytest.fail("there is no endpoint")


def config_of(model: str) -> dict[str, Any]:
    """Describe the config that is live."""
    found = client("sagemaker").describe_endpoint(EndpointName=model)
    return client("sagemaker").describe_endpoint_config(
        EndpointConfigName=found["EndpointConfigName"]
    )


def instances(model: str) -> list[int]:
    """Return how many instances each variant has."""
    found = client("sagemaker").describe_endpoint(EndpointName=model)
    return [one["CurrentInstanceCount"] for one in found["ProductionVariants"]]


def scale(model: str, count: int) -> None:
    """Give an endpoint another number of instances, as autoscaling does."""
    client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=model,
        DesiredWeightsAndCapacities=[
            {"VariantName": "AllTraffic", "DesiredInstanceCount": count}
        ],
    )


def change_by_hand(model: str, name: str, *more: Mapping[str, Any], **values: Any):
    """Update an endpoint by a config of one's own, made from the live one."""
    now = config_of(model)
    (variant,) = now["ProductionVariants"]
    variant |= values.pop("variant", {})
    client("sagemaker").create_endpoint_config(
        EndpointConfigName=f"{model}-{name}",
        ProductionVariants=[
            variant,
            *({**variant, "VariantName": one["VariantName"], **one} for one in more),
        ],
        **values,
    )
    client("sagemaker").update_endpoint(
        EndpointName=model, EndpointConfigName=f"{model}-{name}"
    )
    wait_until_settled(model, time.monotonic() + 30, ignore)


def capture() -> dict[str, Any]:
    """Give a DataCaptureConfig of a person's own."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": f"s3://{bucket()}/theirs",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }


def why(model: str, content: str = MINE, endpoint: Mapping[str, Any] = ENDPOINT) -> str:
    """Say what `status` says."""
    status = read_status(model, content, endpoint=endpoint)
    return next_step(model, content, status).why


def test_packages_of_other_tools_are_passed_over(model):
    """With a source only, half-written metadata, or another's words of approval."""
    ours = make_package(model)
    create = client("sagemaker").create_model_package
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/m.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    for more in (
        {"SourceUri": "s3://b/m.tar.gz"},
        {"CustomerMetadataProperties": {"metric.auc": "n/a", "fingerprint": MINE}},
        {"CustomerMetadataProperties": {"metric.auc": "1e999", "golden": "n/a"}},
        {"InferenceSpecification": specification, "ModelPackageDescription": "Digest"},
        {"ModelPackageDescription": f"Run r. Fingerprint {MINE}. Digest {'0' * 64}."},
    ):
        arn = create(
            ModelPackageGroupName=model, ModelApprovalStatus="Approved", **more
        )["ModelPackageArn"]
        client("sagemaker").update_model_package(
            ModelPackageArn=arn, ApprovalDescription="ok; digest none; evidence 5"
        )

    assert len(list(list_packages(model))) == 6
    assert find_package(model).version == 6
    client("sagemaker").delete_model_package(
        ModelPackageName=find_package(model, 6).arn
    )
    assert find_package(model) == ours
    assert find_approved(model, MINE, on_progress=ignore) == ours
    assert why(model) == "version 1 is approved: deploy it"
    serve(ours)
    assert why(model) == ""


def test_what_is_set_while_a_rollback_begins_is_kept(model):
    """The rollback is decided anew, for the endpoint as it is then."""
    serve(make_package(model, fingerprint=OTHER))
    serve(make_package(model))

    with once(
        "before-call.sagemaker.AddTags",
        lambda: change_by_hand(model, "theirs", DataCaptureConfig=capture()),
    ):
        now = roll_back(model, wait_seconds=60, on_progress=ignore)

    assert now.version == 1
    found = config_of(model)["DataCaptureConfig"]
    assert found["DestinationS3Uri"] == capture()["DestinationS3Uri"]


def test_instances_that_were_added_survive_a_deploy_and_a_rollback(model):
    """Unless `instance_count` itself has changed since."""
    serve(make_package(model, fingerprint=OTHER))
    scale(model, 4)
    said: list[str] = []

    serve(make_package(model), on_progress=said.append)
    assert instances(model) == [4]
    assert "kept: 4 instances instead of 1" in said

    roll_back(model, wait_seconds=60, on_progress=said.append)
    assert instances(model) == [4]
    now = state_of(model)
    assert now.rolled_back_by.startswith("arn:")
    assert now.rolled_back_at == now.since

    serve(find_package(model, 2), endpoint=ENDPOINT | {"instance_count": 2})
    assert instances(model) == [2]
    roll_back(model, wait_seconds=60, on_progress=ignore)
    assert instances(model) == [1]
    roll_back(model, to=2, wait_seconds=60, on_progress=ignore)
    assert instances(model) == [2]
    scale(model, 3)
    roll_back(model, to=1, wait_seconds=60, on_progress=ignore)
    assert instances(model) == [3]


def test_instances_survive_a_version_that_is_put_back(aws: EmbeddedAWS, model):
    """The endpoint is as it was, capacity included."""
    serve(make_package(model, fingerprint=OTHER))
    scale(model, 4)
    aws.inject(Fault(kind="wrong-predictions", name=model))

    with pytest.raises(EndpointError, match="put back, live now: version 1"):
        serve(make_package(model, factor=2.0))

    assert instances(model) == [4]


def test_capture_and_key_set_by_hand_survive_a_deploy_and_a_rollback(model):
    """So do the variant's name and settings, and tags of others; each is said."""
    first = serve(make_package(model, fingerprint=OTHER))
    add_tags(first.arn, {"team": "pricing"})
    change_by_hand(
        model,
        "captured",
        DataCaptureConfig=capture(),
        KmsKeyId=KEY,
        variant={
            "VariantName": "blue",
            "VolumeSizeInGB": 50,
            "InitialInstanceCount": 5,
        },
        Tags=[{"Key": "cost-center", "Value": "7"}],
    )
    assert state_of(model).version == 1
    assert why(model, OTHER).startswith("the endpoint has changed since a deploy")
    said: list[str] = []

    live = serve(make_package(model), on_progress=said.append)
    second = config_of(model)

    place = f"s3://{bucket()}/theirs"
    assert [line for line in said if line.startswith("kept: ")] == [
        "kept: 5 instances instead of 1",
        f"kept: data capture, 20 % to {place}",
        f"kept: the KMS key {KEY}",
        "kept: the variant's name, blue",
        "kept: VolumeSizeInGB, 50",
    ]
    assert serve(find_package(model, 2)) == live
    assert why(model) == ""

    roll_back(model, wait_seconds=60, on_progress=ignore)
    assert instances(model) == [5]
    for config in (second, config_of(model)):
        assert config["DataCaptureConfig"] == capture()
        assert config["KmsKeyId"] == KEY
        (variant,) = config["ProductionVariants"]
        assert (variant["VariantName"], variant["VolumeSizeInGB"]) == ("blue", 50)
        assert read_tags(config["EndpointConfigArn"])["cost-center"] == "7"
    assert state_of(model).version == 1
    assert read_tags(first.arn)["team"] == "pricing"


def test_what_model_yaml_names_wins_and_ends_with_it(model):
    """Data capture of model.yaml is no longer kept when model.yaml drops it."""
    mine = {"data_capture": {"percent": 50}, "kms_key": "key-1"}
    serve(make_package(model), endpoint=ENDPOINT | mine)
    now = config_of(model)
    assert now["DataCaptureConfig"]["InitialSamplingPercentage"] == 50
    place = f"s3://{bucket()}/{model}/data-capture"
    assert now["DataCaptureConfig"]["DestinationS3Uri"] == place
    assert now["KmsKeyId"] == "key-1"
    assert why(model, endpoint=ENDPOINT | mine) == ""
    assert "data_capture is " in why(model)

    serve(find_package(model, 1), endpoint=ENDPOINT | {"kms_key": "key-2"})

    now = config_of(model)
    assert "DataCaptureConfig" not in now
    assert now["KmsKeyId"] == "key-2"


def test_the_network_of_model_yaml_is_that_of_the_model(model):
    """SageMaker has it at the model, not at the config."""
    vpc = {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}
    serve(make_package(model, fingerprint=OTHER), endpoint=ENDPOINT | {"vpc": vpc})
    described = client("sagemaker").describe_model(ModelName=state_of(model).config)
    assert described["VpcConfig"] == {
        "Subnets": ["subnet-1"],
        "SecurityGroupIds": ["sg-1"],
    }
    assert why(model, OTHER, ENDPOINT | {"vpc": vpc}) == ""


def test_other_variants_and_shadows_are_kept(model):
    """A deploy replaces and verifies its own variant only."""
    serve(make_package(model, fingerprint=OTHER))
    theirs = ensure_config(make_package(model, factor=3.0), ENDPOINT)
    change_by_hand(model, "ab", {"VariantName": "theirs", "ModelName": theirs})
    said: list[str] = []

    serve(make_package(model, factor=2.0), on_progress=said.append)

    assert f"kept: the variant theirs, which serves {theirs}" in said
    mine, other = config_of(model)["ProductionVariants"]
    assert (mine["VariantName"], other["VariantName"]) == ("AllTraffic", "theirs")
    assert state_of(model).version == 3
    assert why(model) == ""


def test_a_deploy_makes_a_config_again_that_was_deleted(model):
    """`status` says that it is gone, and a rollback what is missing."""
    serve(make_package(model, fingerprint=OTHER))
    state = serve(make_package(model))
    client("sagemaker").delete_endpoint_config(EndpointConfigName=state.config)
    client("sagemaker").delete_model(ModelName=state.config)

    gone = "was deleted, the endpoint serves on without it: deploy again, which makes"
    assert why(model) == f"the endpoint config {state.config} {gone} it again"
    with pytest.raises(EndpointError, match=r"which named the former one, was del.*--"):
        roll_back(model, wait_seconds=60, on_progress=ignore)
    make_package(model, fingerprint=OTHER)
    with pytest.raises(EndpointError, match=r"was deleted, so it is not known.*deploy"):
        roll_back(model, to=3, wait_seconds=60, on_progress=ignore)

    now = serve(find_package(model, 2))
    assert (now.config, now.is_verified) == (state.config, True)
    assert config_of(model)["ProductionVariants"][0]["ModelName"] == state.config
    assert why(model) == ""

    client("sagemaker").delete_model(ModelName=state.config)
    assert why(model) == f"the SageMaker model {state.config} {gone} it again"
    serve(find_package(model, 2))
    assert why(model) == ""


def test_a_rollback_makes_a_model_again_that_was_deleted(model):
    """The config that is kept names it."""
    first = serve(make_package(model, fingerprint=OTHER))
    serve(make_package(model))
    client("sagemaker").delete_model(ModelName=first.config)

    assert roll_back(model, wait_seconds=60, on_progress=ignore).config == first.config


@pytest.mark.parametrize("kinds", [(ENDPOINT, SERVERLESS), (SERVERLESS, ENDPOINT)])
def test_no_deploy_goes_between_instances_and_serverless(model, kinds):
    """SageMaker refuses the one, and could not take back the other."""
    first, second = kinds
    before = serve(make_package(model, fingerprint=OTHER), endpoint=first)

    with pytest.raises(EndpointError) as raised:
        serve(make_package(model), endpoint=second)

    assert "nothing was changed" in str(raised.value)
    assert "cannot be deployed: SageMaker " in why(model, endpoint=second)
    assert f"delete-endpoint --endpoint-name {model}`" in str(raised.value)
    assert read_state(model) == before


def test_a_canary_needs_two_instances_that_are_there(model, alarm):
    """However many model.yaml asks for: autoscaling may have taken one away."""
    two = ENDPOINT | {"instance_count": 2, "canary": CANARY | {"alarms": [alarm]}}
    serve(make_package(model, fingerprint=OTHER), endpoint=two)
    scale(model, 1)
    before = state_of(model)

    with pytest.raises(EndpointError, match=r"at most half of the instances, and"):
        serve(make_package(model), endpoint=two)
    assert read_state(model) == before

    scale(model, 2)
    assert serve(find_package(model, 2), endpoint=two).version == 2


def test_an_endpoint_whose_rollback_failed_is_mended(aws: EmbeddedAWS, model):
    """It serves a mix until an update comes: a rollback to what it was, or a deploy."""
    serve(make_package(model, fingerprint=OTHER))
    made = make_package(model)
    for act in ("rollback", "deploy"):
        aws.inject(Fault(kind="ping-failure", name=model, count=2))
        aws.inject(Fault(kind="rollback-failed", name=model, count=2))
        with pytest.raises(EndpointError, match="could not be put back, live now: ver"):
            serve(made)
        assert state_of(model).status == "UpdateRollbackFailed"
        said = why(model)
        assert said.startswith("the endpoint is UpdateRollbackFailed: The primary")
        assert f"python -m runner rollback {model}" in said

        if act == "rollback":
            now = roll_back(model, wait_seconds=60, on_progress=ignore)
            assert (now.version, now.status) == (1, "InService")
    assert serve(made).version == 2


def test_an_endpoint_out_of_service_is_put_back(aws: EmbeddedAWS, model):
    """Nothing answers until the next update, so that is made at once."""
    serve(make_package(model, fingerprint=OTHER))
    aws.inject(Fault(kind="out-of-service", name=model))

    with pytest.raises(EndpointError, match="put back, live now: version 1"):
        serve(make_package(model))

    assert state_of(model).status == "InService"


def test_what_another_content_is_newest_of_does_not_matter(model):
    """Branches register what they like; the approved version is found behind them."""
    make_package(model)
    for _ in range(25):
        client("sagemaker").create_model_package(ModelPackageGroupName=model)

    assert find_newest(model, MINE).version == 1
    assert why(model) == "version 1 is approved: deploy it"
