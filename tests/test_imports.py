"""Who may import whom: two columns that meet only in the command line."""

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "runner"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(
        ".__init__"
    ): path
    for path in PACKAGE.rglob("*.py")
}
# From a model's files to what a run leaves, without AWS; and AWS, without those files.
LEFT = (
    "spec fingerprint parameters signature notebook artifacts gates selection circleci "
    "source review.page review.comment github"
)
RIGHT = "session storage registry endpoint training"
COLUMNS = [
    name
    for name in MODULES
    if not name.startswith(("runner.cli", "embedded_aws", "runner.__main__"))
]
HEAVY = "boto3 botocore papermill nbformat nbconvert moto xgboost pandas sagemaker"


@cache
def imports(name: str) -> frozenset[str]:
    """List what a module imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: import {node.module} by its full name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
            found.add(str(node.module))
    return frozenset(found)


@cache
def reach(name: str) -> frozenset[str]:
    """List the modules of this package that a module imports, however indirectly."""
    found: set[str] = set()
    ahead = {name}
    while ahead:
        found |= ahead
        direct = {one for module in ahead for one in imports(module) if one in MODULES}
        # `import a.b` runs a as well, but `runner` itself holds nothing.
        ahead = direct - found - {"runner"}
    return frozenset(found - {name})


def outside(name: str) -> set[str]:
    return {module.partition(".")[0] for module in imports(name)}


@pytest.mark.parametrize("name", COLUMNS)
def test_no_module_stands_in_both_columns(name: str) -> None:
    """What reads a model's files and what talks to AWS meet in the command line."""
    assert not {"runner.spec", "runner.session"} <= {name, *reach(name)}


@pytest.mark.parametrize("name", LEFT.split())
def test_the_left_column_knows_no_aws(name: str) -> None:
    """It works, and is tested, without an account."""
    assert "runner.session" not in reach(f"runner.{name}")
    assert outside(f"runner.{name}").isdisjoint({"boto3", "botocore", "sagemaker"})


@pytest.mark.parametrize("name", RIGHT.split())
def test_the_right_column_knows_no_model_files(name: str) -> None:
    """Notebooks call it with what they know, wherever they run."""
    assert {"runner.spec", "runner.notebook"}.isdisjoint(reach(f"runner.{name}"))


@pytest.mark.parametrize("name", COLUMNS)
def test_nobody_imports_the_command_line(name: str) -> None:
    """It is the end of the line: the only place that prints and exits."""
    assert not any(one.startswith("runner.cli") for one in imports(name))


@pytest.mark.parametrize("name", MODULES)
def test_only_the_command_line_starts_the_embedded_aws(name: str) -> None:
    """And nothing outside knows its inside: moto, the container."""
    if name.startswith("embedded_aws"):
        return
    embedded = {one for one in imports(name) if one.startswith("embedded_aws")}

    assert "moto" not in outside(name)
    assert not embedded or name.startswith("runner.cli")
    assert not any(one.startswith("sagemaker_xgboost.container") for one in embedded)


@pytest.mark.parametrize("name", [one for one in COLUMNS if one != "runner.session"])
def test_only_one_module_makes_clients(name: str) -> None:
    """Region, bucket and role come from the environment in one place."""
    source = MODULES[name].read_text()

    assert "boto3.client(" not in source
    assert "boto3.Session(" not in source


def test_there_is_no_circle() -> None:
    """Each module can be understood after those it imports."""
    assert [name for name in COLUMNS if name in circle(name)] == []


def circle(name: str) -> frozenset[str]:
    direct = [one for one in imports(name) if one in MODULES and one != "runner"]
    return frozenset(found for one in direct for found in {one, *reach(one)})


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
        [sys.executable, "-c", script], cwd=repo, capture_output=True, check=False
    )

    assert answer.returncode == 0, answer.stderr.decode()[-500:]
    imported = set(json.loads(answer.stderr.splitlines()[-1]))
    assert imported.isdisjoint(HEAVY.split())
