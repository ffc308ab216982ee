"""The errors of the runner are the tree that their module draws."""

import re
from pathlib import Path

import pytest

import lifecycle.errors
from lifecycle.errors import LifecycleError
from runner import errors
from runner.errors import CellError, SignatureError, SpecError, display_path


def drawn() -> list[tuple[int, str, str | None]]:
    """Return depth, name and exit code of each error in the drawing."""
    lines = (errors.__doc__ or "").splitlines()
    found = [re.match(r"([│├└─ ]*)(\w+Error)\s+(\d)?", line) for line in lines]
    return [(len(m[1]) // 4, m[2], m[3]) for m in found if m]


def known(name: str) -> type[LifecycleError]:
    return getattr(errors, name, None) or getattr(lifecycle.errors, name)


def test_the_drawing_names_every_error() -> None:
    """None is missing, and none is made up."""
    defined = {name for name, one in vars(errors).items() if isinstance(one, type)}

    assert {name for _, name, _ in drawn()} == defined - {"Path"}


def test_the_drawing_shows_the_parent_of_each_error() -> None:
    """It is the nearest error above that is drawn further left."""
    parents: list[str] = []
    for depth, name, _ in drawn():
        parents[depth:] = [name]
        if depth:
            assert known(name).__bases__ == (known(parents[depth - 1]),)


@pytest.mark.parametrize(("depth", "name", "code"), [one for one in drawn() if one[2]])
def test_the_drawing_shows_the_exit_codes(depth: int, name: str, code: str) -> None:
    """The number beside an error is its exit code."""
    assert known(name).exit_code == int(code)


@pytest.mark.parametrize("error", [SpecError, SignatureError])
def test_a_wrong_spec_or_notebook_exits_with_2(error: type[LifecycleError]) -> None:
    """click exits with the same code for a wrong call."""
    assert error("wrong").exit_code == 2


def test_a_notebook_error_has_the_path_of_the_notebook() -> None:
    """It is None until the notebook is archived."""
    path = Path("build/toy/prepare.ipynb")

    assert CellError("failed").path is None
    assert CellError("failed", path=path).path == path


def test_a_path_below_the_current_folder_is_shown_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other path is shown as it is."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert display_path(tmp_path / "here/a.ipynb") == Path("a.ipynb")
    assert display_path(tmp_path / "a.ipynb") == tmp_path / "a.ipynb"
