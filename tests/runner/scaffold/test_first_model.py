"""docs/your-first-model.md: its commands run, and print what it says."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import clones
import pytest
from click.testing import Result
from embedded_aws import EmbeddedAWS

pytestmark = pytest.mark.usefixtures("warm")
PAGE = clones.ROOT / "docs" / "your-first-model.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
# What differs from run to run, and how wide a table is because of it.
SECONDS = re.compile(r"\d+(\.\d+)? s\b")
RULE = re.compile(r"─+")


def blocks() -> Iterator[tuple[str, str]]:
    """Yield each command of the page with what it prints."""
    for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def normal(text: str) -> list[str]:
    """Return lines without times, empty lines and the widths of tables."""
    plain = RULE.sub("─", SECONDS.sub("? s", text))
    return [" ".join(line.split()) for line in plain.splitlines() if line.strip()]


@pytest.fixture
def clone(tmp_path: Path, aws: EmbeddedAWS, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of the template without models, as the current folder."""
    root = tmp_path / "clone"
    clones.copy_checkout(root, *clones.TEMPLATE)
    (root / "models").mkdir()
    for command in (["init", "-q"], ["config", "user.name", "Ada"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    monkeypatch.chdir(root)
    return root


def test_the_page_tells_what_happens(
    clone: Path, invoke: Callable[..., Result]
) -> None:
    """Every command of it works, in its order, and prints what the page shows."""
    for command, expected in blocks():
        program, *arguments = shlex.split(command)
        if program == "python":
            exec(arguments[1], {})
            printed = ""
        elif program in ("cat", "head"):
            lines = Path(arguments[-1]).read_text().splitlines()
            printed = "\n".join(lines[: 5 if program == "head" else None])
        else:
            answer = invoke(*arguments)
            assert (program, answer.exit_code) == ("runner", 0), answer.output
            printed = answer.stdout
        assert normal(printed) == normal(expected), command
