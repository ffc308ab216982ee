"""The README's example runs as it stands."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_prints_what_it_says(tmp_path, monkeypatch, capfd):
    """A model is trained from a folder like /opt/ml, and predicts."""
    [example] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, README, "exec"), {})
    printed = capfd.readouterr().out.splitlines()[-1]
    [expected] = re.findall(r"print\(.*\)  # (.*)", example)
    assert printed == expected
