"""nbval runs notebooks in warm kernels, with one option more."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toys

PARENT = """\
import os, sys
from pathlib import Path
server = Path(f"/proc/{os.getppid()}/cmdline").read_text()
"""
WARM = f"{PARENT}assert 'forked_kernels.server' in server and 'numpy' in sys.modules"
COLD = f"{PARENT}assert 'forked_kernels.server' not in server"
IMPORTS = "import numpy"


@pytest.fixture
def nbval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run notebooks of one cell or more each; give the exit code and what is said."""

    def run(*notebooks: tuple[str, ...], options: tuple[str, ...] = ()):
        for number, cells in enumerate(notebooks):
            toys.write(tmp_path / f"{number}.ipynb", *map(toys.code, cells))
        call = "-m pytest -p forked_kernels.nbval --nbval-lax -p no:cacheprovider"
        answer = subprocess.run(
            [sys.executable, *call.split(), "--rootdir", str(tmp_path), *options, "."],
            cwd=tmp_path,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return answer.returncode, answer.stdout + answer.stderr

    return run


def test_notebooks_run_warm(nbval, tmp_path: Path) -> None:
    """Each in a fresh process; the one they were forked from ends with the session."""
    note = "Path('pid').write_text(str(os.getppid())); left = 1"
    code, said = nbval(
        (WARM, IMPORTS, note), (WARM, IMPORTS, "assert 'left' not in globals()")
    )

    assert code == 0, said
    assert "6 passed" in said
    assert "cold" not in said
    server = Path(f"/proc/{(tmp_path / 'pid').read_text()}")
    deadline = time.monotonic() + 5
    while server.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not server.exists()


def test_a_failing_cell_fails(nbval) -> None:
    """As it does in a cold kernel."""
    code, said = nbval((WARM, IMPORTS, "1 / 0"))

    assert code == 1
    assert "ZeroDivisionError" in said


def test_a_notebook_that_has_to_start_cold_says_why(nbval, tmp_path: Path) -> None:
    """And runs."""
    (tmp_path / "conftest.py").write_text(
        "import os\n"
        "def pytest_runtest_setup(item):\n"
        "    os.environ['OMP_NUM_THREADS'] = '1'\n"
    )
    code, said = nbval((COLD, IMPORTS))

    assert code == 0, said
    assert "cold: the environment variable OMP_NUM_THREADS was changed" in said


def test_nothing_starts_where_nothing_runs(nbval, tmp_path: Path) -> None:
    """Who only lists the cells does not wait for imports."""
    (tmp_path / "preloaded.py").write_text("")
    code, said = nbval((WARM, IMPORTS), options=("--collect-only",))

    assert code == 0
    assert "2 tests collected" in said
