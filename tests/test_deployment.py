"""A package's model and endpoint config are named by their content."""

import pytest
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import client, read_tags
from lifecycle.deploy import deploy
from lifecycle.endpoint import (
    config_name,
    deployment_config,
    ensure_config,
    read_settings,
)
from lifecycle.errors import EndpointError
from lifecycle.registry import Package
from packages import ENDPOINT, delete_endpoint, make_package, new_name

SERVERLESS = {"serverless": {"memory_mb": 2048, "max_concurrency": 5}}


@pytest.fixture
def package(aws: EmbeddedAWS) -> Package:
    """An approved package."""
    return make_package(new_name())


def describe(config: str) -> dict:
    """Describe the config's only variant."""
    answer = client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
    return answer["ProductionVariants"][0]


def test_a_config_names_model_and_version(package):
    """A person reads from the name what it serves."""
    assert ensure_config(package, ENDPOINT).startswith(f"{package.model}-v1-")


def test_the_same_content_gives_the_same_config(package):
    """A deploy that is repeated finds what it made before."""
    assert ensure_config(package, ENDPOINT) == ensure_config(package, dict(ENDPOINT))


def test_other_settings_give_another_config(package):
    """A larger instance is a change, though the package is the same."""
    larger = ENDPOINT | {"instance_type": "ml.m5.xlarge"}

    assert ensure_config(package, larger) != ensure_config(package, ENDPOINT)


def test_empty_settings_are_no_settings(package):
    """What model.yaml leaves out may come as none."""
    explicit = ENDPOINT | {"serverless": None}

    assert ensure_config(package, explicit) == ensure_config(package, ENDPOINT)


def test_a_variant_has_the_instances_asked_for(package):
    """The keys of model.yaml reach SageMaker under its own names."""
    variant = describe(ensure_config(package, ENDPOINT | {"instance_count": 2}))

    assert variant["InstanceType"] == "ml.m5.large"
    assert variant["InitialInstanceCount"] == 2


def test_a_variant_may_be_serverless(package):
    """No instance is asked for where there is to be none."""
    variant = describe(ensure_config(package, SERVERLESS))

    assert variant["ServerlessConfig"]["MemorySizeInMB"] == 2048
    assert variant["ServerlessConfig"]["MaxConcurrency"] == 5
    assert "InstanceType" not in variant


def test_a_canary_is_a_blue_green_update_with_alarms():
    """A part of the capacity goes first, and an alarm calls it back."""
    canary = {"percent": 20, "wait_seconds": 120, "alarms": ["toy-5xx"]}

    made = deployment_config(canary)["DeploymentConfig"]

    routing = made["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["CanarySize"] == {"Type": "CAPACITY_PERCENT", "Value": 20}
    assert routing["WaitIntervalInSeconds"] == 120
    assert made["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "toy-5xx"}]}


def test_an_update_takes_the_canary_along(package):
    """It reaches UpdateEndpoint, and makes no other config."""
    canary = {"percent": 20, "wait_seconds": 1, "alarms": ["toy-5xx"]}
    deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=str)
    larger = ENDPOINT | {"instance_count": 2}

    after = deploy(
        package,
        endpoint=larger | {"canary": canary},
        wait_seconds=60,
        on_progress=str,
    )

    assert after.config == config_name(package, larger)
    described = client("sagemaker").describe_endpoint(EndpointName=package.model)
    assert (
        described["LastDeploymentConfig"]
        == deployment_config(canary)["DeploymentConfig"]
    )
    delete_endpoint(package.model)


def test_a_canary_is_no_part_of_what_is_served(package):
    """It says how an update proceeds, so that with and without it is one config."""
    canary = {"percent": 20, "wait_seconds": 1, "alarms": ["toy-5xx"]}

    assert config_name(package, ENDPOINT | {"canary": canary}) == (
        config_name(package, ENDPOINT)
    )


@pytest.mark.parametrize("endpoint", [ENDPOINT, SERVERLESS])
def test_settings_are_read_back_from_a_config(package, endpoint):
    """What is served tells how, where no model.yaml does."""
    assert read_settings(ensure_config(package, endpoint)) == endpoint


def test_the_settings_of_a_lost_config_are_an_error(aws: EmbeddedAWS):
    """Which names it."""
    with pytest.raises(EndpointError, match="lost-config: cannot be read"):
        read_settings("lost-config")


def test_resources_say_whose_they_are(package):
    """Tags name the model, the content and the run."""
    config = ensure_config(package, ENDPOINT)
    sagemaker = client("sagemaker")
    made = [
        sagemaker.describe_endpoint_config(EndpointConfigName=config)[
            "EndpointConfigArn"
        ],
        sagemaker.describe_model(ModelName=config)["ModelArn"],
    ]

    for arn in made:
        tags = read_tags(arn)
        assert tags["owner"] == package.model
        assert tags["fingerprint"] == package.fingerprint
        assert tags["version"] == "1"
        assert tags["run_id"] == package.run_id
        assert tags["package"] == package.arn


def test_what_is_not_approved_has_no_model(aws: EmbeddedAWS):
    """SageMaker's own refusal is passed on."""
    package = make_package(new_name(), approved=False)

    with pytest.raises(EndpointError, match="cannot be created"):
        ensure_config(package, ENDPOINT)
