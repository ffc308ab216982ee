"""Whatever stops a command, it ends with one line and an exit code."""

import os
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import click
import pytest
import warm_python

from runner.cli import VERBS, Verb
from runner.cli.ending import _tell_of_thread

HOSTILE = (
    "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07 \x1b]52;c;aGk=\x07\u202eabc\x07"
)


@pytest.fixture
def fail(invoke, repo, monkeypatch):
    """Call a verb that raises an error, in a clone."""
    monkeypatch.chdir(repo)
    monkeypatch.setenv("TEAM_TOKEN", "0123456789abcdef0123456789abcdef")

    def call(error):
        @click.command()
        def broken():
            raise error

        module = SimpleNamespace(broken_command=broken)
        monkeypatch.setitem(sys.modules, "runner.cli.broken_verb", module)
        monkeypatch.setitem(VERBS, "broken", Verb("broken_verb", "Breaks."))
        answer = invoke("broken")
        assert "Traceback" not in answer.output
        assert answer.stderr.count("\n") == 1
        return answer

    return call


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("odd"), "ZeroDivisionError: odd"),
        (KeyError("name"), "KeyError: 'name'"),
        (RecursionError("too deep\nand more"), "RecursionError: too deep"),
        (MemoryError(), "MemoryError: "),
        (TimeoutError("of a socket"), "TimeoutError: of a socket"),
        (ModuleNotFoundError("no lifecycle", name="lifecycle.x"), "ModuleNotFoundErro"),
    ],
)
def test_what_nobody_foresaw_is_one_line(fail, repo, error, said):
    """Its traceback is kept, and the line says where."""
    answer = fail(error)

    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"error: {said}")
    assert answer.stderr.endswith("the traceback is in build/error.log: report it\n")
    assert "raise error" in (repo / "build" / "error.log").read_text()


def test_the_text_of_an_error_is_shown_and_not_obeyed(fail, repo):
    """No link, clipboard, bell or order of letters; nor a secret, in the log either."""
    answer = fail(RuntimeError(f"{HOSTILE} 0123456789abcdef0123456789abcdef"))

    assert answer.stderr.startswith("error: RuntimeError: click \\u202eabc\\x07 ")
    log = (repo / "build" / "error.log").read_text()
    for text in (answer.stderr, log):
        assert "0123456789abcdef" not in text


def test_a_log_is_kept_where_it_can_be(fail, repo, tmp_path, monkeypatch):
    """In the folder of temporary files, where build/ is no folder."""
    (repo / "build").symlink_to("/nowhere/build")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    # Half a character, as the name of a file may have, which no encoding writes.
    answer = fail(ZeroDivisionError("odd \udcff"))

    path = re.search(r"the traceback is in (\S+): report it", answer.stderr)[1]
    assert path.startswith(str(tmp_path))
    with open(path, encoding="utf-8") as log:  # noqa: PTH123
        assert r"ZeroDivisionError: odd \udcff" in log.read()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(24, "Too many open files", "x.json"),
            "x.json: cannot be written, Too",
        ),
        (PermissionError(13, "Permission denied", "x.json"), "give write access"),
        (
            OSError(5, "Input/output error", "x.json"),
            "x.json: cannot be written, Input",
        ),
        (OSError(28, "No space left on device"), "output: cannot be written, No space"),
    ],
)
def test_what_the_system_refuses_is_named(fail, repo, error, said):
    """With its remedy; that is no mistake of the runner, and no log is kept."""
    answer = fail(error)

    assert answer.exit_code == 1
    assert said in answer.stderr
    assert not (repo / "build").exists()


def run(repo, *arguments, **options):
    """Call the command line in a process of its own."""
    return subprocess.run(
        [warm_python.executable(), "-m", "runner", *arguments],
        cwd=repo,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=False,
        timeout=60,
        stderr=subprocess.PIPE,
        **options,
    )


def test_any_terminal_gets_its_lines(repo):
    """Also one that knows only ASCII; a full disk behind it is one line."""
    yaml = repo / "models" / "toy" / "model.yaml"
    yaml.write_text(yaml.read_text() + "description: Größe\n")

    ascii_only = run(repo, "list", stdout=subprocess.PIPE)
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        no_room = run(repo, "list", "--json", stdout=full)

    assert (ascii_only.returncode, ascii_only.stderr) == (0, b"")
    assert rb"Gr\xf6\xdfe" in ascii_only.stdout
    assert no_room.returncode == 1
    assert no_room.stderr == (
        b"error: output: cannot be written, No space left on device; make room on the "
        b"disk, and run the same command again\n"
    )


def test_whoever_reads_may_go(repo):
    """As `head` does: nothing is said of it."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as nobody:
        ended = run(repo, "show", "toy", stdout=nobody)

    assert (ended.returncode, ended.stderr) == (1, b"")


def test_a_folder_that_is_gone_is_named(invoke, tmp_path, monkeypatch):
    """As after a change of branches, in a terminal that was below it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    answer = invoke("list")
    os.chdir(tmp_path)

    assert (answer.exit_code, answer.stderr) == (
        2,
        "error: the current folder is gone; cd to the clone\n",
    )


def test_a_thread_that_fails_is_one_line(repo, monkeypatch, capsys):
    """As those of Jupyter do where files run out."""
    monkeypatch.chdir(repo)

    _tell_of_thread(
        threading.ExceptHookArgs((OSError, OSError(24, "Too many"), None, None))
    )

    said = capsys.readouterr().err
    assert said.startswith("warning: OSError: [Errno 24] Too many; the traceback is in")
    assert said.count("\n") == 1


def test_a_history_that_cannot_be_read_is_no_missing_one(invoke, repo, monkeypatch):
    """Else every model would be selected; git's reason is said."""
    monkeypatch.chdir(repo)
    (repo / ".git").rename(repo / "other")
    (repo / ".git").write_text("junk")

    answer = invoke("select")

    assert answer.exit_code == 2
    assert "fatal: invalid gitfile format" in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "litter",
    [".ipynb_checkpoints/a.ipynb", "__pycache__/a.pyc", "Thumbs.db", ".DS_Store"],
)
def test_what_tools_left_is_passed_over(invoke, repo, monkeypatch, litter):
    """As after a change of branches; it is said, with the remedy."""
    monkeypatch.chdir(repo)
    for place in (f"models/wine/{litter}", f"models/wine/data/{litter}"):
        (repo / place).parent.mkdir(parents=True, exist_ok=True)
        (repo / place).touch()

    listed, checked = invoke("list", "--json"), invoke("check")

    said = "models/wine: passed over, tools have left it; remove it\n"
    assert listed.exit_code == 0
    assert "wine" not in listed.stdout + checked.stdout
    assert listed.stderr == checked.stderr == said
    (repo / "models/wine/data/rows.csv").touch()
    assert "models/wine/model.yaml: missing" in invoke("list").stderr


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "models/toy/model.yaml",
            f"a: {'[' * 5000}{']' * 5000}",
            "model.yaml: is nested too deeply",
        ),
        (
            "models/toy/model.yaml",
            f"a: {'{b: ' * 600}1{'}' * 600}",
            "model.yaml: is nested too deeply",
        ),
        ("models/toy/prepare.ipynb", "[" * 100_000, "not a notebook of format 4"),
    ],
)
def test_a_file_that_is_nested_too_deeply_is_named(
    invoke, repo, monkeypatch, path, text, said
):
    """No parser of Python reads it."""
    monkeypatch.chdir(repo)
    (repo / path).write_text(text)

    answer = invoke("show", "toy")

    assert answer.exit_code == 2
    assert said in answer.stderr
