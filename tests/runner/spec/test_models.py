"""Models and their notebooks are found, and model.yaml is read and checked."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import toys

from lifecycle.errors import CallError
from runner.errors import SignatureError, SpecError
from runner.notebook.parameters import resolve
from runner.notebook.signature import read_signature
from runner.spec.folders import check_name, find_root, list_models, read_yaml
from runner.spec.models import (
    find_notebook,
    load_spec,
    notebook_values,
    parse_spec,
    yaml_place,
    yaml_value,
)
from runner.spec.schema import ModelSpec

# Each value is ten times the one before it: written out there would be 10 ** 15.
ALIASES = "a0: &a0 1\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    for level in range(1, 16)
)


def refusal(root: Path, text: str | bytes) -> str:
    """Return why this model.yaml is refused."""
    content = text.encode() if isinstance(text, str) else text
    (root / "models/toy/model.yaml").write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_spec(root, "toy")
    return str(caught.value)


def edited(root: Path, old: str, new: str) -> str:
    """Return the model.yaml with one text replaced by another."""
    text = (root / "models/toy/model.yaml").read_text()
    assert old in text
    return text.replace(old, new)


def test_a_model_is_read(repo: Path) -> None:
    """A correct model.yaml becomes a typed spec."""
    spec = load_spec(repo, "toy")

    assert spec.name == "toy"
    assert spec.training.hyperparameters == {"num_round": 5}


def test_the_root_is_found_from_below(repo: Path) -> None:
    """The runner works from any folder of the clone."""
    assert find_root(repo / "models" / "toy") == repo.resolve()


def test_outside_a_clone_there_is_no_root(tmp_path: Path) -> None:
    """The error says where to go."""
    with pytest.raises(CallError, match="cd to the clone"):
        find_root(tmp_path)


def test_models_are_listed_by_name(repo: Path) -> None:
    """Folders are models; files and hidden folders are not."""
    for name in ("b-2", "a", ".hidden", "__pycache__"):
        (repo / "models" / name).mkdir()
    (repo / "models" / "README.md").touch()

    assert list_models(repo) == ["a", "b-2", "toy"]


@pytest.mark.parametrize(
    "name",
    [
        "Bad Name",
        "bad_name",
        "-a",
        "a-",
        "a--b",
        "1a",
        "a/b",
        "..",
        "ä",
        "a" * 41,
        "",
        "null",
        "on",
    ],
)
def test_an_unsafe_name_is_refused(name: str) -> None:
    """It never reaches a path, a shell, YAML or an AWS call."""
    with pytest.raises(SpecError, match="not a model name; choose another: lower"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "abalone", "fraud-2", "a" * 40])
def test_a_safe_name_passes(name: str) -> None:
    """Letters, digits and single hyphens, up to 40."""
    assert check_name(name) == name


def test_a_badly_named_folder_is_an_error(repo: Path) -> None:
    """It is not skipped silently."""
    (repo / "models" / "Bad Name").mkdir()

    with pytest.raises(SpecError, match=r"'Bad Name': .* remove the folder: "):
        list_models(repo)


def test_an_unknown_model_is_an_error_with_the_nearest(repo: Path) -> None:
    """The name is a misspelling."""
    with pytest.raises(SpecError, match=r"models/toi: no such model; .* 'toy'\?"):
        load_spec(repo, "toi")


def test_a_folder_without_spec_is_an_error(repo: Path) -> None:
    """The remedy is named."""
    (repo / "models" / "empty").mkdir()

    with pytest.raises(SpecError, match=r"models/empty/model.yaml: missing; .* new"):
        load_spec(repo, "empty")


def test_the_name_must_be_the_folders(repo: Path) -> None:
    """A model.yaml copied from another model is found out."""
    said = refusal(repo, edited(repo, "name: toy", "name: abalone"))

    assert said == "models/toy/model.yaml: name: 'abalone' must be the folder's, 'toy'"


@pytest.mark.parametrize(("gate", "near"), [("rsme", "'rmse'"), ("auc", "it has mae")])
def test_a_gate_on_a_metric_that_is_not_measured_is_an_error(
    repo: Path, gate: str, near: str
) -> None:
    """What the shared notebook measures for a task is known before it trains."""
    said = refusal(repo, edited(repo, "{rmse:", f"{{{gate}:"))

    assert said.startswith(f"models/toy/model.yaml: gates.{gate}: no metric of a reg")
    assert near in said


def test_a_gate_on_a_metric_that_the_shared_notebook_names_is_accepted(
    repo: Path,
) -> None:
    """A team may measure more for all its models."""
    path = repo / "notebooks/train-register.ipynb"
    code = path.read_text()
    (repo / "models/toy/model.yaml").write_text(edited(repo, "{rmse:", "{mape:"))
    cell = toys.code('metrics = {"mape": 1.0}')
    notebook = json.loads(code)
    notebook["cells"].insert(-1, cell)
    path.write_text(json.dumps(notebook))

    assert list(load_spec(repo, "toy").gates) == ["mape"]


def test_any_gate_is_accepted_with_a_training_notebook_of_the_models_own(
    repo: Path,
) -> None:
    """Only running the notebook shows what it measures."""
    shared = repo / "notebooks/train-register.ipynb"
    (repo / "models/toy/train-register.ipynb").write_bytes(shared.read_bytes())
    (repo / "models/toy/model.yaml").write_text(edited(repo, "{rmse:", "{saved:"))

    assert list(load_spec(repo, "toy").gates) == ["saved"]


def test_a_misspelt_key_names_the_file(repo: Path) -> None:
    """File, key and nearest key stand in one line."""
    said = refusal(repo, edited(repo, "task:", "tsak:"))

    assert said == "models/toy/model.yaml: tsak: unknown key; did you mean 'task'?"


def test_a_key_that_stands_twice_is_an_error(repo: Path) -> None:
    """YAML would keep the last one silently."""
    said = refusal(repo, edited(repo, "task: regression", "task: binary\ntask: binary"))

    assert said == "models/toy/model.yaml:2: not YAML: 'task' stands twice"


@pytest.mark.parametrize(
    "text",
    ["name: [toy", "name: toy\n\ttask: x", "a: b: c", "name: !!python/object:os.x {}"],
)
def test_invalid_yaml_is_one_line_with_the_place(repo: Path, text: str) -> None:
    """The message is YAML's own."""
    said = refusal(repo, text)

    assert said.startswith("models/toy/model.yaml:")
    assert "not YAML" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no keys"),
        ("# nothing", "holds no keys"),
        ("- name: toy", "holds no keys"),
        ("toy", "holds no keys"),
        (b"name: \xff", "not UTF-8 at byte 6"),
        ("name: \x00", "not YAML"),
        ("since: 2026-02-30", "not YAML: day is out of range for month"),
        ("? [a]\n: b", "model.yaml:"),
        ("? {a: b}\n: c", "model.yaml:"),
        ("1: one", "model.yaml:"),
        ("&a [*a]", "model.yaml:"),
        ("a: &a [*a]", "is nested too deeply"),
        pytest.param(ALIASES, "a0: ", id="aliases of aliases"),
    ],
)
def test_odd_content_is_one_line(repo: Path, text: str | bytes, problem: str) -> None:
    """No content of the file leads to a traceback."""
    said = refusal(repo, text)

    assert problem in said
    assert "\n" not in said


