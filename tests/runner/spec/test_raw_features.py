"""What is wrong with a model's features.py is found without running it."""

from pathlib import Path

import pytest
import toys

from runner.spec.raw_features import find_wrong_features

GOOD = "def transform(raw):\n    return raw\n"
IMPORT = "from features import transform"
WRITE = "write_splits(model, run, splits, raw=raw, transform=transform)"


def write(root: Path, features: str, *prepare: str) -> list[str]:
    """Write a model, and return what is wrong with it."""
    folder = root / "models" / "toy"
    (folder / "features.py").write_text(features)
    toys.write(folder / "prepare.ipynb", *map(toys.code, prepare))
    return [f"{file}: {said}" for file, said in find_wrong_features(root, "toy")]


@pytest.mark.parametrize(
    "features",
    [
        GOOD,
        "from clean import transform\n",
        "transform = print\n",
        "try:\n    import x\n    transform = x.y\nexcept ImportError:\n    pass\n",
        "import helper, json, pandas\ndef transform(raw, scale=1, *, by=2): 1\n",
    ],
)
def test_nothing_is_wrong_with_what_works(repo: Path, features: str) -> None:
    """Modules of the model's folder, of Python and of the image may be imported."""
    (repo / "models" / "toy" / "helper.py").write_text("")
    assert write(repo, features, IMPORT, "%matplotlib inline", WRITE) == []
    assert write(repo, features, f"{IMPORT}\nwrite_splits(**given)") == []


def test_a_model_without_it_has_nothing_wrong(repo: Path) -> None:
    """It takes features."""
    assert list(find_wrong_features(repo, "toy")) == []


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ("", "has no function transform; add `def transform(raw: pd.DataFrame)"),
        ("class Features:\n    def transform(self, raw): 1", "has no function"),
        ("def scale(transform):\n    import transform", "has no function"),
        ("def transform(: 1", "no Python can run it"),
        ("def transform(): 1", "transform has to take one table"),
        ("def transform(raw, labels): 1", "transform has to take one table"),
        ("def transform(raw, *, scale): 1", "transform has to take one table"),
        ("async def transform(raw): 1", "transform is async"),
        (f"import lifecycle.aws\n{GOOD}", "imports lifecycle, which is not at the end"),
        (f"from shared.x import y\n{GOOD}", "imports shared, which is not at the end"),
    ],
)
def test_wrong_code_is_told(repo: Path, features: str, said: str) -> None:
    """With the line to write, or what to do."""
    for name in ("lifecycle", "shared"):
        (repo / name).mkdir()
    (found,) = write(repo, features, IMPORT, WRITE)
    assert found.startswith("models/toy/features.py: ")
    assert said in found


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["write_splits(m, run, splits)"], "does not import features.py"),
        ([IMPORT, "write_splits(m, run, splits)"], "is not given raw="),
        ([IMPORT, "write_splits(m, run, splits, raw=r)"], "is not given transform="),
    ],
)
def test_a_prepare_notebook_has_to_hand_it_on(
    repo: Path, cells: list[str], said: str
) -> None:
    """Otherwise the endpoint would take features all the same."""
    (found,) = write(repo, GOOD, *cells)
    assert found.startswith("models/toy/prepare.ipynb: ")
    assert said in found


def test_a_training_notebook_of_its_own_has_to_pack_it(repo: Path) -> None:
    """It is told before the training is paid for."""
    path = repo / "models" / "toy" / "train-register.ipynb"
    toys.write(path, toys.code("job = run_training(trainer, channels, wait_seconds=9)"))
    (found,) = write(repo, GOOD, IMPORT, WRITE)
    assert "run_training is not given prepared=" in found
    toys.write(path, toys.code("job = run_training(trainer, [], prepared=prepared)"))
    assert write(repo, GOOD, IMPORT, WRITE) == []
