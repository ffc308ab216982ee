"""Verbs that answer at once import nothing heavy."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What CircleCI's setup job installs, with its dependencies, and this repository's own.
SETUP = {"click", "yaml", "lifecycle", "runner", "sagemaker_xgboost"} | {
    *("notebook_inputs", "secret_scrubber"),
}
# What checks model.yaml, and what prints tables, with their dependencies.
SHOWN = {"pydantic", "annotated_types", "pydantic_core"} | {
    *("typing_extensions", "typing_inspection"),
    *("rich", "markdown_it", "mdurl", "pygments"),
}
# In this order, as nothing is imported twice.
VERBS = [
    ["select", "--base", "HEAD"],
    ["ci-config", "--base", "HEAD", "--branch", "feature"],
    ["--help"],
    ["list"],
    ["show", "toy"],
]
SCRIPT = """
import json, sys

before = {*sys.modules, *sys.stdlib_module_names}
from runner.cli import runner

for verb in json.loads(sys.argv[1]):
    runner.main(verb, standalone_mode=False)
    imported = {name.partition(".")[0] for name in set(sys.modules)} - before
    # Compiled modules have helpers that are files of no package.
    found = [name for name in imported if not name.startswith(("_", "cython"))]
    print("imported", json.dumps([verb[0], sorted(found)]), file=sys.stderr)
"""


def test_light_verbs_import_nothing_heavy(repo: Path) -> None:
    """CircleCI's setup job installs only what they need."""
    jobs = repo / ".circleci" / "jobs.yml"
    jobs.parent.mkdir()
    shutil.copy(ROOT / ".circleci" / "jobs.yml", jobs)
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(VERBS)],
        cwd=repo,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr[-500:]
    lines = [line.partition(" ") for line in answer.stderr.splitlines()]
    imported = dict(json.loads(rest) for word, _, rest in lines if word == "imported")
    assert list(imported) == [verb for verb, *_ in VERBS]
    assert set(imported["ci-config"]) <= SETUP
    assert set(imported["show"]) <= SETUP | SHOWN


def test_an_approval_and_a_page_need_no_numpy() -> None:
    """CircleCI's approve job has no package that computes."""
    script = (
        "import sys, runner.pipeline.release, runner.review.page\n"
        "print({'numpy', 'pandas', 'xgboost', 'sklearn'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert answer.stdout == "set()\n", answer.stderr[-500:]