def test_the_notebook_of_the_task_goes_before_the_one_of_all_tasks(repo: Path) -> None:
    """A stage's notebook is the model's own, else its task's, else the shared one."""
    shared = repo / "notebooks/deploy.ipynb"
    tasks = repo / "notebooks/regression/deploy.ipynb"
    own = repo / "models/toy/deploy.ipynb"
    tasks.parent.mkdir()
    found = []
    for path in (shared, tasks, own):
        path.write_bytes(shared.read_bytes())
        found.append(find_notebook(repo, "toy", "deploy", "regression"))

    assert found == [shared, tasks, own]
    assert find_notebook(repo, "other", "deploy", "binary") == shared


def test_a_model_named_like_its_task_has_no_notebook_of_its_own(repo: Path) -> None:
    """Its gates are still checked by the notebook of the task."""
    (repo / "models/toy").rename(repo / "models/regression")
    (repo / "notebooks/regression").mkdir()
    shared = repo / "notebooks/train-register.ipynb"
    shared.rename(repo / "notebooks/regression/train-register.ipynb")
    path = repo / "models/regression/model.yaml"
    path.write_text(
        path.read_text().replace("toy", "regression", 1).replace("{rmse:", "{rsme:")
    )

    with pytest.raises(SpecError, match="rsme: no metric of a regression"):
        load_spec(repo, "regression")


