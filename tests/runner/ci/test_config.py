"""The continuation config: what each pipeline runs, and that nothing can slip in."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from circleci_simulator.checker import check, check_pair
from circleci_simulator.compiler import Job, compile_jobs, compiled_size
from circleci_simulator.document import load
from circleci_simulator.simulator import Pipeline, executed
from click.testing import CliRunner
from repository import NOTEBOOK, SPEC, Repository
from runner.cli.ci_config import command

from lifecycle.errors import CallError, LifecycleError
from runner.ci.config import (
    MAX_MODELS,
    Request,
    check_request,
    continuation,
    plain_line,
)
from runner.errors import SpecError

CIRCLECI = Path(__file__).parents[1] / ".circleci"
DOCS = CIRCLECI.parent / "docs" / "circleci.md"
MAIN = Pipeline(branch="main")
FEATURE = Pipeline(branch="feature")
ALWAYS = ["test", "required"]
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


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Three models and the project's own CircleCI files, committed on main."""
    made = Repository(tmp_path / "clone", ("abalone", "churn"))
    made.model("fraud", approval="pre-approved")
    shutil.copytree(CIRCLECI, made.root / ".circleci")
    made.commit()
    return made


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take away what CircleCI or a shell may have set."""
    for name in ("CIRCLE_BRANCH", "CIRCLE_TAG", "PIPELINE_ACTION", "PIPELINE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


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
    """Only the affected model's jobs run, beside the tests."""
    text = config(repository, "churn")
    assert executed(load(text), FEATURE) == [
        *ALWAYS,
        "train-churn",
        "review-churn",
        "approve-churn",
    ]
    assert check(text) == []


def test_nobody_approves_before_a_person_did(repository: Repository) -> None:
    """The approve job waits for the click, in a context of its own."""
    text = config(repository, "churn")
    assert "approve-churn" not in executed(load(text), FEATURE, approved=False)
    assert jobs(text)["approve-churn"].contexts == ("model-approvers",)
    failed = executed(load(text), FEATURE, outcomes={"train-churn": "failed"})
    assert "review-churn" not in failed


def test_main_deploys(repository: Repository) -> None:
    """One deployment at a time per model, by those who may."""
    text = config(repository, "abalone", "churn", main=True)
    assert executed(load(text), MAIN) == [*ALWAYS, "deploy-abalone", "deploy-churn"]
    workflow = yaml.safe_load(text)["workflows"]["churn"]["jobs"][0]["deploy"]
    assert workflow["serial-group"] == "<< pipeline.project.slug >>/deploy-churn"
    assert workflow["context"] == "model-deployers"
    assert check(text) == []


def test_a_pre_approved_model_has_no_review(repository: Repository) -> None:
    """A team that gates on the merge alone sees no approval."""
    assert executed(load(config(repository, "fraud")), FEATURE) == [
        *ALWAYS,
        "train-fraud",
    ]


@pytest.mark.parametrize("pipeline", [MAIN, FEATURE])
def test_nothing_affected_is_green(repository: Repository, pipeline: Pipeline) -> None:
    """The tests and the required check run all the same."""
    text = config(repository)
    assert executed(load(text), pipeline) == ALWAYS
    assert check(text) == []


def test_a_retraining_on_main_goes_all_the_way(repository: Repository) -> None:
    """Fresh data is trained, reviewed, approved and deployed in one workflow."""
    text = asked(repository, "retrain", model="abalone")
    expected = ["train-abalone", "review-abalone", "approve-abalone", "deploy-abalone"]
    assert executed(load(text), MAIN) == ALWAYS + expected
    assert executed(load(text), MAIN, approved=False) == [*ALWAYS, "train-abalone"]
    assert check(text) == []


def test_a_retraining_does_train_again(repository: Repository) -> None:
    """A branch may be shown what is registered; a retraining never is."""
    pushed = jobs(asked(repository, "ci", main=False, selected=["abalone"]))
    asked_for = jobs(asked(repository, "retrain", model="abalone"))
    assert " --reuse " in str(pushed["train-abalone"].commands)
    assert " --no-reuse " in str(asked_for["train-abalone"].commands)


def test_a_retraining_needs_no_review_where_none_is_asked_for(
    repository: Repository,
) -> None:
    """A pre-approved model is deployed when it is trained."""
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
    """It runs in the group of the deployments, with a version or without."""
    text = asked(repository, "rollback", model="churn", version=version)
    assert executed(load(text), MAIN) == [*ALWAYS, "rollback-churn"]
    assert jobs(text)["rollback-churn"].environment == {
        "MODEL_NAME": "churn",
        "MODEL_VERSION": version,
    }
    assert check(text) == []


