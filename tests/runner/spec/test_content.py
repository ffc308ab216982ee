"""The content of a model: which changes change it, and which do not."""

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
from runner.spec import differences
from runner.spec.content import (
    ENDPOINT,
    Content,
    content,
    content_in,
    graph_of,
    open_tree,
)

Edit = Callable[[Path], object]


def fingerprint(root: Path, model: str = "toy") -> str:
    return content(root, model).fingerprint


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Change")


def changes(root: Path, model: str = "toy") -> list[str]:
    """Describe what the last commit changed in a model's content."""
    before, after = content(root, model, "HEAD~1"), content(root, model, "HEAD")
    trained, _ = differences.changes(before, after)
    return trained


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


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def ignore(root: Path, name: str) -> None:
    write(root / ".git/info/exclude", name)
    write(root / name, "1")


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
    "an ignored file": lambda root: ignore(root, f"{MODEL}/scratch.csv"),
    "a folder that tools make": lambda root: write(
        root / MODEL / "__pycache__/a.pyc", "1"
    ),
    "code that nobody imports": lambda root: write(root / "features/dates.py", "1"),
    "a tool of developers": lambda root: write(
        root / "requirements-dev.txt", "ruff==1.0"
    ),
    "another model": lambda root: write(root / "models/other/features.py", "1"),
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
    "an untracked file": lambda root: write(root / MODEL / "scratch.py", "1"),
    "a cell's tag": lambda root: with_cells(
        root / MODEL / "prepare.ipynb",
        lambda cells: cells[-1]["metadata"].update(tags=["skip-execution"]),
    ),
    "a file that only begins like a README": lambda root: write(
        root / MODEL / "readme_rows.py", "1"
    ),
    "a README in another case": lambda root: write(root / MODEL / "ReadMe.py", "1"),
    "a folder named like a README": lambda root: write(
        root / MODEL / "README/x.csv", "1"
    ),
}
TRACKED = ["features.py", "other.ipynb", "a b/ü\n.txt", "sub/README.md"]


@pytest.mark.parametrize("edit", NEUTRAL.values(), ids=NEUTRAL)
def test_a_change_that_cannot_change_the_model_keeps_the_fingerprint(
    repo: Path, edit: Edit
) -> None:
    """It needs no training and no approval."""
    before = fingerprint(repo)
    edit(repo)

    assert fingerprint(repo) == before


@pytest.mark.parametrize("edit", TELLING.values(), ids=TELLING)
def test_a_change_that_can_change_the_model_changes_the_fingerprint(
    repo: Path, edit: Edit
) -> None:
    """It is another model then."""
    before = fingerprint(repo)
    edit(repo)

    assert fingerprint(repo) != before


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
    before = content(repo, "toy").serving_fingerprint
    edit(repo)

    assert (content(repo, "toy").serving_fingerprint != before) is counts


@pytest.mark.parametrize("name", TRACKED)
def test_every_other_tracked_file_counts(repo: Path, name: str) -> None:
    """Its content and its name do, whatever it is called."""
    path = repo / MODEL / name
    path.parent.mkdir(exist_ok=True)
    seen = [fingerprint(repo)]
    for text in ("1", "2"):
        toys.write(path, toys.code(text))
        git(repo, "add", "-A")
        seen.append(fingerprint(repo))
    path.rename(path.with_name("renamed"))
    git(repo, "add", "-A")

    assert len({*seen, fingerprint(repo)}) == 4


def test_a_fingerprint_is_a_sha256(repo: Path) -> None:
    """64 hexadecimal digits fit a tag and a metadata property."""
    assert int(fingerprint(repo), 16) >= 0
    assert len(fingerprint(repo)) == 64


def test_a_fingerprint_is_the_same_in_every_clone(repo: Path, tmp_path: Path) -> None:
    """The path, the commit and the branch do not count."""
    clone = tmp_path / "another {place}"
    git(tmp_path, "clone", "-q", str(repo), str(clone))
    git(clone, "commit", "-q", "--allow-empty", "-m", "Squashed")

    assert fingerprint(clone) == fingerprint(repo)


