"""Earlier runs of the same content: what is reused of them, and what is resumed."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS
from model_packages import ENDPOINT, delete_endpoint, make_package

from lifecycle.approval import approve
from lifecycle.aws import as_tags, client, run_uri
from lifecycle.deploy import deploy
from lifecycle.endpoint import read_state
from lifecycle.errors import CallError
from lifecycle.registration.packages import Package, describe
from lifecycle.s3 import parse_uri, read_json, write_bytes, write_json
from runner import STAGES
from runner.notebook import ipynb
from runner.pipeline.earlier import (
    Reused,
    cache_key,
    find_reusable,
    prepared_results,
    resume,
)
from runner.pipeline.plan import Plan, Stage, make_plan
from runner.spec.models import notebook_values

DATA = {"data_sha256": "d" * 64}
Ran = Callable[..., Package]


@pytest.fixture
def planned(repo: Path, model: str, aws: EmbeddedAWS) -> Iterator[Plan]:
    """A run of all stages, on raw data that no other test has."""
    path = repo / "models" / model / "model.yaml"
    data = run_uri(model, "raw", "toy.csv")
    write_bytes(data, b"1,2\n")
    path.write_text(path.read_text().replace("s3://bucket/toy.csv", data))
    made = make_plan(repo, model, STAGES, {})
    made.folder.mkdir(parents=True)
    yield made
    if read_state(model):
        delete_endpoint(model)


@pytest.fixture
def ran(planned: Plan) -> Ran:
    """Write what a run leaves that registered a package of this content."""

    def run(*, approved: bool = True, **other: Any) -> Package:
        content = planned.fingerprint
        known = {"fingerprint": content, **DATA} | other.pop("metadata", {})
        package = make_package(planned.model, approved=False, **known)
        rows = {name: f"{name}.csv" for name in ("train", "validation", "test")}
        for name, file in rows.items():
            rows[name] = run_uri(planned.model, package.run_id, name, file)
            write_bytes(rows[name], b"1,2\n")
        live_before = other.pop("live_before", {})
        prefix = run_uri(planned.model, package.run_id, "evidence")
        write_json(f"{prefix}/baseline.json", live_before)
        leave(planned, package, "prepare", rows)
        registered = {"package": package.arn, "approval_status": "of then"}
        leave(planned, package, "train-register", registered, **other)
        # Last: an approval is of the evidence, too.
        return approve(planned.model, arn=package.arn) if approved else package

    return run


def leave(
    planned: Plan,
    package: Package,
    stage: str,
    returned: Mapping[str, str],
    **more: Any,
) -> None:
    """Write a stage's notebook and record, as a run's evidence."""
    prefix = run_uri(planned.model, package.run_id, "evidence")
    cells = [nbformat.v4.new_code_cell("1 + 1\n2 + 2")]
    notebook = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    write_bytes(f"{prefix}/{stage}.ipynb", notebook.encode())
    record = {
        "model": planned.model,
        "stage": stage,
        "status": "succeeded",
        "run_id": package.run_id,
        "fingerprint": planned.fingerprint,
        "notebook": f"notebooks/{stage}.ipynb",
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 1.0,
        "parameters": {},
        "work": cache_key(planned, stage),
        "results": dict(returned),
    }
    write_json(f"{prefix}/{stage}.json", record | more)


def find(planned: Plan, name: str) -> Reused | None:
    """Find what can be reused of a stage, after a `prepare` that returned DATA."""
    return find_reusable(planned, stage_of(planned, name), {"prepare": DATA})


def stage_of(planned: Plan, name: str) -> Stage:
    """Return a stage by its name."""
    return next(stage for stage in planned.stages if stage.name == name)


def remove(uri: str) -> None:
    """Delete an object."""
    bucket, key = parse_uri(uri)
    client("s3").delete_object(Bucket=bucket, Key=key)


def set_status(package: Package, status: Any) -> None:
    """Set the approval status of a package."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, ModelApprovalStatus=status
    )


def test_rows_of_the_same_raw_data_are_reused(planned: Plan, ran: Ran) -> None:
    """They are where the earlier run wrote them."""
    package = ran()
    found = find(planned, "prepare")

    assert found is not None
    assert found.results["train"].endswith(f"{package.run_id}/train/train.csv")


