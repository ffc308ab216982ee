"""What the README shows works as it stands there."""

import re
from pathlib import Path

import nbformat
import pytest
from executed import code, notebook, prints

README = Path(__file__).parents[1] / "README.md"


def test_its_python_writes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And keeps two ends of a flood."""
    monkeypatch.chdir(tmp_path)
    executed = notebook(code("print(4177)", prints("4177")))
    nbformat.write(nbformat.from_dict(executed), tmp_path / "weekly.ipynb")
    parts = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)

    for part in parts:
        exec(part, {})

    page = (tmp_path / "weekly.html").read_text(encoding="utf-8")
    assert "<strong>Weekly report</strong>" in page
    assert "12.3 s" in page
    assert 1_990_000 < int(capsys.readouterr().out) < 2_010_000
