"""The continuation config: which jobs a pipeline runs, whatever text is in it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from circleci_simulator import (
    Job,
    Pipeline,
    check,
    check_pair,
    compile_jobs,
    executed,
    load,
)
from repository import Repository

from lifecycle.errors import CallError, LifecycleError
from runner.ci.config import (
    MAX_MODELS,
    Request,
    check_request,
    continuation,
    plain_line,
)
from runner.errors import SpecError
from runner.pipeline.release import HAND_OVER

CIRCLECI = Path(__file__).parents[3] / ".circleci"
DOCS = CIRCLECI.parent / "docs" / "circleci.md"
MAIN = Pipeline(branch="main")
FEATURE = Pipeline(branch="feature")
# The jobs of every pipeline.
ALWAYS = ["lint", "test-3.11", "test-3.13", "required"]
HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a; touch pwned",
    "a' && touch pwned && '",
    'a" && touch pwned && "',
    "<< pipeline.id >>",
    "a: {b: c}",
    "a\n      - evil: {type: no-op}",
    "#x",
    "&a",
    "*a",
    "!!python/object:x",
    "../../etc",
    ".",
    "..",
    "😀",
    "-rf",
    "ünïcode",
    "A",
    "",
]


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Three models and the project's own CircleCI files; no test changes them."""
    root = tmp_path_factory.mktemp("committed") / "clone"
    made = Repository(root, ("abalone", "churn"))
    made.model("fraud", approval="pre-approved")
    shutil.copytree(CIRCLECI, made.root / ".circleci")
    made.commit()
    return made


@pytest.fixture
def repository(tmp_path: Path, committed: Repository) -> Repository:
    """Three models and the project's own CircleCI files, committed on main."""
    return committed.copy(tmp_path / "clone")


def config(repository: Repository, *models: str, main: bool = False) -> str:
    request = Request(action="ci", models=models, on_default_branch=main)
    return continuation(repository.root, request)


def asked(
    repository: Repository, action: str, *, main: bool = True, **given: str
) -> str:
    request = check_request(action, on_default_branch=main, **given)  # type: ignore[arg-type]
    return continuation(repository.root, request)


def jobs(text: str) -> dict[str, Job]:
    return {job.name: job for job in compile_jobs(text)}


def test_a_branch_trains_reviews_and_approves(repository: Repository) -> None:
    """Beside the tests, only the jobs of the affected model run."""
    text = config(repository, "churn")
    assert executed(load(text), FEATURE) == [
        *ALWAYS,
        "train-churn",
        "review-churn",
        "approve-churn",
    ]
    assert check(text) == []


def test_a_package_is_approved_after_a_person_did(repository: Repository) -> None:
    """The approve job waits for the approval, and has a context of its own."""
    text = config(repository, "churn")
    assert "approve-churn" not in executed(load(text), FEATURE, approved=False)
    assert jobs(text)["approve-churn"].contexts == ("model-approvers",)
    failed = executed(load(text), FEATURE, outcomes={"train-churn": "failed"})
    assert "review-churn" not in failed


def test_the_approve_job_gets_what_the_train_job_hands_over(
    repository: Repository,
) -> None:
    """In the workspace of their workflow, in which no other job can write."""
    found = jobs(config(repository, "churn"))
    steps = {job: dict(found[f"{job}-churn"].steps) for job in ("train", "approve")}
    assert steps["train"]["persist_to_workspace"] == {
        "root": "build",
        "paths": [f"churn/{HAND_OVER}"],
    }
    assert steps["approve"]["attach_workspace"] == {"at": "build"}


def test_main_deploys(repository: Repository) -> None:
    """One deployment of a model at a time, in the context of the deployers."""
    text = config(repository, "abalone", "churn", main=True)
    assert executed(load(text), MAIN) == [*ALWAYS, "deploy-abalone", "deploy-churn"]
    workflow = yaml.safe_load(text)["workflows"]["churn"]["jobs"][0]["deploy"]
    assert workflow["serial-group"] == "<< pipeline.project.slug >>/deploy-churn"
    assert workflow["context"] == "model-deployers"
    assert check(text) == []


