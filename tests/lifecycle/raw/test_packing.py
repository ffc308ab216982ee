"""What goes with a model's code, and what stays with its notebooks."""

from pathlib import Path

import pytest
import raw_models

from lifecycle.raw.packing import code_files, raw_code
from lifecycle.training import source_code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder, with a script in a folder of its own."""
    folder = raw_models.write_model(tmp_path / "toy")
    for path, text in {
        "README.md": "",
        ".hidden": "",
        "__pycache__/features.cpython-311.pyc": "",
        "tables/units.csv": "mm",
        "requirements.txt": "pandas==3.1.1",
        "src/train.py": "import features",
        "src/requirements.txt": "polars",
    }.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_notebooks_documents_and_hidden_files_stay(folder: Path) -> None:
    """What code may read goes with it."""
    names = set(code_files(folder))
    assert names == {
        *("features.py", "units.json", "tables/units.csv", "requirements.txt"),
        *("src/train.py", "src/requirements.txt"),
    }


def test_the_lock_of_notebooks_stays(folder: Path) -> None:
    """Beside requirements.in, requirements.txt is what the notebooks run in."""
    (folder / "requirements.in").write_text("pandas")
    names = set(code_files(folder))
    assert not {"requirements.txt", "requirements.in"} & names
    assert "src/requirements.txt" in names


def test_the_same_files_are_the_same_bytes(folder: Path) -> None:
    """The archive's sha256 stands for them."""
    first = raw_code(folder)
    (folder / "features.py").touch()
    assert raw_code(folder) == first
    (folder / "units.json").write_text('{"mm": 1}')
    assert raw_code(folder) != first


def test_a_script_gets_features_py(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the model's folder, and what stands beside it; requirements are its own."""
    monkeypatch.chdir(folder)
    described = source_code("src/train.py")
    sent = Path(described.source_dir)
    assert {path.name for path in sent.iterdir()} == {
        *("features.py", "units.json", "train.py", "requirements.txt"),
    }
    assert (sent / "requirements.txt").read_text() == "polars"
    assert (described.entry_script, described.requirements) == (
        "train.py",
        "requirements.txt",
    )
    (folder / "features.py").unlink()
    assert source_code("src/train.py").source_dir == str(folder / "src")


def test_a_job_does_not_install_the_lock_of_notebooks(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container has the image's packages."""
    (folder / "train.py").write_text("")
    monkeypatch.chdir(folder)
    assert source_code("train.py").requirements == "requirements.txt"
    (folder / "requirements.in").write_text("pandas")
    described = source_code("train.py")
    assert described.requirements is None
    assert {"requirements.in", "requirements.txt"} <= set(described.ignore_patterns)
