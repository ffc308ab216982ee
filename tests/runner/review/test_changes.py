"""What differs from the live version: settings, dependencies and code cells."""

import json

import pytest
import reviews
from bs4 import BeautifulSoup

from runner.review.changes import MAX_LINES, changes, code_changes
from runner.review.page import write_page


@pytest.fixture
def against(folder, read):
    """Compare a source with that of a live version."""

    def compare(before, after, parameters=None):
        reviews.write(folder / "source.json", after)
        baseline = {"version": 1, "source": before, "parameters": parameters or {}}
        reviews.write(folder / "baseline.json", baseline)
        return changes(read())

    return compare


def rows(found):
    return [(one.name, one.before, one.after) for one in found]


def test_the_same_source_has_no_changes(against):
    """No change is something else than an unknown one."""
    found = against(reviews.source(), reviews.source())

    assert not found
    assert found.known


def test_a_file_that_the_notebooks_use_is_code_as_well(against):
    """Code is compared line by line; of other files only the name is known."""
    before = reviews.source() | {
        "files": {"m/train.py": "a\nb\n", "m/codes.json": "1f"}
    }
    after = reviews.source() | {"files": {"m/train.py": "a\nc\n", "m/new.csv": "2e"}}
    found = against(before, after)

    assert found
    assert [(one.path, one.kind) for one in found.files] == [
        ("m/train.py", "changed"),
        ("m/new.csv", "added"),
        ("m/codes.json", "removed"),
    ]
    lines = [[(one.mark, one.text) for one in file.lines] for file in found.files]
    assert lines == [[(" ", "a"), ("-", "b"), ("+", "c")], [], []]
    assert not against(before, before)


def test_a_live_version_without_a_record_of_its_files_is_told_so(against):
    """Its notebooks are all that can be compared."""
    found = against(reviews.source(), reviews.source() | {"files": {}})

    assert found.files is None


def test_the_page_shows_files_that_changed(folder):
    """What is not code is named."""
    reviews.write_run(folder)
    for name, files in [
        ("source.json", {"m/train.py": "a\nc\n", "m/codes.json": "2e"}),
        ("baseline.json", {"m/train.py": "a\nb\n", "m/codes.json": "1f"}),
    ]:
        known = json.loads((folder / name).read_text())
        known.get("source", known)["files"] = files
        reviews.write(folder / name, known)
    page = write_page(folder, "toy").read_text()

    text = " ".join(BeautifulSoup(page, "html.parser").get_text(" ").split())
    assert "m/train.py: changed a - b + c" in text
    assert "Changed: m/codes.json." in text


def test_hyperparameters_are_named_as_on_the_command_line(against):
    """Among them those that are new or gone."""
    before = reviews.source(hyperparameters={"eta": 0.2, "gamma": 4})
    after = reviews.source(hyperparameters={"eta": 0.1, "max_depth": 5})
    found = against(before, after)

    assert rows(found.settings) == [
        ("hyperparameters.eta", "0.2", "0.1"),
        ("hyperparameters.max_depth", "-", "5"),
        ("hyperparameters.gamma", "4", "-"),
    ]


def test_a_gate_that_was_loosened_shows(against):
    """It is the change that a reviewer must not miss."""
    after = reviews.source(gates={"rmse": {"max": 3.5, "worse_than_live": 0.05}})
    found = against(reviews.source(), after)

    assert rows(found.settings) == [("gates.rmse.max", "2.5", "3.5")]


def test_a_parameter_of_the_command_line_counts(against, folder):
    """It replaces the value of model.yaml."""
    reviews.write_stage(
        folder, "prepare", results={}, parameters={"seed": 8, "run_id": "b"}
    )
    given = {"prepare": {"seed": 7, "run_id": "a"}}
    found = against(reviews.source(), reviews.source(), given)

    assert rows(found.settings) == [("seed", "7", "8")]


def test_the_lineage_of_a_run_is_no_setting(against, folder):
    """Its id, its commit and what earlier stages returned are other ones each time."""
    run = {"run_id": "b", "prepare": {"train": "s3://bucket/b"}}
    reviews.write_stage(folder, "prepare", results={}, parameters={"run": run})
    before = {"prepare": {"run": {"run_id": "a"}}}

    assert not against(reviews.source(), reviews.source(), before)


def test_a_stage_that_did_not_run_is_not_a_difference(against, folder):
    """Its parameters are unknown on one side."""
    reviews.write_stage(folder, "prepare", results={}, parameters={"seed": 7})
    given = {"prepare": {"seed": 7}, "train-register": {"call_cost": 100}}

    assert not against(reviews.source(), reviews.source(), given)

    reviews.write_stage(folder, "deploy", results={}, parameters={"wait_seconds": 1800})
    given = {"prepare": {"seed": 7}, "train-register": None}
    assert not against(reviews.source(), reviews.source(), given)


def test_dependencies_and_code_are_compared_too(against):
    """Version by version, cell by cell."""
    after = reviews.source(code="x = 2") | {"dependencies": {"pandas": "3.1.0"}}
    found = against(reviews.source(), after)

    assert rows(found.dependencies) == [
        ("pandas", "3.0.0", "3.1.0"),
        ("numpy", "2.4.0", "-"),
    ]
    assert [one.heading for one in found.code] == ["Cleaning"]


def test_changes_from_a_version_without_a_record_are_unknown(against):
    """Another tool may have registered it."""
    found = against(None, reviews.source())

    assert not found
    assert not found.known


def notebook(*sources):
    """Make the record of a notebook with these code cells."""
    cells = [{"heading": f"Part {n}", "source": s} for n, s in enumerate(sources)]
    return {"prepare": {"path": "prepare.ipynb", "cells": cells}}


def marks(change):
    return [f"{line.mark}{line.text}" for line in change.lines]


def test_the_same_code_has_no_changes():
    """Only code cells are compared."""
    assert code_changes(notebook("a", "b"), notebook("a", "b")) == []


def test_a_changed_cell_shows_its_lines():
    """Before and after, with two lines around them."""
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
    """Unchanged lines between them are left out."""
    lines = [f"x{n} = {n}" for n in range(20)]
    changed = ["x0 = 9", *lines[1:-1], "x19 = 9"]
    (change,) = code_changes(notebook("\n".join(lines)), notebook("\n".join(changed)))

    assert marks(change).count("…") == 1
    assert len(change.lines) < 12


def test_cells_come_and_go():
    """The cells around them are no changes."""
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