def test_rows_of_other_raw_data_are_prepared_again(planned: Plan, ran: Ran) -> None:
    """The object has the same URI, but another content."""
    ran()
    write_bytes(planned.spec.data, b"3,4\n")

    assert find(planned, "prepare") is None


def test_rows_of_unknown_raw_data_are_prepared_again(planned: Plan, ran: Ran) -> None:
    """The notebook may read what only itself has access to."""
    remove(planned.spec.data)
    ran()

    assert cache_key(planned, "prepare") == ""
    assert find(planned, "prepare") is None


def test_rows_that_are_gone_are_prepared_again(planned: Plan, ran: Ran) -> None:
    """A lifecycle rule of S3 may delete what is old."""
    remove(run_uri(planned.model, ran().run_id, "test", "test.csv"))

    assert find(planned, "prepare") is None


def test_a_package_of_the_same_content_and_rows_is_reused(
    planned: Plan, ran: Ran
) -> None:
    """Its results are those of its own run, with the status that it has now."""
    package = ran()
    found = find(planned, "train-register")

    assert found is not None
    assert found.results["package"] == package.arn
    assert found.results["approval_status"] == package.approval_status


@pytest.mark.parametrize(
    "other",
    [
        {"metadata": {"fingerprint": "f" * 64}},
        {"metadata": {"data_sha256": "e" * 64}},
        {"status": "failed", "results": None},
    ],
)
def test_other_work_is_trained(planned: Plan, ran: Ran, other: dict[str, Any]) -> None:
    """Other content, other rows, or evidence of a failure."""
    ran(**other)

    assert find(planned, "train-register") is None


def test_a_rejected_package_is_not_reused(planned: Plan, ran: Ran) -> None:
    """Neither are its rows, which may be the reason."""
    set_status(ran(), "Rejected")

    assert find(planned, "prepare") is None
    assert find(planned, "train-register") is None


def test_a_package_without_its_notebook_is_not_reused(planned: Plan, ran: Ran) -> None:
    """A reviewer would have nothing to look at."""
    remove(run_uri(planned.model, ran().run_id, "evidence/train-register.ipynb"))

    assert find(planned, "train-register") is None


def test_a_pending_package_is_not_reused_if_it_should_be_pre_approved(
    planned: Plan, ran: Ran
) -> None:
    """Reusing never approves, so such a model is trained again."""
    package = ran(approved=False)
    spec = planned.spec.model_copy(update={"approval": "pre-approved"})

    assert find(planned, "train-register") is not None
    assert find(replace(planned, spec=spec), "train-register") is None
    assert describe(package.arn).approval_status == "PendingManualApproval"


def test_in_circleci_no_pending_package_is_shown_to_a_reviewer(
    planned: Plan, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another branch's job may have registered it, as if it had this content."""
    package = ran(approved=False)
    assert find(planned, "train-register") is not None
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", "workflow")

    assert find(planned, "prepare") is None
    assert find(planned, "train-register") is None
    approve(planned.model, arn=package.arn)
    assert find(planned, "train-register") is not None


@pytest.mark.parametrize("edit", ["metric", "by hand"])
def test_a_package_that_may_not_be_deployed_is_not_reused(
    planned: Plan, ran: Ran, edit: str
) -> None:
    """It was edited after its approval, or approved by hand: it is trained again."""
    package = ran(approved=edit == "metric")
    changed = {"CustomerMetadataProperties": {"metric.rmse": "0.1"}}
    by_hand = {"ModelApprovalStatus": "Approved"}
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, **(changed if edit == "metric" else by_hand)
    )

    assert find(planned, "prepare") is None
    assert find(planned, "train-register") is None


@pytest.mark.parametrize("stage", ["prepare", "train-register"])
def test_forged_records_of_an_approved_package_are_not_reused(
    planned: Plan, ran: Ran, stage: str
) -> None:
    """Any train job may write them; they could lead to other rows."""
    package = ran()
    assert find(planned, stage) is not None
    uri = run_uri(planned.model, package.run_id, "evidence", f"{stage}.json")
    record = read_json(uri)
    write_json(uri, record | {"seconds": 2.0})

    assert find(planned, stage) is None


