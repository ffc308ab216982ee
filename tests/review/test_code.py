"""The code cells of two versions, compared for a person."""

from runner.review.changes import MAX_LINES, code_changes


def notebook(*sources):
    """Make the record of a notebook with these code cells."""
    cells = [{"heading": f"Part {n}", "source": s} for n, s in enumerate(sources)]
    return {"prepare": {"path": "prepare.ipynb", "cells": cells}}


def marks(change):
    return [f"{line.mark}{line.text}" for line in change.lines]


def test_the_same_code_has_no_changes():
    """Whatever its markdown and outputs are."""
    assert code_changes(notebook("a", "b"), notebook("a", "b")) == []


def test_a_changed_cell_shows_its_lines():
    """Before and after, with what stands around them."""
    before = notebook("import x", "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6")
    after = notebook("import x", "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 7")
    (change,) = code_changes(before, after)

    assert (change.stage, change.kind, change.heading) == (
        "prepare",
        "changed",
        "Part 1",
    )
    assert marks(change) == [" d = 4", " e = 5", "-f = 6", "+f = 7"]


def test_lines_far_apart_have_a_gap_between_them():
    """Nobody reads what stayed."""
    lines = [f"x{n} = {n}" for n in range(20)]
    changed = ["x0 = 9", *lines[1:-1], "x19 = 9"]
    (change,) = code_changes(notebook("\n".join(lines)), notebook("\n".join(changed)))

    assert marks(change).count("…") == 1
    assert len(change.lines) < 12


def test_cells_come_and_go():
    """Without turning those around them into changes."""
    added = code_changes(notebook("a", "c"), notebook("a", "b", "c"))
    removed = code_changes(notebook("a", "b", "c"), notebook("a", "c"))

    assert [(one.kind, marks(one)) for one in added] == [("added", ["+b"])]
    assert [(one.kind, marks(one)) for one in removed] == [("removed", ["-b"])]


def test_a_cell_may_be_replaced_by_two():
    """The first pair is compared, the rest is new."""
    found = code_changes(notebook("a", "old", "z"), notebook("a", "new", "more", "z"))

    assert [one.kind for one in found] == ["changed", "added"]


def test_a_rewritten_notebook_is_cut_short():
    """The whole is in the executed notebook."""
    after = "\n".join(f"x{n} = {n}" for n in range(MAX_LINES + 50))
    (change,) = code_changes(notebook("a"), notebook(after))

    assert len(change.lines) == MAX_LINES + 1
    assert change.lines[-1].text == "51 more lines"


def test_a_stage_that_one_side_lacks_is_left_out():
    """There is nothing to compare."""
    assert code_changes({}, notebook("a")) == []
