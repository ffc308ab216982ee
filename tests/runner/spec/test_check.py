"""What is wrong with models is found before anything runs, with cell and remedy."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import toys

from runner.spec.check import GIVEN, check_models, parse_cell
from runner.spec.models import load_spec, notebook_values

PARAMETERS = """\
model: str = "toy"  # the model
data: str = "toy.csv"  # the raw table
run: dict = {}  # filled in by the runner"""


@pytest.fixture
def root(repo: Path) -> Path:
    """The toy repository, with nothing wrong."""
    yaml = repo / "models" / "toy" / "model.yaml"
    yaml.write_text(yaml.read_text() + "label: y\n")
    (repo / "models" / "toy" / "README.md").write_text("# Model card\n")
    return repo


def problems(root: Path, *names: str) -> list[str]:
    """Return what is wrong, without hints."""
    return [str(one) for one in check_models(root, names) if not one.is_hint]


def hints(root: Path) -> list[str]:
    """Return what could be better in the model's own notebook."""
    found = [str(one) for one in check_models(root) if one.is_hint]
    return [one for one in found if "models/toy/prepare.ipynb" in one]


def prepare(root: Path, *code: str, parameters: str = PARAMETERS) -> None:
    """Write the model's own notebook."""
    toys.write(
        root / "models/toy/prepare.ipynb",
        toys.code(parameters, "parameters"),
        toys.text("## Why?"),
        *(toys.code(one) for one in code),
        toys.code("JSON({})", "results"),
    )


def test_nothing_is_wrong_with_the_toy(root: Path) -> None:
    """Its notebooks have hints only."""
    assert problems(root) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "print(label)",
            "code cell 2 under 'Why?': uses label, which is not a parameter; ",
        ),
        ("def broken(:\n    pass", "code cell 2 under 'Why?': line 1: invalid syntax"),
        (
            "import lightgbm",
            "code cell 2 under 'Why?': imports lightgbm, which is neit",
        ),
        (
            "x = '/home/ada/raw.csv'",
            "'/home/ada/raw.csv' is on this machine only; read",
        ),
    ],
)
def test_a_cell_that_cannot_run_is_named(root: Path, code: str, said: str) -> None:
    """With the heading that it stands under."""
    prepare(root, code)

    (found,) = problems(root)

    assert found.startswith("models/toy/prepare.ipynb: ")
    assert said in found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            'dta: str = "x"  # y',
            "dta: the runner gives nothing of this name; did you me",
        ),
        ("n = 5", "parameters cell, line 2: n has no type; write `n: type =`"),
        ("n: int = 5 +", "parameters cell, line 2: invalid syntax"),
        ("n: int = 'x'", "parameters cell, line 2: n: 'x' is no int"),
    ],
)
def test_a_wrong_parameter_is_named(root: Path, line: str, said: str) -> None:
    """As a run would, and a misspelt one, which a run would never give a value."""
    prepare(root, parameters=f"run: dict = {{}}  # by the runner\n{line}")

    (found,) = problems(root)

    assert said in found


def test_all_wrong_tags_and_lines_are_found_at_once(root: Path) -> None:
    """A run stops at the first one."""
    toys.write(
        root / "models/toy/prepare.ipynb",
        toys.code("a = 1\nb = 2", "parameters"),
        toys.code("1", "raises-exception"),
        toys.code("JSON({})"),
    )

    assert [one.partition(": ")[2] for one in problems(root)] == [
        "code cell 2: is tagged 'raises-exception': its error would not end the "
        "notebook; remove the tag, and catch the exception in the cell",
        "no cells tagged 'results'; tag the last code cell with it, and no other",
        "parameters cell, line 1: a has no type; write `a: type =`",
        "parameters cell, line 2: b has no type; write `b: type =`",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("label: y", "", "label: missing; give the name of the column to predict"),
        (
            "task: regression",
            "task: regresion",
            "task: 'regresion'; give regression, binary or",
        ),
        ("{rmse:", "{mape:", "gates.mape: no metric of a regression; did you mean"),
        (
            "num_round: 5",
            "num_round: 5, objective: 'binary:logistic'",
            "objective: binary",
        ),
        ("name: toy", "name: tory", "name: 'tory' must be the folder's, 'toy'"),
        (
            "label: y",
            "label: y\nlabel: z",
            "model.yaml:7: not YAML: 'label' stands twice",
        ),
        (
            "{num_round: 5}",
            "{num_round: 5}, spot: true",
            "training.spot: no notebook has",
        ),
        ("s3://", "/data/", "notebooks read from S3; `runner upload MODEL FILE`"),
    ],
)
def test_a_wrong_spec_is_named_by_its_key(
    root: Path, old: str, new: str, said: str
) -> None:
    """What a run refuses, and what it would pass over."""
    path = root / "models/toy/model.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))

    found = problems(root)

    assert [
        one for one in found if one.startswith("models/toy/model.yaml") and said in one
    ]


