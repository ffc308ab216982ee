"""Notebooks that a person opens: AWS, the chosen model, results of earlier stages."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from embedded_aws import find
from model_packages import new_name

from lifecycle.data import find_prepared, write_splits
from lifecycle.errors import CallError
from runner.cli.desk import MODEL_VARIABLE, Desk
from runner.cli.local import FOLDER_VARIABLE, TARGET_VARIABLE
from runner.errors import SpecError
from runner.notebook.isolation import kernel_arguments

# The parameters cell of a shared notebook that is opened for the toy.
CELL = """\
model: str = "other"  # whose
task: str = "binary"
hyperparameters: dict = {
    "num_round": 1,
}
gates: dict = {}
seed: int = 7
run: dict = {}
"""


def run_cell(text, desk=None):
    """Run a cell as a kernel at a desk does, and return what it assigns."""
    names = {}
    tree = ast.fix_missing_locations((desk or Desk()).visit(ast.parse(text)))
    exec(compile(tree, "cell", "exec"), names)
    return {key: one for key, one in names.items() if not key.startswith("__")}


@pytest.fixture
def shared(aws, repo, monkeypatch):
    """Work in the folder of the notebooks that models share."""
    monkeypatch.chdir(repo / "notebooks")


def test_the_chosen_model_gives_its_values(shared, monkeypatch, capsys):
    """Those of its model.yaml; the others stay, and it is said which are which."""
    monkeypatch.setenv(MODEL_VARIABLE, "toy")

    values = run_cell(CELL)

    assert values == {
        "model": "toy",
        "task": "regression",
        "hyperparameters": {"num_round": 5},
        "gates": {"rmse": {"max": 2.5}},
        "seed": 7,
        # As `runner run` has it, without a lineage.
        "run": {
            "task": "regression",
            "description": "",
            "hyperparameters": {"num_round": 5},
            "gates": {"rmse": {"max": 2.5}},
            "label": "",
        },
    }
    said = "RUNNER_MODEL=toy: model, task, hyperparameters, gates as in its model.yaml"
    assert capsys.readouterr().out.splitlines()[0] == said


@pytest.mark.parametrize("place", ["notebooks", "models/toy"])
def test_without_a_choice_the_defaults_hold(shared, repo, monkeypatch, place):
    """As they do in a model's own notebook, whichever model is chosen."""
    monkeypatch.chdir(repo / place)
    if place != "notebooks":
        monkeypatch.setenv(MODEL_VARIABLE, "toy")

    assert run_cell(CELL)["model"] == "other"


@pytest.mark.parametrize(
    "text",
    ["print(1)", "", "model = 'other'", 'model: str = "other"\nprint(model)'],
)
def test_other_cells_stay_as_they_are(shared, monkeypatch, capsys, text):
    """Nothing is said before them, and no AWS is started for them."""
    monkeypatch.setenv(MODEL_VARIABLE, "toy")
    tree = ast.parse(text)

    assert Desk().visit(tree) is tree
    assert capsys.readouterr().out == ""


def test_another_project_is_left_alone(tmp_path, monkeypatch, capsys):
    """Its parameters cell may look the same."""
    monkeypatch.chdir(tmp_path)

    assert run_cell(CELL)["model"] == "other"
    assert capsys.readouterr().out == ""


def test_a_model_that_is_not_there_fails_the_cell(shared, monkeypatch):
    """No other cell runs, and the error names the nearest."""
    monkeypatch.setenv(MODEL_VARIABLE, "toi")

    with pytest.raises(SpecError, match=r"no such model; did you mean 'toy'\?"):
        run_cell(CELL)


def test_a_notebook_that_the_model_does_not_use_is_refused(shared, repo, monkeypatch):
    """The error says which it uses."""
    monkeypatch.setenv(MODEL_VARIABLE, "toy")
    folder = repo / "notebooks" / "binary"
    folder.mkdir()
    (folder / "train-register.ipynb").write_text("{}")
    monkeypatch.chdir(folder)

    expected = "RUNNER_MODEL=toy: open notebooks/train-register.ipynb, which is that"
    with pytest.raises(CallError, match=expected):
        run_cell(CELL)


def test_a_target_that_is_not_there_is_refused(shared, monkeypatch):
    """As `--target` is."""
    monkeypatch.setenv(TARGET_VARIABLE, "locale")

    expected = "RUNNER_TARGET=locale: did you mean 'local'?"
    with pytest.raises(CallError, match=expected.replace("?", r"\?")):
        run_cell(CELL)


def test_what_was_prepared_last_is_found(shared, capsys):
    """At the desk or by a run; a prepare notebook, which reads raw data, has none."""
    model = new_name()
    text = CELL.replace("other", model)
    table = pd.DataFrame({"y": [0.5, 1.5], "x": [2, 3]})
    parts = ("train", "validation", "test")
    splits = {one: table + place for place, one in enumerate(parts)}
    assert run_cell(text)["run"] == {}

    for run_id in ("20261128-b", "local", "20261128-a"):
        written = write_splits(model, {"run_id": run_id}, splits)

    assert run_cell(text)["run"] == {"prepare": written}
    assert find_prepared(model) == written
    assert "20261128-a/train" in capsys.readouterr().out
    assert run_cell(text + "data: str = ''\n")["run"] == {}
    assert run_cell(text.replace("{}\n", "{'a': 1}\n"))["run"] == {"a": 1}


def test_a_notebook_runs_wherever_it_is_opened(repo, monkeypatch, tmp_path):
    """JupyterLab, VS Code and `jupyter execute` all start the kernel of .venv."""
    monkeypatch.setenv(MODEL_VARIABLE, "toy")
    ours = nbformat.v4.new_notebook()
    codes = (CELL, "from lifecycle.aws import bucket\nprint(model, bucket())")
    ours.cells = [nbformat.v4.new_code_cell(code) for code in codes]
    path = repo / "notebooks" / "opened.ipynb"
    nbformat.write(ours, path)
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", str(path)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert ended.returncode == 0, ended.stderr
    said, printed = (
        "".join(one.text for one in cell.outputs)
        for cell in nbformat.read(path, 4).cells
    )
    server = find(Path(os.environ[FOLDER_VARIABLE]))
    assert said.splitlines()[1] == f"RUNNER_TARGET=local: {server.url}"
    assert printed == "toy sagemaker-us-east-1-123456789012\n"


def test_kernels_of_a_run_load_no_extension():
    """What a notebook returns does not depend on what makes a desk comfortable."""
    assert "--IPKernelApp.extensions=[]" in kernel_arguments(None)