def test_a_stage_without_notebook_is_an_error(repo: Path) -> None:
    """All places are named."""
    (repo / "models/toy/prepare.ipynb").unlink()

    with pytest.raises(SpecError) as caught:
        find_notebook(repo, "toy", "prepare", "regression")

    assert str(caught.value) == (
        "models/toy/prepare.ipynb: missing, and there is no shared "
        "notebooks/regression/prepare.ipynb or notebooks/prepare.ipynb; add one of them"
    )


def test_a_spec_gives_notebooks_its_values(repo: Path) -> None:
    """They have flat names, which are the words of model.yaml."""
    assert notebook_values(load_spec(repo, "toy")) == {
        "model": "toy",
        "description": "",
        "task": "regression",
        "data": "s3://bucket/toy.csv",
        "approval": "manual",
        "image_framework": "xgboost",
        "image_version": "3.2-0",
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "spot": False,
        "max_runtime_seconds": 3600,
        "hyperparameters": {"num_round": 5},
        "gates": {"rmse": {"max": 2.5}},
        "slices": [],
        "decision": {},
        "endpoint": {"instance_type": "ml.m5.large"},
    }


def test_the_toy_models_notebooks_take_the_values_of_its_spec(repo: Path) -> None:
    """A notebook gets those that its parameters cell names."""
    values = notebook_values(load_spec(repo, "toy")) | {"run_id": "r1", "version": 3}
    deploy = read_signature(repo / "notebooks/deploy.ipynb")

    assert resolve(deploy, values, {}) == {
        "model": "toy",
        "package": "",
        "version": 3,
        "endpoint": {"instance_type": "ml.m5.large"},
    }


def test_each_value_has_its_place_in_the_file(repo: Path) -> None:
    """An override is checked where it would stand in model.yaml."""
    spec = load_spec(repo, "toy")
    data = spec.model_dump(exclude_none=True)
    values = notebook_values(spec)

    assert {name: yaml_value(data, yaml_place(name)) for name in values} == (
        values | {"model": data, "decision": None}
    )


