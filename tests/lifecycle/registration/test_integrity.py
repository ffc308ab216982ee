"""A digest is over what a version consists of, and over nothing else."""

import hashlib
import json

import botocore.session
import pytest

from lifecycle.registration.integrity import (
    CONTAINER,
    FILLED_IN,
    SERVED,
    content_of,
    digest_of,
    evidence_digest,
)

URL = {"Image": "image", "ModelDataUrl": "s3://b/m"}


def containers(*given):
    return {"InferenceSpecification": {"Containers": list(given)}}


def test_a_digest_is_the_sha256_of_the_file_that_lists_what_was_registered():
    """Whatever the order of its lines, as `sha256sum` computes it."""
    content = {"model": "toy", "commit": "c0ffee"}
    text = '{\n  "commit": "c0ffee",\n  "model": "toy"\n}'

    assert digest_of(content) == hashlib.sha256(text.encode()).hexdigest()
    assert json.loads(text) == content


def test_what_sagemaker_adds_to_a_package_is_no_change():
    """On AWS it answers with more than it was asked for, some of it later."""
    source = {"S3Uri": "s3://b/m", "S3DataType": "S3Object", "CompressionType": "Gzip"}
    added = {
        "ImageDigest": "sha256:1",
        "ModelDataETag": "1",
        "IsCheckpoint": False,
        "Framework": "",
        "NewInALaterBoto3": "value",
        "ModelDataSource": {"S3DataSource": source | {"ETag": "1"}},
    }

    given, answered = (
        content_of("toy", containers(one), {}) for one in (URL, URL | added)
    )

    assert given == answered


@pytest.mark.parametrize(
    "changed",
    [
        {"Image": "other"},
        {"ModelDataUrl": "s3://b/other"},
        {"Environment": {"A": ""}},
        {"Environment": {"ETag": "1"}},
        {"ModelDataSource": {"S3DataSource": {"S3Uri": "s3://b/m"}}},
        {"AdditionalModelDataSources": [{"ChannelName": "a"}]},
        {"ModelInput": {"DataInputConfig": "{}"}},
    ],
    ids=str,
)
def test_what_changes_what_is_served_changes_the_digest(changed):
    """In the container, and beside it."""
    before = content_of("toy", containers(URL), {})

    assert content_of("toy", containers(URL | changed), {}) != before
    assert content_of("toy", containers(URL, URL), {}) != before
    more = containers(URL) | {"AdditionalInferenceSpecifications": [{"Name": "a"}]}
    assert content_of("toy", more, {}) != before


def test_every_member_of_a_container_is_bound_or_known_to_be_filled_in():
    """One that a new boto3 knows needs a decision: see CONTAINER."""
    sagemaker = botocore.session.get_session().get_service_model("sagemaker")
    known = sagemaker.shape_for("ModelPackageContainerDefinition").members.keys()
    request = sagemaker.operation_model("UpdateModelPackage").input_shape.members

    assert set(known) <= CONTAINER | FILLED_IN
    decided = {"ModelCard", "ModelLifeCycle", "ModelPackageRegistrationType"}
    metadata = {"CustomerMetadataProperties", "CustomerMetadataPropertiesToRemove"}
    approval = {"ModelPackageArn", "ModelApprovalStatus", "ApprovalDescription"}
    added = {"AdditionalInferenceSpecificationsToAdd", "ClientToken"}
    assert set(request) == {
        *(set(SERVED) - {"AdditionalInferenceSpecifications"}),
        *decided,
        *metadata,
        *approval,
        *added,
    }


def test_a_package_can_be_described_but_not_described_anew():
    """The digest ends its description, which has to stay as it is."""
    sagemaker = botocore.session.get_session().get_service_model("sagemaker")
    update, create = (
        sagemaker.operation_model(f"{verb}ModelPackage").input_shape.members
        for verb in ("Update", "Create")
    )

    assert "ModelPackageDescription" in create.keys() - update.keys()
    assert "ApprovalDescription" in update.keys() - create.keys()


def test_evidence_has_the_digest_of_what_sha256sum_prints():
    """Of its files in their order; no evidence has none."""
    files = {"prepare.json": "b" * 64, "prepare.ipynb": "a" * 64}
    lines = f"{'a' * 64}  prepare.ipynb\n{'b' * 64}  prepare.json\n"

    assert evidence_digest(files) == hashlib.sha256(lines.encode()).hexdigest()
    assert evidence_digest({}) == "none"
