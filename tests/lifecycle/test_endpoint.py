"""An endpoint's state is read from AWS, its configs are named by their content."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS
from model_packages import (
    ENDPOINT,
    delete_endpoint,
    ignore,
    make_package,
    new_name,
    serve,
    settings_of,
)

from lifecycle import endpoint
from lifecycle.aws import add_tags, client, ignore_not_found, read_tags, role
from lifecycle.endpoint import read_deployed_tags, read_state, wait_until_settled
from lifecycle.errors import EndpointError
from lifecycle.registration.packages import Package
from lifecycle.serving.endpoint_config import (
    clean_up,
    config_name,
    deployment_config,
    ensure_config,
    outdated_configs,
    retained_configs,
)

SERVERLESS = {"serverless": {"memory_mb": 2048, "max_concurrency": 5}}
CANARY = {"percent": 20, "wait_seconds": 1, "alarms": ["toy-5xx"]}
ABANDONED = {"created": "2026-01-01T00:00:00+00:00"}


@pytest.fixture
def package(model: str) -> Package:
    """An approved package."""
    return make_package(model)


def config_arn(name: str) -> str:
    """Return the ARN of an endpoint config."""
    found = client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
    return found["EndpointConfigArn"]


def variant_of(config: str) -> dict[str, Any]:
    """Describe a config's only variant."""
    found = client("sagemaker").describe_endpoint_config(EndpointConfigName=config)
    return found["ProductionVariants"][0]


def create_by_hand(name: str, config: str, **tags: str) -> None:
    """Create an endpoint as another tool does, and wait until it is in service."""
    client("sagemaker").create_endpoint(
        EndpointName=name,
        EndpointConfigName=config,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    state = wait_until_settled(name, time.monotonic() + 30, ignore)
    assert state is not None
    assert state.status == "InService"


def create_config_by_hand(name: str, model: str) -> None:
    """Create an endpoint config as another tool does, from one of our models."""
    size = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client("sagemaker").create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[{"VariantName": "all", "ModelName": model, **size}],
    )


def test_a_model_without_endpoint_has_no_state(model):
    """Before the first deploy nothing is live."""
    assert read_state(model) is None
    assert wait_until_settled(model, time.monotonic() + 5, ignore) is None


def test_a_live_version_says_where_it_came_from(package):
    """Package, version, content, commit and run are read from the live config."""
    serve(package)

    state = read_state(package.model)

    assert state is not None
    assert (state.name, state.config) == (
        package.model,
        config_name(package, ENDPOINT),
    )
    assert (state.package, state.version) == (package.arn, 1)
    assert state.fingerprint == package.fingerprint
    assert (state.commit, state.run_id) == (package.commit, package.run_id)
    assert state.is_verified
    assert state.serves(state.config)
    assert not state.serves("another-config")
    assert str(state) == f"version 1 ({state.config}, InService)"


def test_a_deploy_stage_that_ran_to_its_end_is_recorded(package):
    """Its deployment fingerprint and commit tell which checkout was deployed."""
    serve(package).record_deployment("d" * 64, "c0ffee")

    state = read_state(package.model)

    assert state is not None
    assert (state.deployment, state.deployed_commit) == ("d" * 64, "c0ffee")


def test_an_endpoint_of_another_tool_has_no_version(package):
    """Without our tags it is unknown what it serves, but not that it serves."""
    theirs = f"{package.model}-theirs"
    container = {"ModelPackageName": package.arn}
    client("sagemaker").create_model(
        ModelName=theirs, PrimaryContainer=container, ExecutionRoleArn=role()
    )
    create_config_by_hand(theirs, theirs)
    create_by_hand(package.model, theirs)

    state = read_state(package.model)

    assert state is not None
    assert (state.version, state.package, state.fingerprint) == (0, "", "")
    assert state.status == "InService"
    assert not state.is_verified


def test_a_config_of_another_tool_that_serves_our_model_is_known(package):
    """Somebody may have made it to capture data; no deploy has verified it."""
    create_config_by_hand(f"{package.model}-theirs", ensure_config(package, ENDPOINT))
    create_by_hand(package.model, f"{package.model}-theirs")

    state = read_state(package.model)

    assert state is not None
    assert (state.version, state.package) == (1, package.arn)
    assert not state.is_verified


