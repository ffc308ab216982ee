"""`runner show`."""

import json

import pytest

from runner.spec.fingerprint import fingerprint


@pytest.fixture(autouse=True)
def _in_repo(repo, monkeypatch):
    monkeypatch.chdir(repo)


def test_resolves_spec_notebooks_parameters_and_fingerprint(invoke, repo):
    """Programs get all that a run of the model would use."""
    shown = json.loads(invoke("show", "toy", "--json").stdout)

    assert shown["spec"]["training"]["instance_type"] == "ml.m5.large"
    assert shown["notebooks"]["prepare"] == "models/toy/prepare.ipynb"
    assert shown["notebooks"]["deploy"] == "notebooks/deploy.ipynb"
    assert shown["parameters"]["deploy"]["version"] == {
        "type": "int",
        "default": 0,
        "required": False,
        "help": "its version",
    }
    assert shown["fingerprint"] == fingerprint(repo, "toy")


def test_people_read_keys_as_p_takes_them(invoke):
    """Nested keys stand with dots, as `-p` wants them."""
    text = invoke("show", "toy").stdout

    assert "training.hyperparameters.num_round" in text
    assert "deploy · notebooks/deploy.ipynb" in text


def test_a_notebook_without_a_results_cell_is_named(invoke, repo):
    """The error names the notebook and the tag that is missing."""
    path = repo / "models" / "toy" / "prepare.ipynb"
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        cell["metadata"] = {
            k: v for k, v in cell["metadata"].items() if v != ["results"]
        }
    path.write_text(json.dumps(notebook))

    answer = invoke("show", "toy")

    assert answer.exit_code == 2
    assert "models/toy/prepare.ipynb" in answer.stderr
    assert "'results'" in answer.stderr
