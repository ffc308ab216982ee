"""How a training job starts quickly."""

import subprocess
import sys

import pytest

LOAD = """
import sys
from sagemaker_xgboost.container.engine import load_engine
engine = load_engine()
assert engine.__name__ == "xgboost"
assert engine.config_context and engine.DMatrix and engine.train
"""


def run(*lines):
    """Run these lines in an interpreter that has imported nothing else."""
    script = LOAD + "\n".join(lines)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    "name",
    [
        "sklearn",
        "pandas",
        "scipy.special",
        "xgboost.sklearn",
        "numpy.f2py.crackfortran",
        "numpy.testing._private",
        "numpy.ma.core",
    ],
)
def test_xgboost_is_loaded_without_what_no_job_needs(name):
    """Neither estimators nor what numpy brings for Fortran and for tests."""
    run(f"assert {name!r} not in sys.modules")


def test_what_is_left_out_can_be_imported_later():
    """A job's own metrics need scikit-learn, and that needs the rest."""
    run(
        "import sklearn.metrics, scipy.special, numpy.testing, numpy.f2py",
        "assert scipy.special.expit(0) == 0.5",
        "numpy.testing.assert_equal(1, 1)",
        "assert numpy.f2py.run_main",
    )


def test_other_threads_import_as_ever():
    """What one thread leaves out is there for the others."""
    run(
        "from threading import Thread",
        "from sagemaker_xgboost.container.engine import AbsentModules, asked_first",
        "def load(): import scipy.special",
        "with asked_first(AbsentModules(('scipy.special',))):",
        "    thread = Thread(target=load)",
        "    thread.start()",
        "    thread.join()",
        "assert 'scipy.special' in sys.modules",
    )