def test_a_rollback_needs_no_readable_spec(repository: Repository) -> None:
    """What broke main must not stand in the way back."""
    repository.write("models/churn/model.yaml", "{")
    assert "rollback-churn" in asked(repository, "rollback", model="churn")


@pytest.mark.parametrize(
    ("action", "given", "told"),
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
        ("ci", {"part": 2}, "there are 1 now"),
    ],
)
def test_what_cannot_be_done_is_said(
    repository: Repository, action: str, given: dict[str, str], told: str
) -> None:
    """A wrong parameter ends the setup job with the remedy."""
    with pytest.raises(CallError, match=told):
        asked(repository, action, **given)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model_name_reaches_no_yaml(
    repository: Repository, name: str
) -> None:
    """Whoever names a model, in a folder or a parameter, cannot write config."""
    with pytest.raises(LifecycleError):
        config(repository, name)
    for action in ("retrain", "rollback"):
        with pytest.raises(LifecycleError):
            asked(repository, action, model=name)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_description_stays_a_description(
    repository: Repository, text: str
) -> None:
    """Free text arrives in MODEL_DESC, and nowhere else."""
    repository.model("abalone", description=json.dumps(text, ensure_ascii=False))

    written = config(repository, "abalone")

    assert check(written) == []
    assert executed(load(written), FEATURE)[2:] == [
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
    """What YAML, CircleCI or its limits would trip over is taken out, no more."""
    assert plain_line(text) == expected


@pytest.mark.parametrize("branch", [name for name in HOSTILE if name])
def test_a_hostile_branch_name_changes_nothing(
    repository: Repository, clean: pytest.MonkeyPatch, branch: str
) -> None:
    """The branch decides between training and deploying, and is never written."""
    clean.chdir(repository.root)
    repository.branch("feature")
    repository.commit("models/churn/x")
    usual = CliRunner().invoke(command, ["--branch", "feature"])
    clean.setenv("CIRCLE_BRANCH", branch)
    hostile = CliRunner().invoke(command, [])
    assert hostile.exit_code == 0
    assert hostile.stdout == usual.stdout
    assert not (repository.root / "pwned").exists()


def test_the_same_input_gives_the_same_bytes(repository: Repository) -> None:
    """What people wrote stands first, comments included, then one block a model."""
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
    ("text", "told"),
    [
        ("workflows: {}\njobs: {}\n", "must be its last key"),
        ("jobs: [", "not YAML"),
        ("", "must be its last key"),
    ],
)
def test_jobs_that_cannot_be_continued_are_refused(
    repository: Repository, text: str, told: str
) -> None:
    """Workflows are added at the end of the file, so that has to be their place."""
    repository.write(".circleci/jobs.yml", text)
    with pytest.raises(CallError, match=told):
        config(repository, "churn")


def test_missing_jobs_are_said(repository: Repository) -> None:
    """Without the file there is nothing to continue with."""
    (repository.root / ".circleci" / "jobs.yml").unlink()
    with pytest.raises(CallError, match=r"jobs\.yml: missing"):
        config(repository, "churn")


def test_both_configs_are_right() -> None:
    """Checked as a pair: references, parameters, setup rules, limits, hangs."""
    setup = (CIRCLECI / "config.yml").read_text()
    assert check_pair(setup, (CIRCLECI / "jobs.yml").read_text()) == []


def test_setup_asks_aws_on_main_only() -> None:
    """Other branches select without credentials."""
    setup = load((CIRCLECI / "config.yml").read_text())
    assert executed(setup, MAIN) == ["select-live"]
    assert executed(setup, FEATURE) == ["select"]
    text = (CIRCLECI / "config.yml").read_text()
    found = {job.name: job for job in compile_jobs(text)}
    assert found["select"].contexts == ()
    assert found["select-live"].contexts == ("model-trainers",)
    assert not any("boto3" in one["command"] for one in found["select"].commands)


