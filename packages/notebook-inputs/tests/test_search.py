"""Code is found by the words that name a file, and by what may hide its inputs."""

import json
import subprocess
from pathlib import Path

import pytest
from notebook_inputs import Revision
from notebook_inputs.reads import read_code
from notebook_inputs.search import MAX_WORDS, has_word, start_search

FILES = {
    "a.py": "from features import dates\n",
    "b.py": "updates = 'no dates_of the kind'\n",
    "c.py": "open('tables/codes.csv')\n",
    "d.py": "exec(code)\n",
    "e.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": "dates.x"}]}),
    "notes.md": "dates",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Revision:
    """A commit with code that names things."""
    root = tmp_path_factory.mktemp("repository")
    for path, content in FILES.items():
        (root / path).write_text(content)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "a"]):
        subprocess.run(["git", *command], cwd=root, check=True, timeout=60)
    return Revision(root, "HEAD")


MANY = {f"word{number}" for number in range(MAX_WORDS)}


@pytest.mark.parametrize(
    ("words", "unfollowed", "found"),
    [
        ({"dates"}, False, ["a.py", "e.ipynb"]),
        ({"dates", "codes.csv"}, False, ["a.py", "c.py", "e.ipynb"]),
        ({*MANY, "tables/", "zzz"}, False, ["c.py"]),
        ({"nothing"}, True, ["d.py"]),
        (set(), True, ["d.py"]),
        (set(), False, []),
    ],
)
def test_git_finds_what_has_a_word(
    tree: Revision, words: set[str], unfollowed: bool, found: list[str]
) -> None:
    """Only whole ones of names, and only in code; `has_word` says the same."""
    with start_search(tree, words, unfollowed=unfollowed) as paths:
        assert paths() == found
    code = [path for path in FILES if path.endswith((".py", ".ipynb"))]
    assert [path for path in code if has_word(tree, path, words)] == [
        path for path in found if path != "d.py"
    ]


@pytest.mark.parametrize("code", ["x = [eval]", "from os import system as s\ns(x)"])
def test_what_cannot_be_followed_is_found(tmp_path: Path, code: str) -> None:
    """In a module, and in a notebook of one line."""
    assert read_code(code.encode()).unfollowed
    cells = {"cells": [{"cell_type": "code", "source": f"x = 1\n{code}"}]}
    (tmp_path / "a.py").write_text(f"x = 1\n{code}\n")
    (tmp_path / "a.ipynb").write_text(json.dumps(cells))
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "a"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, timeout=60)

    with start_search(Revision(tmp_path, "HEAD"), (), unfollowed=True) as paths:
        assert paths() == ["a.ipynb", "a.py"]