def test_a_model_with_an_environment_of_its_own_makes_it(
    repository: Repository,
) -> None:
    """Before the job has credentials; each lock has a cache of its own."""
    lock = "models/churn/requirements.txt"
    without = jobs(config(repository, "churn"))["train-churn"].steps
    repository.write(lock, "click==8\n")
    # A script's requirements are none of its notebooks.
    assert jobs(config(repository, "churn"))["train-churn"].steps == without
    repository.write("models/churn/requirements.in", "click==8\n")
    text, main = config(repository, "churn"), config(repository, "churn", main=True)
    assert check(text) == check(main) == []

    def commands(job: Job) -> list[str]:
        names = [dict(one[1] or {}).get("name", one[0]) for one in job.steps]
        return [name for name in names if "own env" in name or "Take the role" in name]

    trains, deploys = jobs(text)["train-churn"], jobs(main)["deploy-churn"]
    for job in (trains, deploys):
        assert commands(job) == [
            "Make the model's own environment",
            "Take the role of this job's context",
        ]
    keys = {
        str(key)
        for name, step in trains.steps
        if name.endswith("_cache")
        for key in (step.get("keys") or [step["key"]])
    }
    (plain,) = {str(step["key"]) for name, step in without if name == "save_cache"}
    assert keys == {f'{plain}-{{{{ checksum "{lock}" }}}}'}
    # What a branch may have written is not restored beside production credentials.
    assert [name for name, _ in deploys.steps if name.endswith("_cache")] == []


def test_a_pre_approved_model_has_no_review(repository: Repository) -> None:
    """With `approval: pre-approved` the merge is the approval."""
    assert executed(load(config(repository, "fraud")), FEATURE) == [
        *ALWAYS,
        "train-fraud",
    ]


@pytest.mark.parametrize("pipeline", [MAIN, FEATURE])
def test_without_affected_models_the_checks_run(
    repository: Repository, pipeline: Pipeline
) -> None:
    """GitHub waits for the required one in every pipeline."""
    text = config(repository)
    assert executed(load(text), pipeline) == ALWAYS
    assert check(text) == []


def test_a_retraining_on_main_deploys(repository: Repository) -> None:
    """Fresh data is trained on, reviewed, approved and deployed in one workflow."""
    text = asked(repository, "retrain", model="abalone")
    expected = ["train-abalone", "review-abalone", "approve-abalone", "deploy-abalone"]
    assert executed(load(text), MAIN) == ALWAYS + expected
    assert executed(load(text), MAIN, approved=False) == [*ALWAYS, "train-abalone"]
    assert check(text) == []


def test_a_retraining_reuses_nothing(repository: Repository) -> None:
    """A push may show what an earlier run left, a retraining never does."""
    pushed = jobs(asked(repository, "ci", main=False, selected=["abalone"]))
    asked_for = jobs(asked(repository, "retrain", model="abalone"))
    assert " --reuse " in str(pushed["train-abalone"].commands)
    assert " --no-reuse " in str(asked_for["train-abalone"].commands)


def test_a_retraining_of_a_pre_approved_model_needs_no_review(
    repository: Repository,
) -> None:
    """It is deployed as soon as it is trained."""
    text = asked(repository, "retrain", model="fraud")
    assert executed(load(text), MAIN) == [*ALWAYS, "train-fraud", "deploy-fraud"]
    failed = executed(load(text), MAIN, outcomes={"train-fraud": "failed"})
    assert "deploy-fraud" not in failed


def test_a_schedule_can_retrain_several(repository: Repository) -> None:
    """Models are named with commas between them, on any branch."""
    text = asked(repository, "retrain", model="fraud, churn", main=False)
    assert executed(load(text), FEATURE) == [
        *ALWAYS,
        "train-churn",
        "review-churn",
        "approve-churn",
        "train-fraud",
    ]


@pytest.mark.parametrize("version", ["", "17"])
def test_a_rollback_changes_one_endpoint(repository: Repository, version: str) -> None:
    """With a version or without."""
    text = asked(repository, "rollback", model="churn", version=version)
    assert executed(load(text), MAIN) == [*ALWAYS, "rollback-churn"]
    environment = jobs(text)["rollback-churn"].environment
    assert environment["MODEL_NAME"] == "churn"
    assert environment["MODEL_VERSION"] == version
    assert check(text) == []


