"""The verbs of a release: `review`, `approve`, `rollback` and `status`."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import reviews
from click.testing import Result
from embedded_aws import EmbeddedAWS
from embedded_aws.faults import Fault
from model_packages import ENDPOINT, delete_endpoint, make_package

from lifecycle.approval import approve
from lifecycle.aws import as_tags, client
from lifecycle.deploy import deploy, roll_back
from lifecycle.endpoint import EndpointState, read_state
from lifecycle.errors import EndpointError
from lifecycle.registration.packages import Package, find_package
from lifecycle.s3 import upload_folder
from lifecycle.serving.endpoint_config import ensure_config
from runner.review.page import write_page
from runner.spec import content as contents

JOB = {"CIRCLE_WORKFLOW_JOB_ID": "job-id", "CIRCLE_NODE_INDEX": "0"}
PAGE = "https://output.circle-artifacts.com/output/job/job-id/artifacts/0/build"


@pytest.fixture
def verb(
    invoke: Callable[..., Result],
    repo: Path,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Result]:
    """Call a verb in the repository of `model`."""
    monkeypatch.chdir(repo)
    return invoke


def serve(package: Package) -> EndpointState:
    """Deploy a package."""
    return deploy(package, endpoint=ENDPOINT, wait_seconds=60, on_progress=str)


@pytest.fixture
def endpoint(model: str, aws: EmbeddedAWS) -> Iterator[None]:
    """Delete the endpoint that a test creates."""
    yield
    delete_endpoint(model)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("review", "nothing is registered"),
        ("approve", "no package has this content"),
        ("rollback", "nothing is live"),
        ("status", "train it"),
    ],
)
def test_every_verb_starts_the_embedded_aws_of_the_clone(
    verb: Callable[..., Result], model: str, name: str, words: str
) -> None:
    """It finds what earlier commands have left there: nothing of this model."""
    answer = verb(name, model)

    assert words in answer.output


@pytest.mark.parametrize("name", ["review", "rollback"])
def test_a_name_that_no_model_can_have_reaches_no_path(
    verb: Callable[..., Result], aws: EmbeddedAWS, name: str
) -> None:
    """It is refused before anything else."""
    answer = verb(name, "../etc")

    assert answer.exit_code == 2
    assert "not a model name" in answer.stderr


def test_review_rebuilds_the_page_of_a_version(
    verb: Callable[..., Result],
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    tmp_path: Path,
) -> None:
    """By default of the newest; people and programs get its path."""
    folder = tmp_path / model
    folder.mkdir()
    reviews.write_run(folder)
    for _ in range(2):
        package = make_package(model, approved=False)
        upload_folder(folder, package.metadata["evidence"], {})

    first = verb("review", model, "--version", "1")
    newest = verb("review", model, "--json")

    assert first.stdout == f"open build/{model}@1/index.html\n"
    shown = json.loads(newest.stdout)
    assert shown["page"] == f"build/{model}@2/index.html"
    assert (shown["model"], shown["verdict"]) == (model, "can-be-approved")
    for version in (1, 2):
        assert (repo / "build" / f"{model}@{version}" / "index.html").is_file()


@pytest.mark.parametrize(
    ("registered", "arguments", "message"),
    [
        (True, ["--version", "999"], "no version 999"),
        (False, [], "nothing is registered"),
    ],
)
def test_a_version_that_is_not_there_is_one_line(
    verb: Callable[..., Result],
    model: str,
    aws: EmbeddedAWS,
    registered: bool,
    arguments: list[str],
    message: str,
) -> None:
    """With exit code 1."""
    if registered:
        make_package(model)

    answer = verb("review", model, *arguments)

    assert answer.exit_code == 1
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_job_prints_the_address_of_its_page(
    verb: Callable[..., Result],
    repo: Path,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As CircleCI serves it; without a token GitHub is not called."""
    (repo / "build" / model).mkdir(parents=True)
    write_page(repo / "build" / model, model)
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)

    answer = verb("review", model, "--announce")

    assert (answer.exit_code, answer.stderr) == (0, "")
    assert answer.stdout == f"{PAGE}/{model}/index.html\n"