def test_all_wrong_keys_are_found_at_once(root: Path) -> None:
    """One error a line."""
    path = root / "models/toy/model.yaml"
    path.write_text(path.read_text().replace("task: regression", "tsk: 1\nowner: 5"))

    assert [one.split(": ")[1] for one in problems(root)] == ["tsk", "owner", "task"]


def test_files_that_are_missing_or_misnamed_are_named(root: Path) -> None:
    """The model card, a stage's notebook, and one that no stage runs."""
    folder = root / "models/toy"
    (folder / "README.md").unlink()
    (folder / "prepare.ipynb").rename(folder / "Prepare.ipynb")

    found = "\n".join(problems(root))

    assert "models/toy/README.md: missing; write a model card" in found
    assert "models/toy/prepare.ipynb: missing, and there is no shared" in found
    assert "models/toy/Prepare.ipynb: no stage runs it; name it prepare.ipynb" in found


def test_a_broken_model_does_not_hide_the_others(root: Path) -> None:
    """Each has its lines, also one whose notebook is no notebook."""
    for name in ("one", "two"):
        shutil.copytree(root / "models/toy", root / "models" / name)
    (root / "models/one/model.yaml").write_text("{")
    (root / "models/Not A Model/sub").mkdir(parents=True)
    (root / "models/left/.ipynb_checkpoints").mkdir(parents=True)
    (root / "models/two/prepare.ipynb").write_text("<<<<<<< HEAD")

    found = problems(root)

    assert any("models/'Not A Model': not a model name" in one for one in found)
    assert not any("models/left" in one for one in found)
    assert any(one.startswith("models/one/model.yaml:2: not YAML") for one in found)
    assert any("models/two/prepare.ipynb:1: not JSON" in one for one in found)
    assert any("models/two/model.yaml: name: 'toy' must be" in one for one in found)


def test_outputs_in_git_are_found(root: Path) -> None:
    """What is committed counts, not what is on the screen."""
    path = root / "models/toy/prepare.ipynb"
    notebook = json.loads(path.read_text())
    code = next(one for one in notebook["cells"] if one["cell_type"] == "code")
    code["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "hi"}]
    path.write_text(json.dumps(notebook))
    assert problems(root) == []

    subprocess.run(["git", "add", "."], cwd=root, check=True)

    assert problems(root) == [
        "models/toy/prepare.ipynb: 1 cells have outputs in git; run `make setup`, git "
        "add it"
    ]


def test_style_is_a_hint(root: Path) -> None:
    """With the cell that could be better."""
    prepare(root, "import os\nos.chdir('x')", "df2 = 1", "\n".join(["x = 1"] * 30))

    found = "\n".join(hints(root))

    assert problems(root) == []
    for said in (
        "cell 1: begin with a Markdown cell",
        "has 1 headings `##`; ask in 3 to 7",
        "uses os.chdir; leave the machine alone",
        "code cell 3 under 'Why?': lead into it with a sentence",
        "df2: name it by what it holds",
        "has 30 lines; keep to one idea and 25 lines",
    ):
        assert said in found


@pytest.mark.parametrize(
    "source", ["%time x = 1", "x = !ls", "await y", "x?", "%%bash\n{"]
)
def test_what_ipython_runs_is_no_syntax_error(source: str) -> None:
    """Magics, shells, help and a top-level await."""
    assert parse_cell(source).body


def test_each_setting_has_a_type_that_is_suggested(root: Path) -> None:
    """What the runner fills in is what `check` knows."""
    values = notebook_values(load_spec(root, "toy"))
    # A model without a script has no value for these.
    assert set(GIVEN) == {*values, "run", "source", "image_uri"}


def test_a_script_needs_its_file_and_a_notebook_that_takes_it(root: Path) -> None:
    """The shared notebooks train the built-in algorithm."""
    yaml = root / "models" / "toy" / "model.yaml"
    yaml.write_text(
        yaml.read_text().replace("training: {", "training: {source: t.py, ")
    )

    missing, lost = problems(root)

    assert missing.endswith("training.source: there is no t.py in models/toy")
    assert "training.source: no notebook has a parameter 'source', so" in lost
