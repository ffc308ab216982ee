"""The fingerprint of a model: which changes change it, and which do not."""

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
from runner.spec.fingerprint import (
    fingerprint,
    lifecycle_hash,
    serving_fingerprint,
    tracked_files,
)
from runner.spec.models import read_yaml

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
    """Change everything of a cell but its code."""
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
    "a notebook of its task": lambda root: toys.write(
        root / "notebooks/regression/train-register.ipynb", toys.code("1")
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
def test_a_change_that_cannot_change_the_model_keeps_the_fingerprint(
    repo: Path, edit: Edit
) -> None:
    """It needs no training and no approval."""
    before = fingerprint(repo, "toy")
    edit(repo)

    assert fingerprint(repo, "toy") == before


@pytest.mark.parametrize("edit", TELLING.values(), ids=TELLING)
def test_a_change_that_can_change_the_model_changes_the_fingerprint(
    repo: Path, edit: Edit
) -> None:
    """It is another model then."""
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
def test_the_serving_fingerprint_also_covers_the_deploy(
    repo: Path, edit: Edit, counts: bool
) -> None:
    """The same model for another endpoint is deployed again, but not trained."""

    def serving() -> str:
        return serving_fingerprint(repo, "toy", fingerprint(repo, "toy"))

    before = serving()
    edit(repo)

    assert (serving() != before) is counts


@pytest.mark.parametrize("name", TRACKED)
def test_every_other_tracked_file_counts(repo: Path, name: str) -> None:
    """Its content and its name do, whatever it is called."""
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


def test_a_fingerprint_is_a_sha256(repo: Path) -> None:
    """64 hexadecimal digits fit a tag and a metadata property."""
    assert int(fingerprint(repo, "toy"), 16) >= 0
    assert len(fingerprint(repo, "toy")) == 64


def test_a_fingerprint_is_the_same_in_every_clone(repo: Path, tmp_path: Path) -> None:
    """The path, the commit and the branch do not count."""
    clone = tmp_path / "another {place}"
    git(tmp_path, "clone", "-q", str(repo), str(clone))
    git(clone, "commit", "-q", "--allow-empty", "-m", "Squashed")

    assert fingerprint(clone, "toy") == fingerprint(repo, "toy")


def test_a_fingerprint_is_the_same_without_git(repo: Path, tmp_path: Path) -> None:
    """A downloaded archive has it too, and files that tools leave do not count."""
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


def test_a_link_counts_as_the_file_it_points_to(repo: Path) -> None:
    """Shared code may be linked into the folder."""
    (repo / "shared.py").write_text("1")
    (repo / MODEL / "features.py").symlink_to("../../shared.py")
    git(repo, "add", "-A")
    before = fingerprint(repo, "toy")
    (repo / "shared.py").write_text("2")

    assert fingerprint(repo, "toy") != before


def test_dead_links_and_deleted_files_are_no_error(repo: Path) -> None:
    """They are in git's index, but cannot be read."""
    (repo / MODEL / "dead").symlink_to("nowhere")
    (repo / MODEL / "folder").symlink_to("..")
    (repo / MODEL / "deleted.py").touch()
    git(repo, "add", "-A")
    (repo / MODEL / "deleted.py").unlink()

    assert len(fingerprint(repo, "toy")) == 64


def test_one_list_of_files_serves_many_models(repo: Path) -> None:
    """For a thousand fingerprints git is called once."""
    (repo / MODEL / "features.py").touch()
    git(repo, "add", "-A")
    tracked = tracked_files(repo)

    assert sorted(tracked["toy"]) == ["features.py", "model.yaml", "prepare.ipynb"]
    assert fingerprint(repo, "toy", tracked=tracked) == fingerprint(repo, "toy")


def test_a_repository_that_git_refuses_is_an_error(repo: Path) -> None:
    """All files instead of the tracked ones would silently be another content."""
    (repo / ".git/HEAD").write_text("nonsense")

    with pytest.raises(CallError, match="not a git repository; run"):
        fingerprint(repo, "toy")


def test_a_wrong_model_yaml_has_no_fingerprint(repo: Path) -> None:
    """The error is the one that every command shows."""
    replace(repo / MODEL / "model.yaml", "task: regression", "task: other")

    with pytest.raises(SpecError, match=r"models/toy/model\.yaml: task"):
        fingerprint(repo, "toy")


def test_a_caller_that_has_read_the_spec_gets_the_same(repo: Path) -> None:
    """A run reads model.yaml once."""
    data = read_yaml(repo, "toy")
    content = fingerprint(repo, "toy")

    assert fingerprint(repo, "toy", data=data) == content
    assert serving_fingerprint(repo, "toy", content, data=data) == (
        serving_fingerprint(repo, "toy", content)
    )


def test_the_hash_of_lifecycle_covers_each_of_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage is run again if the code that its notebook calls has changed."""
    (tmp_path / "__init__.py").touch()
    monkeypatch.setattr("lifecycle.__file__", str(tmp_path / "__init__.py"))
    seen = []
    for name, code in (("gates.py", "1"), ("gates.py", "2"), ("plots.py", "2")):
        (tmp_path / name).write_text(code)
        lifecycle_hash.cache_clear()
        seen.append(lifecycle_hash())
    lifecycle_hash.cache_clear()

    assert len(set(seen)) == 3
