"""The verbs of CircleCI's setup job: `select` and `ci-config`."""

import json
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import toys
from circleci_simulator import check, compiled_size
from click.testing import Result
from embedded_aws import EmbeddedAWS
from model_packages import ENDPOINT, delete_endpoint, make_package, new_name
from repository import NOTEBOOK, SPEC, Repository

from lifecycle.deploy import deploy
from runner.ci.config import MAX_MODELS, check_request, continuation
from runner.spec import content as contents

CIRCLECI = Path(__file__).parents[3] / ".circleci"
MODELS = ("abalone", "churn", "fraud")
# A model changes this file in most of these tests.
FILE = "models/churn/data.sql"
# Branch names that would be code in a shell, in YAML or in a CircleCI expression.
HOSTILE = [
    "$(touch pwned)",
    "a' && touch pwned && '",
    "<< pipeline.id >>",
    "a: {b: c}",
    "a\n      - evil: {type: no-op}",
    "-rf",
    "../../etc",
]


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Three models and the project's own CircleCI files; no test changes them."""
    made = Repository(tmp_path_factory.mktemp("committed") / "clone", MODELS)
    shutil.copytree(CIRCLECI, made.root / ".circleci")
    made.commit()
    made.branch("feature")
    return made


@pytest.fixture
def repository(
    tmp_path: Path, committed: Repository, monkeypatch: pytest.MonkeyPatch
) -> Repository:
    """Three models and the project's own CircleCI files, on main and on `feature`."""
    made = committed.copy(tmp_path / "clone")
    monkeypatch.chdir(made.root)
    return made


def config(repository: Repository, action: str = "ci", **given: object) -> str:
    """Write the continuation config of a request for the default branch, or not."""
    given = {"on_default_branch": False} | given
    request = check_request(action, **given)  # type: ignore[arg-type]
    return continuation(repository.root, request)


def selected(answer: Result) -> list[str]:
    """Return the names of the models of `select --json`."""
    assert answer.exit_code == 0, answer.output
    return [model["name"] for model in json.loads(answer.stdout)["models"]]


def test_people_get_the_first_reasons(
    repository: Repository, invoke: Callable[..., Result]
) -> None:
    """The others are counted."""
    repository.commit(*(f"models/churn/{number}" for number in range(5)))

    text = invoke("select").stdout

    main = repository.git("rev-parse", "main")
    assert text.splitlines()[:2] == [f"1 model affected since {main[:12]}", "churn"]
    assert text.count(": new") == 3
    assert "and 2 more" in text


def test_programs_get_all_reasons(
    repository: Repository, invoke: Callable[..., Result]
) -> None:
    """With the commit that was compared with."""
    repository.commit(*(f"models/churn/{number}" for number in range(5)))

    found = json.loads(invoke("select", "--json").stdout)

    assert [model["name"] for model in found["models"]] == ["churn"]
    assert len(found["models"][0]["reasons"]) == 5
    assert found["base"] == repository.git("rev-parse", "main")


def test_deleted_models_and_notes_are_listed(
    repository: Repository, invoke: Callable[..., Result]
) -> None:
    """Nothing is done about a deleted model's endpoint."""
    repository.git("rm", "-qr", "models/churn")
    repository.commit()
    assert "churn: deleted here; its endpoint stays" in invoke("select").stdout

    repository.git("checkout", "-q", "--orphan", "new")
    repository.commit()
    assert "note: no common history with 'main'" in invoke("select").stdout