def test_an_endpoint_whose_config_was_deleted_is_known_by_its_verification(package):
    """It serves on, and its own tags say what."""
    config = serve(package).config
    client("sagemaker").delete_endpoint_config(EndpointConfigName=config)

    state = read_state(package.model)

    assert state is not None
    assert (state.config, state.version, state.package) == (config, 1, package.arn)
    assert state.is_config_deleted


def test_tags_of_another_tool_are_not_taken_for_a_version(package):
    """They may have our keys, with other values."""
    state = serve(package)
    add_tags(state.config_arn, {"version": "v2.1"})
    add_tags(state.arn, {"attempted": "main"})

    state = read_state(package.model)

    assert state is not None
    assert (state.version, state.attempted_version) == (0, 0)
    assert [one.version for one in retained_configs(package.model)] == [0]


def test_waiting_for_an_endpoint_has_a_limit(aws: EmbeddedAWS, package):
    """The error says what the endpoint is doing, and how to go on."""
    stuck = aws.inject(Fault(kind="endpoint-stuck", name=package.model))
    seen: list[str] = []
    client("sagemaker").create_endpoint(
        EndpointName=package.model,
        EndpointConfigName=ensure_config(package, ENDPOINT),
    )

    with pytest.raises(EndpointError, match=r"still Creating.*run the same command"):
        wait_until_settled(package.model, time.monotonic() + 0.5, seen.append)

    assert seen == [f"endpoint {package.model}: Creating"]
    aws.clear(stuck)
    assert wait_until_settled(package.model, time.monotonic() + 30, ignore) is not None


def test_a_deleted_endpoint_is_gone(package):
    """Deleting waits, so that the name can be used again."""
    serve(package)

    endpoint.delete_endpoint(package.model, time.monotonic() + 30)

    assert read_state(package.model) is None


def test_a_failed_update_does_not_change_since_when_a_version_is_live(
    aws: EmbeddedAWS, package
):
    """SageMaker's own time changes with every update, a failed one included."""
    model = package.model
    before = serve(package)
    aws.inject(Fault(kind="ping-failure", name=model))
    second = make_package(model, factor=2.0)

    with pytest.raises(EndpointError):
        serve(second)

    after = read_state(model)
    assert after is not None
    assert (after.version, after.since) == (1, before.since)
    assert after.modified > before.modified
    assert after.attempted_version == 2
    live = serve(second)
    assert live.since > after.since
    assert live.attempted_version == 0
    assert read_state(model) == live


@pytest.mark.parametrize("since", [None, "yesterday"])
def test_without_a_valid_tag_a_version_is_live_since_the_last_change(package, since):
    """The endpoint may be older than the tag, or another tool may have changed it."""
    state = serve(package)
    client("sagemaker").delete_tags(ResourceArn=state.arn, TagKeys=["since"])
    if since:
        add_tags(state.arn, {"since": since})

    state = read_state(package.model)

    assert state is not None
    assert state.since == state.modified


def test_the_tags_of_deployed_endpoints_are_read_in_one_query(package):
    """An endpoint counts if it has a fingerprint, and its own name as its owner."""
    name, config = package.model, ensure_config(package, ENDPOINT)
    tags = {"owner": name, "fingerprint": "f" * 64, "commit": "c" * 40}
    others = {
        f"{name}-blue": {"owner": name, "fingerprint": "f" * 64},
        f"{name}-other": {"team": "other"},
        f"{name}-new": {"owner": f"{name}-new"},
    }
    create_by_hand(name, config, **tags)
    for other, theirs in others.items():
        create_by_hand(other, config, **theirs)

    deployed = read_deployed_tags()

    assert deployed.get(name) == tags
    assert not deployed.keys() & others.keys()
    for other in others:
        delete_endpoint(other)


def test_a_config_is_named_by_model_and_version(package):
    """A person reads from the name what it serves."""
    assert ensure_config(package, ENDPOINT).startswith(f"{package.model}-v1-")


def test_the_same_content_gives_the_same_config(package):
    """A repeated deploy finds the config that it created before."""
    created = ensure_config(package, ENDPOINT)

    assert ensure_config(package, dict(ENDPOINT)) == created
    assert ensure_config(package, ENDPOINT | {"serverless": None}) == created


def test_other_settings_give_another_config(package):
    """A larger instance is a change, even if the package is the same."""
    larger = ENDPOINT | {"instance_type": "ml.m5.xlarge"}

    assert config_name(package, larger) != config_name(package, ENDPOINT)


def test_a_canary_does_not_change_the_config(package):
    """It says how an update proceeds, not what is served."""
    with_canary = ENDPOINT | {"canary": CANARY}

    assert config_name(package, with_canary) == config_name(package, ENDPOINT)


