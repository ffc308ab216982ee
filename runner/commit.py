"""How a commit is named in a line of text."""

DIRTY = "-dirty"
LENGTH = 7


def short(commit: str) -> str:
    """Shorten a commit's name, but never hide that the tree differed from it."""
    suffix = DIRTY if commit.endswith(DIRTY) else ""
    return commit.removesuffix(suffix)[:LENGTH] + suffix
