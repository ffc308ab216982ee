"""`runner review`: any version's page, and where a reviewer finds it."""

import json

import pytest

from lifecycle.aws import run_uri
from lifecycle.registry import approve, create_package, list_packages
from lifecycle.s3 import read_json, write_bytes


@pytest.fixture
def run(invoke, repo, aws, monkeypatch):
    """Call the command line in the toy repository, against the embedded AWS."""
    monkeypatch.chdir(repo)
    return invoke


@pytest.fixture
def registered(run, repo):
    """A package of the toy model whose run left its evidence."""
    answer = run("run", "toy", "--stage", "prepare", "--stage", "train-register")
    assert answer.exit_code == 0, answer.output
    record = json.loads((repo / "build" / "toy" / "prepare.json").read_text())
    data = run_uri("toy", record["run_id"], "model", "model.tar.gz")
    write_bytes(data, b"a model")
    metadata = {"run_id": record["run_id"], "training_job": "job"}
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
    return create_package(
        "toy",
        image=image,
        model_data=data,
        metrics={"rmse": 0.2},
        metadata=metadata,
    )


def test_a_package_points_at_its_evidence(registered):
    """From the registry it is one step to the page."""
    kept = read_json(f"{registered.metadata['evidence']}/prepare.json")

    assert kept["run_id"] == registered.run_id


def test_any_version_is_fetched_and_rebuilt(run, repo, registered):
    """With what has been decided since; the run's own folder stays as it is."""
    own = (repo / "build" / "toy" / "index.html").read_bytes()
    approve("toy", version=registered.version, description="By Ada")

    answer = run("review", "toy", "--version", str(registered.version))

    folder = repo / "build" / f"toy@{registered.version}"
    page = (folder / "index.html").read_text()
    assert answer.exit_code == 0, answer.output
    assert answer.stdout == f"open build/{folder.name}/index.html\n"
    assert "✓ Approved" in page
    assert "By Ada" in page
    assert (folder / "train-register.html").is_file()
    assert (repo / "build" / "toy" / "index.html").read_bytes() == own


def test_the_newest_version_is_the_default(run, registered):
    """In JSON for programs."""
    newest = next(list_packages("toy")).version

    answer = run("review", "toy", "--json")

    assert json.loads(answer.stdout) == {
        "model": "toy",
        "page": f"build/toy@{newest}/index.html",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["toy", "--version", "999"], 1, "no version 999"),
        (["nobody"], 1, "nothing is registered"),
        (["../etc"], 2, "not a model name"),
    ],
)
def test_what_is_not_there_is_said(run, registered, arguments, code, says):
    """In one line."""
    answer = run("review", *arguments)

    assert answer.exit_code == code
    assert says in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_failed_run_has_its_page_in_s3_too(run, repo):
    """It says so at the top, in build/ and in the evidence."""
    path = repo / "models" / "toy" / "prepare.ipynb"
    path.write_text(path.read_text().replace("prefix = f", "1 / 0; prefix = f"))

    run("run", "toy", "--stage", "prepare")

    folder = repo / "build" / "toy"
    page = (folder / "index.html").read_text()
    run_id = json.loads((folder / "prepare.json").read_text())["run_id"]
    assert "Cannot be approved: prepare failed" in page
    assert "ZeroDivisionError" in page
    assert 'href="prepare.html#failed"' in page
    for name in ("source.json", "baseline.json"):
        assert read_json(run_uri("toy", run_id, "evidence", name)) is not None


def test_a_run_begins_with_an_empty_folder(run, repo):
    """What another run left is not taken for this one's."""
    run("run", "toy", "--stage", "prepare", "--stage", "train-register")
    run("run", "toy", "--stage", "prepare")

    names = {path.name for path in (repo / "build" / "toy").iterdir()}
    assert "prepare.html" in names
    assert "train-register.html" not in names


def test_one_page_leads_to_all_models(run, invoke, repo):
    """Those of this run, each with its answer."""
    invoke("new", "wine", "--like", "toy")
    run("run", "--all", "--stage", "prepare")

    page = (repo / "build" / "index.html").read_text()
    assert 'href="toy/index.html"' in page
    assert 'href="wine/index.html"' in page
    assert page.count("Nothing to approve yet") == 2


JOB = {"CIRCLE_WORKFLOW_JOB_ID": "job-id", "CIRCLE_NODE_INDEX": "0"}
URL = (
    "https://output.circle-artifacts.com/output/job/job-id/artifacts/0/"
    "build/toy/index.html"
)


def test_a_job_ends_with_the_address_of_its_page(run, monkeypatch):
    """As CircleCI serves it; GitHub is not asked without a token."""
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    run("run", "toy", "--stage", "prepare")

    answer = run("review", "toy", "--announce")

    assert answer.exit_code == 0, answer.output
    assert answer.stdout == f"{URL}\n"


def test_a_github_that_does_not_answer_fails_nothing(run, monkeypatch):
    """The address is printed all the same, the trouble above it."""
    given = JOB | {
        "GITHUB_TOKEN": "a-token-of-this-test",
        "GITHUB_API_URL": "http://127.0.0.1:1",
        "CIRCLE_SHA1": "0" * 40,
        "CIRCLE_PULL_REQUEST": "https://github.com/team/models/pull/7",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    run("run", "toy", "--stage", "prepare")

    answer = run("review", "toy", "--announce")

    assert answer.exit_code == 0
    assert answer.stdout == f"{URL}\n"
    assert answer.stderr.startswith("note: GitHub: POST statuses/")


def test_without_a_page_nothing_is_announced(run):
    """Somebody has to run the model first."""
    answer = run("review", "toy", "--announce")

    assert answer.exit_code == 2
    assert "build/toy/index.html: not there" in answer.stderr