def test_a_github_that_does_not_answer_fails_no_job(
    verb: Callable[..., Result],
    repo: Path,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The address is printed all the same, and the error as a note."""
    (repo / "build" / model).mkdir(parents=True)
    write_page(repo / "build" / model, model)
    variables = JOB | {
        "GITHUB_TOKEN": "a-token-of-this-test",
        "GITHUB_API_URL": "http://127.0.0.1:1",
        "CIRCLE_SHA1": "0" * 40,
        "CIRCLE_PULL_REQUEST": "https://github.com/team/models/pull/7",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    answer = verb("review", model, "--announce")

    assert answer.exit_code == 0
    assert answer.stdout == f"{PAGE}/{model}/index.html\n"
    assert answer.stderr.startswith("note: GitHub: POST statuses/")


def test_without_a_page_nothing_is_announced(
    verb: Callable[..., Result], model: str
) -> None:
    """The model has to be run first."""
    answer = verb("review", model, "--announce")

    assert answer.exit_code == 2
    assert f"build/{model}/index.html: not there" in answer.stderr


def test_approve_takes_the_newest_of_this_content(
    verb: Callable[..., Result], repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """People get a line, programs the package."""
    content = contents.content(repo, model).fingerprint
    package = make_package(model, approved=False, fingerprint=content)

    first, *lines = verb("approve", model).stdout.splitlines()
    found = json.loads(verb("approve", model, "--json").stdout)

    assert first == (
        f"{model}: version 1 is Approved "
        f"(fingerprint {content[:12]}, run {package.run_id})"
    )
    known = package.metadata
    assert [line.split() for line in lines] == [
        ["digest", package.digest],
        ["image", package.image],
        ["archive", package.model_data, "sha256", known["archive_sha256"]],
        ["golden", known["golden"], "sha256", known["golden_sha256"]],
        ["evidence", f"{known['evidence']}/", "sha256", "none"],
        ["metrics", "rmse", "0.5"],
    ]
    assert (found["arn"], found["approval_status"]) == (package.arn, "Approved")
    assert found["digest"] == package.digest
    assert found["created"] == package.created.isoformat()


def test_approve_takes_a_named_version(
    verb: Callable[..., Result], model: str, aws: EmbeddedAWS
) -> None:
    """Of whatever content."""
    make_package(model, approved=False)

    answer = verb("approve", model, "--version", "1")

    assert answer.stdout.startswith(f"{model}: version 1 is Approved ")


def test_a_version_is_rejected_with_a_reason(
    verb: Callable[..., Result], repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """By default the newest of this content; `status` says who rejected it, and why."""
    content = contents.content(repo, model).fingerprint
    make_package(model, approved=False, fingerprint=content)
    make_package(model, approved=False)

    answer = verb("approve", model, "--reject", "--reason", "It calls too many")
    status = verb("status", model).stdout

    head, decision = answer.stdout.splitlines()
    assert head.startswith(f"{model}: version 1 is Rejected (fingerprint {content[:8]}")
    assert re.fullmatch(
        r"  decision  Rejected by arn:\S+, .*: It calls too many", decision
    )
    assert f"{model}: version 1: {decision.split(maxsplit=1)[1]}" in status
    assert "version 1 is Rejected: change what is wrong with it" in status
    assert find_package(model, 2).approval_status == "PendingManualApproval"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reject"], "--reject: needs --reason TEXT"),
        (["--reject", "--reason", " "], "--reason: empty"),
        (["--reason", "slow"], "--reason: only with --reject"),
        (["--reject", "--reason", "slow", "--this-workflow"], "--this-workflow: only"),
    ],
)
def test_a_rejection_without_a_reason_is_refused(
    verb: Callable[..., Result],
    model: str,
    aws: EmbeddedAWS,
    arguments: list[str],
    message: str,
) -> None:
    """So is a reason without a rejection; nothing is changed."""
    package = make_package(model, approved=False)

    answer = verb("approve", model, "--version", "1", *arguments)

    assert answer.exit_code == 2
    assert message in answer.stderr
    assert find_package(model) == package


def test_a_card_that_cannot_be_updated_is_noted(
    verb: Callable[..., Result], model: str, aws: EmbeddedAWS
) -> None:
    """The approval counts all the same."""
    make_package(model, approved=False)
    refusal = aws.inject(
        Fault(kind="expired-credentials", operation="DescribeModelCard", name=model)
    )

    answer = verb("approve", model, "--version", "1")
    aws.clear(refusal)

    assert answer.exit_code == 0
    assert "note: its model card has the status of before: AWS" in answer.stderr
    assert find_package(model).approval_status == "Approved"


def test_content_that_is_not_registered_is_an_error(
    verb: Callable[..., Result], model: str, aws: EmbeddedAWS
) -> None:
    """It lists the packages that there are."""
    make_package(model, approved=False)

    answer = verb("approve", model)

    assert answer.exit_code == 1
    assert "PendingManualApproval" in answer.stderr


@pytest.mark.parametrize(
    ("workflow", "arguments"), [("", []), ("workflow", ["--version", "1"])]
)
def test_the_workflows_own_package_is_known_in_circleci_only(
    verb: Callable[..., Result],
    model: str,
    aws: EmbeddedAWS,
    monkeypatch: pytest.MonkeyPatch,
    workflow: str,
    arguments: list[str],
) -> None:
    """A named version contradicts it."""
    if workflow:
        monkeypatch.setenv("CIRCLE_WORKFLOW_ID", workflow)

    answer = verb("approve", model, "--this-workflow", *arguments)

    assert answer.exit_code == 2
    assert "--this-workflow: only in CircleCI" in answer.stderr


def test_a_workflow_that_handed_nothing_over_is_told_what_to_rerun(
    verb: Callable[..., Result],
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A package of another workflow is not approved."""
    make_package(
        model, approved=False, fingerprint=contents.content(repo, model).fingerprint
    )
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", "workflow")

    answer = verb("approve", model, "--this-workflow")

    assert answer.exit_code == 2
    assert "train job hands it over" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_train_job_hands_over_what_it_has_registered(
    verb: Callable[..., Result],
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the approve job of the same workflow approves that."""
    package = make_package(
        model, approved=False, fingerprint=contents.content(repo, model).fingerprint
    )
    folder = repo / "build" / model
    folder.mkdir(parents=True)
    record = {"status": "succeeded", "results": package.results()}
    (folder / "train-register.json").write_text(json.dumps(record))
    upload_folder(folder, package.metadata["evidence"], {})
    monkeypatch.setenv("CIRCLE_WORKFLOW_ID", "workflow")

    written = verb("review", model, "--hand-over")
    approved = verb("approve", model, "--this-workflow")

    assert written.stdout == f"build/{model}/hand-over.json\n"
    assert approved.stdout.startswith(f"{model}: version 1 is Approved ")


@pytest.fixture
def two_versions(model: str, endpoint: None) -> None:
    """The second of two versions is live."""
    for _ in range(2):
        serve(make_package(model))


def test_rollback_prints_its_progress_and_the_outcome(
    verb: Callable[..., Result], model: str, two_versions: None
) -> None:
    """The former version is live then; `--to` names another one."""
    back = verb("rollback", model)
    forward = verb("rollback", model, "--to", "2")
    again = verb("rollback", model, "--version", "2")

    lines = [answer.stdout.splitlines()[-1] for answer in (back, forward, again)]
    assert lines == [
        f"{model}: version 1 is live, instead of version 2",
        f"{model}: version 2 is live, instead of version 1",
        f"{model}: version 2 is live, as it was before",
    ]
    assert len(back.stdout.splitlines()) > 1
    assert read_state(model).version == 2


@pytest.mark.parametrize("trouble", ["broken", "gone"])
def test_rollback_needs_no_model_yaml(
    verb: Callable[..., Result],
    repo: Path,
    model: str,
    two_versions: None,
    trouble: str,
) -> None:
    """It may be what is wrong; programs get the record alone."""
    if trouble == "broken":
        (repo / "models" / model / "model.yaml").write_text("name: [")
    else:
        shutil.rmtree(repo / "models" / model)

    answer = verb("rollback", model, "--json")

    assert answer.exit_code == 0, answer.output
    kept = json.loads((repo / "build" / model / "rollback.json").read_text())
    assert json.loads(answer.stdout) == kept
    assert (kept["status"], kept["version"], kept["from_version"]) == (
        "succeeded",
        1,
        2,
    )


def test_a_rollback_that_fails_is_an_error(
    verb: Callable[..., Result], repo: Path, model: str, two_versions: None
) -> None:
    """The record of it is kept."""
    answer = verb("rollback", model, "--to", "9999")

    assert answer.exit_code == 1
    assert "no version 9999" in answer.stderr
    kept = json.loads((repo / "build" / model / "rollback.json").read_text())
    assert kept["status"] == "failed"


def test_a_misspelt_model_has_nothing_live(
    verb: Callable[..., Result], repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """The error suggests the nearest name, and nothing is written."""
    answer = verb("rollback", f"{model}x")

    assert answer.exit_code == 1
    assert f"{model}x: nothing is live" in answer.stderr
    assert f"did you mean '{model}'?" in answer.stderr
    assert not (repo / "build").exists()


@pytest.fixture
def status(verb: Callable[..., Result], model: str) -> Callable[[], dict[str, Any]]:
    """Return the status of the model."""

    def row() -> dict[str, Any]:
        answer = verb("status", model, "--json")
        assert answer.exit_code == 0, answer.output
        (found,) = json.loads(answer.stdout)
        return found

    return row


def test_status_names_each_step_from_nothing_to_in_sync(
    repo: Path, model: str, status: Callable[[], dict[str, Any]], endpoint: None
) -> None:
    """Trained, approved, live: the step that is missing is the reason."""
    content = contents.content(repo, model).fingerprint
    reasons = [status()["why"]]
    package = make_package(model, approved=False, fingerprint=content)
    reasons.append(status()["why"])
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn, ModelApprovalStatus="Approved"
    )
    reasons.append(status()["why"].split(" by hand")[0])
    approve(model, arn=package.arn)
    reasons.append(status()["why"])
    serve(package)
    row = status()

    assert reasons == [
        "nothing is registered: train it",
        "version 1 waits for approval",
        "version 1 is Approved, but cannot be deployed: it was set to Approved",
        "version 1 is approved: deploy it",
    ]
    assert (row["in_sync"], row["why"]) == (True, "")
    assert row["content"] == row["live"]["fingerprint"] == content
    assert row["live"]["commit"] == package.commit
    assert row["live"]["run_id"] == package.run_id
    assert row["live"]["since"].startswith("20")


def test_status_tells_other_content_from_a_rollback(
    repo: Path, model: str, status: Callable[[], dict[str, Any]], endpoint: None
) -> None:
    """A rollback is out of sync on purpose."""
    serve(make_package(model))
    assert status()["why"] == "live version 1 has other content: train it"

    serve(make_package(model, fingerprint=contents.content(repo, model).fingerprint))
    assert status()["in_sync"]

    roll_back(model, wait_seconds=60, on_progress=str)
    assert status()["why"] == (
        "rolled back to version 1: fix this content and merge, or go forward again: "
        f"python -m runner rollback {model} --to 2"
    )


def test_status_knows_a_version_whose_deploy_failed(
    repo: Path,
    model: str,
    status: Callable[[], dict[str, Any]],
    endpoint: None,
    aws: EmbeddedAWS,
) -> None:
    """What is live, and since when, stays as it was."""
    serve(make_package(model))
    before = status()["live"]
    make_package(model, fingerprint=contents.content(repo, model).fingerprint)
    why = "live version 1 has other content; version 2 is approved"
    assert status()["why"] == f"{why}: deploy it"

    aws.inject(Fault(kind="ping-failure", name=model))
    with pytest.raises(EndpointError):
        serve(find_package(model, 2))

    row = status()
    failed = f"{why}, but its last deploy did not make it live: "
    assert row["why"].startswith(f"{failed}The primary container")
    assert row["live"] == before
    serve(find_package(model, 2))
    assert status()["in_sync"]


def test_after_an_update_that_was_rolled_back_a_model_is_in_sync(
    repo: Path,
    model: str,
    status: Callable[[], dict[str, Any]],
    endpoint: None,
    aws: EmbeddedAWS,
) -> None:
    """The endpoint has changed since, but serves what was verified."""
    serve(make_package(model, fingerprint=contents.content(repo, model).fingerprint))
    aws.inject(Fault(kind="ping-failure", name=model))
    with pytest.raises(EndpointError):
        serve(make_package(model, factor=2.0))

    assert status()["in_sync"]


def test_the_tags_of_another_tool_are_no_error(
    model: str, status: Callable[[], dict[str, Any]], endpoint: None
) -> None:
    """What it serves is unknown then."""
    package = make_package(model, fingerprint="e" * 64)
    now = serve(package)
    foreign = {"version": "v2.1", "since": "yesterday", "attempted": "main"}
    sagemaker = client("sagemaker")
    for arn in (now.arn, now.config_arn):
        sagemaker.add_tags(ResourceArn=arn, Tags=as_tags(foreign))

    live = status()["live"]

    assert (live["version"], live["status"]) == (0, "InService")
    assert live["since"].startswith("20")


def test_status_knows_what_no_deploy_has_verified(
    repo: Path,
    model: str,
    status: Callable[[], dict[str, Any]],
    endpoint: None,
    aws: EmbeddedAWS,
) -> None:
    """An update that goes on without its deploy, and the config it leaves."""
    content = contents.content(repo, model).fingerprint
    serve(make_package(model, fingerprint=content))
    config = ensure_config(make_package(model, fingerprint=content), ENDPOINT)
    slow = aws.inject(Fault(kind="endpoint-slow", name=model, seconds=30))
    client("sagemaker").update_endpoint(EndpointName=model, EndpointConfigName=config)
    assert status()["why"].startswith("the endpoint is Updating to version 2: wait")

    aws.clear(slow)
    waiter = client("sagemaker").get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=model, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    changed = "the endpoint has changed since a deploy verified it: deploy again"
    assert status()["why"].startswith(changed)


def test_people_get_a_table_of_all_models_and_the_reasons(
    verb: Callable[..., Result], repo: Path, model: str, endpoint: None
) -> None:
    """Only a package of this content is shown; times are in UTC."""
    verb("new", "zoo", "--like", model)
    serve(make_package(model, commit="c0ffee" * 6 + "-dirty"))
    since = f"{read_state(model).since:%Y-%m-%d %H:%M} UTC"

    lines = verb("status").stdout.splitlines()

    (row,) = (line.split("  ") for line in lines if "InService" in line)
    cells = [cell.strip() for cell in row if cell.strip()]
    assert cells == [model, "-", "1 InService", since, "c0ffeec-dirty", "no"]
    told = next(line for line in lines if line.startswith(f"{model}: version 1: "))
    assert told.endswith(f" UTC, digest {find_package(model).digest[:12]}")
    train = "--stage prepare --stage train-register"
    assert [line for line in lines[-5:] if "not committed" not in line] == [
        f"{model}: live version 1 has other content: train it",
        f"{model}: next: python -m runner run {model} {train}",
        "zoo: nothing is registered: train it",
        f"zoo: next: python -m runner run zoo {train}",
    ]


def test_status_of_a_misspelt_model_suggests_the_nearest(
    verb: Callable[..., Result], model: str, aws: EmbeddedAWS
) -> None:
    """With exit code 2."""
    answer = verb("status", f"{model}x")

    assert answer.exit_code == 2
    assert f"did you mean '{model}'?" in answer.stderr


def test_status_of_all_models_survives_a_broken_one(
    verb: Callable[..., Result], repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """It is named, with what is wrong; asked for by name, it is a wrong call."""
    shutil.copytree(repo / "models" / model, repo / "models/broken")
    (repo / "models/broken/model.yaml").write_text("a: [")

    answer = verb("status")

    assert answer.exit_code == 0
    assert "broken: models/broken/model.yaml:2: not YAML" in answer.stdout
    assert f"{model}: nothing is registered: train it" in answer.stdout
    assert verb("status", "broken").exit_code == 2


CIRCLECI = """\
#!/bin/sh
echo "$@" >> {calls}
[ ! -e {refuses} ] || {{ echo "it is not planned" >&2; exit 1; }}
"""


@pytest.fixture
def button(
    verb: Callable[..., Result],
    tmp_path: Path,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[list[Result], list[str]]]:
    """Press CircleCI's Rollback button: what rollback.yml does then, and its calls."""
    calls, refuses = tmp_path / "calls", tmp_path / "refuses"
    program = tmp_path / "bin" / "circleci"
    program.parent.mkdir()
    program.write_text(CIRCLECI.format(calls=calls, refuses=refuses))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    chosen = {
        "MODEL_NAME": model,
        "MODEL_VERSION": "1",
        "LIVE_VERSION": "2",
        "DEPLOY_ENVIRONMENT": "production",
        "DEPLOY_NAMESPACE": "<nil>",
        "DEPLOY_REASON": "too many\nalarms",
        "PIPELINE_ON_DEFAULT_BRANCH": "1",
    }

    def press(**given: str) -> tuple[list[Result], list[str]]:
        for name, value in (chosen | given).items():
            monkeypatch.setenv(name, value)
        calls.write_text("")
        answers = [
            verb("deploy-marker", "start", "--button"),
            verb("rollback", "--button"),
            verb("deploy-marker", "end", "--button"),
        ]
        return answers, calls.read_text().splitlines()

    return press


def test_circlecis_button_goes_back(
    button: Callable[..., tuple[list[Result], list[str]]],
    repo: Path,
    model: str,
    two_versions: None,
    tmp_path: Path,
) -> None:
    """Once, and from the version that was live when it was pressed.

    A deploy marker that CircleCI refuses stops nothing.
    """
    stale, told = button(LIVE_VERSION="7")
    assert [one.exit_code for one in stale] == [0, 1, 0]
    assert "version 2 is live, but version 7 was" in stale[1].stderr
    failed = f"run release update rollback-{model} --status=FAILED --failure-reason="
    assert told[2].startswith(f"{failed}{model}: version 2 is live, but version 7")
    (tmp_path / "refuses").touch()

    (start, back, end), told = button()

    assert [one.exit_code for one in (start, back, end)] == [0, 0, 0]
    assert start.stdout == "note: no deploy marker: it is not planned\n"
    assert f"{model}: version 1 is live, instead of version 2" in back.stdout
    kept = json.loads((repo / "build" / model / "rollback.json").read_text())
    assert (kept["version"], kept["reason"]) == (1, "too many alarms")
    # At the end it is planned anew, as it could not be planned at the start.
    assert [one.split()[2] for one in told] == ["plan", "update", "plan"]
    (tmp_path / "refuses").unlink()
    again, told = button()
    assert "version 1 is live, as it was before" in again[1].stdout
    assert told == [
        f"run release plan rollback-{model} --environment-name=production "
        f"--component-name={model} --target-version=1 --rollback",
        f"run release update rollback-{model} --status=RUNNING",
        f"run release update rollback-{model} --status=SUCCESS",
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"MODEL_NAME": "<nil>"}, "rollback: no component; "),
        ({"MODEL_NAME": "$(touch pwned)"}, "pwned"),
        ({"MODEL_NAME": "--help"}, "'--help'"),
        ({"MODEL_VERSION": "1; x"}, "'1; x': not a model package version"),
        ({"LIVE_VERSION": "v2"}, "'v2': not a model package version"),
        ({"DEPLOY_ENVIRONMENT": "staging"}, "deployed to 'production' only"),
        ({"DEPLOY_NAMESPACE": "kube"}, "namespace 'kube': endpoints have none"),
        ({"PIPELINE_ON_DEFAULT_BRANCH": "0"}, "only on the branch that is deployed"),
    ],
)
def test_a_wrong_choice_at_the_button_is_refused(
    button: Callable[..., tuple[list[Result], list[str]]],
    repo: Path,
    given: dict[str, str],
    told: str,
) -> None:
    """Before AWS is asked, in one line, and nothing is shown in CircleCI."""
    answers, calls = button(**given)
    assert [one.exit_code for one in answers] == [2, 2, 2]
    assert {one.stderr.count("\n") for one in answers} == {1}
    assert told in answers[1].stderr
    assert calls == []
    assert not (repo / "build").exists()


