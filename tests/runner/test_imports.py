"""What the command line imports before it is asked to do something heavy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = "boto3 botocore papermill nbformat nbconvert moto xgboost pandas sagemaker"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["show", "toy"],
        ["select", "--base", "HEAD"],
        ["ci-config", "--base", "HEAD", "--branch", "feature"],
    ],
)
def test_light_verbs_import_nothing_heavy(repo: Path, arguments: list[str]) -> None:
    """CircleCI's setup job installs only what they need, and they answer at once."""
    script = (
        "import json, sys\n"
        "from runner.cli import runner\n"
        f"try: runner({arguments!r})\n"
        "finally: print(json.dumps([name for name in sys.modules]), file=sys.stderr)\n"
    )
    jobs = repo / ".circleci" / "jobs.yml"
    jobs.parent.mkdir()
    jobs.write_bytes((ROOT / ".circleci" / "jobs.yml").read_bytes())
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=repo,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr.decode()[-500:]
    imported = set(json.loads(answer.stderr.splitlines()[-1]))
    assert imported.isdisjoint(HEAVY.split())