def test_a_tag_selects_nothing(
    repository: Repository,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pipeline for a tag has no branch, and nothing to train or deploy."""
    monkeypatch.setenv("CIRCLE_TAG", "v1")
    repository.git("checkout", "-q", "--detach")

    text = invoke("select").stdout

    assert text.startswith("0 models affected")
    assert "note: tag 'v1': trains and deploys nothing" in text


@pytest.mark.parametrize("how", ["--squash", "--no-ff", "--ff-only"])
def test_the_previous_push_comes_from_circlecis_variables(
    repository: Repository,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    """In whichever way the branch was merged."""
    before = repository.git("rev-parse", "main")
    repository.commit("models/abalone/a")
    repository.commit("models/churn/b")
    repository.checkout("main")
    repository.git("merge", "-q", how, "feature")
    repository.git("commit", "-q", "--allow-empty", "-m", "merged")
    monkeypatch.setenv("CIRCLE_BRANCH", "main")
    monkeypatch.setenv("PIPELINE_BASE_REVISION", before)

    assert selected(invoke("select", "--json")) == ["abalone", "churn"]


def test_on_main_live_endpoints_are_compared_too(
    tmp_path: Path,
    aws: EmbeddedAWS,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the environment has credentials, and only on the default branch."""
    served, missing = new_name(), new_name()
    here = Repository(tmp_path / "clone", (served, missing))
    here.commit()
    here.commit("README.md")
    monkeypatch.chdir(here.root)
    content = contents.content(here.root, served).fingerprint
    now = deploy(
        make_package(served, fingerprint=content), endpoint=ENDPOINT, on_progress=str
    )
    serving = contents.content(here.root, served).serving_fingerprint
    now.record_deployment(serving, here.git("rev-parse", "HEAD"))

    text = invoke("select").stdout
    on_branch = selected(invoke("select", "--branch", "feature", "--json"))
    delete_endpoint(served)

    assert text.endswith(f"\n{missing}\n  endpoint: not deployed yet\n")
    assert served not in text
    assert on_branch == []


def test_what_a_push_brought_is_not_guessed(
    repository: Repository,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A merge queue pushes several commits, and may not ask AWS what is live.

    GitHub App pipelines have no `pipeline.git.base_revision`.
    """
    repository.commit("models/abalone/a")
    repository.checkout("main")
    repository.git("merge", "-q", "feature")
    monkeypatch.setenv("CIRCLE_BRANCH", "main")
    assert selected(invoke("select", "--json")) == ["abalone"]
    monkeypatch.setenv("CIRCLECI", "true")
    monkeypatch.setenv("PIPELINE_BASE_REVISION", "<nil>")
    text = invoke("select").stdout
    assert text.startswith("3 models affected since the beginning")
    assert "neither the last push nor what is live is known: everything" in text


def test_a_merge_queue_trains_nothing(
    repository: Repository,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody reviews its branches; the checks of every pipeline run there."""
    repository.commit("models/abalone/a")
    queue = "gh-readonly-queue/main/pr-7-0123456789abcdef"
    monkeypatch.setenv("CIRCLE_BRANCH", queue)
    text = invoke("select").stdout
    assert text.startswith("0 models affected")
    assert f"note: merge queue '{queue}': trains and deploys nothing" in text


@pytest.mark.parametrize(
    ("branch", "told", "deploys"),
    [
        ("master", "1", True),
        ("master", "<nil>", True),
        ("trunk", "true", True),
        ("trunk", "", False),
        ("main", "0", False),
    ],
)
def test_the_default_branch_need_not_be_main(
    repository: Repository,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    branch: str,
    told: str,
    deploys: bool,
) -> None:
    """CircleCI tells, also where its checkout has no origin/HEAD; else git does."""
    repository.git("branch", "-m", "main", branch)
    repository.checkout(branch)
    repository.git("update-ref", f"refs/remotes/origin/{branch}", "HEAD")
    repository.commit("models/abalone/a")
    monkeypatch.setenv("CIRCLE_BRANCH", branch)
    monkeypatch.setenv("PIPELINE_ON_DEFAULT_BRANCH", told)

    found = invoke("ci-config", "--json")

    config = json.loads(found.stdout)["config"]
    assert ("- deploy:" in config.partition("\n  abalone:\n")[2]) == deploys


@pytest.mark.parametrize(
    ("missing", "note"),
    [
        ("AWS_DEFAULT_REGION", "note: live endpoints cannot be read: only git tells "),
        ("boto3", "note: boto3 is not installed: only git tells what is affected"),
    ],
)
def test_without_aws_git_alone_tells(
    repository: Repository,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    note: str,
) -> None:
    """Endpoints that cannot be read stop no test and no deployment."""
    repository.checkout("main")
    repository.commit(FILE)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    if missing == "boto3":
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        for module in ("boto3", "botocore"):
            monkeypatch.setitem(sys.modules, module, None)

    answer = invoke("select")

    assert answer.exit_code == 0, answer.output
    assert f"{FILE}: new" in answer.stdout
    assert note in answer.stdout
    assert len(answer.stdout.splitlines()) == 4


def test_the_verb_writes_the_config_alone(
    repository: Repository, invoke: Callable[..., Result]
) -> None:
    """The selection goes to standard error."""
    repository.commit(FILE)

    answer = invoke("ci-config")

    assert check(answer.stdout) == []
    assert answer.stdout == config(repository, selected=["churn"])
    assert f"{FILE}: new" in answer.stderr


def test_programs_get_the_config_as_a_string(
    repository: Repository, invoke: Callable[..., Result]
) -> None:
    """With the names of its models."""
    repository.commit(FILE)

    found = json.loads(invoke("ci-config", "--json").stdout)

    text = config(repository, selected=["churn"])
    assert found == {"models": ["churn"], "config": text}


def test_the_request_comes_from_the_environment(
    repository: Repository,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CircleCI writes `<nil>` for a value that a pipeline does not have."""
    monkeypatch.setenv("CIRCLE_BRANCH", "main")
    monkeypatch.setenv("PIPELINE_ACTION", "rollback")
    monkeypatch.setenv("PIPELINE_MODEL", "churn")
    monkeypatch.setenv("PIPELINE_VERSION", "<nil>")
    monkeypatch.setenv("PIPELINE_BASE_REVISION", "<nil>")

    answer = invoke("ci-config")

    expected = config(repository, "rollback", model="churn", on_default_branch=True)
    assert answer.stdout == expected


def test_a_wrong_request_is_a_wrong_call(
    repository: Repository, invoke: Callable[..., Result]
) -> None:
    """The setup job ends with exit code 2 and one line."""
    answer = invoke("ci-config", "--action", "retrain", "--model", "chrun")

    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.stderr == (
        "error: models/chrun: no such model; did you mean 'churn'?\n"
    )


@pytest.mark.parametrize("branch", HOSTILE)
def test_a_hostile_branch_name_changes_nothing(
    repository: Repository,
    invoke: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    branch: str,
) -> None:
    """It decides between training and deploying, and is written nowhere."""
    repository.commit(FILE)
    usual = invoke("ci-config", "--branch", "feature")

    monkeypatch.setenv("CIRCLE_BRANCH", branch)
    hostile = invoke("ci-config")

    assert hostile.exit_code == 0
    assert hostile.stdout == usual.stdout
    assert not (repository.root / "pwned").exists()


def monorepo(root: Path, count: int) -> Repository:
    """Make a repository with many models and long names, on main and on `feature`."""
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
    return made


@pytest.mark.slow
def test_a_thousand_models_are_no_problem(tmp_path: Path) -> None:
    """One changed model takes half a second; the config of all is small enough."""
    made = monorepo(tmp_path / "clone", MAX_MODELS)
    made.commit(f"models/m0000-{'x' * 34}/data.sql")

    one, seconds = _ci_config(made.root)
    toys.write(made.root / "notebooks/deploy.ipynb", toys.code("1"))
    made.commit()
    every, _ = _ci_config(made.root)

    assert one.count("type: approval") == 1
    assert every.count("type: approval") == MAX_MODELS
    # To compile all of them takes long, and they are alike.
    assert 10 * compiled_size(_shorter(every, MAX_MODELS // 10)) < 8_000_000
    # Twice the promise, for slow machines.
    assert seconds < 1.0


def _shorter(config: str, count: int) -> str:
    """Return a config with the workflows of so many models."""
    head, start, workflows = config.partition("\nworkflows:\n")
    return head + start + "".join(re.split(r"(?m)^(?=  \S)", workflows)[: count + 2])


def _ci_config(root: Path) -> tuple[str, float]:
    """Return the config, and the seconds of processor time that it took."""
    call = [sys.executable, "-m", "runner", "ci-config", "--branch", "feature"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = subprocess.run(
        call, cwd=root, capture_output=True, text=True, timeout=120, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return answer.stdout, used


def test_the_setup_job_installs_little() -> None:
    """Selecting and writing the config imports what its dependency group has."""
    seen = (
        "import sys, runner.cli.ci; "
        "print({'boto3', 'papermill', 'nbformat', 'rich', 'jinja2', 'requests'} "
        "& set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", seen],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert found.stdout.strip() == "set()"
