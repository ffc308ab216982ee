"""Environments are made by uv from a lock, once, completely, for all clones."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
import toys
from locks import KERNEL, index, lock_or_skip, pinned, wheel
from locks import ask as ask_for

from runner.errors import RequirementsError, StoppedError
from runner.notebook.environments import (
    CACHE_VARIABLE,
    CLONE_FOLDER,
    UNUSED_DAYS,
    Environment,
    clone_folder,
    is_made,
    make_environment,
)
from runner.notebook.execute import execute

__all__ = ["index"]

ASK = "import importlib.util, json, sys\nfrom importlib import import_module as of\n"
# Makes the environment of a lock, and says what it was told.
MAKE = """
import sys
from pathlib import Path
from runner.notebook.environments import make_environment
say = lambda text: print(text, flush=True)
make_environment(Path(sys.argv[1]), "toy", Path(sys.argv[2]), say)
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that clones share."""
    folder = tmp_path / "shared"
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    return folder


@pytest.fixture
def lock(cache: Path, index: Path, tmp_path: Path) -> Path:
    """A lock of one package, `grid` 1."""
    for version in ("1.0", "2.0"):
        wheel(index, "grid", version)
    path = tmp_path / "clone" / "models" / "toy" / "requirements.txt"
    path.parent.mkdir(parents=True)
    path.write_text("# a lock\ngrid==1.0\n    # via -r requirements.in\n")
    return path


@pytest.fixture
def root(lock: Path) -> Path:
    """A clone with a module of its own, which a package of the lock may not hide."""
    (lock.parents[2] / "features.py").write_text("PLACE = 'clone'\n")
    return lock.parents[2]


def ask(environment: Environment, code: str) -> Any:
    """Return what its interpreter answers in JSON."""
    found = subprocess.run(
        [environment.python, "-c", f"{ASK}print(json.dumps({code}))"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(found.stdout)


def test_it_has_the_packages_of_the_lock_then_the_clones_modules(
    root: Path, lock: Path
) -> None:
    """Those of this repository, too, and nothing else of what is installed here."""
    said: list[str] = []
    made = make_environment(root, "toy", lock, said.append)

    assert said == ["makes the environment of toy: 1 package"]
    found = "[of('grid').__version__, of('features').PLACE]"
    assert ask(made, found) == ["1.0", "clone"]
    assert ask(made, "sys.prefix") == str(made.python.parents[1])
    names = ("runner", "lifecycle", "forked_kernels", "pandas", "click")
    seen = ask(made, f"[bool(importlib.util.find_spec(one)) for one in {names}]")
    assert seen == [True, True, True, False, False]
    places = ask(made, "sys.path")
    assert [one for one in places if one in made.path] == list(made.path)


def test_a_notebook_runs_in_it_where_no_kernel_is_forked(
    cache: Path, tmp_path: Path
) -> None:
    """As on macOS, or with `run --cold`: its interpreter starts the kernel."""
    root = tmp_path / "clone"
    ask_for(root, "toy", KERNEL, [])
    (root / "requirements.txt").write_text("\n".join(pinned(*KERNEL)))
    made = make_environment(root, "toy", lock_or_skip(root, "toy"), lambda _: None)
    source = toys.write(
        root / "models" / "toy" / "prepare.ipynb",
        toys.code("", "parameters"),
        toys.code("import os, sys\nfrom IPython.display import JSON"),
        toys.code(
            'JSON({"at": sys.prefix, "first": os.environ["PATH"].split(":")[0]})',
            "results",
        ),
    )
    executed = execute(
        source, {}, cwd=source.parent, time_limit=60, root=root, own_environment=made
    )

    assert executed.results == {
        "at": str(made.python.parents[1]),
        "first": str(made.python.parent),
    }


def test_it_is_made_once(root: Path, lock: Path, index: Path) -> None:
    """The second time nothing is said, and uv is not asked."""
    first = make_environment(root, "toy", lock, lambda _: None)
    for one in index.iterdir():
        one.unlink()

    assert make_environment(root, "toy", lock, pytest.fail) == first


def test_what_is_compiled_here_is_not_compiled_again(
    root: Path, lock: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it is the same file: another version may have its size and time."""
    wheel(index, "row", "1.0")
    lock.write_text("grid==1.0\nrow==1.0\n")
    here = make_environment(root, "toy", lock, lambda _: None)
    ask(here, "[of(one).__version__ for one in ('grid', 'row')]")
    (site,) = {Path(one) for one in here.path if one.endswith("site-packages")}
    monkeypatch.setattr(sys, "prefix", str(site.parents[2]))

    lock.write_text("grid==2.0\nrow==1.0\n")
    made = make_environment(root, "toy", lock, lambda _: None)

    (site,) = {Path(one) for one in made.path if one.endswith("site-packages")}
    compiled = [path.name for path in site.glob("__pycache__/*.pyc")]
    assert compiled == [Path(cache_from_source("row.py")).name]
    assert ask(made, "[of(one).__version__ for one in ('grid', 'row')]") == [
        "2.0",
        "1.0",
    ]


