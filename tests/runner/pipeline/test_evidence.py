"""What was run, kept for a later comparison."""

import subprocess

from runner.pipeline.evidence import dependencies, source_snapshot


def test_settings_code_and_commit_are_recorded(repo):
    """All that a later version can be compared with."""
    record = source_snapshot(repo, "toy", {"rows": "4"}, {})

    assert record["settings"]["hyperparameters"]["num_round"] > 0
    assert record["given"] == {"rows": "4"}
    assert set(record["notebooks"]) == {"prepare", "train-register", "deploy"}
    assert record["subject"] == "Toy"
    assert record["branch"]
    assert (record["workflow"], record["pull_request"]) == ("", "")


def test_each_code_cell_stands_under_its_heading(repo):
    """Without markdown and outputs."""
    cells = source_snapshot(repo, "toy", {}, {})["notebooks"]["prepare"]["cells"]

    assert [one["heading"] for one in cells] == ["Preparing"] * 2 + [
        "Nothing to see"
    ] * 2
    assert cells[2]["source"].startswith("prefix = f")


def test_circleci_knows_branch_and_workflow(repo):
    """There a bare commit is checked out."""
    given = {"CIRCLE_BRANCH": "deeper", "CIRCLE_WORKFLOW_ID": "w"}
    record = source_snapshot(repo, "toy", {}, given)

    assert (record["branch"], record["workflow"]) == ("deeper", "w")


def test_a_folder_without_git_has_no_subject(repo):
    """It is recorded all the same."""
    subprocess.run(["rm", "-rf", str(repo / ".git")], check=True)

    assert source_snapshot(repo, "toy", {}, {})["subject"] == ""


def test_dependencies_are_those_that_are_pinned(tmp_path):
    """Comments, markers and extras aside; one pinned twice has both versions."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(
        "# a comment\nmoto[s3,iam]==5.2.5\n    # via x==1\n"
        "numpy==2.4.0 ; python_version < '3.12'\nnumpy==2.5.0 ; sys_platform\nfree>=1\n"
    )

    assert dependencies(requirements) == {"moto": "5.2.5", "numpy": "2.4.0, 2.5.0"}
    assert dependencies(tmp_path / "none.txt") == {}
