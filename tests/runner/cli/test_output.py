"""What is told of a run while it runs."""

from runner.cli.output import Lines, Silence, observer


def test_a_log_gets_a_line_an_event(capsys):
    """Each event names its model."""
    Lines().say("abalone", "prepare succeeded in 1.0 s")

    assert capsys.readouterr().out == "abalone      prepare succeeded in 1.0 s\n"


def test_quick_cells_are_not_worth_a_line(capsys):
    """A log is not filled with cells."""
    lines = Lines()

    for done in range(5):
        lines.cell("abalone", "prepare", done, 5, "A heading")

    assert capsys.readouterr().out == ""


def test_a_slow_notebook_shows_that_it_lives(capsys):
    """After a while, the cell at hand is named."""
    lines = Lines(every_seconds=0)

    lines.cell("abalone", "train-register", 3, 12, "The job learns")

    said = capsys.readouterr().out
    assert said == "abalone      train-register: cell 4 of 12, The job learns\n"


def test_a_pipe_gets_lines_and_a_program_nothing():
    """Bars are only for terminals."""
    with observer() as lines, observer(quiet=True) as silence:
        assert isinstance(lines, Lines)
        assert isinstance(silence, Silence)