def overridden(root: Path, values: dict[str, Any]) -> ModelSpec:
    return parse_spec(root, "toy", read_yaml(root, "toy"), values)


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ({}, {}),
        ({"image_version": "1.7-1"}, {"image_version": "1.7-1"}),
        ({"instance_type": "ml.c5.xlarge"}, {"instance_type": "ml.c5.xlarge"}),
        (
            {"hyperparameters": {"num_round": 5, "eta": 0.1}},
            {"hyperparameters": {"num_round": 5, "eta": 0.1}},
        ),
        ({"gates": {"mae": {"max": 2.0}}}, {"gates": {"mae": {"max": 2.0}}}),
        (
            {"task": "binary", "gates": {"auc": {"min": 0.9}}},
            {"task": "binary", "gates": {"auc": {"min": 0.9}}},
        ),
        ({"rows": 5, "image_of_the_day": "a cat"}, {}),
        ({"name": "x", "owner": 5, "training": "x", "image": "x", "reuse": "x"}, {}),
    ],
)
def test_an_override_takes_the_place_of_a_value(
    repo: Path, values: dict[str, Any], changed: dict[str, Any]
) -> None:
    """A parameter that model.yaml gives no notebook is the notebook's own."""
    before = notebook_values(load_spec(repo, "toy"))

    assert notebook_values(overridden(repo, values)) == before | changed


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"image_version": "3.9-0"},
            "image_version: '3.9-0'; give 0.90-1, 0.90-2, 1.0-1, 1.2-1, 1.2-2, ",
        ),
        (
            {"instance_type": "ml.m5"},
            "instance_type: 'ml.m5'; give an instance type, as ml.m5.large",
        ),
        ({"spot": 1}, "spot: 1; give true or false"),
        (
            {"hyperparameters": {"num_round": 5, "eta": 7}},
            "hyperparameters.eta: 7; give a number from 0 to 1",
        ),
        (
            {"gates": {"rsme": {"max": 1}}},
            "gates.rsme: no metric of a regression; did you mean 'rmse'?",
        ),
        (
            {"task": "binary", "gates": {"mae": {"max": 1}}},
            "gates.mae: no metric of a binary classification; it has accuracy, ",
        ),
        ({"endpoint": {}}, "endpoint: {}; give instance_type or serverless"),
    ],
)
def test_an_override_that_model_yaml_could_not_hold_is_refused(
    repo: Path, values: dict[str, Any], said: str
) -> None:
    """The message is the one for the file, with the parameter's name."""
    with pytest.raises(SignatureError) as caught:
        overridden(repo, values)

    assert str(caught.value).startswith(f"-p {said}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "task: regression",
            "task: ranking",
            "task: 'ranking'; give regression, binary or",
        ),
        ("num_round: 5", "num_round: 5, gamma: -1", "training.hyperparameters.gamma: "),
        ("{hyperparameters: {num_round: 5}}", "", "training: empty; give how to train"),
        ("{hyperparameters: {num_round: 5}}", "5", "training: 5; give how to train"),
        ("{hyperparameters", "{image: x, hyperparameters", "training.image: 'x'; give"),
        ("{rmse: {max: 2.5}}", "{rsme: {max: 2.5}}", "gates.rsme: no metric of a reg"),
    ],
)
def test_an_error_of_the_file_is_not_blamed_on_an_override(
    repo: Path, old: str, new: str, said: str
) -> None:
    """What is wrong without the overrides too is named with the file."""
    (repo / "models/toy/model.yaml").write_text(edited(repo, old, new))
    values = {
        "hyperparameters": {"num_round": 5, "gamma": -1, "eta": 0.1},
        "image_version": "1.7-1",
    }

    with pytest.raises(SpecError) as caught:
        overridden(repo, values)

    assert str(caught.value).startswith(f"models/toy/model.yaml: {said}")


COSTS = "decision: {false_positive: 5, false_negative: 100}"