def test_only_the_package_that_would_be_deployed_is_reused(
    planned: Plan, ran: Ran
) -> None:
    """An approval would deploy the newer one, which is of other rows."""
    ran()
    ran(metadata={"data_sha256": "e" * 64})

    assert find(planned, "train-register") is None


def test_what_is_reused_names_files_that_are_not_committed(
    planned: Plan, ran: Ran
) -> None:
    """The commit that is shown does not have them."""
    ran()
    content = replace(planned.content, pending=("models/toy/helper.py",))
    found = find(replace(planned, content=content), "prepare")

    assert found is not None
    assert found.note.endswith("; not committed: models/toy/helper.py")


def test_a_folder_of_raw_data_is_read_again(planned: Plan) -> None:
    """The entry of the folder itself does not change with what is below it."""
    write_bytes(f"{planned.spec.data}/", b"")
    spec = planned.spec.model_copy(update={"data": f"{planned.spec.data}/"})

    assert cache_key(replace(planned, spec=spec), "prepare") == ""


@pytest.mark.parametrize("name", ["prepare", "train-register"])
@pytest.mark.parametrize("suffix", ["ipynb", "json"])
def test_evidence_that_was_cut_is_not_reused(
    planned: Plan, ran: Ran, name: str, suffix: str
) -> None:
    """It does not end the run either."""
    prefix = run_uri(planned.model, ran().run_id, "evidence")
    write_bytes(f"{prefix}/{name}.{suffix}", b'{"cells": [\xff')

    assert find(planned, name) is None


@pytest.fixture
def served(planned: Plan, ran: Ran) -> Package:
    """A package that is live, and the evidence of its deploy."""
    package = ran()
    settings = notebook_values(planned.spec)["endpoint"]
    now = deploy(package, endpoint=settings, on_progress=lambda _: None)
    results = {"endpoint_config": now.config, "version": package.version}
    leave(planned, package, "deploy", results)
    return package


def test_the_live_version_is_not_deployed_again(planned: Plan, served: Package) -> None:
    """The results are those of its deploy, but now nothing was changed."""
    found = find(planned, "deploy")

    assert found is not None
    assert found.results["version"] == served.version
    assert found.results["changed"] is False


def test_the_live_version_is_not_trained_again(planned: Plan, served: Package) -> None:
    """It was compared with nothing, and no other version is live now."""
    found = find(planned, "train-register")

    assert found is not None
    assert found.results["package"] == served.arn


def test_a_version_that_was_compared_with_another_one_is_trained_again(
    planned: Plan, served: Package, ran: Ran
) -> None:
    """It may be worse than what is live now."""
    ran()
    assert find(planned, "train-register") is None

    ran(live_before={"version": served.version, "package": served.arn})
    assert find(planned, "train-register") is not None


def test_content_that_was_rolled_back_from_is_trained_again(
    planned: Plan, served: Package
) -> None:
    """Reusing it would bring back the version that was not wanted."""
    now = read_state(planned.model) or pytest.fail("nothing is live")
    tags = as_tags({"rolled_back_from": served.fingerprint})
    client("sagemaker").add_tags(ResourceArn=now.arn, Tags=tags)

    assert find(planned, "train-register") is None


def test_a_deploy_notebook_that_has_changed_is_run(
    planned: Plan, served: Package
) -> None:
    """It may check what the one before did not."""
    notebook = stage_of(planned, "deploy").notebook
    content = nbformat.read(notebook, as_version=4)
    content.cells.insert(-1, nbformat.v4.new_code_cell("1 + 1"))
    nbformat.write(content, notebook)
    changed = make_plan(planned.root, planned.model, STAGES, {})

    assert changed.fingerprint == planned.fingerprint
    assert find(changed, "deploy") is None


def test_a_newer_approved_version_is_deployed(
    planned: Plan, served: Package, ran: Ran
) -> None:
    """The live version has the same content, but is older."""
    ran()

    assert find(planned, "deploy") is None


