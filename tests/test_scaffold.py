"""A new model begins as a copy."""

import json

import pytest

from lifecycle.errors import CallError
from runner.errors import SpecError
from runner.notebook.parameters import read_signature
from runner.spec.models import list_models, load_spec, scaffold


def test_the_new_model_is_one_yaml_and_one_notebook(repo):
    """Nothing but the two files is made, and the model is there."""
    written = scaffold(repo, "wine", "toy")

    names = sorted(path.name for path in (repo / "models" / "wine").iterdir())
    assert names == ["model.yaml", "prepare.ipynb"] == sorted(p.name for p in written)
    assert list_models(repo) == ["toy", "wine"]


def test_the_new_name_stands_where_the_old_one_did(repo):
    """Spec and notebook name the new model; the rest is the old one's."""
    scaffold(repo, "wine", "toy")

    spec = load_spec(repo, "wine")
    signature = read_signature(repo / "models" / "wine" / "prepare.ipynb")
    assert spec.name == signature.parameters["model"].default == "wine"
    assert spec.data == load_spec(repo, "toy").data


def test_an_existing_model_is_never_overwritten(repo):
    """Scaffolding over a model is refused and changes nothing."""
    before = (repo / "models" / "toy" / "model.yaml").read_bytes()

    with pytest.raises(CallError, match="models/toy: is there already"):
        scaffold(repo, "toy", "toy")

    assert (repo / "models" / "toy" / "model.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["Bad Name", "../up", "a" * 41, "", "-x", "a--b"])
def test_a_bad_name_reaches_no_path(repo, name):
    """A name that could not be a model's is refused before anything is written."""
    with pytest.raises(SpecError, match="not a model name"):
        scaffold(repo, name, "toy")

    assert list_models(repo) == ["toy"]


def test_a_model_without_its_own_notebook_cannot_be_copied(repo):
    """The error names the file that is missing, and nothing half-made is left."""
    (repo / "models" / "toy" / "prepare.ipynb").unlink()

    with pytest.raises(CallError, match=r"models/toy/prepare\.ipynb: missing"):
        scaffold(repo, "wine", "toy")

    assert [one.name for one in (repo / "models").iterdir()] == ["toy"]


def test_new_says_what_to_do_next(invoke, repo, monkeypatch):
    """`runner new` names the two files and the command to try."""
    monkeypatch.chdir(repo)

    answer = invoke("new", "wine", "--like", "toy")

    assert answer.exit_code == 0
    assert "python -m runner run wine" in answer.stdout
    assert json.loads((repo / "models/wine/prepare.ipynb").read_text())["cells"]
