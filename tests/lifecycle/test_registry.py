"""Trained models are registered with a digest, and found by version."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from comparisons import compared
from embedded_aws.process import EmbeddedAWS
from model_packages import (
    IMAGE,
    ROWS,
    make_package,
    new_name,
    train_booster,
    upload_model,
)

from lifecycle.approval import (
    approve,
    find_approved,
    find_newest,
)
from lifecycle.aws import client, decode_key, read_tags, run_uri
from lifecycle.data import write_splits
from lifecycle.errors import (
    DataError,
    GateError,
    IntegrityError,
    RegistryError,
    StorageError,
)
from lifecycle.invocation import read_classes, read_golden
from lifecycle.registration.integrity import content_of, digest_of
from lifecycle.registration.packages import (
    Package,
    describe,
    describe_origin,
    find_package,
    list_packages,
)
from lifecycle.registry import (
    _properties,
    count_looks,
    create_package,
    fingerprint_of,
    gates_of,
    register,
    reject,
)
from lifecycle.s3 import exists, hash_object, read_json, write_bytes
from lifecycle.status import read_status
from lifecycle.training import TrainingJob
from runner.spec import content as contents

OTHER = "e" * 64
MINE = "f" * 64
LINEAGE = {"run_id": "r1", "training_job": "job-1", "fingerprint": "a" * 64}


@pytest.fixture
def many(model: str) -> Callable[..., None]:
    """Register many versions quickly: only what the registry looks at."""

    def register_versions(
        count: int, fingerprint: str, status: str = "Approved"
    ) -> None:
        specification = {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/m"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
        properties = {
            "fingerprint": fingerprint,
            "approval": "pre-approved",
            "archive_sha256": "0" * 64,
            "evidence": "s3://b/e",
        }
        served = {"InferenceSpecification": specification}
        digest = digest_of(content_of(model, served, properties))
        for _ in range(count):
            client("sagemaker").create_model_package(
                ModelPackageGroupName=model,
                ModelPackageDescription=describe_origin("", "r", fingerprint, digest),
                InferenceSpecification=specification,
                ModelApprovalStatus=status,
                CustomerMetadataProperties=properties,
            )

    make_package(model, fingerprint=OTHER)
    return register_versions


@contextmanager
def counted() -> Iterator[list[str]]:
    """List the calls of SageMaker that are made in the block."""
    events, calls = client("sagemaker").meta.events, []

    def count(model, **_):
        calls.append(model.name)

    events.register("before-call.sagemaker", count)
    yield calls
    events.unregister("before-call.sagemaker", count)


def group_arn(model: str) -> str:
    """Return the ARN of a model's package group."""
    found = client("sagemaker").describe_model_package_group(
        ModelPackageGroupName=model
    )
    return found["ModelPackageGroupArn"]


@pytest.fixture
def job(model: str) -> TrainingJob:
    """A training job that has left its model."""
    return TrainingJob(
        name=f"{model}-r1-20261123053633",
        image=IMAGE,
        model_data=upload_model(model, "r1", train_booster(1.0)),
        seconds=60,
        billable_seconds=50,
    )


@pytest.fixture
def run(model: str) -> dict[str, Any]:
    """What the runner fills into `run`, after the prepare stage."""
    rows = pd.DataFrame({"label": [1, 2, 3], "a": [0.5, 1.5, 2.5]})
    splits = {"train": rows[:1], "validation": rows[1:2], "test": rows[2:]}
    prepared = write_splits(model, {"run_id": "r1"}, splits)
    return {
        "run_id": "r1",
        "fingerprint": MINE,
        "commit": "c0ffee",
        "ci_url": "https://app.circleci.com/p/1",
        "description": "Who is about\nto leave.",
        "approval": "manual",
        "gates": {"rmse": {"max": 1.0, "worse_than_live": 0.2}},
        "prepare": prepared,
    }


def an_archive(model: str) -> str:
    """Put something where a model archive is."""
    return write_bytes(run_uri(model, "r1", "model", "model.tar.gz"), b"archive")