@pytest.mark.parametrize("text", ["{", "approval: []", "description: {a: 1}", ""])
def test_a_broken_model_stops_no_other(repository: Repository, text: str) -> None:
    """Its own train job says what is wrong, and a person is asked all the same."""
    repository.write("models/churn/model.yaml", text)
    pipeline = load(asked(repository, "retrain", model="churn,fraud"))

    found = executed(pipeline, FEATURE)

    assert {"train-churn", "review-churn", "train-fraud"} <= {*found}


def test_a_rollback_needs_no_readable_spec(repository: Repository) -> None:
    """model.yaml may be what is broken on main."""
    repository.write("models/churn/model.yaml", "{")
    assert "rollback-churn" in asked(repository, "rollback", model="churn")


@pytest.mark.parametrize(
    ("action", "given", "message"),
    [
        ("ci", {"model": "churn"}, "only with action retrain or rollback"),
        ("ci", {"version": "1"}, "only with action rollback"),
        ("retrain", {}, "name at least one model"),
        ("retrain", {"model": "chrun"}, "did you mean 'churn'"),
        ("retrain", {"model": "churn", "version": "1"}, "only with action rollback"),
        ("rollback", {}, "name one model"),
        ("rollback", {"model": "churn,fraud"}, "name one model"),
        ("rollback", {"model": "chrun"}, "did you mean 'churn'"),
        ("rollback", {"model": "churn", "version": "0"}, "not a model package version"),
        ("rollback", {"model": "churn", "version": "1; x"}, "not a model package"),
        ("rollback", {"model": "churn", "main": False}, "branch that is deployed"),
        (
            "ci",
            {"selected": [f"m{n}" for n in range(MAX_MODELS + 1)]},
            "1001 models: CircleCI takes about 1000 .* `action: retrain`",
        ),
    ],
)
def test_a_wrong_request_is_refused(
    repository: Repository, action: str, given: dict[str, str], message: str
) -> None:
    """The setup job ends with the remedy."""
    with pytest.raises(CallError, match=message):
        asked(repository, action, **given)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model_name_reaches_no_yaml(
    repository: Repository, name: str
) -> None:
    """Neither as a folder nor as a parameter."""
    with pytest.raises(LifecycleError):
        config(repository, name)
    for action in ("retrain", "rollback"):
        with pytest.raises(LifecycleError):
            asked(repository, action, model=name)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_description_stays_a_description(
    repository: Repository, text: str
) -> None:
    """Free text becomes a value of MODEL_DESC, and stands nowhere else."""
    repository.model("abalone", description=json.dumps(text, ensure_ascii=False))

    written = config(repository, "abalone")

    assert check(written) == []
    assert executed(load(written), FEATURE) == [
        *ALWAYS,
        "train-abalone",
        "review-abalone",
        "approve-abalone",
    ]
    train = jobs(written)["train-abalone"]
    assert train.environment["MODEL_DESC"] == plain_line(text)
    ordinary = jobs(config(repository, "churn"))["train-churn"]
    assert [one["command"] for one in train.commands] == [
        one["command"] for one in ordinary.commands
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Age of an abalone.", "Age of an abalone."),
        ("two\n  lines\t\x00", "two lines"),
        ("a << b >> c <<<", "a < < b >> c < < <"),
        ("€ 😀", "€ 😀"),
        ("x" * 600, "x" * 512),
    ],
)
def test_a_description_is_one_line_without_config_syntax(
    text: str, expected: str
) -> None:
    """Only what YAML and CircleCI cannot take is removed."""
    assert plain_line(text) == expected


def test_the_same_input_gives_the_same_bytes(repository: Repository) -> None:
    """jobs.yml comes first, with its comments, then a workflow for each model."""
    one, two = config(repository, "churn"), config(repository, "churn")
    written = (CIRCLECI / "jobs.yml").read_text()
    assert one == two
    assert one.startswith(written)
    assert config(repository) == written
    assert one[len(written) :].splitlines()[1:4] == [
        "  churn:",
        "    jobs:",
        "      - train:",
    ]


