"""A new model runs on its table, and is as careful as a person's would be."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import clones
import numpy as np
import pandas as pd
import pytest
import yaml
from raw_tables import hard_table, write

from lifecycle.errors import CallError, DataError
from lifecycle.tabular.csv_format import CsvFormat
from runner.scaffold.baseline import Baseline
from runner.scaffold.files import (
    blank_files,
    copied_files,
    model_files,
    new_folder,
    plan_model,
    write_files,
)
from runner.spec.check import check_models
from runner.spec.models import load_spec

CHANCE = np.random.default_rng(2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository without models."""
    return template(tmp_path / "repo")


def make(root: Path, path: Path, name: str = "wine", **how: Any) -> Path:
    """Write a model for a table, and return its folder."""
    given = {"label": None, "task": None, "time": "", "written": None} | how
    plan, base = plan_model(name, path, **given)
    folder = new_folder(root, name)
    write_files(folder, model_files(root, plan, base))
    return folder


def cell_texts(folder: Path) -> str:
    """Return the text of all cells of the prepare notebook."""
    cells = json.loads((folder / "prepare.ipynb").read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells)


def binary_table(rows: int, columns: int) -> pd.DataFrame:
    """Return a table of numbers with a label that they explain."""
    table = pd.DataFrame(CHANCE.normal(size=(rows, columns)))
    return table.assign(
        y=np.where(table[0] + CHANCE.normal(size=rows) > 0, "good", "bad")
    )


RAW_TOO = {"raw": True}
TABLES: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
    "hard": (hard_table(), {"label": "price €"}),
    "hard-binary": (hard_table(), {"label": 'it\'s "quoted"'}),
    "hard-time": (hard_table(), {"label": "price €", "time": "sold on"}),
    "small": (binary_table(50, 3), {}),
    "wide": (binary_table(60, 45), {}),
    "classes": (
        binary_table(150, 3).assign(y=['"ä" b', "c,d", "<5"] * 50, z=list("abc") * 50),
        {},
    ),
    "codes": (binary_table(90, 3).assign(y=[1, 2, 3] * 30), {}),
    "categories": (
        pd.DataFrame({f"c{n}": list("abcde") * 20 for n in range(25)}).assign(
            **{f"c{n}": CHANCE.choice(list("abcde"), 100) for n in range(25)},
            y=CHANCE.normal(size=100),
        ),
        {},
    ),
    "text-label": (
        pd.DataFrame({"x": CHANCE.normal(size=90), "y": ["1", "2.5", "?"] * 30}).assign(
            y=[*map(str, CHANCE.normal(size=88).round(3)), "?", "?"]
        ),
        {},
    ),
}

RAW = ("hard", "hard-binary", "hard-time", "wide", "classes", "categories")
TABLES |= {f"{name}-raw": (TABLES[name][0], TABLES[name][1] | RAW_TOO) for name in RAW}


def template(folder: Path) -> Path:
    """Make a repository with the template's shared notebooks and no models."""
    (folder / "models").mkdir(parents=True)
    clones.copy_checkout(folder, *clones.TEMPLATE)
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a model of each table."""
    root = template(tmp_path_factory.mktemp("written") / "repo")
    for name, (table, how) in TABLES.items():
        make(root, write(root, table, f"{name}.csv"), name, **how)
    return root


@pytest.fixture(scope="module")
def formatted(written: Path) -> str:
    """What ruff says of their notebooks."""
    said = ""
    for command in (["format", "--diff"], ["check", "--output-format=concise"]):
        answer = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "models"],
            cwd=written,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said += answer.stdout
    return said


@pytest.mark.parametrize("name", TABLES)
def test_a_new_model_is_as_the_template_wants_it(written: Path, name: str) -> None:
    """Nothing is wrong with it, and only blanks are hinted at."""
    found = [str(one) for one in check_models(written, [name])]

    assert [one for one in found if "filled in" not in one] == [
        f"hint: models/{name}/model.yaml: owner: empty; say who is responsible for it"
    ]


def test_ruff_changes_nothing_in_a_new_notebook(formatted: str) -> None:
    """`make lint` is as content with it as with a person's."""
    assert formatted == "All checks passed!\n"


def test_the_spec_says_what_was_found_out(root: Path) -> None:
    """Task, data, label, objective, and a gate with the reason of its bound."""
    folder = make(root, write(root, hard_table()), label="price €")

    spec = load_spec(root, "wine")
    text = (folder / "model.yaml").read_text()
    assert (spec.task, spec.data, spec.label) == ("regression", "raw.csv", "price €")
    assert spec.training.hyperparameters["objective"] == "reg:squarederror"
    assert "# On the test rows predicting the mean has an RMSE of " in text
    gate = yaml.safe_load(text)["gates"]["rmse"]["max"]
    assert isinstance(gate, float | int)
    assert f"| {gate:g} |\n" in (folder / "README.md").read_text()


@pytest.mark.parametrize("bound", [2e6, 5e-5, 100.0, 0.75])
def test_a_bound_is_a_number_in_yaml(bound: float) -> None:
    """With an exponent and without a dot it would be a text."""
    found = {"metric": "rmse", "guess": 2 * bound, "tree": 0.0, "bound": bound}
    base = Baseline(**found, rows={}, features=1)

    assert yaml.safe_load(base.bound_text) == bound