def register_job(
    model: str,
    run: Mapping[str, Any],
    job: TrainingJob,
    *,
    rmse: float = 0.5,
    rows: Any = ROWS,
    margin: float = 0.05,
) -> Package:
    """Register as the last cells of a train-register notebook do."""
    predictions = np.arange(len(rows), dtype="float32")
    return register(
        model,
        run,
        job,
        metrics={"rmse": rmse},
        live=compared(rmse, 0.5, rmse - 0.5 - margin, rmse - 0.5 + margin),
        golden=(pd.DataFrame(rows, columns=["a", "b"]), predictions),
    )


def test_each_version_counts_how_often_its_test_rows_were_used(model, run, job):
    """Only versions of other runs count, and only those with the very same rows."""
    assert count_looks(model, run) == 0
    register_job(model, run, job)
    assert count_looks(model, run) == 0
    for number in (2, 3):
        again = {**run, "run_id": f"r{number}"}
        assert count_looks(model, again) == number - 1
        name = f"{model}-r{number}"
        package = register_job(model, again, replace(job, name=name))
        assert package.metadata["looks"] == str(number)
    others = {**run["prepare"], "test_sha256": "f" * 64}

    assert count_looks(model, {**run, "run_id": "r4", "prepare": others}) == 0


def test_a_gate_on_a_slice_needs_the_metrics_of_its_groups(model, run, job):
    """What the notebook has not measured by group is not registered."""
    sliced = {**run, "gates": {"rmse by sex": {"max": 1.0}}}

    with pytest.raises(GateError, match="rmse by sex was not measured"):
        register_job(model, sliced, job)


def test_a_trained_model_is_registered_with_its_lineage(model, run, job):
    """The package says which content, run, job and data it was made from."""
    package = register_job(model, run, job)
    golden = run_uri(model, "r1", "evidence", job.name, "golden.json")

    assert package == find_package(model)
    assert package.approval_status == "PendingManualApproval"
    assert package.metrics == {"rmse": 0.5}
    assert (package.image, package.model_data) == (job.image, job.model_data)
    assert package.metadata == {
        "fingerprint": MINE,
        "commit": "c0ffee",
        "run_id": "r1",
        "training_job": job.name,
        "data_sha256": run["prepare"]["data_sha256"],
        "test": run["prepare"]["test"],
        "test_sha256": run["prepare"]["test_sha256"],
        "looks": "1",
        "golden": golden,
        "golden_sha256": hash_object(golden).sha256,
        "archive_sha256": hash_object(job.model_data).sha256,
        "approval": "manual",
        "compared": "rmse: no detectable difference: -0.050 to 0.050",
        "ci_url": "https://app.circleci.com/p/1",
        "evidence": run_uri(model, "r1", "evidence"),
    }
    described = client("sagemaker").describe_model_package(ModelPackageName=package.arn)
    about = described["ModelPackageDescription"]
    origin = f"Run r1. Fingerprint {MINE}. Digest {package.digest}."
    assert about == f"Who is about to leave. {origin}"


def test_the_results_of_a_training_are_those_of_its_package(model, run, job):
    """They are plain values, which the deploy stage and the review page read."""
    package = register_job(model, run, job)

    assert package.results() == {
        "package": package.arn,
        "version": 1,
        "approval_status": "PendingManualApproval",
        "training_job": job.name,
        "model_data": job.model_data,
        "metrics": {"rmse": 0.5},
        "fingerprint": MINE,
        "digest": package.digest,
    }


def test_the_digest_is_that_of_a_file_that_lists_what_was_registered(model, run, job):
    """Everything that a deploy serves, and everything that a reviewer is told."""
    package = register_job(model, run, job)

    file = f"{package.metadata['evidence']}/{job.name}/registered.json"
    assert package.digest == package.registered_digest == hash_object(file).sha256
    container = "InferenceSpecification.Containers.0"
    assert read_json(file) == {
        "model": model,
        "metric.rmse": "0.5",
        f"{container}.Image": IMAGE,
        f"{container}.ModelDataUrl": job.model_data,
        "InferenceSpecification.SupportedContentTypes.0": "text/csv",
        "InferenceSpecification.SupportedResponseMIMETypes.0": "text/csv",
        **package.metadata,
    }


def test_metadata_of_another_tool_is_no_change(model):
    """The registry belongs to the team, not to this template."""
    package = make_package(model)
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, CustomerMetadataProperties={"ticket": "ML-7"}
    )

    assert find_approved(model, MINE).digest == package.digest


