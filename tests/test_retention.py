"""Old configs and models go, if they are the model's own and nobody uses them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS

from lifecycle import endpoint
from lifecycle.aws import client
from lifecycle.deploy import deploy
from lifecycle.endpoint import EndpointState, clean_up, ensure_config, outdated_configs
from packages import ENDPOINT, delete_endpoint, make_package, new_name


@pytest.fixture
def model(aws: EmbeddedAWS) -> Iterator[str]:
    """A model whose endpoint ends with the test."""
    name = new_name()
    yield name
    aws.clear()
    delete_endpoint(name)


def serve(model: str, said: list[str] | None = None) -> EndpointState:
    """Deploy one more version."""
    progress = [] if said is None else said
    package = make_package(model)
    return deploy(
        package, endpoint=ENDPOINT, wait_seconds=60, on_progress=progress.append
    )


def names(kind: str, prefix: str) -> set[str]:
    """Name the configs or models that begin so."""
    pages = client("sagemaker").get_paginator(f"list_{kind}").paginate()
    field = {"endpoint_configs": "EndpointConfig", "models": "Model"}[kind]
    found = {one[f"{field}Name"] for page in pages for one in page[f"{field}s"]}
    return {name for name in found if name.startswith(prefix)}


def test_the_live_and_two_former_ones_are_kept(model):
    """Enough for the way back, config and model alike."""
    said: list[str] = []
    configs = [serve(model, said).config for _ in range(5)]

    assert names("endpoint_configs", model) == set(configs[2:])
    assert names("models", model) == set(configs[2:])
    assert [line for line in said if "deleted" in line] == [
        f"deleted {name}, an endpoint config and model of before"
        for name in configs[:2]
    ]


def test_a_model_with_a_longer_name_is_left_alone(model):
    """`m` and `m-v2` live side by side, whatever their configs are called."""
    neighbour = f"{model}-v2"
    theirs = {serve(neighbour).config for _ in range(3)}

    for _ in range(5):
        serve(model)

    # Its own version 2 is called as its neighbour's configs are.
    assert theirs <= names("endpoint_configs", f"{neighbour}-v")
    assert theirs <= names("models", f"{neighbour}-v")
    delete_endpoint(neighbour)


def test_what_an_endpoint_serves_is_kept(model):
    """Even if somebody made that endpoint by hand, or a config of our model."""
    sagemaker = client("sagemaker")
    configs = [serve(model).config for _ in range(2)]
    used = {"EndpointName": f"{model}-by-hand", "EndpointConfigName": configs[0]}
    sagemaker.create_endpoint(**used)
    variant = {"VariantName": "all", "ModelName": configs[1]}
    size = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    other = f"other-{model}"
    sagemaker.create_endpoint_config(
        EndpointConfigName=other, ProductionVariants=[variant | size]
    )
    sagemaker.create_endpoint(EndpointName=other, EndpointConfigName=other)

    for _ in range(4):
        serve(model)

    assert set(configs) <= names("endpoint_configs", model)
    for name in (used["EndpointName"], other):
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        delete_endpoint(name)


def test_without_the_owners_tag_nothing_is_deleted(model):
    """A name alone proves nothing."""
    sagemaker = client("sagemaker")
    foreign = serve(model).config
    arn = sagemaker.describe_endpoint_config(EndpointConfigName=foreign)
    sagemaker.delete_tags(ResourceArn=arn["EndpointConfigArn"], TagKeys=["owner"])

    for _ in range(4):
        serve(model)

    assert foreign in names("endpoint_configs", model)


def test_a_config_that_never_went_live_goes_when_it_is_old(model, monkeypatch):
    """A young one may belong to a deploy that waits for its turn."""
    serve(model)
    waiting = ensure_config(make_package(model, factor=2.0), ENDPOINT)
    assert outdated_configs(model) == []

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + timedelta(days=1)

    monkeypatch.setattr(endpoint, "datetime", Tomorrow)
    assert outdated_configs(model) == [waiting]


def test_a_clean_up_that_fails_fails_no_deploy(aws: EmbeddedAWS, model):
    """The next deploy does it."""
    configs = [serve(model).config for _ in range(3)]
    aws.inject(Fault(kind="service-unavailable", operation="ListEndpoints", count=5))
    said: list[str] = []

    live = serve(model, said)

    assert live.version == 4
    assert any("left for the next deploy" in line for line in said)
    clean_up(model, str)
    assert configs[0] not in names("endpoint_configs", model)