def test_circlecis_own_schema_accepts_both(
    repository: Repository, tmp_path: Path
) -> None:
    """The published JSON schema finds nothing, also in what is generated."""
    generated = tmp_path / "generated.yml"
    generated.write_text(asked(repository, "retrain", model="churn,fraud"))
    tool = [sys.executable, "-m", "check_jsonschema"]
    files = [CIRCLECI / "config.yml", CIRCLECI / "jobs.yml", generated]
    found = subprocess.run(
        [*tool, "--builtin-schema", "vendor.circle-ci", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stdout


def test_every_command_is_short(repository: Repository) -> None:
    """Logic is in the runner or in a script, where it can be tested."""
    setup = (CIRCLECI / "config.yml").read_text()
    for text in (setup, asked(repository, "retrain", model="churn")):
        for job in compile_jobs(text):
            for one in job.commands:
                assert len(one["command"].strip().splitlines()) <= 3


def test_what_jobs_leave_is_kept_also_when_they_fail(repository: Repository) -> None:
    """Notebooks and test results are stored whatever happened before."""
    text = asked(repository, "retrain", model="churn")
    for name in ("test", "train-churn", "deploy-churn"):
        steps = jobs(text)[name].body["steps"]
        stored = [one["store_artifacts"] for one in steps if "store_artifacts" in one]
        assert stored == [{"path": "build", "when": "always"}]
    results = [
        one for one in jobs(text)["test"].body["steps"] if "store_test" in str(one)
    ]
    assert results[0]["store_test_results"]["when"] == "always"


def test_the_ancestors_variables_keep_their_meaning(repository: Repository) -> None:
    """MODEL_NAME and MODEL_DESC are the model's, in its training and deployment."""
    repository.model("abalone", description="Age of an abalone.")
    text = asked(repository, "retrain", model="abalone")
    for name in ("train-abalone", "deploy-abalone"):
        given = jobs(text)[name].environment
        assert given == {"MODEL_NAME": "abalone", "MODEL_DESC": "Age of an abalone."}


def test_the_documentation_names_everything_to_set_up(repository: Repository) -> None:
    """Contexts, parameters and the required check stand there; its policies parse."""
    told = DOCS.read_text()
    text = asked(repository, "retrain", model="churn")
    contexts = {one for job in compile_jobs(text) for one in job.contexts}
    assert contexts == {"model-trainers", "model-approvers", "model-deployers"}
    for name in (*contexts, *load(text).section("parameters"), "test/required"):
        assert f"`{name}`" in told or f"/{name.partition('/')[2]}`" in told
    blocks = [part.partition("```")[0] for part in told.split("```json\n")[1:]]
    assert len([json.loads(block) for block in blocks]) == 5


def script(name: str, folder: Path, **environment: str) -> str:
    """Run one of CircleCI's scripts with stubs of other programs, and give its log."""
    log = folder / "log"
    for program in ("sleep", "circleci"):
        stub = folder / program
        stub.write_text(f'#!/bin/sh\necho {program} "$@" >> {log}\necho fresh\n')
        stub.chmod(0o755)
    given = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "TMPDIR": str(folder),
        "BASH_ENV": str(folder / "environment"),
    }
    (folder / "environment").touch()
    call = ["bash", "-eo", "pipefail", "-c", name]
    subprocess.run(
        call, env=given | environment, cwd=CIRCLECI.parent, timeout=60, check=True
    )
    return log.read_text() if log.exists() else ""


def test_a_role_is_taken_by_the_jobs_own_token(tmp_path: Path) -> None:
    """boto3 finds role and token in the environment of the steps that follow."""
    role = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "CIRCLE_OIDC_TOKEN_V2": "token"}
    script("bash .circleci/take-role.sh", tmp_path, **role)

    token = tmp_path / "circleci-oidc-token"
    assert token.read_text() == "token"
    assert token.stat().st_mode & 0o077 == 0
    exported = (tmp_path / "environment").read_text()
    assert f'export AWS_WEB_IDENTITY_TOKEN_FILE="{token}"' in exported


@pytest.mark.parametrize("keys", [{}, {"AWS_ACCESS_KEY_ID": "AKIA"}])
def test_access_keys_need_no_role(tmp_path: Path, keys: dict[str, str]) -> None:
    """Without a role, or with keys, the environment is left as it is."""
    role = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/x"} if keys else {}
    script("bash .circleci/take-role.sh", tmp_path, **role, **keys)
    assert (tmp_path / "environment").read_text() == ""
    assert not (tmp_path / "circleci-oidc-token").exists()


def test_a_token_is_renewed_while_the_job_runs(tmp_path: Path) -> None:
    """Every half hour, for as long as a job can take, and only where there is one."""
    organization = {"CIRCLE_ORGANIZATION_ID": "org"}
    assert "oidc" not in script(
        "bash .circleci/renew-token.sh", tmp_path, **organization
    )
    token = tmp_path / "circleci-oidc-token"
    token.write_text("old")
    log = script("bash .circleci/renew-token.sh", tmp_path, **organization)
    assert log.count('circleci run oidc get --claims {"aud": "org"}') == 10
    assert token.read_text() == "fresh\n"


