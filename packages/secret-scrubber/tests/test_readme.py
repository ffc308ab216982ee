"""What the README shows works as it stands there."""

import os
import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_its_python_prints_what_it_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment is put back."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    text = README.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (shown,) = re.findall(r"prints\n\n```\n(.*?)```", text, re.DOTALL)

    exec(code, {})

    assert capsys.readouterr().out == shown
