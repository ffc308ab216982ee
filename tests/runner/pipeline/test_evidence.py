"""What a review needs besides the notebooks: written into a run's folder, and back."""

import json
import shutil
from pathlib import Path

import pytest
import reviews
from embedded_aws import EmbeddedAWS
from model_packages import ENDPOINT, delete_endpoint, make_package

from lifecycle.approval import approve
from lifecycle.aws import client, run_uri
from lifecycle.deploy import deploy
from lifecycle.errors import RegistryError, StorageError
from lifecycle.registration.packages import Package
from lifecycle.s3 import upload_folder, write_bytes, write_json
from runner import STAGES
from runner.errors import FileError
from runner.pipeline.evidence import (
    baseline,
    begin,
    build_page,
    dependencies,
    download,
    evidence_uri,
    rebuild_page,
    source_snapshot,
)
from runner.pipeline.plan import make_plan


@pytest.fixture
def snapshot(repo):
    """Take a snapshot of the toy model's source."""

    def take(environment=None, **overrides):
        plan = make_plan(repo, "toy", STAGES, overrides)
        return source_snapshot(plan, environment or {})

    return take


def test_settings_code_and_commit_are_recorded(snapshot):
    """All that a later version can be compared with."""
    record = snapshot(rows="4")

    assert record["settings"]["hyperparameters"]["num_round"] == 5
    assert record["given"] == {"rows": "4"}
    assert set(record["notebooks"]) == {"prepare", "train-register", "deploy"}
    assert record["subject"] == "Toy"
    assert record["branch"]
    assert (record["workflow"], record["pull_request"]) == ("", "")


def test_settings_are_those_of_the_run(snapshot):
    """With the overrides of the command line."""
    record = snapshot(**{"hyperparameters.num_round": "7"})

    assert record["settings"]["hyperparameters"]["num_round"] == 7


def test_each_code_cell_stands_under_its_heading(snapshot):
    """Without Markdown and outputs."""
    cells = snapshot()["notebooks"]["prepare"]["cells"]

    headings = [one["heading"] for one in cells]
    assert headings == ["Preparing"] * 2 + ["Nothing to see"] * 2
    assert cells[2]["source"].startswith("prefix = f")


def test_the_files_that_notebooks_use_are_recorded(repo, snapshot):
    """Code as text, other files and what all models share by their hashes."""
    folder = repo / "models" / "toy"
    (folder / "features.py").write_text("def transform(raw):\n    return raw\n")
    (folder / "codes.json").write_text("{}\n")
    files = snapshot()["files"]

    assert files["models/toy/features.py"].endswith("return raw\n")
    assert len(files["models/toy/codes.json"]) == 40
    assert not [one for one in files if one.endswith((".ipynb", "model.yaml"))]


def test_circleci_tells_branch_and_workflow(snapshot):
    """It checks out a commit without its branch."""
    environment = {"CIRCLE_BRANCH": "deeper", "CIRCLE_WORKFLOW_ID": "w"}
    record = snapshot(environment)

    assert (record["branch"], record["workflow"]) == ("deeper", "w")


def test_a_folder_without_git_has_no_subject(repo, snapshot):
    """Its settings and code are recorded all the same."""
    shutil.rmtree(repo / ".git")

    assert snapshot()["subject"] == ""


def test_dependencies_are_the_pinned_ones(tmp_path):
    """One that is pinned twice, for two platforms, has both versions."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(
        "# a comment\nmoto[s3,iam]==5.2.5\n    # via x==1\n"
        "numpy==2.4.0 ; python_version < '3.12'\nnumpy==2.5.0 ; sys_platform\nfree>=1\n"
    )

    assert dependencies(requirements) == {"moto": "5.2.5", "numpy": "2.4.0, 2.5.0"}
    assert dependencies(tmp_path / "none.txt") == {}


def test_a_run_begins_with_an_empty_folder(
    repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """Files of another run are not taken for this one's."""
    plan = make_plan(repo, model, STAGES, {})
    plan.folder.mkdir(parents=True)
    (plan.folder / "train-register.html").write_text("another run's")

    begin(plan)

    assert {path.name for path in plan.folder.iterdir()} == {
        "source.json",
        "baseline.json",
        "model-card.json",
    }
    source = json.loads((plan.folder / "source.json").read_text())
    assert source["evidence"] == run_uri(model, plan.run_id, "evidence")
    assert json.loads((plan.folder / "baseline.json").read_text()) == {}


