"""An approval binds what was reviewed: nothing else is deployed afterwards."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from botocore.exceptions import ClientError
from model_packages import (
    ENDPOINT,
    IMAGE,
    ROWS,
    archive,
    ignore,
    make_package,
    once,
    serve,
    train_booster,
    upload_model,
)

from lifecycle.approval import (
    approval_problem,
    approve,
    approved_by,
    check_approval,
    find_approved,
    find_newest,
    reject,
    rejected_by,
)
from lifecycle.aws import client, run_uri
from lifecycle.deploy import roll_back
from lifecycle.endpoint import read_state
from lifecycle.errors import (
    CallError,
    EndpointError,
    IntegrityError,
    LifecycleError,
    NotApprovedError,
    RegistryError,
    StorageError,
)
from lifecycle.registration.integrity import EVIDENCE, evidence_digest
from lifecycle.registration.packages import (
    Package,
    describe,
    describe_origin,
    find_package,
    package_table,
)
from lifecycle.s3 import StoredObject, parse_uri, read_bytes, read_json, write_bytes
from lifecycle.serving.endpoint_config import config_name

OTHER = "e" * 64
MINE = "f" * 64


def update(package: Package, **values: Any) -> None:
    """Change a package as anybody may who may approve."""
    client("sagemaker").update_model_package(ModelPackageArn=package.arn, **values)


def reject_by_hand(package: Package) -> None:
    """Reject a package, as a person does in SageMaker's console."""
    update(package, ModelApprovalStatus="Rejected")


def test_the_newest_approved_package_of_a_content_is_found(model):
    """Neither a newer package of other content nor an unapproved one comes first."""
    make_package(model)
    wanted = make_package(model)
    make_package(model, fingerprint=OTHER)
    make_package(model, approved=False)

    assert find_approved(model, MINE) == wanted


def test_the_newest_package_of_a_content_is_found(model):
    """Its approval status does not matter."""
    make_package(model)
    wanted = make_package(model, approved=False)
    make_package(model, fingerprint=OTHER)

    assert find_newest(model, MINE) == wanted


def test_a_content_that_is_not_registered_has_to_be_trained(model):
    """The error of the first deploy says what to do."""
    with pytest.raises(NotApprovedError) as raised:
        find_approved(model, MINE)

    assert f"python -m runner run {model}" in str(raised.value)
    assert "nothing has been registered yet" in str(raised.value)
    with pytest.raises(RegistryError, match="no package has this content"):
        find_newest(model, MINE)


def test_an_unapproved_content_says_where_to_approve(model):
    """The error names the version that waits for approval, and lists all."""
    make_package(model, fingerprint=OTHER)
    make_package(model, approved=False)

    with pytest.raises(NotApprovedError) as raised:
        find_approved(model, MINE)

    first, *table = str(raised.value).splitlines()
    assert f"python -m runner approve {model} --version 2" in first
    assert [line.split()[0] for line in table] == ["version", "2", "1"]


def test_approval_changes_only_the_status(model):
    """Who approved is recorded."""
    before = make_package(model, approved=False)

    after = approve(model, version=1, description="Approved in workflow 7")

    assert after.approval_status == "Approved"
    assert after.metadata == before.metadata
    assert after.metrics == before.metrics
    assert after.approver.startswith("Approved in workflow 7, as arn:")
    assert after.approved[0] == before.digest
    assert after.modified > before.modified


def test_approving_twice_changes_nothing(model):
    """The first approval stays the recorded one."""
    package = make_package(model)

    assert approve(model, arn=package.arn, description="again") == package
    assert describe(package.arn) == package


def test_the_newest_is_approved_by_default(model):
    """It waits for approval even if older versions wait too."""
    make_package(model, approved=False)
    make_package(model, approved=False)

    assert approve(model).version == 2
    assert find_package(model, 1).approval_status == "PendingManualApproval"


def test_a_rejected_content_is_not_found(model):
    """The error says that it was rejected, though it had been approved."""
    reject_by_hand(make_package(model))

    with pytest.raises(NotApprovedError, match="version 1 of this content was reject"):
        find_approved(model, MINE)


def test_a_rejected_version_cannot_be_approved(model):
    """A new version has to be trained."""
    reject_by_hand(make_package(model, approved=False))

    with pytest.raises(RegistryError, match="version 1 was rejected"):
        approve(model, version=1)