def test_clones_share_packages_and_nothing_else(root: Path, lock: Path) -> None:
    """Each finds its own modules."""
    first = make_environment(root, "toy", lock, lambda _: None)
    other = root.with_name("other")
    (other / "models").mkdir(parents=True)
    (other / "features.py").write_text("PLACE = 'other'\n")
    second = make_environment(other, "toy", lock, pytest.fail)

    assert second.path[0] == first.path[0]
    assert ask(second, "of('features').PLACE") == "other"
    assert ask(first, "of('features').PLACE") == "clone"


def test_no_script_names_the_folder_that_it_was_made_in(root: Path, lock: Path) -> None:
    """It has got its name since, so that an `activate` would lead nowhere."""
    made = make_environment(root, "toy", lock, lambda _: None)

    scripts = [one for one in made.python.parent.iterdir() if not one.is_symlink()]
    assert [one.name for one in scripts if ".new-" in one.read_text()] == []


def test_a_lock_with_other_pins_is_another_environment(root: Path, lock: Path) -> None:
    """Comments make no difference; what was made before stays."""
    first = make_environment(root, "toy", lock, lambda _: None)
    lock.write_text("grid==1.0  # why\n")
    assert make_environment(root, "toy", lock, pytest.fail) == first
    lock.write_text("grid==2.0\n")
    assert not is_made(lock)
    second = make_environment(root, "toy", lock, lambda _: None)

    versions = [ask(one, "of('grid').__version__") for one in (first, second)]
    assert versions == ["1.0", "2.0"]


def test_a_clone_that_was_moved_finds_its_modules(root: Path, lock: Path) -> None:
    """And a virtual environment that lost its interpreter gets it again."""
    make_environment(root, "toy", lock, lambda _: None)
    moved = root.with_name("moved")
    root.rename(moved)
    lock = moved / lock.relative_to(root)
    made = make_environment(moved, "toy", lock, pytest.fail)
    assert ask(made, "of('features').__file__") == str(moved / "features.py")
    made.python.unlink()

    again = make_environment(moved, "toy", lock, pytest.fail)
    assert ask(again, "of('grid').__version__") == "1.0"


def test_its_python_is_the_first_on_the_path(root: Path, lock: Path) -> None:
    """`!python` in a cell starts it."""
    made = make_environment(root, "toy", lock, lambda _: None)

    found = made.variables({"PATH": "/usr/bin", "HOME": "/home/ada"})
    assert found == {"PATH": f"{made.python.parent}:/usr/bin", "HOME": "/home/ada"}


