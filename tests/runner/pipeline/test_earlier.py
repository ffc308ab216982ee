"""What was done for the same content is found, unless anything changed since."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from embedded_aws.faults import Fault
from embedded_aws.process import EmbeddedAWS

from lifecycle.aws import as_tags, client, run_uri
from lifecycle.deploy import deploy
from lifecycle.endpoint import read_state
from lifecycle.registry import Package, describe
from lifecycle.s3 import parse_uri, write_bytes, write_json
from packages import ENDPOINT, delete_endpoint, make_package, new_name
from runner import STAGES
from runner.cli import reusable
from runner.pipeline.earlier import Reusable, Reused, cache_key
from runner.pipeline.plan import Plan, Stage, make_plan
from runner.spec.models import notebook_values

DATA = {"data_sha256": "d" * 64}
Ran = Callable[..., Package]


@pytest.fixture
def planned(repo: Path, aws: EmbeddedAWS) -> Iterator[Plan]:
    """A run of a model that no other test has, on raw data of its own."""
    name = new_name()
    folder = repo / "models" / "toy"
    data = run_uri(name, "raw", "toy.csv")
    write_bytes(data, b"1,2\n")
    spec = (folder / "model.yaml").read_text().replace("name: toy", f"name: {name}")
    lines = [line for line in spec.splitlines() if not line.startswith("data:")]
    (folder / "model.yaml").write_text("\n".join([*lines, f"data: {data}", ""]))
    folder.rename(folder.with_name(name))
    made = make_plan(repo, name, STAGES, {})
    made.folder.mkdir(parents=True)
    yield made
    if read_state(name):
        delete_endpoint(name)


@pytest.fixture
def ran(planned: Plan) -> Ran:
    """Leave what a run leaves that registered a package of this content."""

    def run(*, approved: bool = True, **other: Any) -> Package:
        content = planned.context["fingerprint"]
        known = {"fingerprint": content, **DATA} | other.pop("metadata", {})
        package = make_package(planned.model, approved=approved, **known)
        rows = {name: f"{name}.csv" for name in ("train", "validation", "test")}
        for name, file in rows.items():
            rows[name] = run_uri(planned.model, package.run_id, name, file)
            write_bytes(rows[name], b"1,2\n")
        live_then = other.pop("live_then", {})
        prefix = run_uri(planned.model, package.run_id, "evidence")
        write_json(f"{prefix}/baseline.json", live_then)
        leave(planned, package, "prepare", rows)
        registered = {"package": package.arn, "approval_status": "of then"}
        leave(planned, package, "train-register", registered, **other)
        return package

    return run


def leave(
    planned: Plan,
    package: Package,
    stage: str,
    returned: Mapping[str, str],
    **more: Any,
) -> None:
    """Leave a stage's notebook and record, as a run's evidence."""
    prefix = run_uri(planned.model, package.run_id, "evidence")
    cells = [nbformat.v4.new_code_cell("1 + 1\n2 + 2")]
    notebook = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    write_bytes(f"{prefix}/{stage}.ipynb", notebook.encode())
    write_bytes(f"{prefix}/{stage}.html", b"<header></header>")
    record = {
        "model": planned.model,
        "stage": stage,
        "status": "succeeded",
        "run_id": package.run_id,
        "fingerprint": planned.context["fingerprint"],
        "notebook": f"notebooks/{stage}.ipynb",
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 1.0,
        "parameters": {},
        "work": cache_key(planned, stage),
        "results": dict(returned),
    }
    write_json(f"{prefix}/{stage}.json", record | more)


def find(planned: Plan, name: str, results: Mapping[str, Any] = DATA) -> Reused | None:
    """Look for what a stage needs not do again."""
    return Reusable(planned).find(stage_of(planned, name), results)


def stage_of(planned: Plan, name: str) -> Stage:
    """Pick a stage by its name."""
    return next(stage for stage in planned.stages if stage.name == name)


def remove(uri: str) -> None:
    """Delete an object."""
    bucket, key = parse_uri(uri)
    client("s3").delete_object(Bucket=bucket, Key=key)


def set_status(package: Package, status: Any) -> None:
    """Decide about a package."""
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, ModelApprovalStatus=status
    )


def test_rows_of_the_same_raw_data_are_reused(planned: Plan, ran: Ran) -> None:
    """They are where the run has left them that prepared them."""
    package = ran()
    found = find(planned, "prepare")

    assert found is not None
    assert found.results["train"].endswith(f"{package.run_id}/train/train.csv")


def test_rows_of_other_raw_data_are_prepared_again(planned: Plan, ran: Ran) -> None:
    """The object has the same name and another content."""
    ran()
    write_bytes(planned.spec.data, b"3,4\n")

    assert find(planned, "prepare") is None


def test_rows_are_prepared_where_raw_data_cannot_be_told(
    planned: Plan, ran: Ran
) -> None:
    """A notebook may read a whole folder, or what it alone has access to."""
    remove(planned.spec.data)
    ran()

    assert cache_key(planned, "prepare") == ""
    assert find(planned, "prepare") is None


def test_rows_that_are_gone_are_prepared_again(planned: Plan, ran: Ran) -> None:
    """S3 may delete what is old."""
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
def test_anything_else_is_trained(
    planned: Plan, ran: Ran, other: dict[str, Any]
) -> None:
    """Other content, other rows, or evidence of a failure."""
    ran(**other)

    assert find(planned, "train-register") is None


def test_a_rejected_package_is_not_reused(planned: Plan, ran: Ran) -> None:
    """Somebody looked at it and said no: to its rows too, they may be why."""
    set_status(ran(), "Rejected")

    assert find(planned, "prepare") is None
    assert find(planned, "train-register") is None


def test_a_package_without_its_notebook_is_not_reused(planned: Plan, ran: Ran) -> None:
    """There would be nothing to show to who approves it."""
    remove(run_uri(planned.model, ran().run_id, "evidence/train-register.ipynb"))

    assert find(planned, "train-register") is None


def test_what_waits_for_a_person_is_not_reused_where_none_is_asked(
    planned: Plan, ran: Ran
) -> None:
    """Reusing never approves; a model that needs no approval is trained again."""
    package = ran(approved=False)
    spec = planned.spec.model_copy(update={"approval": "pre-approved"})

    assert find(planned, "train-register") is not None
    assert find(replace(planned, spec=spec), "train-register") is None
    assert describe(package.arn).approval_status == "PendingManualApproval"


def test_only_the_package_that_would_be_deployed_is_reused(
    planned: Plan, ran: Ran
) -> None:
    """An older one of these rows is no longer what an approval would let go live."""
    ran()
    ran(metadata={"data_sha256": "e" * 64})

    assert find(planned, "train-register") is None


def test_what_the_runners_code_would_do_otherwise_is_done_again(
    planned: Plan, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notebooks call it, though it is no part of what is approved."""
    ran()
    monkeypatch.setattr(reusable, "runner_code", lambda: "another")

    assert find(planned, "prepare") is None
    assert find(planned, "train-register") is None