def test_packages_of_another_tool_are_read_as_they_are(model):
    """They may have no container, no metadata, or metrics that are no numbers."""
    make_package(model)
    client("sagemaker").create_model_package(ModelPackageGroupName=model)
    client("sagemaker").create_model_package(
        ModelPackageGroupName=model,
        CustomerMetadataProperties={"metric.auc": "high", "fingerprint": MINE},
        ModelApprovalStatus="Approved",
    )

    newest, bare, ours = list_packages(model)
    assert np.isnan(newest.metrics["auc"])
    assert (bare.image, bare.model_data, bare.registered_digest) == ("", "", "")
    assert find_approved(model, MINE) == ours


def test_golden_records_by_which_nothing_could_be_verified_are_refused(model, run, job):
    """Nothing is registered without a row, or with other predictions than rows."""
    with pytest.raises(DataError, match="golden records: there are no rows"):
        register_job(model, run, job, rows=[])

    assert list(list_packages(model)) == []


def test_a_package_that_somebody_else_registered_first_is_not_taken(model, run, job):
    """The same run, job and content, but another archive: it is another package."""
    wanted = register_job(model, run, job)
    hostile = write_bytes(run_uri(model, "r1", "model", "other.tar.gz"), b"other")
    metadata = {**wanted.metadata, "run_id": "r2", "archive_sha256": ""}
    theirs = create_package(
        model, image=IMAGE, model_data=hostile, metrics={"rmse": 0.5}, metadata=metadata
    )

    ours = register_job(model, run | {"run_id": "r2"}, job)

    assert ours.version != theirs.version
    assert ours.model_data == job.model_data


def test_an_archive_that_was_exchanged_after_the_training_is_not_registered(
    model, run, job
):
    """What is measured and what is registered are what the job has left."""
    trained = replace(job, archive_sha256=hash_object(job.model_data).sha256)
    assert register_job(model, run, trained).version == 1
    upload_model(model, "r1", train_booster(2.0))

    with pytest.raises(IntegrityError, match=r"has sha256 .*, the training job h"):
        register_job(model, run, trained)

    assert [one.version for one in list_packages(model)] == [1]


def test_an_archive_that_is_not_there_is_not_registered(model):
    """The error says to train again."""
    with pytest.raises(StorageError, match=r"none\.tar\.gz: not there; train again"):
        create_package(
            model,
            image=IMAGE,
            model_data=run_uri(model, "r1", "none.tar.gz"),
            metrics={},
            metadata=LINEAGE,
        )

    assert list(list_packages(model)) == []


def test_a_registry_that_answers_with_another_package_is_an_error(model):
    """As SageMaker does for the token of another's call."""
    first = make_package(model)
    client("sagemaker").update_model_package(
        ModelPackageArn=first.arn, CustomerMetadataProperties={"metric.rmse": "0.1"}
    )

    with pytest.raises(
        IntegrityError,
        match=r"version 1 is not .*metric\.rmse is 0\.1",
    ):
        create_again(first)


def test_the_first_ten_test_rows_become_golden_records(model, run, job):
    """Every endpoint of this version has to repeat their predictions."""
    package = register_job(model, run, job, rows=ROWS * 3)

    golden = read_golden(model, package.metadata)
    assert golden is not None
    assert golden.rows == (ROWS * 3)[:10]
    assert golden.columns == ["a", "b"]
    assert golden.predictions == [float(number) for number in range(10)]


def test_the_names_of_classes_are_registered(model, run, job):
    """In golden records, and in metadata as far as SageMaker takes them."""
    predictions = np.array([[0.1, 0.9], [0.6, 0.4], [0.5, 0.5], [0.2, 0.8]])

    def register_classes(*names: str) -> Package:
        prepared = run["prepare"] | {"classes": list(names)}
        return register(
            model,
            run | {"prepare": prepared, "gates": {}},
            job,
            metrics={f"recall of {name}": 0.5 for name in names},
            golden=(pd.DataFrame(ROWS, columns=["a", "b"]), predictions),
        )

    plain, other = register_classes("no", "ja schön"), register_classes("<=50", ">50")

    assert plain.metadata["classes"] == "no / ja schön"
    assert other.metadata["classes"] == "2 in golden.json"
    assert read_classes(model, other.metadata) == ["<=50", ">50"]
    assert dict(other.metrics) == {"recall of <=50": 0.5, "recall of >50": 0.5}
    assert not other.is_changed


