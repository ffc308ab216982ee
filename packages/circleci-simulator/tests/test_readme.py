"""What the README shows works."""

import re
from pathlib import Path
from typing import Any

import pytest
from circleci_simulator import check
from circleci_simulator.__main__ import main

README = (Path(__file__).parents[1] / "README.md").read_text()
MAKEFILE = "test:\n\t@true\ndeploy:\n\t@echo deployed with $$TOKEN\n"


def blocks(language: str) -> list[str]:
    """List the README's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_python_block_runs(
    remote: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a project that has the README's config, and a Makefile."""
    (code,) = blocks("python")
    config = blocks("yaml")[1]
    remote.push({".circleci/config.yml": config, "Makefile": MAKEFILE})
    monkeypatch.chdir(tmp_path)
    Path(".circleci").mkdir()
    Path(".circleci/config.yml").write_text(config)
    exec(compile(code, "README.md", "exec"), {})


def test_the_shown_problems_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    """The README's config has none, and these two with two typos."""
    config = blocks("yaml")[1]
    assert check(config) == []
    shown = re.findall(r"^\.circleci/config.yml: (.*)$", README, re.MULTILINE)
    wrong = config.replace("[test], filters", "[tset], filters", 1)
    wrong = wrong.replace("    steps:", "    paralelism: 2\n    steps:", 1)
    assert set(shown) == set(check(wrong))


def test_the_options_are_those_of_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every option that the README names is in the help."""
    helped = ""
    for verb in ("check", "jobs"):
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        helped += capsys.readouterr().out
    options = set(re.findall(r"--[a-z-]+", re.sub(r"make --silent", "", README)))
    assert options and all(option in helped for option in options)