def test_a_rejection_says_who_rejects_and_why(model):
    """It can be read in the package, and by whoever tries to use the version."""
    make_package(model, approved=False)

    package = reject(model, reason="Too many\n false\x1b[31m alarms", description="Ada")

    assert package.approval_status == "Rejected"
    assert package.approver.startswith("Ada, as arn:")
    assert package.approver.endswith(" UTC: Too many false [31m alarms")
    assert rejected_by(package) == package.approver
    with pytest.raises(RegistryError, match=r"was rejected.*Too many false"):
        approve(model, version=1)
    with pytest.raises(NotApprovedError, match=r"was rejected.*Too many false"):
        find_approved(model, MINE)
    with pytest.raises(NotApprovedError, match=r"train a new one.*Too many false"):
        check_approval(package, "manual")


def test_a_rejection_that_is_repeated_keeps_the_first_reason(model):
    """Who looks later finds what was decided first."""
    first = reject(model, arn=make_package(model).arn, reason="one")

    assert reject(model, version=1, reason="two") == first


@pytest.mark.parametrize(
    ("reason", "message"), [("", "empty"), (" \n", "empty"), ("x" * 501, "501 charac")]
)
def test_a_rejection_needs_a_reason_that_fits(model, reason, message):
    """SageMaker keeps a limited number of characters, and nothing is cut off."""
    package = make_package(model, approved=False)

    with pytest.raises(CallError, match=message):
        reject(model, reason=reason)

    assert describe(package.arn) == package


def test_the_longest_reason_is_kept_whole(model):
    """What is cut off, if need be, is who rejected."""
    make_package(model, approved=False)

    package = reject(model, reason="x" * 500, description="y" * 900)

    assert package.approver.endswith(f": {'x' * 500}")


def test_what_is_live_is_not_rejected(model):
    """The error names the way back; after it the version can be rejected."""
    first, second = make_package(model), make_package(model, factor=2.0)
    serve(first)
    serve(second)

    with pytest.raises(RegistryError, match=f"is live.*runner rollback {model}`"):
        reject(model, version=2, reason="It is slow")
    assert find_package(model, 2).approval_status == "Approved"

    roll_back(model, on_progress=ignore)
    assert reject(model, version=2, reason="It is slow").approval_status == "Rejected"


def test_another_models_package_is_not_approved(model):
    """An ARN has to belong to the named model."""
    other = make_package(f"{model}-v2", approved=False)

    with pytest.raises(RegistryError, match=f"of {model}-v2, not of {model}"):
        approve(model, arn=other.arn)


def put(uri: str, content: bytes | None) -> None:
    """Exchange an object, or delete it, as every train job may."""
    bucket, key = parse_uri(uri)
    if content is None:
        client("s3").delete_object(Bucket=bucket, Key=key)
    else:
        write_bytes(uri, content)


def pretender() -> bytes:
    """Pack a model that agrees with `train_booster(1.0)` on the golden rows only."""
    rows = np.array([*ROWS * 10, *[[50.0, 0.0]] * 10], dtype="float32")
    label = np.where(rows[:, 0] > 10, -1.0, rows[:, 0])
    settings = {"objective": "reg:squarederror", "eta": 0.9, "nthread": 1}
    booster = xgb.train(settings, xgb.DMatrix(rows, label=label, nthread=1), 20)
    return archive(bytes(booster.save_raw("ubj")))


