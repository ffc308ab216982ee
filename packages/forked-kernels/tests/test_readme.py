"""What the README shows works as it stands there."""

import re
from pathlib import Path

import pytest
from kernel_cells import write_notebook

README = Path(__file__).parents[1] / "README.md"


def test_its_python_runs_notebooks_warm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every notebook of the folder, and no reason for a cold kernel is printed."""
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    parent = "import os, numpy; os.getppid()"
    for name in ("one", "two"):
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", parent)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}

    exec(code, names)

    notebook, kernels = names["notebook"], names["kernels"]
    outputs = notebook.cells[0].outputs
    assert outputs[0]["data"]["text/plain"] == str(kernels.process.pid)
    assert capsys.readouterr().out == ""
