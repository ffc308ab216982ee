"""Models are run at once, each as its own model.yaml says."""

from pathlib import Path

import pytest

from runner import STAGES
from runner.pipeline.plan import make_plan
from runner.pipeline.run import RunOptions


@pytest.mark.parametrize(
    ("asked", "allowed", "reuses"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_a_model_may_keep_out_of_reuse(
    repo: Path, asked: bool, allowed: bool, reuses: bool
) -> None:
    """Its notebooks may read more than what anybody can compare."""
    spec = repo / "models" / "toy" / "model.yaml"
    spec.write_text(spec.read_text() + f"\nreuse: {str(allowed).lower()}\n")
    running = RunOptions(jobs=1, reuses=asked)

    assert (running.reusable(make_plan(repo, "toy", STAGES, {})) is not None) is reuses