def test_a_variant_has_the_instances_of_model_yaml(package):
    """The keys of model.yaml have other names in SageMaker."""
    variant = variant_of(ensure_config(package, ENDPOINT | {"instance_count": 2}))

    assert variant["InstanceType"] == "ml.m5.large"
    assert variant["InitialInstanceCount"] == 2


def test_a_variant_may_be_serverless(package):
    """Then it has no instances."""
    variant = variant_of(ensure_config(package, SERVERLESS))

    assert variant["ServerlessConfig"]["MemorySizeInMB"] == 2048
    assert variant["ServerlessConfig"]["MaxConcurrency"] == 5
    assert "InstanceType" not in variant


@pytest.mark.parametrize("settings", [ENDPOINT, SERVERLESS])
def test_settings_are_read_back_from_a_config(package, settings):
    """A rollback has no model.yaml to read them from."""
    assert settings_of(package.model, ensure_config(package, settings)) == settings


def test_a_canary_is_a_blue_green_update_with_alarms():
    """A part of the capacity is updated first, and an alarm rolls it back."""
    canary = {"percent": 20, "wait_seconds": 120, "alarms": ["toy-5xx"]}

    config = deployment_config(canary)["DeploymentConfig"]

    policy = config["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    assert routing["CanarySize"] == {"Type": "CAPACITY_PERCENT", "Value": 20}
    assert routing["WaitIntervalInSeconds"] == 120
    assert policy["MaximumExecutionTimeoutInSeconds"] == 720
    assert config["AutoRollbackConfiguration"] == {"Alarms": [{"AlarmName": "toy-5xx"}]}
    assert deployment_config({}) == {}


def test_config_and_model_say_whose_they_are(package):
    """Their tags name the model, the content and the run."""
    config = ensure_config(package, ENDPOINT)
    model = client("sagemaker").describe_model(ModelName=config)

    for arn in (config_arn(config), model["ModelArn"]):
        tags = read_tags(arn)
        assert tags["owner"] == package.model
        assert tags["fingerprint"] == package.fingerprint
        assert tags["version"] == "1"
        assert tags["run_id"] == package.run_id
        assert tags["package"] == package.arn


def test_an_unapproved_package_gets_no_config(model):
    """SageMaker's own refusal is passed on."""
    package = make_package(model, approved=False)

    with pytest.raises(EndpointError, match="cannot be created"):
        ensure_config(package, ENDPOINT)


def names(kind: str, prefix: str) -> set[str]:
    """List the endpoint configs or models whose names begin with a prefix."""
    pages = client("sagemaker").get_paginator(f"list_{kind}").paginate()
    field = {"endpoint_configs": "EndpointConfig", "models": "Model"}[kind]
    found = {one[f"{field}Name"] for page in pages for one in page[f"{field}s"]}
    return {name for name in found if name.startswith(prefix)}


@dataclass(kw_only=True)
class History:
    """Seven versions of a model that were live one after the other.

    After the third, an endpoint that another tool created serves the first, a config
    that another tool created uses the model of the second, and the third has lost its
    owner tag. A model whose name begins like this one's has been deployed too.
    """

    model: str
    configs: list[str]
    neighbours: set[str]
    reported: list[str]


@pytest.fixture(scope="module")
def history(module_aws: EmbeddedAWS) -> Iterator[History]:
    """A model with a long history of deploys."""
    model, reported = new_name(), []
    # The configs of version 2 begin as this name does.
    neighbour, by_hand, other = f"{model}-v2", f"{model}-by-hand", f"other-{model}"
    neighbours = {serve(make_package(neighbour)).config for _ in range(2)}

    def serve_next() -> str:
        return serve(make_package(model), on_progress=reported.append).config

    configs = [serve_next() for _ in range(3)]
    create_by_hand(by_hand, configs[0])
    create_config_by_hand(other, configs[1])
    create_by_hand(other, other)
    arn = config_arn(configs[2])
    client("sagemaker").delete_tags(ResourceArn=arn, TagKeys=["owner"])
    configs += [serve_next() for _ in range(4)]
    yield History(
        model=model, configs=configs, neighbours=neighbours, reported=reported
    )
    for name in (model, neighbour, by_hand, other):
        delete_endpoint(name)


def test_the_live_config_and_two_former_ones_are_kept(aws: EmbeddedAWS, history):
    """They are enough to roll back to; older configs go with their models."""
    deleted = [line for line in history.reported if "deleted" in line]

    assert deleted == [
        f"deleted {history.configs[3]}, an old endpoint config and model"
    ]
    for kind in ("endpoint_configs", "models"):
        kept = names(kind, f"{history.model}-v") - names(kind, f"{history.model}-v2-v")
        assert kept == set(history.configs) - {history.configs[3]}


def test_retained_configs_are_listed_from_the_newest(aws: EmbeddedAWS, history):
    """The order is that of their verification, and what lost its owner is not ours."""
    retained = [one.name for one in retained_configs(history.model)]

    first, second, *_, fifth, sixth, live = history.configs
    assert retained == [live, sixth, fifth, second, first]


def test_the_configs_of_a_model_with_a_longer_name_are_kept(aws: EmbeddedAWS, history):
    """`m` and `m-v2` are two models, though `m` has configs called `m-v2-...` too."""
    assert len(history.neighbours) == 2
    assert history.neighbours <= names("endpoint_configs", history.model)
    assert history.neighbours <= names("models", history.model)


def test_what_any_endpoint_uses_is_kept(aws: EmbeddedAWS, history):
    """Another tool may have created that endpoint, or a config with our model."""
    first, second, *_ = history.configs

    assert {first, second} <= names("endpoint_configs", history.model)
    assert {first, second} <= names("models", history.model)


def test_a_config_without_the_owner_tag_is_kept(aws: EmbeddedAWS, history):
    """A name alone does not prove whose it is."""
    assert history.configs[2] in names("endpoint_configs", history.model)


def test_a_config_that_was_never_live_is_deleted_when_it_is_old(package):
    """A young one may belong to a deploy that waits for its turn."""
    serve(package)
    waiting = ensure_config(make_package(package.model, factor=2.0), ENDPOINT)
    assert outdated_configs(package.model) == []

    add_tags(config_arn(waiting), ABANDONED)

    assert outdated_configs(package.model) == [waiting]


def test_a_config_that_an_endpoint_is_updated_to_is_kept(aws: EmbeddedAWS, package):
    """Another deploy may be about to verify it."""
    serve(package)
    waiting = ensure_config(make_package(package.model, factor=2.0), ENDPOINT)
    add_tags(config_arn(waiting), ABANDONED)
    slow = aws.inject(Fault(kind="endpoint-slow", name=package.model, seconds=60))
    client("sagemaker").update_endpoint(
        EndpointName=package.model, EndpointConfigName=waiting
    )

    assert outdated_configs(package.model) == []

    aws.clear(slow)
    wait_until_settled(package.model, time.monotonic() + 30, ignore)


@contextmanager
def denied(operation: str) -> Iterator[None]:
    """Refuse a call of SageMaker, as IAM does if the caller may not make it."""

    def refuse(request: Any, **_: object) -> AWSResponse:
        response = AWSResponse(request.url, 400, {}, None)
        refusal = {"__type": "AccessDeniedException", "Message": "not authorized"}
        response._content = json.dumps(refusal).encode()
        return response

    events, name = client("sagemaker").meta.events, f"before-send.sagemaker.{operation}"
    events.register(name, refuse)
    yield
    events.unregister(name, refuse)


@contextmanager
def expired(aws: EmbeddedAWS, operation: str) -> Iterator[None]:
    """Let the credentials expire at a call."""
    fault = aws.inject(Fault(kind="expired-credentials", operation=operation))
    yield
    assert fault.id not in {one["id"] for one in aws.faults()}


@pytest.mark.parametrize("break_at", [denied, expired])
def test_a_clean_up_that_fails_fails_no_deploy(
    aws: EmbeddedAWS, package, break_at: Callable[..., Any]
):
    """The next deploy cleans up what this one has left."""
    serve(package)
    abandoned = ensure_config(make_package(package.model, factor=2.0), ENDPOINT)
    add_tags(config_arn(abandoned), ABANDONED)
    reported: list[str] = []
    arguments = ("ListEndpoints",) if break_at is denied else (aws, "ListEndpoints")

    with break_at(*arguments):
        state = serve(make_package(package.model), on_progress=reported.append)

    assert state.version == 3
    assert any("left for the next deploy" in line for line in reported)
    clean_up(package.model, ignore)
    assert abandoned not in names("endpoint_configs", package.model)
    with ignore_not_found():
        client("sagemaker").describe_model(ModelName=abandoned)
        pytest.fail("its model is kept")