def test_the_notebook_shows_each_decision(root: Path) -> None:
    """What is left out and why, how text becomes numbers, and how rows are split."""
    text = cell_texts(make(root, write(root, hard_table()), label="price €"))

    assert "| `comment` | free text |" in text
    assert "`2nd` is a number, but `?` in some rows, which is taken as missing." in text
    assert 'YES = {\'it\\\'s "quoted"\': "yes", "opt in": True}' in text
    assert 'pd.to_datetime(rows["sold on"], format="%d.%m.%Y")' in text
    assert "dropna(subset=[label])" in text
    assert "splits = split(table, key=clean, salt=salt, held_out=0.30)" in text


def test_a_file_is_read_as_it_is_written(root: Path) -> None:
    """Semicolons, decimal commas and the encoding of Windows stand in the call."""
    how = {"sep": ";", "decimal": ",", "encoding": "cp1252"}
    path = write(root, hard_table(), **how)

    text = cell_texts(make(root, path, label="price €"))

    assert '    separator=";",\n    decimal=",",\n    encoding="cp1252",\n' in text


def test_parquet_says_itself_how_it_is_written(root: Path) -> None:
    """Its own types of dates, answers and categories are understood."""
    table = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=50),
            "is new": pd.array([True, False, None, True, None] * 10, dtype="boolean"),
            "kind": pd.Categorical(list("abcab") * 10),
            "lists": [[1, 2]] * 50,
            "y": CHANCE.normal(size=50),
        }
    )
    table.to_parquet(root / "raw.parquet")

    text = cell_texts(make(root, root / "raw.parquet"))

    assert "[label, *FLAGS, *CATEGORIES, *DATES], model=model)" in text
    assert 'YES = {"is new": True}' in text
    assert 'when = pd.to_datetime(rows["day"])' in text
    assert "| `lists` | holds lists or structures |" in text


def test_rows_are_split_in_time_if_asked_to(root: Path) -> None:
    """The newest rows test; a salt is not needed."""
    text = cell_texts(
        make(root, write(root, hard_table()), label="price €", time="sold on")
    )

    assert "split_in_time(table, by=when, held_out=0.30)" in text
    assert "salt" not in text


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"label": "price €", "time": "sold"},
            "--time 'sold': no such column; did you",
        ),
        (
            {"label": "price €", "time": "class"},
            "--time 'class': is not a date (3 values)",
        ),
        (
            {"label": "prize €"},
            "--label 'prize €': no such column; did you mean 'price",
        ),
    ],
)
def test_a_column_that_is_not_there_is_refused(root: Path, how, said) -> None:
    """Before anything is written, with the nearest name."""
    with pytest.raises(CallError) as raised:
        make(root, write(root, hard_table()), **how)

    assert said in str(raised.value)
    assert list((root / "models").iterdir()) == []


def test_a_table_without_features_is_refused(root: Path) -> None:
    """The reasons are named."""
    table = pd.DataFrame({"id": range(50), "y": CHANCE.normal(size=50)})

    with pytest.raises(
        CallError, match="no column is left to learn from: 'id': counts"
    ):
        make(root, write(root, table))


def test_a_file_that_must_not_be_guessed_is_asked_about(root: Path) -> None:
    """A comma may be a decimal mark or group digits; said, it is read."""
    table = pd.DataFrame({"a": ["1,234", "2,345"] * 20, "y": CHANCE.normal(size=40)})
    path = write(root, table)

    with pytest.raises(DataError, match='thousands="," or decimal=","'):
        make(root, path)
    text = cell_texts(make(root, path, written=CsvFormat(thousands=",")))
    assert 'read_table(data, [label, *NUMBERS], model=model, thousands=",")' in text
    text = cell_texts(make(root, path, "prices", text=["a"]))
    assert 'read_table(data, [label, *CATEGORIES], model=model, text=["a"])' in text


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_a_skeleton_passes_the_check(root: Path, task) -> None:
    """It has everything but the table."""
    write_files(root / "models" / "wine", blank_files(root, "wine", task, "quality"))

    found = check_models(root)
    assert [str(one) for one in found if not one.is_hint] == []
    assert load_spec(root, "wine").label == "quality"


def test_a_copy_has_the_new_name_in_both_files(repo: Path) -> None:
    """Everything else is the copied model's."""
    write_files(new_folder(repo, "wine"), copied_files(repo, "wine", "toy"))

    spec, copied = load_spec(repo, "wine"), load_spec(repo, "toy")
    assert (spec.name, spec.data) == ("wine", copied.data)
    assert 'model: str = \\"wine\\"' in (repo / "models/wine/prepare.ipynb").read_text()


def test_a_copy_has_all_that_is_the_models_own(repo: Path) -> None:
    """Its other notebooks and modules; the model card is begun anew."""
    folder = repo / "models" / "toy"
    shutil.copy(folder / "prepare.ipynb", folder / "train-register.ipynb")
    (folder / "helpers.py").write_text("A = 1\n")

    copied = copied_files(repo, "wine", "toy")

    assert set(copied) == {
        *("model.yaml", "prepare.ipynb", "train-register.ipynb", "helpers.py"),
        "README.md",
    }
    assert 'model: str = \\"wine\\"' in copied["train-register.ipynb"]
    assert "To fill in" in copied["README.md"]


def test_a_model_without_a_notebook_of_its_own_cannot_be_copied(repo: Path) -> None:
    """The missing file is named."""
    (repo / "models" / "toy" / "prepare.ipynb").unlink()

    with pytest.raises(CallError, match=r"models/toy/prepare\.ipynb: missing"):
        copied_files(repo, "wine", "toy")


def test_a_new_model_never_overwrites_another(repo: Path) -> None:
    """Nor has it a name that is none."""
    with pytest.raises(CallError, match="models/toy: is there already"):
        new_folder(repo, "toy")
    with pytest.raises(CallError, match="not a model name"):
        new_folder(repo, "../up")
