"""Decisions about what may be deployed: approvals, rollbacks, refused deploys."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
from embedded_aws import EmbeddedAWS
from model_packages import ENDPOINT, delete_endpoint, make_package, new_name
from repository import Repository

from lifecycle import registry
from lifecycle.aws import client, run_uri
from lifecycle.deploy import deploy
from lifecycle.endpoint import read_deployed_tags, read_state
from lifecycle.errors import EndpointError, RegistryError
from lifecycle.registry import Package, find_package
from lifecycle.s3 import read_json, write_json
from runner.pipeline.plan import make_plan, new_run_id
from runner.pipeline.release import (
    STOPPED,
    approve,
    record_deployment,
    refuse_outdated,
    roll_back_recorded,
)
from runner.spec import content as contents

SMALLER = {"instance_type": "ml.t2.medium", "instance_count": 1}
WORKFLOW = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def train(repo: Path, model: str, aws: EmbeddedAWS) -> Callable[..., Package]:
    """Register a package as a train job does, with the record of its stage."""

    def register(content: str = "", run_id: str = "") -> Package:
        content = content or contents.content(repo, model).fingerprint
        run_id = run_id or new_run_id()
        package = registry.create_package(
            model,
            image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0",
            model_data=f"s3://bucket/{run_id}/model.tar.gz",
            metrics={"rmse": 1.0},
            metadata={
                "run_id": run_id,
                "fingerprint": content,
                "training_job": f"{model}-{run_id}",
            },
        )
        record = {
            "status": "succeeded",
            "fingerprint": content,
            "results": {"package": package.arn},
        }
        write_json(run_uri(model, run_id, "evidence", "train-register.json"), record)
        return package

    return register


def test_the_newest_package_of_this_content_is_approved(
    repo: Path, model: str, train: Callable[..., Package]
) -> None:
    """A newer package of another content is left alone."""
    train()
    mine = train(run_id="20260101000001-aaaaaa")
    other = train(content="0" * 64)

    approved = approve(repo, model, version=None, this_workflow=False)

    assert approved.version == mine.version
    assert find_package(model, mine.version).approval_status == "Approved"
    pending = find_package(model, other.version).approval_status
    assert pending == "PendingManualApproval"


def test_a_named_version_is_approved(
    repo: Path, model: str, train: Callable[..., Package]
) -> None:
    """Whatever its content is."""
    package = train(content="1" * 64)

    approved = approve(repo, model, version=package.version, this_workflow=False)

    assert (approved.version, approved.approval_status) == (package.version, "Approved")


def test_a_workflow_approves_what_its_own_train_job_registered(
    repo: Path,
    model: str,
    train: Callable[..., Package],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A newer package of the same content, from another workflow, is left alone."""
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)
    mine = train()
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", "another")
    other = train()
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)

    one, two = (
        approve(repo, model, version=None, this_workflow=True) for _ in range(2)
    )

    assert one.version == two.version == mine.version
    assert WORKFLOW in one.approval_description
    assert find_package(model, other.version).approval_status != "Approved"


@pytest.mark.parametrize("content", ["", "0" * 64], ids=["workflow", "content"])
def test_a_workflow_that_registered_nothing_approves_nothing(
    repo: Path,
    model: str,
    train: Callable[..., Package],
    monkeypatch: pytest.MonkeyPatch,
    content: str,
) -> None:
    """Another workflow's package is not its own, nor is one of other content."""
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW if content else "another")
    train(content=content)
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)

    with pytest.raises(RegistryError, match="rerun its train job"):
        approve(repo, model, version=None, this_workflow=True)


def test_content_that_is_not_registered_cannot_be_approved(
    repo: Path, model: str, train: Callable[..., Package]
) -> None:
    """The error has a table of the packages that there are."""
    train(content="0" * 64)

    with pytest.raises(RegistryError, match="000000000000  PendingManualApproval"):
        approve(repo, model, version=None, this_workflow=False)


@pytest.fixture
def two_versions(model: str, aws: EmbeddedAWS) -> Iterator[str]:
    """A model of whose two versions the second is live."""
    for _ in range(2):
        deploy(make_package(model), endpoint=ENDPOINT, on_progress=str)
    yield model
    delete_endpoint(model)


def _roll_back(repo: Path, model: str, to: int | None = None) -> dict[str, Any]:
    return roll_back_recorded(repo, model, to=to, on_progress=str)


def test_a_rollback_leaves_a_record(repo: Path, two_versions: str) -> None:
    """In build/, where CircleCI's job reads the version, and in S3."""
    record = _roll_back(repo, two_versions)

    kept = json.loads((repo / "build" / two_versions / "rollback.json").read_text())
    now = read_state(two_versions)
    assert (kept["status"], kept["version"], kept["from_version"]) == (
        "succeeded",
        1,
        2,
    )
    assert (kept["config"], kept["endpoint"]) == (now.config, two_versions)
    assert kept["package"] == find_package(two_versions, 1).arn
    uri = run_uri(two_versions, kept["run_id"], "evidence", "rollback.json")
    assert kept == record == read_json(uri)


def test_a_failed_rollback_leaves_a_record_too(repo: Path, two_versions: str) -> None:
    """With the error."""
    with pytest.raises(RegistryError, match="no version 9999"):
        _roll_back(repo, two_versions, to=9999)

    kept = json.loads((repo / "build" / two_versions / "rollback.json").read_text())
    assert (kept["status"], kept["to"]) == ("failed", 9999)
    assert "no version 9999" in kept["error"]


