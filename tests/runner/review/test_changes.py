"""What is different from the live version."""

import pytest
import reviews

from runner.review.changes import changes


@pytest.fixture
def against(folder, read):
    """Compare a source with that of a live version."""

    def compare(before, after, parameters=None):
        reviews.write(folder / "source.json", after)
        baseline = {"version": 1, "source": before, "parameters": parameters or {}}
        reviews.write(folder / "baseline.json", baseline)
        return changes(read())

    return compare


def told(found):
    return [(one.name, one.before, one.after) for one in found]


def test_the_same_source_has_no_changes(against):
    """It says so, which is not the same as not knowing."""
    found = against(reviews.source(), reviews.source())

    assert not found
    assert found.known


def test_hyperparameters_are_named_as_on_the_command_line(against):
    """Also those that are new or gone."""
    before = reviews.source(hyperparameters={"eta": 0.2, "gamma": 4})
    after = reviews.source(hyperparameters={"eta": 0.1, "max_depth": 5})
    found = against(before, after)

    assert told(found.settings) == [
        ("hyperparameters.eta", "0.2", "0.1"),
        ("hyperparameters.max_depth", "-", "5"),
        ("hyperparameters.gamma", "4", "-"),
    ]


def test_a_gate_that_was_loosened_shows(against):
    """It is the change that a reviewer must not miss."""
    after = reviews.source(gates={"rmse": {"max": 3.5, "worse_than_live": 0.05}})
    found = against(reviews.source(), after)

    assert told(found.settings) == [("gates.rmse.max", "2.5", "3.5")]


def test_what_the_notebook_was_really_given_counts(against, folder):
    """A parameter of the command line wins over model.yaml."""
    reviews.leave(folder, "prepare", results={}, parameters={"seed": 8, "run_id": "b"})
    given = {"prepare": {"seed": 7, "run_id": "a"}}
    found = against(reviews.source(), reviews.source(), given)

    assert told(found.settings) == [("seed", "7", "8")]


def test_a_stage_that_did_not_run_is_not_a_difference(against, folder):
    """Its parameters are unknown on one side."""
    reviews.leave(folder, "prepare", results={}, parameters={"seed": 7})
    given = {"prepare": {"seed": 7}, "train-register": {"call_cost": 100}}

    assert not against(reviews.source(), reviews.source(), given)

    reviews.leave(folder, "deploy", results={}, parameters={"wait_seconds": 1800})
    given = {"prepare": {"seed": 7}, "train-register": None}
    assert not against(reviews.source(), reviews.source(), given)


def test_dependencies_and_code_are_compared_too(against):
    """Version by version, cell by cell."""
    after = reviews.source(code="x = 2") | {"dependencies": {"pandas": "3.1.0"}}
    found = against(reviews.source(), after)

    assert told(found.dependencies) == [
        ("pandas", "3.0.0", "3.1.0"),
        ("numpy", "2.4.0", "-"),
    ]
    assert [one.heading for one in found.code] == ["Cleaning"]


def test_a_live_version_without_a_record_is_not_known(against):
    """One that was registered by other means."""
    found = against(None, reviews.source())

    assert not found
    assert not found.known
