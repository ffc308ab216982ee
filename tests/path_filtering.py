"""What `circleci/path-filtering` 3.0.0 selects, for one folder per model.

It looks at the merge-base with `main`, or at the parent where that is the commit
itself; it lets git fold renames and quote odd names, and splits the list at blanks.
"""

import re

from repository import Repository


def path_filtering(repository: Repository, models: tuple[str, ...]) -> set[str]:
    """Select models as the orb does with `models/<name>/.*` for each of them."""
    git = repository.git
    head = git("rev-parse", "HEAD")
    base = git("merge-base", "main", head)
    if base == head:
        base = git("rev-parse", "HEAD~1")
    listed = git("-c", "core.quotepath=false", "diff", "--name-only", base, head)
    patterns = {model: re.compile(f"models/{model}/.*") for model in models}
    words = listed.split()
    return {m for m in models if any(patterns[m].fullmatch(word) for word in words)}