@pytest.mark.skipif(not shutil.which("jq"), reason="CircleCI's images have jq")
def test_the_deployed_version_is_marked(repository: Repository, tmp_path: Path) -> None:
    """The marker names the version of the results, and fails no deployment."""
    commands = jobs(config(repository, "churn", main=True))["deploy-churn"].commands
    marker = next(one["command"] for one in commands if "release log" in one["command"])
    record = tmp_path / "build" / "churn" / "deploy.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"results": {"version": 17}}')

    log = script(f"cd {tmp_path}\n{marker}", tmp_path, MODEL_NAME="churn")

    assert "release log --component-name=churn" in log
    assert "--target-version=17" in log


def monorepo(root: Path, count: int, affected: int) -> Repository:
    """Generate many models, of which a branch changes some."""
    made = Repository(root)
    for number in range(count):
        name = f"m{number:04}-{'x' * 34}"
        folder = root / "models" / name
        folder.mkdir()
        spec = SPEC.format(name=name, description="d" * 200, approval="manual")
        (folder / "model.yaml").write_text(spec)
        (folder / "prepare.ipynb").write_text(NOTEBOOK)
    shutil.copytree(CIRCLECI, root / ".circleci")
    made.commit()
    made.branch("feature")
    made.commit(*(f"models/m{n:04}-{'x' * 34}/data.sql" for n in range(affected)))
    return made


@pytest.mark.slow
def test_a_thousand_models(tmp_path: Path, clean: pytest.MonkeyPatch) -> None:
    """One changed model takes half a second; all of them stay below the limit."""
    made = monorepo(tmp_path / "clone", 1000, 1)
    clean.chdir(made.root)
    call = [sys.executable, "-m", "runner", "ci-config", "--branch", "feature"]

    times = []
    for _ in range(5):
        start = time.perf_counter()
        one = subprocess.run(call, capture_output=True, timeout=60, check=True)
        times.append(time.perf_counter() - start)
    made.commit("requirements.txt")
    every = subprocess.run(call, capture_output=True, timeout=120, check=True)

    assert one.stdout.decode().count("type: approval") == 1
    text = every.stdout.decode()
    assert text.count("type: approval") == MAX_MODELS
    assert compiled_size(text) < 8_000_000
    # Twice the promise, for machines that are busy with other things.
    assert min(times) < 1.0


def test_more_models_than_a_config_holds_come_in_parts(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is a pipeline; all but the last end red and name the next."""
    monkeypatch.setattr("runner.circleci.MODELS_PER_CONFIG", 2)
    models = ("abalone", "churn", "fraud")
    first = Request(action="ci", models=models, on_default_branch=True)
    last = Request(action="ci", models=models, on_default_branch=True, part=2)

    one, two = (continuation(repository.root, part) for part in (first, last))

    assert executed(load(one), MAIN) == [
        *ALWAYS,
        "deploy-abalone",
        "deploy-churn",
        "more-models",
    ]
    assert jobs(one)["more-models"].environment == {"NEXT_PART": "2 of 2"}
    assert executed(load(two), MAIN) == [*ALWAYS, "deploy-fraud"]
    assert check(one) == [] and check(two) == []


def test_the_verb_writes_the_config_alone(
    repository: Repository, clean: pytest.MonkeyPatch
) -> None:
    """Standard output is the config; what it is made from goes to standard error."""
    clean.chdir(repository.root)
    repository.branch("feature")
    repository.commit("models/churn/x")

    result = CliRunner().invoke(command, [])

    assert check(result.stdout) == []
    assert result.stdout == config(repository, "churn")
    assert "models/churn/x: in its folder" in result.stderr


def test_the_verb_takes_what_the_setup_job_sets(
    repository: Repository, clean: pytest.MonkeyPatch
) -> None:
    """Parameters come through the environment, with CircleCI's word for nothing."""
    clean.chdir(repository.root)
    clean.setenv("CIRCLE_BRANCH", "main")
    clean.setenv("PIPELINE_ACTION", "rollback")
    clean.setenv("PIPELINE_MODEL", "churn")
    clean.setenv("PIPELINE_VERSION", "<nil>")
    clean.setenv("PIPELINE_PART", "1")
    clean.setenv("PIPELINE_BASE_REVISION", "<nil>")

    result = CliRunner().invoke(command, [])

    assert result.stdout == asked(repository, "rollback", model="churn")


def test_the_setup_job_needs_little(tmp_path: Path) -> None:
    """Selecting and writing the config imports neither boto3 nor papermill."""
    seen = (
        "import sys, runner.cli.select, runner.cli.ci_config; "
        "print({'boto3', 'papermill', 'nbformat', 'rich', 'jinja2'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, timeout=60, check=True
    )
    assert found.stdout.decode().strip() == "set()"