def test_a_fingerprint_is_the_same_without_git(repo: Path, tmp_path: Path) -> None:
    """A downloaded archive has it too, and files that tools leave do not count."""
    (repo / MODEL / "features.py").write_text("1")
    git(repo, "add", "-A")
    archive = tmp_path / "archive"
    shutil.copytree(repo, archive, ignore=shutil.ignore_patterns(".git"))
    for litter in ("__pycache__/a.pyc", ".ipynb_checkpoints/a.ipynb", ".DS_Store"):
        (archive / MODEL / litter).parent.mkdir(exist_ok=True)
        (archive / MODEL / litter).touch()

    assert fingerprint(archive) == fingerprint(repo)


def test_moving_the_shared_notebook_into_the_folder_changes_nothing(repo: Path) -> None:
    """The same code is the same model, wherever it is looked up."""
    before = fingerprint(repo)
    shared = repo / "notebooks/train-register.ipynb"
    shutil.copy(shared, repo / MODEL)
    git(repo, "add", "-A")

    assert fingerprint(repo) == before


def test_a_link_counts_as_the_file_it_points_to(repo: Path) -> None:
    """Shared code may be linked into the folder."""
    (repo / "shared.py").write_text("1")
    (repo / MODEL / "features.py").symlink_to("../../shared.py")
    git(repo, "add", "-A")
    before = fingerprint(repo)
    (repo / "shared.py").write_text("2")

    assert fingerprint(repo) != before


def test_dead_links_and_deleted_files_are_no_error(repo: Path) -> None:
    """They are in git's index, but cannot be read."""
    (repo / MODEL / "dead").symlink_to("nowhere")
    (repo / MODEL / "folder").symlink_to("..")
    (repo / MODEL / "deleted.py").touch()
    git(repo, "add", "-A")
    (repo / MODEL / "deleted.py").unlink()

    assert len(fingerprint(repo)) == 64


def test_a_repository_that_git_refuses_is_an_error(repo: Path) -> None:
    """All files instead of the tracked ones would silently be another content."""
    (repo / ".git/HEAD").write_text("nonsense")

    with pytest.raises(CallError, match="not a git repository; run"):
        fingerprint(repo)


def test_a_model_yaml_that_cannot_be_read_is_an_error(repo: Path) -> None:
    """The error names the file."""
    for text, message in (("a: [", "2: not YAML"), ("", " holds no keys")):
        (repo / MODEL / "model.yaml").write_text(text)
        with pytest.raises(SpecError, match=rf"models/toy/model\.yaml:{message}"):
            content(repo, "toy")
    with pytest.raises(SpecError, match=r"models/none/model\.yaml: missing"):
        content(repo, "none")


def test_a_revision_that_is_not_there_is_an_error(repo: Path) -> None:
    """It may have to be fetched first."""
    with pytest.raises(CallError, match="'v9': no such revision here; try `git fetch`"):
        content(repo, "toy", "v9")


def test_a_commit_has_the_content_of_its_checkout(repo: Path) -> None:
    """Whatever is in it, and nothing is pending then."""
    add_everything(repo)
    here, committed = content(repo, "toy"), content(repo, "toy", "HEAD")

    assert here.parts == committed.parts
    assert here.serving == committed.serving
    assert here.pending == ()


def add_everything(root: Path) -> None:
    """Commit shared modules, packages, links and data that the model uses."""
    write(root / "features/__init__.py", "")
    write(root / "features/common.py", "import numpy\nSHARE = 0.2\n")
    write(root / "features/dates.py", "from features import common\n")
    write(root / "shared/rows/one.csv", "1")
    write(root / "requirements.txt", LOCK)
    (root / MODEL / "rows").symlink_to("../../shared/rows")
    with_cells(
        root / MODEL / "prepare.ipynb",
        lambda cells: cells.insert(2, toys.code("from features.dates import common")),
    )
    commit(root)


