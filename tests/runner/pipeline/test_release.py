"""Decisions about what may be deployed: approvals, rollbacks, refused deploys."""

import json
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import tiny
from embedded_aws import EmbeddedAWS
from model_packages import (
    ENDPOINT,
    delete_endpoint,
    ignore,
    interrupt,
    make_package,
    new_name,
    when_updating,
)
from repository import Repository

from lifecycle import registry
from lifecycle.aws import aws_errors, client, run_uri
from lifecycle.deploy import deploy
from lifecycle.endpoint import read_deployed_tags, read_state, wait_until_settled
from lifecycle.errors import (
    CallError,
    EndpointError,
    IntegrityError,
    LifecycleError,
    NotApprovedError,
    RegistryError,
)
from lifecycle.registration import packages
from lifecycle.registration.integrity import evidence_digest
from lifecycle.registration.packages import Package, find_package
from lifecycle.s3 import read_json, upload_folder, write_bytes, write_json
from runner.pipeline.plan import make_plan, new_run_id
from runner.pipeline.release import (
    HAND_OVER,
    STOPPED,
    approve,
    hand_over,
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

    def register(
        content: str = "", run_id: str = "", rmse: float = 1.0, **more: Any
    ) -> Package:
        content = content or contents.content(repo, model).fingerprint
        run_id = run_id or new_run_id()
        archive = run_uri(model, run_id, "model", "model.tar.gz")
        package = registry.create_package(
            model,
            image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0",
            model_data=write_bytes(archive, run_id.encode()),
            metrics={"rmse": rmse},
            metadata={
                "run_id": run_id,
                "fingerprint": content,
                "training_job": f"{model}-{run_id}",
            },
        )
        record = {
            "status": "succeeded",
            "run_id": run_id,
            "fingerprint": content,
            "results": package.results(),
        }
        folder = repo / "build" / model
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train-register.json").write_text(json.dumps(record | more))
        (folder / "train-register.ipynb").write_text(f"what run {run_id} did")
        upload_folder(folder, package.metadata["evidence"], {})
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


def test_a_package_that_fails_its_gates_is_not_approved(
    repo: Path, model: str, train: Callable[..., Package]
) -> None:
    """Whoever registered it, and however it is named."""
    package = train(rmse=2.6)

    for version in (None, package.version):
        with pytest.raises(RegistryError, match=r"fails its gates: rmse 2\.6 is above"):
            approve(repo, model, version=version, this_workflow=False)

    status = find_package(model, package.version).approval_status
    assert status == "PendingManualApproval"


def test_a_version_of_other_content_is_judged_by_its_own_gates(
    repo: Path, model: str, train: Callable[..., Package]
) -> None:
    """Those of the model.yaml that it was trained with."""
    package = train(content="1" * 64, rmse=2.6)
    settings = {"gates": {"rmse": {"max": 3.0}}}
    write_json(f"{package.metadata['evidence']}/source.json", {"settings": settings})

    approved = approve(repo, model, version=package.version, this_workflow=False)

    assert approved.approval_status == "Approved"


def approve_here(repo: Path, model: str) -> Package:
    """Approve what was handed over, as the approve job does."""
    return approve(repo, model, version=None, this_workflow=True)


@pytest.fixture
def handed(
    repo: Path,
    model: str,
    train: Callable[..., Package],
    monkeypatch: pytest.MonkeyPatch,
) -> Package:
    """A version that this workflow's train job has registered and handed over."""
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)
    package = train()
    hand_over(repo, model)
    return package