def test_the_button_or_a_model(verb: Callable[..., Result], model: str) -> None:
    """Not both, and not none."""
    for given in (["--button", model], ["--button", "--to", "1"], []):
        answer = verb("rollback", *given)
        assert answer.exit_code == 2
        assert "name a model" in answer.stderr or "CircleCI names" in answer.stderr


def test_a_deploy_marker_names_the_version_that_a_deploy_takes(
    verb: Callable[..., Result],
    button: Callable[..., tuple[list[Result], list[str]]],
    repo: Path,
    model: str,
    aws: EmbeddedAWS,
    tmp_path: Path,
) -> None:
    """The newest approved one; without one there is a note, and the deploy says why.

    A deploy that failed before its notebook began has its reason in source.json.
    """
    nothing = verb("deploy-marker", "start", model)
    assert nothing.exit_code == 0
    assert nothing.stdout.startswith("note: no deploy marker: ")
    content = contents.content(repo, model).fingerprint
    make_package(model, fingerprint=content)
    make_package(model, fingerprint=content, approved=False)
    assert (
        "deploy of version 1 is RUNNING" in verb("deploy-marker", "start", model).stdout
    )
    folder = repo / "build" / model
    folder.mkdir(parents=True)
    (folder / "source.json").write_text('{"error": "no\\nroom"}')
    assert "FAILED, no room" in verb("deploy-marker", "end", model).stdout
    calls = (tmp_path / "calls").read_text()
    assert f"plan deploy-{model}" in calls and "--target-version=1" in calls
    assert "--failure-reason=no room" in calls
