"""The command tells what is wrong with configs, and which jobs run."""

import subprocess
import sys
from pathlib import Path

import pytest
from circleci_simulator.__main__ import main
from examples import PIPELINE, SETUP


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a good config, one with two mistakes, and a setup config."""
    monkeypatch.chdir(tmp_path)
    Path("good.yml").write_text(PIPELINE)
    wrong = PIPELINE.replace("[review]", "[reviwe]").replace("executors:", "executers:")
    Path("wrong.yml").write_text(wrong)
    Path("setup.yml").write_text(SETUP)
    return tmp_path


def test_nothing_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed."""
    assert main(["check", "good.yml", "setup.yml"]) == 0
    assert capsys.readouterr().out == ""


def test_each_problem_is_a_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file, the place and the remedy."""
    assert main(["check", "good.yml", "wrong.yml"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("wrong.yml: ") for line in lines)
    told = "executers: unknown top-level key; did you mean 'executors'?"
    assert f"wrong.yml: {told}" in lines


def test_problems_can_be_ignored(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a part of their text."""
    Path("old.yml").write_text(
        PIPELINE.replace("context: [trainers]", "filters: {branches: {only: main}}")
    )
    assert main(["check", "old.yml"]) == 1
    ignore = ["--ignore", "filters as a mapping", "--ignore", "hangs on"]
    assert main(["check", *ignore, "old.yml"]) == 0


def test_the_default_branch_may_have_another_name(folder: Path) -> None:
    """A job that runs on it does not wait for ever there."""
    on_trunk = 'filters: pipeline.git.branch == "trunk"'
    text = PIPELINE.replace("context: [trainers]", on_trunk).replace(
        "pipeline.git.branch matches /main|release-.*/",
        'pipeline.git.branch == "trunk"',
    )
    text = text.replace("- gate: {", f"- gate: {{{on_trunk}, ")
    text = text.replace("type: approval,", f"type: approval, {on_trunk},")
    Path("trunk.yml").write_text(text)
    assert main(["check", "--default-branch", "trunk", "trunk.yml"]) == 0
    Path("is-default.yml").write_text(
        text.replace('pipeline.git.branch == "trunk"', "pipeline.git.branch.is_default")
    )
    assert main(["check", "--default-branch", "trunk", "is-default.yml"]) == 0


def test_a_continuation_is_checked_with_its_setup(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are checked, and what one passes to the other."""
    assert main(["check", "--setup", "setup.yml", "good.yml"]) == 0
    Path("other.yml").write_text(
        PIPELINE.replace("enum, enum: [ci, retrain]", "string")
    )
    assert main(["check", "--setup", "setup.yml", "other.yml"]) == 1
    assert "has another type" in capsys.readouterr().out


def test_an_orb_is_given_by_its_source(folder: Path) -> None:
    """Or accepted without one."""
    text = PIPELINE.replace("orbs:\n", "orbs:\n  tools: acme/tools@1.2.3\n").replace(
        "steps: [install]\n  gate", "steps: [tools/lint]\n  gate"
    )
    Path("orb.yml").write_text("commands: {lint: {steps: [{run: make lint}]}}")
    Path("config.yml").write_text(text)
    assert main(["check", "config.yml"]) == 1
    assert main(["check", "--orb", "acme/tools@1.2.3", "config.yml"]) == 0
    assert main(["check", "--orb", "acme/tools@1.2.3=orb.yml", "config.yml"]) == 0


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["--branch", "main"],
            [
                "main: train-a",
                "main: review (approval)",
                "main: gate (no-op)",
                "main: deploy",
            ],
        ),
        (
            ["--branch", "x", "--unapproved"],
            ["main: train-a", "main: review (approval, on_hold)", "main: gate (no-op)"],
        ),
        (
            ["--branch", "x", "--outcome", "train-a=failed"],
            ["main: train-a (failed)", "main: gate (no-op)"],
        ),
        (["--branch", "x", "--parameter", "action=retrain"], []),
        (
            [
                "--branch",
                "x",
                "--parameter",
                "action=retrain",
                "--parameter",
                "force=true",
            ],
            ["main: train-a", "main: review (approval)", "main: gate (no-op)"],
        ),
        (["--tag", "v1"], []),
    ],
)
def test_jobs_of_a_pipeline_are_listed(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    lines: list[str],
) -> None:
    """In the order in which they can run."""
    assert main(["jobs", "good.yml", *arguments]) == 0
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "absent.yml"], "absent.yml"),
        (["jobs", "absent.yml", "--branch", "x"], "absent.yml"),
        (["jobs", "good.yml", "--branch", "x", "--parameter", "a=b"], "Unexpected"),
        (
            ["jobs", "good.yml", "--branch", "x", "--parameter", "force=maybe"],
            "not fit",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    """On one line, with status 1."""
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert told in printed and printed.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["check"],
        ["jobs", "good.yml"],
        ["jobs", "good.yml", "--branch", "x", "--parameter", "force"],
    ],
)
def test_a_wrong_call_is_said(folder: Path, arguments: list[str]) -> None:
    """With status 2, as commands do."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_the_command_runs_as_a_module(folder: Path) -> None:
    """`python -m circleci_simulator` is the same command."""
    call = [sys.executable, "-m", "circleci_simulator", "check", "wrong.yml"]
    ended = subprocess.run(
        call, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "requires 'reviwe'" in ended.stdout