def test_a_model_cannot_take_the_name_of_a_workflow(repository: Repository) -> None:
    """`test` is the workflow of every pipeline."""
    repository.model("test")
    with pytest.raises(SpecError, match="has a workflow of this name"):
        config(repository, "test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workflows: {}\njobs: {}\n", "must be its last key"),
        ("jobs: [", "not YAML"),
        ("", "must be its last key"),
    ],
)
def test_jobs_without_workflows_at_their_end_are_refused(
    repository: Repository, text: str, message: str
) -> None:
    """The workflows of the models are added at the end of the file."""
    repository.write(".circleci/jobs.yml", text)
    with pytest.raises(CallError, match=message):
        config(repository, "churn")


def test_a_missing_jobs_file_is_named(repository: Repository) -> None:
    """There is nothing to continue with."""
    (repository.root / ".circleci" / "jobs.yml").unlink()
    with pytest.raises(CallError, match=r"jobs\.yml: missing"):
        config(repository, "churn")


def test_the_two_configs_fit_together() -> None:
    """References, parameters, rules of setup workflows, limits and hangs."""
    setup = (CIRCLECI / "config.yml").read_text()
    assert check_pair(setup, (CIRCLECI / "jobs.yml").read_text()) == []


def test_setup_asks_aws_on_main_only() -> None:
    """Other branches select without credentials.

    Whoever may not use the context, such as a merge queue, selects by history.
    """
    setup = load((CIRCLECI / "config.yml").read_text())
    assert executed(setup, MAIN) == ["select-live"]
    assert executed(setup, FEATURE) == ["select"]
    barred = executed(setup, MAIN, outcomes={"select-live": "unauthorized"})
    assert barred == ["select-live", "select-by-history"]
    text = (CIRCLECI / "config.yml").read_text()
    found = {job.name: job for job in compile_jobs(text)}
    assert found["select"].contexts == ()
    assert found["select-live"].contexts == ("model-trainers",)
    assert not any("boto3" in one["command"] for one in found["select"].commands)


def test_circlecis_own_schema_accepts_all_configs(
    repository: Repository, tmp_path: Path
) -> None:
    """The published JSON schema, for the written and the generated ones."""
    generated = tmp_path / "generated.yml"
    generated.write_text(asked(repository, "retrain", model="churn,fraud"))
    tool = [sys.executable, "-m", "check_jsonschema"]
    files = [*sorted(CIRCLECI.glob("*.yml")), generated]
    assert len(files) == 4
    found = subprocess.run(
        [*tool, "--builtin-schema", "vendor.circle-ci", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stdout


def test_every_command_is_short(repository: Repository) -> None:
    """Logic belongs into the runner or a script, where it can be tested."""
    setup = (CIRCLECI / "config.yml").read_text()
    button = (CIRCLECI / "rollback.yml").read_text()
    for text in (setup, button, asked(repository, "retrain", model="churn")):
        for job in compile_jobs(text):
            for one in job.commands:
                assert len(one["command"].strip().splitlines()) <= 3


def test_artifacts_of_failed_jobs_are_stored(repository: Repository) -> None:
    """Notebooks and test results are stored however the steps before ended."""
    text = asked(repository, "retrain", model="churn")
    for name in ("test-3.11", "train-churn", "deploy-churn"):
        steps = jobs(text)[name].body["steps"]
        stored = [one["store_artifacts"] for one in steps if "store_artifacts" in one]
        assert stored == [{"path": "build", "when": "always"}]
    results = [
        one for one in jobs(text)["test-3.11"].body["steps"] if "store_test" in str(one)
    ]
    assert results[0]["store_test_results"]["when"] == "always"


def test_jobs_know_their_model_and_its_description(repository: Repository) -> None:
    """MODEL_NAME and MODEL_DESC are set in training and deployment."""
    repository.model("abalone", description="Age of an abalone.")
    text = asked(repository, "retrain", model="abalone")
    for name in ("train-abalone", "deploy-abalone"):
        given = jobs(text)[name].environment
        assert given == {"MODEL_NAME": "abalone", "MODEL_DESC": "Age of an abalone."}


def test_the_documentation_names_everything_to_set_up(repository: Repository) -> None:
    """Contexts, parameters and the required check."""
    documented = DOCS.read_text()
    text = asked(repository, "retrain", model="churn")
    contexts = {one for job in compile_jobs(text) for one in job.contexts}
    assert contexts == {"model-trainers", "model-approvers", "model-deployers"}
    for name in (*contexts, *load(text).section("parameters"), "test/required"):
        path = name.partition("/")[2]
        assert f"`{name}`" in documented or f"/{path}`" in documented


def script(
    command: str, folder: Path, *, fails: str = "", **environment: str
) -> tuple[int, str, str]:
    """Run a command with stubs of other programs.

    fails: a program that fails, and prints nothing.

    Returns:
        How it ended, what it wrote to standard error, and what it called.
    """
    log = folder / "log"
    for program in ("sleep", "circleci"):
        stub = folder / program
        ends = "exit 1" if program == fails else "echo fresh"
        stub.write_text(f'#!/bin/sh\necho {program} "$@" >> {log}\n{ends}\n')
        stub.chmod(0o755)
    given = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "TMPDIR": str(folder),
        "BASH_ENV": str(folder / "environment"),
    }
    (folder / "environment").touch()
    ended = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", command],
        env=given | environment,
        cwd=CIRCLECI.parent,
        timeout=60,
        check=False,
        capture_output=True,
        text=True,
    )
    return ended.returncode, ended.stderr, log.read_text() if log.exists() else ""