def test_a_folder_of_raw_data_is_read_again(planned: Plan) -> None:
    """Its own entry in S3 stays the same, whatever comes to lie below it."""
    write_bytes(f"{planned.spec.data}/", b"")
    spec = planned.spec.model_copy(update={"data": f"{planned.spec.data}/"})

    assert cache_key(replace(planned, spec=spec), "prepare") == ""


@pytest.mark.parametrize("name", ["prepare", "train-register"])
@pytest.mark.parametrize("suffix", ["ipynb", "html", "json"])
def test_evidence_that_was_cut_is_not_reused(
    planned: Plan, ran: Ran, name: str, suffix: str
) -> None:
    """Nor does it end the run."""
    prefix = run_uri(planned.model, ran().run_id, "evidence")
    write_bytes(f"{prefix}/{name}.{suffix}", b'{"cells": [\xff')

    assert find(planned, name) is None


@pytest.fixture
def served(planned: Plan, ran: Ran) -> Package:
    """A package that is live, with the evidence of its deploy."""
    package = ran()
    settings = notebook_values(planned.spec)["endpoint"]
    now = deploy(package, endpoint=settings, on_progress=lambda _: None)
    results = {"endpoint_config": now.config, "version": package.version}
    leave(planned, package, "deploy", results)
    return package