def test_what_is_not_complete_is_not_used(root: Path, lock: Path, cache: Path) -> None:
    """Whoever was interrupted, or killed with uv in the midst of it."""
    make_environment(root, "toy", lock, lambda _: None)
    (folder,) = [one for one in cache.iterdir() if one.is_dir()]
    folder.rename(folder.with_suffix(".new"))
    for one in folder.with_suffix(".new").rglob("grid.py"):
        one.unlink()
    assert not is_made(lock)
    made = make_environment(root, "toy", lock, lambda _: None)

    assert ask(made, "of('grid').__version__") == "1.0"
    assert not folder.with_suffix(".new").exists()


def test_who_is_told_to_stop_makes_none(root: Path, lock: Path, cache: Path) -> None:
    """And leaves nothing that looks like one."""
    with pytest.raises(StoppedError):
        make_environment(root, "toy", lock, lambda _: None, lambda: True)

    assert not is_made(lock)
    assert not (root / CLONE_FOLDER).exists()
    made = make_environment(root, "toy", lock, lambda _: None)
    assert ask(made, "of('grid').__version__") == "1.0"


@pytest.fixture
def held(lock: Path, cache: Path) -> Iterator[None]:
    """Another process is making it."""
    cache.mkdir()
    name = clone_folder(cache, "toy", lock).name.rpartition("-")[2]
    with (cache / f"{name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_of_two_makers_one_makes_it(root: Path, lock: Path) -> None:
    """The other one waits, says so, and uses what the first has made."""
    command = [sys.executable, "-c", MAKE, str(root), str(lock)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    told = [one.communicate(timeout=60)[0].splitlines() for one in started]

    assert [one.returncode for one in started] == [0, 0, 0]
    lines = [line for each in told for line in each]
    assert lines.count("makes the environment of toy: 1 package") == 1
    waits = "waits for the environment of toy, which another run makes"
    assert {*lines} <= {"makes the environment of toy: 1 package", waits}


def test_who_waits_can_be_stopped(root: Path, lock: Path, held: None) -> None:
    """It says for what it waits."""
    said: list[str] = []
    with pytest.raises(StoppedError, match="waited for an environment"):
        make_environment(root, "toy", lock, said.append, lambda: bool(said))

    assert said == ["waits for the environment of toy, which another run makes"]


def test_a_maker_that_is_killed_lets_the_next_one_make_it(
    root: Path, lock: Path
) -> None:
    """Its lock ends with it and with the uv that it has started."""
    command = [sys.executable, "-c", MAKE, str(root), str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline().startswith("makes the environment")
        killed.send_signal(signal.SIGKILL)
    made = make_environment(root, "toy", lock, lambda _: None)

    assert ask(made, "of('grid').__version__") == "1.0"


def test_a_lock_that_cannot_be_installed_is_named_with_uvs_reason(
    root: Path, lock: Path
) -> None:
    """In one line, and nothing is left that looks like an environment."""
    lock.write_text("grid==7.0\n")

    with pytest.raises(RequirementsError) as caught:
        make_environment(root, "toy", lock, lambda _: None)
    told = str(caught.value)
    assert told.startswith(
        "models/toy/requirements.txt: the environment of toy cannot be made: "
    )
    assert "grid==7.0" in told and "\n" not in told
    assert not is_made(lock)


def test_without_uv_the_error_says_what_to_install(
    root: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no traceback of a missing program."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)

    with pytest.raises(RequirementsError, match="uv is not installed; run `make setup"):
        make_environment(root, "toy", lock, lambda _: None)


def test_what_nobody_has_used_for_long_is_removed(
    root: Path, lock: Path, cache: Path
) -> None:
    """When another one is made; what is used or being made stays."""
    make_environment(root, "toy", lock, lambda _: None)
    used = next(one for one in cache.iterdir() if one.is_dir())
    old = cache / "0123456789abcdef"
    old.mkdir()
    long_ago = time.time() - (UNUSED_DAYS + 1) * 24 * 3600
    for one in (old, used):
        os.utime(one, (long_ago, long_ago))
    make_environment(root, "toy", lock, lambda _: None)
    lock.write_text("grid==2.0\n")
    make_environment(root, "toy", lock, lambda _: None)

    assert used.is_dir()
    assert not old.exists()