def test_a_live_version_that_was_rejected_since_is_not_reused(
    planned: Plan, served: Package
) -> None:
    """The deploy notebook runs, and says that nothing is approved."""
    set_status(served, "Rejected")

    assert find(planned, "deploy") is None


def test_a_live_config_that_is_not_the_wanted_one_is_not_reused(
    planned: Plan, served: Package
) -> None:
    """For instance one with another number of instances."""
    other = ENDPOINT | {"instance_count": 2}
    deploy(served, endpoint=other, on_progress=lambda _: None)

    assert find(planned, "deploy") is None


def test_an_endpoint_that_predicts_otherwise_is_not_reused(
    planned: Plan, served: Package
) -> None:
    """It is verified again before the deploy is left out."""
    golden = served.metadata["golden"]
    write_json(golden, {"rows": [[0.0, 5.0]], "predictions": [99.0]})

    assert find(planned, "deploy") is None


def test_a_live_version_whose_archive_was_exchanged_is_not_reused(
    planned: Plan, served: Package
) -> None:
    """The deploy notebook runs, and names what was exchanged."""
    write_bytes(served.model_data, b"other")

    assert find(planned, "deploy") is None


def test_a_deploy_with_parameters_of_its_own_is_run(
    planned: Plan, served: Package
) -> None:
    """They may change the endpoint without changing the trained model."""
    overrides = {"endpoint.instance_count": "2"}

    assert find(replace(planned, overrides=overrides), "deploy") is None


def test_if_aws_refuses_to_tell_nothing_is_reused(
    planned: Plan, ran: Ran, aws: EmbeddedAWS
) -> None:
    """The notebook runs and gets the same error, which its page keeps."""
    ran()
    fault = Fault(kind="service-unavailable", operation="ListModelPackages", count=5)
    aws.inject(fault)

    assert find(planned, "train-register") is None


def test_a_record_that_was_reused_itself_is_passed_over(
    planned: Plan, served: Package
) -> None:
    """The notebook that ran is shown, however often it is reused."""
    config = (read_state(planned.model) or pytest.fail("nothing is live")).config
    later = replace(served, run_id=f"~{served.run_id}")
    leave(planned, later, "deploy", {"endpoint_config": config}, reused="of another")
    found = find(planned, "deploy")

    assert found is not None
    assert found.record["run_id"] == served.run_id


@pytest.mark.parametrize("other", [{"status": "failed"}, {"reused": "of another run"}])
def test_only_a_notebook_that_ran_to_its_end_is_reused(
    planned: Plan, ran: Ran, other: dict[str, str]
) -> None:
    """Not one that failed, and not one that was reused itself."""
    package = ran()
    prepare = {name: run_uri(planned.model, package.run_id, name) for name in DATA}
    leave(planned, package, "prepare", prepare, **other)

    assert find(planned, "prepare") is None


def test_a_reused_notebook_says_so_at_its_top(planned: Plan, ran: Ran) -> None:
    """In the notebook, its page and its record, so that it is not taken for new."""
    package = ran()
    found = find(planned, "train-register")
    assert found is not None

    shown = found.show(planned)

    folder = planned.folder
    record = json.loads((folder / "train-register.json").read_text())
    page = (folder / "train-register.html").read_text()
    sentence = f"No training job was started: version {package.version}, now Approved"
    assert sentence in shown.cells[0].source
    assert f"run {package.run_id}; --no-reuse would run it again" in page
    assert page.index(sentence) < page.index("did not run")
    assert ipynb.read(folder / "train-register.ipynb").cells[1].source == "1 + 1\n2 + 2"
    assert record["reused"].startswith(f"reused from run {package.run_id}: version ")
    assert record["results"]["approval_status"] == "Approved"


def test_training_alone_takes_the_newest_prepared_rows(planned: Plan) -> None:
    """Those of this content; a run of more stages needs none."""
    package = make_package(planned.model)
    runs = [replace(package, run_id=f"g{number}") for number in range(4)]
    leave(planned, runs[0], "prepare", {"train": "older"})
    leave(planned, runs[1], "prepare", {"train": "newest"})
    leave(planned, runs[2], "prepare", {"train": "other"}, fingerprint="f" * 64)
    leave(planned, runs[3], "prepare", {}, status="failed", results=None)

    train, deploy = (replace(planned, stages=planned.stages[n:]) for n in (1, 2))

    assert prepared_results(train) == {"prepare": {"train": "newest"}}
    assert prepared_results(planned) == prepared_results(deploy) == {}


