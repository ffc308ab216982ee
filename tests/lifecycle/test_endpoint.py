"""What an endpoint serves is read from AWS."""

import time

import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import client
from lifecycle.deploy import deploy
from lifecycle.endpoint import (
    delete_endpoint,
    ensure_config,
    read_state,
    retained_configs,
    served_config,
    wait_until_settled,
)
from lifecycle.errors import EndpointError
from packages import ENDPOINT, delete_endpoint, make_package, new_name


def quietly(_: str) -> None:
    """Say nothing."""


def test_no_endpoint_is_no_error(aws: EmbeddedAWS):
    """Before the first deploy nothing is live."""
    assert read_state(new_name()) is None
    assert wait_until_settled(new_name(), time.monotonic() + 5, quietly) is None


def test_a_live_version_says_where_it_came_from(aws: EmbeddedAWS):
    """Package, version, content, commit and run are read from the live config."""
    package = make_package(new_name())
    deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)

    now = read_state(package.model)

    assert now is not None
    assert (now.package, now.version) == (package.arn, 1)
    assert now.fingerprint == package.fingerprint
    assert (now.commit, now.run_id) == (package.commit, package.run_id)
    assert now.serves(now.config)
    assert not now.serves("another-config")
    assert str(now) == f"version 1 ({now.config}, InService)"
    delete_endpoint(package.model)


def test_an_endpoint_of_somebody_else_has_no_version(aws: EmbeddedAWS):
    """One without our tags is live all the same."""
    package = make_package(new_name())
    config = ensure_config(package, ENDPOINT)
    sagemaker = client("sagemaker")
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    name = new_name()
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=variants["ProductionVariants"]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    now = wait_until_settled(name, time.monotonic() + 30, quietly)

    assert now is not None
    assert (now.version, now.package, now.fingerprint) == (0, "", "")
    delete_endpoint(name)


def test_waiting_for_an_endpoint_has_a_limit(aws: EmbeddedAWS):
    """One that hangs is reported with what it was doing, and how to go on."""
    package = make_package(new_name())
    stuck = aws.inject(Fault(kind="endpoint-stuck", name=package.model))
    seen: list[str] = []
    client("sagemaker").create_endpoint(
        EndpointName=package.model,
        EndpointConfigName=ensure_config(package, ENDPOINT),
    )

    with pytest.raises(EndpointError, match=r"still Creating.*run the same command"):
        wait_until_settled(package.model, time.monotonic() + 2, seen.append)

    assert seen == [f"endpoint {package.model}: Creating"]
    aws.clear(stuck)
    assert wait_until_settled(package.model, time.monotonic() + 30, quietly) is not None
    delete_endpoint(package.model)


def test_a_deleted_endpoint_is_gone(aws: EmbeddedAWS):
    """Deleting waits, so that the name is free again."""
    package = make_package(new_name())
    deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)

    delete_endpoint(package.model, time.monotonic() + 30)

    assert read_state(package.model) is None


def test_a_failed_update_does_not_move_the_time_of_going_live(aws: EmbeddedAWS):
    """SageMaker's own time moves with every change, also one that was undone."""
    first = make_package(new_name())
    deploy(first, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)
    before = read_state(first.model)
    aws.inject(Fault(kind="ping-failure", name=first.model))
    second = make_package(first.model, factor=2.0)

    with pytest.raises(EndpointError):
        deploy(second, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)

    after = read_state(first.model)
    assert (after.version, after.since) == (1, before.since)
    assert after.modified > before.modified
    assert after.attempted == 2
    deploy(second, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)
    assert read_state(first.model).since > after.since
    assert read_state(first.model).attempted == 0
    delete_endpoint(first.model)


@pytest.mark.parametrize("since", [None, "yesterday"])
def test_without_a_tag_of_it_the_last_change_is_the_time(aws: EmbeddedAWS, since):
    """An endpoint may be older than the tag, or somebody may have changed it."""
    package = make_package(new_name())
    deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)
    now = read_state(package.model)
    sagemaker = client("sagemaker")
    sagemaker.delete_tags(ResourceArn=now.arn, TagKeys=["since"])
    if since:
        tag = {"Key": "since", "Value": since}
        sagemaker.add_tags(ResourceArn=now.arn, Tags=[tag])

    assert read_state(package.model).since == now.modified
    delete_endpoint(package.model)


def test_somebody_elses_version_is_unknown(aws: EmbeddedAWS):
    """Their tags may have our names, and other values."""
    package = make_package(new_name())
    deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)
    tag = {"Key": "version", "Value": "v2.1"}
    config = read_state(package.model).config_arn
    client("sagemaker").add_tags(ResourceArn=config, Tags=[tag])

    assert read_state(package.model).version == 0
    assert [one.version for one in retained_configs(package.model)] == [0]
    delete_endpoint(package.model)


def test_the_served_config_is_named(aws: EmbeddedAWS):
    """In one call."""
    package = make_package(new_name())
    assert served_config(package.model) == ""
    now = deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=quietly)

    assert served_config(package.model) == now.config
    delete_endpoint(package.model)