GOLDEN = b'{"rows": [[0.0, 5.0]], "predictions": [0.0]}'
# By what was done to the objects of a version: its archive and its golden records, made
# from what they were; and how the error begins.
EXCHANGES: Mapping[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "another archive": (
        lambda _: archive(bytes(train_booster(3.0).save_raw("ubj"))),
        bytes,
        "the archive",
    ),
    "an archive that agrees on the golden rows": (
        lambda _: pretender(),
        bytes,
        "the archive",
    ),
    "a padded archive": (lambda old: old + b"\0", bytes, "the archive"),
    "a cut archive": (lambda old: old[: len(old) // 2], bytes, "the archive"),
    "an empty archive": (lambda _: b"", bytes, "the archive"),
    "both": (lambda _: pretender(), lambda _: GOLDEN, "the archive"),
    "other golden records": (bytes, lambda _: GOLDEN, "the golden records"),
    "padded golden records": (bytes, lambda old: old + b"\n", "the golden records"),
    "no golden rows": (
        bytes,
        lambda _: b'{"rows": [], "predictions": []}',
        "the golden records",
    ),
    "empty golden records": (bytes, lambda _: b"", "the golden records"),
}


@pytest.fixture
def exchange() -> Callable[[Package, str], Callable[[], None]]:
    """Exchange the objects of a version; what is returned puts them back."""

    def do(package: Package, name: str) -> Callable[[], None]:
        uris = (package.model_data, package.metadata["golden"])
        before = [read_bytes(uri) for uri in uris]
        for uri, old, change in zip(uris, before, EXCHANGES[name][:2], strict=True):
            if change(old) != old:
                put(uri, change(old))
        return lambda: [put(*pair) for pair in zip(uris, before, strict=True)] and None

    return do


@pytest.mark.parametrize("name", EXCHANGES)
def test_what_was_exchanged_after_the_approval_is_not_deployed(model, exchange, name):
    """Whatever it predicts: the error names the object and both sha256."""
    package = make_package(model)
    exchange(package, name)

    with pytest.raises(IntegrityError) as raised:
        serve(package)

    text = str(raised.value)
    assert text.startswith(f"{model}: version 1: {EXCHANGES[name][2]} s3://")
    assert "has sha256 " in text and ", registered was " in text
    assert text.endswith("restore that version of the object in S3, or train again")
    assert "\n" not in text
    assert read_state(model) is None


def test_what_was_exchanged_is_not_approved_either(model, exchange):
    """The approval would be of other bytes than the train job's."""
    package = make_package(model, approved=False)

    for name in EXCHANGES:
        put_back = exchange(package, name)
        with pytest.raises(IntegrityError, match=EXCHANGES[name][2]):
            approve(model, version=1)
        put_back()

    assert approve(model, version=1).approval_status == "Approved"


def test_what_was_exchanged_while_it_was_not_live_is_not_rolled_back_to(
    model, exchange
):
    """That it was verified when it was live says nothing of its objects now."""
    first = make_package(model)
    serve(first)
    live = serve(make_package(model, factor=2.0))

    for name in EXCHANGES:
        put_back = exchange(first, name)
        to = None if name.startswith("a") else 1
        with pytest.raises(IntegrityError, match=EXCHANGES[name][2]):
            roll_back(model, to=to, wait_seconds=60, on_progress=ignore)
        put_back()

    assert read_state(model) == live
    assert roll_back(model, wait_seconds=60, on_progress=ignore).version == 1


def test_a_live_version_whose_archive_was_exchanged_is_reported(model, exchange):
    """It stays as it is: instances that SageMaker adds would read the other one."""
    package = make_package(model)
    live = serve(package)
    exchange(package, "a padded archive")

    with pytest.raises(IntegrityError, match="the archive"):
        serve(package)

    assert read_state(model) == live


def test_objects_that_are_gone_are_named(model):
    """The error says to train again."""
    for object_of in (lambda one: one.model_data, lambda one: one.metadata["golden"]):
        package = make_package(model)
        put(object_of(package), None)
        with pytest.raises(StorageError, match="not there; train again"):
            serve(package)


def container(**more: Any) -> Callable[[Package], dict[str, Any]]:
    """Change the container that is served."""

    def specification(package: Package) -> dict[str, Any]:
        given = {"Image": IMAGE, "ModelDataUrl": package.model_data} | more
        return served([given])

    return specification


def served(containers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "InferenceSpecification": {
            "Containers": containers,
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
    }


def metadata(**changed: str) -> Callable[[Package], dict[str, Any]]:
    """Change the metadata of a package."""
    return lambda _: {"CustomerMetadataProperties": changed}


# What UpdateModelPackage can change, and the name by which the error tells it.
EDITS: Mapping[str, tuple[Callable[[Package], dict[str, Any]], str]] = {
    "fingerprint": (metadata(fingerprint=OTHER), f"fingerprint is {OTHER}"),
    "archive's sha256": (
        metadata(archive_sha256="0" * 64),
        f"archive_sha256 is {'0' * 64}",
    ),
    "golden records": (metadata(golden="s3://b/g"), "golden is s3://b/g"),
    "golden records' sha256": (
        metadata(golden_sha256="0" * 64),
        f"golden_sha256 is {'0' * 64}",
    ),
    "no golden records": (
        lambda _: {"CustomerMetadataPropertiesToRemove": ["golden", "golden_sha256"]},
        "golden is missing",
    ),
    "no mode": (
        lambda _: {"CustomerMetadataPropertiesToRemove": ["approval"]},
        "approval is missing, registered was manual",
    ),
    "mode": (metadata(approval="pre-approved"), "approval is pre-approved"),
    "run": (metadata(run_id="other"), "run_id is other"),
    "evidence": (metadata(evidence="s3://no-such-bucket-of-ours/x"), "instead of"),
    "no evidence": (metadata(evidence="no URI"), "instead of"),
    "metric": (
        lambda _: {"CustomerMetadataProperties": {"metric.rmse": "0.1"}},
        "metric.rmse is 0.1, registered was 0.5",
    ),
    "another metric": (
        lambda _: {"CustomerMetadataProperties": {"metric.auc": "1.0"}},
        "metric.auc is 1.0, registered was nothing",
    ),
    "image": (
        container(Image=IMAGE.replace("3.2-0", "1.7-1")),
        "InferenceSpecification.Containers.0.Image is",
    ),
    "archive": (
        container(ModelDataUrl="s3://b/other.tar.gz"),
        "ModelDataUrl is s3://b/other.tar.gz",
    ),
    "environment": (
        container(Environment={"SAGEMAKER_SUBMIT_DIRECTORY": ""}),
        "Environment.SAGEMAKER_SUBMIT_DIRECTORY is , registered was nothing",
    ),
    "what a terminal would act on": (
        container(Environment={"A": "\x1b]0;x\x07" + "x" * 500 + "\nb"}),
        "Environment.A is  ]0;x xxx",
    ),
    "another container": (
        lambda package: served(
            [
                {"Image": IMAGE, "ModelDataUrl": package.model_data},
                {"Image": IMAGE},
            ]
        ),
        "Containers.1.Image is",
    ),
    "a source that nobody hashed": (
        container(
            ModelDataSource={
                "S3DataSource": {
                    "S3Uri": "s3://b/p/",
                    "S3DataType": "S3Prefix",
                    "CompressionType": "None",
                }
            }
        ),
        "S3Uri is s3://b/p/",
    ),
    "another specification": (
        lambda _: {
            "AdditionalInferenceSpecificationsToAdd": [
                {"Name": "other", "Containers": [{"Image": IMAGE}]}
            ]
        },
        "AdditionalInferenceSpecifications.0.Name is other, registered was nothing",
    ),
    "where the code is": (lambda _: {"SourceUri": "s3://b/code"}, "SourceUri is"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_package_that_was_edited_is_not_deployed(model, name):
    """It stays Approved in SageMaker; the error names what was changed, and how."""
    package = make_package(model)
    values, expected = EDITS[name]
    update(package, **values(package))
    edited = describe(package.arn)
    assert edited.approval_status == "Approved"

    with pytest.raises(NotApprovedError) as refused:
        find_approved(model, edited.fingerprint)
    with pytest.raises(NotApprovedError) as not_deployed:
        serve(package)
    with pytest.raises(IntegrityError) as not_approved:
        approve(model, version=1)

    for raised in (refused, not_deployed, not_approved):
        text = str(raised.value)
        assert text.startswith(f"{model}: version 1 ")
        assert expected in text
        assert "train again" in text
        assert "\n" not in text
    assert read_state(model) is None


def test_an_edited_package_is_not_rolled_back_to(model):
    """That it was live once says nothing of what it is now."""
    first = make_package(model)
    serve(first)
    live = serve(make_package(model, factor=2.0))
    update(first, CustomerMetadataProperties={"metric.rmse": "0.1"})

    for to in (None, 1):
        with pytest.raises(NotApprovedError, match=r"version 1 .*metric\.rmse is 0\.1"):
            roll_back(model, to=to, wait_seconds=60, on_progress=ignore)

    assert read_state(model) == live


def test_who_may_approve_cannot_make_an_edit_fit(model):
    """Not even with the digest of the edited package in the approval.

    UpdateModelPackage can change everything but the description of a package.
    """
    package = make_package(model)
    update(package, CustomerMetadataProperties={"metric.rmse": "0.1"})
    digest = describe(package.arn).digest
    forged = f"Approved; digest {digest}; evidence none"
    update(package, ModelApprovalStatus="Approved", ApprovalDescription=forged)

    with pytest.raises(NotApprovedError, match="was changed after it was registered"):
        serve(package)


def test_an_edit_is_told_even_if_nothing_says_what_there_was(model):
    """The file that lists it may be exchanged too; then it is not believed."""
    package = make_package(model)
    folder = f"{package.metadata['evidence']}/{package.metadata['training_job']}"
    kept = read_json(f"{folder}/registered.json")
    forged = json.dumps(kept | {"metric.rmse": "0.1"}).encode()
    update(package, CustomerMetadataProperties={"metric.rmse": "0.1"})

    for content in (forged, b"not JSON", None):
        put(f"{folder}/registered.json", content)
        with pytest.raises(NotApprovedError) as raised:
            serve(package)
        assert f"instead of {package.digest[:12]}" in str(raised.value)
        assert "metric.rmse" not in str(raised.value)


def test_another_versions_approval_is_none(model):
    """Its words can be copied, what they are about cannot."""
    first, second = make_package(model), make_package(model, approved=False)
    update(
        second,
        ModelApprovalStatus="Approved",
        ApprovalDescription=first.approval_description,
    )

    with pytest.raises(NotApprovedError, match="the approval is another version's"):
        serve(second)


def test_a_pre_approved_package_is_not_deployed_where_approval_is_manual(model):
    """A branch may register one; the checkout that deploys decides what it takes."""
    package = make_package(model, approved=False, mode="pre-approved")
    assert package.approval_status == "Approved"
    remedy = f"`python -m runner approve {model} --version 1`"
    expected = (
        f"version 1 was registered as pre-approved .*`approval: manual`.*{remedy}"
    )

    with pytest.raises(NotApprovedError, match=expected):
        find_approved(model, MINE)
    with pytest.raises(NotApprovedError, match=expected):
        serve(package)
    assert read_state(model) is None

    assert find_approved(model, MINE, "pre-approved") == package
    approved = approve(model, version=1)
    assert find_approved(model, MINE) == approved
    assert serve(package).version == 1


def test_a_package_that_was_approved_in_the_console_says_how_to_approve_it(model):
    """Nothing says what was approved, so nothing could be compared with it."""
    package = make_package(model, approved=False)
    update(package, ModelApprovalStatus="Approved", ApprovalDescription="looks good")
    expected = "version 1 was set to Approved by hand.*runner approve .* --version 1"

    for mode in ("manual", "pre-approved"):
        with pytest.raises(NotApprovedError, match=expected):
            find_approved(model, MINE, mode)
    with pytest.raises(NotApprovedError, match=expected):
        serve(package)

    approve(model, version=1)
    assert serve(package).version == 1


def register_directly(model: str, description: str = "", **more: Any) -> Package:
    """Register without this template, or with a release of it without digests."""
    model_data = more.pop("model_data", None) or upload_model(
        model, "r1", train_booster(1.0)
    )
    make_package(model, fingerprint=OTHER, approved=False)
    made = client("sagemaker").create_model_package(
        ModelPackageGroupName=model,
        ModelPackageDescription=description,
        ModelApprovalStatus="Approved",
        **served([{"Image": IMAGE, "ModelDataUrl": model_data}]),
        CustomerMetadataProperties={"fingerprint": MINE, "run_id": "r1"} | more,
    )
    return describe(made["ModelPackageArn"])


def test_a_package_without_a_digest_has_to_be_trained_again(model):
    """Another tool has registered it, or this template before it had digests."""
    package = register_directly(model)

    expected = "version 2 was registered without a digest.*train again"
    for act in (
        lambda: find_approved(model, MINE),
        lambda: find_approved(model, MINE, "pre-approved"),
        lambda: serve(package),
        lambda: approve(model, version=2),
    ):
        with pytest.raises(LifecycleError, match=expected):
            act()
    assert read_state(model) is None


def test_a_digest_alone_makes_no_package(model):
    """What a deploy verifies has to be in it."""
    bare = register_directly(model)
    package = register_directly(model, description=f"Digest {bare.digest}.")
    assert package.registered_digest == package.digest

    with pytest.raises(IntegrityError, match="without approval, archive_sha256, evid"):
        approve(model, version=package.version)
    with pytest.raises(NotApprovedError, match="was registered without approval"):
        serve(package)


def test_golden_records_that_verify_nothing_are_not_approved(model):
    """A hostile train job may have registered them, with their own sha256."""
    golden = b'{"rows": [], "predictions": []}'
    uri = write_bytes(run_uri(model, "r1", "evidence", "golden.json"), golden)
    make_package(model, approved=False, golden=uri)

    with pytest.raises(StorageError, match="no golden records, there are no rows"):
        approve(model, version=1)


def test_data_that_no_digest_is_over_is_not_served(model):
    """An archive beside the archive could be exchanged at any time."""
    known = make_package(model, approved=False)
    more = {
        "ModelDataSource": {
            "S3DataSource": {
                "S3Uri": "s3://b/p/",
                "S3DataType": "S3Prefix",
                "CompressionType": "None",
            }
        }
    }
    request = {
        "ModelPackageGroupName": model,
        "CustomerMetadataProperties": dict(known.metadata),
        **container(**more)(known),
    }
    first = client("sagemaker").create_model_package(**request)["ModelPackageArn"]
    about = f"Digest {describe(first).digest}."
    client("sagemaker").create_model_package(ModelPackageDescription=about, **request)

    with pytest.raises(
        IntegrityError, match="serves s3://b/p/ too, of which no sha256"
    ):
        approve(model, version=3)


def test_what_cannot_be_deployed_is_passed_over(model):
    """So nobody can keep an approved version from being deployed.

    What was registered as this content is named; what says so since, or says so in its
    description alone, was never found by it.
    """
    wanted = make_package(model)
    make_package(model, approved=False, mode="pre-approved")
    edited = make_package(model, fingerprint=OTHER)
    update(edited, CustomerMetadataProperties={"fingerprint": MINE})
    register_directly(model)
    origin = describe_origin("", "r1", MINE, edited.registered_digest)
    register_directly(model, origin)
    other = make_package(model, fingerprint=OTHER)
    forged = register_directly(
        model,
        describe_origin("", "r1", MINE, other.digest),
        model_data=other.model_data,
        **other.metadata,
        **{"metric.rmse": "0.5"},
    )
    update(forged, ApprovalDescription=other.approval_description)
    assert approval_problem(describe(forged.arn), "manual") == ""
    said: list[str] = []

    assert find_approved(model, MINE, on_progress=said.append) == wanted

    assert [line.split(" was ")[0] for line in said] == [
        f"passed over: {model}: version {number}" for number in (7, 2)
    ]


def leave_evidence(package: Package) -> dict[str, str]:
    """Leave what a reviewer reads, and return its sha256 by name."""
    prefix = package.metadata["evidence"]
    for name in EVIDENCE:
        write_bytes(f"{prefix}/{name}", name.encode())
    write_bytes(f"{prefix}/index.html", b"rendered from it")
    return {name: hashlib.sha256(name.encode()).hexdigest() for name in EVIDENCE}


def test_an_approval_is_of_the_evidence_too(model):
    """The page that is rendered from it may change, it may not."""
    package = make_package(model, approved=False)
    read = leave_evidence(package)
    approved = approve(model, version=1, evidence=read)
    assert approved.approved == (package.digest, evidence_digest(read))
    prefix = package.metadata["evidence"]
    write_bytes(f"{prefix}/index.html", b"rendered again")
    assert check_approval(package, "manual").package == approved

    for content in (b"other", b"", None):
        put(f"{prefix}/train-register.json", content)
        with pytest.raises(IntegrityError, match=r"version 1: the evidence in s3://.*"):
            serve(package)

    assert read_state(model) is None


@pytest.mark.parametrize("content", [b"forged", None])
def test_only_evidence_that_was_read_is_approved(model, content):
    """The error names the file; the train job's is what the reviewer has read."""
    package = make_package(model, approved=False)
    read = leave_evidence(package)
    put(f"{package.metadata['evidence']}/train-register.html", content)

    expected = r"version 1: s3://.*/train-register\.html has sha256 .*, the reviewer's"
    with pytest.raises(IntegrityError, match=expected):
        approve(model, version=1, evidence=read)

    assert find_package(model).approval_status == "PendingManualApproval"


def test_evidence_that_nobody_has_read_is_not_approved(model):
    """A file that was added is as suspicious as one that was changed."""
    package = make_package(model, approved=False)
    read = leave_evidence(package)
    del read["prepare.ipynb"]

    with pytest.raises(IntegrityError, match=r"prepare\.ipynb has sha256 .* not there"):
        approve(model, version=1, evidence=read)


def test_what_is_changed_while_it_is_deployed_does_not_stay(model):
    """SageMaker reads the archive by itself, after it was verified here."""
    first = serve(make_package(model))
    second = make_package(model, factor=2.0)
    padded = read_bytes(second.model_data) + b"\0"

    def pad() -> None:
        put(second.model_data, padded)

    expected = r"was written again while it was deployed(.|\n)*put back, live now: ver"
    with (
        once("before-call.sagemaker.CreateModel", pad),
        pytest.raises(EndpointError, match=expected),
    ):
        serve(second)

    now = read_state(model)
    assert now is not None and now.serves(first.config)
    # Nothing that was made from it is found again.
    with pytest.raises(ClientError):
        client("sagemaker").describe_model(ModelName=config_name(second, ENDPOINT))


def test_a_package_that_is_edited_while_it_is_deployed_does_not_stay(model):
    """Not even if it is put back before anybody looks."""
    package = make_package(model)

    def edit_and_put_back() -> None:
        for rmse in ("0.1", "0.5"):
            update(package, CustomerMetadataProperties={"metric.rmse": rmse})

    expected = "its package was changed while it was deployed, at 20.*nothing was live"
    with (
        once("before-call.sagemaker.CreateModel", edit_and_put_back),
        pytest.raises(EndpointError, match=expected),
    ):
        serve(package)

    assert read_state(model) is None


def test_an_object_that_was_changed_and_changed_back_is_noticed(model):
    """By its time, or by its version in a bucket that keeps versions."""
    verified = check_approval(make_package(model), "manual")
    verified.check_again()
    earlier = {
        uri: StoredObject(one.sha256, "another version")
        for uri, one in verified.objects.items()
    }

    with pytest.raises(IntegrityError, match="was written again while it was deployed"):
        replace(verified, objects=earlier).check_again()


@pytest.mark.parametrize(
    ("mode", "approval", "told"),
    [
        ("manual", "", ""),
        ("pre-approved", "", "Registered as pre-approved"),
        ("manual", "by hand", "Set to Approved by hand: looks  [1mgood"),
        ("manual", "approve", "Approved in workflow 7, as arn:aws:"),
    ],
)
def test_it_is_said_who_approved(model, mode, approval, told):
    """And when, and what: by its digest, shortened."""
    package = make_package(model, approved=False, mode=mode)
    if approval == "by hand":
        words = "looks \x1b[1mgood"
        update(package, ModelApprovalStatus="Approved", ApprovalDescription=words)
    elif approval:
        approve(model, version=1, description="Approved in\nworkflow 7")
    said = approved_by(describe(package.arn))

    assert said.startswith(told) and bool(said) is bool(told)
    assert said.endswith(f" UTC, digest {package.digest[:12]}") is (
        approval == "approve"
    )


def test_a_long_note_cuts_no_digest_off(model):
    """SageMaker takes 1,024 characters."""
    package = make_package(model, approved=False)

    approved = approve(model, version=1, description="x" * 2000)

    assert approved.approved == (package.digest, "none")
    assert approval_problem(approved, "manual") == ""


def test_packages_are_shown_as_a_table(model):
    """Each has a line with version, content, status and origin."""
    package = make_package(model)
    dirty = replace(package, fingerprint="", commit="c0ffee" * 6 + "-dirty")

    head, *lines = package_table([package, dirty]).splitlines()

    assert head.split() == ["version", "fingerprint", "status", "commit", "CI"]
    assert [line.split() for line in lines] == [
        ["1", "f" * 12, "Approved", "c0ffeec", "-"],
        ["1", "-", "Approved", "c0ffeec-dirty", "-"],
    ]
