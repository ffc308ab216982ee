"""What verbs print: JSON, tables, and the progress of runs."""

import json

import pytest
from rich.console import Console

from runner.cli.output import (
    Bars,
    Lines,
    echo,
    from_here,
    observer,
    plain,
    print_json,
    print_table,
)
from runner.pipeline.model_run import Silence


def test_json_keeps_its_letters(capsys):
    """A description may be in any language."""
    print_json({"description": "Größe"})

    text = capsys.readouterr().out
    assert "Größe" in text
    assert json.loads(text) == {"description": "Größe"}


def test_a_table_in_a_log_is_not_cut(capsys):
    """A log is wider than most terminals, and longer cells are folded."""
    print_table("", ["name", "text"], [["a", "x" * 90], ["b", "y" * 200]])

    text = capsys.readouterr().out
    assert "x" * 90 in text
    assert text.count("y") == 200
    assert "…" not in text


def test_each_event_is_a_line_of_its_model(capsys):
    """So that a log can be searched for one."""
    Lines().say("abalone", "prepare succeeded in 1.0 s")

    assert capsys.readouterr().out == "abalone      prepare succeeded in 1.0 s\n"


def test_quick_cells_print_no_lines(capsys):
    """A log is not filled with cells."""
    lines = Lines()

    for done in range(5):
        lines.cell("abalone", "prepare", done, 5, "A heading")

    assert capsys.readouterr().out == ""


def test_a_slow_notebook_reports_its_cell(capsys):
    """After some time without any line of its model."""
    lines = Lines(report_seconds=0)

    lines.cell("abalone", "train-register", 3, 12, "The job learns")

    said = capsys.readouterr().out
    assert said == "abalone      train-register: cell 4 of 12, The job learns\n"


def test_a_terminal_has_a_bar_for_each_model():
    """It shows the stage and the cells that are done."""
    bars = Bars()
    bars.cell("abalone", "prepare", 1, 5, "A heading")
    bars.cell("churn", "prepare", 0, 3, "Another")
    bars.cell("abalone", "prepare", 2, 5, "The next")

    shown = [
        (one.fields["model"], one.completed, one.total) for one in bars.progress.tasks
    ]
    assert shown == [("abalone", 2, 5), ("churn", 0, 3)]


def test_a_pipe_gets_lines_and_a_program_nothing():
    """Bars are for terminals only."""
    with observer() as lines, observer(quiet=True) as silence:
        assert isinstance(lines, Lines)
        assert isinstance(silence, Silence)


def test_bars_fit_into_80_columns():
    """Count and time stay; the label is cut, and then a long name."""
    bars = Bars()
    bars.cell("a-model-with-a-name-that-has-forty-letters", "deploy", 3, 27, "x" * 99)
    console = Console(width=80)

    with console.capture() as shown:
        console.print(bars.progress)

    (line,) = shown.get().splitlines()
    assert len(line) <= 80
    assert "deploy" in line
    assert "3/27" in line
    assert "0:00:00" in line
    assert "xxx" in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe 漢字 \U0001f600\tx\n", "Größe 漢字 \U0001f600\tx\n"),
        ("one\r\ntwo", "one\ntwo"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1b]52;c;ZXZpbA==\x07copied", "copied"),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9d0;title\x9ctitled", "titled"),
        ("\x1bPq#0\x1b\\drawn", "drawn"),
        ("\x1bcreset \x1b(0lines", "reset lines"),
        ("\x1b]52;c;never ended", "\\x1b]52;c;never ended"),
        ("\x1b\x1b[A", "\\x1b"),
        ("99 %\roverwritten\x08\x07\x7f", "99 %\\roverwritten\\x08\\x07\\x7f"),
        ("\u202egnp.exe\u2066\u200f", "\\u202egnp.exe\\u2066\\u200f"),
        ("\ud83d", "\\ud83d"),
    ],
)
def test_no_text_commands_the_terminal(text, shown):
    """Whole commands are left out, and of other controls the code is shown."""
    assert plain(text) == shown


def test_whatever_is_printed_is_plain(capsys):
    """Lines, tables with their titles, bars and what goes on above them, and JSON."""
    evil = "\x1b]52;c;ZXZpbA==\x07[red]\x1b[2J\u202ex"

    echo(evil)
    echo(evil, err=True)
    print_table(evil, [""], [[evil]])
    Lines(report_seconds=0).cell("m", "prepare", 1, 2, evil)
    print_json({"text": evil})
    bars = Bars()
    bars.cell("m", "prepare", 1, 2, evil)
    bars.say("m", evil)
    (label,) = (one.fields["label"] for one in bars.progress.tasks)

    out, err = capsys.readouterr()
    printed = out + err + label
    assert not set(printed) & {"\x1b", "\x07", "\u202e"}
    assert printed.count("[red]") == 8
    assert json.loads(out[out.index("{") : out.rindex("}") + 1]) == {"text": evil}


def test_paths_lead_from_the_current_folder(repo, monkeypatch):
    """Those of files that are there; addresses and other texts stay."""
    monkeypatch.chdir(repo / "models" / "toy")
    text = "open notebooks/deploy.ipynb (models/toy/model.yaml:3), {} and 1/0"
    others = "s3://models/toy, /models/toy, models/none"

    shown = from_here(text.format(others))

    there = "open ../../notebooks/deploy.ipynb (model.yaml:3), {} and 1/0"
    assert shown == there.format(others)


def test_no_error_shows_a_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Git, AWS and GitHub name what they were given; a result on stdout is no error."""
    monkeypatch.setenv("REGISTRY_PASS", "correct-horse-battery")
    echo("error: git: https://ada:l0velace@example.com/x.git: not found", err=True)
    echo("error: denied to correct%2Dhorse%2Dbattery, PGPASSWORD=x", err=True)

    assert capsys.readouterr().err.splitlines() == [
        "error: git: https://ada:[scrubbed]@example.com/x.git: not found",
        "error: denied to [scrubbed], PGPASSWORD=[scrubbed]",
    ]