def test_a_workflow_approves_what_its_own_train_job_handed_over(
    repo: Path,
    model: str,
    handed: Package,
    train: Callable[..., Package],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A newer package of the same content, from another workflow, is left alone."""
    files = {
        one.name: sha256(one.read_bytes()).hexdigest()
        for one in (repo / "build" / model).glob("train-register.*")
    }
    kept = json.loads((repo / "build" / model / HAND_OVER).read_text())
    assert kept == {
        "model": model,
        "workflow": WORKFLOW,
        "run_id": handed.run_id,
        "package": handed.arn,
        "digest": handed.digest,
        "evidence": files,
    }
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", "another")
    other = train()
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)

    one, two = (approve_here(repo, model) for _ in range(2))

    assert one == two
    assert (one.version, one.approval_status) == (handed.version, "Approved")
    assert one.approved == (handed.digest, evidence_digest(files))
    assert one.approver.startswith(f"Approved in CircleCI workflow {WORKFLOW}, started")
    assert find_package(model, other.version).approval_status != "Approved"


def test_what_another_job_writes_to_s3_is_not_approved(
    repo: Path, model: str, handed: Package, train: Callable[..., Package]
) -> None:
    """Any branch's train job may write the record of this workflow's run."""
    hostile = train(run_id=f"99991231235959-{handed.run_id[-6:]}")
    record = run_uri(model, handed.run_id, "evidence", "train-register.json")
    write_json(record, {"status": "succeeded", "results": {"package": hostile.arn}})

    with pytest.raises(
        IntegrityError, match=r"train-register\.json has sha256 .* revie"
    ):
        approve_here(repo, model)

    for package in (handed, hostile):
        found = find_package(model, package.version).approval_status
        assert found == "PendingManualApproval"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"workflow": "another"}, "of CircleCI workflow another, not of 11111111-2222"),
        ({"model": "churn"}, "of model churn, not of m-"),
        ({"run_id": "20260101000000-aaaaaa"}, "is of run .*hand-over's is 20260101"),
        ({"digest": "0" * 64}, f"is of digest .* the reviewed is {'0' * 64}"),
        ({"package": ""}, "not a hand-over, package: String should match"),
        ({"package": "../1"}, "not a hand-over, package: String should match"),
        ({"evidence": {}}, r"train-register\.ipynb has sha256 .* has not there"),
        ({"evidence": {"prepare.html": "0" * 64}}, r"prepare\.html has sha256 missing"),
        ({"evidence": {"prepare.html": 7}}, "not a hand-over, evidence.prepare.html: "),
        ({"evidence": []}, "not a hand-over, evidence: Input should be"),
        ({"digest": None}, "not a hand-over, digest: Input should be"),
        ({"more": "values"}, "not a hand-over, .*more"),
    ],
    ids=str,
)
def test_a_hand_over_of_something_else_is_refused(
    repo: Path, model: str, handed: Package, changed: dict[str, Any], message: str
) -> None:
    """By the name of what is different; nothing is approved."""
    path = repo / "build" / model / HAND_OVER
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    with pytest.raises(LifecycleError, match=message), aws_errors():
        approve_here(repo, model)

    assert find_package(model).approval_status == "PendingManualApproval"


@pytest.mark.parametrize("content", ["", "[]", "null", '"text"', "{}", "\x00"])
def test_a_file_that_is_no_hand_over_is_refused(
    repo: Path, model: str, handed: Package, content: str
) -> None:
    """The error names it, and says what to do."""
    (repo / "build" / model / HAND_OVER).write_text(content)

    with pytest.raises(
        CallError, match=r"hand-over\.json: not a hand-over, .* train job"
    ):
        approve_here(repo, model)


def test_another_models_or_contents_package_is_refused(
    repo: Path, model: str, handed: Package, train: Callable[..., Package]
) -> None:
    """Even if this workflow's train job hands it over."""
    path = repo / "build" / model / HAND_OVER
    kept = json.loads(path.read_text())
    other_model = make_package(f"{model}-v2", approved=False)
    other_content = train(content="0" * 64)

    for package, message in (
        (other_model, f"is of model {model}-v2, and this workflow's is {model}"),
        (other_content, f"is of fingerprint {'0' * 64}, and the checkout's is"),
    ):
        given = {"package": package.arn, "run_id": package.run_id}
        path.write_text(json.dumps(kept | given | {"digest": package.digest}))
        with pytest.raises(RegistryError, match=message):
            approve_here(repo, model)
        assert packages.describe(package.arn).approval_status != "Approved"


def test_a_workflow_that_handed_nothing_over_approves_nothing(
    repo: Path,
    model: str,
    train: Callable[..., Package],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though a package of this very content waits for approval."""
    train()
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)

    with pytest.raises(CallError, match=r"hand-over\.json: not there; .*rerun that"):
        approve_here(repo, model)


def test_only_what_was_registered_is_handed_over(
    repo: Path,
    model: str,
    train: Callable[..., Package],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a job of CircleCI, and as the notebook has registered it."""
    package = train(content="0" * 64)
    with pytest.raises(CallError, match="--hand-over: only in CircleCI"):
        hand_over(repo, model)
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", WORKFLOW)
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn,
        CustomerMetadataProperties={
            "fingerprint": contents.content(repo, model).fingerprint
        },
    )
    with pytest.raises(IntegrityError, match=r"version 1 has digest .* train again"):
        hand_over(repo, model)
    for status in ("failed", "stopped"):
        train(status=status)
        with pytest.raises(CallError, match="no version was registered here"):
            hand_over(repo, model)
    (repo / "build" / model / "train-register.json").unlink()
    with pytest.raises(CallError, match="no version was registered here"):
        hand_over(repo, model)


def test_a_version_that_is_shown_again_is_handed_over_with_its_own_evidence(
    repo: Path, model: str, handed: Package, train: Callable[..., Package]
) -> None:
    """What is shown has a sentence on top, what is kept has not."""
    before = approve_here(repo, model)
    folder = repo / "build" / model
    record = json.loads((folder / "train-register.json").read_text())
    again = record | {"run_id": "later", "reused": "of an earlier run"}
    (folder / "train-register.json").write_text(json.dumps(again))
    (folder / "train-register.ipynb").write_text("with a sentence on top")

    hand_over(repo, model)

    assert approve_here(repo, model) == before


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
    wait_until_settled(model, time.monotonic() + 30, ignore)
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


def interrupt_rollback(repo: Path, model: str, aws: EmbeddedAWS) -> None:
    """Begin a rollback, and stop waiting for it."""
    on_progress = when_updating(aws, model, interrupt)
    with pytest.raises(KeyboardInterrupt):
        roll_back_recorded(repo, model, to=None, on_progress=on_progress)


def test_an_interrupted_rollback_leaves_a_record_too(
    repo: Path, two_versions: str, aws: EmbeddedAWS
) -> None:
    """SageMaker goes on, and the record says how to wait for it."""
    interrupt_rollback(repo, two_versions, aws)

    kept = json.loads((repo / "build" / two_versions / "rollback.json").read_text())
    assert (kept["status"], kept["error"]) == ("stopped", STOPPED)


def test_a_rollback_that_goes_on_tells_what_was_live_before_it_began(
    repo: Path, two_versions: str, aws: EmbeddedAWS
) -> None:
    """What an interruption has left was never verified."""
    interrupt_rollback(repo, two_versions, aws)
    waiter = client("sagemaker").get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=two_versions, WaiterConfig={"Delay": 1, "MaxAttempts": 30})

    record = roll_back_recorded(repo, two_versions, to=None, on_progress=str)

    assert (record["version"], record["from_version"]) == (1, 2)


