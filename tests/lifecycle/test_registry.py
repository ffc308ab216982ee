"""Packages are approved, and found by version and by content."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import client
from lifecycle.errors import NotApprovedError, RegistryError
from lifecycle.registry import (
    Package,
    approve,
    find_approved,
    find_newest,
    find_package,
)
from packages import IMAGE, make_package, new_name

OTHER = "e" * 64
MINE = "f" * 64


@pytest.fixture
def model(aws: EmbeddedAWS) -> str:
    """A model's name that no other test uses."""
    return new_name()


@pytest.fixture
def many(model, monkeypatch) -> Callable[..., Package]:
    """Register many versions quickly: only what the registry looks at."""

    def register(count: int, fingerprint: str, status: str = "Approved") -> None:
        for _ in range(count):
            client("sagemaker").create_model_package(
                ModelPackageGroupName=model,
                InferenceSpecification={
                    "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/m"}],
                    "SupportedContentTypes": ["text/csv"],
                    "SupportedResponseMIMETypes": ["text/csv"],
                },
                ModelApprovalStatus=status,
                CustomerMetadataProperties={"fingerprint": fingerprint},
            )

    make_package(model, fingerprint=OTHER)
    return register


@contextmanager
def counted() -> Iterator[list[str]]:
    """List the calls of SageMaker that are made meanwhile."""
    events, calls = client("sagemaker").meta.events, []

    def count(model, **_):
        calls.append(model.name)

    events.register("before-call.sagemaker", count)
    yield calls
    events.unregister("before-call.sagemaker", count)


def test_a_version_is_found(model):
    """A package is named by its version."""
    first = make_package(model)
    second = make_package(model)

    assert find_package(model, 2) == second
    assert find_package(model, 1) == first


def test_the_newest_is_found(model):
    """Where no version is named."""
    make_package(model)
    second = make_package(model)

    assert find_package(model) == second
    with pytest.raises(RegistryError, match="nothing is registered; train it first"):
        find_package(f"{model}-v2")


@pytest.mark.parametrize(
    "find",
    [
        find_package,
        lambda model: find_package(model, 112),
        lambda model: find_newest(model, MINE),
        lambda model: find_approved(model, MINE),
    ],
    ids=["package", "version", "newest", "approved"],
)
def test_many_versions_cost_no_more_calls(model, many, find):
    """A list of the newest and a look at one of them, however many there are."""
    many(110, OTHER)
    many(1, MINE)

    with counted() as calls:
        assert find(model).version == 112
    assert calls == ["ListModelPackages", "DescribeModelPackage"]


def test_the_search_ends_at_the_first_that_fits(model, many):
    """What is older is neither described nor listed."""
    many(110, MINE)
    many(2, MINE, "PendingManualApproval")
    many(2, OTHER)

    with counted() as calls:
        assert find_approved(model, MINE).version == 111
    assert calls == ["ListModelPackages", *["DescribeModelPackage"] * 3]

    with counted() as calls:
        assert find_package(model, 2).version == 2
    assert calls == [*["ListModelPackages"] * 2, "DescribeModelPackage"]


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
