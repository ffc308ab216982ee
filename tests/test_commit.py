"""A commit's name in a line of text."""

import pytest

from runner.git import short_commit


@pytest.mark.parametrize(
    ("commit", "shown"),
    [
        ("c0ffee" * 6, "c0ffeec"),
        ("c0ffee" * 6 + "-dirty", "c0ffeec-dirty"),
        ("c0ffee", "c0ffee"),
        ("", ""),
    ],
)
def test_a_commit_is_short_but_says_when_the_tree_differed(commit, shown):
    """Whoever looks for it in git would find something else."""
    assert short_commit(commit) == shown
