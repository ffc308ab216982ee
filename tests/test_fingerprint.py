"""The content identity of a model: what changes it and what does not."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toys

from lifecycle.errors import CallError
from runner.errors import SpecError
from runner.spec.fingerprint import fingerprint, serving_fingerprint, tracked_files

Edit = Callable[[Path], object]


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=toy", "-c", "user.email=toy@example.com"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def with_cells(path: Path, change: Callable[[list[Any]], object]) -> None:
    """Change a notebook's cells."""
    notebook = json.loads(path.read_text())
    change(notebook["cells"])
    path.write_text(json.dumps(notebook))


def run_cells(cells: list[Any]) -> None:
    """Change all of a cell that is not its code."""
    for number, cell in enumerate(cells):
        cell["id"] = f"other-{number}"
        cell["metadata"]["collapsed"] = True
        if cell["cell_type"] == "markdown":
            cell["source"] = "# Another title"
            continue
        cell["execution_count"] = number
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]
        # Jupyter writes lines, other tools one text; Windows ends lines otherwise.
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")


MODEL = "models/toy"
NEUTRAL: dict[str, Edit] = {
    "outputs, ids, metadata, markdown, line ends": lambda root: with_cells(
        root / MODEL / "prepare.ipynb", run_cells
    ),
    "the same in the shared notebook": lambda root: with_cells(
        root / "notebooks/train-register.ipynb", run_cells
    ),
    "empty and markdown cells": lambda root: with_cells(
        root / MODEL / "prepare.ipynb",
        lambda cells: cells.extend([toys.text("More"), toys.code(" ")]),
    ),
    "the shared deploy": lambda root: toys.write(root / "notebooks/deploy.ipynb"),
    "a comment": lambda root: replace(
        root / MODEL / "model.yaml", "task:", "# why\ntask:"
    ),
    "the order of keys": lambda root: replace(
        root / MODEL / "model.yaml",
        "name: toy\ntask: regression\n",
        "task: regression\nname: toy\n",
    ),
    "description and owner": lambda root: replace(
        root / MODEL / "model.yaml", "name: toy", "name: toy\nowner: me\ndescription: x"
    ),
    "approval": lambda root: replace(
        root / MODEL / "model.yaml", "name: toy", "name: toy\napproval: pre-approved"
    ),
    "endpoint": lambda root: replace(
        root / MODEL / "model.yaml", "instance_type: ml.m5.large", "serverless: {}"
    ),
    "the model card": lambda root: (root / MODEL / "README.md").write_text("# Toy"),
    "an untracked file": lambda root: (root / MODEL / "scratch.py").write_text("1"),
    "another model": lambda root: (root / "models/other").mkdir(),
    "an executable bit": lambda root: (root / MODEL / "model.yaml").chmod(0o755),
}
TELLING: dict[str, Edit] = {
    "code": lambda root: with_cells(
        root / MODEL / "prepare.ipynb", lambda cells: cells.insert(2, toys.code("1"))
    ),
    "the order of cells": lambda root: with_cells(
        root / MODEL / "prepare.ipynb", lambda cells: cells.reverse()
    ),
    "a default": lambda root: replace(
        root / MODEL / "prepare.ipynb", "rows: int = 3", "rows: int = 4"
    ),
    "the shared notebook's code": lambda root: replace(
        root / "notebooks/train-register.ipynb", "1 / hyper", "2 / hyper"
    ),
    "a notebook of its own": lambda root: toys.write(
        root / MODEL / "train-register.ipynb", toys.code("1")
    ),
    "a hyperparameter": lambda root: replace(
        root / MODEL / "model.yaml", "num_round: 5", "num_round: 6"
    ),
    "a gate": lambda root: replace(root / MODEL / "model.yaml", "max: 2.5", "max: 2"),
    "the data": lambda root: replace(root / MODEL / "model.yaml", "toy.csv", "t.csv"),
    "a dependency": lambda root: (root / "requirements.txt").write_text("papermill"),
}
TRACKED = ["features.py", "deploy.ipynb", "a b/ü\n.txt", "sub/README.md"]


@pytest.mark.parametrize("edit", NEUTRAL.values(), ids=NEUTRAL)
def test_what_does_not_determine_the_model_does_not_count(
    repo: Path, edit: Edit
) -> None:
    """Such a change needs no training and no approval."""
    before = fingerprint(repo, "toy")
    edit(repo)

    assert fingerprint(repo, "toy") == before


@pytest.mark.parametrize("edit", TELLING.values(), ids=TELLING)
def test_what_determines_the_model_counts(repo: Path, edit: Edit) -> None:
    """Such a change makes it another model."""
    before = fingerprint(repo, "toy")
    edit(repo)

    assert fingerprint(repo, "toy") != before