def test_what_is_live_and_wanted_is_not_deployed_again(
    planned: Plan, served: Package
) -> None:
    """Its evidence is that of its deploy, which changed something; this does not."""
    found = find(planned, "deploy")

    assert found is not None
    assert found.results["version"] == served.version
    assert found.results["changed"] is False


def test_what_is_live_itself_is_not_trained_again(
    planned: Plan, served: Package
) -> None:
    """It was judged against nothing, and there is nothing else now."""
    found = find(planned, "train-register")

    assert found is not None
    assert found.results["package"] == served.arn


def test_what_was_judged_against_another_live_version_is_judged_again(
    planned: Plan, served: Package, ran: Ran
) -> None:
    """It may be worse than what is live now."""
    ran()
    assert find(planned, "train-register") is None

    ran(live_then={"version": served.version, "package": served.arn})
    assert find(planned, "train-register") is not None


def test_content_that_somebody_went_back_from_is_trained_again(
    planned: Plan, served: Package
) -> None:
    """Reusing it would let the version return that was not wanted."""
    now = read_state(planned.model) or pytest.fail("nothing is live")
    tags = as_tags({"rolled_back_from": served.fingerprint})
    client("sagemaker").add_tags(ResourceArn=now.arn, Tags=tags)

    assert find(planned, "train-register") is None


def test_a_deploy_notebook_that_has_changed_is_run(
    planned: Plan, served: Package
) -> None:
    """It may check or set what the one before did not."""
    notebook = stage_of(planned, "deploy").notebook
    content = nbformat.read(notebook, as_version=4)
    content.cells.append(nbformat.v4.new_code_cell("1 + 1"))
    nbformat.write(content, notebook)

    assert find(planned, "deploy") is None


def test_a_newer_approved_version_is_deployed(
    planned: Plan, served: Package, ran: Ran
) -> None:
    """What is live has the same content, but was trained before."""
    ran()

    assert find(planned, "deploy") is None


def test_what_was_rejected_since_is_left_to_the_notebook(
    planned: Plan, served: Package
) -> None:
    """It says that nothing approved is there to be deployed."""
    set_status(served, "Rejected")

    assert find(planned, "deploy") is None


def test_what_no_deploy_has_verified_is_deployed(
    planned: Plan, served: Package
) -> None:
    """Somebody, or an interrupted deploy, put another config there."""
    other = ENDPOINT | {"instance_count": 2}
    deploy(served, endpoint=other, on_progress=lambda _: None)

    assert find(planned, "deploy") is None


def test_an_endpoint_that_predicts_otherwise_is_left_to_the_notebook(
    planned: Plan, served: Package
) -> None:
    """It is asked once more before anybody says that nothing has to be done."""
    golden = served.metadata["golden"]
    write_json(golden, {"rows": [[0.0, 5.0]], "predictions": [99.0]})

    assert find(planned, "deploy") is None


def test_a_call_with_parameters_of_its_own_is_carried_out(
    planned: Plan, served: Package
) -> None:
    """They may change what is to be live without changing what was trained."""
    given = {"endpoint.instance_count": "2"}

    assert find(replace(planned, given=given), "deploy") is None


def test_what_aws_refuses_is_left_to_the_notebook(
    planned: Plan, ran: Ran, aws: EmbeddedAWS
) -> None:
    """It says the same, and its page keeps it."""
    ran()
    fault = Fault(kind="service-unavailable", operation="ListModelPackages", count=5)
    aws.inject(fault)

    assert find(planned, "train-register") is None


def test_evidence_that_was_reused_itself_is_passed_over(
    planned: Plan, served: Package
) -> None:
    """What is shown is the notebook that ran, however often it is reused."""
    config = (read_state(planned.model) or pytest.fail("nothing is live")).config
    later = replace(served, run_id=f"~{served.run_id}")
    leave(planned, later, "deploy", {"endpoint_config": config}, reused="of another")
    found = find(planned, "deploy")

    assert found is not None
    assert found.record["run_id"] == served.run_id
