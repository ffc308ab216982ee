"""Finding models and notebooks, and reading `model.yaml`."""

import json
from pathlib import Path

import pytest
import toys

from lifecycle.errors import CallError
from runner.errors import SpecError
from runner.spec.models import (
    check_name,
    find_notebook,
    find_root,
    list_models,
    load_spec,
)


def refusal(root: Path, text: str | bytes) -> str:
    """Say why this `model.yaml` is refused."""
    content = text.encode() if isinstance(text, str) else text
    (root / "models/toy/model.yaml").write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_spec(root, "toy")
    return str(caught.value)


def edited(root: Path, old: str, new: str) -> str:
    text = (root / "models/toy/model.yaml").read_text()
    assert old in text
    return text.replace(old, new)


def test_a_model_is_read(repo: Path) -> None:
    """A good model.yaml becomes a typed spec."""
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
def test_a_name_that_is_unsafe_anywhere_is_refused(name: str) -> None:
    """Before it can reach a path, a shell, YAML or an AWS call."""
    with pytest.raises(SpecError, match="not a model name; choose another: lower"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "abalone", "fraud-2", "a" * 40])
def test_a_safe_name_passes(name: str) -> None:
    """Letters, digits and single hyphens, up to 40."""
    assert check_name(name) == name


def test_a_badly_named_folder_is_an_error(repo: Path) -> None:
    """It is not skipped in silence."""
    (repo / "models" / "Bad Name").mkdir()

    with pytest.raises(SpecError, match=r"'Bad Name': .* remove the folder: "):
        list_models(repo)


def test_an_unknown_model_is_an_error_with_the_nearest(repo: Path) -> None:
    """A misspelt model is found."""
    with pytest.raises(SpecError, match=r"models/toi: no such model; .* 'toy'\?"):
        load_spec(repo, "toi")


def test_a_folder_without_spec_is_an_error(repo: Path) -> None:
    """The remedy is named."""
    (repo / "models" / "empty").mkdir()

    with pytest.raises(SpecError, match=r"models/empty/model.yaml: missing; .* new"):
        load_spec(repo, "empty")


def test_the_name_is_the_folders(repo: Path) -> None:
    """One identity: what is copied from another model says so."""
    said = refusal(repo, edited(repo, "name: toy", "name: abalone"))

    assert said == "models/toy/model.yaml: name: 'abalone' must be the folder's, 'toy'"


@pytest.mark.parametrize(("gate", "near"), [("rsme", "'rmse'"), ("auc", "it has mae")])
def test_a_gate_without_a_metric_is_found_here(
    repo: Path, gate: str, near: str
) -> None:
    """What the shared notebook measures for a task is known before it trains."""
    said = refusal(repo, edited(repo, "{rmse:", f"{{{gate}:"))

    assert said.startswith(f"models/toy/model.yaml: gates.{gate}: no metric of a reg")
    assert near in said


def test_a_metric_that_the_shared_notebook_names_is_fine(repo: Path) -> None:
    """A team may measure more for all its models."""
    path = repo / "notebooks/train-register.ipynb"
    code = path.read_text()
    (repo / "models/toy/model.yaml").write_text(edited(repo, "{rmse:", "{mape:"))
    cell = toys.code('metrics = {"mape": 1.0}')
    notebook = json.loads(code)
    notebook["cells"].insert(-1, cell)
    path.write_text(json.dumps(notebook))

    assert list(load_spec(repo, "toy").gates) == ["mape"]


def test_what_a_models_own_notebook_measures_is_its_own(repo: Path) -> None:
    """Only running it shows that."""
    shared = repo / "notebooks/train-register.ipynb"
    (repo / "models/toy/train-register.ipynb").write_bytes(shared.read_bytes())
    (repo / "models/toy/model.yaml").write_text(edited(repo, "{rmse:", "{saved:"))

    assert list(load_spec(repo, "toy").gates) == ["saved"]


def test_a_misspelt_key_names_the_file(repo: Path) -> None:
    """File, key and nearest key stand in one line."""
    said = refusal(repo, edited(repo, "task:", "tsak:"))

    assert said == "models/toy/model.yaml: tsak: unknown key; did you mean 'task'?"


def test_a_key_that_stands_twice_is_an_error(repo: Path) -> None:
    """YAML would keep the last one in silence."""
    said = refusal(repo, edited(repo, "task: regression", "task: binary\ntask: binary"))

    assert said == "models/toy/model.yaml:2: not YAML: 'task' stands twice"


@pytest.mark.parametrize(
    "text",
    ["name: [toy", "name: toy\n\ttask: x", "a: b: c", "name: !!python/object:os.x {}"],
)
def test_what_does_not_parse_is_named_by_line(repo: Path, text: str) -> None:
    """The message is YAML's own, in one line."""
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
        ("? [a]\n: b", "model.yaml:"),
        ("? {a: b}\n: c", "model.yaml:"),
        ("1: one", "model.yaml:"),
        ("&a [*a]", "model.yaml:"),
    ],
)
def test_odd_content_is_one_clear_line(
    repo: Path, text: str | bytes, problem: str
) -> None:
    """Whatever stands in the file, nobody sees a traceback."""
    said = refusal(repo, text)

    assert problem in said
    assert "\n" not in said


def test_a_models_own_notebook_comes_first(repo: Path) -> None:
    """The lookup rule: models/<model>/<stage>.ipynb, else notebooks/<stage>.ipynb."""
    own = repo / "models/toy/deploy.ipynb"
    shared = repo / "notebooks/deploy.ipynb"

    assert find_notebook(repo, "toy", "deploy") == shared
    own.write_bytes(shared.read_bytes())
    assert find_notebook(repo, "toy", "deploy") == own


def test_a_stage_without_notebook_is_an_error(repo: Path) -> None:
    """Both places are named."""
    (repo / "models/toy/prepare.ipynb").unlink()

    with pytest.raises(SpecError, match=r"models/toy/prepare.ipynb: missing.*shared"):
        find_notebook(repo, "toy", "prepare")


def test_an_unknown_stage_is_an_error_with_the_nearest(repo: Path) -> None:
    """A misspelt stage is found."""
    with pytest.raises(CallError, match=r"'train' is not a stage; .* 'train-register'"):
        find_notebook(repo, "toy", "train")