ROLE = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/model-trainer"}
TAKE_ROLE = "bash .circleci/take-role.sh"
RENEW_TOKEN = "bash .circleci/renew-token.sh"


def test_a_role_is_taken_with_the_token_of_the_job(tmp_path: Path) -> None:
    """boto3 finds both in the environment of the steps that follow."""
    script(TAKE_ROLE, tmp_path, **ROLE, CIRCLE_OIDC_TOKEN_V2="token")

    token = tmp_path / "circleci-oidc-token"
    assert token.read_text() == "token"
    assert token.stat().st_mode & 0o077 == 0
    exported = (tmp_path / "environment").read_text()
    assert f'export AWS_WEB_IDENTITY_TOKEN_FILE="{token}"' in exported


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (ROLE, "CIRCLE_OIDC_TOKEN_V2: not set"),
        ({**ROLE, "CIRCLE_OIDC_TOKEN_V2": ""}, "CIRCLE_OIDC_TOKEN_V2: not set"),
        (
            {"AWS_ROLE_ARN": "model-trainer", "CIRCLE_OIDC_TOKEN_V2": "token"},
            "AWS_ROLE_ARN: 'model-trainer' is not the ARN of a role",
        ),
        (
            {**ROLE, "CIRCLE_OIDC_TOKEN_V2": "token", "BASH_ENV": ""},
            "BASH_ENV: not set",
        ),
    ],
)
def test_without_a_token_the_step_is_red(
    tmp_path: Path, given: dict[str, str], missing: str
) -> None:
    """And says what is missing; the steps that follow find no half of a role."""
    status, error, _ = script(TAKE_ROLE, tmp_path, **given)
    assert (status, error.count("\n")) == (1, 1)
    assert error.startswith("take-role.sh: ") and missing in error
    assert (tmp_path / "environment").read_text() == ""
    assert not (tmp_path / "circleci-oidc-token").exists()


@pytest.mark.parametrize("keys", [{}, {"AWS_ACCESS_KEY_ID": "AKIA"}])
def test_access_keys_need_no_role(tmp_path: Path, keys: dict[str, str]) -> None:
    """Without a role, or with keys, the environment is left as it is."""
    status, error, _ = script(TAKE_ROLE, tmp_path, **(ROLE if keys else {}), **keys)
    assert status == 0
    assert ("neither AWS_ROLE_ARN nor AWS_ACCESS_KEY_ID" in error) == (not keys)
    assert (tmp_path / "environment").read_text() == ""
    assert not (tmp_path / "circleci-oidc-token").exists()


def test_a_token_is_renewed_while_the_job_runs(tmp_path: Path) -> None:
    """Every half hour, for as long as a job can take, if there is one."""
    organization = {"CIRCLE_ORGANIZATION_ID": "org"}
    assert "oidc" not in script(RENEW_TOKEN, tmp_path, **organization)[2]
    token = tmp_path / "circleci-oidc-token"
    token.write_text("old")
    status, error, log = script(RENEW_TOKEN, tmp_path, **organization)
    assert (status, error) == (0, "")
    assert log.count('circleci run oidc get --claims {"aud": "org"}') == 10
    assert token.read_text() == "fresh\n"


