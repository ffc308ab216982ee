"""The group of verbs: help, exit codes, errors and signals."""

import signal
import socket
import subprocess
import sys

import pytest

from runner.cli import VERBS
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


def test_an_error_is_one_line(invoke, repo, monkeypatch):
    """On standard error, without a traceback."""
    monkeypatch.chdir(repo)

    answer = invoke("show", "toi")

    assert answer.exit_code == 2
    assert answer.stderr == "error: models/toi: no such model; did you mean 'toy'?\n"


def test_outside_of_a_clone_the_remedy_is_named(invoke, tmp_path, monkeypatch):
    """The error says where to go."""
    monkeypatch.chdir(tmp_path)

    answer = invoke("list")

    assert answer.exit_code == 2
    assert "cd to the clone" in answer.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_what_a_verb_has_started(number, monkeypatch, tmp_path):
    """Ctrl-C as well as SIGTERM: `local` ends, and the embedded AWS with it."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "state"))
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "local"], stdout=subprocess.PIPE, text=True
    )
    with process:
        url = process.stdout.readline().strip().partition("=")[2]
        process.send_signal(number)
        process.stdout.read()
        code = process.wait(timeout=60)

    assert code == 128 + number
    host, port = url.removeprefix("http://").split(":")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=30)
