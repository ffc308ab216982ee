"""The group of verbs."""

import signal
import subprocess
import sys

import pytest

from runner.cli import VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(invoke, verb):
    """`--help` of each verb says what it does, not only how it is called."""
    answer = invoke(verb, "--help")

    assert answer.exit_code == 0
    assert answer.output.startswith(f"Usage: runner {verb}")
    assert len(answer.output.split("Options:")[0].split("\n\n")) >= 2


def test_help_lists_every_verb(invoke):
    """`--help` names every verb with one line on each."""
    answer = invoke("--help")

    listed = answer.output.split("Commands:")[1]
    assert [line.split()[0] for line in listed.strip().splitlines()] == list(VERBS)


def test_an_unknown_verb_is_a_wrong_call(invoke):
    """A verb that is not there ends with exit code 2."""
    assert invoke("deploi").exit_code == 2


def test_an_error_is_one_line(invoke, repo, monkeypatch):
    """An error of the runner's is a line on standard error, without a traceback."""
    monkeypatch.chdir(repo)

    answer = invoke("show", "toi")

    assert answer.exit_code == 2
    assert answer.stderr == "error: models/toi: no such model; did you mean 'toy'?\n"


def test_outside_a_repository_the_remedy_is_said(invoke, tmp_path, monkeypatch):
    """Somewhere else than in the clone, the error says where to go."""
    monkeypatch.chdir(tmp_path)

    answer = invoke("list")

    assert answer.exit_code == 2
    assert "cd to the clone" in answer.stderr


def test_sigterm_leaves_through_every_finally(tmp_path):
    """SIGTERM ends `local` with 143, and the embedded AWS with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "local"], stdout=subprocess.PIPE, text=True
    )
    with process:
        url = process.stdout.readline().strip().partition("=")[2]
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        code = process.wait(timeout=30)

    assert url.startswith("http://127.0.0.1:")
    assert code == 128 + signal.SIGTERM
    assert not _answers(url)


def _answers(url):
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(url, timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
