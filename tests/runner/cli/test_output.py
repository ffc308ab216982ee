"""What verbs print: JSON, tables, and the progress of runs."""

import json

from runner.cli.output import Bars, Lines, observer, print_json, print_table
from runner.pipeline.run import Silence


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