LOCK = """\
ipython==9.0.0
lifecycle==1.0
    # via -r requirements.in
numpy==2.0.0
    # via pandas
pandas==3.0.0
    # via -r requirements.in
ruff==1.0
    # via -r requirements.in
six==1.17.0
    # via python-dateutil
"""
WAY = "features/common.py ← features/dates.py ← models/toy/prepare.ipynb"
# A change of one file, and what it changes of the content of the model.
SHARED = {
    "features/common.py": ("import numpy\nSHARE = 0.3\n", f"{WAY}: changed"),
    "features/__init__.py": (
        "1",
        "features/__init__.py ← models/toy/prepare.ipynb: changed",
    ),
    "features/other.py": ("1", ""),
    "shared/rows/one.csv": (
        "2",
        "shared/rows/one.csv ← models/toy/rows/one.csv: changed",
    ),
    "requirements.txt": (
        LOCK.replace("2.0.0", "2.0.1").replace("ruff==1.0", "ruff==1.1"),
        f"package numpy 2.0.0 → 2.0.1: {WAY}",
    ),
}


@pytest.mark.parametrize("name", SHARED)
def test_what_is_shared_counts_for_its_users(repo: Path, name: str) -> None:
    """With the way from the file that changed to the notebook."""
    add_everything(repo)
    text, change = SHARED[name]
    write(repo / name, text)
    commit(repo)

    assert changes(repo) == [change] * bool(change)


def test_a_shared_module_counts_for_nobody_else(repo: Path) -> None:
    """Another model does not import it."""
    add_everything(repo)
    shutil.copytree(repo / MODEL, repo / "models/other", symlinks=True)
    with_cells(repo / "models/other/prepare.ipynb", lambda cells: cells.pop(2))
    commit(repo)
    write(repo / "features/common.py", "import numpy\nSHARE = 0.3\n")
    commit(repo)

    assert changes(repo, "other") == []


def test_line_ends_of_a_checkout_do_not_count(repo: Path, tmp_path: Path) -> None:
    """Windows checks files out with others."""
    write(repo / MODEL / "features.py", "a = 1\nb = 2\n")
    commit(repo)
    clone = tmp_path / "clone"
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", str(repo), str(clone))
    git(clone, "config", "core.autocrlf", "true")
    assert b"\r\n" in (clone / MODEL / "features.py").read_bytes()

    assert fingerprint(clone) == fingerprint(repo)


def test_a_submodule_counts_by_its_files(repo: Path, tmp_path: Path) -> None:
    """A bump that changes them is new content, and so is one edited in place."""
    library = tmp_path / "library"
    write(library / "rows.py", "1")
    git(tmp_path, "init", "-q", str(library))
    commit(library)
    allow = ("-c", "protocol.file.allow=always")
    git(repo, *allow, "submodule", "add", "-q", str(library), f"{MODEL}/vendored")
    commit(repo)
    first = fingerprint(repo)
    write(repo / MODEL / "vendored/rows.py", "2")
    edited = content(repo, "toy")
    commit(repo / MODEL / "vendored")
    commit(repo)

    assert edited.pending == (f"{MODEL}/vendored/rows.py",)
    assert edited.fingerprint == fingerprint(repo) != first
    assert changes(repo) == [f"{MODEL}/vendored/rows.py: changed"]


@pytest.mark.parametrize(
    "code",
    ["%run ../../tools/rows.py", "exec(open('x').read())", "!python tools/rows.py"],
)
def test_code_that_cannot_be_followed_counts_everything(repo: Path, code: str) -> None:
    """What it runs may be any file, and `show` says why."""
    write(repo / "tools/rows.py", "1")
    with_cells(
        repo / MODEL / "prepare.ipynb", lambda cells: cells.insert(2, toys.code(code))
    )
    found = content(repo, "toy")
    write(repo / "tools/rows.py", "2")

    assert "the whole repository counts" in found.notes[0]
    assert f"{MODEL}/prepare.ipynb" in found.notes[0]
    assert fingerprint(repo) != found.fingerprint


def test_files_that_are_not_committed_are_named(repo: Path) -> None:
    """A helper that git does not know yet is content, and so is an edited one."""
    write(repo / MODEL / "helper.py", "1")
    write(repo / "notes.txt", "1")

    assert content(repo, "toy").pending == (f"{MODEL}/helper.py",)


def test_ignored_files_of_the_folder_are_named(repo: Path) -> None:
    """They do not count, which a reader should know."""
    ignore(repo, f"{MODEL}/rows.csv")

    assert content(repo, "toy").notes == (
        f"{MODEL}/rows.csv is ignored by git, and does not count",
    )