def test_training_without_prepared_rows_names_the_remedy(planned: Plan) -> None:
    """The rows of another content are not taken."""
    alone = replace(planned, stages=planned.stages[1:])

    with pytest.raises(CallError, match="add `--stage prepare`"):
        prepared_results(alone)


RUN = "20260101000000-abcdef"
NEWER = "20260102000000-abcdef"
Write = Callable[..., None]


@pytest.fixture
def write(planned: Plan) -> Write:
    """Write the evidence of a run: how each of its stages ended."""

    def records(run_id: str = RUN, *, fingerprint: str = "", **stages: str) -> None:
        for stage, status in stages.items():
            name = stage.replace("_", "-")
            record = {
                "status": status,
                "fingerprint": fingerprint or planned.fingerprint,
                "results": {"run": run_id} if status == "succeeded" else None,
                "model": planned.model,
                "stage": name,
                "run_id": run_id,
                "notebook": name,
                "started": "2026-01-01T00:00:00",
                "seconds": 1,
            }
            evidence = run_uri(planned.model, run_id, "evidence")
            write_json(f"{evidence}/{name}.json", record)
            notebook = nbformat.writes(nbformat.v4.new_notebook())
            write_bytes(f"{evidence}/{name}.ipynb", notebook.encode())
            write_bytes(f"{evidence}/{name}.html", b"<script>evil()</script>")

    return records


def test_a_failed_run_is_resumed_from_the_stage_that_failed(
    planned: Plan, write: Write
) -> None:
    """Under the same id, so that everything of a run stays in one place."""
    write(prepare="succeeded", train_register="failed")

    resumed = resume(planned)

    assert [stage.name for stage in resumed.plan.stages] == ["train-register", "deploy"]
    assert resumed.plan.run_id == RUN
    assert resumed.results == {"prepare": {"run": RUN}}


def test_the_files_of_stages_that_succeeded_are_restored(
    planned: Plan, write: Write
) -> None:
    """Those of the failed stage are not: it is about to run again.

    The page is rendered from the notebook: another role may have written the one in S3.
    """
    write(prepare="succeeded", train_register="failed")

    resume(planned).restore()

    names = {path.name for path in planned.folder.iterdir()}
    assert names == {"prepare.html", "prepare.ipynb", "prepare.json"}
    assert "evil()" not in (planned.folder / "prepare.html").read_text()


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"status": 5}', b"null"])
def test_a_record_that_was_cut_is_passed_over(
    planned: Plan, write: Write, content: bytes
) -> None:
    """The stage counts as if it had never begun."""
    write(prepare="succeeded", train_register="failed")
    write(NEWER, prepare="succeeded")
    write_bytes(run_uri(planned.model, NEWER, "evidence", "prepare.json"), content)

    assert resume(planned).plan.run_id == RUN


def test_a_run_whose_first_stage_failed_begins_again(
    planned: Plan, write: Write
) -> None:
    """Only its id is kept."""
    write(prepare="failed")

    resumed = resume(planned)

    assert resumed.plan.stages == planned.stages
    assert resumed.plan.run_id == RUN


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "no run of this content"),
        ([(RUN, {"fingerprint": "f" * 64, "prepare": "failed"})], "no run of this"),
        (
            [
                ("20250101000000-abcdef", {"prepare": "failed"}),
                (
                    RUN,
                    dict.fromkeys(["prepare", "train_register", "deploy"], "succeeded"),
                ),
            ],
            f"{RUN} of this content succeeded",
        ),
    ],
    ids=["none", "other content", "succeeded since"],
)
def test_without_a_failed_run_there_is_nothing_to_resume(
    planned: Plan, write: Write, runs: list[tuple[str, dict[str, str]]], message: str
) -> None:
    """The error names the remedy."""
    for run_id, stages in runs:
        write(run_id, **stages)

    with pytest.raises(CallError, match=f"{message}.*leave out --resume"):
        resume(planned)
