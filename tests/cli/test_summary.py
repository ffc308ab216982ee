"""The table at the end of a run."""

from pathlib import Path

import pytest
from runner.cli.summary import print_summary

from lifecycle.errors import LifecycleError
from runner.pipeline.run import RunResult

RESULTS = {
    "metrics": {"auc": 0.92451, "f1": 0.83421, "accuracy": 0.95869},
    "gates": {"auc": "passed", "accuracy": "passed"},
    "version": 3,
    "predictions": [{"truth": 0, "prediction": 0.024881}],
}


def outcome(
    model: str, error: LifecycleError | None = None, **results: object
) -> RunResult:
    return RunResult(
        model=model, results=results, seconds={"prepare": 1.6}, error=error
    )


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A repository in which two models have run."""
    for folder in ("", "churn", "toy"):
        (tmp_path / "build" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "build" / folder / "index.html").write_text("a page")
    return tmp_path


def test_only_metrics_that_have_a_gate_are_in_the_table(built, capsys):
    """The page has all of them; the table fits into 100 columns."""
    print_summary([outcome("churn", **RESULTS)], built)
    said = capsys.readouterr().out

    assert "auc 0.9245  accuracy 0.9587" in said
    assert "f1" not in said
    assert "0.02488 / 0" in said
    assert max(len(line.rstrip()) for line in said.splitlines()) <= 100


def test_one_model_has_its_page_and_several_have_one_in_common(built, capsys):
    """There is one thing to open."""
    print_summary([outcome("toy")], built)
    assert capsys.readouterr().out.endswith("open build/toy/index.html\n")

    print_summary([outcome("toy"), outcome("churn")], built)
    said = capsys.readouterr().out
    assert said.count("open ") == 1
    assert said.endswith("open build/index.html\n")


def test_a_failure_is_in_the_table(tmp_path, capsys):
    """Without metrics, and without a page that was never written."""
    print_summary([outcome("toy", LifecycleError("no"))], tmp_path)
    said = capsys.readouterr().out

    assert "failed" in said
    assert "open" not in said