def test_no_secret_is_written(
    repo: Path, model: str, aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values of the environment that are secret are masked wherever they stand."""
    monkeypatch.setenv("API_TOKEN", "correct-horse-battery")
    notebook = repo / "models" / model / "prepare.ipynb"
    text = notebook.read_text().replace("Nothing to see", "correct-horse-battery")
    notebook.write_text(text)
    plan = make_plan(repo, model, STAGES, {})

    begin(plan)

    assert "correct-horse-battery" not in (plan.folder / "source.json").read_text()


@pytest.fixture
def live(model: str, aws: EmbeddedAWS) -> Package:
    """A live version whose run left its evidence."""
    package = make_package(model)
    deploy(package, endpoint=ENDPOINT, on_progress=str)
    yield package
    delete_endpoint(model)


def test_the_baseline_is_what_the_live_version_left(
    model: str, live: Package, tmp_path: Path
) -> None:
    """It is copied, so that the comparison lasts when the version is gone."""
    folder = tmp_path / model
    folder.mkdir()
    reviews.write_run(folder)
    upload_folder(folder, run_uri(model, live.run_id, "evidence"), {})

    found = baseline(model)

    assert (found["version"], found["package"]) == (live.version, live.arn)
    assert found["source"]["subject"] == "text"
    assert found["data-summary"]["rows"] == 70
    assert found["parameters"]["train-register"]["gates"] == reviews.GATES
    assert found["evaluation"]["metrics"]["rmse"] == 2.0
    assert found["data_sha256"] == "text"
    assert found["rows"] == {"train": 70, "validation": 15, "test": 15}


def test_the_baseline_of_a_version_without_evidence_is_empty(
    model: str, live: Package
) -> None:
    """Only its number is known."""
    found = baseline(model)

    assert found["version"] == live.version
    assert (found["source"], found["evaluation"], found["rows"]) == (None, None, None)


def test_a_live_version_that_cannot_be_read_gives_the_reason(
    model: str, aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on, and its page says that the comparison is missing."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert "nothing answers" in baseline(model)["reason"]


def test_evidence_that_cannot_be_read_gives_the_reason(
    model: str, live: Package
) -> None:
    """For instance if a record was cut."""
    uri = run_uri(model, live.run_id, "evidence", "prepare.json")
    write_bytes(uri, b'{"status": ')

    assert "prepare.json: not JSON" in baseline(model)["reason"]


def test_evidence_of_the_wrong_kind_gives_the_reason(model: str, live: Package) -> None:
    """Another run wrote it, so it may be anything."""
    write_json(run_uri(model, live.run_id, "evidence", "prepare.json"), ["no record"])

    assert "malformed" in baseline(model)["reason"]


def test_a_live_version_whose_evidence_is_malformed_fails_no_run(
    repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """The page says that the comparison is missing."""
    plan = make_plan(repo, model, STAGES, {})
    begin(plan)
    reviews.write_run(plan.folder)
    malformed = {"version": 1, "source": {"notebooks": 5, "dependencies": []}}
    reviews.write(plan.folder / "baseline.json", malformed)

    page = build_page(plan, {}, {})

    assert "The live version could not be read: what its run left is malformed." in (
        page.read_text()
    )


def test_a_page_that_cannot_be_made_is_one_line(
    repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """A notebook can return anything."""
    plan = make_plan(repo, model, STAGES, {})
    begin(plan)
    reviews.write_training(plan.folder, reviews.evaluation(2.0))
    path = plan.folder / "train-register.json"
    record = json.loads(path.read_text())
    record["results"]["version"] = {"no": "number"}
    reviews.write(path, record)

    with pytest.raises(FileError, match="no review page can be made of what the note"):
        build_page(plan, {}, {})


@pytest.mark.parametrize("summary", [{"rows": 3, "columns": {}}, None])
def test_the_page_has_the_summary_of_the_rows(
    repo: Path, model: str, aws: EmbeddedAWS, summary: object
) -> None:
    """Rows that another notebook wrote may have none."""
    plan = make_plan(repo, model, STAGES, {})
    begin(plan)
    if summary:
        write_json(f"{evidence_uri(plan)}/data-summary.json", summary)

    train = run_uri(model, plan.run_id, "train", "train.csv")
    page = build_page(plan, {"prepare": {"train": train}}, {})

    assert page == plan.folder / "index.html"
    path = plan.folder / "data-summary.json"
    assert (json.loads(path.read_text()) if path.exists() else None) == summary


def test_the_page_of_any_version_is_rebuilt(
    repo: Path, model: str, aws: EmbeddedAWS, tmp_path: Path
) -> None:
    """From what its run left in S3, and with what was decided since."""
    package = make_package(model, approved=False)
    folder = tmp_path / model
    folder.mkdir()
    reviews.write_run(folder)
    upload_folder(folder, package.metadata["evidence"], {})
    write_bytes(f"{package.metadata['evidence']}/deeper/file.json", b"{}")
    make_package(model)
    approve(model, version=package.version, description="By Ada")

    page = rebuild_page(repo, model, package.version)

    text = page.read_text()
    assert page == repo / "build" / f"{model}@{package.version}" / "index.html"
    assert "✓ Approved" in text
    assert "By Ada" in text
    assert f"digest {package.digest[:12]}" in text
    assert "cannot be deployed" not in text
    assert (page.parent / "train-register.html").is_file()
    assert not (page.parent / "file.json").exists()


@pytest.fixture
def registered(repo: Path, model: str, aws: EmbeddedAWS, tmp_path: Path) -> Package:
    """A version whose run left all its evidence."""
    package = make_package(model, approved=False)
    folder = tmp_path / model
    folder.mkdir()
    reviews.write_run(folder)
    upload_folder(folder, package.metadata["evidence"], {})
    return package


HOSTILE_NAMES = ["..", "x" * 300, "prepare.html", "index.html", ".json", "prepare.py"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_only_what_a_run_leaves_is_fetched(
    repo: Path, model: str, registered: Package, name: str
) -> None:
    """And notebooks are rendered again, whatever page lies beside them."""
    evil = b"<script>evil()</script>"
    write_bytes(f"{registered.metadata['evidence']}/{name}", evil)

    page = rebuild_page(repo, model, None)

    files = {path.name for path in page.parent.iterdir()}
    assert name not in files - {"prepare.html", "index.html"}
    assert {path.parent for path in (repo / "build").rglob("*")} == {
        repo / "build",
        page.parent,
    }
    assert "evil()" not in "".join(one.read_text() for one in page.parent.iterdir())
    assert "How good it is" in (page.parent / "prepare.html").read_text()


MALFORMED_FILES = [
    ("prepare.json", b"[]"),
    ("prepare.json", b"{"),
    ("prepare.json", b'{"stage": "deploy", "status": "succeeded"}'),
    ("train-register.json", b'{"status": "great"}'),
    ("train-register.json", b'{"status": "succeeded", "results": 5}'),
    ("train-register.ipynb", b"5"),
    ("train-register.ipynb", b'{"nbformat": 4, "cells": [5]}'),
    ("source.json", b'{"settings": 5}'),
    ("data-summary.json", b'{"columns": 5}'),
    ("baseline.json", b'{"version": 1, "source": {"settings": 5}}'),
]


@pytest.mark.parametrize(("name", "content"), MALFORMED_FILES)
def test_evidence_that_was_changed_is_named(
    repo: Path, model: str, registered: Package, name: str, content: bytes
) -> None:
    """In one line; there is no page then that could be believed."""
    evidence = registered.metadata["evidence"]
    write_bytes(f"{evidence}/{name}", content)

    with pytest.raises(StorageError, match=r"not what a run leaves, .* train again"):
        rebuild_page(repo, model, None)


def test_the_page_of_a_version_that_was_edited_says_so(
    repo: Path, model: str, aws: EmbeddedAWS
) -> None:
    """It shows what was registered, which is not what the package says now."""
    package = make_package(model)
    write_bytes(f"{package.metadata['evidence']}/prepare.html", b"<p>")
    client("sagemaker").update_model_package(
        ModelPackageArn=package.arn,
        CustomerMetadataProperties={"metric.rmse": "0.1"},
    )

    folder = rebuild_page(repo, model, None).parent

    decided = json.loads((folder / "package.json").read_text())
    expected = "It cannot be deployed: it was changed after it was registered"
    assert expected in decided["approval_description"]


def test_the_newest_version_is_the_default(
    repo: Path, model: str, aws: EmbeddedAWS, tmp_path: Path
) -> None:
    """It need not be approved."""
    package = [make_package(model, approved=False) for _ in range(2)][-1]
    write_bytes(f"{package.metadata['evidence']}/prepare.html", b"<p>")

    page = rebuild_page(repo, model, None)

    assert page.parent.name == f"{model}@{package.version}"


def test_a_version_without_evidence_is_an_error(
    repo: Path, model: str, aws: EmbeddedAWS, tmp_path: Path
) -> None:
    """The error names the URI; a version that is not there is named as well."""
    with pytest.raises(StorageError, match="nothing is there; the run left no evid"):
        download(run_uri(model, "none", "evidence"), tmp_path, STAGES)
    with pytest.raises(RegistryError, match="nothing is registered"):
        rebuild_page(repo, model, None)