def test_of_many_classes_the_metrics_with_a_gate_are_kept(model):
    """SageMaker's metadata holds 50 entries; metrics.json has the others."""
    classes = [f"class {place}" for place in range(30)]
    metrics = {
        **{f"f1 of {name}": 0.25 for name in classes},
        **{f"recall of {name}": 0.5 for name in classes},
        "accuracy": 0.75,
    }

    def create(*gated: str) -> Package:
        return create_package(
            model,
            image=IMAGE,
            model_data=an_archive(model),
            metrics=metrics,
            metadata=LINEAGE,
            gated=gated,
        )

    kept = create("f1 of class 29", "recall of class 3 by sex").metrics
    properties = len(kept) + len(create().metadata)

    assert properties <= 50
    assert {"accuracy", "f1 of class 29", "recall of class 29"} <= set(kept)
    assert "f1 of class 28" not in kept
    uri = run_uri(model, "r1", "evidence", "job-1", "metrics.json")
    assert len(read_json(uri)) == 61
    with pytest.raises(RegistryError, match=r"gates: on 60 metrics; SageMaker's metad"):
        create(*(name for name in metrics if name != "accuracy"))


def test_a_pre_approved_model_is_registered_as_approved(model, run, job):
    """`approval: pre-approved` of model.yaml leaves the decision to the merge."""
    package = register_job(model, run | {"approval": "pre-approved"}, job)

    assert package.approval_status == "Approved"


def test_a_failed_gate_registers_nothing(model, run, job):
    """The gates are those of model.yaml, relative ones included."""
    with pytest.raises(GateError, match=r"rmse 1\.5 is above 1; .* the live model's"):
        register_job(model, run | {"approval": "pre-approved"}, job, rmse=1.5)

    assert list(list_packages(model)) == []
    assert not exists(run_uri(model, "r1", "evidence", job.name, "golden.json"))


def test_an_undecided_gate_waits_for_a_person(model, run, job):
    """Where nobody would look at it, nothing is registered."""
    with pytest.raises(GateError, match=r"^undecided: rmse 0\.5 is "):
        register_job(model, run | {"approval": "pre-approved"}, job, margin=0.2)
    assert list(list_packages(model)) == []

    package = register_job(model, run, job, margin=0.2)

    assert package.approval_status == "PendingManualApproval"
    known = "rmse: no detectable difference: -0.20 to 0.20 - undecided"
    assert package.metadata["compared"] == known


def test_registering_twice_gives_the_same_package(model, run, job):
    """A notebook that lost the response, or ended after it, may run again."""
    assert register_job(model, run, job) == register_job(model, run, job)
    assert [one.version for one in list_packages(model)] == [1]


def test_the_prepared_data_is_found_where_the_runner_passes_none_on(model, run, job):
    """In JupyterLab the prepare notebook has left its results in S3."""
    package = register_job(model, run | {"prepare": {}}, job)

    assert package.metadata["data_sha256"] == run["prepare"]["data_sha256"]


def test_without_prepared_data_nothing_is_registered(model, job):
    """The error names the notebook to run first."""
    with pytest.raises(StorageError, match="run this model's prepare notebook first"):
        register_job(model, {"run_id": "r2", "fingerprint": MINE, "gates": {}}, job)

    assert list(list_packages(model)) == []


def test_the_fingerprint_is_the_one_that_the_runner_filled_in():
    """It is that of the content when the run began."""
    assert fingerprint_of("toy", {"fingerprint": MINE}) == MINE


def test_the_fingerprint_in_jupyterlab_is_that_of_the_checkout(repo: Path, monkeypatch):
    """A notebook runs in its own folder, and nothing has filled in `run`."""
    monkeypatch.chdir(repo / "models" / "toy")

    assert fingerprint_of("toy", {}) == contents.content(repo, "toy").fingerprint


def test_the_gates_in_jupyterlab_are_those_of_the_checkout(repo: Path, monkeypatch):
    """Those of the runner are the overridden ones."""
    monkeypatch.chdir(repo / "models" / "toy")

    assert gates_of("toy", {}) == {"rmse": {"max": 2.5}}
    assert gates_of("toy", {"gates": {}}) == {}