def test_models_share_what_is_read(repo: Path) -> None:
    """One tree serves many models."""
    tree = open_tree(repo)
    found = content_in(tree, "toy")

    assert isinstance(found, Content)
    assert found == content(repo, "toy")
    assert content_in(tree, "toy") == found


@pytest.mark.parametrize("model", ["abalone", "churn"])
def test_the_samples_are_followed(model: str) -> None:
    """Their code is found by its imports, and nothing else of the repository counts."""
    found = content(Path(__file__).parents[3], model)
    modules = {part.name for part in found.parts if part.kind == "module"}
    stages = {part.name for part in found.parts if part.kind == "notebook"}
    packages = {part.name for part in found.parts if part.kind == "package"}

    assert found.notes == ()
    assert {"lifecycle/data.py", "lifecycle/gates.py"} <= modules
    ours = ("lifecycle/", "packages/sagemaker-xgboost/")
    assert all(name.startswith(ours) for name in modules)
    assert stages == {"prepare", "train-register"}
    assert {"pandas", "xgboost-cpu"} <= packages
    assert [part.name for part in found.parts if part.kind == "file"] == []


def test_code_that_cannot_be_followed_any_more_is_told_in_one_line(repo: Path) -> None:
    """What only counts from now on, or until now, has not changed; what is new has."""
    write(repo / "tools/rows.py", "1")
    write(repo / "features/dates.py", "1")
    write(repo / "requirements.txt", LOCK)
    commit(repo)
    notebook = repo / MODEL / "prepare.ipynb"
    code = toys.code("import features.dates\n%run ../../tools/rows.py")
    with_cells(notebook, lambda cells: cells.insert(2, code))
    commit(repo)
    begun = changes(repo)
    with_cells(notebook, lambda cells: cells.pop(2))
    commit(repo)

    way = f"features/dates.py ← {MODEL}/prepare.ipynb"
    why = f"cannot be followed: {MODEL}/prepare.ipynb runs %run ../../tools/rows.py"
    code_changed = f"{MODEL}/prepare.ipynb: code changed"
    assert begun == [
        code_changed,
        f"{way}: new",
        f"{why}: the whole repository counts",
    ]
    assert changes(repo) == [
        code_changed,
        f"{way}: removed",
        f"{why}: the whole repository no longer counts",
    ]


def test_a_link_that_is_not_committed_is_named(repo: Path) -> None:
    """Though what it leads to is in the commit."""
    (repo / MODEL / "shared.py").symlink_to("../../requirements.txt")

    assert content(repo, "toy").pending == (f"{MODEL}/shared.py",)


def test_text_that_is_not_committed_is_not_named(repo: Path) -> None:
    """It is no content."""
    with_cells(repo / MODEL / "prepare.ipynb", lambda c: c.append(toys.text("More")))
    text_only = content(repo, "toy").pending
    with_cells(repo / MODEL / "prepare.ipynb", lambda c: c.append(toys.code("1")))

    assert text_only == ()
    assert content(repo, "toy").pending == (f"{MODEL}/prepare.ipynb",)


def test_features_of_raw_records_are_content(repo: Path) -> None:
    """A change of features.py, or of a file that it reads, is a new version."""
    folder = repo / "models" / "toy"
    before = fingerprint(repo)
    (folder / "features.py").write_text("def transform(raw): return raw\n")
    (folder / "codes.json").write_text("[1]")
    first = fingerprint(repo)
    (folder / "features.py").write_text("def transform(raw): return raw * 2\n")
    second = fingerprint(repo)
    (folder / "codes.json").write_text("[2]")
    assert len({before, first, second, fingerprint(repo)}) == 4


def test_the_code_that_serves_raw_records_is_content() -> None:
    """It is packed beside models; where it runs, it imports what is not here."""
    root = Path(__file__).parents[3]
    graph = graph_of(open_tree(root))
    for notebook in sorted((root / "notebooks").rglob("train-register.ipynb")):
        found = graph.inputs(notebook.relative_to(root).as_posix())
        assert (found.unfollowed, found.unknown) == ("", "")
        assert set(found.modules) >= ENDPOINT
