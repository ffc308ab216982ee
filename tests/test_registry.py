"""Packages are approved, and found by version and by content."""

import pytest
from packages import make_package, new_name

from runner.embedded.process import EmbeddedAWS
from runner.errors import NotApprovedError, RegistryError
from runner.registry import (
    approve,
    find_approved,
    find_newest,
    find_package,
    list_packages,
)
from runner.session import client

OTHER = "e" * 64
MINE = "f" * 64


@pytest.fixture
def model(aws: EmbeddedAWS) -> str:
    """A model's name that no other test uses."""
    return new_name()


def test_versions_are_listed_newest_first(model):
    """Whoever looks sees the newest first."""
    made = [make_package(model), make_package(model)]

    assert list_packages(model) == made[::-1]


def test_a_version_is_found(model):
    """A package is named by its version."""
    make_package(model)
    second = make_package(model)

    assert find_package(model, 2) == second


def test_a_version_that_is_not_there_is_an_error(model):
    """The error lists the newest there are."""
    make_package(model)

    with pytest.raises(RegistryError, match="no version 7; newest: 1"):
        find_package(model, 7)


def test_the_newest_approved_package_of_a_content_is_found(model):
    """Neither a newer package of other content nor an unapproved one comes first."""
    make_package(model)
    wanted = make_package(model)
    make_package(model, fingerprint=OTHER)
    make_package(model, approved=False)

    assert find_approved(model, MINE) == wanted


def test_the_newest_package_of_a_content_is_found(model):
    """Before approval the status does not count."""
    make_package(model)
    wanted = make_package(model, approved=False)
    make_package(model, fingerprint=OTHER)

    assert find_newest(model, MINE) == wanted


def test_nothing_registered_is_an_ordinary_answer(model):
    """The first deploy ever says what to do."""
    with pytest.raises(NotApprovedError) as raised:
        find_approved(model, MINE)

    assert f"python -m runner run {model}" in str(raised.value)
    assert "nothing has been registered yet" in str(raised.value)
    with pytest.raises(RegistryError, match="no package has this content"):
        find_newest(model, MINE)


def test_an_unapproved_content_says_where_to_approve(model):
    """The error names the version that waits, and shows a table of all."""
    make_package(model, fingerprint=OTHER)
    make_package(model, approved=False)

    with pytest.raises(NotApprovedError) as raised:
        find_approved(model, MINE)

    first, *table = str(raised.value).splitlines()
    assert f"python -m runner approve {model} --version 2" in first
    assert [line.split()[0] for line in table] == ["version", "2", "1"]


def test_approval_keeps_everything_else(model):
    """Only the status changes, and who approved is recorded."""
    before = make_package(model, approved=False)

    after = approve(model, version=1, description="Approved in workflow 7")

    assert after.approval_status == "Approved"
    assert after.metadata == before.metadata
    assert after.metrics == before.metrics
    answer = client("sagemaker").describe_model_package(ModelPackageName=after.arn)
    assert answer["ApprovalDescription"].startswith("Approved in workflow 7 by arn:")


def test_approving_twice_changes_nothing(model):
    """The first approval stays the recorded one."""
    package = make_package(model)
    sagemaker = client("sagemaker")
    before = sagemaker.describe_model_package(ModelPackageName=package.arn)

    assert approve(model, arn=package.arn, description="again") == package

    after = sagemaker.describe_model_package(ModelPackageName=package.arn)
    assert after["ApprovalDescription"] == before["ApprovalDescription"]


def test_the_newest_is_approved_by_default(model):
    """Without a version the newest package is meant."""
    make_package(model, approved=False)
    make_package(model, approved=False)

    assert approve(model).version == 2
    assert find_package(model, 1).approval_status == "PendingManualApproval"


def test_withdrawn_approval_is_named(model):
    """What was approved and rejected afterwards is not found, and the error says so."""
    package = make_package(model)
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, ModelApprovalStatus="Rejected"
    )

    with pytest.raises(NotApprovedError, match="version 1 of this content was reject"):
        find_approved(model, MINE)


def test_what_was_rejected_stays_rejected(model):
    """A no is not turned into a yes."""
    package = make_package(model, approved=False)
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, ModelApprovalStatus="Rejected"
    )

    with pytest.raises(RegistryError, match="version 1 was rejected"):
        approve(model, version=1)


def test_another_models_package_is_not_approved(model):
    """An ARN has to belong to the model that is named."""
    other = make_package(f"{model}-v2", approved=False)

    with pytest.raises(RegistryError, match=f"of {model}-v2, not of {model}"):
        approve(model, arn=other.arn)


def test_nothing_to_approve_is_an_error(model):
    """A model without packages is told to be trained first."""
    with pytest.raises(RegistryError, match="train it first"):
        approve(model)