def test_a_rejected_package_says_why(model):
    """Whatever its status was, in one line as AWS wants it."""
    package = reject(make_package(model), "Run r1 failed:\nrmse is above 1")

    assert package.approval_status == "Rejected"
    assert package.approval_description == "Run r1 failed: rmse is above 1"


def test_a_fingerprint_that_cannot_be_computed_is_an_error(repo: Path, monkeypatch):
    """The error has the reason."""
    monkeypatch.chdir(repo)

    with pytest.raises(RegistryError, match=r"toys: its fingerprint is unknown; .*toy"):
        fingerprint_of("toys", {})


def test_a_package_is_read_as_it_was_registered(aws: EmbeddedAWS):
    """Fingerprint, lineage and metrics survive the registry."""
    package = make_package(new_name(), ci_url="https://app.circleci.com/p/1")

    assert describe(package.arn) == package
    assert package.fingerprint == MINE
    assert package.metrics == {"rmse": 0.5}
    assert package.metadata["ci_url"] == "https://app.circleci.com/p/1"
    assert not any(key.startswith("metric.") for key in package.metadata)


def test_a_deleted_package_is_an_error(aws: EmbeddedAWS):
    """The error names its ARN."""
    package = make_package(new_name())
    client("sagemaker").delete_model_package(ModelPackageName=package.arn)

    with pytest.raises(RegistryError, match=f"{package.arn}: no such package"):
        describe(package.arn)


def test_packages_are_listed_newest_first(model):
    """Only those of this model, whatever others are called."""
    for _ in range(2):
        make_package(model)
    make_package(model, approved=False)
    make_package(f"{model}-v2")

    assert [one.version for one in list_packages(model)] == [3, 2, 1]


def test_a_model_that_was_never_registered_has_no_packages(model):
    """The first run of a model is an ordinary case."""
    assert list(list_packages(model)) == []


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ("plain", "plain"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("https://x/y?z=1&b", "https://x/y-z=1-b"),
        ("x" * 300, "x" * 256),
    ],
)
def test_metadata_is_changed_to_what_sagemaker_accepts(value, accepted):
    """It refuses some characters, and long values."""
    assert _properties({}, {"key": value}) == {"key": accepted}


def test_the_names_of_metrics_are_changed_too():
    """A notebook may name a metric as it likes, and it is read back as it was."""
    (key,) = _properties({"f1 (macro)": 0.5}, {})

    assert key == "metric.f1 =28macro=29"
    assert decode_key(key) == "metric.f1 (macro)"


def test_empty_metadata_is_left_out():
    """SageMaker refuses empty values too."""
    assert _properties({"rmse": 1.25}, {"commit": ""}) == {"metric.rmse": "1.25"}


def test_a_group_belongs_to_its_model(model):
    """The group is created with the first package, with an owner tag."""
    make_package(model)

    assert read_tags(group_arn(model))["owner"] == model


def test_a_description_becomes_one_line(model):
    """SageMaker refuses a newline, and more than 1,024 characters."""
    package = create_package(
        model,
        image=IMAGE,
        model_data=an_archive(model),
        metrics={},
        metadata=LINEAGE,
        description="folded:\n" + "long\n" * 500,
    )

    described = client("sagemaker").describe_model_package(ModelPackageName=package.arn)
    assert described["ModelPackageDescription"].startswith("folded: long long")
    assert "\n" not in described["ModelPackageDescription"]


def create_again(first: Package, **other: str) -> Package:
    """Register what a package was made of, with other metadata if given."""
    return create_package(
        first.model,
        image=IMAGE,
        model_data=first.model_data,
        metrics=first.metrics,
        metadata={**first.metadata, **other},
    )


def test_a_repeated_registration_finds_its_package_among_later_ones(model):
    """The group's tags go on to describe the newest package."""
    first = make_package(model)
    second = make_package(model)

    assert create_again(first) == first
    assert [one.version for one in list_packages(model)] == [2, 1]
    tags = read_tags(group_arn(model))
    assert (tags["version"], tags["run_id"]) == ("2", second.run_id)


