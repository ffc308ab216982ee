"""Two models of contradictory pandas versions are run by one command."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clones
import pytest
import toys
from locks import lock_or_skip, pinned

OWN = {"pandas": "2.2.3", "numpy": "1.26.4", "scikit-learn": "1.5.2"}
TELL = """\
import io, random, sys
import numpy, pandas, sklearn
from lifecycle.tabular.csv_cells import exact_floats
versions = [one.__version__ for one in (pandas, numpy, sklearn)]
numbers = [random.random() for _ in range(1000)]
written = io.StringIO("\\n".join(map(repr, numbers)))
read = pandas.read_csv(written, header=None, **exact_floats())[0]
print("\\n".join([*versions, sys.prefix, str(sum(read != numbers))]))"""

MODELS = ("size", "twin")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A clone with a model twice: `size` in an environment of its own, `twin` in none.

    Both were run to the end by one command, which has printed the text.
    """
    root = tmp_path_factory.mktemp("two") / "clone"
    clones.clone_template(root, "size")
    folders = [root / "models" / name for name in MODELS]
    path = folders[0] / "prepare.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"].insert(1, toys.code(TELL))
    path.write_text(json.dumps(notebook))
    shutil.copytree(*folders)
    for name in ("model.yaml", "prepare.ipynb"):
        text = (folders[1] / name).read_text()
        for old in ("name: size", 'model: str = \\"size'):
            text = text.replace(old, old.replace("size", "twin"))
        (folders[1] / name).write_text(text)
    shutil.copy(clones.ROOT / "requirements.in", root)
    asked = "".join(f"{name}=={version}\n" for name, version in OWN.items())
    (folders[0] / "requirements.in").write_text(asked)
    lock_or_skip(root, "size")
    with clones.start_aws() as embedded:
        clones.upload_rows(embedded)
        command = ("runner", "run", "--all", "--target", "local")
        ended = clones.run(root, embedded, *command)
        printed = ended.stdout + ended.stderr
        assert ended.returncode == 0, printed
        yield root, printed


def kept(root: Path, model: str, name: str) -> Any:
    """Read what the run has kept of a model."""
    return json.loads((root / "build" / model / name).read_text())


def told(root: Path, model: str) -> list[str]:
    """Return what the kernel of a model's prepare notebook has said of itself."""
    texts = [
        "".join(output["text"])
        for cell in kept(root, model, "prepare.ipynb")["cells"]
        for output in cell.get("outputs", [])
        if output.get("name") == "stdout"
    ]
    return texts[0].splitlines()


def test_each_model_ran_with_its_own_versions(run: tuple[Path, str]) -> None:
    """The kernels say so, and the record of the run says the same."""
    root, _ = run
    *versions, prefix, _ = told(root, "size")
    assert versions == [*OWN.values()]
    assert Path(prefix).parent == root / ".environments"
    shared = dict(line.split("==") for line in pinned("pandas") if ";" not in line)
    assert told(root, "twin")[0] == shared["pandas"] != OWN["pandas"]
    for model, version in (("size", OWN["pandas"]), ("twin", shared["pandas"])):
        assert kept(root, model, "source.json")["dependencies"]["pandas"] == version


def test_both_kernels_were_warm(run: tuple[Path, str]) -> None:
    """Nothing says that a kernel started cold, and it is said what is made."""
    _, printed = run
    assert "start cold" not in printed
    assert printed.count("makes the environment of size: ") == 1


def test_numbers_are_read_as_they_were_written(run: tuple[Path, str]) -> None:
    """pandas before 3.1 changes the last bit of every third one if it is not told."""
    root, _ = run
    assert [told(root, model)[-1] for model in MODELS] == ["0", "0"]


def test_older_packages_give_the_same_model(run: tuple[Path, str]) -> None:
    """They split and write the same rows, and measure the same."""
    root, _ = run
    own, shared = (kept(root, one, "prepare.json")["results"] for one in MODELS)
    for name in ("rows", "columns", "data_sha256", "test_sha256"):
        assert own[name] == shared[name]
    own, shared = (kept(root, one, "train-register.json")["metrics"] for one in MODELS)
    assert own == pytest.approx(shared, rel=1e-6)