def test_a_record_has_no_secret(
    repo: Path, two_versions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is scrubbed as every record is."""
    url = "https://user:correct-horse-battery@ci/1"
    monkeypatch.setenv("CIRCLE_BUILD_URL", url)

    _roll_back(repo, two_versions)

    text = (repo / "build" / two_versions / "rollback.json").read_text()
    assert "correct-horse-battery" not in text


@pytest.mark.parametrize("approval", ["manual", "pre-approved", "broken"])
def test_a_rollback_serves_what_model_yaml_allows(
    repo: Path, two_versions: str, approval: str
) -> None:
    """A version that was never live; without a model.yaml it has to be approved."""
    path = repo / "models" / two_versions / "model.yaml"
    text = path.read_text().replace("approval: manual\n", "")
    path.write_text(
        "name: [" if approval == "broken" else f"{text}approval: {approval}"
    )
    make_package(two_versions, approved=False, mode="pre-approved")

    if approval == "pre-approved":
        assert _roll_back(repo, two_versions, to=3)["version"] == 3
        return
    with pytest.raises(
        NotApprovedError, match="version 3 was registered as pre-approv"
    ):
        _roll_back(repo, two_versions, to=3)
    assert _roll_back(repo, two_versions)["version"] == 1


def test_without_an_endpoint_there_is_no_way_back(
    repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """A name that no folder has may be misspelt; nothing is written for it."""
    with pytest.raises(EndpointError, match=f"{model}: nothing is live, so there is"):
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

    with pytest.raises(EndpointError, match=r"since a rollback .* --to 2$"):
        refuse_outdated(planned(repository))