@pytest.mark.parametrize(
    ("organization", "status", "told", "calls"),
    [
        ("org", 0, "CircleCI gave no new token", 20),
        ("", 1, "CIRCLE_ORGANIZATION_ID", 0),
    ],
)
def test_a_token_that_cannot_be_renewed_stays(
    tmp_path: Path, organization: str, status: int, told: str, calls: int
) -> None:
    """It is tried again; an empty answer never takes the place of a token."""
    token = tmp_path / "circleci-oidc-token"
    token.write_text("old")
    ended = script(
        RENEW_TOKEN, tmp_path, fails="circleci", CIRCLE_ORGANIZATION_ID=organization
    )
    assert (ended[0], token.read_text()) == (status, "old")
    assert told in ended[1]
    assert ended[2].count("oidc get") == calls


def test_deploys_and_rollbacks_are_shown_in_circlecis_deploys(
    repository: Repository,
) -> None:
    """Before they begin, and however they end."""
    found = jobs(config(repository, "churn", main=True))
    found |= jobs(asked(repository, "rollback", model="churn"))
    found["button"] = jobs((CIRCLECI / "rollback.yml").read_text())["rollback"]
    for name in ("deploy-churn", "rollback-churn", "button"):
        steps = found[name].commands
        shown = [
            (at, one.get("when"))
            for at, one in enumerate(steps)
            if "runner deploy-marker" in one["command"]
        ]
        (work,) = [
            at
            for at, one in enumerate(steps)
            if re.search("runner (run|rollback)", one["command"])
        ]
        assert shown == [(work - 1, None), (work + 1, "always")]


def test_a_canceled_deploy_or_rollback_is_shown_as_canceled(
    repository: Repository,
) -> None:
    """By a job that runs then and only then, and needs no context."""
    button = (CIRCLECI / "rollback.yml").read_text()
    for text, job, after in (
        (config(repository, "churn", main=True), "deploy-churn", "mark-canceled-churn"),
        (
            asked(repository, "rollback", model="churn"),
            "rollback-churn",
            "mark-canceled-churn",
        ),
        (button, "rollback", "mark-canceled"),
    ):
        pressed = {"pipeline.deploy.component_name": "churn"}
        pipeline = Pipeline(branch="main", values=pressed)
        stage = job.partition("-")[0]
        for status, runs in (("canceled", True), ("failed", False), ("success", False)):
            found = executed(text, pipeline, outcomes={job: status})
            assert (after in found) == runs
        (last,) = [one for one in compile_jobs(text, pipeline) if one.name == after]
        assert last.environment["MARKER"] == f"{stage}-churn"
        assert last.contexts == ()
        assert "--status=CANCELED" in last.commands[-1]["command"]


def test_the_rollback_button_does_what_the_rollback_job_does(
    repository: Repository,
) -> None:
    """With the same context, and in turn with deploys; no free text is in a command."""
    text = (CIRCLECI / "rollback.yml").read_text()
    assert check(text) == []
    given = {"pipeline.deploy.component_name": "churn"}
    pressed = Pipeline(branch="main", values=given)
    button, _ = compile_jobs(text, pressed)
    asked_for = jobs(asked(repository, "rollback", model="churn"))["rollback-churn"]
    assert asked_for.contexts == ("model-deployers",)
    # The second one where deploys are pipelines of GitHub OAuth (docs/circleci.md).
    assert set(button.contexts) <= {"model-deployers", "model-rollbacks"}
    paths = {job.environment["PYTHONPATH"] for job in (button, asked_for)}
    assert len(paths) == 1
    names = [[one["name"] for one in job.commands] for job in (button, asked_for)]
    assert names[0][:4] == names[1][:4]
    (group,) = {
        one["serial-group"].replace("<< pipeline.deploy.component_name >>", "churn")
        for data in (text, config(repository, "churn", main=True))
        for workflow in yaml.safe_load(data)["workflows"].values()
        for entry in workflow["jobs"]
        if isinstance(entry, dict)
        for one in entry.values()
        if "serial-group" in one
    }
    assert group == "<< pipeline.project.slug >>/deploy-churn"
