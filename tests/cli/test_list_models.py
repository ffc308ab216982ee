"""`runner list`."""

import json

import pytest


@pytest.fixture(autouse=True)
def _in_repo(repo, monkeypatch):
    monkeypatch.chdir(repo)


def test_lists_each_model_with_the_stages_it_writes_itself(invoke):
    """Programs get every model's name, task and own stages."""
    models = json.loads(invoke("list", "--json").stdout)

    assert [(m["name"], m["task"], m["own"]) for m in models] == [
        ("toy", "regression", ["prepare"])
    ]


def test_people_get_a_table(invoke):
    """Without --json there is a line a model."""
    assert "toy     regression" in invoke("list").stdout


def test_a_folder_that_cannot_be_a_model_is_named(invoke, repo):
    """A folder named `Bad Name` is an error that says which names are good."""
    (repo / "models" / "Bad Name").mkdir()

    answer = invoke("list")

    assert answer.exit_code == 2
    assert "models/'Bad Name'" in answer.stderr
    assert "lower-case" in answer.stderr
