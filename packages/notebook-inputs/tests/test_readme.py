"""What the README shows works as it stands there."""

import json
import re
import subprocess
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
FILES = {
    "report/weekly.ipynb": json.dumps(
        {
            "cells": [{"cell_type": "code", "source": "import dates, pandas"}],
            "metadata": {},
            "nbformat": 4,
        }
    ),
    "report/codes.csv": "code\n",
    "report/unused.csv": "code\n",
    "src/dates.py": "CODES = 'report/codes.csv'\n",
    "src/unused.py": "",
    "requirements.txt": "numpy==2.4.1\n    # via pandas\npandas==3.1.1\nscipy==1.0\n",
}


def test_its_python_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a repository with what it names, and more."""
    text = README.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (shown,) = re.findall(r"prints .*?:\n\n```\n(.*?)```", text, re.DOTALL)
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "a"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, timeout=60)
    monkeypatch.chdir(tmp_path)

    exec(code, {})

    assert capsys.readouterr().out == shown