def test_an_interrupted_rollback_leaves_a_record_too(
    repo: Path, two_versions: str
) -> None:
    """SageMaker goes on, and the record says how to wait for it."""

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roll_back_recorded(repo, two_versions, to=None, on_progress=interrupt)

    kept = json.loads((repo / "build" / two_versions / "rollback.json").read_text())
    assert (kept["status"], kept["error"]) == ("stopped", STOPPED)


def test_a_record_has_no_secret(
    repo: Path, two_versions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is scrubbed as every record is."""
    url = "https://user:correct-horse-battery@ci/1"
    monkeypatch.setenv("CIRCLE_BUILD_URL", url)

    _roll_back(repo, two_versions)

    text = (repo / "build" / two_versions / "rollback.json").read_text()
    assert "correct-horse-battery" not in text


def test_without_an_endpoint_there_is_no_way_back(
    repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """A name that no folder has may be misspelt; nothing is written for it."""
    with pytest.raises(EndpointError, match=f"{model}: nothing is live, .* way back$"):
        _roll_back(repo, model)
    with pytest.raises(EndpointError, match=f"did you mean '{model}'"):
        _roll_back(repo, f"{model}x")

    assert not (repo / "build").exists()


@pytest.fixture
def repository(tmp_path):
    """A clone with one tiny model of a name of its own."""
    made = Repository(tmp_path / "clone")
    tiny.write_shared(made.root)
    made.name = new_name()
    tiny.write_model(made.root, made.name)
    made.first = made.commit()
    return made


@pytest.fixture
def live(repository, aws):
    """An endpoint that serves the content of the first commit."""
    content = contents.content(repository.root, repository.name).fingerprint
    deploy(
        make_package(repository.name, fingerprint=content),
        endpoint=ENDPOINT,
        on_progress=str,
    )
    yield
    delete_endpoint(repository.name)


def planned(repository, *stages, **overrides):
    return make_plan(repository.root, repository.name, stages or ("deploy",), overrides)


def changed(repository, slope):
    """Commit other content, and return the commit."""
    tiny.write_model(repository.root, repository.name, slope=slope)
    return repository.commit()


def test_a_first_deployment_undoes_nothing(repository, aws):
    """Without an endpoint nothing is refused, and nothing is recorded."""
    refuse_outdated(planned(repository))
    record_deployment(planned(repository))
    assert repository.name not in read_deployed_tags()


def test_a_deployment_that_ran_to_its_end_is_recorded(repository, live):
    """In tags: what was deployed, and from which commit."""
    record_deployment(planned(repository))

    tags = read_deployed_tags()[repository.name]
    assert tags["deployed_commit"] == repository.first
    serving = contents.content(repository.root, repository.name).serving_fingerprint
    assert tags["deployment"] == serving


def test_other_parameters_are_another_deployment(repository, live):
    """What `-p` changes is not what the checkout says, so it is not recorded."""
    larger = '{"instance_type": "ml.m5.xlarge"}'
    record_deployment(planned(repository, endpoint=larger))
    assert "deployment" not in read_deployed_tags()[repository.name]


def test_an_older_commit_does_not_replace_a_later_one(repository, live):
    """The rerun of an old job is refused; the error says how to go back."""
    changed(repository, 5.0)
    back = contents.content(repository.root, repository.name).fingerprint
    later = changed(repository, 1.0)
    record_deployment(planned(repository))
    repository.checkout(f"{later}~1")
    assert contents.content(repository.root, repository.name).fingerprint == back

    with pytest.raises(EndpointError, match=f"commit {later[:7]}, which came after"):
        refuse_outdated(planned(repository))
    refuse_outdated(planned(repository, "train-register", "deploy"))


@pytest.mark.parametrize("other", ["newer", "same content", "unrelated"])
def test_any_other_commit_may_be_deployed(repository, live, other):
    """One that came later, has the same content, or is of another history."""
    if other == "same content":
        mark_from = repository.commit("README.md")
        record_deployment(planned(repository))
        repository.checkout(repository.first)
        assert mark_from != repository.first
    else:
        record_deployment(planned(repository))
        if other == "unrelated":
            repository.git("checkout", "-q", "--orphan", "elsewhere")
        changed(repository, 7.0)

    refuse_outdated(planned(repository))


@pytest.mark.parametrize("trained_again", [False, True])
def test_a_rollback_stays_until_its_content_is_trained_again(
    repository, live, trained_again
):
    """The rerun of a deploy job is no decision to go forward; a training is."""
    changed(repository, 2.0)
    content = contents.content(repository.root, repository.name).fingerprint
    if not trained_again:
        make_package(repository.name, fingerprint=content)
    now = deploy(find_package(repository.name, 1), endpoint=SMALLER, on_progress=str)
    tag = {"Key": "rolled_back_from", "Value": content}
    client("sagemaker").add_tags(ResourceArn=now.arn, Tags=[tag])
    if trained_again:
        make_package(repository.name, fingerprint=content)
        refuse_outdated(planned(repository))
        return

    with pytest.raises(EndpointError, match=r"since a rollback .* --to 2`"):
        refuse_outdated(planned(repository))
