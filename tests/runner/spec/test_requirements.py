"""What a model asks for beside all others is pinned, on the pins of all."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from locks import ask, index, wheel

from lifecycle.errors import CallError
from runner.errors import RequirementsError, SpecError
from runner.spec.check import check_models
from runner.spec.requirements import own_lock, write_lock

__all__ = ["index"]


def pins(path: Path) -> dict[str, str]:
    """Return the pinned versions of a lock."""
    return dict(re.findall(r"^([\w-]+)==(\S+)$", path.read_text(), re.MULTILINE))


@pytest.fixture
def root(repo: Path, index: Path) -> Path:
    """The toy repository: all models have `grid` 2 and `paint` 1 of its two."""
    for version in ("1.0", "2.0", "3.0"):
        wheel(index, "grid", version)
    wheel(index, "paint", "1.0", "grid>=1")
    wheel(index, "paint", "2.0", "grid>=1")
    (repo / "requirements.txt").write_text("grid==2.0\npaint==1.0\n")
    ask(repo, "toy", ["grid", "paint  # draws"], [])
    return repo


def test_the_pins_of_all_models_hold(root: Path) -> None:
    """Newer ones are no reason to move them."""
    assert pins(write_lock(root, "toy")) == {"grid": "2.0", "paint": "1.0"}


def test_a_models_own_line_wins(root: Path) -> None:
    """Also over a line of the repository for the same package that contradicts it."""
    ask(root, "toy", ["grid>=2", "paint"], ["grid==1.0"])

    assert pins(write_lock(root, "toy")) == {"grid": "1.0", "paint": "1.0"}


def test_adding_a_package_changes_its_own_lines_only(root: Path, index: Path) -> None:
    """What the model had alone stays, too, though newer ones are out."""
    wheel(index, "boost", "1.0", "grid<2")
    ask(root, "toy", ["grid", "paint"], ["boost"])
    before = write_lock(root, "toy").read_text()
    for name in ("boost", "grid"):
        wheel(index, name, "1.5", *(["grid<2"] if name == "boost" else []))
    wheel(index, "extra", "1.0")
    ask(root, "toy", ["grid", "paint"], ["boost", "extra"])
    after = write_lock(root, "toy").read_text()

    plain = [line for line in after.splitlines() if "sha256" not in line]
    assert "grid==1.0" in plain
    new = [line for line in plain if line not in before.splitlines()]
    assert new == ["extra==1.0"]


def test_what_a_model_forced_follows_all_again_once_it_does_not(root: Path) -> None:
    """Even where the pin of all is the older one."""
    ask(root, "toy", ["grid", "paint"], ["grid==3.0"])
    write_lock(root, "toy")
    ask(root, "toy", ["grid", "paint"], ["paint"])

    assert pins(write_lock(root, "toy")) == {"grid": "2.0", "paint": "1.0"}


def test_an_upgrade_moves_what_is_the_models_own(root: Path, index: Path) -> None:
    """What all models have is moved by their own lock."""
    wheel(index, "boost", "1.0")
    ask(root, "toy", ["grid", "paint"], ["boost"])
    write_lock(root, "toy")
    wheel(index, "boost", "2.0")

    assert pins(write_lock(root, "toy"))["boost"] == "1.0"
    assert pins(write_lock(root, "toy", upgrade=True)) == {
        "boost": "2.0",
        "grid": "2.0",
        "paint": "1.0",
    }


def test_a_contradiction_names_the_models_file(root: Path, index: Path) -> None:
    """With uv's reason, in one line."""
    wheel(index, "boost", "1.0", "grid>=9")
    ask(root, "toy", ["grid", "paint"], ["boost"])

    with pytest.raises(RequirementsError) as caught:
        write_lock(root, "toy")
    told = str(caught.value)
    assert told.startswith("models/toy/requirements.in: No solution found")
    assert "boost" in told and "grid" in told and "\n" not in told
    assert not (root / "models" / "toy" / "requirements.txt").exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda folder: (folder / "requirements.txt").unlink(),
            "requirements.in: not pinned, requirements.txt is missing",
        ),
        (
            lambda folder: (folder / "requirements.in").write_text("grid==3.0\n"),
            "requirements.txt: not of what requirements.in here and above asks for",
        ),
        (
            lambda folder: (folder.parents[1] / "requirements.in").write_text("grid\n"),
            "requirements.txt: not of what requirements.in here and above asks for",
        ),
        (
            lambda folder: drop(folder / "requirements.txt", "paint"),
            "requirements.txt: lacks paint, which a run needs",
        ),
    ],
    ids=["missing", "changed", "changed for all", "incomplete"],
)
def test_a_lock_that_is_not_of_what_is_asked_for_is_refused(
    root: Path, change: Callable[[Path], object], problem: str
) -> None:
    """By `check` and by a run, with the remedy."""
    write_lock(root, "toy")
    change(root / "models" / "toy")

    told = f"models/toy/{problem}; run `make requirements`"
    assert told in map(str, check_models(root, ["toy"]))
    with pytest.raises(SpecError, match=re.escape(told)):
        own_lock(root, "toy")


