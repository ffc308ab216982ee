"""`runner approve`."""

import json

import pytest

from lifecycle import registry
from lifecycle.aws import run_uri
from lifecycle.s3 import write_json
from runner.spec.fingerprint import fingerprint

WORKFLOW = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def approve(invoke, repo, aws, monkeypatch):
    """Call `approve toy` in the toy repository, against the embedded AWS."""
    monkeypatch.chdir(repo)
    return lambda *arguments: invoke("approve", "toy", *arguments)


@pytest.fixture
def train(repo, aws):
    """Register a package as a train job would, with the evidence of its run."""

    def call(run_id, content=None):
        content = content or fingerprint(repo, "toy")
        package = registry.register(
            "toy",
            image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0",
            model_data=f"s3://bucket/{run_id}/model.tar.gz",
            metrics={"rmse": 1.0},
            metadata={
                "run_id": run_id,
                "fingerprint": content,
                "training_job": f"toy-{run_id}",
            },
        )
        write_json(
            run_uri("toy", run_id, "evidence", "train-register.json"),
            {
                "status": "succeeded",
                "fingerprint": content,
                "results": {"package": package.arn},
            },
        )
        return package

    return call


def test_the_newest_of_this_content_is_approved_not_the_newest(approve, train):
    """A package of another content, though newer, is left alone."""
    mine = train("20260101000000-aaaaaa")
    other = train("20260101000001-aaaaaa", content="0" * 64)

    answer = approve("--json")

    assert json.loads(answer.stdout)["version"] == mine.version
    assert registry.find_package("toy", mine.version).approval_status == "Approved"
    pending = registry.find_package("toy", other.version).approval_status
    assert pending == "PendingManualApproval"


def test_a_workflow_approves_what_its_own_train_job_registered(
    approve, train, monkeypatch
):
    """A newer package of the same content, from another workflow, is left alone."""
    from runner.pipeline.plan import new_run_id

    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)
    mine = train(new_run_id())
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", "another")
    train(new_run_id())
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)

    answer = approve("--this-workflow", "--json")
    again = approve("--this-workflow", "--json")

    assert json.loads(answer.stdout)["version"] == mine.version
    assert json.loads(again.stdout)["version"] == mine.version


def test_a_workflow_that_registered_nothing_approves_nothing(
    approve, train, monkeypatch
):
    """The error says which job to run again."""
    train("20260101000002-bbbbbb")
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", "empty")

    answer = approve("--this-workflow")

    assert answer.exit_code == 1
    assert "rerun its train job" in answer.stderr


def test_the_workflow_is_recorded_with_the_approval(approve, train, monkeypatch):
    """The package says which workflow approved it."""
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)
    from runner.pipeline.plan import new_run_id

    package = train(new_run_id())
    approve("--this-workflow")

    said = registry.client("sagemaker").describe_model_package(
        ModelPackageName=package.arn
    )["ApprovalDescription"]
    assert WORKFLOW in said


def test_a_version_can_be_named(approve, train):
    """`--version` approves that one."""
    package = train("20260101000003-cccccc", content="1" * 64)

    answer = approve("--version", str(package.version))

    assert answer.exit_code == 0
    assert f"version {package.version} is Approved" in answer.stdout


def test_without_a_workflow_the_flag_is_refused(approve):
    """`--this-workflow` means nothing outside CircleCI."""
    assert approve("--this-workflow").exit_code == 2


def test_an_unregistered_content_gets_a_table_of_what_there_is(approve, train, repo):
    """The error lists versions and says what to do."""
    train("20260101000004-dddddd")
    path = repo / "models" / "toy" / "model.yaml"
    path.write_text(path.read_text().replace("num_round: 5", "num_round: 6"))

    answer = approve()

    assert answer.exit_code == 1
    assert "PendingManualApproval" in answer.stderr