def test_a_repeated_registration_completes_the_groups_tags(model):
    """The first one may have ended between its two calls."""
    first = make_package(model)
    group = group_arn(model)
    client("sagemaker").delete_tags(ResourceArn=group, TagKeys=["version", "run_id"])

    create_again(first)

    tags = read_tags(group)
    assert (tags["version"], tags["run_id"]) == ("1", first.run_id)


@pytest.mark.parametrize("key", ["run_id", "training_job", "fingerprint"])
def test_another_run_job_or_content_is_another_package(model, key: str):
    """Each of them is approved by itself."""
    first = make_package(model)

    second = create_again(first, **{key: OTHER})

    assert second.version == 2
    assert second.metadata[key] == OTHER


def test_metrics_are_written_beside_the_package(model):
    """SageMaker shows them from a file among the run's evidence."""
    metrics = {"rmse": np.float32(0.5), "r2": float("nan")}
    package = create_package(
        model,
        image=IMAGE,
        model_data=an_archive(model),
        metrics=metrics,
        metadata=LINEAGE,
    )

    described = client("sagemaker").describe_model_package(ModelPackageName=package.arn)
    statistics = described["ModelMetrics"]["ModelQuality"]["Statistics"]

    assert f"/{package.run_id}/evidence/" in statistics["S3Uri"]
    assert read_json(statistics["S3Uri"]) == {"rmse": 0.5, "r2": None}
    assert package.metrics == pytest.approx(metrics, nan_ok=True)


def test_first_runs_may_register_at_once(model):
    """Concurrent runs create the group once and get a version each."""
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: make_package(model), range(4)))

    assert sorted(one.version for one in made) == [1, 2, 3, 4]


def test_a_package_is_found_by_its_version(model):
    """Without a version it is the newest."""
    first = make_package(model)
    second = make_package(model)

    assert find_package(model, 2) == find_package(model) == second
    assert find_package(model, 1) == first


def test_a_model_without_packages_has_to_be_trained_first(model):
    """There is nothing to find, and nothing to approve."""
    make_package(model)

    with pytest.raises(RegistryError, match="nothing is registered; train it first"):
        find_package(f"{model}-v2")
    with pytest.raises(RegistryError, match="train it first"):
        approve(f"{model}-v2")


def test_many_versions_cost_no_more_calls(model, many):
    """The newest are listed and one is described, however many there are."""
    many(110, OTHER)
    many(1, MINE)

    for find in (
        lambda: find_package(model),
        lambda: find_package(model, 112),
        lambda: find_newest(model, MINE),
        lambda: find_approved(model, MINE, "pre-approved"),
    ):
        with counted() as calls:
            assert find().version == 112
        assert calls == ["ListModelPackages", "DescribeModelPackage"]


def test_a_search_ends_at_the_first_match(model, many):
    """Older packages are neither described nor listed."""
    many(110, MINE)
    many(2, MINE, "PendingManualApproval")
    many(2, OTHER)

    with counted() as calls:
        assert find_approved(model, MINE, "pre-approved").version == 111
    assert calls == ["ListModelPackages", "DescribeModelPackage"]

    with counted() as calls:
        assert find_package(model, 2).version == 2
    assert calls == ["ListModelPackages", "DescribeModelPackage"]


def test_a_registry_of_300_versions_is_searched_in_ten_calls(model, many):
    """Whatever is looked for, and however far back it is, or if it is not there."""
    many(1, MINE)
    many(300, OTHER)

    for find in (
        lambda: find_package(model),
        lambda: find_package(model, 2),
        lambda: find_newest(model, MINE),
        lambda: find_approved(model, MINE, "pre-approved"),
        lambda: read_status(model, MINE, "pre-approved"),
        lambda: find_package(model, 999),
        lambda: find_newest(model, "d" * 64),
        lambda: find_approved(model, "d" * 64),
        lambda: read_status(model, "d" * 64),
    ):
        with counted() as calls, suppress(RegistryError):
            find()
        assert len(calls) <= 10
    assert find_approved(model, MINE, "pre-approved").version == 2
    assert read_status(model, MINE, "pre-approved").newest.version == 2


def test_an_unknown_version_is_an_error(model):
    """The error lists the newest versions."""
    make_package(model)

    with pytest.raises(RegistryError, match="no version 7; newest: 1"):
        find_package(model, 7)