@pytest.mark.parametrize(
    ("task", "gates", "more", "said"),
    [
        ("regression", "{rmse by sex: {max: 3}}", "slices: [sex]", ""),
        (
            "regression",
            "{rmse by sex: {max: 3}}",
            "",
            "gates.rmse by sex: 'sex' is no slice; add slices: [sex]",
        ),
        (
            "regression",
            "{rmse by sax: {max: 3}}",
            "slices: [sex]",
            "gates.rmse by sax: 'sax' is no slice; did you mean 'sex'?",
        ),
        (
            "regression",
            "{rsme by sex: {max: 3}}",
            "slices: [sex]",
            "gates.rsme: no metric of a regression; did you mean 'rmse'?",
        ),
        (
            "regression",
            "{rmse by sex: {min: 3}}",
            "slices: [sex]",
            "gates.rmse by sex.min: less rmse is better; give max",
        ),
        (
            "regression",
            "{rmse by sex: {max: 3, worse_than_live: 0.1}}",
            "slices: [sex]",
            "gates.rmse by sex.worse_than_live: groups are not compared with the live",
        ),
        (
            "regression",
            "{rmse: {max: 3}}",
            "slices: [sex, sex]",
            "slices: 'sex' stands twice; remove one",
        ),
        (
            "regression",
            "{rmse: {max: 3}}",
            COSTS,
            "decision: a regression decides nothing; remove it",
        ),
        (
            "multiclass",
            "{accuracy: {min: 0.5}}",
            COSTS,
            "decision: a multiclass classification decides for the likeliest class, "
            "whatever a mistake costs; remove it",
        ),
        (
            "multiclass",
            "{recall of a by sex: {min: 0.5}, recall of b: {min: 1}}",
            "slices: [sex]",
            "",
        ),
        (
            "multiclass",
            "{" + ", ".join(f"recall of {n}: {{min: 0.5}}" for n in range(31)) + "}",
            "",
            "gates: on 31 metrics; SageMaker keeps 30 of a version, remove some",
        ),
        (
            "multiclass",
            "{recall of b: {max: 0.5}}",
            "",
            "gates.recall of b.max: more recall of b is better; give min",
        ),
        (
            "binary",
            "{cost: {max: 3}, cost by sex: {max: 4}}",
            f"{COSTS}\nslices: [sex]",
            "",
        ),
        (
            "binary",
            "{cost: {max: 3}}",
            "",
            "gates.cost: nothing says what a mistake costs; add decision: {false_pos",
        ),
    ],
)
def test_slices_and_decisions_are_checked_before_anything_runs(
    repo: Path, task: str, gates: str, more: str, said: str
) -> None:
    """Else it would be found after the training job was paid for."""
    text = edited(repo, "{rmse: {max: 2.5}}", gates).replace("regression", task)
    objective = {"binary": "binary:logistic", "multiclass": "multi:softprob"}.get(task)
    if objective:
        how = f"{{objective: {objective}, num_round: 5}}"
        text = text.replace("{num_round: 5}", how)
    text = f"{text}\n{more}\n"

    if said:
        assert refusal(repo, text).partition("model.yaml: ")[2].startswith(said)
    else:
        (repo / "models/toy/model.yaml").write_text(text)
        assert load_spec(repo, "toy").slices == ["sex"]


@pytest.mark.parametrize(
    ("task", "hyperparameters", "said"),
    [
        ("multiclass", "objective: multi:softprob", ""),
        ("multiclass", "objective: multi:softprob, num_class: 3", ""),
        (
            "multiclass",
            "objective: multi:softmax",
            "objective: multi:softmax answers a class without its probability; give "
            "multi:softprob, or a train-register.ipynb of the model's own",
        ),
        (
            "multiclass",
            "objective: binary:logistic",
            "objective: binary:logistic does not fit to a multiclass classification",
        ),
        (
            "multiclass",
            "objective: multi:softprob, num_class: 1",
            "num_class: 1; give a whole number, at least 2",
        ),
        (
            "regression",
            "objective: multi:softprob",
            "objective: multi:softprob does not fit to a regression; give reg:squared",
        ),
    ],
)
def test_the_objective_of_several_classes_predicts_probabilities(
    repo: Path, task: str, hyperparameters: str, said: str
) -> None:
    """The classes that `prepare` names say how many there are."""
    gate = "accuracy: {min: 0.1}" if task == "multiclass" else "rmse: {max: 1}"
    text = edited(repo, "{rmse: {max: 2.5}}", f"{{{gate}}}").replace("regression", task)
    text = text.replace("{num_round: 5}", f"{{num_round: 5, {hyperparameters}}}")

    if said:
        assert f"training.hyperparameters.{said}" in refusal(repo, text)
    else:
        (repo / "models/toy/model.yaml").write_text(text)
        assert load_spec(repo, "toy").task == "multiclass"


def test_a_notebook_of_the_models_own_gets_no_number_of_classes(repo: Path) -> None:
    """Whose task is another one; XGBoost would refuse it after the start."""
    text = edited(repo, "{num_round: 5}", "{num_round: 5, objective: multi:softmax}")
    shared = repo / "notebooks" / "train-register.ipynb"
    shutil.copy(shared, repo / "models" / "toy")

    assert "hyperparameters.num_class: missing; give the number" in refusal(repo, text)


def test_a_missing_notebook_is_not_blamed_on_the_file(repo: Path) -> None:
    """Gates are compared with the training notebook, which may be missing."""
    (repo / "notebooks/train-register.ipynb").unlink()

    said = refusal(repo, edited(repo, "{rmse:", "{mape:"))

    assert said.startswith("models/toy/train-register.ipynb: missing, and there is no")
