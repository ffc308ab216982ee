"""The way back is a deploy too: approved, verified, and noted."""

import time
from collections.abc import Iterator

import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS

from lifecycle import deploy as rollback_module
from lifecycle.aws import client, read_tags
from lifecycle.deploy import Change, deploy, roll_back
from lifecycle.endpoint import (
    EndpointState,
    read_settings,
    read_state,
    wait_until_settled,
)
from lifecycle.errors import EndpointError, NotApprovedError, RegistryError
from lifecycle.invocation import invoke
from lifecycle.registry import Package, find_package
from packages import ENDPOINT, ROWS, delete_endpoint, make_package, new_name


@pytest.fixture
def model(aws: EmbeddedAWS) -> Iterator[str]:
    """A model whose versions 1 to 3 have been live, one after the other."""
    name = new_name()
    for factor in (1.0, 2.0, 3.0):
        serve(make_package(name, factor=factor, fingerprint=str(factor)[0] * 64))
    yield name
    aws.clear()
    delete_endpoint(name)


def serve(package: Package) -> EndpointState:
    """Deploy without a word."""
    return deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=str)


def back(model: str, to: int | None = None) -> EndpointState:
    """Go back without a word."""
    return roll_back(model, to=to, wait_seconds=60, on_progress=str)


def reject(model: str, version: int) -> None:
    """Withdraw the approval of a version."""
    arn = read_state(model).package.rpartition("/")[0]
    client("sagemaker").update_model_package(
        ModelPackageArn=f"{arn}/{version}", ModelApprovalStatus="Rejected"
    )


def test_back_is_what_was_live_before(model):
    """Twice back is two versions back, not there and back again."""
    assert [back(model).version, back(model).version] == [2, 1]
    assert round(invoke(model, ROWS)[1], 1) == 1.0

    with pytest.raises(EndpointError, match="nothing is retained from before version"):
        back(model)


def test_an_only_version_leads_nowhere_but_forward(aws: EmbeddedAWS):
    """A table to choose from would be no help where there is no choice."""
    name = new_name()
    serve(make_package(name))
    make_package(name, approved=False)

    with pytest.raises(EndpointError, match=r"no other version is approved.*forward"):
        back(name)

    delete_endpoint(name)


def test_the_endpoint_tells_what_was_left_behind(model):
    """Nobody deploys it again by itself, until somebody deploys anything."""
    after = back(model)
    assert read_state(model).rolled_back_from == "3" * 64
    assert read_tags(after.arn)["version"] == "2"

    serve(make_package(model, factor=4.0))
    assert read_state(model).rolled_back_from == ""


def test_going_further_back_leaves_the_same_content_behind(model):
    """It is what is checked out, and would be deployed again."""
    back(model)
    back(model)
    assert read_state(model).rolled_back_from == "3" * 64


def test_what_was_registered_first_may_be_left_behind(model):
    """The order of the versions need not be that of their deployments."""
    serve(find_package(model, 1))

    assert back(model).version == 3
    assert read_state(model).rolled_back_from == "1" * 64


def test_back_to_a_named_version_and_forth(model):
    """A version is named by its number, also a later one."""
    assert back(model, to=1).version == 1
    assert back(model, to=3).version == 3
    assert read_state(model).rolled_back_from == ""


def test_a_version_that_was_never_live_can_be_named(model):
    """It is served as the live one is, and nobody reads a model.yaml."""
    make_package(model, factor=4.0)
    before = read_state(model)

    after = back(model, to=4)

    assert after.version == 4
    assert read_settings(after.config) == read_settings(before.config) == ENDPOINT


def test_back_to_what_is_live_changes_nothing(model):
    """There is nothing to do."""
    before = read_state(model)

    assert back(model, to=3) == before


def test_an_interrupted_way_back_goes_on_in_the_same_direction(model, monkeypatch):
    """Not to what is verified last, which is what somebody wanted to leave."""

    def interrupted(change: Change) -> EndpointState:
        client("sagemaker").update_endpoint(
            EndpointName=model, EndpointConfigName=change.config
        )
        wait_until_settled(model, time.monotonic() + 30, str)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rollback_module, "carry_out", interrupted)
        back(model)
    assert read_state(model).version == 2

    assert back(model).version == 2
    assert read_state(model).is_verified
    assert read_state(model).rolled_back_from == "3" * 64
    assert back(model).version == 1


def test_only_approved_versions_come_back(model):
    """Whoever withdrew an approval meant it."""
    reject(model, 2)

    with pytest.raises(NotApprovedError, match="version 2 is Rejected"):
        back(model)

    assert read_state(model).version == 3


def test_a_deleted_package_does_not_come_back(model):
    """What nobody can verify is not served."""
    arn = read_state(model).package.rpartition("/")[0]
    client("sagemaker").delete_model_package(ModelPackageName=f"{arn}/2")

    with pytest.raises(RegistryError, match="no such package; it was deleted"):
        back(model)

    assert back(model, to=1).version == 1


def test_the_way_back_is_verified(aws: EmbeddedAWS, model):
    """Where it fails, what was live comes back, and the error says so."""
    aws.inject(Fault(kind="wrong-predictions", name=model))

    with pytest.raises(EndpointError, match="put back, live now: version 3"):
        back(model)

    assert back(model).version == 2


def test_an_unknown_version_is_named(model):
    """With those that there are."""
    with pytest.raises(RegistryError, match="no version 9; newest: 3, 2, 1"):
        back(model, to=9)


def test_without_an_endpoint_there_is_no_way_back(aws: EmbeddedAWS):
    """A first deploy has nothing behind it."""
    with pytest.raises(EndpointError, match="nothing is live"):
        back(new_name())