@pytest.mark.parametrize(
    ("edit", "counts"),
    [
        (NEUTRAL["endpoint"], True),
        (NEUTRAL["the shared deploy"], True),
        (TELLING["code"], True),
        (NEUTRAL["description and owner"], False),
        (NEUTRAL["outputs, ids, metadata, markdown, line ends"], False),
    ],
    ids=["endpoint", "deploy", "code", "description", "outputs"],
)
def test_what_is_served_and_how_makes_a_deployment(
    repo: Path, edit: Edit, counts: bool
) -> None:
    """The same model on another endpoint is deployed anew, and not trained."""
    before = serving_fingerprint(repo, "toy")
    edit(repo)

    assert (serving_fingerprint(repo, "toy") != before) is counts


@pytest.mark.parametrize("name", TRACKED)
def test_every_other_tracked_file_counts(repo: Path, name: str) -> None:
    """By its content and its name, whatever it is called."""
    path = repo / MODEL / name
    path.parent.mkdir(exist_ok=True)
    seen = [fingerprint(repo, "toy")]
    for content in ("1", "2"):
        toys.write(path, toys.code(content))
        git(repo, "add", "-A")
        seen.append(fingerprint(repo, "toy"))
    path.rename(path.with_name("renamed"))
    git(repo, "add", "-A")

    assert len({*seen, fingerprint(repo, "toy")}) == 4


def test_it_is_a_sha256(repo: Path) -> None:
    """64 hexadecimal digits fit a tag and a metadata property."""
    assert int(fingerprint(repo, "toy"), 16) >= 0
    assert len(fingerprint(repo, "toy")) == 64


def test_it_is_the_same_in_every_clone(repo: Path, tmp_path: Path) -> None:
    """The path, the commit and the branch do not count."""
    clone = tmp_path / "another {place}"
    git(tmp_path, "clone", "-q", str(repo), str(clone))
    git(clone, "commit", "-q", "--allow-empty", "-m", "Squashed")

    assert fingerprint(clone, "toy") == fingerprint(repo, "toy")


def test_it_is_the_same_without_git(repo: Path, tmp_path: Path) -> None:
    """A downloaded archive has it too; what tools leave behind does not count."""
    (repo / MODEL / "features.py").write_text("1")
    git(repo, "add", "-A")
    archive = tmp_path / "archive"
    shutil.copytree(repo, archive, ignore=shutil.ignore_patterns(".git"))
    for litter in ("__pycache__/a.pyc", ".ipynb_checkpoints/a.ipynb", ".DS_Store"):
        (archive / MODEL / litter).parent.mkdir(exist_ok=True)
        (archive / MODEL / litter).touch()

    assert fingerprint(archive, "toy") == fingerprint(repo, "toy")


def test_moving_the_shared_notebook_into_the_folder_changes_nothing(repo: Path) -> None:
    """The same code is the same model, wherever it is looked up."""
    before = fingerprint(repo, "toy")
    shared = repo / "notebooks/train-register.ipynb"
    shutil.copy(shared, repo / MODEL)
    git(repo, "add", "-A")

    assert fingerprint(repo, "toy") == before


def test_a_link_counts_as_what_it_leads_to(repo: Path) -> None:
    """Shared code that is linked into the folder determines the model."""
    (repo / "shared.py").write_text("1")
    (repo / MODEL / "features.py").symlink_to("../../shared.py")
    git(repo, "add", "-A")
    before = fingerprint(repo, "toy")
    (repo / "shared.py").write_text("2")

    assert fingerprint(repo, "toy") != before


def test_dead_links_and_deleted_files_are_no_obstacle(repo: Path) -> None:
    """They are in the index and cannot be read."""
    (repo / MODEL / "dead").symlink_to("nowhere")
    (repo / MODEL / "folder").symlink_to("..")
    (repo / MODEL / "deleted.py").touch()
    git(repo, "add", "-A")
    (repo / MODEL / "deleted.py").unlink()

    assert len(fingerprint(repo, "toy")) == 64


def test_one_list_of_files_serves_many_models(repo: Path) -> None:
    """Who asks for a thousand fingerprints asks git once."""
    (repo / MODEL / "features.py").touch()
    git(repo, "add", "-A")
    tracked = tracked_files(repo)

    assert sorted(tracked["toy"]) == ["features.py", "model.yaml", "prepare.ipynb"]
    assert fingerprint(repo, "toy", tracked=tracked) == fingerprint(repo, "toy")


def test_a_repository_that_git_refuses_is_an_error(repo: Path) -> None:
    """Taking all files instead would silently be another identity."""
    (repo / ".git/HEAD").write_text("nonsense")

    with pytest.raises(CallError, match="not a git repository; run"):
        fingerprint(repo, "toy")


def test_a_model_with_a_wrong_spec_has_none(repo: Path) -> None:
    """The error is the spec's own."""
    replace(repo / MODEL / "model.yaml", "task: regression", "task: other")

    with pytest.raises(SpecError, match=r"models/toy/model\.yaml: task"):
        fingerprint(repo, "toy")
