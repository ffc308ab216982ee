"""The group of verbs: help, exit codes, errors and signals."""

import ast
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import warm_python
from click.shell_completion import get_completion_class
from clones import ROOT

from runner.cli import VERBS, runner
from runner.cli.local import FOLDER_VARIABLE


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(invoke, verb):
    """It says what the verb does, not only how it is called."""
    answer = invoke(verb, "--help")

    assert answer.exit_code == 0
    assert answer.output.startswith(f"Usage: runner {verb}")
    assert len(answer.output.split("Options:")[0].split("\n\n")) >= 2


def test_help_lists_every_verb(invoke):
    """One line each."""
    answer = invoke("--help")

    listed = answer.output.split("Commands:")[1]
    assert [line.split()[0] for line in listed.strip().splitlines()] == list(VERBS)


def test_help_cuts_no_description(invoke):
    """Each fits on its line in a terminal of 80 columns."""
    assert "..." not in invoke("--help").output.split("Commands:")[1]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (["shwo"], "'shwo' is not a verb; did you mean 'show'?"),
        (["show"], "Missing argument 'MODEL'. See `runner show --help`."),
        (["run", "--foo"], "No such option '--foo'. See `runner run --help`."),
    ],
)
def test_a_wrong_call_is_one_line(invoke, call, error):
    """It says what to write instead, with exit code 2."""
    answer = invoke(*call)

    assert answer.exit_code == 2
    assert answer.stderr == f"error: {error}\n"


@pytest.mark.parametrize("name", ["toi", "Toy"])
def test_an_error_is_one_line(invoke, repo, monkeypatch, name):
    """On standard error, without a traceback."""
    monkeypatch.chdir(repo)

    answer = invoke("show", name)

    shown = repr(name) if name == "Toy" else name
    said = f"error: models/{shown}: no such model; did you mean 'toy'?\n"
    assert answer.exit_code == 2
    assert answer.stderr == said


def test_a_model_that_is_new_has_no_differences_to_show(invoke, repo, monkeypatch):
    """The error says which revision lacks it."""
    shutil.copytree(repo / "models" / "toy", repo / "models" / "twin")
    spec = repo / "models" / "twin" / "model.yaml"
    spec.write_text(spec.read_text().replace("name: toy", "name: twin"))
    monkeypatch.chdir(repo)

    answer = invoke("show", "twin", "--diff", "HEAD")

    assert answer.exit_code == 2
    assert answer.stderr == "error: --diff HEAD: models/twin was not there yet\n"


def test_outside_of_a_clone_the_remedy_is_named(invoke, tmp_path, monkeypatch):
    """The error says where to go."""
    monkeypatch.chdir(tmp_path)

    answer = invoke("list")

    assert answer.exit_code == 2
    assert "cd to the clone" in answer.stderr


def test_a_subfolder_is_as_good_as_the_top(invoke, repo, monkeypatch):
    """A file is named as it is found from there."""
    (repo / "models" / "toy" / "model.yaml").write_text("name: [")
    monkeypatch.chdir(repo / "notebooks")

    answer = invoke("show", "toy")

    assert answer.stderr.startswith("error: ../models/toy/model.yaml:2: not YAML")


def test_a_missing_package_is_one_line(invoke, repo, monkeypatch):
    """As where CI's environment, which has no embedded AWS, is used at a desk."""
    monkeypatch.chdir(repo)
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "runner.spec.folders", raising=False)

    answer = invoke("show", "toy")

    assert answer.exit_code == 2
    assert answer.stderr.startswith("error: yaml is not installed for ")
    assert answer.stderr.count("\n") == 1


WRONG_PYTHON = """\
import runpy, sys
sys.version_info, sys.version = (3, 9, 2), "3.9.2 (main)"
runpy.run_module("runner", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["-c", WRONG_PYTHON], "error: this is Python 3.9.2, older than 3.11; "),
        # Without the packages of .venv.
        (["-S", "-m", "runner", "list"], "error: click is not installed for "),
    ],
)
def test_a_wrong_python_is_one_line(options, error):
    """It says which one is right."""
    command = [sys.executable, *options]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert ended.returncode == 1
    assert ended.stderr.startswith(error)
    assert "run .venv/bin/runner" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_python_of_any_age_can_read_the_first_files():
    """Those that are run before its age is known."""
    for name in ("__init__", "__main__"):
        text = (ROOT / "runner" / f"{name}.py").read_text()

        assert ast.parse(text, feature_version=(3, 7))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("words", "incomplete", "completed"),
    [
        (["runner"], "sh", ["show"]),
        (["runner", "show"], "t", ["toy"]),
        (["runner", "run", "toy"], "t", []),
        (["runner", "run", "--stage"], "p", ["prepare"]),
        (["runner", "run"], "--resu", ["--resume"]),
        (["runner", "shwo"], "t", []),
    ],
)
def test_a_shell_completes(repo, monkeypatch, shell, words, incomplete, completed):
    """Verbs, models, options and their values."""
    monkeypatch.chdir(repo)
    made = get_completion_class(shell)(runner, {}, "runner", "_RUNNER_COMPLETE")

    found = made.get_completions(words[1:], incomplete)

    assert [one.value for one in found] == completed


def test_no_model_is_completed_outside_of_a_clone(tmp_path, monkeypatch):
    """Nothing is printed into the line that is being typed."""
    monkeypatch.chdir(tmp_path)
    made = get_completion_class("bash")(runner, {}, "runner", "_RUNNER_COMPLETE")

    assert made.get_completions(["show"], "") == []


def test_bash_completes_the_installed_command(repo):
    """By what `completion` prints."""
    folder = Path(sys.executable).parent
    script = f"""\
PATH="{folder}:$PATH"; eval "$(runner completion bash)"
COMP_WORDS=(runner show t); COMP_CWORD=2; _runner_completion runner; echo "$COMPREPLY"
"""
    ended = subprocess.run(
        ["bash", "-c", script], cwd=repo / "models", capture_output=True, text=True
    )

    assert ended.stdout == "toy\n", ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_what_a_verb_has_started(number, monkeypatch, tmp_path):
    """Ctrl-C as well as SIGTERM: `local` ends, and the embedded AWS with it."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "state"))
    process = subprocess.Popen(
        [warm_python.executable(), "-m", "runner", "local"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            url = process.stdout.readline().strip().partition("=")[2]
            process.send_signal(number)
            process.communicate(timeout=60)
        finally:
            process.kill()

    assert process.returncode == 128 + number
    host, port = url.removeprefix("http://").split(":")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=30)