def drop(lock: Path, name: str) -> None:
    """Remove a package's lines from a lock."""
    text = lock.read_text()
    lock.write_text(
        re.sub(rf"^{name}==.*\n(?:    #.*\n)*", "", text, flags=re.MULTILINE)
    )


def test_comments_make_no_lock_old(root: Path) -> None:
    """Only what is asked for does."""
    write_lock(root, "toy")
    for path in (root / "requirements.in", root / "models/toy/requirements.in"):
        path.write_text(f"# why\n{path.read_text()}\n")

    assert own_lock(root, "toy") == root / "models/toy/requirements.txt"


def test_below_the_oldest_supported_version_check_says_so(
    root: Path, index: Path
) -> None:
    """`lifecycle` would fail in the midst of a run."""
    wheel(index, "pandas", "2.1.4")
    ask(root, "toy", ["grid", "paint"], ["pandas<2.2"])
    write_lock(root, "toy")

    (told,) = [str(one) for one in check_models(root, ["toy"]) if "pandas" in str(one)]
    assert "models/toy/requirements.txt: pandas 2.1.4 is older than 2.2" in told
    with pytest.raises(CallError, match=r"ask for pandas>=2.2"):
        own_lock(root, "toy")


def test_a_lock_that_has_lost_its_requirements_in_is_refused(root: Path) -> None:
    """Else notebooks would silently run with the packages of all models."""
    ask(root, "toy", ["grid", "paint"], ["grid==1.0"])
    write_lock(root, "toy").with_name("requirements.in").unlink()

    told = "models/toy/requirements.txt: the lock of a missing requirements.in; restore"
    assert [one for one in map(str, check_models(root, ["toy"])) if told in one]
    with pytest.raises(SpecError, match=told):
        own_lock(root, "toy")


def test_without_a_file_of_its_own_a_model_has_no_environment(repo: Path) -> None:
    """A requirements.txt alone is its script's."""
    (repo / "models" / "toy" / "requirements.txt").write_text("anything==1\n")

    assert own_lock(repo, "toy") is None
    assert not [one for one in check_models(repo, ["toy"]) if "require" in one.file]


def test_check_names_the_file_to_add_an_import_to(root: Path) -> None:
    """It is the model's, where the notebook runs with the model's lock."""
    write_lock(root, "toy")
    path = root / "models" / "toy" / "prepare.ipynb"
    path.write_text(path.read_text().replace("IPython.display", "unheard.of", 1))

    (told,) = [one for one in check_models(root, ["toy"]) if "unheard" in one.message]
    assert "pinned in models/toy/requirements.txt; add it to models/toy/" in str(told)


def test_the_verb_pins_what_models_ask_for_and_makes_their_environments(
    root: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make requirements` and CircleCI call it; editors take what it prints."""
    monkeypatch.chdir(root)

    assert invoke("environment", "--pin").output == (
        "pinned models/toy/requirements.txt\n"
    )
    assert invoke("environment", "--upgrade").exit_code == 2
    made = invoke("environment", "toy")
    assert made.stderr == "makes the environment of toy: 2 packages\n"
    name, python = made.stdout.split()
    assert name == "toy:" and Path(python).is_relative_to(root / ".environments")
    assert Path(python).is_file()
    (root / "models" / "toy" / "requirements.in").unlink()
    without = invoke("environment", "toy")
    assert (without.exit_code, "has no requirements.in" in without.output) == (2, True)
